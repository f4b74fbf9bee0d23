"""The assets of CAGE Challenge 4: their roles, and which bits are recorded."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import garrison
from garrison.core.wrappers import AutoReset, EpisodeStats
from garrison.judge import resilience
from garrison.judge.episodes import episode_keys, scan
from garrison.judge.evaluate import evaluate
from garrison.judge.lineup import grouped
from garrison.judge.summary import summary
from garrison.worlds.cc4 import roles
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.assets import BLUE, of_network

OPTIONS = {"steps": 140, "users": 4, "servers": 2}
CANDIDATES = roles.CANDIDATES


# ---------------------------------------------------------------- roles


def network(servers_a, servers_b, users=3):
    exists = np.zeros(T.NUM_HOSTS, bool)
    for zone, servers in ((T.OZA, servers_a), (T.OZB, servers_b)):
        exists[[T.server_host(zone, i) for i in range(servers)]] = True
        exists[[T.user_host(zone, i) for i in range(users)]] = True
    return exists


def many(exists, count=20_000):
    draw = jax.jit(jax.vmap(partial(roles.drawn, exists=jnp.asarray(exists))))
    return np.asarray(draw(jnp.arange(count, dtype=jnp.uint32)))


@pytest.mark.parametrize("servers", [(1, 1), (1, 2), (3, 3), (6, 6)])
def test_each_role_falls_on_hosts_with_its_chance(servers):
    exists = network(*servers)
    drawn, chance = many(exists), np.asarray(roles.chances(jnp.asarray(exists)), np.float64)
    assert (np.sort(drawn, axis=1)[:, :-1] < np.sort(drawn, axis=1)[:, 1:]).all()  # distinct
    assert chance.sum() == pytest.approx(1)
    possible = chance > 0
    assert (possible == (exists[CANDIDATES] & (T.IS_SERVER[CANDIDATES] | (sum(servers) < 3)))).all()
    for number in range(3):
        counts = np.array([np.sum(drawn[:, number] == host) for host in CANDIDATES])
        assert counts.sum() == counts[possible].sum() == len(drawn)
        assert stats.chisquare(counts[possible], chance[possible] / chance.sum() * len(drawn)).pvalue > 1e-3


def test_pairs_of_roles_are_uniform_too():
    drawn = many(network(2, 2))
    table = np.zeros((T.NUM_HOSTS, T.NUM_HOSTS))
    np.add.at(table, (drawn[:, 0], drawn[:, 1]), 1)
    assert stats.chisquare(table[table > 0]).pvalue > 1e-3
    assert (table > 0).sum() == 4 * 3


def test_the_roles_of_a_network_follow_from_its_addresses():
    """Pinned: a change of the draw changes published figures."""
    exists = network(4, 5)
    address, subnets = np.arange(T.NUM_HOSTS, dtype=np.uint8), np.arange(9, dtype=np.uint8)
    found = np.asarray(roles.of_network(exists, address, subnets))
    compiled = jax.jit(roles.of_network)(exists, address, subnets)
    np.testing.assert_array_equal(compiled, found)
    assert [T.HOST_NAMES[host] for host in found] == PINNED
    absent = np.where(exists, address, 7).astype(np.uint8)  # addresses of hosts that are not there
    np.testing.assert_array_equal(roles.of_network(exists, absent, subnets), found)
    changed = [roles.of_network(exists, address, subnets + np.uint8(i)) for i in range(1, 9)]
    assert len({tuple(np.asarray(one).tolist()) for one in changed}) > 4


PINNED = [
    "operational_zone_a_subnet_server_host_3",
    "operational_zone_a_subnet_server_host_1",
    "operational_zone_b_subnet_server_host_4",
]


# ---------------------------------------------------------------- what is recorded


@pytest.fixture(scope="module")
def played():
    world = garrison.make("cc4", **OPTIONS)
    known = world.policies()
    policies = {name: known[name] for name in ("random", "idle")}
    results, recording = evaluate(world, policies, 8, seed=3, record="random", resilience=True)
    return world, results, recording


def hosts_with_roles(topology):
    """Of one episode."""
    fixed = of_network(topology.host_exists, topology.host_address, topology.subnet_address)
    return np.asarray(fixed.host), np.asarray(fixed.chance)


def test_the_record_is_that_of_plain_numpy(played):
    """And the rule of states is that of events: only attacks set a bit, only Restores clear it."""
    _, results, recording = played
    harm = jax.tree.map(lambda x: x[0, 0], results["random"].harm)
    after, events = recording.after.state, recording.step.info["events"]
    host, chance = hosts_with_roles(jax.tree.map(lambda x: x[0], recording.state.topology))
    bits = np.zeros(T.NUM_HOSTS, bool)
    for t in range(len(recording.actions)):
        blue = (events.blue_kind[t] == T.Blue.RESTORE) & (events.blue_outcome[t] == T.Outcome.TRUE)
        bits[events.blue_host[t][blue]] = False
        for kind, name in enumerate(BLUE.attacks):
            done = (events.red_kind[t] == T.RED_NAMES.index(name)) & (events.red_outcome[t] == T.Outcome.TRUE)
            bits[events.red_host[t][done]] = True
            counts = [np.sum(events.red_host[t][done] == one) for one in host]
            assert harm.attacks[t, kind].tolist() == counts
        state = after.host_ot_stopped[t] | (after.host_reliability[t] < 100).any(axis=1)
        np.testing.assert_array_equal(bits[CANDIDATES], state[CANDIDATES])
        np.testing.assert_array_equal(harm.impacted[t], state[host])
        root = (after.session_kind[t] > 0) & (after.session_user[t] == T.User.ROOT)
        held = np.isin(np.arange(T.NUM_HOSTS), after.session_host[t][root])
        np.testing.assert_array_equal(harm.held[t], held[host])
        expected = [chance @ flags[CANDIDATES] for flags in (state, held)]
        np.testing.assert_allclose(harm.expected[t], expected, rtol=1e-6)
        assert harm.phase[t] == after.phase[t]
    assert harm.impacted.any()
    assert harm.held.any()


def test_idle_blue_repairs_nothing(played):
    world, results, _ = played
    figures = summary(world, results, 3)["policies"]["idle"]["resilience"]
    assert figures["recovery"]["censored"] == figures["recovery"]["count"] > 3
    assert figures["exposure"]["resilience"]["mean"] < figures["resilience"]["mean"] < 1
    impacted = results["idle"].harm.impacted
    assert (impacted[:, :, 1:] >= impacted[:, :, :-1]).all()


def test_who_describes_assets():
    world = garrison.make("cc4")
    assert world.assets() is BLUE
    assert garrison.make("cc4", side="red").assets() is None
    both = garrison.make("cc4", side="both", red=("fsm", "sleep"))
    assert both.assets("blue") is BLUE
    assert both.assets("red") is None
    assert EpisodeStats(AutoReset(world)).assets().attacks is BLUE.attacks
    with pytest.raises(ValueError, match="does not describe assets of this side"):
        evaluate(garrison.make("cc4", side="red"), {"idle": None}, 1, 0, resilience=True)


# ---------------------------------------------------------------- single steps


@pytest.fixture(scope="module")
def quiet():
    """A world in which red sleeps, a first state, and functions that play a step and give its harm."""
    world = garrison.make("cc4", red="sleep", green="sleep", **OPTIONS)
    _, episode = jax.jit(world.reset)(jax.random.key(0))
    fixed = BLUE.start(episode)

    def step(episode, actions):
        _, after, step = world.step(jax.random.key(1), episode, actions)
        return after, BLUE.harm(fixed, episode, actions, after, step)

    return episode, np.asarray(fixed.host), jax.jit(step)


def order(kind, host):
    """Actions with which the host's agent does ``kind``, and the others sleep."""
    actions = np.array(T.FIRST_BLUE_ACTION[T.Blue.SLEEP], np.int32)
    if kind != T.Blue.SLEEP:
        agent = int(T.HOST_BLUE[host])
        rows = T.BLUE_ACTIONS[agent]
        actions[agent] = np.flatnonzero((rows[:, 0] == kind) & (rows[:, 1] == host))[0]
    return jnp.asarray(actions)


