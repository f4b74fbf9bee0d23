"""A world as an environment of JaxMARL."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxmarl.environments import spaces
from jaxmarl.environments.multi_agent_env import MultiAgentEnv

from garrison.adapters.arguments import world_of
from garrison.adapters.jaxmarl import steps
from garrison.adapters.jaxmarl.steps import Dict, State
from garrison.core.world import World


class GarrisonEnv(MultiAgentEnv):
    """All agents of a world, of one side or of both.

    ``obs`` has an array by agent, and the world's global state as ``"world_state"``. ``infos`` holds
    ``truncated`` and the reward parts, each with an axis [agent], so that JaxMARL's scripts log them.
    A new episode starts within the step that ends one, and is computed only in steps in which one ends.

    Args:
        world: a world, or the name of one.
        pad: whether all agents get the sizes of the largest, as JaxMARL's scripts expect. Added features are
            0; added actions are never available, and do what the world defines for an action out of range.
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
        self._form = steps.Form(sizes, counts, state_kind)
        self.observation_spaces = {
            agent: spaces.Box(-np.inf, np.inf, (size,))
            for agent, size in zip(self.agents, sizes, strict=True)
        }
        self.action_spaces = {
            agent: spaces.Discrete(count) for agent, count in zip(self.agents, counts, strict=True)
        }

    def reset(self, key: jax.Array) -> tuple[Dict, State]:
        return steps.reset(self.world, self._form, key)

    def step(
        self, key: jax.Array, state: State, actions: Dict, reset_state: State | None = None
    ) -> tuple[Dict, State, Dict, Dict, Dict]:
        """One step, and the start of a new episode where it ends one: of ``reset_state`` if it is given."""
        return steps.step(self.world, self._form, key, state, self._joint(actions), reset_state)

    def step_env(self, key: jax.Array, state: State, actions: Dict) -> tuple[Dict, State, Dict, Dict, Dict]:
        """One step that starts no new episode."""
        return steps.step_env(self.world, self._form, key, state, self._joint(actions))

    def get_obs(self, state: State) -> Dict:
        return steps.seen(self.world, self._form, state)

    def get_avail_actions(self, state: State) -> Dict:
        """Legal actions, ``bool[action]`` by agent."""
        return steps.available(self.world, self._form, state)

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
        if wrong or not (isinstance(action, Tracer) or 0 <= action.item() < count):
            raise ValueError(
                f"action {action} of agent {agent!r} of world {self.name!r} is not an integer in "
                f"0 .. {count - 1}"
            )
        return action.reshape(()).astype(jnp.int32)
