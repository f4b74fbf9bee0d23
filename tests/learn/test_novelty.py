"""Intrinsic rewards: what is new within an episode and over all of them, and what depends on it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal

import garrison
from garrison.algos import ippo, mappo
from garrison.learn import norm, novelty
from garrison.runs import checkpoint
from garrison.worlds.toy.network import Network

SETTINGS: dict[str, Any] = {"num_envs": 4, "minibatches": 2, "hidden_sizes": (8,), "novelty": "ngu"}
#: of novelty alone: the policy hardly changes
LEARNING = ippo.Config(**SETTINGS | {"minibatches": 7, "learning_rate": 1e-9})


def played(config, world, iterations=1, algorithm=ippo, state=None):
    """The state after some iterations, and their metrics."""
    state = jax.jit(algorithm.init)(config, world, jax.random.key(0)) if state is None else state
    step, seen = jax.jit(algorithm.iteration), []
    for _ in range(iterations):
        state, metrics = step(config, world, state)
        seen.append(metrics)
    return state, seen


# ---------------------------------------------------------------- episodic


def episodic_rewards(points: list[float], scale: float = 1.0) -> np.ndarray:
    """Rewards of one agent that goes through points on a line; ``scale``: mean squared distance."""
    line = jnp.asarray(points, jnp.float32)[:, None, None]
    begin = jnp.zeros(len(points) - 1, jnp.int32)
    distance = novelty.nearest(line[:-1], line[1:], begin)
    return np.asarray(novelty.episodic_reward(distance / scale))[:, 0]


def test_the_same_again_is_worth_less_and_something_new_more():
    reward = episodic_rewards([0.0] * 13 + [1.0])
    assert (np.diff(reward[:10]) < 0).all()
    np.testing.assert_allclose(reward[:3], [1, 1 / np.sqrt(2), 1 / np.sqrt(3)], rtol=3e-3)
    np.testing.assert_allclose(reward[10:12], reward[9])  # no more than ten neighbors count
    assert reward[-1] > 5 * reward[0]


def test_episodes_begin_with_rewards_as_large_as_later_ones():
    """Without neighbors the pseudo-count would be 0, and the reward 1 / c."""
    reward = episodic_rewards([float(x) for x in range(12)])
    assert reward.max() < 1.2 * reward[-1]


def test_what_is_within_the_cluster_distance_is_the_same():
    near, far = (episodic_rewards([0.0, np.sqrt(x)])[0] for x in (0.007, 0.012))
    assert near == pytest.approx(1, rel=3e-3)
    assert far > 3


def naive_neighbors(memory, used, now, after, done):
    """The same search, step by step."""
    steps, num_envs, agents, _ = now.shape
    found = np.full((steps, num_envs, agents, novelty.NEIGHBORS), np.inf)
    for env in range(num_envs):
        seen = [*memory[len(memory) - used[env] :, env]]
        for step in range(steps):
            seen.append(now[step, env])
            squares = np.sort(((np.stack(seen) - after[step, env]) ** 2).sum(-1), axis=0)
            nearest = squares[: novelty.NEIGHBORS].T
            found[step, env, :, : nearest.shape[1]] = nearest
            seen = [] if done[step, env] else seen
    return found


def test_neighbors_are_those_of_the_same_agent_environment_and_episode():
    rng = np.random.default_rng(0)
    slots, steps, num_envs, agents = 12, 30, 3, 2
    memory, now, after = (
        rng.normal(size=(rows, num_envs, agents, 4)).astype(np.float32) for rows in (slots, steps, steps)
    )
    used, done = np.array([0, 5, 12], np.int32), rng.random((steps, num_envs)) < 0.1
    nothing = jnp.zeros(agents, jnp.float32)
    before = novelty.Episodic(nothing, nothing, jnp.asarray(memory), jnp.asarray(used))
    found, later = novelty.distances(before, *map(jnp.asarray, (now, after, done)))
    expected = naive_neighbors(memory, used, now, after, done)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # Cut anywhere, the memory holds what is missing.
    first, between = novelty.distances(before, *(jnp.asarray(x[:11]) for x in (now, after, done)))
    second, end = novelty.distances(between, *(jnp.asarray(x[11:]) for x in (now, after, done)))
    long = [step for step in range(steps) if step < 11 or done[:step].any(axis=0).all()]
    joined = np.concatenate([first, second])
    np.testing.assert_allclose(joined[long], expected[long], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(end.used, later.used)


# ---------------------------------------------------------------- life-long


def test_the_life_long_factor_is_clipped_at_both_ends():
    moments = norm.Moments(jnp.array([2.0]), jnp.array([4.0]), jnp.float32(10))
    error = jnp.array([[0.0], [2.0], [5.0], [9.9], [10.1], [1e6]])
    factor = novelty.lifelong_factor(error, moments)
    np.testing.assert_allclose(factor[:, 0], [1, 1, 2.5, 4.95, 5, 5], rtol=1e-6)


# ---------------------------------------------------------------- learning what agents control


def test_decisions_end_where_the_next_one_is_taken():
    decides = np.array([1, 0, 0, 1, 1, 0, 0, 1, 0], bool)
    done = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0], bool)
    ends = novelty.decision_ends(jnp.asarray(decides)[:, None, None], jnp.asarray(done)[:, None])
    np.testing.assert_array_equal(ends[:, 0, 0], [2, 2, 2, 3, 5, 5, 6, 8, 8])


def test_what_is_seen_often_is_predicted_and_so_is_what_agents_do():
    _, metrics = played(LEARNING, garrison.make("toy/corridor"), 40)
    first, last = metrics[0], metrics[-1]
    assert last["distillation_loss"] < 0.3 * first["distillation_loss"]
    assert first["inverse_accuracy"] < 0.9
    assert last["inverse_accuracy"] > 0.97


def test_steps_without_a_choice_count_neither_as_right_nor_as_wrong():
    """In ``toy/busy`` the first action of three shows nowhere: it can only be guessed."""
    config = ippo.Config(**SETTINGS | {"num_envs": 64, "novelty": "episodic"})
    _, metrics = played(config, garrison.make("toy/busy"), 5)
    assert all(0.3 < x["inverse_accuracy"] < 0.7 for x in metrics)


# ---------------------------------------------------------------- what counts


def with_noise(world, obs):
    """Observations with noise in their padding, and in the clock."""
    noisy = np.ones(obs.shape[-2:], bool)
    for agent, row in zip(world.agents, noisy, strict=True):
        labels = world.observation_labels(agent)
        row[: len(labels)] = ["time" in label for label in labels]
    return jnp.where(np.broadcast_to(noisy, obs.shape), 1e3, obs)


def test_padding_and_ignored_features_change_nothing():
    config, world = ippo.Config(**SETTINGS, novelty_ignore=("time",)), Network(steps=5)
    state = jax.jit(ippo.init)(config, world, jax.random.key(0))
    _, batch = jax.jit(ippo.collect)(config, world, state)
    after = batch.after.replace(obs=with_noise(world, batch.after.obs))
    rewards = jax.jit(novelty.rewards)
    (clean, *known), (noisy, *found) = (
        rewards(config, state.novelty, x, jax.random.key(1))
        for x in (batch, batch.replace(obs=with_noise(world, batch.obs), after=after))
    )
    assert_equal(known, found)
    assert_equal(clean.nets, noisy.nets)


def test_critics_that_see_more_make_nothing_new():
    world = garrison.make("cc4", steps=20)
    config = ippo.Config(**SETTINGS, critic_observation="true", novelty_ignore=("phase", "message"))
    state = jax.eval_shape(ippo.init, config, world, jax.random.key(0))
    assert state.novelty.features.shape == (5, world.observation_size)


# ---------------------------------------------------------------- within algorithms


@pytest.mark.parametrize("algorithm", [ippo, mappo])
@pytest.mark.parametrize(
    ("kind", "measured"),
    [
        ("rnd", {"distillation_loss"}),
        ("episodic", {"inverse_loss", "inverse_accuracy"}),
        ("ngu", {"distillation_loss", "inverse_loss", "inverse_accuracy", "lifelong_factor"}),
    ],
)
def test_each_kind_measures_its_parts(algorithm, kind, measured):
    def metrics(kind):
        config = algorithm.Config(**SETTINGS | {"novelty": kind})
        state = jax.eval_shape(algorithm.init, config, Network(), jax.random.key(0))
        return set(jax.eval_shape(algorithm.iteration, config, Network(), state)[1])

    assert metrics(kind) - metrics(None) == measured | {"intrinsic_reward"}


def test_returns_are_true():
    config = mappo.Config(**SETTINGS | {"minibatches": 1, "novelty_coef": 1e3})
    _, [metrics] = played(config, garrison.make("toy/value"), 1, mappo)
    assert metrics["return"] == 1
    assert metrics["intrinsic_reward"] > 0


@pytest.mark.parametrize("rollout_steps", [None, 7])
def test_training_goes_on_bit_by_bit_from_a_checkpoint(tmp_path, rollout_steps):
    world = garrison.make("toy/corridor")
    config = LEARNING.replace(rollout_steps=rollout_steps)
    state, _ = played(config, world, 2)
    assert (state.novelty.episodic.memory is None) == (rollout_steps is None)
    checkpoint.save(tmp_path, state, 2, {})
    through, _ = played(config, world, 2, state=state)
    resumed, _ = played(config, world, 2, state=checkpoint.load(tmp_path, jax.eval_shape(lambda: state)))
    assert_equal(resumed, through)


def test_episodes_are_forgotten_and_running_ones_are_not():
    config = ippo.Config(**SETTINGS, rollout_steps=4)
    world = Network(steps=6)
    state, _ = played(config, world)
    np.testing.assert_array_equal(state.novelty.episodic.used, 4)
    state, _ = played(config, world, state=state)
    np.testing.assert_array_equal(state.novelty.episodic.used, 2)
    state, _ = played(config, world, state=state)
    np.testing.assert_array_equal(state.novelty.episodic.used, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"novelty": "icm"}, "novelty is 'icm'; it must be one of: rnd, episodic, ngu"),
        ({"novelty_coef": -0.1}, "novelty_coef is -0.1"),
        ({"novelty_ignore": ("clock",)}, "names 'clock', which is in no observation label of world 'toy/net"),
        ({"decisions_only": True, "decision_share": 0.5}, "novelty 'ngu' reads whole observations"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ippo.check(ippo.Config(**SETTINGS | changes), Network())
