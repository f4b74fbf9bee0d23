"""Users: local work, access to services, and the phishing mails they open (§4.3).

All 80 user-host slots act at once. Only phishing needs an order.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int32, Integer, Shaped, UInt8
from garrison.worlds.cc4 import processes, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import bounded, first, nth, nth_host, packed, pick, running_sum
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology


class GreenContext(Struct):
    """What green's actions of one step read besides the state."""

    draws: Draws
    topology: Topology
    options: Options
    kind: UInt8[Array, "green"]  # tables.Green, as chosen


class GreenEffect(Struct):
    """The results of green's actions."""

    kind: UInt8[Array, "green"]  # tables.Green; Sleep where there is no user
    target: UInt8[Array, "green"]  # host
    failed: Bool[Array, "green"]
    alarm: Bool[Array, "green"]  # false alarm
    phished: Bool[Array, "green"]


def narrow(kind: Integer[Array, "green"]) -> UInt8[Array, "green"]:
    """Choices of any integer dtype as tables.Green; other numbers are Sleep."""
    kind = jnp.asarray(kind)
    return kind if kind.dtype == jnp.uint8 else bounded(kind, T.Green.SLEEP).astype(jnp.uint8)


def users(array: Shaped[Array, "host *rest"]) -> Shaped[Array, "green *rest"]:
    """The rows of an array of hosts that belong to user hosts."""
    zones = array[: T.ROOT_HOST].reshape(T.NUM_ZONES, T.ZONE_SLOTS, *array.shape[1:])
    return zones[:, 1 : 1 + T.MAX_USERS].reshape(T.NUM_GREEN, *array.shape[1:])


def _scatter_users(values: Shaped[Array, "green"]) -> Shaped[Array, "host"]:
    """Values of users laid out over hosts, zero elsewhere."""
    zones = values.reshape(T.NUM_ZONES, T.MAX_USERS)
    return jnp.append(jnp.pad(zones, ((0, 0), (1, T.MAX_SERVERS))).reshape(-1), jnp.zeros(1, values.dtype))


def act(context: GreenContext, state: State) -> tuple[State, GreenEffect]:
    """Carry out green's choices; where there is no user nothing happens."""
    draws, topology, options = context.draws, context.topology, context.options
    kind = jnp.where(users(topology.host_exists), context.kind, T.Green.SLEEP).astype(jnp.uint8)
    working, accessing = kind == T.Green.WORK, kind == T.Green.ACCESS
    work_failed = working & _work_fails(context, state)
    work_alarm = working & ~work_failed & (draws.green_alarm < options.green_work_alarm)
    mail = working & ~work_failed & (draws.green_phishing < options.green_phishing)

    zone, server, blocked = _destination(context, state)
    access_failed = accessing & blocked
    access_alarm = accessing & ~blocked & (draws.green_alarm < options.green_access_alarm)
    noticed = access_failed | access_alarm
    destination = zone * T.ZONE_SLOTS + 1 + T.MAX_USERS + server
    state = state.replace(
        host_process_events=state.host_process_events + _scatter_users(work_alarm.astype(jnp.int16)),
        host_network_events=state.host_network_events.at[destination].add(noticed.astype(jnp.int16)),
    )
    state, phished = _phish(context, state, mail)
    own = jnp.asarray(T.GREEN_HOST)
    return state, GreenEffect(
        kind=kind,
        target=jnp.where(accessing, destination, own).astype(jnp.uint8),
        failed=work_failed | access_failed,
        alarm=work_alarm | access_alarm,
        phished=phished,
    )


def _work_fails(context: GreenContext, state: State) -> Bool[Array, "green"]:
    """GreenLocalWork: a random active service (decoys too, Q17) must be reliable enough."""
    real = users(context.topology.service_kind)
    stopped = (real == T.Service.OTSERVICE) & users(state.host_ot_stopped)[:, None]
    active = jnp.concatenate([(real > 0) & ~stopped, users(state.host_decoy) > 0], axis=1)
    chosen = nth(active, context.draws.green_pick)
    return context.draws.green_reliability >= state.host_reliability[jnp.asarray(T.GREEN_HOST), chosen]


