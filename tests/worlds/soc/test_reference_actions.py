"""Actions of the reference interpreter, rule by rule (``soc-rules.md §3.3, §3.4, §4``)."""

import pytest
from reference import access, blue, goals, kernel, red
from reference.play import RED, begin, first, own, picture, play, quiet, run_to, types, until
from reference.tape import constant
from reference.world import permille

from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue, Decoy, Verdict
from garrison.worlds.soc.tables.hosts import (
    NO_HOST,
    Os,
    Port,
    Privilege,
    Role,
    Scope,
    Service,
    Status,
    Weakness,
    Zone,
    bits,
)
from garrison.worlds.soc.tables.red import ROWS, Red
from garrison.worlds.soc.tables.scenarios import Scenario, Variable
from garrison.worlds.soc.tables.tokens import Token

ROOT, USER = Privilege.ROOT, Privilege.USER
S, F, B, G, C = Outcome.SUCCESS, Outcome.FAILED, Outcome.BLOCKED, Outcome.GONE, Outcome.CAUGHT


@pytest.fixture
def world():
    return quiet()


def weak(world, h, weakness, os=None, services=0):
    """Make a host have one weakness, and red know it."""
    world.net["weak"][h] = 1 << weakness
    if os is not None:
        world.net["os"][h] = int(os)
    world.net["services"][h] |= services
    world.net["ports"][h] |= services & 511
    world.net["cvss10"][h] = 98
    world.hosts[h]["decoy"] = 0
    return picture(world, h)


def ready(world, kind):
    """A state in which an action is legal and can succeed; returns its target."""
    desk = first(world, Role.WORKSTATION, Zone.CORPORATE)
    own(world, first(world, Role.ADMIN_WORKSTATION), ROOT)
    match kind:
        case Red.EXPLOIT_REMOTE_SERVICE | Red.EXPLOIT_ETERNAL_BLUE:
            return weak(world, desk, Weakness.MS17_010, Os.WINDOWS_10, bits(Service.SMB))
        case Red.EXPLOIT_BLUE_KEEP:
            return weak(world, desk, Weakness.CVE_2019_0708, Os.WINDOWS_10, bits(Service.RDP))
        case Red.EXPLOIT_HTTP_RFI:
            return weak(world, first(world, Role.WEB), Weakness.CVE_2021_44228)
        case Red.JUICY_POTATO:
            world.net["os"][desk] = int(Os.SERVER_2016)
            world.net["services"][desk] |= bits(Service.IIS)
            return own(world, desk)
        case Red.V4L2:
            world.hosts[own(world, desk)]["priv"] = USER
            return weak(world, desk, Weakness.V4L2, Os.UBUNTU)
        case Red.PRIVILEGE_ESCALATE:
            return own(world, desk)
        case Red.PASS_THE_TICKET:
            world.reds[0]["tokens"] = {Scope.CORP_ADMIN: (0, 10**9)}
            world.reds[0]["known"].add(desk)
            return desk
        case Red.PASS_THE_HASH:
            own(world, first(world, Role.DOMAIN_CONTROLLER, Zone.CORPORATE), ROOT)
            world.net["os"][picture(world, desk)] = int(Os.WINDOWS_10)
            return desk
        case Red.EXFILTRATE_DATA:
            return own(world, next(h for h, host in enumerate(world.hosts) if host["data"]))
        case Red.OVERLOAD_PLC:
            return own(world, first(world, Role.PLC), ROOT)
        case Red.NETWORK_SCAN | Red.DISCOVER_REMOTE_SYSTEMS:
            return int(Zone.CORPORATE)
        case Red.SPEAR_PHISHING:
            world.reds[0]["known"].add(desk)
            return desk
        case Red.DISCOVER_NETWORK_SERVICES | Red.IP_FRAGMENTATION:
            return picture(world, first(world, Role.WEB))
        case Red.SHARE_INTELLIGENCE | Red.WAIT | Red.LIE_LOW:
            return NO_HOST
        case _:  # what needs Root
            return own(world, desk, ROOT)


def prepared(kind):
    world = quiet(Scenario.OT_STUXNET)
    return world, ready(world, kind)


# ---------------------------------------------------------------- success chances (§4.2)

