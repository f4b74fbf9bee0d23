import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.testing import check_world
from garrison.core.wrappers import AutoReset, EpisodeStats, Vectorize, Wrapper, env_keys, env_slice
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Discount, Memory, Truncation
from garrison.worlds.toy.timed import Sojourn

KEY = jax.random.key(7)
MEMORY = Memory(delay=2)  # three steps; the first observation shows a cue, the last one asks for it


def rollout(world, steps, actions):
    """Steps of one environment, stacked over time, by one scan."""

    def one(state, key):
        obs, state, step = world.step(key, state, actions)
        return state, (obs, step)

    _, state = world.reset(KEY)
    return jax.lax.scan(one, state, jax.random.split(KEY, steps))[1]


@pytest.mark.parametrize("wrap", [AutoReset, EpisodeStats, lambda world: EpisodeStats(AutoReset(world))])
def test_wrapped_worlds_keep_the_contract(wrap):
    check_world(wrap(MEMORY), KEY)


def test_auto_reset_starts_a_new_episode_in_the_last_step():
    obs, step = rollout(AutoReset(MEMORY), 7, jnp.zeros(1, jnp.int32))
    assert step.terminated.tolist() == [False, False, True, False, False, True, False]
    assert not step.truncated.any()
    asks, cue = obs[:, 0, 2], obs[:, 0, :2].sum(-1)
    assert asks.tolist() == [0, 1, 0, 0, 1, 0, 0]
    assert cue.tolist() == [0, 0, 1, 0, 0, 1, 0]  # that of the next episode, in the step that ends one
    assert step.final_obs[2].tolist() == [[0, 0, 0]]  # past the question, and no new cue
    np.testing.assert_array_equal(obs[~step.done], step.final_obs[~step.done])


def test_auto_reset_draws_episodes_anew():
    obs, step = rollout(AutoReset(MEMORY), 90, jnp.zeros(1, jnp.int32))
    cues = obs[step.done][:, 0, 0]
    assert 0 < cues.sum() < len(cues)


def test_auto_reset_keeps_truncation():
    _, step = rollout(AutoReset(Truncation()), 20, jnp.zeros(1, jnp.int32))
    assert np.flatnonzero(step.truncated).tolist() == [9, 19]
    assert not step.terminated.any()


def test_episode_stats_count_the_running_and_the_last_episode():
    _, step = rollout(EpisodeStats(AutoReset(Discount())), 7, jnp.zeros(1, jnp.int32))
    assert step.info["episode_length"].tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert step.info["episode_return"][:, 0].tolist() == [0, 0, 1, 0, 0, 1, 0]
    assert step.info["last_length"].tolist() == [0, 0, 3, 3, 3, 3, 3]
    assert step.info["last_return"][:, 0].tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_episode_stats_add_up_the_time_where_steps_differ():
    _, step = rollout(EpisodeStats(AutoReset(Sojourn())), 6, jnp.zeros(1, jnp.int32))
    elapsed, total = np.asarray(step.elapsed), np.asarray(step.info["episode_elapsed"])
    assert step.done.tolist() == [False, True] * 3
    np.testing.assert_allclose(total[1::2], elapsed[::2] + elapsed[1::2], rtol=1e-6)
    np.testing.assert_allclose(total[::2], elapsed[::2], rtol=1e-6)
    assert "episode_elapsed" not in rollout(EpisodeStats(MEMORY), 1, jnp.zeros(1, jnp.int32))[1].info


def test_episode_stats_keep_what_the_world_tells():
    _, step = rollout(EpisodeStats(Network()), 2, jnp.zeros(2, jnp.int32))
    assert set(step.info) >= {"reward_parts", "episode_return"}


def test_environments_do_not_depend_on_how_many_there_are():
    few, many = (Vectorize(Network(), count).reset(KEY)[1] for count in (2, 5))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b[:2]).all(), few, many))
    alone = Network().reset(env_keys(KEY, 5)[4])[1]
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), env_slice(many, 4), alone))
    assert len({tuple(infected) for infected in many.infected.tolist()}) > 1


def test_vectorize_has_environments_everywhere_and_checks_its_actions():
    world = Vectorize(Network(), 3)
    obs, state = world.reset(KEY)
    obs, state, step = world.step(KEY, state, np.zeros((3, 2), int))
    assert obs.shape == (3, 2, 8)
    assert world.legal(state).shape == (3, 2, 7)
    assert {leaf.shape[0] for leaf in jax.tree.leaves((state, step))} == {3}
    with pytest.raises(ValueError, match="action 5 of agent 'blue_0' in environment 1"):
        world.step(KEY, state, [[0, 0], [5, 0], [0, 0]])


def test_wrappers_answer_for_the_world_inside():
    world = EpisodeStats(AutoReset(MEMORY))
    assert (world.name, world.version, world.agents, world.max_steps) == ("toy/memory", "1", ("learner",), 3)
    assert world.action_labels(0) == ["left", "right"]
    assert world.describe(world.reset(KEY)[1])["time"] == 0
    with pytest.raises(AttributeError, match="delay"):  # the protocol is forwarded, and nothing else
        world.delay  # noqa: B018
    network = EpisodeStats(Network())
    state = network.reset(KEY)[1]
    after, step = network.step(KEY, state, [0, 0])[1:]
    assert network.narrate(state, [0, 0], after, step)[:2] == ["blue_0: sleep", "blue_1: sleep"]


