"""The duel: its tables are its rules, and its scripts do what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.worlds.toy.duel import Duel, DuelState

KEY = jax.random.key(0)


def state(number):
    return DuelState(jnp.zeros((), jnp.int32), jnp.asarray(number >> np.arange(4) & 1 == 1))


def test_the_tables_are_the_rules():
    """All states and pairs of actions."""
    world = Duel(steps=3)
    stages = world.stages()
    every = jax.vmap(lambda n: DuelState(jnp.zeros((), jnp.int32), (n >> jnp.arange(4)) & 1 == 1))(
        jnp.arange(16)
    )
    pairs = jnp.stack(jnp.meshgrid(jnp.arange(5), jnp.arange(5), indexing="ij"), -1).astype(jnp.int32)
    step = jax.vmap(jax.vmap(jax.vmap(world.step, (None, None, 0)), (None, None, 0)), (None, 0, None))
    _, after, result = jax.jit(step)(KEY, every, pairs)
    np.testing.assert_allclose(result.reward[..., 0], stages.reward, atol=1e-6)
    np.testing.assert_array_equal(result.reward[..., 1], -result.reward[..., 0])
    np.testing.assert_array_equal(after.held @ (1 << np.arange(4)), stages.following)
    legal = jax.vmap(world.legal)(every)
    np.testing.assert_array_equal(legal[:, 0], stages.legal[0])
    np.testing.assert_array_equal(legal[:, 1], stages.legal[1])
    obs, first = world.reset(KEY)
    np.testing.assert_array_equal(obs, np.stack([stages.observations[0, stages.start]] * 2))
    assert world.describe(first) == {"time": 0, "held": ["gateway"]}


def test_who_restores_what_is_attacked_stops_it():
    world = Duel()
    stopped = world.step(KEY, state(1), jnp.array([2, 2], jnp.int32))[1]
    assert world.describe(stopped)["held"] == ["gateway"]
    elsewhere = world.step(KEY, state(1), jnp.array([1, 2], jnp.int32))
    assert world.describe(elsewhere[1])["held"] == ["web"]
    parts = elsewhere[2].info["reward_parts"]
    assert [round(float(parts[name]), 6) for name in ("held", "restore")] == [-0.15, -0.05]


def test_only_neighbors_can_be_attacked():
    world = Duel()
    labels = np.array(world.action_labels("attacker"))
    assert labels[np.asarray(world.legal(state(1))[1])].tolist() == ["sleep", "attack web", "attack desk"]
    assert labels[np.asarray(world.legal(state(0))[1])].tolist() == ["sleep", "attack gateway"]
    beyond = world.step(KEY, state(1), jnp.array([0, 3], jnp.int32))[1]  # files are two steps away
    assert world.describe(beyond)["held"] == ["gateway"]


@pytest.mark.parametrize(
    ("side", "script", "held", "chosen"),
    [
        ("defender", "restorer", 0b0011, "restore web"),
        ("defender", "restorer", 0, "sleep"),
        ("defender", "guesser", 0b0001, "restore desk"),
        ("attacker", "rush", 0b0011, "attack files"),
        ("attacker", "creep", 0b0001, "attack web"),
        ("attacker", "creep", 0b1111, "sleep"),
    ],
)
def test_scripts(side, script, held, chosen):
    world = Duel()
    (row,) = world.side_agents(side)
    policy = world.policies(side)[script]
    obs, mask = world._observe(state(held))[row][None], world.legal(state(held))[row][None]
    action, _ = policy.act(KEY, obs, mask, ())
    assert world.action_labels(row)[int(action[0])] == chosen
    assert policy.probabilities(obs, mask)[0, int(action[0])] == 1


@pytest.mark.parametrize("options", [{"steps": 0}, {"restore_cost": 2}])
def test_wrong_options_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} of world 'toy/duel'"):
        garrison.make("toy/duel", **options)
