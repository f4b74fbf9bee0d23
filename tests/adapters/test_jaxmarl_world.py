"""Environments of JaxMARL as worlds: the contract of worlds, and JaxMARL's own trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("jaxmarl")
import jaxmarl

import garrison
from garrison.adapters.jaxmarl import make_world
from garrison.core.testing import check_world

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

KEY = jax.random.key(4)
SPREAD = "MPE_simple_spread_v3"
IDS = pytest.mark.parametrize("id", [SPREAD, "MPE_simple_tag_v3", "HeuristicEnemySMAX"])


@pytest.fixture(autouse=True)
def _ranks_as_in_numpy():
    """JaxMARL's environments promote ranks, which Garrison's tests forbid."""
    with jax.numpy_rank_promotion("allow"):
        yield


@IDS
def test_it_keeps_the_contract_of_worlds(id):
    check_world(make_world(id), KEY)


@IDS
def test_it_plays_what_jaxmarl_plays(id):
    world, env = make_world(id), jaxmarl.make(id)
    obs, state = jax.jit(world.reset)(KEY)
    seen, inner = env.reset(KEY)
    step, step_env = jax.jit(world.step), jax.jit(env.step_env)
    for number in range(world.max_steps):
        for row, agent in zip(obs, env.agents, strict=True):
            size = seen[agent].size
            np.testing.assert_allclose(row[:size], seen[agent].ravel(), rtol=1e-5, atol=1e-6)
            assert not row[size:].any()
        key = jax.random.fold_in(KEY, number)
        actions = jax.random.categorical(key, jnp.where(world.legal(state), 0.0, -jnp.inf))
        obs, state, out = step(key, state, actions)
        chosen = dict(zip(env.agents, actions, strict=True))
        seen, inner, rewards, dones, _ = step_env(key, inner, chosen)
        np.testing.assert_allclose(out.reward, [rewards[agent] for agent in env.agents], rtol=1e-5, atol=1e-6)
        assert out.done == dones["__all__"]
        if out.done:
            break
    assert out.done
    assert not out.truncated


def test_masks_and_states_are_those_of_the_environment():
    world, env = make_world("HeuristicEnemySMAX"), jaxmarl.make("HeuristicEnemySMAX")
    obs, state = world.reset(KEY)
    seen, inner = env.reset(KEY)
    masks = env.get_avail_actions(inner)
    np.testing.assert_array_equal(world.legal(state), [masks[agent] for agent in env.agents])
    assert world.global_state_kinds == ("concat", "world")
    whole = world.global_state(state, obs, "world")
    np.testing.assert_array_equal(whole, seen["world_state"].ravel())
    assert whole.shape == (world.global_state_size("world"),)
    assert make_world(SPREAD).global_state_kinds == ("concat",)


def test_a_time_limit_can_truncate_and_can_be_earlier():
    world = make_world(SPREAD, end="truncated", steps=2)
    step = jax.jit(world.step)
    _, state = world.reset(KEY)
    idle = jnp.zeros(world.num_agents, jnp.int32)
    _, state, first = step(KEY, state, idle)
    _, _, second = step(KEY, state, idle)
    assert (first.done, second.truncated, second.terminated) == (False, True, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": "chess"}, "has no environment 'chess'; it has: .*MPE_simple_spread_v3"),
        ({"id": SPREAD, "end": "never"}, "end is 'never'; it must be one of terminated, truncated"),
        ({"id": SPREAD, "steps": 0}, "steps is 0"),
        ({"id": SPREAD, "action_type": "Continuous"}, "has no list of actions"),
        ({"id": "storm"}, "steps is None; it must be the number of steps"),
        ({"id": "storm", "steps": 9}, "observes no array"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_world(**arguments)


def test_garrisons_learners_train_on_it(tmp_path):
    run = garrison.train(
        "mlp",
        world="garrison.adapters.jaxmarl:make_world",
        options={"id": SPREAD},
        total_steps=400,
        num_envs=4,
        out=tmp_path / "run",
    )
    policies = {"mine": run, "random": "random"}
    result = garrison.evaluate(run.world(), policies, episodes=2)
    assert result.episodes("mine").returns.shape == (1, 2)
