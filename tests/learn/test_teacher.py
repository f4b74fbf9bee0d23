"""A teacher: its choices are learned, its memory follows episodes, forbidden choices are left out."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.algos import ippo, mappo
from garrison.core.struct import struct
from garrison.core.wrappers import Wrapper
from garrison.learn import teacher
from garrison.learn.rollout import Seen
from garrison.worlds.toy.network import Network

STEPS = 10


@struct
class Turns:
    """Analyzes in turn what the agent guards; restores nothing. Its memory counts the steps."""

    def init(self, key, num_agents):
        return jnp.zeros((), jnp.int32)

    def act(self, key, obs, mask, memory):
        first = jnp.stack([jnp.int32(1), 1 + 2 * (memory % 3)])
        return first, memory + 1


@dataclass(frozen=True)
class Taught(Wrapper):
    """A world with a teacher."""

    def policies(self, side=None):
        return self.world.policies(side) | {"turns": Turns()}


WORLD = Taught(Network(steps=STEPS))
IMITATE = ippo.Config(
    num_envs=8,
    epochs=4,
    minibatches=2,
    hidden_sizes=(16,),
    total_steps=8 * STEPS * 40,
    learning_rate=1e-2,
    entropy_coef=0.0,
    policy_coef=0.0,
    teacher="turns",
)


def trained(config, algorithm=ippo):
    state = jax.jit(algorithm.init)(config, WORLD, jax.random.key(0))
    step, seen = jax.jit(algorithm.iteration), []
    for _ in range(algorithm.num_iterations(config, WORLD)):
        state, metrics = step(config, WORLD, state)
        seen.append(metrics)
    return state, seen


def test_imitation_learns_what_the_teacher_does():
    _, metrics = trained(IMITATE)
    assert metrics[0]["teacher_agreement"] < 0.5
    # The second agent's choice depends on time, which it does not observe: one in three, at best.
    assert metrics[-1]["teacher_agreement"] > 0.6
    assert metrics[-1]["teacher_loss"] < 0.75 < metrics[0]["teacher_loss"]  # ln(3) / 2 is the least
    assert metrics[-1]["value_loss"] < metrics[0]["value_loss"]


def test_without_weight_nothing_is_learned_from_the_teacher():
    _, metrics = trained(IMITATE.replace(teacher_coef=0.0, total_steps=8 * STEPS * 10))
    assert metrics[-1]["teacher_agreement"] < 0.5


@pytest.mark.parametrize(("algorithm", "rollout_steps"), [(ippo, 7), (mappo, None)])
def test_learns_in_parts_of_episodes_and_by_other_algorithms(algorithm, rollout_steps):
    """Where rollouts are no whole episodes the teacher's memory is part of the train state."""
    same = ("num_envs", "hidden_sizes", "learning_rate", "entropy_coef", "policy_coef", "teacher")
    shared = {name: getattr(IMITATE, name) for name in same}
    config = algorithm.Config(**shared, rollout_steps=rollout_steps, total_steps=8 * STEPS * 4)
    state, metrics = trained(config, algorithm)
    assert metrics[-1]["teacher_loss"] < metrics[0]["teacher_loss"]
    if rollout_steps:
        played = len(metrics) * rollout_steps
        np.testing.assert_array_equal(state.teacher, (played - 1) % STEPS + 1)


def test_decisions_alone_learn_the_same():
    config = IMITATE.replace(
        epochs=1,
        minibatches=1,
        decisions_only=True,
        policy_coef=1.0,
        total_steps=8 * STEPS,
        activation="relu",
    )
    usual, told = trained(config)
    alone, metrics = trained(config.replace(decision_share=1.0, pieces=2))
    for left, right in zip(jax.tree.leaves(usual.net), jax.tree.leaves(alone.net), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    for name in ("teacher_loss", "teacher_agreement"):
        np.testing.assert_allclose(metrics[0][name], told[0][name], rtol=1e-3, atol=1e-5)


def test_memory_begins_with_the_episode_and_forbidden_choices_are_left_out():
    mask = np.ones((2, 2, 7), bool)
    mask[1, 0, 1] = False
    seen = Seen(jnp.zeros((2, 2, 3)), jnp.asarray(mask), jnp.asarray([False, True]))
    after, actions = teacher.teach(Turns(), WORLD)(jax.random.key(0), jnp.asarray([4, 4]), seen, jnp.zeros(2))
    np.testing.assert_array_equal(after, [5, 1])
    np.testing.assert_array_equal(actions, [[1, 3], [teacher.NOTHING, 1]])


def test_the_weight_falls_and_forbidden_choices_weigh_nothing():
    config = IMITATE.replace(teacher_coef=2.0, teacher_end=0.0, teacher_until=0.5)
    actions, decides = jnp.asarray([3, teacher.NOTHING, 3]), jnp.asarray([1.0, 1.0, 0.0])
    for progress, weight in ((0.0, 2.0), (0.25, 1.0), (0.5, 0.0), (1.0, 0.0)):
        found = teacher.weights(config, actions, decides, jnp.float32(progress))
        np.testing.assert_allclose(found, [weight, 0.0, 0.0], atol=1e-6)


def test_teachers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="teacher is 'nobody'; policies of world 'toy/network': .*turns"):
        ippo.check(IMITATE.replace(teacher="nobody"), WORLD)
    with pytest.raises(ValueError, match="reads the observation 'rich', the learners 'stock': train with"):
        ippo.check(ippo.Config(teacher="guard"), garrison.make("cc4"))
    ippo.check(ippo.Config(teacher="guard"), garrison.make("cc4", observation="rich"))
    with pytest.raises(ValueError, match="policy_coef is 0; without a teacher no policy would be learned"):
        ippo.check(IMITATE.replace(teacher=None), WORLD)


@pytest.mark.slow
def test_guard_teaches_without_what_the_world_forbids():
    """With ``traffic`` off it neither blocks nor allows, so all its choices are legal."""
    world = garrison.make("cc4", observation="rich", busy="masked", traffic="off")
    guard = world.policies()["guard"]
    obs, state = world.reset(jax.random.key(0))
    mask = world.legal(state)
    actions, _ = guard.act(jax.random.key(1), obs, mask, guard.init(jax.random.key(2), 5))
    assert np.take_along_axis(np.asarray(mask), np.asarray(actions)[:, None], axis=1).all()
