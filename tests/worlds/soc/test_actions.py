"""One test per row of ``soc-rules.md §4.2`` and ``§4.3``: what an action changes, and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import fuzz
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Game, Sim, same

from garrison.worlds.soc import view
from garrison.worlds.soc.actions import attempt
from garrison.worlds.soc.actions.context import completing
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import Port, Privilege, Role, Scope, Status, Weakness, Zone
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.routes import Level
from garrison.worlds.soc.tables.tokens import Emission, Place, Token

#: what every action changes: time, budgets, and the account of the action itself
ALWAYS = (
    "time",
    "energy",
    "funds",
    "last_kind",
    "last_target",
    "last_outcome",
    "last_duration",
    "agent_start",
)
RING = ("ring_what", "ring_where", "ring_recorded", "ring_deliver", "ring_next")  # tokens: see below
BUSY = ("agent_kind", "agent_done", "agent_target", "agent_source", "agent_lease")  # of agents that wait
HOST_ROOTED = {"host_priv", "host_rooted"}
NEW = {"host_priv", "red_visited", "red_tried"}


@dataclass
class Case:
    """A row of the tables in a state in which it is legal.

    Attributes:
        kind: of the action.
        prepare: makes the state; returns the target.
        changes: fields that a success changes.
        needs: edits of the state that make it illegal, and the outcome where they come in flight; None: legal
            all the same. An edit gets the target.
    """

    kind: Red | Blue
    prepare: Callable[[Sim], int]
    changes: set[str]
    needs: list[tuple[Callable[[int], dict[str, Any]], bool, Outcome | None]] = field(default_factory=list)
    scenario: str = "ransomware"


def foothold(sim: Sim) -> int:
    return int(np.flatnonzero(sim.state.host_priv)[0])


def session(sim: Sim, host: int, level: Privilege = Privilege.USER) -> int:
    """Red has a session, beside its foothold."""
    sim.set(host_priv={host: level}, red_known={(0, host): True}, red_visited={(0, host): True})
    return host


def seen(sim: Sim, host: int, port: Port, weakness: Weakness, os: T.Os | None = None) -> int:
    """A host has a weakness, and red has a true picture of it."""
    if os is not None:
        sim.fix(host_os={host: os})
    bit = T.bits(weakness)
    sim.fix(host_weak={host: bit}).set(host_decoy={host: 0})
    ports = int(sim.topology.host_ports[host])
    assert ports & T.bits(port)
    return known(sim, host, ports | bit << T.NUM_PORTS)


def known(sim: Sim, host: int, scan: int = 0) -> int:
    sim.set(red_known={(0, host): True}, red_scan={(0, host): scan})
    return host


def desk(sim: Sim) -> int:
    """A workstation of corporate that red does not hold."""
    return next(h for h in sim.hosts(Role.WORKSTATION, Zone.CORPORATE) if h != foothold(sim))


def admin(sim: Sim) -> int:
    return sim.hosts(Role.ADMIN_WORKSTATION)[0]


def windows_server(sim: Sim) -> int:
    """A Windows server with IIS in corporate: its domain controller, made one."""
    host = sim.hosts(Role.DOMAIN_CONTROLLER, Zone.CORPORATE)[0]
    sim.fix(host_services={host: T.bits(T.Service.IIS, T.Service.SMB)})
    return session(sim, host)


def holding(sim: Sim, scope: Scope, host: int) -> int:
    """Red has a good credential."""
    sim.set(token_epoch={(0, scope): 0}, token_expiry={(0, scope): 3_000_000})
    return known(sim, host)


def linux(sim: Sim) -> int:
    host = sim.hosts(zone=Zone.DMZ)[0]
    sim.fix(host_os={host: T.Os.UBUNTU})
    return session(sim, seen(sim, host, Port.HTTP, Weakness.V4L2))


def web(sim: Sim) -> int:
    host = sim.hosts(zone=Zone.DMZ)[0]
    sim.fix(host_os={host: T.Os.UBUNTU}, host_ports={host: T.bits(Port.HTTP)})
    return seen(sim, host, Port.HTTP, Weakness.CVE_2021_44228)


def controller_root(sim: Sim) -> int:
    host = known(sim, desk(sim))
    session(sim, sim.hosts(Role.DOMAIN_CONTROLLER, Zone.CORPORATE)[0], Privilege.ROOT)
    sim.fix(host_os={host: T.Os.WINDOWS_10})
    return host


def database(sim: Sim) -> int:
    host = sim.hosts(Role.DATABASE)[0]
    sim.set(host_data={host: 3})
    return session(sim, host)


def plc(sim: Sim) -> int:
    return session(sim, sim.hosts(Role.PLC)[0], Privilege.ROOT)


def at(name: str, value: Any) -> Callable[[int], dict[str, Any]]:
    """An edit of one field at the target."""
    return lambda host: {name: {host: value}}


def by_red(name: str, value: Any) -> Callable[[int], dict[str, Any]]:
    """An edit of one field of red's knowledge of the target."""
    return lambda host: {name: {(0, host): value}}


