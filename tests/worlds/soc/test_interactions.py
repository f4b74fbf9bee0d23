"""One test per row of ``soc-rules.md §4.4``, and ``§4.5``, on the kernel: how actions meet one another.

``test_time.py`` has the rows on isolation in flight and new addresses.
"""

import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import Sim

from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue, Decoy
from garrison.worlds.soc.tables.hosts import NO_HOST, Port, Privilege, Role, Scope, Status, Weakness, Zone
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import LOSS_DOWN
from garrison.worlds.soc.tables.tokens import Token

PORT_OF = {Red.EXPLOIT_BLUE_KEEP: Port.RDP, Red.EXPLOIT_HTTP_RFI: Port.HTTP}
WEAKNESS_OF = {
    Red.EXPLOIT_BLUE_KEEP: Weakness.CVE_2019_0708,
    Red.EXPLOIT_HTTP_RFI: Weakness.CVE_2021_44228,
}


def foothold(sim: Sim) -> int:
    return int(np.flatnonzero(sim.state.host_priv)[0])


def tokens(sim: Sim) -> list[tuple[int, int]]:
    """Type and host of the entries of the ring, in their order."""
    count = int(sim.state.ring_next)
    types, hosts = sim.state.ring_what & 31, sim.state.ring_where & 255
    return list(zip(types.tolist()[:count], hosts.tolist()[:count], strict=True))


def exploitable(kind: Red) -> tuple[Sim, int]:
    """A host of red's own zone, or of dmz, that an exploit is made for and that red has a picture of."""
    sim = Sim()
    zone = Zone.CORPORATE if kind == Red.EXPLOIT_BLUE_KEEP else Zone.DMZ
    target = next(h for h in sim.hosts(zone=zone) if h != foothold(sim))
    port, weak = T.bits(PORT_OF[kind]), T.bits(WEAKNESS_OF[kind])
    system = T.Os.WINDOWS_10 if kind == Red.EXPLOIT_BLUE_KEEP else T.Os.UBUNTU
    sim.fix(host_ports={target: port}, host_weak={target: weak}, host_os={target: system})
    sim.set(red_known={(0, target): True}, red_scan={(0, target): port | weak << T.NUM_PORTS}, host_decoy=0)
    return sim, target


@pytest.mark.parametrize(
    ("decoy", "kind", "chance"),
    [
        (Decoy.GENERIC, Red.EXPLOIT_BLUE_KEEP, 400),
        (Decoy.GENERIC, Red.EXPLOIT_HTTP_RFI, 400),
        (Decoy.APACHE, Red.EXPLOIT_HTTP_RFI, 750),
        (Decoy.APACHE, Red.EXPLOIT_BLUE_KEEP, 0),
        (Decoy.SSHD, Red.EXPLOIT_HTTP_RFI, 0),
        (Decoy.TOMCAT, Red.EXPLOIT_HTTP_RFI, 0),  # the host serves http
    ],
)
def test_a_decoy_catches_exploits_of_its_port_class(decoy, kind, chance):
    sim, target = exploitable(kind)
    sim.set(host_decoy={target: int(decoy)})
    start = sim.state
    for u in (0.0, chance / 1000 - 1e-4, chance / 1000 + 1e-4):
        sim.state = start
        sim.draw(ot=max(u, 0.0), token=0.95)  # others than decoy_touch are lost
        caught = 0 <= u < chance / 1000
        assert sim.complete(RED, kind, target) == (Outcome.CAUGHT if caught else Outcome.SUCCESS)
        assert ((Token.DECOY_TOUCH, target) in tokens(sim)) == caught
        assert int(sim.state.host_priv[target]) == (not caught)


