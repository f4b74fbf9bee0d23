"""MADDPG on the probe worlds, each beside a learner that has to fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import maddpg
from garrison.algos.maddpg import Config
from garrison.learn import critics, dists, replay
from garrison.learn.replay import Rows

GAMMA = 0.9
CONFIG = Config(
    total_steps=4_000,
    num_envs=16,
    hidden_sizes=(32,),
    learning_rate=3e-3,
    gamma=GAMMA,
    updates=8,
    target_tau=0.02,
    replay_steps=20_000,
    warmup_steps=1_000,
)
#: play at random, so that what is reached depends on what can be represented alone
RANDOM = CONFIG.replace(warmup_steps=8_000, total_steps=8_000, gamma=0.99)


def trained(name: str, config: Config = CONFIG, seeds: int = 1):
    """The world, and the train states of several seeds: leaves [seed, ...]."""
    world = garrison.make(name)
    maddpg.check(config, world)

    def one(seed):
        state = maddpg.init(config, world, jax.random.key(seed))
        step = lambda state, _: (maddpg.iteration(config, world, state)[0], None)  # noqa: E731
        return jax.lax.scan(step, state, length=maddpg.num_iterations(config, world))[0]

    return world, jax.jit(lambda seeds: jax.lax.map(one, seeds))(jnp.arange(seeds))


def returns(world, states, greedy=True) -> np.ndarray:
    """Mean return of 64 episodes of each seed's policy."""

    def episode(policy, key):
        (obs, state), total = world.reset(key), 0.0
        memory = policy.init(key, world.num_agents)
        for step_key in jax.random.split(key, world.max_steps):
            actions, memory = policy.act(step_key, obs, world.legal(state), memory)
            obs, state, step = world.step(step_key, state, actions)
            total += step.team_reward
        return total

    def of_seed(state):
        policy = maddpg.policy(state, world, greedy)
        return jax.vmap(lambda key: episode(policy, key))(jax.random.split(jax.random.key(7), 64)).mean()

    return np.asarray(jax.jit(lambda states: jax.lax.map(of_seed, states))(states))


def values(world, states, obs, actions) -> np.ndarray:
    """Each agent's value of a joint action in units of the world's rewards, of the first seed.

    ``obs`` is what all agents see alike.
    """
    state = jax.tree.map(lambda x: x[0], states)
    seen = world.global_state(None, jnp.tile(jnp.asarray(obs, jnp.float32), (world.num_agents, 1)))
    one_hot = jax.nn.one_hot(jnp.asarray(actions), world.num_actions, dtype=jnp.float32)
    return np.asarray(critics.values(state.net["critic"], seen, one_hot)[0] * state.reward_scale.deviation)


def test_values_are_discounted():
    world, states = trained("toy/discount")
    found = np.array([[values(world, states, row, [a])[0] for a in range(2)] for row in np.eye(3)])
    np.testing.assert_allclose(found, np.array([[GAMMA**2], [GAMMA], [1.0]]) * np.ones(2), atol=0.05)


@pytest.mark.parametrize(
    ("ends", "value"),
    [(False, 1 / (1 - GAMMA)), pytest.param(True, 1 / (1 - 0.9 * GAMMA), marks=pytest.mark.slow)],
)
def test_values_go_on_across_a_time_limit(monkeypatch, ends, value):
    """Taken for an end, the limit would cut off what follows every tenth step."""
    taken = replay.take
    if ends:
        monkeypatch.setattr(replay, "take", lambda *x: (rows := taken(*x)).replace(terminated=rows.done))
    config = CONFIG.replace(sequence=1, batch_size=64, updates=32, total_steps=10_000)
    world, states = trained("toy/truncation", config)
    np.testing.assert_allclose(values(world, states, [1.0], [0]), value, rtol=0.05)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("toy/busy", {"td_lambda": 0.6}),
        pytest.param("toy/credit", {}, marks=pytest.mark.slow),
        pytest.param(
            "toy/credit", {"critic_sharing": "separate", "temperature": 0.5}, marks=pytest.mark.slow
        ),
        pytest.param("toy/masking", {"target_action": "argmax"}, marks=pytest.mark.slow),
        pytest.param("toy/sizes", {"sharing": "grouped", "total_steps": 8_000}, marks=pytest.mark.slow),
        pytest.param("toy/coordination", {}, marks=pytest.mark.slow),
        pytest.param(
            "toy/coordination",
            {"others": "current", "twin": True, "sharing": "separate"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_finds_the_best_actions(name, change):
    world, states = trained(name, CONFIG.replace(**change))
    found = returns(world, states)
    assert found > 0.97
    assert name != "toy/masking" or found <= 1  # what is illegal pays 2


@pytest.mark.slow
def test_actors_learn_by_the_critics_gradient_alone(monkeypatch):
    through = dists.straight_through
    monkeypatch.setattr(dists, "straight_through", lambda *x: jax.lax.stop_gradient(through(*x)))
    world, states = trained("toy/credit")
    assert returns(world, states, greedy=False) < 0.75


@pytest.mark.parametrize("target_action", ["argmax", pytest.param("sample", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("masked", "value"), [(True, GAMMA), pytest.param(False, 2 * GAMMA, marks=pytest.mark.slow)]
)
def test_the_next_states_mask_reaches_the_target(monkeypatch, target_action, masked, value):
    """Before an illegal action of value 2 the value is γ; an actor without the mask takes it, for 2 γ."""
    views = Rows.views

    def unmasked(rows):
        now, after = views(rows)
        return now, after.replace(mask=jnp.ones_like(after.mask))

    if not masked:
        monkeypatch.setattr(Rows, "views", unmasked)
    world, states = trained("toy/mask_next", CONFIG.replace(target_action=target_action))
    np.testing.assert_allclose(values(world, states, [0, 1, 0], [0]), value, atol=0.1)
    np.testing.assert_allclose(values(world, states, [1, 0, 0], [0]), 2 * GAMMA, atol=0.1)


@pytest.mark.parametrize("seeds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_critic_of_joint_actions_fits_the_risky_game_and_plays_it(seeds):
    """Rashid et al. 2018, section 5: no sum over agents fits it."""
    world, states = trained("toy/two_step", RANDOM, seeds)
    found = [[values(world, states, [0, 0, 1], [a, b]) for b in range(2)] for a in range(2)]
    np.testing.assert_allclose(found, np.tile([[[0], [1]], [[1], [8]]], 2), atol=0.1)
    assert (returns(world, states) == 8).all()


@pytest.mark.slow
def test_a_critic_of_own_actions_plays_it_safe(monkeypatch):
    """Where others act at random, the better action is worth 4.5, and the safe game 7."""
    of_joint = critics.values

    def of_own(critic, state, actions, own=None):
        return of_joint(critic, state, jnp.zeros_like(actions), actions if own is None else own)

    monkeypatch.setattr(critics, "values", of_own)
    world, states = trained("toy/two_step", RANDOM, 5)
    assert (returns(world, states) == 7).all()
