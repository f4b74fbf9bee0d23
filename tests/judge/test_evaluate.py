"""Evaluation: the same episodes for all policies, and the figures that a plain loop gives."""

from dataclasses import dataclass, replace
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.policy import STATE, Constant, Random
from garrison.core.recording import length_of
from garrison.core.struct import static, struct
from garrison.core.world import Step, World
from garrison.core.wrappers import Wrapper
from garrison.judge.evaluate import evaluate
from garrison.judge.lineup import grouped
from garrison.learn.policy import NetworkPolicy
from garrison.worlds.toy.network import Network

STEPS, EPISODES = 8, 6


@dataclass(frozen=True)
class Scored(Network):
    """A network that says what idle is, brings a policy, and scores all steps but the last one."""

    steps: int = STEPS
    idle_actions = (0, 0)
    score_steps = STEPS - 1

    def policies(self, side=None):
        return super().policies(side) | {"restore": Constant((2, 4))}


@dataclass(frozen=True)
class Countdown(World):
    """Ends after 1 to 4 steps, drawn at reset; pays 1 in each step, also after the end."""

    name = "countdown"
    version = "1"
    agents = ("one", "two")
    action_counts = (2, 2)
    observation_sizes = (1, 1)
    max_steps = 6

    def reset(self, key):
        left = jax.random.randint(key, (), 1, 5)
        return jnp.zeros((2, 1)), left

    def step(self, key, state, actions):
        obs, left = jnp.zeros((2, 1)), state - 1
        info = {"reward_parts": {"both": jnp.array([1.0, 3.0])}}
        return obs, left, Step(jnp.array([1.0, 3.0]), left <= 0, jnp.zeros((), bool), obs, info)

    def legal(self, state):
        return jnp.ones((2, 2), bool)

    def action_labels(self, agent):
        return ["a", "b"]

    def observation_labels(self, agent):
        return ["nothing"]


@struct
class Alternating:
    """Does as it did not the last time: a policy with a memory."""

    def init(self, key, num_agents):
        return jnp.zeros(num_agents, jnp.int32)

    def act(self, key, obs, mask, memory):
        return memory, 1 - memory


@pytest.fixture(scope="module")
def judged():
    policies = Scored().policies() | {"again": Random()}
    return policies, *evaluate(Scored(), policies, EPISODES, seed=5, record="restore")


def test_the_policies_of_a_world(judged):
    assert list(judged[0]) == ["idle", "random", "restore", "again"]
    assert list(Network().policies()) == ["random"]


def test_the_same_policy_gives_the_same_figures(judged):
    _, results, _ = judged
    np.testing.assert_array_equal(results["again"].returns, results["random"].returns)
    assert (results["idle"].returns != results["random"].returns).any()


def test_all_policies_meet_the_same_episodes(judged):
    """Idle as every agent's only choice is Constant((0, 0)), whatever plays beside it."""
    _, results, _ = judged
    alone, recording = evaluate(Scored(), {"x": Constant((0, 0))}, EPISODES, seed=5)
    assert recording is None
    np.testing.assert_array_equal(alone["x"].returns, results["idle"].returns)
    other, _ = evaluate(Scored(), {"x": Constant((0, 0))}, EPISODES, seed=50)
    assert (other["x"].returns != results["idle"].returns).any()


def test_the_same_episode_begins_alike_for_all(judged):
    policies = judged[0]
    first = [evaluate(Scored(), policies, 1, seed=5, record=name)[1] for name in ("idle", "restore")]
    np.testing.assert_array_equal(first[0].state.infected[0], first[1].state.infected[0])
    assert (first[0].state.infected[-1] != first[1].state.infected[-1]).any()


def test_an_episode_is_that_of_its_seed(judged):
    _, results, _ = judged
    later, _ = evaluate(Scored(), {"x": Constant((0, 0))}, 2, seed=7)
    np.testing.assert_array_equal(later["x"].returns, results["idle"].returns[:, 2:4])


def test_episodes_do_not_depend_on_the_batch(judged):
    _, results, _ = judged
    done = []
    batched, _ = evaluate(Scored(), judged[0], EPISODES - 1, seed=5, batch=2, on_progress=done.append)
    assert done == [2, 4, 5]
    np.testing.assert_allclose(batched["random"].returns, results["random"].returns[:, :-1], rtol=1e-6)
    np.testing.assert_allclose(
        batched["idle"].parts["infected"], results["idle"].parts["infected"][:, :-1], rtol=1e-6
    )


