"""Worlds as JaxMARL environments, and what JaxMARL's training scripts import beside them.

>>> from garrison.adapters import jaxmarl
>>> env = jaxmarl.make("cc4")
>>> obs, state = env.reset(jax.random.key(0))
>>> obs, state, rewards, dones, infos = env.step(key, state, actions)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.adapters.arguments import world_of
from garrison.adapters.restart import restart
from garrison.core import extras
from garrison.core.struct import struct
from garrison.core.world import World

extras.require("jaxmarl")

from jaxmarl.environments import spaces  # noqa: E402
from jaxmarl.environments.multi_agent_env import MultiAgentEnv  # noqa: E402
from jaxmarl.wrappers import baselines  # noqa: E402

Dict = dict[str, Any]


@struct
class State:
    """The state of a :class:`GarrisonEnv`."""

    world: Any
    obs: jax.Array  # f32[agent, feature]
    step: jax.Array  # int32[]: steps done in this episode
    done: jax.Array  # bool[]


class GarrisonEnv(MultiAgentEnv):
    """All agents of a world, of one side or of both.

    ``obs`` has an array by agent, and the world's global state as ``"world_state"``. ``infos`` holds
    ``truncated`` and the reward parts, each with an axis [agent], so that JaxMARL's scripts log them.
    A new episode starts within the step that ends one, and is computed only in steps in which one ends.

    Args:
        world: a world, or the name of one.
        pad: whether all agents get the sizes of the largest, as JaxMARL's scripts expect. Features are padded
            with zeros, actions with ones that are never available, and do what the world defines.
        state_kind: which of the world's global states ``"world_state"`` is.
        **options: of the world, where it is given by name.

    Raises:
        ValueError: for unknown names and options, and for wrong actions, naming the agent. Values of actions
            are checked outside ``jit`` and ``vmap`` alone.
    """

    def __init__(
        self, world: str | World = "cc4", *, pad: bool = True, state_kind: str = "concat", **options: Any
    ):
        self.world = world = world_of(world, options)
        super().__init__(world.num_agents)
        self.agents, self.max_steps = list(world.agents), world.max_steps
        self.state_size = world.global_state_size(state_kind)
        sizes, counts = world.observation_sizes, world.action_counts
        if pad:
            sizes, counts = (max(sizes),) * len(sizes), (max(counts),) * len(counts)
        self._form = (sizes, counts, state_kind)
        self.observation_spaces = {
            agent: spaces.Box(-np.inf, np.inf, (size,))
            for agent, size in zip(self.agents, sizes, strict=True)
        }
        self.action_spaces = {
            agent: spaces.Discrete(count) for agent, count in zip(self.agents, counts, strict=True)
        }

    def reset(self, key: jax.Array) -> tuple[Dict, State]:
        return _reset(self.world, self._form, key)

    def step(
        self, key: jax.Array, state: State, actions: Dict, reset_state: State | None = None
    ) -> tuple[Dict, State, Dict, Dict, Dict]:
        """One step, and the start of a new episode where it ends one: of ``reset_state`` if it is given."""
        return _step(self.world, self._form, key, state, self._joint(actions), reset_state)

    def step_env(self, key: jax.Array, state: State, actions: Dict) -> tuple[Dict, State, Dict, Dict, Dict]:
        """One step that starts no new episode."""
        return _step_env(self.world, self._form, key, state, self._joint(actions))

    def get_obs(self, state: State) -> Dict:
        return _seen(self.world, self._form, state)

    def get_avail_actions(self, state: State) -> Dict:
        """Legal actions, ``bool[action]`` by agent."""
        return _available(self.world, self._form, state)

    @property
    def name(self) -> str:
        return self.world.name

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        """Agents by side."""
        return {side: [self.agents[i] for i in rows] for side, rows in self.world.sides.items()}

    def _joint(self, actions: Dict) -> jax.Array:
        if missing := [agent for agent in self.agents if agent not in actions]:
            raise ValueError(f"no action of {', '.join(missing)} of world {self.name!r}; every agent acts")
        return jnp.stack([self._checked(agent, jnp.asarray(actions[agent])) for agent in self.agents])

    def _checked(self, agent: str, action: jax.Array) -> jax.Array:
        count = self.action_spaces[agent].n
        wrong = action.size != 1 or not jnp.issubdtype(action.dtype, jnp.integer)
        if wrong or not (isinstance(action, jax.core.Tracer) or 0 <= action.item() < count):
            raise ValueError(
                f"action {action} of agent {agent!r} of world {self.name!r} is not an integer in "
                f"0 .. {count - 1}"
            )
        return action.reshape(()).astype(jnp.int32)


def make(world: str | World = "cc4", **options: Any) -> GarrisonEnv:
    """A :class:`GarrisonEnv`; stands for ``jaxmarl.make`` in scripts."""
    return GarrisonEnv(world, **options)


class CTRolloutManager(baselines.CTRolloutManager):
    """JaxMARL's, with masks, global state and team reward of the environment.

    JaxMARL's own takes masks and global states from environments that it knows by name, and elsewhere adds up
    the rewards of all agents. Here the team's reward is their mean.
    """

    def __init__(self, env: Any, batch_size: int, *arguments: Any, **options: Any):
        super().__init__(env, batch_size, *arguments, **options)
        trained = self.training_agents
        self.global_state = lambda obs, state: obs["world_state"]
        self.global_reward = lambda rewards: jnp.stack([rewards[agent] for agent in trained]).mean(axis=0)
        self.get_valid_actions = lambda state: jax.vmap(env.get_avail_actions)(state)


@partial(jax.jit, static_argnums=1)
def _reset(world: World, form: Any, key: jax.Array) -> tuple[Dict, State]:
    state = _start(world, key)
    return _seen(world, form, state), state


def _start(world: World, key: jax.Array) -> State:
    obs, state = world.reset(key)
    return State(state, obs, jnp.zeros((), jnp.int32), jnp.zeros((), bool))


@partial(jax.jit, static_argnums=1)
def _step_env(world: World, form: Any, key: jax.Array, state: State, actions: jax.Array) -> tuple[Any, ...]:
    obs, after, step = world.step(key, state.world, actions)
    after = State(after, obs, state.step + 1, step.done)
    rewards = dict(zip(world.agents, step.reward, strict=True))
    dones = dict.fromkeys((*world.agents, "__all__"), step.done)
    parts = {f"reward_{name}": part for name, part in step.info.get("reward_parts", {}).items()}
    everyone = (world.num_agents,)
    infos = {
        name: jnp.broadcast_to(one, everyone) for name, one in {"truncated": step.truncated, **parts}.items()
    }
    return _seen(world, form, after), after, rewards, dones, infos


@partial(jax.jit, static_argnums=1)
def _step(
    world: World, form: Any, key: jax.Array, state: State, actions: jax.Array, reset_state: State | None
) -> tuple[Any, ...]:
    key, reset_key = jax.random.split(key)
    _, after, rewards, dones, infos = _step_env(world, form, key, state, actions)
    if reset_state is None:
        after = restart(_start, world, after.done, reset_key, after)
    else:
        after = jax.tree.map(partial(jnp.where, after.done), reset_state, after)
    return _seen(world, form, after), after, rewards, dones, infos


@partial(jax.jit, static_argnums=1)
def _seen(world: World, form: Any, state: State) -> Dict:
    sizes, _, kind = form
    rows = zip(world.agents, sizes, state.obs, strict=True)
    obs = {agent: row[:size] for agent, size, row in rows}
    return obs | {"world_state": world.global_state(state.world, state.obs, kind)}


@partial(jax.jit, static_argnums=1)
def _available(world: World, form: Any, state: State) -> Dict:
    rows = zip(world.agents, form[1], world.legal(state.world), strict=True)
    return {agent: row[:count] for agent, count, row in rows}
