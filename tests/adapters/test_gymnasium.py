"""The Gymnasium adapter, by Gymnasium's own checks and against its own vector environment."""

import copy
import dataclasses
import importlib

import jax.numpy as jnp
import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", minversion="1.1")
from gymnasium import spaces  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402

from garrison.adapters import gymnasium as adapter  # noqa: E402
from garrison.adapters.gymnasium import GarrisonEnv, GarrisonVectorEnv, register  # noqa: E402
from garrison.core.policy import Constant  # noqa: E402
from garrison.core.sides import one_side  # noqa: E402
from garrison.worlds.toy.network import Network  # noqa: E402
from garrison.worlds.toy.probes import Pursuit  # noqa: E402

VIEWS = {
    "one agent": {"world": "toy/network", "steps": 4, "agent": "blue_1", "others": "random"},
    "all agents": {"world": "toy/network", "steps": 4},
    "a world of one agent": {"world": "toy/masking"},
    "a side of two": {"world": one_side(Pursuit(), "evader", "right")},
}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
#: worlds say nothing of the bounds of their features
unbounded = pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is -?infinity:UserWarning")


@unbounded
@views
@pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes:UserWarning")
def test_gymnasiums_own_check_passes(view):
    check_env(GarrisonEnv(**view))


@views
def test_many_environments_do_what_gymnasiums_own_vector_does(view):
    """Bit by bit, through several episodes: observations, rewards, ends, infos, also of episodes that end."""
    many = GarrisonVectorEnv(num_envs=3, **view)
    own = SyncVectorEnv([lambda: GarrisonEnv(**view)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    same(many.reset(seed=5), own.reset(seed=5))
    assert (many.single_action_space, many.action_space) == (own.single_action_space, own.action_space)
    assert (many.observation_space, many.metadata["autoreset_mode"]) == (
        own.observation_space,
        own.metadata["autoreset_mode"],
    )
    many.action_space.seed(0)
    ended = 0
    for _ in range(9):
        same(many.action_masks(), np.stack(own.call("action_masks")))
        actions = many.action_space.sample()
        after = many.step(actions)
        same(after, own.step(actions))
        ended += (after[2] | after[3]).sum()
    assert ended >= 6
    same(many.reset(seed=[3, 1, 2]), own.reset(seed=[3, 1, 2]))


def same(mine, other, path=""):
    """Equal structure, shapes, dtypes and values."""
    assert type(mine) is type(other), path
    if isinstance(mine, dict):
        assert mine.keys() == other.keys(), path
        for key in mine:
            same(mine[key], other[key], f"{path}/{key}")
    elif isinstance(mine, tuple) or (isinstance(mine, np.ndarray) and mine.dtype == object):
        for one, another in zip(mine, other, strict=True):
            same(one, another, f"{path}/")
    elif isinstance(mine, np.ndarray):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape), path
        np.testing.assert_array_equal(mine, other, err_msg=path)
    else:
        assert mine == other, path


def test_one_learner_for_all_agents_sees_and_masks_them_one_after_another():
    env = GarrisonEnv("toy/network")
    assert env.action_space == spaces.MultiDiscrete([3, 7])
    obs, info = env.reset(seed=0)
    assert obs.shape == (4 + 8,)
    assert env.action_masks().all()
    obs, reward, *_, info = env.step(np.array([2, 0]))  # the first agent restores, and is busy
    assert env.action_masks().tolist() == [True, False, False, *[True] * 7]
    assert info["action_mask"].tolist() == env.action_masks().astype(np.int8).tolist()
    assert obs[[2, 10]].tolist() == [1, 0]  # busy
    assert reward == pytest.approx(sum(info["reward_parts"].values()))


def test_a_copy_plays_on_alone():
    env = GarrisonEnv("toy/network")
    env.reset(seed=0)
    env.step(np.array([1, 1]))
    copied = copy.deepcopy(env)
    same(env.step(np.array([0, 2])), copied.step(np.array([0, 2])))
    env.step(np.array([0, 0]))
    assert (env._episodes.time, copied._episodes.time) == (3, 2)


def test_the_others_play_their_policy():
    env = GarrisonEnv("toy/network", agent="blue_0", others=Constant((0, 2)), render_mode="ansi")
    env.reset(seed=0)
    env.step(1)
    assert env.render().splitlines()[1:3] == ["blue_0: analyse gateway", "blue_1: restore web"]


@unbounded
@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version:UserWarning")
def test_registered_worlds_are_made_by_their_ids():
    assert "Garrison/cc4-v1" in gymnasium.registry
    assert register("toy/network") == register("toy/network") == "Garrison/toy-network-v1"
    name = "garrison.adapters.gymnasium:Garrison/toy-network-v1"
    env = gymnasium.make(name, agent=0, others="random", steps=3)
    check_env(env.unwrapped)
    assert env.unwrapped.world.max_steps == 3
    many = gymnasium.make_vec(name, num_envs=2, steps=3)
    assert isinstance(many, GarrisonVectorEnv)
    many.reset(seed=0)
    many.step(many.action_space.sample())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agent": 0}, r"name a policy for the other agents .* others=... is a policy or one of random"),
        ({"others": "random"}, "name it with agent=..."),
        ({"agent": 2, "others": "random"}, "no agent 2 in world 'toy/network'"),
        ({"world": "toy/value", "agent": 1}, "no agent 1 in world 'toy/value'"),
        ({"world": Pursuit()}, r"has the sides chaser, evader; choose one with .*one_side"),
        ({"render_mode": "human"}, "render_mode is 'human'"),
        ({"length": 3}, "has no option 'length'"),
    ],
)
def test_wrong_arguments_name_the_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        GarrisonEnv(**{"world": "toy/network"} | arguments)


