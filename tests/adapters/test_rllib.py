"""RLlib's new API stack: its check of environments, and PPO with RLlib's own module for action masks."""

import numpy as np
import pytest

ray = pytest.importorskip("ray", minversion="2.60")
pytest.importorskip("ray.rllib")
from ray.rllib.algorithms.ppo import PPOConfig  # noqa: E402
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec  # noqa: E402
from ray.rllib.core.rl_module.rl_module import RLModuleSpec  # noqa: E402
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule  # noqa: E402
from ray.rllib.utils.pre_checks.env import check_multiagent_environments  # noqa: E402

from garrison.adapters.rllib import GarrisonMultiAgentEnv  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("world", ["toy/network", "toy/pursuit"])
@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("pad", [True, False])
def test_its_own_check_passes(world, mask, pad):
    check_multiagent_environments(GarrisonMultiAgentEnv({"world": world, "mask": mask, "pad": pad}))


def test_observations_and_masks_are_the_worlds():
    env = GarrisonMultiAgentEnv({"world": "toy/network", "steps": 2, "pad": True})
    obs, infos = env.reset(seed=0)
    assert infos == {"blue_0": {}, "blue_1": {}}
    obs, rewards, terminated, truncated, infos = env.step({"blue_0": 2, "blue_1": 0})
    assert obs["blue_0"]["action_mask"].tolist() == [1, 0, 0, 0, 0, 0, 0]  # busy, and four of padding
    assert obs["blue_0"] in env.observation_spaces["blue_0"]
    assert env.observation_spaces["blue_0"] == env.observation_spaces["blue_1"]
    assert not truncated["__all__"]
    _, _, terminated, truncated, _ = env.step({"blue_0": 0, "blue_1": 0})
    assert truncated == {"blue_0": True, "blue_1": True, "__all__": True}
    assert not any(terminated.values())
    assert rewards["blue_0"] == pytest.approx(sum(infos["blue_0"]["reward_parts"].values()))
    env.reset()
    with pytest.raises(ValueError, match="action 7 of agent 'blue_1' .* is not an integer in 0 .. 6"):
        env.step({"blue_0": 0, "blue_1": 7})


@pytest.fixture
def cluster():
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_ppo_learns_and_never_takes_an_illegal_action():
    """The illegal action pays 2, the right one 1, the other one 0."""
    module = RLModuleSpec(
        module_class=ActionMaskingTorchRLModule,
        model_config={"fcnet_hiddens": [32], "head_fcnet_hiddens": [32]},
    )
    config = (
        PPOConfig()
        .environment(GarrisonMultiAgentEnv, env_config={"world": "toy/masking"})
        .env_runners(num_env_runners=0)
        .multi_agent(policies={"learner"}, policy_mapping_fn=lambda agent, episode, **_: agent)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={"learner": module}))
        .training(train_batch_size_per_learner=256, minibatch_size=64, num_epochs=10, lr=3e-3)
    )
    algorithm = config.build_algo()
    returns = [algorithm.train()["env_runners"] for _ in range(6)]
    algorithm.stop()
    assert np.max([one["episode_return_max"] for one in returns]) == 1
    assert returns[-1]["episode_return_mean"] > 0.8
