"""What both sides observe, and that nothing hidden gets into what blue does (``soc-rules.md §6``)."""

import functools

import fuzz
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Game, Sim, random_draws

from garrison.worlds.soc import graph, legal, observe_blue, observe_red, truth, view
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.tables.blue import Blue, Verdict
from garrison.worlds.soc.tables.hosts import Role, Status, Zone
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import Scenario

OWN = observe_blue.own_slots(SMALL)
#: times of what is pending: whether an agent decides depends on them, and that is all
PENDING = ("batch_next", "clock", "hold_until", "host_until", "token_expiry")


@functools.cache
def programs():
    def both(options, topology, state):
        game = Game(SMALL, options, topology)
        return (
            observe_blue.vectors(game, state, "wide"),
            observe_red.vectors(game, state),
            legal.legal(game, state),
            truth.vector(game, state),
        )

    return jax.jit(both)


def look(sim):
    return [np.asarray(x) for x in programs()(sim.options, sim.topology, sim.state)]


def blue_features(sim, host):
    """Features of a host by label."""
    agent = int(T.ZONE_OWNER[sim.zone[host]])
    place = OWN.slot[agent].tolist().index(host)
    start = observe_blue.HOSTS_START + place * observe_blue.HOST_FEATURES
    values = look(sim)[0][agent, start : start + observe_blue.HOST_FEATURES]
    return dict(zip(observe_blue.HOST_LABELS, values.tolist(), strict=True))


def red_features(sim, host):
    start = observe_red.HOSTS_START + host * observe_red.HOST_FEATURES
    values = look(sim)[1][0, start : start + observe_red.HOST_FEATURES]
    return dict(zip(observe_red.HOST_LABELS, values.tolist(), strict=True))


@pytest.mark.parametrize("size", ["small", "50", "100"])
def test_vectors_have_a_label_per_feature(size):
    static = Static(size)
    for contract in observe_blue.OBSERVATIONS:
        for agent, length in enumerate(observe_blue.sizes(static, contract)):
            assert len(observe_blue.labels(static, agent, contract)) == length
    assert len(observe_red.labels(static)) == observe_red.size(static)
    largest = max(observe_blue.sizes(static, "counters"))
    assert {"small": 700, "50": 1_480, "100": 2_680}[size] == pytest.approx(largest, rel=0.06)


def test_vectors_fit_their_sizes():
    blue, red, _, true = look(Sim())
    assert blue.shape == (3, max(observe_blue.sizes(SMALL, "wide")))
    assert red.shape == (1, observe_red.size(SMALL))
    assert true.shape == (truth.size(SMALL),)
    for agent, length in enumerate(observe_blue.sizes(SMALL, "wide")):
        assert (blue[agent, length:] == 0).all()


def test_blue_sees_its_inventory_and_its_verdicts():
    sim = Sim()
    host = sim.hosts(Role.DOMAIN_CONTROLLER, Zone.CORPORATE)[0]
    sim.set(time=100_000, host_status={host: Status.ISOLATED}, host_edr={host: True})
    sim.set(view_verdict={host: Verdict.ROOT}, view_verdict_time={host: 40_000}, view_severe={host: 8})
    sim.set(view_fast={(host, 9): 128})
    seen = blue_features(sim, host)
    on = {name for name, value in seen.items() if value == 1}
    assert on == {"exists", "is controller", "runs Windows", "is isolated", "EDR", "verdict root"}
    assert seen["weight"] == pytest.approx(int(sim.state.host_weight[host]) / 100)
    assert seen["log age of the verdict"] == pytest.approx(np.log1p(6))
    assert seen["log age of the last severe token"] == pytest.approx(np.log1p(6))
    assert seen["log age of the last heartbeat"] == pytest.approx(np.log1p(720))
    assert seen["fast: ids"] == 2


def test_red_sees_what_it_knows():
    sim = Sim()
    own = int(np.flatnonzero(sim.state.host_priv)[0])
    other = next(h for h in sim.hosts(zone=Zone.SECURE))
    seen = red_features(sim, own)
    assert {seen[name] for name in ("known", "visited", "session", "User", "is workstation")} == {1}
    assert (seen["Root"], seen["dormant"], seen["scanned"]) == (0, 0, 0)
    assert set(red_features(sim, other).values()) == {0}
    sim.set(host_status={own: Status.ISOLATED}, red_known={(0, other): True}, red_scan={(0, other): 1 << 3})
    assert red_features(sim, own)["dormant"] == 1
    seen = red_features(sim, other)
    assert {name for name, value in seen.items() if value} == {"known", "scanned", "port rdp"}


