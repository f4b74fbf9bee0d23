"""The reference's networks have what ``soc-rules.md §3`` and §7.1 ask for."""

import pytest
from reference.generator import solvable
from reference.tape import network

from garrison.worlds.soc.tables import hosts, routes, scenarios
from garrison.worlds.soc.tables.hosts import NO_HOST, Os, Port, Role, Scope, Weakness, Zone, bits
from garrison.worlds.soc.tables.scenarios import Scenario

CASES = [("small", "easy"), ("small", "medium"), ("50", "hard"), ("100", "hard")]
SEEDS = range(12)


def hosts_of(net, role=None, zone=None):
    return [
        h
        for h, there in enumerate(net["exists"])
        if there and role in (None, net["role"][h]) and zone in (None, net["zone"][h])
    ]


@pytest.fixture(scope="module", params=Scenario, ids=lambda s: s.name.lower())
def networks(request):
    made = [
        (size, preset, network(seed, request.param, preset, size)) for size, preset in CASES for seed in SEEDS
    ]
    return request.param, made


def test_live_numbers(networks):
    """§3.1, §7.4: easy 10-14, medium 10-29, then exactly 50 and 100."""
    for size, preset, net in networks[1]:
        low, high = {
            "easy": (10, 14),
            "medium": (10, 29),
            "hard": (int(size) if size != "small" else 0,) * 2,
        }[preset]
        assert low <= sum(net["exists"]) <= high


def test_roles_that_every_network_has(networks):
    """§3.1, §3.2: one DC per zone in charge, two admin workstations, a database, a backup, a web host."""
    for _, _, net in networks[1]:
        for zone in (Zone.CORPORATE, Zone.SECURE):
            assert len(hosts_of(net, Role.DOMAIN_CONTROLLER, zone)) == 1
        assert len(hosts_of(net, Role.ADMIN_WORKSTATION, Zone.CORPORATE)) == 2
        assert hosts_of(net, Role.DATABASE, Zone.SECURE)
        assert len(hosts_of(net, Role.BACKUP)) == 1
        assert hosts_of(net, Role.WEB, Zone.DMZ)
        assert bool(hosts_of(net, zone=Zone.OT)) == bool(hosts_of(net, Role.ENGINEERING_WORKSTATION))


def test_scenarios_have_their_plant(networks):
    """§3.1: scenarios that need OT have at least two OT hosts; only iot_grid puts IoT devices there."""
    scenario, made = networks
    for _, _, net in made:
        ot = hosts_of(net, zone=Zone.OT)
        if scenarios.SCENARIOS[scenario].needs_ot:
            assert len(ot) >= 2
        kinds = {net["role"][h] for h in ot}
        assert kinds <= ({Role.PLC, Role.IOT} if scenario == Scenario.IOT_GRID else {Role.PLC})


def test_entry_and_identity(networks):
    """§3.7 (a), (b)."""
    for _, _, net in networks[1]:
        assert any(net["weak"][h] >> Weakness.CVE_2021_44228 & 1 for h in hosts_of(net, Role.WEB, Zone.DMZ))
        desks = hosts_of(net, Role.WORKSTATION, Zone.CORPORATE)
        assert sum(net["os"][h] == Os.WINDOWS_10 and net["phishability"][h] >= 300 for h in desks) >= 2
        outside = [h for h in hosts_of(net) if net["zone"][h] != Zone.SECURE]
        assert sum(net["home"][h] >> Scope.SECURE_ADMIN & 1 for h in outside) >= 2
        if hosts_of(net, zone=Zone.OT):
            outside = [h for h in hosts_of(net) if net["zone"][h] != Zone.OT]
            assert any(net["home"][h] >> Scope.OT_OPERATOR & 1 for h in outside)


def test_weights_data_and_weaknesses(networks):
    """§3.2: weights floor to at most 1000, 12 data units evenly, at most two weaknesses."""
    for _, _, net in networks[1]:
        assert 1000 - len(net["zone"]) < sum(net["weight"]) <= 1000
        data = [net["data"][h] for h in hosts_of(net, Role.DATABASE, Zone.SECURE)]
        assert sum(data) == sum(net["data"]) == 12
        assert max(data) - min(data) <= 1
        for h in hosts_of(net):
            fits = int(hosts.WEAK_FITS[net["role"][h], net["os"][h]])
            assert net["weak"][h] & ~fits == 0
            assert net["weak"][h].bit_count() <= 2