#: chance of each row in thousandths; R1: 550 x 98 / 100
CHANCES = {1: 539, 2: 700, 4: 580, 5: 720, 6: 650, 7: 900, 8: 800, 9: 900, 10: 900, 11: 950, 12: 950, 13: 900}
CHANCES |= {14: 900, 18: 700, 19: 950}


@pytest.mark.parametrize("kind", CHANCES)
def test_success_is_drawn_below_the_chance(kind):
    """§1: "with chance p" means floor(1000 u) < p."""
    for value, outcome in (((CHANCES[kind] - 0.5) / 1000, S), (CHANCES[kind] / 1000 + 1e-6, F)):
        world, target = prepared(kind)
        assert play(world, RED, kind, target, chance=value) == outcome


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.chance == 1000])
def test_what_is_not_drawn_succeeds(kind):
    world, target = prepared(kind)
    assert play(world, RED, kind, target, chance=0.9999) == S


@pytest.mark.parametrize("kind", [1, 2, 4, 5, 6, 7, 8, 11, 13])
def test_live_edr_takes_a_fifth_of_the_chance_and_may_alert(kind):
    """§4.4: "success chance x 800 / 1000; edr_alert with chance 600 whatever the outcome"."""
    chance = CHANCES[kind] * 800 // 1000
    for value, outcome in (((chance - 0.5) / 1000, S), (chance / 1000 + 1e-6, F)):
        for alert, expected in ((0.599, True), (0.6001, False)):
            world, target = prepared(kind)
            world.hosts[target]["edr"] = True
            assert play(world, RED, kind, target, chance=value, host=[alert] * 32) == outcome
            assert (Token.EDR_ALERT in types(world)) == expected


def test_killed_edr_does_nothing():
    world, target = prepared(Red.PRIVILEGE_ESCALATE)
    world.hosts[target] |= {"edr": True, "sensor_killed": True}
    assert play(world, RED, Red.PRIVILEGE_ESCALATE, target, chance=0.69, host=[0.0] * 32) == S
    assert Token.EDR_ALERT not in types(world)


@pytest.mark.parametrize(
    ("phishability", "u", "outcome"), [(0, 0.0, G), (1, 0.0195, S), (1000, 0.981, F), (300, 0.3, F)]
)
def test_phishing_succeeds_by_phishability_within_bounds(phishability, u, outcome):
    """§4.2: below 1000 clamped to 20-980; 0 is not phishable at all."""
    world, target = prepared(Red.SPEAR_PHISHING)
    world.hosts[target]["phishability"] = phishability
    assert play(world, RED, Red.SPEAR_PHISHING, target, chance=u) == outcome
    assert world.hosts[target]["implant"] == (outcome == S)


# ---------------------------------------------------------------- routes and the gate (§3.3, §3.4)


def test_the_source_is_of_the_own_zone_then_privilege_then_slot_then_the_internet(world):
    """§3.3."""
    web = picture(world, first(world, Role.WEB))
    source = lambda: access.sources(world, 0, Zone.DMZ, 1 << Port.HTTP)  # noqa: E731
    desks = [first(world, Role.WORKSTATION, Zone.CORPORATE, rank) for rank in range(2)]
    for h in range(len(world.hosts)):
        world.hosts[h]["priv"] = 0
    assert source() == [NO_HOST]
    own(world, desks[0])
    own(world, desks[1], ROOT)
    assert source() == [desks[1], desks[0], NO_HOST]
    neighbor = own(world, first(world, Role.APP, Zone.DMZ))
    assert source() == [neighbor, desks[1], desks[0], NO_HOST]
    world.hosts[desks[1]]["status"] = Status.PANIC  # dormant
    world.levels[Zone.DMZ] = 2
    assert source() == [desks[0], NO_HOST]  # red does not see levels
    assert red.source_of(world, RED, Red.DISCOVER_NETWORK_SERVICES, web) == desks[0]


