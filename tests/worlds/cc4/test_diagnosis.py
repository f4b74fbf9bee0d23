"""Where blue loses: counted as the rewards count it, and as the engine's state shows it."""

import jax
import numpy as np
import pytest

import garrison
from garrison.judge import diagnosis as judged
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.diagnosis import BLUE, CAUSES
from garrison.worlds.cc4.reward import losses

STEPS, ENVS = 160, 3  # of `played`


@pytest.fixture(scope="module")
def counters(played):
    """After each step: [step, env, ...]."""

    @jax.jit
    def count(before, after, step, actions):
        start = jax.vmap(BLUE.start)(jax.tree.map(lambda x: x[0], before))

        def one(counters, row):
            before, after, step, actions = row
            counters = jax.vmap(BLUE.add)(counters, before, actions, after, step)
            return counters, counters

        return jax.lax.scan(one, start, (before, after, step, actions))[1]

    before, after, step, actions = played
    return jax.tree.map(np.asarray, count(before, after, step, actions))


def test_losses_are_the_reward_parts_by_subnet(played):
    _, after, step, _ = played
    found = jax.jit(jax.vmap(jax.vmap(losses)))(after.options, after.state, step.info["events"])
    for column, cause in enumerate(CAUSES):
        expected = np.asarray(step.info["reward_parts"][cause])
        np.testing.assert_allclose(found[..., column].sum(-1), expected, atol=1e-4, err_msg=cause)
        assert expected.any()
    np.testing.assert_allclose(found.sum((-1, -2)), step.reward[..., 0], atol=1e-4)


def test_losses_add_up_over_an_episode(played, counters):
    reward = np.asarray(played[2].reward)[..., 0]
    np.testing.assert_allclose(counters.loss[-1].sum((-1, -2)), reward.sum(0), rtol=1e-5)


def footholds(state, step, env):
    """Hosts where red has a session, and where it has root, read session by session."""
    held, rooted = set(), set()
    for red, slot in np.argwhere(np.asarray(state.session_kind[step, env]) > 0):
        host = int(state.session_host[step, env, red, slot])
        held.add(host)
        if state.session_user[step, env, red, slot] == T.User.ROOT:
            rooted.add(host)
    return held, rooted


def test_steps_under_red_are_those_of_its_sessions(played, counters):
    """And a Restore that ends a root foothold waited as long as the foothold lasted."""
    state, events = jax.tree.map(np.asarray, (played[1].state, played[2].info["events"]))
    defended = {int(host) for host in np.flatnonzero(T.HOST_BLUE != T.NO_AGENT)}
    for env in range(ENVS):
        user = root = restored = waited = 0
        since = dict.fromkeys(range(T.NUM_HOSTS), 0)
        for step in range(STEPS):
            held, rooted = footholds(state, step, env)
            user += len((held - rooted) & defended)
            root += len(rooted & defended)
            for agent in range(5):
                done = events.blue_outcome[step, env, agent] == T.Outcome.TRUE
                if events.blue_kind[step, env, agent] == T.Blue.RESTORE and done:
                    host = int(events.blue_host[step, env, agent])
                    if since[host] and host not in rooted:
                        restored, waited = restored + 1, waited + since[host]
            since = {host: since[host] + 1 if host in rooted else 0 for host in since}
        last = jax.tree.map(lambda x, env=env: x[-1, env], counters)
        assert (last.under_user, last.under_root) == (user, root)
        assert (last.restored, last.waited) == (restored, waited)
    assert counters.restored[-1].sum() > 0
    assert counters.under_root[-1].all()


def test_needless_restores_are_of_clean_hosts(played, counters):
    """The same number as the decisions that judges count: Restores where red had no foothold."""
    before, after, step, actions = played
    behavior = garrison.make("cc4").behavior()
    decided, places = jax.jit(jax.vmap(jax.vmap(behavior.decisions)))(before, actions, after, step)
    restore = (np.asarray(places[0]) == T.Blue.RESTORE) & (np.asarray(places[2]) == 0) & np.asarray(decided)
    assert counters.needless[-1].tolist() == restore.sum((0, 2)).tolist()
    assert restore.any()


def test_figures_are_means_and_measured_where_there_is_something(played, counters):
    last = jax.tree.map(lambda x: x[-1][None], counters)  # one seed
    returns = np.asarray(played[2].reward)[..., 0].sum(0)[None]
    figures = judged.figures(BLUE, last, returns)
    numbers = figures["numbers"]
    free = numbers["impacts on the contractor network, which nobody can prevent"]["mean"]
    assert numbers["controllable return"]["mean"] + free == pytest.approx(returns.mean())
    table = figures["tables"]["loss by subnet"]
    assert table["contractor_network"]["RIA"] == pytest.approx(free)
    assert sum(sum(row.values()) for row in table.values()) == pytest.approx(returns.mean(), rel=1e-4)
    none = jax.tree.map(np.zeros_like, last)
    waited = "steps from root to the end of such a Restore"
    assert judged.figures(BLUE, none, returns)["numbers"][waited] is None
    assert numbers[waited]["mean"] >= 1


def test_evaluations_have_it_wrapped_or_not():
    worlds = [garrison.make("cc4", steps=30, **more) for more in ({}, {"rewards": "cause"})]
    plain, shared = (
        garrison.evaluate(world, {"reactive": "reactive"}, episodes=2).figures["policies"]["reactive"]
        for world in worlds
    )
    assert plain["diagnosis"]["tables"]
    assert plain == shared
