"""Tokens: which sensors record them, the ring in which they wait, their delivery (``§5.1, §5.3``)."""

from __future__ import annotations

from enum import IntFlag, auto
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, UInt32
from garrison.worlds.soc.access import zone_of
from garrison.worlds.soc.clock import Game, draw
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.needs import facts
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import tokens as K

OWN_PORT = -1  #: of tokens whose port their type tells


class Tokens(NamedTuple):
    """What an event may leave behind, in the order in which it is recorded."""

    type: Int32[Array, "token"]  # 0: nothing
    host: Int32[Array, "token"]  # where it is recorded
    other: Int32[Array, "token"]  # NO_HOST: the internet, or none
    port: Int32[Array, "token"]  # class of a flow; OWN_PORT
    value: Int32[Array, "token"]  # it is kept where this is below its chance
    chance: Int32[Array, "token"]  # before losses, in the unit of ``value``
    failed: Bool[Array, "token"]  # the action that it is of failed
    red: Bool[Array, "token"]  # it is of red's traffic
    delay: Float32[Array, "token"]  # draw


class Entries(NamedTuple):
    """Entries of the ring."""

    kept: Bool[Array, "token"]
    what: UInt32[Array, "token"]
    where: UInt32[Array, "token"]
    deliver: Int32[Array, "token"]  # batch


class Sense(IntFlag):
    """What a sensor needs at a host."""

    HOST = auto()  # a living host sensor
    DIRECTORY = auto()  # a domain controller in charge is online
    EDR = auto()
    DECOY = auto()
    MANAGED = auto()


def _needs() -> np.ndarray:
    by_sensor = {
        K.Sensor.HOST: Sense.HOST,
        K.Sensor.DIRECTORY: Sense.DIRECTORY,
        K.Sensor.EDR: Sense.EDR,
        K.Sensor.HEALTH: Sense.MANAGED,
    }
    needs = np.array([int(by_sensor.get(K.Sensor(sensor), 0)) for sensor in K.SENSOR], np.uint32)
    needs[K.Token.DECOY_TOUCH] = Sense.DECOY
    return needs


_NEEDS = _needs()
#: thousandths that remain after losses, ``[type, failed]``
_KEPT = (1000 - K.LOSS[K.SENSOR]).astype(np.int32)
_NETWORK = K.SENSOR == K.Sensor.NETWORK
#: packed fields without the port, ``[type, family]``
_FIELDS = (
    np.arange(K.NUM_TOKENS)[:, None] | K.FIELDS[..., 0].astype(int) << 5 | K.FIELDS[..., 1].astype(int) << 10
)