def reachable(seed, events):
    """States of a random episode, now and then."""
    rng = np.random.default_rng(seed)
    sim = Sim(["ransomware", "iot_grid", "ot_stuxnet"][seed % 3], "hard", clocks=True)
    for number in range(events):
        draws = random_draws(SMALL, rng)
        if sim.deciding().any():
            mask = sim.mask()
            indices = (rng.random(mask.shape) * mask).argmax(axis=1).tolist()
            if number % 3 == 0:
                yield sim, rng
            sim.start_indices(indices, dict(enumerate(draws.start.tolist())))
        sim.event(jax.tree.map(lambda x: x[0], draws.rows))


def hidden(state, rng):
    """The state with all that blue does not know replaced at random."""
    new = {}
    for name, value in vars(state).items():
        if name in view.KNOWN or name in PENDING or name in ("terminated", "truncated"):
            continue
        old = np.asarray(value)
        top = 2 if old.dtype == bool else 8 if name in ("host_priv", "host_owner") else 120
        other = rng.integers(0, top, old.shape).astype(old.dtype)
        if name in view.OWN:
            mine, others = (
                (..., part) for part in (slice(None, view.OWN[name]), slice(view.OWN[name], None))
            )
            other[mine] = old[mine]
            if name == "agent_done":
                other[others] = old[others]
        new[name] = jnp.asarray(other)
    return state.replace(**new)


def test_what_is_hidden_changes_nothing_that_blue_sees_or_may_do():
    """§6.6: non-interference."""
    states = 0
    for seed in range(3):
        for sim, rng in reachable(seed, 90):
            blue, _, mask, true = look(sim)
            before, sim.state = sim.state, hidden(sim.state, rng)
            other, _, other_mask, other_true = look(sim)
            np.testing.assert_array_equal(blue, other)
            np.testing.assert_array_equal(mask[:3], other_mask[:3])
            assert (true != other_true).any()
            sim.state = before
            states += 1
    assert states > 20


@pytest.mark.slow
def test_what_is_hidden_changes_nothing_in_ten_thousand_states():
    """§6.6, in states of episodes in which much happens."""
    static, rows, rng = Static(events=1), 256, np.random.default_rng(0)
    episodes = [
        fuzz.Episode(seed, scenario, "hard", "curious", "curious", seed % 2 == 0)
        for seed in range(8)
        for scenario in Scenario
    ]
    ((lane, played),) = fuzz.recorded(static, episodes, rows, rows)
    look = jax.jit(jax.vmap(jax.vmap(programs(), (None, None, 0)), (0, 0, 0)))
    blue, _, mask, true = look(lane.options, lane.topology, played.state)
    other, _, other_mask, other_true = look(lane.options, lane.topology, hidden(played.state, rng))
    np.testing.assert_array_equal(blue, other)
    np.testing.assert_array_equal(mask[:, :, :3], other_mask[:, :, :3])
    assert (np.asarray(true) != np.asarray(other_true)).any(-1).all()
    assert mask.shape[0] * mask.shape[1] > 10_000