@pytest.mark.parametrize(
    ("level", "fragmented", "outcome"), [(0, False, S), (1, False, B), (1, True, S), (2, True, B)]
)
def test_levels_block_and_fragmentation_passes_strict(level, fragmented, outcome):
    """§4.2, R18: "strict counts as normal for it"; corporate is entered from dmz by smb at normal only."""
    world = quiet()
    desk = weak(world, first(world, Role.WORKSTATION, Zone.CORPORATE), Weakness.MS17_010, Os.WINDOWS_10)
    for host in world.hosts:
        host["priv"] = 0
    own(world, first(world, Role.WEB))
    begin(world, RED, Red.EXPLOIT_ETERNAL_BLUE, desk)
    world.levels[Zone.CORPORATE] = level
    world.hosts[desk]["frag_until"] = 10**9 * fragmented
    assert until(world, RED, chance=0.0) == outcome
    assert world.reds[0]["tried"] == {(Zone.CORPORATE, Port.SMB): 2 if outcome == B else 1}


def test_fragmentation_lasts_two_minutes(world):
    web = picture(world, first(world, Role.WEB))
    done = begin(world, RED, Red.IP_FRAGMENTATION, web)
    until(world, RED, chance=0.0)
    assert world.hosts[web]["frag_until"] == done + 120_000


def test_the_gate_of_ot():
    """§3.4: "a valid ot_operator or a usable session on an engineering workstation"."""
    world = quiet(Scenario.OT_STUXNET)
    for host in world.hosts:
        host["priv"] = 0
    opens = lambda: access.gate_open(world, 0, Zone.SECURE, Zone.OT, truth=True)  # noqa: E731
    assert not opens()
    desk = own(world, first(world, Role.ENGINEERING_WORKSTATION))
    assert opens()
    world.hosts[desk]["status"] = Status.ISOLATED
    assert not opens()
    world.reds[0]["tokens"] = {Scope.OT_OPERATOR: (0, 5_000)}
    assert opens()
    world.time = 5_000
    assert not opens()
    assert access.gate_open(world, 0, Zone.OT, Zone.OT, truth=True)


def test_guests_enter_ot_in_iot_grid_alone():
    for scenario, expected in ((Scenario.IOT_GRID, True), (Scenario.OT_STUXNET, False)):
        world = quiet(scenario)
        for host in world.hosts:
            host["priv"] = 0
        assert access.gate_open(world, 0, Zone.GUEST, Zone.OT, truth=True) == expected
        assert bool(access.open_ports(world, Zone.GUEST, Zone.OT, 0)) == expected


# ---------------------------------------------------------------- exploits (§4.4)


def test_r1_uses_the_lowest_weakness_with_a_permitted_port(world):
    """§3.2: "R1 uses the lowest weakness number with a permitted port"; from dmz corporate has no rdp."""
    desk = first(world, Role.WORKSTATION, Zone.CORPORATE)
    weak(world, desk, Weakness.CVE_2019_0708, Os.WINDOWS_10, bits(Service.RDP, Service.SMB))
    world.reds[0]["scan"][desk] = (bits(Port.RDP, Port.SMB), bits(Weakness.MS17_010, Weakness.CVE_2019_0708))
    for host in world.hosts:
        host["priv"] = 0
    own(world, first(world, Role.WEB))
    assert red.port_used(world, 0, Red.EXPLOIT_REMOTE_SERVICE, desk) == Port.SMB
    assert play(world.copy(), RED, Red.EXPLOIT_REMOTE_SERVICE, desk, chance=0.0) == F  # it lacks MS17-010
    own(world, first(world, Role.ADMIN_WORKSTATION))
    world.reds[0]["scan"][desk] = (bits(Port.RDP), bits(Weakness.CVE_2019_0708))
    assert play(world, RED, Red.EXPLOIT_REMOTE_SERVICE, desk, chance=0.0) == S


def test_the_zero_day_costs_funds():
    """§3.2: "costs red 1,000 funds per use"."""
    world = quiet(Scenario.OT_STUXNET)
    plc = weak(world, first(world, Role.PLC), Weakness.S7_ZERO_DAY)
    own(world, first(world, Role.ENGINEERING_WORKSTATION))
    poor = world.copy()
    poor.funds[1] = 1_000 * 2_000 - 1
    assert not kernel.legal(poor, RED, Red.EXPLOIT_REMOTE_SERVICE, plc)
    acc = goals.account()
    kernel.start(world, RED, Red.EXPLOIT_REMOTE_SERVICE, plc, 0.5, (0.0, 0.0), acc)
    assert acc["red_funds"] == 1_000
    assert world.funds[1] == 4_000 * 2_000
    assert until(world, RED, chance=0.0) == S


