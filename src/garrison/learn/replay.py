"""A replay: a ring of sequences of steps, filled rollout by rollout, sampled uniformly or by priority.

Rollouts are cut into sequences of one length. A sequence keeps what each of its steps led to: in rollouts of
whole episodes that is what the next step saw, so one row more is kept; where environments reset within a
rollout, ``after`` holds it. Masks are kept as bits, observations as they were packed. No sequence is padded,
and none straddles two environments or two rollouts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Bool, Float32, Int, Int32, PRNGKeyArray, Shaped, UInt8
from garrison.learn import priority
from garrison.learn.rollout import Rollout, Seen


class View(Struct):
    """What was known at a step, as :class:`garrison.learn.rollout.Seen`."""

    obs: Shaped[Array, "step sequence agent feature"]  # f32; in the ring as it was packed
    mask: Bool[Array, "step sequence agent action"] | UInt8[Array, "step sequence agent byte"]
    first: Bool[Array, "step sequence"]
    global_state: Float32[Array, "step sequence number"] | None = None


class Rows(Struct):
    """Sequences of steps; in the ring leaves are [sequence, step, ...] instead, and masks are bits."""

    now: View  # one step more where after is None: what the last step led to
    after: View | None  # what each step led to, before any reset
    action: Int32[Array, "step sequence agent"]
    reward: Float32[Array, "step sequence agent"]  # not scaled
    terminated: Bool[Array, "step sequence"]
    done: Bool[Array, "step sequence"]
    elapsed: Float32[Array, "step sequence"] | None = None  # duration of the step; None where each takes 1

    def views(self) -> tuple[View, View]:
        """What was known before each step, and what it led to; equal axes."""
        if self.after is not None:
            return self.now, self.after
        return jax.tree.map(lambda x: x[:-1], self.now), jax.tree.map(lambda x: x[1:], self.now)


class Replay(Struct):
    """The ring. ``inserted`` counts the rollouts that were ever put in."""

    rows: Rows
    inserted: Int32[Array, ""]
    num_actions: int = static()
    rollout_sequences: int = static()  # sequences of one rollout
    priorities: Float32[Array, "slot"] | None = None  # as in garrison.learn.priority; None: uniform

    @property
    def slots(self) -> int:
        """Room for sequences."""
        return self.rows.done.shape[0]

    @property
    def filled(self) -> Int32[Array, ""]:
        """Sequences that are in."""
        return jnp.minimum(self.inserted * self.rollout_sequences, self.slots)


def empty(batch: Any, length: int | None, rollouts: int, prioritized: bool = False) -> Replay:
    """Room for sequences of ``length`` steps from ``rollouts`` rollouts like ``batch`` (shapes suffice)."""
    one = jax.eval_shape(lambda batch: sequences(batch, length), batch)
    rows = jax.tree.map(lambda x: jnp.zeros((rollouts * x.shape[0], *x.shape[1:]), x.dtype), one)
    priorities = jnp.zeros(rows.done.shape[0], jnp.float32) if prioritized else None
    return Replay(rows, jnp.zeros((), jnp.int32), batch.mask.shape[-1], one.done.shape[0], priorities)


def num_sequences(steps: int, length: int | None) -> int:
    """Sequences of one environment in a rollout of ``steps`` steps."""
    return len(_starts(steps, length))


def _starts(steps: int, length: int | None) -> np.ndarray:
    """First steps of sequences; the last one begins earlier where ``length`` does not divide ``steps``."""
    length = steps if length is None else length
    return np.minimum(np.arange(-(-steps // length)) * length, steps - length)


def sequences(batch: Rollout, length: int | None) -> Rows:
    """A rollout with its ends cut into sequences, as the ring keeps them; None: whole rollouts.

    Raises ``ValueError`` for a length that no sequence of the rollout has.
    """
    steps = batch.reward.shape[0]
    if length is not None and not 1 <= length <= steps:
        raise ValueError(f"sequence is {length}; a rollout has {steps} steps of each environment")
    assert batch.after is not None  # as whoever collects for a replay asks for ends
    first = jnp.zeros_like(batch.done) if batch.first is None else batch.first
    now, after = _kept(Seen(batch.obs, batch.mask, first, batch.global_state)), _kept(batch.after)
    if len(after.first) == 1:  # a whole episode, or a single step: the row after the last
        now, after = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), now, after), None
    rows = Rows(
        now,
        after,
        batch.action,
        batch.reward,
        batch.terminated,
        batch.done,
        batch.elapsed,
    )
    return _cut(rows, steps, length)


def _cut(rows: Rows, steps: int, length: int | None) -> Rows:
    starts, size = _starts(steps, length), steps if length is None else length

    def cut(x: Array) -> Array:
        index = starts[:, None] + np.arange(size + x.shape[0] - steps)
        apart = jnp.moveaxis(x[index], 2, 1)  # [chunk, env, step, ...]
        return apart.reshape(-1, *apart.shape[2:])

    return jax.tree.map(cut, rows)


def insert(replay: Replay, rows: Rows) -> Replay:
    """The replay with the sequences of one more rollout; where it is full, in place of the oldest.

    New sequences have the largest priority.
    """
    count = replay.rollout_sequences
    start = replay.inserted % (replay.slots // count) * count
    put = partial(jax.lax.dynamic_update_slice_in_dim, start_index=start, axis=0)
    kept, priorities = jax.tree.map(put, replay.rows, rows), replay.priorities
    if priorities is not None:
        priorities = put(priorities, jnp.broadcast_to(priority.of_new(priorities), count))
    return replay.replace(rows=kept, inserted=replay.inserted + 1, priorities=priorities)


def sample(replay: Replay, key: PRNGKeyArray, count: int) -> Int32[Array, "sequence"]:
    """Slots of ``count`` sequences, drawn from all that are in: by priority, or uniformly without any."""
    if replay.priorities is not None:
        return priority.draw(replay.priorities, key, count)
    return jax.random.randint(key, (count,), 0, replay.filled, jnp.int32)


def take(replay: Replay, slots: Int[Array, "sequence"]) -> Rows:
    """The sequences of ``slots``, with observations in f32 and masks in full."""

    def whole(kept: View) -> View:
        mask = jnp.unpackbits(kept.mask, axis=-1, count=replay.num_actions).astype(bool)
        return kept.replace(obs=kept.obs.astype(jnp.float32), mask=mask)

    rows = jax.tree.map(lambda x: jnp.swapaxes(x[slots], 0, 1), replay.rows)
    return rows.replace(now=whole(rows.now), after=None if rows.after is None else whole(rows.after))


def _kept(seen: Seen) -> View:
    assert seen.mask is not None  # as it is where an action was asked for, or a value of the end
    return View(seen.obs, jnp.packbits(seen.mask, axis=-1), seen.first, seen.global_state)
