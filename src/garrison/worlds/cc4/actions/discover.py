"""Red looks around: service scans and DiscoverDeception (§4.4). DiscoverRemoteSystems changes nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.worlds.cc4 import processes
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import Source
from garrison.worlds.cc4.choose import first, is_index
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


def scan(
    draws: Draws,
    topology: Topology,
    options: Options,
    state: State,
    source: Source,
    kind: jax.Array,
    target: jax.Array,
    ot_gone: jax.Array,
) -> tuple[State, jax.Array, jax.Array, jax.Array]:
    """Aggressive and stealth service discovery.

    Args:
        ot_gone: ``bool[red]``, an earlier agent's Impact stopped the target's OT service in this step.

    Returns:
        The state with the ports remembered and the events raised; success ``bool[red]``; whether any port
        was found ``bool[red]``; whether the target noticed ``bool[red]``.
    """
    scanning = (kind == T.Red.AGGRESSIVE) | (kind == T.Red.STEALTH)
    success = scanning & source.exists & source.abstract & ~source.blocked
    real = processes.real_ports(topology, state, target)
    real = jnp.where(ot_gone, real & (255 - T.PORT_OT), real)
    ports = real | processes.decoy_ports(state, target)
    decoys = jnp.sum(state.host_decoy[target] > 0, axis=1, dtype=jnp.int32)
    decoys = decoys + processes.orphans_on(state, target)

    rate = jnp.where(kind == T.Red.AGGRESSIVE, options.red_scan_detection[0], options.red_scan_detection[1])
    noticed = draws.red_scan <= rate
    # one event per listening process; decoys notice always
    events = decoys + jnp.where(noticed, processes.count_bits(real), 0)
    events = jnp.where(success, events, 0).astype(jnp.int16)
    found = success & (ports > 0)
    state = _remember(state, source, found, target, ports)
    network = state.host_network_events.at[target].add(events)
    return state.replace(host_network_events=network), success, found, events > 0


def remembered(state: State, source: Source, target: jax.Array) -> jax.Array:
    """Ports ``uint8[red]`` of the target that the source session remembers; 0 = never scanned (Q10)."""
    slot = first(source.slot)
    match = (state.scan_session == slot[:, None]) & (state.scan_host == target[:, None])
    ports = processes.or_reduce(jnp.where(match, state.scan_ports, jnp.uint8(0)))
    return jnp.where(source.exists, ports, 0)


def _remember(state: State, source: Source, enable: jax.Array, target: jax.Array, ports: jax.Array) -> State:
    slot = first(source.slot)
    match = (state.scan_session == slot[:, None]) & (state.scan_host == target[:, None])
    free = state.scan_session == T.NO_HOST
    known = jnp.any(match, axis=1)
    entry = jnp.where(known, first(match), first(free))
    full = enable & ~known & ~jnp.any(free, axis=1)
    at = (enable & ~full)[:, None] & is_index(entry, T.MAX_SCANS)
    return state.replace(
        scan_session=jnp.where(at, slot[:, None], state.scan_session).astype(jnp.uint8),
        scan_host=jnp.where(at, target[:, None], state.scan_host).astype(jnp.uint8),
        scan_ports=jnp.where(at, ports[:, None], state.scan_ports),
        overflow=state.overflow | (jnp.any(full) * T.Overflow.SCANS).astype(jnp.uint8),
    )


def deceive(
    draws: Draws,
    topology: Topology,
    options: Options,
    state: State,
    source: Source,
    kind: jax.Array,
    target: jax.Array,
    sessions_there: jax.Array,
    ot_gone: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """DiscoverDeception: success, and whether any process was reported, ``bool[red]`` (Q14).

    CybORG rolls per process; whether anything at all is reported is one roll with the joint chance.
    ``sessions_there`` counts red sessions on the targets, whose processes may be reported by mistake.
    """
    success = (kind == T.Red.DECEPTION) & source.exists
    decoys = jnp.sum(state.host_decoy[target] > 0, axis=1, dtype=jnp.int32)
    decoys = decoys + processes.orphans_on(state, target)
    stopped = state.host_ot_stopped[target] | (
        ot_gone & jnp.any(topology.service_kind[target] == T.Service.OTSERVICE, axis=1)
    )
    others = jnp.sum(topology.service_kind[target] > 0, axis=1, dtype=jnp.int32) - stopped
    others = others + (topology.blue_pid[target] > 0) + (topology.green_pid[target] > 0) + sessions_there
    rate = options.red_deception_rates
    silent = (1 - rate[0]) ** decoys.astype(jnp.float32) * (1 - rate[1]) ** others.astype(jnp.float32)
    return success, success & (draws.red_deception < 1 - silent)
