"""Blue's observation vectors and action masks, equal to those of CybORG's wrapper (§7)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Shaped
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def zone_hosts(array: Shaped[Array, "host"]) -> Shaped[Array, "zone 16"]:
    """Values of hosts by zone, in wrapper order: servers 0–5, users 0–9."""
    zones = array[: T.ROOT_HOST].reshape(T.NUM_ZONES, T.ZONE_SLOTS)
    return jnp.concatenate([zones[:, 1 + T.MAX_USERS :], zones[:, 1 : 1 + T.MAX_USERS]], axis=1)


def blue_vectors(
    topology: Topology, state: State, messages: Shaped[Array, "blue 8"]
) -> Float32[Array, "blue 210"]:
    """Observations; those of agents 0–3 are padded with zeros from 92 on (§7.2).

    Args:
        messages: bits that the agents sent in this step.

    The phase and policy are those of the step just done, so a new phase is visible one step late (Q23).
    """
    exists = zone_hosts(topology.host_exists)
    network = zone_hosts(state.host_network_events > 0) & exists
    process = zone_hosts(state.host_process_events > 0) & exists
    blocked = state.blocked[: T.NUM_ZONES, T.ALPHABETICAL]
    policy = jnp.asarray(T.POLICY)[state.phase, : T.NUM_ZONES]
    block = jnp.concatenate([jnp.asarray(_ONE_HOT), blocked, policy, process, network], axis=1)
    block = block.astype(jnp.float32)
    messages = messages.astype(jnp.float32)
    # concatenated in one flat array: stacked rows would be written twice
    rows = [part for agent in range(T.NUM_BLUE) for part in _vector(agent, state.phase, block, messages)]
    return jnp.concatenate(rows).reshape(T.NUM_BLUE, T.MAX_BLUE_OBSERVATION)


_ONE_HOT = (np.arange(T.NUM_ZONES)[:, None] == T.ALPHABETICAL).astype(np.uint8)


def _vector(agent: int, phase: Array, block: Array, messages: Array) -> list[Array]:
    parts = [phase[None].astype(jnp.float32)]
    parts += [block[subnet] for subnet in T.BLUE_SUBNETS[agent]]
    parts += [messages[other] for other in range(T.NUM_BLUE) if other != agent]
    return [*parts, jnp.zeros(T.MAX_BLUE_OBSERVATION - T.BLUE_OBSERVATION_SIZES[agent], jnp.float32)]


def concatenated(obs: Float32[Array, "blue feature"]) -> Float32[Array, "578"]:
    """The vectors of all agents without their padding; ``obs``: with whatever follows."""
    return jnp.concatenate([obs[agent, :size] for agent, size in enumerate(T.BLUE_OBSERVATION_SIZES)])


def compact(obs: Float32[Array, "blue feature"]) -> Float32[Array, "454"]:
    """What all vectors hold together, each number once.

    The phase, the blocks of the agents' subnets in the order of agents, each agent's message.
    """
    agents, indices = _COMPACT.T
    return obs[agents, indices]


def _compact() -> np.ndarray:
    """Agent and index of each number that :func:`compact` takes."""
    places = [(0, 0)]
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        places += [(agent, 1 + i) for i in range(T.BLOCK_SIZE * len(subnets))]
    for sender in range(T.NUM_BLUE):
        reader = int(sender == 0)  # nobody reads its own message
        first = 1 + T.BLOCK_SIZE * len(T.BLUE_SUBNETS[reader])
        first += T.MESSAGE_BITS * (sender - (sender > reader))
        places += [(reader, first + bit) for bit in range(T.MESSAGE_BITS)]
    return np.array(places)


_COMPACT = _compact()
COMPACT_SIZE = len(_COMPACT)


def blue_masks(topology: Topology) -> Bool[Array, "blue 242"]:
    """Legal actions: all except those on hosts that do not exist (§7.1).

    CybORG computes them at reset and never changes them: busy agents are not masked.
    """
    exists = zone_hosts(topology.host_exists)
    return jnp.stack([_mask(agent, exists) for agent in range(T.NUM_BLUE)])


def sleep_while_busy(
    mask: Bool[Array, "blue action"], busy: Bool[Array, "blue"]
) -> Bool[Array, "blue action"]:
    """``mask``, with Sleep alone where ``busy``: choices are discarded."""
    sleep = jnp.asarray(T.BLUE_ACTIONS[:, :, 0] == T.Blue.SLEEP)
    return jnp.where(busy[:, None], mask & sleep, mask)


def _mask(agent: int, exists: Bool[Array, "zone 16"]) -> Bool[Array, "action"]:
    hosts = jnp.concatenate([exists[s] for s in T.BLUE_SUBNETS[agent]])
    one = jnp.ones(1, bool)
    traffic = jnp.ones(16 * len(T.BLUE_SUBNETS[agent]), bool)
    mask = jnp.concatenate([hosts, one, hosts, hosts, one, traffic, hosts])
    return jnp.pad(mask, (0, T.MAX_BLUE_ACTIONS - T.BLUE_ACTION_COUNTS[agent]))
