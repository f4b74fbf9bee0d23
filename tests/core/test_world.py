import jax
import pytest

from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Value


def test_padded_sizes_are_those_of_the_largest_agent():
    world = Network()
    assert (world.num_agents, world.num_actions, world.observation_size) == (2, 7, 8)


def test_agents_are_found_by_name_and_by_index():
    world = Network()
    assert [world.agent_index(agent) for agent in ("blue_0", "blue_1", 0, 1)] == [0, 1, 0, 1]
    for unknown in ("red", 2, -1, True):
        with pytest.raises(
            ValueError, match=f"no agent {unknown!r} in world 'toy/network'; agents: blue_0, blue_1"
        ):
            world.agent_index(unknown)


def test_worlds_without_text_say_so():
    world = Value()
    _, state = world.reset(jax.random.key(0))
    with pytest.raises(NotImplementedError, match="'toy/value' does not narrate"):
        world.narrate(state, [0], state, None)