def test_wrong_actions_name_agent_value_and_range():
    env = GarrisonEnv("toy/network", agent="blue_1", others="random")
    with pytest.raises(ValueError, match="no episode yet; call reset first"):
        env.action_masks()
    with pytest.raises(ValueError, match="call reset first"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action 7 of agent 'blue_1' .* must be in 0 .. 6"):
        env.step(7)
    with pytest.raises(ValueError, match="dtype float64; they must be integers"):
        env.step(1.0)
    many = GarrisonVectorEnv("toy/network", num_envs=2)
    for early in (many.action_masks, lambda: many.step(np.zeros((2, 2), int))):
        with pytest.raises(ValueError, match="call reset first"):
            early()
    many.reset(seed=0)
    with pytest.raises(ValueError, match="action 3 of agent 'blue_0' in environment 1"):
        many.step(np.array([[0, 0], [3, 0]]))
    with pytest.raises(ValueError, match="1 seeds for 2 environments"):
        many.reset(seed=[1])
    with pytest.raises(ValueError, match="num_envs is 0"):
        GarrisonVectorEnv("toy/network", num_envs=0)


def test_equal_worlds_share_their_compiled_programs(monkeypatch):
    traced = []
    step = Network.step_with
    monkeypatch.setattr(Network, "step_with", lambda *given: traced.append(1) or step(*given))
    for _ in range(2):
        for env in (GarrisonEnv("toy/network", steps=14), GarrisonVectorEnv("toy/network", steps=14)):
            env.reset(seed=0)
            env.step(env.action_space.sample())
    assert len(traced) == 2  # one alone, one of many


def test_a_missing_extra_and_an_old_gymnasium_are_errors_with_the_remedy(reimported, monkeypatch):
    with pytest.raises(
        ValueError, match=r"no_such_package; install with: pip install 'garrison\[gymnasium\]'"
    ):
        reimported(adapter, "gymnasium")
    monkeypatch.undo()
    monkeypatch.delattr(gymnasium.vector, "AutoresetMode")
    with pytest.raises(ValueError, match=r"but this adapter needs 1.1; CybORG needs 0.28.1"):
        importlib.reload(adapter)


@dataclasses.dataclass(frozen=True)
class Counted(Network):
    """Says how many hosts are infected when an episode begins."""

    def drawn(self, state):
        return {"infected": jnp.sum(state.infected, dtype=jnp.int32)}


def test_resets_say_what_was_drawn():
    env = GarrisonEnv(Counted(steps=4))
    _, info = env.reset(seed=0)
    assert info["drawn"] == {"infected": 1}
    assert "drawn" not in env.step(np.array([0, 0]))[-1]
    assert "drawn" not in GarrisonEnv("toy/network").reset(seed=0)[1]