def with_state(episode, **changes):
    return episode.replace(state=episode.state.replace(**changes))


def under_root(episode, host, ticks=0, kind=T.Red.SLEEP):
    """Red has root on the host, and its agent an action that is due in ``ticks`` steps."""
    state, agent = episode.state, int(T.HOST_RED[host])

    def put(array, value):
        return array.at[agent, 0].set(value)

    changes = {
        "session_kind": put(state.session_kind, T.Session.REVERSE_SHELL),
        "session_host": put(state.session_host, int(host)),
        "session_user": put(state.session_user, T.User.ROOT),
        "red_active": state.red_active.at[agent].set(True),
        "red_kind": state.red_kind.at[agent].set(kind),
        "red_host": state.red_host.at[agent].set(int(host)),
        "red_hostname": state.red_hostname.at[agent].set(int(host)),
        "red_ticks": state.red_ticks.at[agent].set(ticks),
    }
    return with_state(episode, **changes)


def played_out(quiet, episode, kind=T.Blue.SLEEP, steps=5, number=0):
    """Bits of one asset after each step: impacted, held, attacks of both kinds."""
    _, hosts, step = quiet
    found = []
    for t in range(steps):
        episode, harm = step(episode, order(kind if t == 0 else T.Blue.SLEEP, hosts[number]))
        impacted, held, _, attacks = (np.asarray(part) for part in harm)
        assert not np.delete(impacted, number).any()
        found.append((bool(impacted[number]), bool(held[number]), *attacks[:, number].tolist()))
    return found