def test_a_tomcat_decoy_catches_most():
    sim, target = exploitable(Red.EXPLOIT_HTTP_RFI)
    port, weak = T.bits(Port.TOMCAT), T.bits(Weakness.CVE_2021_44228)
    sim.fix(host_ports={target: port}).set(red_scan={(0, target): port | weak << T.NUM_PORTS})
    sim.set(host_decoy={target: int(Decoy.TOMCAT)})
    start = sim.state
    for u, outcome in ((0.8495, Outcome.CAUGHT), (0.8505, Outcome.SUCCESS)):
        sim.state = start
        sim.draw(ot=u)
        assert sim.complete(RED, Red.EXPLOIT_HTTP_RFI, target) == outcome


@pytest.mark.parametrize(
    ("decoy", "port", "weakness"),
    [
        (Decoy.APACHE, Port.HTTP, Weakness.CVE_2021_44228),
        (Decoy.TOMCAT, Port.TOMCAT, Weakness.CVE_2021_44228),
        (Decoy.SSHD, Port.SSH, None),
    ],
)
def test_a_scan_shows_the_decoy(decoy, port, weakness):
    sim, target = exploitable(Red.EXPLOIT_BLUE_KEEP)
    sim.set(host_decoy={target: int(decoy)})
    assert sim.complete(RED, Red.DISCOVER_NETWORK_SERVICES, target) == Outcome.SUCCESS
    picture = int(sim.state.red_scan[0, target])
    assert picture & T.bits(port)
    assert picture & T.bits(Port.RDP)  # beside what is there
    if weakness is not None:
        assert picture >> T.NUM_PORTS & T.bits(weakness)
    assert not sim.state.red_scan_false[0, target]


def test_an_exploit_by_a_false_picture_fails_and_red_learns_that():
    sim, target = exploitable(Red.EXPLOIT_HTTP_RFI)
    sim.set(host_false_scans={target: 2})
    for left in (1, 0):
        assert sim.complete(RED, Red.DISCOVER_NETWORK_SERVICES, target) == Outcome.SUCCESS
        assert bool(sim.state.red_scan_false[0, target])
        assert int(sim.state.host_false_scans[target]) == left
        while not sim.deciding()[RED]:
            sim.event()
    kind = next(k for k in (Red.EXPLOIT_REMOTE_SERVICE, *PORT_OF) if sim.allows(RED, k, target))
    start = sim.state
    for u, seen in ((0.8, True), (0.82, False)):  # 900 of which a network sensor sees 900
        sim.state = start
        sim.draw(token=u)
        assert sim.complete(RED, kind, target) == Outcome.FAILED
        assert ((Token.IDS, target) in tokens(sim)) == seen
        assert int(sim.state.red_scan[0, target]) == 0
        assert not sim.state.red_scan_false[0, target]
        assert int(sim.state.host_priv[target]) == 0


def test_a_used_honeytoken_names_its_source_and_is_spent():
    sim = Sim()
    source = foothold(sim)
    target = next(h for h in sim.hosts(Role.WORKSTATION, Zone.CORPORATE) if h != source)
    sim.set(red_known={(0, target): True}, token_epoch={(0, Scope.CORP_ADMIN): 0}, token_honey=True)
    sim.set(token_expiry={(0, Scope.CORP_ADMIN): 3_000_000})
    sim.draw(token=0.95)
    assert sim.complete(RED, Red.PASS_THE_TICKET, target) == Outcome.CAUGHT
    assert (Token.HONEYTOKEN_USE, source) in tokens(sim)
    assert int(sim.state.ring_where[0]) >> 8 == target
    assert not sim.state.token_honey.any()
    assert int(sim.state.host_priv[target]) == 0
    while not sim.deciding()[RED]:
        sim.event()
    assert sim.complete(RED, Red.PASS_THE_TICKET, target) == Outcome.SUCCESS


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("works", [False, True])
def test_live_edr_alerts_whatever_the_outcome(works, killed):
    sim, target = exploitable(Red.EXPLOIT_BLUE_KEEP)
    sim.set(host_edr={target: True}, host_sensor_killed={target: killed})
    start = sim.state
    for u, alert in ((0.5995, not killed), (0.6005, False)):
        sim.state = start
        sim.draw(host=u, chance=0.0 if works else 0.99, pick=0.99)
        outcome = sim.complete(RED, Red.EXPLOIT_BLUE_KEEP, target)
        assert outcome == (Outcome.SUCCESS if works else Outcome.FAILED)
        assert ((Token.EDR_ALERT, target) in tokens(sim)) == alert