def test_parts_add_up_and_the_last_step_is_not_scored(judged):
    _, results, recording = judged
    figures = results["restore"]
    assert figures.returns.shape == (1, EPISODES)
    assert (figures.lengths == STEPS).all()
    np.testing.assert_allclose(sum(figures.parts.values())[..., 0], figures.returns, rtol=1e-5)
    rewards = recording.step.reward.mean(axis=-1)
    np.testing.assert_allclose(rewards.sum(), figures.returns[0, 0], rtol=1e-5)
    np.testing.assert_allclose(rewards[:-1].sum(), figures.scores[0, 0], rtol=1e-5)


def test_the_recording_is_an_episode_of_the_world(judged):
    _, _, recording = judged
    assert length_of(recording) == STEPS
    assert (recording.actions == [2, 4]).all()
    np.testing.assert_array_equal(recording.state.time, np.arange(STEPS))
    np.testing.assert_array_equal(recording.after.infected[:-1], recording.state.infected[1:])


@pytest.fixture(scope="module")
def counted():
    return evaluate(Countdown(), {"policy": Alternating()}, 20, seed=0, record="policy")


def test_nothing_counts_after_the_end(counted):
    figures, recording = counted[0]["policy"], counted[1]
    assert set(figures.lengths[0]) == {1, 2, 3, 4}
    np.testing.assert_array_equal(figures.returns, 2.0 * figures.lengths)  # the mean over the agents
    np.testing.assert_array_equal(figures.scores, figures.returns)
    expected = figures.lengths[0, :, None, None] * np.array([[[1.0, 3.0]]])
    np.testing.assert_array_equal(figures.parts["both"][0], expected)
    np.testing.assert_array_equal(figures.decisions.sum(axis=(2, 3)), 2 * figures.lengths)
    assert length_of(recording) == figures.lengths[0, 0]


def test_nothing_is_played_once_all_episodes_are_over(counted):
    figures, recording = counted[0]["policy"], counted[1]
    last = figures.lengths.max()
    assert last < len(recording.actions)
    assert (recording.step.reward[:last] != 0).any()
    assert not recording.step.reward[last:].any()
    assert not recording.actions[last:].any()


def test_policies_remember(counted):
    figures, recording = counted[0]["policy"], counted[1]
    actions = recording.actions[: figures.lengths.max()]  # as long as anybody plays
    np.testing.assert_array_equal(actions, np.tile(np.arange(len(actions))[:, None] % 2, (1, 2)))


class Net(eqx.Module):
    """Logits and a value from the first ``size`` features."""

    linear: eqx.nn.Linear

    def __init__(self, size: int, seed: int):
        self.linear = eqx.nn.Linear(size, Network().num_actions, key=jax.random.key(seed))

    def initial_carry(self, num_agents):
        return ()

    def __call__(self, carry, obs, first):
        return carry, (3 * jax.vmap(self.linear)(obs), jnp.zeros(len(obs)))


def test_seeds_of_a_training_play_as_each_alone():
    size = Network().observation_size
    seeds = [NetworkPolicy(Net(size, seed), greedy=True) for seed in range(3)]
    together, recording = evaluate(
        Scored(),
        {"first": seeds[:2], "random": Random(), "last": seeds[2]},
        EPISODES,
        seed=5,
        record="last",
    )
    assert together["first"].returns.shape == (2, EPISODES)
    for seed, (name, row) in zip(seeds, [("first", 0), ("first", 1), ("last", 0)], strict=True):
        alone, _ = evaluate(Scored(), {"x": seed}, EPISODES, seed=5)
        np.testing.assert_allclose(together[name].returns[row], alone["x"].returns[0], rtol=1e-5)
        np.testing.assert_array_equal(together[name].decisions[row], alone["x"].decisions[0])
    assert (together["first"].returns[0] != together["first"].returns[1]).any()
    rewards = recording.step.reward.mean(axis=-1)
    np.testing.assert_allclose(rewards.sum(), together["last"].returns[0, 0], rtol=1e-5)


def test_policies_of_one_structure_are_one_group():
    seeds = [NetworkPolicy(Net(4, seed)) for seed in range(3)]
    lineup, rows = grouped([seeds[0], Random(), seeds[1], NetworkPolicy(Net(5, 0)), seeds[2]])
    assert [group.size for group in lineup.groups] == [3, 1, 1]
    assert (lineup.size, rows) == (5, [0, 3, 1, 4, 2])
    assert lineup.groups[0].policies.net.linear.weight.shape[0] == 3


@struct
class Counts:
    """Takes the action that has the number of the features it sees."""

    observation_size: int = static()

    def init(self, key, num_agents):
        return ()

    def act(self, key, obs, mask, memory):
        return jnp.full(len(obs), obs.shape[-1], jnp.int32), memory