def everywhere(name: str, value: Any) -> Callable[[int], dict[str, Any]]:
    return lambda host: {name: value}


LOST = (at("host_priv", 0), False, Outcome.GONE)
DORMANT = (at("host_status", Status.PANIC), False, Outcome.GONE)
USER_ONLY = (at("host_priv", Privilege.USER), False, Outcome.GONE)
ROOT_ALREADY = (at("host_priv", Privilege.ROOT), False, Outcome.GONE)
UNKNOWN = (by_red("red_known", False), False, Outcome.SUCCESS)
UNSCANNED = (by_red("red_scan", 0), False, Outcome.SUCCESS)
OFF = (at("host_status", Status.OFF), True, Outcome.GONE)  # red does not see it
TAKEN = (at("host_priv", Privilege.USER), False, Outcome.GONE)
CLOSED = (everywhere("zone_level", Level.CLOSED), False, Outcome.GONE)  # sessions are dormant
POOR = (everywhere("energy", 0), False, Outcome.SUCCESS)  # paid at the start
REMOTE = [UNKNOWN, OFF, POOR]

FLOWS = set(range(Token.FLOW_HTTP, Token.FLOW_OT + 1))
RED_CASES = [
    Case(
        Red.EXPLOIT_REMOTE_SERVICE,
        lambda sim: seen(sim, desk(sim), Port.RDP, Weakness.CVE_2019_0708, T.Os.WINDOWS_10),
        NEW,
        [*REMOTE, UNSCANNED, TAKEN, CLOSED],
    ),
    Case(Red.PRIVILEGE_ESCALATE, foothold, HOST_ROOTED, [LOST, DORMANT, ROOT_ALREADY, CLOSED, POOR]),
    Case(
        Red.DISCOVER_NETWORK_SERVICES,
        lambda sim: known(sim, desk(sim)),
        {"red_scan"},
        [*REMOTE, CLOSED, (at("host_lease", 1), True, Outcome.GONE)],
    ),
    Case(
        Red.EXPLOIT_BLUE_KEEP,
        lambda sim: seen(sim, desk(sim), Port.RDP, Weakness.CVE_2019_0708, T.Os.WINDOWS_10),
        NEW,
        [*REMOTE, UNSCANNED, TAKEN, CLOSED],
    ),
    Case(
        Red.EXPLOIT_ETERNAL_BLUE,
        lambda sim: seen(sim, desk(sim), Port.SMB, Weakness.MS17_010, T.Os.WINDOWS_10),
        NEW,
        [*REMOTE, UNSCANNED, TAKEN, CLOSED],
    ),
    Case(
        Red.EXPLOIT_HTTP_RFI,
        web,
        NEW,
        [*REMOTE, UNSCANNED, TAKEN, (everywhere("zone_level", Level.CLOSED), True, Outcome.GONE)],
    ),
    Case(Red.JUICY_POTATO, windows_server, HOST_ROOTED, [LOST, DORMANT, ROOT_ALREADY, POOR]),
    Case(
        Red.DUMP_LSASS,
        lambda sim: session(sim, admin(sim), Privilege.ROOT),
        {"token_epoch", "token_expiry"},
        [LOST, DORMANT, USER_ONLY, CLOSED, POOR],
    ),
    Case(
        Red.PASS_THE_TICKET,
        lambda sim: holding(sim, Scope.CORP_ADMIN, desk(sim)),
        NEW | HOST_ROOTED,
        [*REMOTE, TAKEN, CLOSED, (everywhere("token_epoch", -1), False, Outcome.BLOCKED)],
    ),
    Case(
        Red.PASS_THE_HASH,
        controller_root,
        NEW | HOST_ROOTED,
        [*REMOTE, TAKEN, CLOSED, (everywhere("host_role", Role.WORKSTATION), False, Outcome.GONE)],
    ),
    Case(
        Red.V4L2,
        linux,
        HOST_ROOTED,
        [LOST, DORMANT, ROOT_ALREADY, (by_red("red_scan", 1), False, Outcome.SUCCESS), POOR],
    ),
    Case(
        Red.IMPACT,
        lambda sim: session(sim, admin(sim), Privilege.ROOT),
        {"host_encrypted"},
        [LOST, DORMANT, USER_ONLY, (at("host_role", Role.PLC), False, Outcome.GONE), POOR],
    ),
    Case(
        Red.KILL_PROCESS,
        lambda sim: session(sim, admin(sim), Privilege.ROOT),
        {"host_sensor_killed"},
        [LOST, DORMANT, USER_ONLY, POOR],
    ),
    Case(
        Red.EXFILTRATE_DATA,
        database,
        {"host_taken", "loot"},
        [LOST, DORMANT, (at("host_taken", 3), False, Outcome.GONE), CLOSED, POOR]
        + [(everywhere("zone_level", Level.STRICT), True, Outcome.BLOCKED)],
    ),
    Case(
        Red.NETWORK_SCAN,
        lambda sim: Zone.CORPORATE,
        {"red_known", "red_scan"},
        [CLOSED, POOR, (everywhere("host_priv", 0), False, Outcome.GONE)],
    ),
    Case(
        Red.DISCOVER_REMOTE_SYSTEMS,
        lambda sim: Zone.CORPORATE,
        {"red_known"},
        [CLOSED, POOR, (everywhere("host_priv", 0), False, Outcome.GONE)],
    ),
    Case(
        Red.SHARE_INTELLIGENCE,
        lambda sim: T.NO_HOST,
        {"c2_known", "c2_time"},
        [(everywhere("host_priv", 0), False, Outcome.GONE), POOR],
    ),
    Case(Red.IP_FRAGMENTATION, lambda sim: known(sim, desk(sim)), {"host_frag_until"}, [UNKNOWN, POOR]),
    Case(
        Red.OVERLOAD_PLC,
        plc,
        {"plant_setpoint"},
        [LOST, DORMANT, USER_ONLY, (at("host_role", Role.IOT), False, Outcome.GONE), POOR],
        "ot_stuxnet",
    ),
    Case(
        Red.SPEAR_PHISHING,
        lambda sim: known(sim, desk(sim)),
        {"host_priv", "host_implant", "red_visited"},
        [OFF, TAKEN, POOR, (at("host_phishability", 0), True, Outcome.GONE)],
    ),
]