DECOYS = [
    (Decoy.GENERIC, Red.EXPLOIT_HTTP_RFI, 400),
    (Decoy.GENERIC, Red.EXPLOIT_BLUE_KEEP, 400),
    (Decoy.APACHE, Red.EXPLOIT_HTTP_RFI, 750),
    (Decoy.TOMCAT, Red.EXPLOIT_HTTP_RFI, 0),  # the web host of the test serves http
    (Decoy.APACHE, Red.EXPLOIT_BLUE_KEEP, 0),
    (Decoy.SSHD, Red.EXPLOIT_ETERNAL_BLUE, 0),
]


@pytest.mark.parametrize(("decoy", "kind", "chance"), DECOYS)
def test_decoys_catch_exploits_of_their_port_class(decoy, kind, chance):
    for u in (0.0, chance / 1000 - 1e-6, chance / 1000 + 1e-6):
        world, target = prepared(kind)
        if kind == Red.EXPLOIT_HTTP_RFI:
            world.net["ports"][target] = bits(Port.HTTP)
            picture(world, target)
        world.hosts[target]["decoy"] = decoy
        caught = 0 <= u < chance / 1000
        assert play(world, RED, kind, target, chance=0.0, ot=[u, 0.5, 0.5]) == (C if caught else S)
        assert (Token.DECOY_TOUCH in types(world)) == caught
        assert (world.hosts[target]["priv"] == USER) == (not caught)


def test_a_scan_shows_the_decoy(world):
    """§4.4: "picture contains the decoy's port and a fitting weakness"."""
    backup = own(world, first(world, Role.WEB))
    world.hosts[backup]["decoy"] = Decoy.TOMCAT
    red.scan(world, 0, backup)
    ports, weakness = world.reds[0]["scan"][backup]
    assert ports >> Port.TOMCAT & 1
    assert weakness >> Weakness.CVE_2021_44228 & 1


def test_misinform_fools_two_scans(world):
    """§4.3: "the next two scans of the host return a false picture"; §4.4: FAILED, ids with chance 900."""
    web = weak(world, first(world, Role.WEB), Weakness.CVE_2021_44228)
    assert play(world, 0, Blue.MISINFORM, web) == S
    for false in (True, True, False):
        play(world, RED, Red.DISCOVER_NETWORK_SERVICES, web)
        assert (web in world.reds[0]["false"]) == false
    world.reds[0]["false"].add(web)
    for u, seen in ((0.8 * 0.9, True), (0.91, False)):
        copy = world.copy()
        # the internet is outside: 900 x 900 / 1000
        assert play(copy, RED, Red.EXPLOIT_HTTP_RFI, web, chance=0.0, token=[(0.9, 0), (0.9, 0), (u, 0)]) == F
        assert (Token.IDS in types(copy)) == seen
        assert web not in copy.reds[0]["scan"]


def test_a_failed_bluekeep_may_crash_the_host():
    """§4.2, R4: "on failure with chance 250 the host panics for 60 s"."""
    for kind in (Red.EXPLOIT_BLUE_KEEP, Red.EXPLOIT_ETERNAL_BLUE):
        for u, panics in ((0.249, True), (0.251, False)):
            world, target = prepared(kind)
            assert play(world, RED, kind, target, chance=0.99, pick=u) == F
            assert (world.hosts[target]["status"] == Status.PANIC) == panics
            assert (types(world)[-1:] == [Token.HOST_DOWN]) == panics
            run_to(world, world.time + 60_000)
            assert world.hosts[target]["status"] == Status.ONLINE


# ---------------------------------------------------------------- credentials (§3.4, §4.2)


