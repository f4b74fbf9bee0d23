"""Blue's reward: a pure function of the executed actions and the state after them (§6.3, §6.4)."""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Float32
from garrison.worlds.cc4 import sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State


def reward_parts(options: Options, state: State, events: Events) -> dict[str, Float32[Array, ""]]:
    """Parts of the team reward: ``LWF``, ``ASF``, ``RIA`` and ``action_cost``.

    Impact costs whatever its result, even dropped (Q1); Restore costs on every submission, busy or not (Q2).
    """
    table = jnp.asarray(options.reward)[state.phase]  # [subnet, part]
    failed = events.green_outcome == T.Outcome.FALSE

    def per_zone(kind: int) -> Array:
        failures = failed & (events.green_kind == kind)
        return jnp.sum(failures.reshape(T.NUM_ZONES, T.MAX_USERS), axis=1).astype(jnp.float32)

    holds = jnp.any(sessions.live(state), axis=1)
    impact = (events.red_kind == T.Red.IMPACT) & holds
    subnet = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(events.red_host, T.NUM_HOSTS - 1)]
    restores = jnp.sum(events.blue_submitted == T.Blue.RESTORE)
    return {
        "LWF": jnp.sum(per_zone(T.Green.WORK) * table[: T.NUM_ZONES, T.Part.LWF]),
        "ASF": jnp.sum(per_zone(T.Green.ACCESS) * table[: T.NUM_ZONES, T.Part.ASF]),
        "RIA": jnp.sum(jnp.where(impact, table[subnet, T.Part.RIA], 0.0)),
        "action_cost": restores * jnp.asarray(options.restore_cost, jnp.float32),
    }


def losses(options: Options, state: State, events: Events) -> Float32[Array, "subnet part"]:
    """The team's reward by subnet and part; parts as :func:`reward_parts` names them.

    A user's failure belongs to the user's subnet, an Impact and a Restore to their target's.
    """
    table = jnp.asarray(options.reward)[state.phase]  # [subnet, part]
    failed = events.green_outcome == T.Outcome.FALSE

    def users(kind: int, part: int) -> Array:
        failures = (failed & (events.green_kind == kind)).reshape(T.NUM_ZONES, T.MAX_USERS)
        count = jnp.pad(jnp.sum(failures, axis=1), (0, T.NUM_SUBNETS - T.NUM_ZONES))
        return count.astype(jnp.float32) * table[:, part]

    def targets(host: Array, cost: Array) -> Array:
        subnet = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(host, T.NUM_HOSTS - 1)]
        return jnp.zeros(T.NUM_SUBNETS, jnp.float32).at[subnet].add(cost)

    subnet = jnp.asarray(T.HOST_SUBNET)[jnp.minimum(events.red_host, T.NUM_HOSTS - 1)]
    impact = (events.red_kind == T.Red.IMPACT) & jnp.any(sessions.live(state), axis=1)
    restore = (events.blue_submitted == T.Blue.RESTORE) * jnp.asarray(options.restore_cost, jnp.float32)
    columns = [
        users(T.Green.WORK, T.Part.LWF),
        users(T.Green.ACCESS, T.Part.ASF),
        targets(events.red_host, jnp.where(impact, table[subnet, T.Part.RIA], 0.0)),
        targets(events.blue_submitted_host, restore),
    ]
    return jnp.stack(columns, axis=1)
