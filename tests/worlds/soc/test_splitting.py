"""How an episode is cut into actions and steps changes neither its law nor what it pays (``§2.8``)."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Game, Sim

from garrison.worlds.soc import clock, step
from garrison.worlds.soc.draws import sample
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.red import Red

MINUTE = 60_000
LANES, ROWS = 512, 64  # a minute has 12 batches, at most 24 waits that end, and some 20 strikes of clocks
#: of actions in flight and the last ones, which are those that the two ways of waiting differ in
ACTIONS = ("agent_start", "agent_done", "agent_kind", "last_duration", "last_kind", "last_outcome")


def waiting(sim: Sim):
    """A program: states after a minute in which everybody waits, by waits of 10 s or by one of a minute."""
    wait = [sim.index(agent, Red.WAIT if agent == RED else Blue.WAIT) for agent in range(4)]

    def row(options, once, state, key):
        game, draws = Game(SMALL, options, sim.topology), sample(key, SMALL)
        decides = clock.deciding(game, state)
        begun = step.begin(game, draws, state, jnp.asarray(wait, jnp.int32))
        begun = begun.replace(agent_done=jnp.where(decides & once, MINUTE, begun.agent_done))
        after, _, _ = step.advance(game, jax.tree.map(lambda x: x[0], draws.rows), begun)
        over = (state.time >= MINUTE) & jnp.any(decides)
        return jax.tree.map(lambda old, new: jnp.where(over, old, new), state, after), over

    @jax.jit
    def minute(options, once, key):
        one = functools.partial(row, options, once)
        lane = lambda key: jax.lax.scan(one, sim.state, jax.random.split(key, ROWS))  # noqa: E731
        states, over = jax.vmap(lane)(jax.random.split(key, LANES))
        return states, jnp.all(over[:, -1])

    def play(options, once, seed):
        states, over = jax.device_get(minute(options, once, jax.random.key(seed)))
        assert over
        assert (states.time == MINUTE).all()
        return states

    return play


def differences(left, right) -> dict[str, float]:
    """Least p-values of each field: of its sum (KS), and of how often each value occurs in it (χ²)."""
    found = {}
    for name, one in vars(left).items():
        other = vars(right)[name]
        if name in ACTIONS or (one == one[:1]).all() and (other == one[:1]).all():
            continue
        sums = [x.reshape(LANES, -1).astype(float).sum(axis=1) for x in (one, other)]
        found[f"{name}: sum"] = stats.ks_2samp(*sums, method="asymp").pvalue
        parts = [x.reshape(LANES, -1).astype(np.int64) for x in (one, other)]
        values = np.unique(np.concatenate(parts))
        if len(values) <= 16:  # how many places of a lane have each value: lanes are independent, places not
            counts = [[(x == value).sum(axis=1) for x in parts] for value in values]
            for value, pair in zip(values.tolist(), counts, strict=True):
                table = [np.bincount(x, minlength=max(map(np.max, pair)) + 1) for x in pair]
                kept = np.array(table)[:, np.sum(table, axis=0) >= 10]
                if kept.shape[1] > 1:
                    found[f"{name}: {value}"] = stats.chi2_contingency(kept).pvalue
    return found


@pytest.mark.slow  # two thousand minutes of 60 events, and their program
def test_waiting_once_or_often_gives_the_same_distribution():
    sim = Sim("iot_grid", "hard", clocks=True)
    sim.set(energy=10_000, funds=1000, host_cached=0, clock=jnp.array([3_000, 7_000, 11_000, 13_000, 17_000]))
    play = waiting(sim)
    often, once = play(sim.options, False, 0), play(sim.options, True, 1)
    for states in (often, once):
        np.testing.assert_array_equal(states.energy, 70_000)
    found = differences(often, once)
    assert {
        f"{name}: sum"
        for name in ("ring_next", "host_cached", "clock", "view_fast", "host_lease", "host_status")
    } <= set(found)
    worst = min(found, key=lambda name: found[name])
    assert found[worst] > 0.01 / len(found), (worst, found[worst])
    # it notices clocks that strike more often
    faster = sim.options.replace(clock_mean=sim.options.clock_mean * 2 // 3)
    found = differences(often, play(faster, True, 2))
    assert min(found.values()) < 0.01 / len(found)


# ---------------------------------------------------------------- discounts

GAMMA = 0.99
UNIT = 10_000  # milliseconds of a unit of time


@pytest.fixture(scope="module")
def constant_loss():
    """Losses and milliseconds of each event of a minute, in which nothing changes, and where steps end."""
    sim = Sim()
    sim.set(host_status={sim.hosts(T.Role.WEB)[0]: T.Status.ISOLATED})
    events = []
    while int(sim.state.time) < MINUTE or not sim.deciding().any():
        if sim.deciding().any():
            sim.start({})
        sim.event()
        events.append((int(np.sum(sim.sums.loss)), int(sim.sums.elapsed), bool(sim.deciding().any())))
    return events


@pytest.mark.parametrize("rows", [1, 2, 4, 8])
def test_discounted_returns_have_a_closed_form(constant_loss, rows):
    """Rewards of a step are exact. Discounted within the step, they add up to the integral for any cut.

    Without that, as learners do, a step's reward counts for more, by at most ``-log(gamma) elapsed / 2``.
    """
    steps, loss, passed, used = [], 0, 0, 0
    for points, ms, decides in constant_loss:
        loss, passed, used = loss + points, passed + ms, used + 1
        if decides or used == rows:
            steps.append((loss, passed / UNIT))
            loss, passed, used = 0, 0, 0
    assert not used
    total, units = sum(points for points, _ in steps), MINUTE / UNIT
    rate, d = total / units, -math.log(GAMMA)
    assert total == sum(points for points, _, _ in constant_loss)  # gamma = 1
    now, exact, plain, bound = 0.0, 0.0, 0.0, 0.0
    for points, elapsed in steps:
        within = (1 - GAMMA**elapsed) / (elapsed * d) if elapsed else 1.0
        exact += GAMMA**now * points * within
        plain += GAMMA**now * points
        bound += GAMMA**now * points * d * elapsed / 2
        now += elapsed
    integral = rate * (1 - GAMMA**units) / d
    assert now == units
    assert exact == pytest.approx(integral, rel=1e-12)
    assert 0 < plain - integral <= bound
    assert bound < 0.01 * plain