def test_an_alert_stops_impact():
    sim = Sim()
    target = sim.hosts(Role.ADMIN_WORKSTATION)[0]
    sim.set(host_edr={target: True}, host_priv={target: Privilege.ROOT})
    start = sim.state
    for u, outcome in ((0.5995, Outcome.FAILED), (0.6005, Outcome.SUCCESS)):
        sim.state = start
        sim.draw(host=u)
        assert sim.complete(RED, Red.IMPACT, target) == outcome
        assert bool(sim.state.host_encrypted[target]) == (outcome == Outcome.SUCCESS)


def test_the_lower_defender_is_charged_first():
    """Two RestoreFromBackup with funds for one: the other one waits."""
    sim = Sim()
    two = {1: sim.hosts(Role.ADMIN_WORKSTATION)[0], 2: sim.hosts(Role.DATABASE)[0]}
    sim.set(funds={0: 700 * 2_000})
    sim.start({agent: (Blue.RESTORE_FROM_BACKUP, host) for agent, host in two.items()})
    np.testing.assert_array_equal(sim.state.agent_kind[1:3], [Blue.RESTORE_FROM_BACKUP, Blue.WAIT])
    assert int(sim.state.funds[0]) == 200 * 2_000
    assert int(sim.state.host_status[two[2]]) == Status.ONLINE


def test_compute_goes_to_the_one_that_ends_first():
    """There is compute for one more EDR: both defenders may start, and the second one is blocked."""
    sim = Sim()
    two = {1: sim.hosts(Role.ADMIN_WORKSTATION)[0], 2: sim.hosts(Role.DATABASE)[0]}
    taken = [h for h in range(sim.static.hosts) if h not in two.values()][:24]
    sim.set(host_edr=dict.fromkeys(taken, True), host_decoy=0)
    sim.start({agent: (Blue.DEPLOY_EDR, host) for agent, host in two.items()})
    np.testing.assert_array_equal(sim.state.agent_kind[1:3], Blue.DEPLOY_EDR)
    sim.set(agent_done={1: 3_000, 2: 3_000})
    assert [sim.until(agent) for agent in two] == [Outcome.SUCCESS, Outcome.BLOCKED]
    assert [bool(sim.state.host_edr[host]) for host in two.values()] == [True, False]


def test_a_session_on_a_closed_or_lost_host_is_dormant():
    """Not usable and no source, yet owned, and it costs as before."""
    host = foothold(Sim())
    down = (Status.ISOLATED, Status.OFF, Status.PANIC, Status.REIMAGING)
    for change in ({"zone_level": {Zone.CORPORATE: 2}}, *({"host_status": {host: s}} for s in down)):
        sim = Sim()
        other = next(h for h in sim.hosts(zone=Zone.CORPORATE) if h != host)
        sim.set(red_known={(0, other): True})
        assert sim.allows(RED, Red.PRIVILEGE_ESCALATE, host)
        assert sim.allows(RED, Red.DISCOVER_NETWORK_SERVICES, other)
        sim.set(**change)
        assert not sim.allows(RED, Red.PRIVILEGE_ESCALATE, host)
        assert not sim.allows(RED, Red.DISCOVER_NETWORK_SERVICES, other)
        sim.start({})
        sim.event()
        assert int(sim.state.host_priv[host]) == Privilege.USER
        assert int(sim.sums.loss[1]) == 2 * int(sim.state.host_weight[host]) * int(sim.sums.elapsed)
        back = {"zone_level": 0, "host_status": {host: Status.ONLINE}}
        sim.set(**back)
        while not sim.deciding()[RED]:
            sim.event()
        assert sim.allows(RED, Red.PRIVILEGE_ESCALATE, host)


