"""What blue's agents observe of their last log entries: numbers, or vectors (``soc-rules.md §6.1``).

Two contracts follow those of :mod:`~garrison.worlds.soc.observe_blue`, each with the features of the ones
before: ``tokens`` has :data:`RECENT` entries of 12 numbers, ``text`` a vector that is the mean of their
templates' vectors (:mod:`~garrison.worlds.soc.text.table`), later entries weighing more. Both are made of
entries that were delivered for own hosts, which the episode keeps beside the state.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Int32, UInt32
from garrison.worlds.soc import blocks, observe_blue
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.text import table

CONTRACTS = (*observe_blue.OBSERVATIONS, "tokens", "text")
RECENT = 16  #: entries that an agent keeps
FORGETS = 0.9  #: weight of an entry of the one after it
TOKEN_LABELS = (
    *("is there", "type", "severity", "process", "user", "port", "place of the host"),
    *("has another end", "zone of the other end", "place of the other end"),
    *("log age of the record", "log age of the delivery"),
)
_TOKENS = RECENT * len(TOKEN_LABELS)


class Recent(Struct):
    """The last entries that were delivered to each agent, the newest first; ``what`` 0: none."""

    what: UInt32[Array, "*env blue entry"]
    where: UInt32[Array, "*env blue entry"]
    recorded: Int32[Array, "*env blue entry"]  # batch
    delivered: Int32[Array, "*env blue entry"]  # batch


def keeps(contract: str) -> bool:
    """Whether episodes keep entries for a contract."""
    return contract not in observe_blue.OBSERVATIONS


def none() -> Recent:
    """Entries at the start of an episode."""
    empty = jnp.zeros((T.NUM_BLUE, RECENT), jnp.uint32)
    batch = jnp.zeros((T.NUM_BLUE, RECENT), jnp.int32)
    return Recent(empty, empty, batch, batch)


def remember(static: Static, recent: Recent, before: State, after: State) -> Recent:
    """With the entries that were delivered between two states of adjacent steps.

    They are ordered by batch of delivery and content, so that their order says nothing of their cause.
    """
    first, last = (state.batch_next // L.BATCH_MS - 1 for state in (before, after))
    delivered = after.ring_deliver.astype(jnp.int32)
    due = (after.ring_what & 31 > 0) & (delivered > first) & (delivered <= last)
    owner = jnp.asarray(layout(static).owner)[jnp.minimum(after.ring_where & 255, static.hosts - 1)]
    fresh = (after.ring_what, after.ring_where, after.ring_recorded.astype(jnp.int32), delivered)

    def one(agent: Array, what: Array, where: Array, recorded: Array, age: Array) -> tuple[Array, ...]:
        mine = due & (owner == agent)
        old = (what, where, recorded, age)
        columns = [jnp.concatenate([a, jnp.where(mine, b, 0)]) for a, b in zip(old, fresh, strict=True)]
        what, where, recorded, age = columns
        sort = jax.lax.sort((-age, what, where, recorded), num_keys=4)
        age, what, where, recorded = (column[:RECENT] for column in sort)
        return what, where, recorded, -age

    return Recent(
        *jax.vmap(one)(jnp.arange(T.NUM_BLUE), recent.what, recent.where, recent.recorded, recent.delivered)
    )


# ---------------------------------------------------------------- observations


def sizes(static: Static, contract: str) -> tuple[int, ...]:
    """Lengths of blue's vectors. Entries start behind the wide part of the largest agent."""
    if not keeps(contract):
        return observe_blue.sizes(static, contract)
    more = _TOKENS + (table.WIDTH if contract == "text" else 0)
    return (_start(static) + more,) * T.NUM_BLUE


def _start(static: Static) -> int:
    return max(observe_blue.sizes(static, "wide"))


def labels(static: Static, agent: int, contract: str) -> list[str]:
    """One label per feature."""
    if not keeps(contract):
        return observe_blue.labels(static, agent, contract)
    found = observe_blue.labels(static, agent, "wide")
    found += ["padding"] * (_start(static) - len(found))
    found += [f"log entry {i}: {label}" for i in range(RECENT) for label in TOKEN_LABELS]
    return found + [f"text {i}" for i in range(table.WIDTH)] * (contract == "text")


def vectors(
    game: Game, state: State, contract: str, recent: Recent | None, name: str
) -> Float32[Array, "blue feature"]:
    """Observations of the blue agents.

    Args:
        recent: entries, for contracts that keep them.
        name: of the table of the contract ``text``.
    """
    if not keeps(contract):
        return observe_blue.vectors(game, state, contract)
    assert recent is not None
    wide = observe_blue.vectors(game, state, "wide")
    parts = [wide, _numbers(game, state, recent).reshape(T.NUM_BLUE, -1)]
    return jnp.concatenate([*parts, *([_text(game, recent, name)] if contract == "text" else [])], axis=1)


def _numbers(game: Game, state: State, recent: Recent) -> Float32[Array, "blue entry number"]:
    type, process, user, port = _fields(recent.what)
    host, other = (recent.where & 255).astype(jnp.int32), (recent.where >> 8 & 255).astype(jnp.int32)
    zone = jnp.append(game.zone, int(T.Zone.INTERNET))
    slots, elsewhere = game.static.hosts, other == T.NO_HOST
    there = type > 0
    age = lambda batch: blocks.log_age(jnp.maximum(state.time - batch * L.BATCH_MS, 0))  # noqa: E731
    numbers = jnp.stack(
        [
            there,
            type / K.NUM_TOKENS,
            jnp.asarray(K.SEVERITY)[type] / 10,
            process / len(K.Process),
            user / len(K.User),
            port / K.NO_PORT,
            host / slots,
            ~elsewhere,
            zone[jnp.minimum(other, slots)] / len(T.Zone),
            jnp.where(elsewhere, 0, other) / slots,
            age(recent.recorded),
            age(recent.delivered),
        ],
        axis=-1,
    ).astype(jnp.float32)
    return jnp.where(there[..., None], numbers, 0)


def _fields(what: UInt32[Array, "*shape"]) -> tuple[Int32[Array, "*shape"], ...]:
    found = []
    for width in K.FIELD_BITS:
        found.append((what & (1 << width) - 1).astype(jnp.int32))
        what = what >> width
    return tuple(found)


def _text(game: Game, recent: Recent, name: str) -> Float32[Array, "blue text"]:
    """The mean of the entries' vectors, of which each weighs :data:`FORGETS` of the one after it."""
    type, _, _, port = _fields(recent.what)
    host = jnp.minimum(recent.where & 255, game.static.hosts - 1)
    system = game.topology.host_os[host].astype(jnp.int32)
    found = jnp.asarray(table.load(name).vectors)[jnp.asarray(table.index())[type, system, port]]
    weight = jnp.where(type > 0, FORGETS ** np.arange(RECENT, dtype=np.float32), 0)
    total = jnp.sum(weight, axis=1, keepdims=True)
    return jnp.einsum("be,bet->bt", weight / jnp.maximum(total, 1e-6), found)
