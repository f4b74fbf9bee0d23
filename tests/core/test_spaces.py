import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.spaces import (
    Box,
    Discrete,
    MultiDiscrete,
    action_space,
    check_actions,
    joint_action_space,
    observation_space,
)
from garrison.worlds.toy.network import Network

WORLD = Network()  # 3 and 7 actions, 4 and 8 features


def test_spaces_of_a_world_are_without_padding():
    assert action_space(WORLD, 0) == Discrete(3)
    assert action_space(WORLD, "blue_1") == Discrete(7)
    assert joint_action_space(WORLD) == MultiDiscrete((3, 7))
    assert observation_space(WORLD, "blue_0") == Box((4,))
    with pytest.raises(ValueError, match="no agent 'red'"):
        action_space(WORLD, "red")


@pytest.mark.parametrize(
    ("space", "inside", "outside"),
    [
        (Discrete(3), [0, np.int8(2), jnp.int32(1)], [-1, 3, 1.0, True, [1], "1"]),
        (
            MultiDiscrete((2, 5)),
            [[1, 4], np.zeros(2, np.uint8)],
            [[2, 0], [0, -1], [0], [[0, 0]], [0.0, 0.0]],
        ),
        (
            Box((2,), low=0, high=1),
            [np.array([0, 1], np.float32)],
            [
                np.array([0, 1.5], np.float32),
                np.array([np.nan, 0], np.float32),
                np.zeros(2),
                np.zeros(3, np.float32),
            ],
        ),
    ],
)
def test_contains(space, inside, outside):
    for value in inside:
        assert space.contains(value)
    for value in outside:
        assert not space.contains(value)


@pytest.mark.parametrize("actions", [[2, 6], np.array([2, 6], np.uint8), jnp.array([2, 6])])
def test_good_actions_come_back_as_int32(actions):
    checked = check_actions(WORLD, actions)
    assert checked.dtype == jnp.int32
    assert checked.tolist() == [2, 6]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (
            [3, 0],
            r"action 3 of agent 'blue_0' of world 'toy/network' is out of range; it must be in 0 \.\. 2",
        ),
        (
            [0, -1],
            r"action -1 of agent 'blue_1' of world 'toy/network' is out of range; it must be in 0 \.\. 6",
        ),
        ([0, 2**40], f"action {2**40} of agent 'blue_1'"),
        ([0.0, 0.0], "have dtype float64; they must be integers"),
        ([True, False], "have dtype bool; they must be integers"),
        ([0], r"have shape \(1,\); it must be \(2,\): one for each of the agents blue_0, blue_1"),
        (0, r"have shape \(\); it must be \(2,\)"),
    ],
)
def test_bad_actions_are_named(actions, message):
    with pytest.raises(ValueError, match=message):
        check_actions(WORLD, actions)


def test_a_bad_action_in_an_environment_names_it():
    with pytest.raises(ValueError, match="action 7 of agent 'blue_1' in environment 2 of"):
        check_actions(WORLD, [[0, 0], [2, 6], [0, 7]], lead=(3,))
    with pytest.raises(ValueError, match=r"it must be \(3, 2\): .* in each environment"):
        check_actions(WORLD, [0, 0], lead=(3,))


def test_inside_jit_dtype_and_shape_are_checked_and_values_are_not():
    check = jax.jit(lambda actions: check_actions(WORLD, actions))
    assert check(jnp.array([9, -9])).tolist() == [9, -9]
    with pytest.raises(ValueError, match="have dtype float32"):
        check(jnp.zeros(2))
    with pytest.raises(ValueError, match="have shape"):
        check(jnp.zeros(3, int))