@dataclass(frozen=True)
class Wider(Scored):
    """A world that can show more."""

    wide: bool = False
    observations = ("narrow", "wide")

    @property
    def observation(self):
        return "wide" if self.wide else "narrow"

    @property
    def observation_size(self):
        return 12 if self.wide else 8

    def observe_as(self, name):
        return replace(self, wide=name == "wide")

    def _observe(self, state):
        obs = super()._observe(state)
        return obs if obs.shape[-1] == self.observation_size else jnp.pad(obs, ((0, 0), (0, 4)))


@struct
class Wide(Random):
    observation: str = static(default="wide")


def test_policies_see_as_many_features_as_they_read():
    _, recording = evaluate(Wider(), {"few": Counts(2), "all": Wide()}, 1, seed=5, record="few")
    assert (recording.actions == 2).all()
    assert recording.step.final_obs.shape[-1] == 12  # the world shows what the other one needs
    _, recording = evaluate(Wider(), {"few": Counts(2)}, 1, seed=5, record="few")
    assert recording.step.final_obs.shape[-1] == 8


@struct
class Restorer:
    """Privileged: restores the gateway exactly while it is infected."""

    observation = STATE

    def init(self, key, num_agents):
        return ()

    def act(self, key, state, mask, memory):
        return jnp.stack([2 * state.infected[0], 0]).astype(jnp.int32), memory


def test_privileged_policies_read_the_state():
    _, recording = evaluate(Scored(), {"few": Counts(2), "privileged": Restorer()}, 3, 0, record="privileged")
    infected = recording.state.infected[:, 0]
    assert infected.any()
    np.testing.assert_array_equal(recording.actions[:, 0], 2 * infected)


@dataclass(frozen=True)
class TenTimes(Wrapper):
    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        return obs, state, step.replace(reward=10 * step.reward)


def test_a_wrapped_world_is_judged_wrapped():
    policies = {"few": Counts(2), "all": Wide()}
    plain, _ = evaluate(Wider(), policies, 3, 0)
    wrapped, _ = evaluate(TenTimes(Wider()), policies, 3, 0)
    for name in policies:
        np.testing.assert_allclose(wrapped[name].returns, 10 * plain[name].returns, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (partial(evaluate, policies={}, episodes=1), "policies is empty"),
        (partial(evaluate, policies={"x": []}, episodes=1), r"policies\['x'\] is an empty list"),
        (partial(evaluate, episodes=0), "episodes is 0"),
        (partial(evaluate, episodes=1, record="x"), "record 'x'"),
        (partial(evaluate, episodes=1, seed=-1), "seed is -1"),
        (partial(evaluate, episodes=2, seed=2**31 - 2), "it must be in 0 .. 2147483645"),
    ],
)
def test_wrong_requests_are_refused(wrong, message):
    wrong = partial(wrong, **{"seed": 0, "policies": {"random": Random()}, **wrong.keywords})
    with pytest.raises(ValueError, match=message):
        wrong(Network())


@pytest.mark.parametrize("wrong", [-1, 3, 1000])
def test_actions_outside_an_agents_list_are_counted(wrong):
    """The first agent has three actions, so that 3 is in the padding; steps after the end do not count."""
    policies = {"valid": Constant((0, 0)), "wrong": Constant((wrong, 1))}
    results, _ = evaluate(Scored(), policies, 2, 0)
    assert Scored().action_counts[0] == 3 < Scored().num_actions
    assert results["valid"].invalid.tolist() == [[0, 0]]
    assert results["wrong"].invalid.tolist() == [[STEPS, STEPS]]
    results, _ = evaluate(Countdown(), {"wrong": Constant((5, 0))}, 20, seed=0)
    np.testing.assert_array_equal(results["wrong"].invalid, results["wrong"].lengths)


def test_an_opponent_with_other_parameters_does_not_compile_again():
    from garrison.core.sides import one_side
    from garrison.judge.evaluate import _play
    from garrison.worlds.toy.probes import Pursuit

    @struct
    class Biased(Random):
        chance: object = None

        def act(self, key, obs, mask, memory):
            return jax.random.bernoulli(key, self.chance, (1,)).astype(jnp.int32), memory

    compiled, returns = [], []
    for chance in (np.float32(0), np.float32(1)):
        world = one_side(Pursuit(), "chaser", Biased(np.array(chance)))
        returns.append(evaluate(world, {"right": Constant((1,))}, 3, 0)[0]["right"].returns)
        compiled.append(_play._cached._cache_size())
    assert (np.array(returns) == [[[-3] * 3], [[3] * 3]]).all()
    assert compiled[1] == compiled[0]
