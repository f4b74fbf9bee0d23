"""What environments of JaxMARL do, compiled; the world is an argument, so equal worlds share programs."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from garrison.adapters.restart import restart
from garrison.core.struct import struct
from garrison.core.world import World

Dict = dict[str, Any]


class Form(NamedTuple):
    """How observations are given out."""

    sizes: tuple[int, ...]  # features of each agent
    counts: tuple[int, ...]  # actions of each agent
    state_kind: str  # of the global state


@struct
class State:
    """The state of a :class:`GarrisonEnv`."""

    world: Any
    obs: jax.Array  # f32[agent, feature]
    step: jax.Array  # int32[]: steps done in this episode
    done: jax.Array  # bool[]


@partial(jax.jit, static_argnums=1)
def reset(world: World, form: Form, key: jax.Array) -> tuple[Dict, State]:
    """The first observations of an episode, and its state."""
    state = start(world, key)
    return seen(world, form, state), state


def start(world: World, key: jax.Array) -> State:
    """The first state of an episode."""
    obs, state = world.reset(key)
    return State(state, obs, jnp.zeros((), jnp.int32), jnp.zeros((), bool))


@partial(jax.jit, static_argnums=1)
def step_env(world: World, form: Form, key: jax.Array, state: State, actions: jax.Array) -> tuple[Any, ...]:
    """Observations, state, rewards, dones and infos after a step with ``int32[agent]``, without reset."""
    obs, after, step = world.step(key, state.world, actions)
    after = State(after, obs, state.step + 1, step.done)
    rewards = dict(zip(world.agents, step.reward, strict=True))
    dones = dict.fromkeys((*world.agents, "__all__"), step.done)
    parts = {f"reward_{name}": part for name, part in step.info.get("reward_parts", {}).items()}
    infos = {"truncated": step.truncated, **parts}
    infos = {name: jnp.broadcast_to(one, (world.num_agents,)) for name, one in infos.items()}
    return seen(world, form, after), after, rewards, dones, infos


@partial(jax.jit, static_argnums=1)
def step(
    world: World, form: Form, key: jax.Array, state: State, actions: jax.Array, reset_state: State | None
) -> tuple[Any, ...]:
    """The same with a reset: to ``reset_state`` if it is given, else to a new episode."""
    key, reset_key = jax.random.split(key)
    _, after, rewards, dones, infos = step_env(world, form, key, state, actions)
    if reset_state is None:
        after = restart(start, world, after.done, reset_key, after)
    else:
        after = jax.tree.map(partial(jnp.where, after.done), reset_state, after)
    return seen(world, form, after), after, rewards, dones, infos


@partial(jax.jit, static_argnums=1)
def seen(world: World, form: Form, state: State) -> Dict:
    """Observations by agent, and the global state."""
    rows = zip(world.agents, form.sizes, state.obs, strict=True)
    obs = {agent: row[:size] for agent, size, row in rows}
    return obs | {"world_state": world.global_state(state.world, state.obs, form.state_kind)}


@partial(jax.jit, static_argnums=1)
def available(world: World, form: Form, state: State) -> Dict:
    """Legal actions by agent."""
    rows = zip(world.agents, form.counts, world.legal(state.world), strict=True)
    return {agent: row[:count] for agent, count, row in rows}
