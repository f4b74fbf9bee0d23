"""Time binds (``soc-rules.md §2.8``): order, splitting, interruption, and truth at completion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED, NEVER, SMALL, Sim, random_draws, same

from garrison.worlds.soc import clock, laws
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.routes import Level

RED = FIRST_RED
SLOTS = L.event_slots(4)


def test_durations_are_those_of_the_laws():
    rng = np.random.default_rng(0)
    u = np.append(rng.integers(0, 2**24, 500), [0, 2**24 - 1]).astype(np.float32) * np.float32(2.0**-24)
    law = np.append(rng.integers(0, L.NUM_LAWS, 500), [0, 0])
    found = jax.jit(clock.draw)(jnp.asarray(law), jnp.asarray(u))
    expected = [laws.draw(laws.quantiles(), int(n), float(x)) for n, x in zip(law, u, strict=True)]
    np.testing.assert_array_equal(found, expected)


def test_clocks_wait_two_seconds_at_least():
    gaps = jax.jit(clock.gap)(jnp.array([1, 60, 2_000]), jnp.array([0.0, 0.5, 1 - 2.0**-24], jnp.float32))
    assert gaps[0] == 2_000
    assert abs(int(gaps[1]) - 60_000 * np.log(2)) < 1_500  # the median of an exponential law
    assert 10_000_000 < int(gaps[2]) < 12_000_000  # its 99.5 % quantile, 5.3 means


# ---------------------------------------------------------------- order


def play(sim: Sim, seed: int, events: int):
    """Random legal and illegal choices; yields each event with the time before it."""
    rng = np.random.default_rng(seed)
    for _ in range(events):
        draws = random_draws(sim.static, rng)
        if sim.deciding().any():
            mask = sim.mask()
            wild = rng.random() < 0.1
            scores = rng.random(mask.shape) * (True if wild else mask)
            sim.start_indices(scores.argmax(axis=1).tolist(), dict(enumerate(draws.start.tolist())))
        before = int(sim.state.time)
        yield before, sim.event(jax.tree.map(lambda x: x[0], draws.rows))
        if bool(sim.state.terminated | sim.state.truncated):
            return


@pytest.mark.parametrize("scenario", ["ransomware", "iot_grid"])
def test_time_never_falls_and_nothing_is_left_behind(scenario):
    sim, still = Sim(scenario, "hard", clocks=True), 0
    seen = set()
    for before, event in play(sim, seed=1, events=400):
        now = int(sim.state.time)
        assert now >= before
        assert now == int(event.time)
        assert (sim.pending() >= now).all()
        still = still + 1 if now == before else 1
        assert still <= sim.static.num_agents + 2
        seen.add(int(event.slot))
    assert {SLOTS[name] for name in ("agent_0", "agent_3", "logon", "dhcp", "churn", "batch")} <= seen


def test_batches_lie_on_the_grid():
    sim = Sim()
    sim.start({0: (Blue.WATCH,), 1: (Blue.WATCH,), 2: (Blue.WATCH,), RED: (Red.LIE_LOW,)}, {RED: 0.9})
    times = [int(sim.event().time) for _ in range(5)]
    assert times == [5_000, 10_000, 15_000, 20_000, 25_000]


def test_agents_that_become_free_together_decide_together():
    sim = Sim()
    sim.start({})
    assert not sim.deciding().any()
    for agent in range(3):
        event = sim.event()
        while int(event.slot) == SLOTS["batch"]:
            event = sim.event()
        assert (int(event.agent), int(event.outcome)) == (agent, Outcome.SUCCESS)
        assert not sim.deciding().any()
    assert int(sim.event().agent) == RED
    assert not sim.deciding().any()  # a batch is due at the same instant
    assert int(sim.event().slot) == SLOTS["batch"]
    assert sim.deciding().all()
    assert int(sim.state.time) == 10_000


def test_the_horizon_comes_before_all_else_of_its_instant():
    sim = Sim(horizon=jnp.int32(10_000))
    sim.start({})
    assert int(sim.event().slot) == SLOTS["batch"]
    assert int(sim.event().slot) == SLOTS["horizon"]
    assert bool(sim.state.truncated)
    assert not sim.deciding().any()
    mask = sim.mask()
    assert mask[:, 0].all()
    assert not mask[:, 1:].any()


def test_what_is_not_legal_becomes_wait_and_a_busy_agent_goes_on():
    sim = Sim()
    illegal = sim.index(1, Blue.RECONNECT, sim.hosts(zone=T.Zone.CORPORATE)[0])
    sim.start_indices([10_000, illegal, -1, 0])
    np.testing.assert_array_equal(sim.state.agent_kind, [Blue.WAIT] * 3 + [Red.WAIT])
    before = sim.state
    sim.start({0: (Blue.WATCH,), RED: (Red.LIE_LOW,)})
    assert same(before, sim.state) == []


# ---------------------------------------------------------------- splitting


@pytest.mark.parametrize(
    "events", [4, pytest.param(2, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
def test_how_a_step_is_cut_changes_nothing(events):
    """A tape of rows, consumed one by one or in steps of several rows, plays the same episode."""
    one, many = (
        Sim("iot_grid", "hard", clocks=True),
        Sim("iot_grid", "hard", clocks=True, static=Static(events=events)),
    )
    rng, used, zero = np.random.default_rng(5), 0, one.draws
    rows = [jax.tree.map(lambda x: x[0], random_draws(SMALL, rng).rows) for _ in range(150)]
    steps_cut_short = 0
    while used < 120:
        indices = (rng.random(one.mask().shape) * one.mask()).argmax(axis=1)
        u = rng.integers(0, 2**24, 4).astype(np.float32) * np.float32(2.0**-24)
        start = used
        one.start_indices(indices.tolist(), dict(enumerate(u.tolist())))
        sums = None
        while not one.deciding().any() and not bool(one.state.terminated | one.state.truncated):
            one.event(rows[used])
            used += 1
            sums = one.sums if sums is None else jax.tree.map(jnp.add, sums, one.sums)
        place, total = start, None
        while place < used:
            chunk = [rows[min(place + i, len(rows) - 1)] for i in range(events)]
            draws = zero.replace(start=jnp.asarray(u), rows=jax.tree.map(lambda *x: np.stack(x), *chunk))
            many.state, found, _ = many.run["step"](
                many.options, many.topology, draws, many.state, jnp.asarray(indices, jnp.int32)
            )
            place += int(found.rows)
            total = found if total is None else jax.tree.map(jnp.add, total, found)
            steps_cut_short += place < used
        assert place == used
        assert same(one.state, many.state) == []
        for name in ("elapsed", "loss", "exfiltrated", "left", "reached", "rows"):
            np.testing.assert_array_equal(getattr(sums, name), getattr(total, name), err_msg=name)
        if bool(one.state.terminated | one.state.truncated):
            break
    assert steps_cut_short > 0


def test_budgets_do_not_depend_on_how_often_one_acts():
    """Six waits of 10 s and one of 60 s refill the same."""
    often, once = (Sim().set(energy=1000, funds=5000) for _ in range(2))
    once.start({})
    once.set(agent_done=60_000)
    for sim in (often, once):
        while int(sim.state.time) < 60_000 or not sim.deciding().any():
            if sim.deciding().any():
                sim.start({})
            sim.event()
    assert same(often.state, once.state, ignore=("agent_start", "last_duration")) == []
    np.testing.assert_array_equal(often.state.energy, [61_000] * 4)
    np.testing.assert_array_equal(often.state.funds, [125_000, 65_000])


def test_losses_are_integrated_exactly():
    """A foothold and an isolated host, for a minute."""
    sim = Sim()
    (own,) = np.flatnonzero(sim.state.host_priv)
    down = sim.hosts(T.Role.WEB)[0]
    sim.set(host_status={down: T.Status.ISOLATED})
    sim.start({})
    sim.set(agent_done=60_000)
    loss = np.zeros(4, int)
    while int(sim.state.time) < 60_000:
        sim.event()
        loss += np.asarray(sim.sums.loss)
    weight = np.asarray(sim.state.host_weight).astype(int)
    np.testing.assert_array_equal(loss, 60_000 * np.array([0, 2 * weight[own], 20 * weight[down], 0]))


# ---------------------------------------------------------------- interruption and truth at completion


def exploiting(done: int = 30_000) -> tuple[Sim, int, int]:
    """Red exploits one workstation from another: the episode, source and target."""
    sim = Sim()
    source = int(np.flatnonzero(sim.state.host_priv)[0])
    target = next(h for h in sim.hosts(T.Role.WORKSTATION, T.Zone.CORPORATE) if h != source)
    port = T.bits(T.Port.RDP) | T.bits(T.Weakness.CVE_2019_0708) << T.NUM_PORTS
    sim.fix(host_weak={target: T.bits(T.Weakness.CVE_2019_0708)}, host_os={target: T.Os.WINDOWS_10})
    sim.set(red_known={(0, target): True}, red_scan={(0, target): port})
    assert sim.allows(RED, Red.EXPLOIT_BLUE_KEEP, target)
    sim.start({RED: (Red.EXPLOIT_BLUE_KEEP, target)})
    assert int(sim.state.agent_source[RED]) == source
    sim.set(agent_done={0: 600_000, 1: 600_000, 2: 600_000, RED: done})
    return sim, source, target


@pytest.mark.parametrize(
    ("isolated", "outcome"), [(29_999, Outcome.ABORTED), (30_000, Outcome.ABORTED), (30_001, Outcome.SUCCESS)]
)
@pytest.mark.parametrize("at", ["source", "target"])
def test_isolation_interrupts(isolated, outcome, at):
    sim, source, target = exploiting()
    where = source if at == "source" else target
    sim.set(agent_kind={1: Blue.ISOLATE}, agent_target={1: where}, agent_done={1: isolated})
    assert sim.until(RED) == outcome
    assert int(sim.state.host_priv[target]) == (outcome == Outcome.SUCCESS)
    assert int(sim.state.last_duration[RED]) == min(isolated, 30_000)
    if outcome == Outcome.SUCCESS:
        sim.until(1)
    assert int(sim.state.host_status[where]) == T.Status.ISOLATED


def test_an_interrupted_action_completes_at_once():
    sim, source, _ = exploiting()
    sim.set(agent_kind={1: Blue.ISOLATE}, agent_target={1: source}, agent_done={1: 12_345})
    sim.until(1)
    assert bool(sim.state.agent_cancelled[RED])
    event = sim.event()
    assert (int(event.agent), int(event.time), int(event.outcome)) == (RED, 12_345, Outcome.ABORTED)
    assert not bool(sim.state.agent_cancelled[RED])
    assert int(sim.state.agent_done[RED]) == NEVER


@pytest.mark.parametrize("kind", [Blue.RESTORE, Blue.RESTORE_FROM_BACKUP])
def test_reimaging_interrupts_when_it_starts(kind):
    sim, source, target = exploiting()
    sim.set(agent_done={1: NEVER}, agent_kind={1: Blue.NONE})
    sim.start({1: (kind, target)})
    assert bool(sim.state.agent_cancelled[RED])
    assert int(sim.state.host_status[target]) == T.Status.REIMAGING
    assert sim.until(RED) == Outcome.ABORTED
    assert int(sim.state.host_priv[target]) == 0


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"host_status": T.Status.OFF}, Outcome.GONE),
        ({"host_status": T.Status.PANIC}, Outcome.GONE),
        ({"host_lease": 1}, Outcome.SUCCESS),  # the connection is open
        ({"host_decoy": 1}, Outcome.CAUGHT),
    ],
)
def test_the_truth_at_completion_counts(change, outcome):
    sim, _, target = exploiting()
    sim.set(**{name: {target: value} for name, value in change.items()})
    assert sim.until(RED) == outcome
    assert int(sim.state.host_priv[target]) == (outcome == Outcome.SUCCESS)


def test_a_rule_set_in_between_blocks():
    """Dmz to corporate is open for smb, but not when corporate is strict."""
    sim = Sim("cloud_hybrid")
    web, target = sim.hosts(zone=T.Zone.DMZ)[0], sim.hosts(T.Role.FILE, T.Zone.CORPORATE)
    target = target[0] if target else sim.hosts(T.Role.DOMAIN_CONTROLLER, T.Zone.CORPORATE)[0]
    picture = T.bits(T.Port.SMB) | T.bits(T.Weakness.MS17_010) << T.NUM_PORTS
    sim.fix(host_weak={target: T.bits(T.Weakness.MS17_010)})
    sim.set(host_priv={web: 1}, red_known={(0, target): True}, red_scan={(0, target): picture}, host_decoy=0)
    start = sim.state
    for level, outcome in ((Level.NORMAL, Outcome.SUCCESS), (Level.STRICT, Outcome.BLOCKED)):
        sim.state = start
        sim.alone(RED, Red.EXPLOIT_ETERNAL_BLUE, target)
        sim.set(zone_level={T.Zone.CORPORATE: level})
        assert sim.until(RED) == outcome
        port = sim.state.red_tried[0, T.Zone.CORPORATE, T.Port.SMB]
        assert int(port) == (1 if outcome == Outcome.SUCCESS else 2)


def test_closing_a_zone_aborts_what_crosses_its_border():
    sim, source, _ = exploiting()
    sim.set(zone_level={T.Zone.CORPORATE: Level.STRICT})
    sim.set(agent_kind={1: Blue.RESTRICT}, agent_target={1: T.Zone.CORPORATE}, agent_done={1: 9_000})
    assert sim.until(RED) == Outcome.ABORTED
    assert int(sim.state.zone_level[T.Zone.CORPORATE]) == Level.CLOSED
    assert not sim.allows(RED, Red.PRIVILEGE_ESCALATE, source)  # the session is dormant


def test_a_rotation_in_between_blocks_a_ticket():
    sim = Sim()
    (source,) = np.flatnonzero(sim.state.host_priv)
    target = next(h for h in sim.hosts(T.Role.WORKSTATION, T.Zone.CORPORATE) if h != source)
    sim.set(red_known={(0, target): True}, token_epoch={(0, T.Scope.CORP_ADMIN): 0})
    sim.set(token_expiry={(0, T.Scope.CORP_ADMIN): 3_000_000})
    start = sim.state
    assert sim.complete(RED, Red.PASS_THE_TICKET, target) == Outcome.SUCCESS
    assert int(sim.state.host_priv[target]) == T.Privilege.ROOT
    sim.state = start
    sim.alone(RED, Red.PASS_THE_TICKET, target, done=20_000)
    sim.set(agent_kind={1: Blue.ROTATE}, agent_target={1: T.Scope.CORP_ADMIN}, agent_done={1: 15_000})
    assert sim.until(RED) == Outcome.BLOCKED


def test_a_scan_of_a_host_with_a_new_address_finds_nothing():
    sim = Sim()
    target = sim.hosts(zone=T.Zone.DMZ)[0]
    sim.alone(RED, Red.DISCOVER_NETWORK_SERVICES, target)
    sim.set(host_lease={target: 1})
    assert sim.until(RED) == Outcome.GONE
    assert int(sim.state.red_scan[0, target]) == 0


def test_a_stolen_credential_lapses():
    sim = Sim()
    sim.set(token_epoch={(0, 1): 0}, token_expiry={(0, 1): 7_777})
    sim.start({})
    event = sim.event()
    while int(event.slot) != SLOTS["expiry"]:
        event = sim.event()
    assert int(event.time) == 7_777
    assert (np.asarray(sim.state.token_epoch) == -1).all()
    assert (np.asarray(sim.state.token_expiry) == NEVER).all()