def test_peers_are_servers_that_can_be_reached(networks):
    """§3.2: a server of its own or a permitted zone."""
    for _, _, net in networks[1]:
        for h in hosts_of(net):
            peer = net["peer"][h]
            if net["zone"][h] == Zone.OT:
                assert peer == NO_HOST
            else:
                assert peer != h
                assert hosts.IS_SERVER[net["role"][peer]]
                assert routes.ALLOW[0, 0, net["zone"][h], net["zone"][peer]]


def test_footholds(networks):
    """§7.1."""
    scenario, made = networks
    for _, _, net in made:
        feet = [h for h in hosts_of(net) if net["priv"][h]]
        assert len(feet) == scenarios.SCENARIOS[scenario].footholds
        assert [net["implant"][h] for h in feet] == [scenario == Scenario.APT_ESPIONAGE] * len(feet)
        assert all(
            {
                Scenario.RANSOMWARE: net["zone"][h] == Zone.CORPORATE and net["role"][h] == Role.WORKSTATION,
                Scenario.APT_ESPIONAGE: net["zone"][h] == Zone.CORPORATE,
                Scenario.IOT_GRID: net["zone"][h] == Zone.GUEST and net["role"][h] == Role.IOT,
                Scenario.OT_STUXNET: net["role"][h] in (Role.ENGINEERING_WORKSTATION, Role.ADMIN_WORKSTATION),
            }[scenario]
            for h in feet
        )


def test_red_can_win_in_every_network(networks):
    """§3.7."""
    scenario, made = networks
    assert all(solvable(net, scenario) for _, _, net in made)


def test_spare_slots_are_drawn_beforehand():
    """§3.1: a BYOD device may arrive in the last slots of guest."""
    net = network(0, Scenario.RANSOMWARE)
    spare = [h for h, s in enumerate(net["spare"]) if s]
    assert [net["zone"][h] for h in spare] == [Zone.GUEST] * 2
    for h in spare:
        assert not net["exists"][h]
        assert not net["weight"][h]
        assert net["ports"][h] in (bits(Port.RDP), bits(Port.SSH))


BROKEN = {
    "no data": (Scenario.APT_ESPIONAGE, lambda net: net.update(data=[0] * 32)),
    "data of others": (
        Scenario.APT_ESPIONAGE,
        lambda net: net.update(data=[12 * (z == Zone.OT) for z in net["zone"]]),
    ),
    "no servers": (
        Scenario.RANSOMWARE,
        lambda net: net.update(
            exists=[e and not hosts.IS_SERVER[r] for e, r in zip(net["exists"], net["role"], strict=True)]
        ),
    ),
    "no plc": (
        Scenario.OT_STUXNET,
        lambda net: net.update(
            exists=[e and z != Zone.OT for e, z in zip(net["exists"], net["zone"], strict=True)]
        ),
    ),
    "plc without weakness or operators": (
        Scenario.OT_STUXNET,
        lambda net: net.update(
            weak=[0 if z == Zone.OT else w for w, z in zip(net["weak"], net["zone"], strict=True)],
            home=[0] * 32,
        ),
    ),
    "nobody can be phished, nothing is weak, nothing is held": (
        Scenario.CLOUD_HYBRID,
        lambda net: net.update(weak=[0] * 32, phishability=[0] * 32),
    ),
    "an open door, but no scope of secure and no weakness in it": (
        Scenario.CLOUD_HYBRID,
        lambda net: net.update(
            weak=[0] * 32,
            phishability=[
                0 if z == Zone.SECURE else p for p, z in zip(net["phishability"], net["zone"], strict=True)
            ],
            home=[h & ~bits(Scope.SECURE_ADMIN) for h in net["home"]],
        ),
    ),
    "controllers that nothing takes": (
        Scenario.IOT_GRID,
        lambda net: net.update(
            home=[0] * 32,
            weak=[
                0 if r == Role.DOMAIN_CONTROLLER else w for w, r in zip(net["weak"], net["role"], strict=True)
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_networks_are_found(name):
    """§3.7: false for networks made by hand in which red cannot win."""
    scenario, breaks = BROKEN[name]
    net = network(3, scenario)
    assert solvable(net, scenario)
    breaks(net)
    assert not solvable(net, scenario)
