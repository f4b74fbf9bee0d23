"""The PettingZoo adapter, by PettingZoo's own tests and against the worlds themselves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pettingzoo = pytest.importorskip("pettingzoo", minversion="1.25")
from pettingzoo.test import parallel_api_test, parallel_seed_test  # noqa: E402

import garrison  # noqa: E402
from garrison.adapters import pettingzoo as adapter  # noqa: E402
from garrison.adapters.pettingzoo import GarrisonParallelEnv  # noqa: E402
from garrison.core.sides import one_side  # noqa: E402
from garrison.worlds.toy.network import Network  # noqa: E402
from garrison.worlds.toy.probes import Pursuit  # noqa: E402

WORLDS = {
    "one side": Network(steps=4),
    "both sides": Pursuit(),
    "one side of two": one_side(Pursuit(), "evader", "right"),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_pettingzoos_own_tests_pass(world, capsys):
    parallel_api_test(GarrisonParallelEnv(world), num_cycles=20)
    parallel_seed_test(lambda: GarrisonParallelEnv(world), num_cycles=20)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize("world", [WORLDS["one side"], WORLDS["both sides"]], ids=["one side", "both sides"])
def test_it_plays_what_the_world_plays(world):
    """Two episodes: that of the seed, and the next one."""
    env, key = GarrisonParallelEnv(world), jax.random.key(7)
    last = np.array(world.action_counts, np.int32) - 1  # in the network a restore, which keeps agents busy
    for seed in (7, None):
        observations, infos = env.reset(seed=seed)
        key, own = jax.random.split(key)
        obs, state = world.reset(own)
        while env.agents:
            for i, agent in enumerate(world.agents):
                size, count = world.observation_sizes[i], world.action_counts[i]
                np.testing.assert_array_equal(observations[agent], obs[i, :size])
                np.testing.assert_array_equal(infos[agent]["action_mask"], world.legal(state)[i, :count])
            np.testing.assert_array_equal(env.state(), world.global_state(state, obs))
            key, own = jax.random.split(key)
            obs, state, step = world.step(own, state, last)
            actions = dict(zip(world.agents, last, strict=True))
            observations, rewards, ends, cuts, infos = env.step(actions)
            assert list(rewards.values()) == step.reward.tolist()
            assert set(ends.values()) == {bool(step.terminated)}
            assert set(cuts.values()) == {bool(step.truncated)}
            parts = {name: float(part) for name, part in step.info["reward_parts"].items()}
            assert all(info["reward_parts"] == parts for info in infos.values())
        assert bool(step.done)


def test_spaces_dtypes_and_masks_are_pettingzoos():
    env = GarrisonParallelEnv("toy/network")
    observations, infos = env.reset(seed=0)
    assert (str(env), env.metadata["name"]) == ("toy/network_v1", "toy/network_v1")
    for agent in env.possible_agents:
        assert observations[agent] in env.observation_space(agent)
        mask = infos[agent]["action_mask"]
        assert (mask.dtype, mask.shape) == (np.int8, (env.action_space(agent).n,))
    restore = {"blue_0": 2, "blue_1": 0}
    infos = env.step(restore)[4]
    assert infos["blue_0"]["action_mask"].tolist() == [1, 0, 0]  # busy
    assert env.action_space("blue_0").sample(infos["blue_0"]["action_mask"]) == 0
    assert env.state() in env.state_space


def test_what_is_given_out_is_the_callers_own():
    env = GarrisonParallelEnv("toy/network")
    observations, infos = env.reset(seed=0)
    observations["blue_0"][:] = 9
    infos["blue_0"]["action_mask"][:] = 0
    infos = env.step({"blue_0": 1, "blue_1": 1})[4]
    infos["blue_0"]["reward_parts"]["infected"] = 9
    assert infos["blue_1"]["reward_parts"]["infected"] <= 0


def test_it_tells_the_last_step():
    env = GarrisonParallelEnv("toy/network", render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == "step 0 of at most 30"
    env.step({"blue_0": 0, "blue_1": 1})
    assert env.render().splitlines()[:3] == ["step 1 of at most 30", "blue_0: sleep", "blue_1: analyse web"]
    assert GarrisonParallelEnv("toy/network").render() is None
    silent = GarrisonParallelEnv("toy/value", render_mode="ansi")
    silent.reset()
    silent.step({"learner": 0})
    with pytest.raises(NotImplementedError, match="'toy/value' does not narrate"):
        silent.render()


GOOD = {"blue_0": 0, "blue_1": 0}


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"blue_0": 0}, "no action of blue_1 of world 'toy/network'"),
        (GOOD | {"red": 0}, "no agent red in world 'toy/network'; agents: blue_0, blue_1"),
        (GOOD | {"blue_0": 3}, r"action 3 of agent 'blue_0' .* is not an integer in 0 .. 2"),
        (GOOD | {"blue_1": -1}, r"action -1 of agent 'blue_1' .* in 0 .. 6"),
        (GOOD | {"blue_1": 1.0}, r"action 1.0 of agent 'blue_1' .* is not an integer"),
        (GOOD | {"blue_1": np.zeros(1, int)}, "of agent 'blue_1' .* is not an integer"),
    ],
)
def test_wrong_actions_name_agent_value_and_range(actions, message):
    env = GarrisonParallelEnv("toy/network")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


def test_other_errors_name_the_remedy():
    with pytest.raises(ValueError, match="render_mode is 'human'; it must be None or 'ansi'"):
        GarrisonParallelEnv("toy/network", render_mode="human")
    with pytest.raises(ValueError, match="options steps need a world given by name"):
        GarrisonParallelEnv(Network(), steps=3)
    with pytest.raises(ValueError, match="no global state 'true'"):
        GarrisonParallelEnv("toy/network", state_kind="true")
    env = GarrisonParallelEnv("toy/value")
    with pytest.raises(ValueError, match="no episode of world 'toy/value' is running; call reset first"):
        env.step({"learner": 0})
    with pytest.raises(ValueError, match=r"seed is 4294967296; it must be an integer in 0 .. 4294967295"):
        env.reset(seed=2**32)
    env.reset()
    env.step({"learner": 0})
    with pytest.raises(ValueError, match="call reset first"):
        env.step({"learner": 0})


def test_equal_worlds_share_their_compiled_programs(monkeypatch):
    traced = []
    step = Network.step_with
    monkeypatch.setattr(Network, "step_with", lambda *given: traced.append(1) or step(*given))
    for _ in range(2):
        env = GarrisonParallelEnv("toy/network", steps=13)
        env.reset(seed=0)
        env.step(GOOD)
    assert len(traced) == 1


def test_both_sides_of_cc4_are_there():
    world = garrison.make("cc4", side="both")
    env = GarrisonParallelEnv(world)
    assert env.possible_agents == list(world.agents)
    assert [env.action_space(agent).n for agent in world.agents] == list(world.action_counts)
    assert [env.observation_space(agent).shape[0] for agent in world.agents] == list(world.observation_sizes)
    assert env.state_space.shape == (world.global_state_size(),)


def test_a_missing_extra_is_an_error_with_the_remedy(reimported):
    with pytest.raises(
        ValueError, match=r"no_such_package; install with: pip install 'garrison\[pettingzoo\]'"
    ):
        reimported(adapter, "pettingzoo")


@dataclasses.dataclass(frozen=True)
class Counted(Network):
    """Says how many hosts are infected when an episode begins."""

    def drawn(self, state):
        return {"infected": jnp.sum(state.infected, dtype=jnp.int32)}


def test_resets_say_what_was_drawn():
    env = GarrisonParallelEnv(Counted(steps=4))
    _, infos = env.reset(seed=0)
    assert [info["drawn"] for info in infos.values()] == [{"infected": 1}] * 2
    infos = env.step(dict.fromkeys(env.agents, 0))[-1]
    assert not any("drawn" in info for info in infos.values())
