"""Red's discovery: remote systems, services and deception (§4.4)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Bool, Int32, Integer, UInt8
from garrison.worlds.cc4 import processes
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedContext, RedEffect, Source
from garrison.worlds.cc4.choose import first, is_index
from garrison.worlds.cc4.state import State


def remote_systems(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """DiscoverRemoteSystems: all users and servers of a subnet are reported; the state does not change."""
    success = (context.kind == T.Red.DISCOVER) & context.source.exists
    answers = context.topology.host_exists & (T.IS_USER | T.IS_SERVER)
    subnet = context.turn.action.subnet
    in_subnet = answers[None] & (jnp.asarray(T.HOST_SUBNET)[None] == subnet[:, None])
    return state, RedEffect(success=success, others=in_subnet & success[:, None])


def scan(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """Aggressive and stealth service discovery: the source session remembers the target's open ports."""
    source, target = context.source, context.target
    aggressive = context.kind == T.Red.AGGRESSIVE
    scanning = aggressive | (context.kind == T.Red.STEALTH)
    success = scanning & source.exists & source.abstract & ~source.blocked
    real = processes.real_ports(context.topology, target, context.ot_stopped)
    ports = real | processes.decoy_ports(state, target)
    decoys = processes.decoys_on(state, target)

    rates = context.options.red_scan_detection
    noticed = context.draws.red_scan <= jnp.where(aggressive, rates[0], rates[1])
    # one event per listening process; decoys notice always
    events = decoys + jnp.where(noticed, processes.count_bits(real), 0)
    events = jnp.where(success, events, 0).astype(jnp.int16)
    found = success & (ports > 0)
    state = _remember(state, source, found, target, ports)
    network = state.host_network_events.at[target].add(events)
    alarmed = is_index(target, T.NUM_HOSTS) & (events > 0)[:, None]
    effect = RedEffect(success=success, found=found, noticed=alarmed)
    return state.replace(host_network_events=network), effect


def scan_entries(
    state: State, slot: Integer[Array, "red"], target: Integer[Array, "red"]
) -> Bool[Array, "red scan"]:
    """Entries of the sessions in slots for hosts, at most one per agent."""
    return (state.scan_session == slot[:, None]) & (state.scan_host == target[:, None])


def remembered(state: State, source: Source, target: Int32[Array, "red"]) -> UInt8[Array, "red"]:
    """Ports of the target that the source session remembers; 0 = never scanned (Q10)."""
    entries = scan_entries(state, first(source.slot), target)
    ports = processes.or_reduce(jnp.where(entries, state.scan_ports, jnp.uint8(0)))
    return jnp.where(source.exists, ports, 0)


def _remember(
    state: State,
    source: Source,
    enable: Bool[Array, "red"],
    target: Int32[Array, "red"],
    ports: UInt8[Array, "red"],
) -> State:
    slot = first(source.slot)
    entries = scan_entries(state, slot, target)
    free = state.scan_session == T.NO_HOST
    known = jnp.any(entries, axis=1)
    entry = jnp.where(known, first(entries), first(free))
    full = enable & ~known & ~jnp.any(free, axis=1)
    at = (enable & ~full)[:, None] & is_index(entry, T.MAX_SCANS)
    return state.replace(
        scan_session=jnp.where(at, slot[:, None], state.scan_session).astype(jnp.uint8),
        scan_host=jnp.where(at, target[:, None], state.scan_host).astype(jnp.uint8),
        scan_ports=jnp.where(at, ports[:, None], state.scan_ports),
        overflow=state.overflow | (jnp.any(full) * T.Overflow.SCANS).astype(jnp.uint8),
    )


def deception(context: RedContext, state: State) -> tuple[State, RedEffect]:
    """DiscoverDeception: any process may be reported as a decoy; the state does not change (Q14).

    CybORG rolls per process; whether anything is reported is one roll with the joint probability.
    """
    topology, target = context.topology, context.target
    success = (context.kind == T.Red.DECEPTION) & context.source.exists
    decoys = processes.decoys_on(state, target)
    others = jnp.sum(topology.service_kind[target] > 0, axis=1, dtype=jnp.int32) - context.ot_stopped
    others = others + (topology.blue_pid[target] > 0) + (topology.green_pid[target] > 0)
    others = others + context.target_sessions.count
    rate = context.options.red_deception_rates
    silent = (1 - rate[0]) ** decoys.astype(jnp.float32) * (1 - rate[1]) ** others.astype(jnp.float32)
    reported = success & (context.draws.red_deception < 1 - silent)
    return state, RedEffect(success=success, found=reported, named=reported)