def infected(sim: Sim) -> int:
    """A host that red owns with all that Restore removes, and that is not its only one."""
    host = session(sim, admin(sim), Privilege.ROOT)
    sim.set(
        host_implant={host: True},
        host_sensor_killed={host: True},
        host_decoy={host: 1},
        host_honeytoken={host: True},
        host_false_scans={host: 2},
        host_cached={host: 0},
        host_edr={host: True},
    )
    return host


RESTORED = {"host_priv", "host_implant", "host_sensor_killed", "host_decoy", "host_honeytoken"}
RESTORED |= {"host_false_scans", "host_cached", "view_verdict", "view_verdict_time"}
GONE_HOST = (at("host_exists", False), False, Outcome.GONE)
IS_BYOD = (at("host_role", Role.BYOD), False, Outcome.GONE)
IS_PLC = (at("host_role", Role.PLC), False, Outcome.GONE)
SWITCHED_OFF = (at("host_status", Status.OFF), False, Outcome.GONE)
FULL = (everywhere("host_edr", True), False, Outcome.BLOCKED)  # all compute is taken
VERDICT = {"view_verdict", "view_verdict_time"}


def isolated(sim: Sim) -> int:
    sim.set(host_status={admin(sim): Status.ISOLATED})
    return admin(sim)


def user(sim: Sim) -> int:
    host = session(sim, admin(sim))
    sim.set(host_implant={host: True})
    return host


def encrypted(sim: Sim) -> int:
    host = infected(sim)
    sim.set(host_encrypted={host: True})
    return host


def owned_backup(host: int) -> dict[str, Any]:
    return {"host_role": {h: Role.APP for h in range(SMALL.hosts) if h != host}}


