"""What is timed does what it says: legal actions, whole episodes, the same on any number of devices."""

import os
import subprocess
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from garrison.bench import programs, study
from garrison.training.config import Training
from garrison.worlds.toy.network import Network


@dataclass(frozen=True)
class Fixed(Network):
    fixed_horizon = True


def test_random_actions_are_legal_and_uniform():
    mask = np.random.default_rng(0).random((3, 242)) < 0.4
    mask[2] = False
    keys = jax.random.split(jax.random.key(1), 20_000)
    actions = np.asarray(jax.jit(jax.vmap(programs.random_legal, (0, None)))(keys, mask))
    assert (actions[:, 2] == 0).all()
    for agent in range(2):
        counts = np.bincount(actions[:, agent], minlength=242)
        assert counts[~mask[agent]].sum() == 0
        assert stats.chisquare(counts[mask[agent]]).pvalue > 1e-4
    both = np.histogram2d(actions[:, 0], actions[:, 1], bins=4)[0]  # agents choose independently
    assert stats.chi2_contingency(both).pvalue > 1e-4


def test_actions_may_be_drawn_otherwise():
    world = Fixed(spread=1.0, phishing=1.0, steps=5)
    other = programs.env(world, 3, choose=programs.jax_random)
    assert other.function(*other.start(0))["return"].shape == (3, 2)
    mask = np.arange(8).reshape(2, 4) % 3 == 0
    keys = jax.random.split(jax.random.key(1), 200)
    actions = np.asarray(jax.vmap(programs.jax_random, (0, None))(keys, mask))
    assert [set(actions[:, agent].tolist()) for agent in range(2)] == [{0, 3}, {2}]


def test_env_plays_the_steps_it_counts():
    program = programs.env(Fixed(spread=1.0, phishing=1.0, steps=5), 3)
    arguments = program.start(0)
    result = program.function(*arguments)
    assert (program.steps, program.num_envs) == (5, 3)
    assert result["return"].shape == (3, 2)
    # With sure infection all four hosts are infected from the third step on, but for what is restored.
    assert (np.asarray(result["return"]) < -2.5).all()
    half = programs.env(Fixed(spread=1.0, phishing=1.0, steps=5), 3, steps=2)
    assert (np.asarray(half.function(*half.start(0))["return"]) > -2.5).all()


def test_episodes_that_all_end_together_are_not_played_beyond_their_end():
    with pytest.raises(ValueError, match="steps is 6; an episode of world 'toy/network' has 5"):
        programs.env(Fixed(steps=5), 2, steps=6)
    assert programs.env(Network(steps=5), 2, steps=50).steps == 50  # episodes of other worlds start anew


@pytest.mark.parametrize("algorithm", ["ippo", "mappo"])
def test_learners_are_those_of_the_preset(algorithm):
    world = Fixed(steps=5)
    training = Training(world="toy/network", algorithm=algorithm)
    training = training.changed(num_envs=2, total_steps=10, hidden_sizes=(4,), minibatches=1)
    program = programs.learner(training, world, "training")
    (states,) = program.start(0)
    assert isinstance(states.net, dict) == (algorithm == "mappo")  # its actor and critic
    after, metrics = program.function(states)
    assert after.iteration.tolist() == [1]
    assert np.isfinite(metrics["value_loss"]).all()
    assert programs.learner(training, world, "rollout").function(program.start(0)[0]).reward.shape == (
        5,
        2,
        2,
    )


def test_full_lists_are_an_error():
    @jax.tree_util.register_dataclass
    @dataclass
    class State:
        overflow: jax.Array

    flags = programs._overflow({"state": State(jnp.array([0, 2]))})
    with pytest.raises(RuntimeError, match=r"state.overflow were set in 1 environments"):
        study._check_overflow({"overflow": flags})
    study._check_overflow({"overflow": programs._overflow(State(jnp.array([0, 0])))})


# Devices can only be multiplied before JAX starts, so a process of its own compares one with two.
PROGRAM = """
import jax, numpy as np
from garrison.bench import programs
from garrison.learn import shard
from garrison.worlds.toy.network import Network

shard.cores_as_devices(2)

def played(devices):
    with shard.devices(6, devices):
        program = programs.env(Network(steps=7), 6)
        results = program.function(*program.start(3))
    return results

one, two = played(1), played(2)
assert len(two["return"].sharding.device_set) == 2
jax.tree.map(np.testing.assert_array_equal, one, two)
assert len(set(np.asarray(one["return"])[:, 0].tolist())) > 3
print("equal")
"""


def test_two_devices_play_what_one_does_bit_by_bit():
    flags = os.environ.get("XLA_FLAGS", "")
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.stdout == "equal\n", done.stderr
