"""Stable-Baselines3: its check of environments, MaskablePPO, and the vector environment against its own."""

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", minversion="2.9")
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from garrison.adapters.gymnasium import GarrisonEnv
from garrison.adapters.sb3 import GarrisonVecEnv

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

VIEWS = {
    "one agent": {"world": "toy/network", "steps": 4, "agent": "blue_1", "others": "random"},
    "all agents": {"world": "toy/network", "steps": 4},
}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


@views
def test_its_own_check_passes(view):
    check_env(GarrisonEnv(**view))


@views
def test_many_environments_do_what_its_own_vector_does(view):
    many, own = GarrisonVecEnv(num_envs=3, **view), DummyVecEnv([lambda: GarrisonEnv(**view)] * 3)
    assert is_masking_supported(many)
    assert (many.observation_space, many.action_space) == (own.observation_space, own.action_space)
    assert many.seed(5) == own.seed(5)
    np.testing.assert_array_equal(many.reset(), own.reset())
    many.action_space.seed(0)
    for number in range(1, 10):
        np.testing.assert_array_equal(get_action_masks(many), get_action_masks(own))
        actions = np.stack([many.action_space.sample() for _ in range(3)])
        mine, other = many.step(actions), own.step(actions)
        for one, another in zip(mine[:3], other[:3], strict=True):
            np.testing.assert_array_equal(one, another)
            assert one.dtype == another.dtype
        for info, expected in zip(mine[3], other[3], strict=True):
            assert info["reward_parts"] == expected["reward_parts"]
            assert ("terminal_observation" in info) == (number % 4 == 0)
            if number % 4 == 0:
                np.testing.assert_array_equal(info["terminal_observation"], expected["terminal_observation"])
                assert info["TimeLimit.truncated"] is expected["TimeLimit.truncated"] is True


@pytest.mark.parametrize("kind", ["its own vector", "ours"])
def test_maskable_ppo_learns_and_never_takes_an_illegal_action(kind):
    """The illegal action pays 2, the right one 1, the other one 0."""
    if kind == "ours":
        envs = GarrisonVecEnv("toy/masking", num_envs=8)
    else:
        envs = DummyVecEnv([lambda: GarrisonEnv("toy/masking")] * 8)
    model = MaskablePPO("MlpPolicy", VecMonitor(envs), n_steps=32, batch_size=64, learning_rate=3e-3, seed=0)
    model.learn(4096)
    returns = [episode["r"] for episode in model.ep_info_buffer]
    assert max(returns) == 1
    assert np.mean(returns) > 0.9


def test_errors_name_agent_and_environment():
    envs = GarrisonVecEnv("toy/network", num_envs=2)
    envs.reset()
    with pytest.raises(ValueError, match="action 3 of agent 'blue_0' in environment 1"):
        envs.step(np.array([[0, 0], [3, 0]]))
    with pytest.raises(AttributeError, match="no attributes to set: 'difficulty'"):
        envs.set_attr("difficulty", 1)