BLUE_CASES = [
    Case(Blue.ISOLATE, admin, {"host_status"}, [GONE_HOST, SWITCHED_OFF, POOR]),
    Case(Blue.RECONNECT, isolated, {"host_status"}, [GONE_HOST, SWITCHED_OFF, POOR]),
    Case(Blue.RESTORE, infected, RESTORED, [GONE_HOST, IS_BYOD, SWITCHED_OFF, POOR]),
    Case(
        Blue.RESTORE_FROM_BACKUP,
        encrypted,
        RESTORED | {"host_encrypted"},
        [GONE_HOST, IS_BYOD, SWITCHED_OFF, POOR, (owned_backup, True, Outcome.BLOCKED)]
        + [(everywhere("funds", 0), False, Outcome.SUCCESS)],
    ),
    Case(Blue.MONITOR, lambda sim: Zone.CORPORATE, VERDICT, [POOR]),
    Case(Blue.ANALYSE, user, VERDICT, [GONE_HOST, IS_BYOD, SWITCHED_OFF, POOR]),
    Case(
        Blue.REMOVE,
        user,
        {"host_priv", "host_implant"},
        [GONE_HOST, SWITCHED_OFF, POOR, (at("host_priv", Privilege.ROOT), True, Outcome.FAILED)],
    ),
    Case(
        Blue.RESTRICT,
        lambda sim: Zone.SECURE,
        {"zone_level"},
        [(everywhere("zone_level", Level.CLOSED), False, Outcome.GONE), POOR],
    ),
    Case(
        Blue.AWARENESS,
        lambda sim: Zone.CORPORATE,
        {"host_phishability"},
        [(everywhere("host_home", 0), False, Outcome.GONE), POOR],
    ),
    Case(
        Blue.DEPLOY_EDR,
        lambda sim: admin(sim.set(host_sensor_killed=True)),
        {"host_edr", "host_sensor_killed"},
        [GONE_HOST, IS_BYOD, (at("host_edr", True), False, Outcome.GONE), POOR],
    ),
    *(
        Case(kind, admin, {"host_decoy"}, [GONE_HOST, IS_BYOD, IS_PLC, FULL, POOR])
        for kind in (Blue.DECOY_GENERIC, Blue.DECOY_APACHE, Blue.DECOY_SSHD, Blue.DECOY_TOMCAT)
    ),
    Case(Blue.MISINFORM, admin, {"host_false_scans"}, [GONE_HOST, IS_BYOD, IS_PLC, POOR]),
    Case(Blue.HONEYTOKEN, admin, {"host_honeytoken"}, [GONE_HOST, IS_BYOD, FULL, POOR]),
    Case(
        Blue.ROTATE,
        lambda sim: Scope.SECURE_ADMIN,
        {"scope_epoch", "scope_rotated", "reauth_until", "host_cached"},
        [POOR, (everywhere("funds", 0), False, Outcome.SUCCESS)],
    ),
    Case(
        Blue.RELAX,
        lambda sim: sim.set(zone_level={Zone.SECURE: Level.CLOSED}) and Zone.SECURE,
        {"zone_level"},
        [(everywhere("zone_level", Level.NORMAL), False, Outcome.GONE), POOR],
    ),
]
CASES = [*RED_CASES, *BLUE_CASES]
names = [case.kind.name for case in CASES]


def prepared(case: Case) -> tuple[Sim, int, int]:
    """The episode, the agent that acts, and the target."""
    sim = Sim(case.scenario)
    sim.set(red_known={(0, foothold(sim)): True})
    target = int(case.prepare(sim))
    agent = RED if isinstance(case.kind, Red) else sim.owner(case.kind, target)
    return sim, agent, target


def test_every_row_has_a_case():
    assert {case.kind for case in RED_CASES} == set(R.ROWS) - {Red.WAIT, Red.LIE_LOW}
    assert {case.kind for case in BLUE_CASES} == set(B.ROWS) - {Blue.WAIT, Blue.WATCH}


@pytest.mark.parametrize("case", CASES, ids=names)
def test_an_action_changes_its_fields_and_no_others(case):
    sim, agent, target = prepared(case)
    before = sim.state
    assert sim.complete(agent, case.kind, target) == Outcome.SUCCESS
    changed = set(same(before, sim.state, ignore=(*ALWAYS, *RING, *BUSY)))
    assert changed == case.changes
    row = (R if agent == RED else B).ROWS[case.kind]
    spent = int(before.energy[agent]) - int(sim.state.energy[agent])
    assert spent == max(0, row.energy * 20_000 - 1000)  # refilled for a second
    assert int(sim.state.last_kind[agent]) == case.kind
    assert int(sim.state.last_duration[agent]) == 1000


