"""The JaxMARL adapter: JaxMARL's contract of environments, its wrappers, and the worlds themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("jaxmarl")
from jaxmarl.environments.multi_agent_env import MultiAgentEnv
from jaxmarl.environments.spaces import Box, Discrete
from jaxmarl.wrappers.baselines import LogWrapper

from garrison.adapters import jaxmarl as adapter
from garrison.adapters.jaxmarl import CTRolloutManager, GarrisonEnv, make
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Pursuit

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

KEY = jax.random.key(4)
WORLDS = {"one side": Network(steps=3), "both sides": Pursuit()}
worlds = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)


@worlds
@pytest.mark.parametrize("pad", [True, False])
def test_it_is_an_environment_of_jaxmarl(world, pad):
    env = GarrisonEnv(world, pad=pad)
    assert isinstance(env, MultiAgentEnv)
    assert env.agents == list(world.agents)
    assert env.agent_classes == {side: [world.agents[i] for i in at] for side, at in world.sides.items()}
    obs, state = env.reset(KEY)
    actions = {agent: env.action_space(agent).sample(KEY) for agent in env.agents}
    after, state, rewards, dones, _ = env.step(KEY, state, actions)
    assert dones.keys() == {*env.agents, "__all__"}
    assert rewards.keys() == set(env.agents)
    masks = env.get_avail_actions(state)
    for i, agent in enumerate(env.agents):
        assert isinstance(env.observation_space(agent), Box)
        assert isinstance(env.action_space(agent), Discrete)
        count = world.num_actions if pad else world.action_counts[i]
        assert env.action_space(agent).n == count
        assert (masks[agent].shape, masks[agent].dtype) == ((count,), bool)
        assert not masks[agent][world.action_counts[i] :].any()
        for one in (obs, after):
            assert one[agent].shape == env.observation_space(agent).shape
            assert env.observation_space(agent).contains(one[agent])
    assert obs["world_state"].shape == (env.state_size,)


@worlds
def test_it_plays_what_the_world_plays_and_starts_again(world):
    env = GarrisonEnv(world, pad=False)
    seen, mine = env.reset(KEY)
    obs, state = world.reset(KEY)
    for number in range(7):
        key = jax.random.fold_in(KEY, number)
        for i, agent in enumerate(world.agents):
            np.testing.assert_array_equal(seen[agent], obs[i, : world.observation_sizes[i]])
            np.testing.assert_array_equal(
                env.get_avail_actions(mine)[agent], world.legal(state)[i, : world.action_counts[i]]
            )
        np.testing.assert_array_equal(seen["world_state"], world.global_state(state, obs))
        jax.tree.map(np.testing.assert_array_equal, env.get_obs(mine), seen)
        last = np.array(world.action_counts, np.int32) - 1  # in the network a restore: agents are busy then
        actions = dict(zip(world.agents, last, strict=True))
        seen, mine, rewards, dones, infos = env.step(key, mine, actions)
        step_key, reset_key = jax.random.split(key)
        obs, state, step = world.step(step_key, state, last)
        assert [float(rewards[agent]) for agent in world.agents] == step.reward.tolist()
        assert bool(dones["__all__"]) == bool(step.done) == ((number + 1) % 3 == 0)
        assert infos["truncated"].tolist() == [bool(step.truncated)] * world.num_agents
        for name, part in step.info["reward_parts"].items():
            assert infos[f"reward_{name}"].tolist() == [float(part)] * world.num_agents
        if step.done:
            obs, state = world.reset(reset_key)
        assert int(mine.step) == (number + 1) % 3


def test_it_starts_again_where_it_is_told_to():
    env = make("toy/network", steps=1)
    _, state = env.reset(KEY)
    _, other = env.reset(jax.random.key(9))
    seen, after, *_ = env.step(KEY, state, {"blue_0": 0, "blue_1": 0}, reset_state=other)
    jax.tree.map(np.testing.assert_array_equal, (seen, after), (env.get_obs(other), other))
    _, ended, *_ = env.step_env(KEY, state, {"blue_0": 0, "blue_1": 0})
    assert bool(ended.done)


def test_jaxmarls_log_counts_episodes():
    env = LogWrapper(make("toy/network", steps=3))
    _, state = jax.vmap(env.reset)(jax.random.split(KEY, 2))
    total = jnp.zeros(2)
    for number in range(3):
        actions = {agent: jnp.zeros((2, 1), jnp.int32) for agent in env.agents}
        keys = jax.random.split(jax.random.fold_in(KEY, number), 2)
        _, state, rewards, _, infos = jax.vmap(env.step)(keys, state, actions)
        total += rewards["blue_0"]
    np.testing.assert_allclose(infos["returned_episode_returns"][:, 0], total, rtol=1e-6)
    assert infos["returned_episode"].all()
    assert all(info.shape == (2, 2) for info in infos.values())  # [env, agent], as JaxMARL's scripts reshape


def test_the_rollout_manager_takes_masks_states_and_rewards_of_the_world():
    env = LogWrapper(make("toy/network"))
    manager = CTRolloutManager(env, batch_size=2)
    obs, state = manager.batch_reset(KEY)
    actions = {"blue_0": jnp.full(2, 2), "blue_1": jnp.zeros(2, jnp.int32)}  # restore, sleep
    obs, state, rewards, dones, _ = manager.batch_step(KEY, state, actions)
    masks = manager.get_valid_actions(state.env_state)
    assert masks["blue_0"].tolist() == [[True] + [False] * 6] * 2
    assert masks["blue_1"].all()
    assert obs["__all__"].shape == (2, 12)
    np.testing.assert_array_equal(rewards["__all__"], rewards["blue_1"])  # not their sum
    assert dones["__all__"].shape == (2,)


def test_equal_worlds_share_their_compiled_programs(monkeypatch):
    traced = []
    step = Network.step_with
    monkeypatch.setattr(Network, "step_with", lambda *given: traced.append(1) or step(*given))
    for _ in range(2):
        env = make("toy/network", steps=15)
        _, state = env.reset(KEY)
        env.step(KEY, state, {"blue_0": 0, "blue_1": 0})
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"blue_0": 0}, "no action of blue_1"),
        ({"blue_0": 7, "blue_1": 0}, "action 7 of agent 'blue_0' .* in 0 .. 6"),
        ({"blue_0": 0, "blue_1": 1.0}, "action 1.0 of agent 'blue_1' .* is not an integer"),
        ({"blue_0": 0, "blue_1": np.zeros(2, int)}, "of agent 'blue_1' .* is not an integer"),
    ],
)
def test_wrong_actions_name_agent_value_and_range(actions, message):
    env = make("toy/network")
    _, state = env.reset(KEY)
    with pytest.raises(ValueError, match=message):
        env.step(KEY, state, actions)


def test_a_missing_extra_is_an_error_with_the_remedy(reimported):
    with pytest.raises(ValueError, match=r"install with: pip install 'garrison\[jaxmarl\]'"):
        reimported(adapter, "jaxmarl")