def test_an_isolated_plc_does_not_save_the_plant():
    sim = Sim("ot_stuxnet")
    (plc, *_) = sim.hosts(Role.PLC)
    sim.set(host_priv={plc: Privilege.ROOT}).draw(ot=0.5)
    assert sim.complete(RED, Red.OVERLOAD_PLC, plc) == Outcome.SUCCESS
    written = np.asarray(sim.state.plant_setpoint)
    sim.set(host_status={plc: Status.ISOLATED})
    while not (sim.state.terminated | sim.state.truncated):
        if sim.deciding().any():
            sim.start({})
        sim.event()
        np.testing.assert_array_equal(sim.state.plant_setpoint, written)
    assert bool(sim.state.terminated)
    assert 150_000 <= int(sim.state.time) < 200_000  # low flow, about 160 s after the write


# ---------------------------------------------------------------- hosts that are down (§4.5)


def noisy(sim: Sim) -> set[int]:
    """Hosts whose noise the next batch records, with draws at which every host has some."""
    sim.draw(host=0.0)
    before = int(sim.state.ring_next)
    while int(sim.event().slot) != L.event_slots(4)["batch"]:
        pass
    return {host for _, host in tokens(sim)[before:]}


def test_hosts_that_are_down_leave_no_benign_tokens_and_give_no_sign_of_life():
    sim = Sim()
    hosts = sim.hosts(zone=Zone.CORPORATE)[:5]
    encrypted, *others = hosts
    down = dict(zip(others, (Status.OFF, Status.ISOLATED, Status.PANIC, Status.REIMAGING), strict=True))
    sim.set(host_encrypted={encrypted: True}, host_priv={encrypted: Privilege.ROOT}, host_status=down)
    sim.set(host_decoy=0)
    sim.start({})
    seen = noisy(sim)
    assert not seen & set(hosts)
    assert len(seen) > 2
    alive = np.flatnonzero(np.asarray(sim.state.view_heartbeat) == 1).tolist()
    assert not set(alive) & set(hosts)
    assert set(alive) >= seen
    assert int(sim.state.host_priv[encrypted]) == Privilege.ROOT  # its session stays
    weight = np.asarray(sim.state.host_weight).astype(int)
    lost = [encrypted, *(h for h, status in down.items() if status != Status.OFF)]
    assert int(sim.sums.loss[0] + sim.sums.loss[2]) == 5_000 * LOSS_DOWN * weight[lost].sum()


def test_a_host_that_goes_down_says_so_once():
    sim = Sim(noise_scale=np.int32(0), alarm_scale=np.int32(0))
    host = sim.hosts(Role.ADMIN_WORKSTATION)[0]
    sim.complete(1, Blue.ISOLATE, host)
    for _ in range(6):
        if sim.deciding().any():
            sim.start({})
        sim.event()
    assert [entry for entry in tokens(sim) if entry[0] == Token.HOST_DOWN] == [(Token.HOST_DOWN, host)]
    assert NO_HOST not in {entry[1] for entry in tokens(sim)}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("scale", [0, 1000])
def test_a_token_of_a_start_at_a_batch_arrives(scale, waits):
    """§5.1: at the first batch after its delay, which is not the one that is over."""
    off = np.int32(0)
    sim = Sim(noise_scale=off, alarm_scale=off, delay_scale=np.int32(scale))
    target = sim.hosts(zone=Zone.DMZ)[0]
    if waits:
        sim.start({})
        while not sim.deciding().all():
            sim.event()
    begun = int(sim.state.time)
    assert begun == 10_000 * waits
    sim.alone(RED, Red.DISCOVER_NETWORK_SERVICES, target, done=60_000)
    assert tokens(sim) == [(Token.FLOW_SCAN, target)]
    while not np.asarray(sim.state.view_fast).any():
        if sim.deciding().any():
            sim.start({})
        sim.event()
    if scale == 0:
        assert int(sim.state.time) == begun + 5_000
    assert sim.state.view_fast[target].sum() == 64