def test_vectorize_is_outermost_and_describes_no_environment_by_itself():
    world = Vectorize(MEMORY, 2)
    for wrap in (AutoReset, EpisodeStats, lambda inner: Vectorize(inner, 2)):
        with pytest.raises(ValueError, match="Vectorize must be the outermost wrapper"):
            wrap(world)
    with pytest.raises(ValueError, match="one environment at a time"):
        world.describe(world.reset(KEY)[1])
    with pytest.raises(ValueError, match="num_envs is 0"):
        dataclasses.replace(world, num_envs=0)


@dataclasses.dataclass(frozen=True)
class TenTimes(Wrapper):
    """Multiplies rewards by ten."""

    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        return obs, state, step.replace(reward=10 * step.reward)


def test_a_wrapped_world_is_wrapped_under_every_contract():
    world = EpisodeStats(TenTimes(garrison.make("cc4")))
    rich = world.observe_as("rich")
    assert isinstance(rich, EpisodeStats)
    assert isinstance(rich.world, TenTimes)
    assert rich.observation == "rich"


def test_truncated_episodes_keep_their_last_mask():
    class Closing(Truncation):
        def legal(self, state):
            return jnp.stack([state.time < 2, jnp.ones((), bool)])[None]

        max_steps = 2

    closing = dataclasses.dataclass(frozen=True)(Closing)()
    _, step = rollout(AutoReset(closing), 4, jnp.ones(1, jnp.int32))
    assert step.truncated.tolist() == [False, True, False, True]
    assert step.final_mask[:, 0, 0].tolist() == [True, False, True, False]
    check_world(AutoReset(closing), KEY)


def test_worlds_are_arguments_of_compiled_functions():
    traced = []

    @jax.jit
    def returns(world, key):
        traced.append(world)
        _, state = world.reset(key)
        return world.step(key, state, jnp.zeros(world.num_agents, jnp.int32))[2].reward

    for world in (Discount(), Discount(), EpisodeStats(Discount()), EpisodeStats(Discount()), Memory(2)):
        returns(world, KEY)
    assert len(traced) == 3
    assert jax.tree.leaves(EpisodeStats(Discount())) == []


def test_wrappers_say_what_the_world_inside_drew():
    class Counted(Network):
        def drawn(self, state):
            return {"infected": jnp.sum(state.infected, dtype=jnp.int32)}

    world = EpisodeStats(dataclasses.dataclass(frozen=True)(Counted)())
    _, state = world.reset(KEY)
    assert world.drawn(state)["infected"] == state.world.infected.sum()
    assert EpisodeStats(Network()).drawn(state) == {}
    several = Vectorize(world, 3)
    _, states = several.reset(KEY)
    assert several.drawn(states)["infected"].tolist() == states.world.infected.sum(axis=1).tolist()


@dataclasses.dataclass(frozen=True)
class Counting(Wrapper):
    """Counts how many environments are reset."""

    resets: list[int]

    def reset(self, key):
        jax.debug.callback(lambda: self.resets.append(1))
        return self.world.reset(key)


def plain(world, key, state, actions):
    """What :class:`AutoReset` is to do, without its rule for many environments."""
    step_key, reset_key = jax.random.split(key)
    obs, state, step = world.step(step_key, state, actions)
    fresh = world.reset(reset_key)
    return jax.tree.map(lambda a, b: jnp.where(step.done, a, b), fresh, (obs, state))


def test_environments_are_reset_only_in_steps_in_which_an_episode_ends():
    resets: list[int] = []
    world, actions = AutoReset(Counting(MEMORY, resets)), jnp.zeros((2, 3, 1), jnp.int32)
    keys = jax.random.split(KEY, (2, 3))
    step = jax.jit(jax.vmap(jax.vmap(world.step)))  # as with seeds beside environments
    expected = jax.jit(jax.vmap(jax.vmap(lambda *now: plain(MEMORY, *now))))
    _, state = jax.vmap(jax.vmap(MEMORY.reset))(keys)
    later = expected(keys, state, actions)[1]
    ahead = jnp.arange(6).reshape(2, 3) % 2 == 1  # so that episodes do not end together
    state = jax.tree.map(lambda a, b: jnp.where(ahead, a, b), later, state)
    ends = []
    for t in range(6):
        before, now = len(resets), jax.random.split(jax.random.fold_in(KEY, t), (2, 3))
        wanted = expected(now, state, actions)
        obs, state, result = step(now, state, actions)
        jax.effects_barrier()
        jax.tree.map(np.testing.assert_array_equal, (obs, state), wanted)
        ends.append(int(result.done.sum()))
        assert (len(resets) > before) == (ends[-1] > 0)
    assert ends == [0, 3, 3, 0, 3, 3]