def _destination(
    context: GreenContext, state: State
) -> tuple[Int32[Array, "green"], Int32[Array, "green"], Bool[Array, "green"]]:
    """GreenAccessService: zone and number of the server drawn, and whether a block is in the way (Q3)."""
    zones = context.topology.host_exists[: T.ROOT_HOST].reshape(T.NUM_ZONES, T.ZONE_SLOTS)
    servers = jnp.sum(zones[:, 1 + T.MAX_USERS :], axis=1, dtype=jnp.int32)
    reach = jnp.asarray(T.GREEN_REACH)[state.phase]  # [own, destination]
    # servers up to and with each destination
    until = running_sum(jnp.where(reach, servers[None], 0)).astype(jnp.uint8)
    u = context.draws.green_pick.reshape(T.NUM_ZONES, T.MAX_USERS)
    rank = pick(u, until[:, -1:].astype(jnp.int32)).astype(jnp.uint8)
    passed = until[:, None, : T.NUM_ZONES - 1] <= rank[:, :, None]
    zone = jnp.sum(passed, axis=2, dtype=jnp.uint8)
    before = jnp.max(jnp.where(passed, until[:, None, : T.NUM_ZONES - 1], 0), axis=2)
    either = packed((state.blocked | state.blocked.T)[: T.NUM_ZONES, : T.NUM_ZONES])
    blocked = (either[:, None] >> zone) & 1 > 0
    zone, server = zone.astype(jnp.int32), (rank - before).astype(jnp.int32)
    return zone.reshape(-1), server.reshape(-1), blocked.reshape(-1)


_NOBODY = T.NO_AGENT


def _phish(
    context: GreenContext, state: State, mail: Bool[Array, "green"]
) -> tuple[State, Bool[Array, "green"]]:
    """PhishingEmail: a new session on the reader's host, sent by a red agent that is already somewhere.

    The sender is the agent on the last infected host of the reader's subnet, else one of all (agent, host)
    pairs (Q30). The session often goes to an agent that does not own the host, and is reassigned at the end
    of the step; later readers see it where it is until then. At most one red agent has sessions on a host
    here: the owner of the host, or the sender of its first mail, as mail reaches clean hosts only.
    """
    draws, topology = context.draws, context.topology
    live = sessions.live(state)
    agents = jnp.arange(T.NUM_RED, dtype=jnp.uint8)[:, None]
    there = jnp.where(live, state.session_host, T.NUM_HOSTS)
    present = (
        jnp.full(T.NUM_HOSTS, _NOBODY, jnp.uint8)
        .at[there]
        .set(jnp.broadcast_to(agents, there.shape), mode="drop")
    )
    hosts = jnp.arange(T.NUM_HOSTS)
    green_host = jnp.asarray(T.GREEN_HOST)

    def open_mail(carry: tuple) -> tuple:
        state, present, waiting, phished = carry
        reader = first(waiting)
        host = green_host[reader]
        near = (jnp.asarray(T.HOST_SUBNET) == host // T.ZONE_SLOTS) & (present != _NOBODY)
        nearest = present[T.ROOT_HOST - first(near[::-1])]
        pool = present != _NOBODY
        drawn = present[nth_host(pool, draws.green_sender[reader])]
        sender = jnp.where(jnp.any(near), nearest, drawn)
        send = jnp.any(waiting) & jnp.any(pool)
        pid = processes.static_max_pid(topology, state, host) + draws.green_pid[reader]
        state = sessions.add(
            state,
            send & (jnp.arange(T.NUM_RED) == sender),
            host=host,
            pid=pid,
            kind=jnp.uint8(T.Session.ABSTRACT),
            user=jnp.uint8(T.User.USER),
            parent=False,
            suspicious=processes.is_suspicious(state, host, pid),
        )
        present = jnp.where(send & (hosts == host), sender, present)
        here = jnp.arange(T.NUM_GREEN) == reader
        return state, present, waiting & ~here, phished | (here & send)

    waiting = mail & (users(present) == _NOBODY)
    carry = (state, present, waiting, jnp.zeros(T.NUM_GREEN, bool))
    state, _, _, phished = jax.lax.while_loop(lambda carry: jnp.any(carry[2]), open_mail, carry)
    return state, phished