def test_nothing_happens_where_red_sleeps(quiet):
    assert played_out(quiet, quiet[0]) == [(False, False, 0, 0)] * 5


@pytest.mark.parametrize("number", range(3))
def test_restore_clears_at_its_fifth_tick(quiet, number):
    host = int(quiet[1][number])
    stopped = with_state(quiet[0], host_ot_stopped=quiet[0].state.host_ot_stopped.at[host].set(True))
    found = played_out(quiet, stopped, T.Blue.RESTORE, number=number)
    assert [one[0] for one in found] == [True] * 4 + [False]
    assert [one[0] for one in played_out(quiet, stopped, T.Blue.REMOVE, number=number)] == [True] * 5


def test_a_decoy_that_is_degraded_counts(quiet):
    host = int(quiet[1][0])
    reliability = quiet[0].state.host_reliability.at[host, T.NUM_REAL].set(80)
    degraded = with_state(quiet[0], host_reliability=reliability)
    assert [one[0] for one in played_out(quiet, degraded, T.Blue.RESTORE)] == [True] * 4 + [False]


@pytest.mark.parametrize(("kind", "place"), [(T.Red.IMPACT, 2), (T.Red.DEGRADE, 3)])
def test_an_attack_counts_when_it_succeeds(quiet, kind, place):
    found = played_out(quiet, under_root(quiet[0], quiet[1][0], 2, kind), steps=3)
    assert [one[0] for one in found] == [False, True, True]
    assert [one[1] for one in found] == [True] * 3  # root alone is no impact
    assert [one[place] for one in found] == [0, 1, 0]
    assert sum(sum(one[2:]) for one in found) == 1


def test_an_attack_that_fails_changes_nothing(quiet):
    """Without root; and on a service that is stopped already."""
    episode, hosts, _ = quiet
    user = under_root(episode, hosts[0], 1, T.Red.IMPACT)
    agent = int(T.HOST_RED[hosts[0]])
    user = with_state(user, session_user=user.state.session_user.at[agent, 0].set(T.User.USER))
    assert played_out(quiet, user, steps=1) == [(False, False, 0, 0)]
    again = under_root(episode, hosts[0], 1, T.Red.IMPACT)
    again = with_state(again, host_ot_stopped=again.state.host_ot_stopped.at[int(hosts[0])].set(True))
    assert played_out(quiet, again, steps=1) == [(True, True, 0, 0)]


# ---------------------------------------------------------------- many episodes


@pytest.mark.slow
@pytest.mark.parametrize("red", ["fsm", "random_select"])
def test_states_and_events_agree_in_many_episodes(red):
    """On all operational hosts, against random and guard: 100 episodes of each."""
    world = garrison.make("cc4", red=red, observation="rich")
    lineup, _ = grouped([world.policies()[name] for name in ("random", "guard")])

    def fold(figures, now):
        bits, wrong, seen = figures
        events, after = now.step.info["events"], now.after.state

        def hit(kind, host, outcome, kinds):
            chosen = jnp.isin(kind, jnp.array(kinds)) & (outcome == T.Outcome.TRUE)
            return jnp.any(chosen[..., None] & (host[..., None] == CANDIDATES), axis=-2)

        attacked = hit(events.red_kind, events.red_host, events.red_outcome, (T.Red.IMPACT, T.Red.DEGRADE))
        restored = hit(events.blue_kind, events.blue_host, events.blue_outcome, (T.Blue.RESTORE,))
        bits = (bits & ~restored) | attacked
        state = after.host_ot_stopped | jnp.any(after.host_reliability < 100, axis=-1)
        differ = jnp.any(bits != state[..., CANDIDATES], axis=-1)
        return (bits, wrong + differ, seen + jnp.sum(bits, axis=-1, dtype=jnp.int32)), ()

    @jax.jit
    def play(seeds):
        rows = (lineup.size, len(seeds))
        none = jnp.zeros(rows, jnp.int32)
        start = jnp.zeros((*rows, len(CANDIDATES)), bool), none, none
        return scan(world, lineup, episode_keys(seeds), fold, start)[0][1:]

    with jax.numpy_rank_promotion("allow"):
        found = [play(jnp.arange(i, i + 50, dtype=jnp.uint32)) for i in (0, 50)]
    assert sum(int(wrong.sum()) for wrong, _ in found) == 0
    assert sum(int(seen[0].sum()) for _, seen in found) > 2_000  # impacted host-steps under random


@pytest.mark.slow
def test_nothing_is_impacted_where_red_sleeps():
    world = garrison.make("cc4", red="sleep")
    results, _ = evaluate(world, {"random": world.policies()["random"]}, 2, seed=0, resilience=True)
    one = results["random"]
    found = resilience.figures(BLUE.attacks, world.behavior().phases, one.harm, one.lengths)
    assert found["resilience"]["mean"] == found["exposure"]["resilience"]["mean"] == 1
    assert (found["outages"], found["recovery"]) == (0, None)