@pytest.mark.parametrize("case", CASES, ids=names)
def test_an_action_leaves_the_tokens_of_its_row(case):
    """Draws are 0, so that whatever has a chance is recorded."""
    sim, agent, target = prepared(case)
    assert sim.complete(agent, case.kind, target) == Outcome.SUCCESS
    count = int(sim.state.ring_next)
    what, where = np.asarray(sim.state.ring_what)[:count], np.asarray(sim.state.ring_where)[:count]
    row = (R if agent == RED else B).ROWS[case.kind]
    tokens = [token for token in row.emissions if token is not None and token.success]
    expected = [FLOWS if token.type is None else {token.type} for token in tokens]
    if case.kind is Blue.ISOLATE:  # the host goes down
        tokens, expected = [*tokens, Emission(Token.HOST_DOWN)], [*expected, {Token.HOST_DOWN}]
    if case.kind is Blue.DEPLOY_EDR:  # the sensor was dead until then
        tokens, expected = [], []
    found = (what & 31).tolist()
    assert len(found) == len(expected)
    assert all(type in types for type, types in zip(found, expected, strict=True))
    at = [int(host) for host, token in zip(where & 255, tokens, strict=True) if token.place == Place.TARGET]
    assert set(at) <= {target}
    if case.kind is Red.SHARE_INTELLIGENCE:
        assert (where & 255).tolist() == [foothold(sim)]


@pytest.mark.parametrize(
    ("case", "number"),
    [(case, n) for case in CASES for n in range(len(case.needs))],
    ids=[f"{case.kind.name}-{n}" for case in CASES for n in range(len(case.needs))],
)
def test_each_prerequisite_counts(case, number):
    edit, stays_legal, outcome = case.needs[number]
    sim, agent, target = prepared(case)
    start = sim.state
    assert sim.allows(agent, case.kind, target)
    sim.set(**edit(target))
    assert sim.allows(agent, case.kind, target) == stays_legal
    sim.state = start
    sim.alone(agent, case.kind, target)
    sim.set(**edit(target))
    assert sim.until(agent) == outcome


def chance(case: Case, edr: bool) -> int:
    """Thousandths, by the text."""
    sim, _, target = prepared(case)
    value = R.ROWS[Red(case.kind)].chance
    if case.kind == Red.SPEAR_PHISHING:
        value = int(sim.state.host_phishability[target])
    if case.kind == Red.EXPLOIT_REMOTE_SERVICE:
        value = value * int(sim.topology.host_cvss10[target]) // 100
    if value == 1000:
        return 1000
    if edr and case.kind in R.SEEN_BY_EDR:
        value = value * 800 // 1000
    return min(max(value, 20), 980)


@jax.jit
def outcomes(options, topology, state, row, u):
    """Outcomes of red's action in flight for many draws of chance, nothing else going wrong."""

    def one(chance):
        game = Game(SMALL, options, topology)
        done = completing(game, row.replace(chance=chance), state, jnp.uint32(RED), jnp.array(True))
        return attempt.attempt(done).outcome

    return jax.vmap(one)(u)


@pytest.mark.parametrize("edr", [False, True], ids=["bare", "EDR"])
@pytest.mark.parametrize("case", RED_CASES, ids=[case.kind.name for case in RED_CASES])
def test_actions_succeed_as_often_as_the_table_says(case, edr):
    sim, _, target = prepared(case)
    if edr and R.TARGET[case.kind] == 1:
        sim.set(host_edr={target: True})
    sim.alone(RED, case.kind, target)
    sim.draw(ot=0.999, host=0.999)  # no decoy is hit, and EDR does not stop Impact
    grid = jnp.arange(1000, dtype=jnp.float32) / 1000 + 0.0005
    found = np.asarray(outcomes(sim.options, sim.topology, sim.state, sim.row, grid))
    np.testing.assert_array_equal(found == Outcome.SUCCESS, np.arange(1000) < chance(case, edr))
    assert set(found[found != Outcome.SUCCESS]) <= {Outcome.FAILED}


# ---------------------------------------------------------------- what can follow