def test_dumped_scopes_live_their_lifetime_and_lapse():
    """§3.4: 3,600 s, 1,800 s, 1,200 s, 1,200 s; what lapses together takes one event."""
    world, target = prepared(Red.DUMP_LSASS)
    world.hosts[target]["cached"] = bits(*Scope)
    assert play(world, RED, Red.DUMP_LSASS, target, chance=0.0) == S
    stolen = world.time
    lives = {s: (expiry - stolen) // 1000 for s, (_, expiry) in world.reds[0]["tokens"].items()}
    assert lives == {0: 3600, 1: 1800, 2: 1200, 3: 1200}
    run_to(world, stolen + 1_200_000)
    assert set(world.reds[0]["tokens"]) == {Scope.CORP_USER, Scope.CORP_ADMIN}


@pytest.mark.parametrize(("u", "taken"), [(0.699, True), (0.701, False)])
def test_honeytokens_are_taken_used_and_spent(u, taken):
    """§4.2, R8; §4.4: "CAUGHT; honeytoken_use naming the source host; the bit is spent"."""
    world, desk = prepared(Red.PASS_THE_TICKET)
    admin = first(world, Role.ADMIN_WORKSTATION)
    assert play(world, 1, Blue.HONEYTOKEN, admin) == S
    play(world, RED, Red.DUMP_LSASS, admin, chance=0.0, pick=u)
    assert world.reds[0]["honey"] == taken
    assert play(world, RED, Red.PASS_THE_TICKET, desk, chance=0.0) == (C if taken else S)
    if taken:
        entry = next(e for e in world.ring if e and e["what"] & 31 == Token.HONEYTOKEN_USE)
        assert entry["where"] == admin | desk << 8
        assert play(world, RED, Red.PASS_THE_TICKET, desk, chance=0.0) == S


def test_corp_user_opens_workstations_of_corporate_as_user():
    """§4.2, R9."""
    world, desk = prepared(Red.PASS_THE_TICKET)
    world.reds[0]["tokens"] = {Scope.CORP_USER: (0, 10**9)}
    file = first(world, Role.FILE, Zone.CORPORATE)
    world.reds[0]["known"].add(file)
    assert play(world, RED, Red.PASS_THE_TICKET, file, chance=0.0) == B
    assert play(world, RED, Red.PASS_THE_TICKET, desk, chance=0.0) == S
    assert world.hosts[desk]["priv"] == USER


def test_rotation_clears_and_logons_cache_again(world):
    """§3.4: "cached bits of the scope cleared everywhere ... logons cache again with the new epoch"."""
    desk = first(world, Role.WORKSTATION, Zone.CORPORATE)
    assert play(world, 1, Blue.ROTATE, Scope.CORP_USER) == S
    rotated = world.time
    assert not any(host["cached"] & 1 for host in world.hosts)
    assert world.scopes[Scope.CORP_USER] == {
        "epoch": 1,
        "rotated": rotated,
        "reauth_until": rotated + 150_000,
    }
    friction = goals.loss_rates(world)["friction"]
    zones = (Zone.CORPORATE, Zone.GUEST)
    assert friction == sum(host["weight"] for h, host in enumerate(world.hosts) if world.zone[h] in zones)
    world.clock[0] = world.time + 1
    users = [h for h, host in enumerate(world.hosts) if host["exists"] and host["home"]]
    u = (users.index(desk) + 0.5) / len(users)
    kernel.event(world, constant(32, pick=u), goals.account())
    assert world.hosts[desk]["cached"] == world.hosts[desk]["home"]
    run_to(world, rotated + 150_000)
    assert goals.loss_rates(world)["friction"] == 0


def test_pass_the_hash_needs_root_on_the_controller(world):
    """§4.2, R10: "Root on a DC, Windows target in the DC's zone"."""
    desk = picture(world, first(world, Role.WORKSTATION, Zone.CORPORATE))
    world.net["os"][desk] = int(Os.WINDOWS_10)
    world.hosts[desk]["priv"] = 0
    dc = own(world, first(world, Role.DOMAIN_CONTROLLER, Zone.CORPORATE), USER)
    assert not kernel.legal(world, RED, Red.PASS_THE_HASH, desk)
    own(world, dc, ROOT)
    linux = world.copy()
    linux.net = {**world.net, "os": [*world.net["os"]]}
    linux.net["os"][desk] = int(Os.UBUNTU)
    assert play(linux, RED, Red.PASS_THE_HASH, desk, chance=0.0) == G
    assert play(world, RED, Red.PASS_THE_HASH, desk, chance=0.0) == S
    assert world.hosts[desk]["priv"] == ROOT


# ---------------------------------------------------------------- effects of Root (§4.2)


@pytest.mark.parametrize(("u", "stopped"), [(0.599, True), (0.6001, False)])
def test_live_edr_stops_impact(u, stopped):
    """§4.2, R12: "live EDR stops it with chance 600 (and raises edr_alert)"."""
    world, target = prepared(Red.IMPACT)
    world.hosts[target]["edr"] = True
    assert play(world, RED, Red.IMPACT, target, chance=0.0, host=[u] * 32) == (F if stopped else S)
    assert world.hosts[target]["encrypted"] == (not stopped)
    assert (Token.EDR_ALERT in types(world)) == stopped


def test_an_encrypted_host_is_down_until_it_is_restored_from_backup():
    """§4.3: Restore leaves it encrypted; §4.5: its sessions stay."""
    world, target = prepared(Red.IMPACT)
    agent = 1
    assert play(world, RED, Red.IMPACT, target, chance=0.0) == S
    assert goals.loss_rates(world)["encrypted"] == 20 * world.hosts[target]["weight"]
    assert red.usable(world, 0, target, ROOT)
    assert play(world, agent, Blue.RESTORE, target) == S
    assert world.hosts[target]["encrypted"]
    backup = first(world, Role.BACKUP)
    own(world, backup)
    begin(world, agent, Blue.RESTORE_FROM_BACKUP, target)
    assert until(world, agent) == B
    assert world.hosts[target]["encrypted"]
    assert world.hosts[target]["status"] == Status.ONLINE
    begin(world, agent, Blue.RESTORE_FROM_BACKUP, target)
    world.hosts[backup]["priv"] = 0  # clean at completion
    assert until(world, agent) == S
    assert not world.hosts[target]["encrypted"]


def test_a_killed_sensor_is_blind_until_it_is_found():
    """§4.2, R13; §4.3, Analyse and DeployEDR."""
    world, target = prepared(Red.KILL_PROCESS)
    world.hosts[target]["edr"] = True
    run_to(world, 5_000)
    assert world.hosts[target]["heartbeat"] == 1
    begin(world, RED, Red.KILL_PROCESS, target)
    assert until(world, RED, chance=0.0) == S
    assert types(world)[-2:] == [Token.SVC_CHANGE, Token.EDR_ALERT]  # seen before it is dead
    beat = world.hosts[target]["heartbeat"]
    world.hosts[target]["priv"] = USER
    assert play(world, RED, Red.PRIVILEGE_ESCALATE, target, chance=0.0, token=[(0, 0)] * 3) == S
    assert Token.PRIV_ASSIGN not in types(world)
    assert world.hosts[target]["heartbeat"] == beat
    assert not kernel.legal(world, 1, Blue.DEPLOY_EDR, target)  # blue believes that it lives
    assert play(world, 1, Blue.ANALYSE, target) == S
    assert play(world, 1, Blue.DEPLOY_EDR, target) == S
    assert blue.live_edr(world, target)


def test_each_unit_is_exfiltrated_once():
    """§4.2, R14."""
    world, target = prepared(Red.EXFILTRATE_DATA)
    world.hosts[target]["data"] = 2
    acc = goals.account()
    for taken in (1, 2):
        begin(world, RED, Red.EXFILTRATE_DATA, target)
        assert until(world, RED, acc, chance=0.0) == S
        assert (world.loot, world.hosts[target]["taken"], acc["units"]) == (taken,) * 3
    assert not kernel.legal(world, RED, Red.EXFILTRATE_DATA, target)


def test_strict_secure_has_no_egress():
    """§3.3: egress by the source's level."""
    world, target = prepared(Red.EXFILTRATE_DATA)
    begin(world, RED, Red.EXFILTRATE_DATA, target)
    world.levels[Zone.SECURE] = 1
    assert until(world, RED, chance=0.0) == B


def test_losing_the_last_session_leaves_what_c2_knows():
    """§4.2: "knowledge, scans and tokens fall back to C2's copy (R17) plus that"."""
    world = quiet()
    foothold = next(h for h, host in enumerate(world.hosts) if host["priv"])
    info = world.reds[0]
    shared, later = (first(world, zone=Zone.SECURE, rank=rank) for rank in range(2))
    picture(world, shared)
    info["tokens"] = {Scope.CORP_USER: (0, 10**9), Scope.CORP_ADMIN: (0, 30_000)}
    assert play(world, RED, Red.SHARE_INTELLIGENCE) == S
    picture(world, later)
    info["tokens"][Scope.OT_OPERATOR] = (0, 10**9)
    run_to(world, 40_000)
    assert play(world, 1, Blue.REMOVE, foothold) == S
    dmz = {h for h in range(32) if world.zone[h] == Zone.DMZ and world.hosts[h]["exists"]}
    assert info["known"] == dmz | {foothold, shared}
    assert set(info["scan"]) == {shared}
    assert set(info["tokens"]) == {Scope.CORP_USER}


def test_an_overloaded_plant_becomes_critical_unless_it_is_restored():
    """§3.6: low flow is critical about 160 s after the write; Restore of a PLC takes 45 s."""
    world, plc = prepared(Red.OVERLOAD_PLC)
    assert play(world, RED, Red.OVERLOAD_PLC, plc, chance=0.0) == S
    written = world.time
    assert world.plant_setpoint[Variable.FLOW] == 3_000
    lost = world.copy()
    run_to(lost, written + 400_000)
    assert lost.terminated
    assert 100_000 < lost.time - written < 200_000
    assert Token.OT_ALARM in types(lost)
    run_to(world, written + 60_000)
    assert play(world, 2, Blue.RESTORE, plc) == S
    assert world.plant_setpoint == world.net["plant_nominal"]
    run_to(world, written + 400_000)
    assert not world.terminated


# ---------------------------------------------------------------- blue (§4.3)


@pytest.mark.parametrize(
    ("privilege", "edr", "killed", "chance"),
    [
        (0, 0, 0, 20),
        (1, 0, 0, 450),
        (2, 0, 0, 650),
        (1, 1, 0, 700),
        (2, 1, 1, 350),
        (1, 0, 1, 150),
        (0, 1, 0, 20),
    ],
)
def test_monitor(world, privilege, edr, killed, chance):
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    world.hosts[h] |= {"priv": privilege, "edr": bool(edr), "sensor_killed": bool(killed)}
    for u in ((chance - 0.5) / 1000, (chance + 0.5) / 1000):
        copy = world.copy()
        assert play(copy, 1, Blue.MONITOR, Zone.CORPORATE, host=[u] * 32) == S
        assert (copy.hosts[h]["verdict"] == Verdict.SUSPECT) == (permille(u) < chance)


@pytest.mark.parametrize(
    ("privilege", "edr", "chance", "verdict"),
    [(0, 0, 10, 3), (1, 0, 600, 3), (2, 0, 800, 4), (1, 1, 950, 3), (2, 1, 950, 4), (0, 1, 10, 3)],
)
def test_analyse(world, privilege, edr, chance, verdict):
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    world.hosts[h] |= {"priv": privilege, "edr": bool(edr)}
    for u, expected in (((chance - 0.5) / 1000, verdict), ((chance + 0.5) / 1000, Verdict.CLEAN)):
        copy = world.copy()
        assert play(copy, 1, Blue.ANALYSE, h, chance=u) == S
        assert copy.hosts[h]["verdict"] == expected
        assert copy.hosts[h]["verdict_time"] == copy.time
    world.hosts[h]["encrypted"] = True
    play(world, 1, Blue.ANALYSE, h, chance=0.999)
    assert world.hosts[h]["verdict"] == Verdict.ENCRYPTED


def test_remove_ends_user_sessions_and_reports_root(world):
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    own(world, h, ROOT)
    world.hosts[h]["implant"] = True
    assert play(world, 1, Blue.REMOVE, h) == F
    assert world.hosts[h]["priv"] == ROOT
    own(world, h)
    world.hosts[h]["priv"] = USER
    assert play(world, 1, Blue.REMOVE, h) == S
    assert (world.hosts[h]["priv"], world.hosts[h]["implant"]) == (0, False)


def test_restore_makes_the_machine_new_and_keeps_edr(world):
    """§4.3, 3."""
    h = own(world, first(world, Role.WORKSTATION, Zone.CORPORATE), ROOT)
    damage = {
        "implant": True,
        "sensor_killed": True,
        "decoy": 1,
        "honeytoken": True,
        "false_scans": 2,
        "edr": True,
    }
    world.hosts[h] |= damage | {"cached": 0}
    assert play(world, 1, Blue.RESTORE, h) == S
    after = world.hosts[h]
    assert {name: after[name] for name in damage} == {
        "implant": False,
        "sensor_killed": False,
        "decoy": 0,
        "honeytoken": False,
        "false_scans": 0,
        "edr": True,
    }
    assert (after["priv"], after["cached"], after["verdict"]) == (0, after["home"], Verdict.RESTORED)


def test_isolated_sessions_are_dormant_and_come_back(world):
    """§4.3: "sessions stay, dormant"; "dormant sessions live again"."""
    h = own(world, first(world, Role.WORKSTATION, Zone.CORPORATE), ROOT)
    assert play(world, 1, Blue.ISOLATE, h) == S
    assert not kernel.legal(world, RED, Red.DUMP_LSASS, h)
    assert goals.loss_rates(world)["ownership"] >= 4 * world.hosts[h]["weight"]
    assert goals.loss_rates(world)["down"] == 20 * world.hosts[h]["weight"]
    assert play(world, 1, Blue.RECONNECT, h) == S
    assert kernel.legal(world, RED, Red.DUMP_LSASS, h)


def test_awareness_stops_at_a_fifth(world):
    """§4.3, 9: x 800 / 1000, not below a fifth of the initial."""
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    initial = world.net["phishability"][h]
    assert play(world, 1, Blue.AWARENESS, Zone.CORPORATE) == S
    assert world.hosts[h]["phishability"] == initial * 800 // 1000
    world.hosts[h]["phishability"] = initial // 5
    world.agents[1]["energy"] = 50 * 20_000
    assert play(world, 1, Blue.AWARENESS, Zone.CORPORATE) == S
    assert world.hosts[h]["phishability"] == initial // 5


def test_compute_is_taken_while_deployed(world):
    """§4.1: capacity; a replaced decoy frees its own; asked again at the completion."""
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    for host in world.hosts[4:]:
        host["edr"] = False
    base = blue.compute_used(world)
    play(world, 1, Blue.DEPLOY_EDR, h)
    play(world, 1, Blue.DECOY_SSHD, h)
    play(world, 1, Blue.HONEYTOKEN, h)
    assert blue.compute_used(world) - base == 75
    for other in world.hosts:
        other["edr"] = True
    used = blue.compute_used(world)  # 32 x 40 is above the capacity
    assert used > 1_000
    assert not kernel.legal(world, 1, Blue.DECOY_TOMCAT, first(world, Role.ADMIN_WORKSTATION))
    for other in world.hosts[:10]:
        other["edr"] = False
    free = 1_000 - blue.compute_used(world)
    assert kernel.legal(world, 1, Blue.DECOY_TOMCAT, first(world, Role.ADMIN_WORKSTATION)) == (free >= 25)


def test_unmanaged_devices_take_three_actions(world):
    """§4.3: "BYOD is unmanaged: only Isolate, Reconnect and Remove are legal on it"."""
    spare = world.net["spare"].index(True)
    world.hosts[spare] |= {"exists": True, "role": Role.BYOD}
    kinds = {
        kind
        for kind, target in kernel.legal_actions(world, 1)
        if target == spare and kind not in (5, 8, 9, 17, 18)
    }
    assert kinds == {Blue.ISOLATE, Blue.REMOVE}
    world.hosts[spare]["status"] = Status.ISOLATED
    kinds = {
        kind
        for kind, target in kernel.legal_actions(world, 1)
        if target == spare and kind not in (5, 8, 9, 17, 18)
    }
    assert kinds == {Blue.RECONNECT, Blue.REMOVE}


def test_blue_acts_on_its_own(world):
    for agent in range(3):
        for kind, target in kernel.legal_actions(world, agent):
            if kind == Blue.ISOLATE:
                assert [0, 1, 1, 2, 2][world.zone[target]] == agent
    assert {t for k, t in kernel.legal_actions(world, 2) if k == Blue.ROTATE} == {2, 3}