def reaching(function, state):
    """Fields of the state that the result of a function can depend on, by its traced program."""
    leaves, tree = jax.tree.flatten(state)
    traced = jax.make_jaxpr(lambda *given: function(jax.tree.unflatten(tree, given)))(*leaves).jaxpr
    needed = {id(var) for var in traced.outvars}
    for equation in reversed(traced.eqns):
        if needed & {id(var) for var in equation.outvars}:
            needed |= {id(var) for var in equation.invars}
    paths = [path[0].name for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    return {name for name, var in zip(paths, traced.invars, strict=True) if id(var) in needed}


def test_no_hidden_field_reaches_what_blue_sees_or_may_do():
    """§6.6, by the traced program. Times of what is pending tell only who decides."""
    sim = Sim()
    game = Game(SMALL, sim.options, sim.topology)
    known = set(view.KNOWN) | set(view.OWN)
    seen = reaching(lambda state: observe_blue.vectors(game, state, "wide"), sim.state)
    assert {"view_fast", "host_edr", "last_outcome"} <= seen <= known
    assert "host_priv" in reaching(lambda state: truth.vector(game, state), sim.state)

    def allowed(state):
        seen = view.blue_view(state)
        return legal.blue_places(game, seen), legal.payable_blue(seen)

    assert {"host_status", "energy"} <= reaching(allowed, sim.state) <= known


def test_a_compromise_whose_tokens_are_lost_is_not_seen():
    """§6.6: silent compromise. Only Analyse finds it."""
    quiet, owned = Sim(), Sim()
    host = next(h for h in quiet.hosts(Role.ADMIN_WORKSTATION))
    for sim in (quiet, owned):
        sim.draw(token=0.999, chance=0.0, host=0.999)
        sim.set(red_known={(0, host): True}, host_edr=False, host_decoy=0)
        sim.set(token_epoch={(0, T.Scope.CORP_ADMIN): 0}, token_expiry={(0, T.Scope.CORP_ADMIN): 3_000_000})
    owned.alone(RED, Red.PASS_THE_TICKET, host)
    quiet.alone(RED, Red.WAIT)
    for sim in (quiet, owned):
        sim.until(RED)
        for _ in range(3):
            sim.event()
    assert int(owned.state.host_priv[host]) == T.Privilege.ROOT
    np.testing.assert_array_equal(look(quiet)[0], look(owned)[0])
    agent = owned.owner(Blue.ANALYSE, host)
    for sim in (quiet, owned):
        while not sim.deciding()[agent]:
            sim.event()
        sim.draw(chance=0.1)
        sim.complete(agent, Blue.ANALYSE, host)
    assert blue_features(owned, host)["verdict root"] == 1
    assert blue_features(quiet, host)["verdict clean"] == 1


def test_when_blue_is_asked_says_nothing_of_red():
    """§6.6: the times of blue's decisions follow from its own actions, a watch apart."""

    def asked(attacks):
        sim, rng = Sim("iot_grid", clocks=True), np.random.default_rng(3)
        times, started = [], 0
        while int(sim.state.time) < 90_000:
            deciding = sim.deciding()
            times += [(int(sim.state.time), agent) for agent in np.flatnonzero(deciding[:RED])]
            if deciding.any():
                mask = sim.mask()
                actions = mask[:, 1].astype(int)  # waits where it decides
                if attacks and deciding[RED]:
                    actions[RED] = rng.choice(np.flatnonzero(mask[RED, 2:]) + 2)
                    started += 1
                sim.start_indices(actions.tolist(), {RED: 0.1})
            sim.event()
        return times, started

    (quiet, _), (attacked, acts) = asked(False), asked(True)
    assert acts > 3
    assert quiet == attacked
    assert len(quiet) > 20


def test_severe_tokens_end_a_watch():
    """§2.4: released by a delivered token of severity 6 or more on an own host."""
    sim = Sim()
    mine, other = sim.hosts(zone=Zone.DMZ)[0], sim.hosts(zone=Zone.CORPORATE)[0]
    for what, host, expected in (
        (K.Token.IDS, mine, 5_000),
        (K.Token.IDS, other, 10_000),
        (17, mine, 10_000),
    ):
        sim = Sim()
        sim.start({0: (Blue.WATCH,)})
        sim.set(agent_done={0: 10_000, 1: 60_000, 2: 60_000, RED: 60_000})
        sim.set(ring_what={63: int(what)}, ring_where={63: host | T.NO_HOST << 8}, ring_deliver={63: 1})
        sim.draw(host=0.999)  # no noise
        sim.until(0)
        assert int(sim.state.time) == expected


def test_graphs_follow_levels_and_isolation():
    """§6.3: adjacency is a function of the vector."""
    sim = Sim("iot_grid")
    agent = 2
    nodes = graph.places(SMALL, agent)
    hosts = nodes.hosts.shape[0]
    dc = OWN.slot[agent].tolist().index(sim.hosts(Role.DOMAIN_CONTROLLER, Zone.SECURE)[0])
    plc = OWN.slot[agent].tolist().index(sim.hosts(Role.PLC)[0])
    corporate = hosts + int(Zone.CORPORATE)

    def edges():
        return np.asarray(graph.adjacency(SMALL, agent, jnp.asarray(look(sim)[0][agent])))

    before = edges()
    assert before.diagonal().all()
    assert before[dc, plc]
    assert before[dc, corporate]
    assert not before[plc, corporate]
    sim.set(zone_level={Zone.OT: 2})
    assert not edges()[dc, plc]
    sim.set(host_status={OWN.slot[agent, dc]: Status.ISOLATED})
    assert edges()[dc].sum() == 1
    names = np.array(observe_blue.labels(SMALL, agent, "counters"))
    assert names[nodes.hosts[0, 0]] == f"host {OWN.slot[agent, 0]}: exists"
    assert names[nodes.zones[1, 0]] == "corporate: is normal"