#: what the other side has of an action: what blue knows, and what red knows and does
SEEN_BY_BLUE = (*view.KNOWN, "host_phishability", "zone_level")
SEEN_BY_RED = ("red_known", "red_scan", "red_tried", "token_epoch", "loot", "host_priv", "host_encrypted")
SEEN_BY_RED += ("plant_setpoint", "c2_known")
PLAYERS = (("script", "script"), ("curious", "curious"), ("script", "curious"), ("curious", "script"))
FUTURES, ROWS = 8, 512  # of each case, and events of each


@pytest.mark.slow  # some 600 episodes of up to 512 events
def test_every_action_changes_what_can_follow():
    """§4.2, §4.3: with its effect taken back, and the same draws, the other side comes to see something else.

    Scripts and players that try everything go on from the state after a success, and from the same state
    with the fields of the effect as they were before.
    """
    cases, made = [case for case in CASES if case.kind is not Red.SHARE_INTELLIGENCE], []  # see below
    for case in cases:
        sim, agent, target = prepared(case)
        before = sim.state
        assert sim.complete(agent, case.kind, target) == Outcome.SUCCESS
        ablated = sim.state.replace(**{name: getattr(before, name) for name in case.changes})
        made.append((sim.options, sim.topology, sim.state, ablated))
    static, shape = Static(events=1), (len(made), 2, FUTURES)  # case, with and without the effect, future
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *made)
    states = jax.tree.map(lambda *x: _lanes(jnp.stack(x, axis=1), shape, (2,)), *stacked[2:])
    options, topology = (jax.tree.map(lambda x: _lanes(x, shape, (1, 2)), one) for one in stacked[:2])
    pairs = [[fuzz.STYLES.index(style) for style in PLAYERS[i % len(PLAYERS)]] for i in range(FUTURES)]
    styles = jnp.asarray([[blue] * 3 + [red] for blue, red in pairs], jnp.int32)
    none = jnp.zeros(len(states.time), jnp.float32)
    lane = fuzz.Lane(options, topology, _lanes(styles, shape, (0, 1)), none)
    keys = jax.random.split(jax.random.key(0), FUTURES)
    run, carry = fuzz.program(static, 64, True), fuzz.carried(static, states)
    differs = {case.kind.name: set() for case in cases}
    for number in range(ROWS // 64):
        mine = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
        carry, played = run(lane, carry, jnp.tile(mine, shape[0] * shape[1]))
        found = jax.device_get(played.state)
        for place, case in enumerate(cases):
            names = SEEN_BY_BLUE if isinstance(case.kind, Red) else SEEN_BY_RED
            for name in set(names) - case.changes:
                values = getattr(found, name).reshape(*shape, -1)[place]
                if (values[0] != values[1]).any():
                    differs[case.kind.name].add(name)
        if all(differs.values()):
            return
    raise AssertionError({name for name, fields in differs.items() if not fields})


def _lanes(x, shape, axes):
    """Repeat along new axes of ``shape``, and make one axis of all of them."""
    own = x.shape[len(shape) - len(axes) :]
    return jnp.broadcast_to(jnp.expand_dims(x, axes), (*shape, *own)).reshape(-1, *own)


@pytest.mark.parametrize("shares", [False, True])
def test_what_was_shared_survives_the_last_session(shares):
    """§4.2: what red knows of an inner host, and may therefore attack from its next foothold."""
    sim = Sim()
    source, target = foothold(sim), known(sim, sim.hosts(zone=Zone.SECURE)[0])
    sim.complete(RED, Red.SHARE_INTELLIGENCE if shares else Red.WAIT)
    while not sim.deciding().all():
        sim.event()
    assert sim.complete(1, Blue.REMOVE, source) == Outcome.SUCCESS
    assert not np.asarray(sim.state.host_priv).any()
    assert bool(sim.state.red_known[0, target]) == shares
    assert bool(sim.state.red_known[0, source])  # a foothold of the start is not forgotten
    session(sim, sim.hosts(Role.ADMIN_WORKSTATION)[0])
    while not sim.deciding().all():
        sim.event()
    sim.set(token_epoch={(0, Scope.SECURE_ADMIN): 0}, token_expiry={(0, Scope.SECURE_ADMIN): 3_000_000})
    assert sim.allows(RED, Red.DISCOVER_NETWORK_SERVICES, target) == shares


def test_the_zero_day_costs_funds():
    """§3.2: 1,000 funds a time, and it is not legal without them."""
    sim = Sim("ot_stuxnet")
    session(sim, sim.hosts(Role.ENGINEERING_WORKSTATION)[0])
    target = seen(sim, sim.hosts(Role.PLC)[0], Port.S7, Weakness.S7_ZERO_DAY)
    price, before = T.ZERO_DAY_FUNDS * 2_000, sim.state
    sim.set(funds={1: price - 1})
    assert not sim.allows(RED, Red.EXPLOIT_REMOTE_SERVICE, target)
    sim.state = before
    sim.start({RED: (Red.EXPLOIT_REMOTE_SERVICE, target)})
    assert int(sim.state.agent_kind[RED]) == Red.EXPLOIT_REMOTE_SERVICE
    assert int(before.funds[1]) - int(sim.state.funds[1]) == price


@pytest.mark.parametrize(("pick", "taken"), [(0.6995, True), (0.7005, False)])
def test_a_dump_takes_a_honeytoken_by_chance(pick, taken):
    """§4.2: ``DumpLSASS`` takes a honeytoken, where there is one, with chance 700."""
    sim = Sim()
    host = session(sim, admin(sim), Privilege.ROOT)
    sim.set(host_honeytoken={host: True})
    sim.draw(pick=pick)
    assert sim.complete(RED, Red.DUMP_LSASS, host) == Outcome.SUCCESS
    assert bool(np.any(np.asarray(sim.state.token_honey))) == taken


@pytest.mark.parametrize(
    ("good", "outcome", "level"),
    [
        ({Scope.CORP_ADMIN, Scope.CORP_USER}, Outcome.SUCCESS, Privilege.ROOT),
        ({Scope.CORP_USER}, Outcome.SUCCESS, Privilege.USER),
        (set(), Outcome.BLOCKED, Privilege.NONE),
    ],
)
def test_a_ticket_takes_the_best_good_credential(good, outcome, level):
    """§4.2: an admin credential that was rotated does not bar the way of a good ``corp_user``."""
    sim = Sim()
    target = desk(sim)
    for scope in (Scope.CORP_ADMIN, Scope.CORP_USER):
        holding(sim, scope, target)
        sim.set(scope_epoch={scope: int(scope not in good)})
    sim.set(host_priv={target: Privilege.NONE})
    assert sim.complete(RED, Red.PASS_THE_TICKET, target) == outcome
    assert int(sim.state.host_priv[target]) == level


def test_a_hash_leaves_from_the_best_session_and_not_from_the_controller():
    """§3.3: the lowest slot of those with Root in the zone, as long as red has the controller."""
    sim = Sim()
    target = controller_root(sim)
    source = sim.hosts(Role.DOMAIN_CONTROLLER, Zone.CORPORATE)[0]  # its role goes to a later slot
    controller = next(h for h in sim.hosts(zone=Zone.CORPORATE) if h > source and h != target)
    session(sim, controller, Privilege.ROOT)
    sim.set(host_role={source: Role.FILE, controller: Role.DOMAIN_CONTROLLER})
    sim.alone(RED, Red.PASS_THE_HASH, target)
    assert int(sim.state.agent_source[RED]) == source
    flying = sim.state
    assert sim.until(RED) == Outcome.SUCCESS
    sim.state = flying
    sim.set(host_priv={controller: Privilege.USER})
    assert sim.until(RED) == Outcome.GONE


@pytest.mark.parametrize(
    ("level", "fragmented", "outcome"),
    [
        (Level.NORMAL, False, Outcome.SUCCESS),
        (Level.STRICT, False, Outcome.BLOCKED),
        (Level.STRICT, True, Outcome.SUCCESS),
        (Level.CLOSED, True, Outcome.BLOCKED),
    ],
)
def test_fragmented_traffic_passes_a_strict_zone(level, fragmented, outcome):
    """§4.2: for it strict counts as normal; smb from dmz into corporate, say."""
    sim = Sim()
    target = seen(sim, desk(sim), Port.SMB, Weakness.MS17_010, T.Os.WINDOWS_10)
    sim.set(host_priv=0)
    session(sim, sim.hosts(zone=Zone.DMZ)[0])
    sim.alone(RED, Red.EXPLOIT_ETERNAL_BLUE, target)
    sim.set(zone_level={Zone.CORPORATE: level}, host_frag_until={target: 1_000_000 * fragmented})
    assert sim.until(RED) == outcome