def batch_of(time: Int32[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """Number of the first batch at or after a time."""
    return (time + (L.BATCH_MS - 1)) // L.BATCH_MS


def joined(*parts: Tokens) -> Tokens:
    """The tokens of several parts, one after another."""
    return Tokens(*(jnp.concatenate(field) for field in zip(*parts, strict=True)))


def sensors(game: Game, state: State) -> UInt32[Array, "host"]:
    """What holds of each host for its sensors (:class:`Sense`)."""
    managed, alive = jnp.asarray(T.MANAGED)[state.host_role], ~state.host_sensor_killed
    controller = state.host_exists & (state.host_role == T.Role.DOMAIN_CONTROLLER)
    controller = controller & (state.host_status == T.Status.ONLINE)
    lay = layout(game.static)
    in_charge = lay.zone[None] == K.DIRECTORY_ZONE[lay.zone][:, None]
    return facts(
        {
            Sense.HOST: managed & alive,
            Sense.DIRECTORY: jnp.any(in_charge & controller[None], axis=1),
            Sense.EDR: state.host_edr & alive,
            Sense.DECOY: state.host_decoy > 0,
            Sense.MANAGED: managed,
        }
    )


def packed(
    game: Game, type: UInt32[Array, "token"], host: UInt32[Array, "token"], port: Int32[Array, "token"]
) -> UInt32[Array, "token"]:
    """The fields of tokens that are recorded at these hosts, as in ``State.ring_what``."""
    family = jnp.asarray(K.OS_FAMILY)[game.topology.host_os[host]]
    port = jnp.where(port == OWN_PORT, jnp.asarray(K.PORT_OF)[type], port)
    return jnp.asarray(_FIELDS, jnp.uint32)[type, family] | port.astype(jnp.uint32) << 13


def sensed(game: Game, state: State, tokens: Tokens) -> Entries:
    """The entries of those tokens that sensors record and losses spare, by the state before their cause."""
    type, host = tokens.type.astype(jnp.uint32), tokens.host.astype(jnp.uint32)
    need = jnp.asarray(_NEEDS)[type]
    chance = tokens.chance * jnp.asarray(_KEPT)[type, tokens.failed.astype(jnp.uint32)] // 1000
    network = jnp.asarray(_NETWORK)[type]
    inside = network & (zone_of(game, tokens.other) == game.zone[host])
    chance = jnp.where(inside, chance * K.INSIDE_SEEN // 1000, chance)
    fragmented = network & tokens.red & (state.host_frag_until[host] > state.time)
    chance = jnp.where(fragmented, chance * K.FRAGMENTED_SEEN // 1000, chance)
    kept = (type > 0) & (sensors(game, state)[host] & need == need) & (tokens.value < chance)
    what = packed(game, type, host, tokens.port)
    scale = jnp.asarray(game.options.delay_scale, jnp.int32)
    delay = draw(jnp.asarray(L.TOKEN_LAW)[type], tokens.delay) * scale // 1000
    where = host | tokens.other.astype(jnp.uint32) << 8
    # what starts at the instant of a batch comes after it, so that without a delay the next one has it
    deliver = jnp.maximum(batch_of(state.time + delay), state.batch_next // L.BATCH_MS)
    return Entries(kept, what, where, deliver)


def push(state: State, entries: Entries) -> State:
    """Write entries to the ring; those overwritten before their delivery are lost."""
    size = state.ring_what.shape[0]
    count = jnp.cumsum(entries.kept, dtype=jnp.int32)
    place = (state.ring_next.astype(jnp.int32) + count - 1) % size
    numbers = jnp.arange(len(entries.kept), dtype=jnp.int32)
    # which entry goes to each place, as no place is written twice
    source = jnp.full(size, -1, jnp.int32).at[jnp.where(entries.kept, place, size)].set(numbers, mode="drop")
    new, source = source >= 0, jnp.maximum(source, 0).astype(jnp.uint32)
    waiting = (state.ring_what > 0) & (state.ring_deliver.astype(jnp.int32) * L.BATCH_MS >= state.batch_next)
    return state.replace(
        ring_what=jnp.where(new, entries.what[source], state.ring_what),
        ring_where=jnp.where(new, entries.where[source], state.ring_where),
        ring_recorded=jnp.where(new, batch_of(state.time).astype(jnp.uint16), state.ring_recorded),
        ring_deliver=jnp.where(new, entries.deliver[source].astype(jnp.uint16), state.ring_deliver),
        ring_next=((state.ring_next + count[-1]) % size).astype(jnp.uint16),
        tokens_lost=state.tokens_lost + jnp.sum(new & waiting, dtype=jnp.int32),
    )


def deliver(game: Game, state: State, when: Bool[Array, ""]) -> State:
    """Where ``when``, a batch: due tokens are counted, sensors give signs of life, messages arrive.

    Agents that watch are released by a severe token of one of their hosts.
    """
    hosts, groups = game.static.hosts, len(K.GROUPS)
    number = batch_of(state.time)
    type, host = state.ring_what & 31, state.ring_where & 255
    due = when & (type > 0) & (state.ring_deliver == number)
    severe = jnp.asarray(K.SEVERITY)[type] >= K.SEVERE
    cell = host * groups + jnp.asarray(K.GROUP)[type]
    # counts in the lower half of a word, those of severe tokens in the upper one
    each = 1 + (severe.astype(jnp.int32) << 16)
    counts = jnp.zeros(hosts * groups, jnp.int32)
    counts = counts.at[jnp.where(due, cell, hosts * groups)].add(each, mode="drop").reshape(hosts, groups)
    alarmed = jnp.any(counts >= 1 << 16, axis=1)
    alive = state.host_exists & (state.host_status == T.Status.ONLINE) & ~state.host_encrypted
    alive = when & alive & (sensors(game, state) & np.uint32(Sense.HOST) > 0)
    own = layout(game.static).owner[None] == np.arange(T.NUM_BLUE)[:, None]
    woken = jnp.any(own & alarmed[None], axis=1) & (state.agent_kind[: T.NUM_BLUE] == B.Blue.WATCH)
    woken = jnp.pad(woken, (0, game.static.reds))
    return state.replace(
        view_fast=jnp.where(when, _counted(state.view_fast, counts, K.FAST_DECAY), state.view_fast),
        view_slow=jnp.where(when, _counted(state.view_slow, counts, K.SLOW_DECAY), state.view_slow),
        view_severe=jnp.where(alarmed, number.astype(jnp.uint16), state.view_severe),
        view_heartbeat=jnp.where(alive, number.astype(jnp.uint16), state.view_heartbeat),
        message_heard=jnp.where(when, state.message_sent, state.message_heard),
        agent_done=jnp.where(woken, state.time, state.agent_done),
    )


def _counted(counter: Array, counts: Int32[Array, "host group"], decay: int) -> Array:
    """A counter after one batch: it loses a part of itself, rounded up, and gains what came."""
    old = counter.astype(jnp.int32)
    new = old - (old + (decay - 1)) // decay + K.ONE_TOKEN * (counts & 0xFFFF)
    return jnp.minimum(new, K.COUNTER_MAX).astype(counter.dtype)
