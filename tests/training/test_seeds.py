"""Seeds: the whole range of 32 bits, and what a run may differ in from its checkpoints."""

import jax
import numpy as np
import pytest

from garrison.training import seeds
from garrison.training.config import Training


def keys(seed: int, num_seeds: int) -> np.ndarray:
    training = Training(world="toy/credit", seed=seed, num_seeds=num_seeds).changed(minibatches=1)
    return jax.random.key_data(seeds.init(training, seeds.check(training)).key)


def test_the_largest_seeds_are_those_of_jax():
    found = keys(2**32 - 2, 2)
    alone = keys(2**32 - 1, 1)
    np.testing.assert_array_equal(found[1], alone[0])
    assert len({tuple(words) for words in np.concatenate([found, keys(0, 2)])}) == 4


def test_seeds_side_by_side_may_have_arrays_without_numbers():
    """Such as the weights of a node's constants, where it has none."""
    training = Training(world="toy/graph", num_seeds=2, parallel_seeds=2).changed(
        network="graph", hidden_sizes=(4,), cell_size=4, memory_time="none",
        num_envs=2, rollout_steps=4, minibatches=1, total_steps=8,
    )  # fmt: skip
    world = seeds.check(training)
    states = jax.eval_shape(lambda: seeds.init(training, world))
    assert any(leaf.size == 0 for leaf in jax.tree.leaves(states))

    def iterated(states):
        return seeds.iteration(training.algo, training.settings, world, states, parallel=2)

    after, metrics = jax.eval_shape(iterated, states)
    assert after == states
    assert metrics["return"].shape == (2,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", True),
        ("seed", 1.0),
        ("num_seeds", False),
        ("keep_every", 0),
        ("keep_every", 1.5),
        ("seed", -1),
    ],
)
def test_counts_are_whole_numbers_in_range(field, value):
    with pytest.raises(ValueError, match=f"{field} is"):
        Training(**{"world": "toy/credit", field: value}).check()


def test_settings_of_another_algorithm_are_refused():
    with pytest.raises(ValueError, match="settings of ippo are int, expected Config"):
        Training(settings=3).check()
