"""All random numbers of a step (``soc-rules.md §2.8``).

``step(key, ...)`` is ``step_with(sample(key, ...), ...)``, and ``step_with`` is deterministic. All are
uniforms of 24 bits in [0, 1). Event rows are consumed in order; ``info["rows"]`` says how many a step used,
so one tape of rows plays the same episode for any number of rows per step.

A row serves at most one scripted agent: the first free one decides and starts before the row's event. Where
another one is still free, the row has no event, and the next row serves that one.

What decides what, where the text leaves it open:

* ``chance``: success of an action; Analyse's verdict; that an arriving device brings a session; the second
  server of a migration, among the others of its zone.
* ``pick``: that R4 and R5 cause a panic, that R8 takes a honeytoken; the host of logon and churn, the zone of
  dhcp (``floor(5 u)``), the first server of a migration.
* ``ot[0]``: that an exploit hits a decoy. R19: ``ot[0]`` the temperature, ``ot[1]`` the pressure. At batches
  ``ot`` is the plant's noise.
* ``host``: per host what Monitor, R16, dhcp and noise draw; ``host[target]``: edr_alert.
* ``gap``: time to the next occurrence of a clock; delay of an edr_alert.

:mod:`garrison.worlds.soc.tables.tokens` and :mod:`~garrison.worlds.soc.tables.noise` say the same of tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate

import jax
import jax.numpy as jnp

from garrison.core import random
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.worlds.soc.options import Static


class Rows(Struct):
    """Draws of events, one row each; without the axis ``row`` the draws of one event."""

    decide: Float32[Array, "*row 4"]  # a scripted agent's decision: second-best rule, kind, target, dwell
    start: Float32[Array, "*row"]  # duration of what it starts
    first: Float32[Array, "*row 2"]  # the token that it emits at its start: kept, delay
    chance: Float32[Array, "*row"]  # success of the action that completes
    pick: Float32[Array, "*row"]  # a choice among hosts or zones
    gap: Float32[Array, "*row"]  # time to the next event of the same clock
    token: Float32[Array, "*row 3 2"]  # the tokens of a completion: kept, delay
    host: Float32[Array, "*row host"]  # per host: noise, Monitor, DiscoverRemoteSystems, DHCP
    ot: Float32[Array, "*row 3"]  # noise of the plant's variables


class Draws(Struct):
    """The draws of one step."""

    start: Float32[Array, "*env agent"]  # durations of the actions that agents start
    first: Float32[Array, "*env agent 2"]  # the token that each emits at its start: kept, delay
    rows: Rows


def sample(key: PRNGKeyArray, static: Static) -> Draws:
    """The draws of one step, from one call of the generator."""
    sizes: list[int] = []
    jax.eval_shape(lambda: _filled(static, lambda shape: _count(sizes, shape)))
    bits = random.bits(key, sum(sizes))
    uniform = (bits >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)
    parts = iter(jnp.split(uniform, list(accumulate(sizes))[:-1]))
    return _filled(static, lambda shape: next(parts).reshape(shape))


def _count(sizes: list[int], shape: tuple[int, ...]) -> Array:
    sizes.append(math.prod(shape))
    return jnp.zeros(shape, jnp.float32)


def blank(static: Static, value: float = 0.0) -> Draws:
    """Draws that are all ``value``."""
    return _filled(static, lambda shape: jnp.full(shape, value, jnp.float32))


def _filled(static: Static, make: Callable[[tuple[int, ...]], Array]) -> Draws:
    rows, agents = static.events, static.num_agents
    return Draws(
        start=make((agents,)),
        first=make((agents, 2)),
        rows=Rows(
            decide=make((rows, 4)),
            start=make((rows,)),
            first=make((rows, 2)),
            chance=make((rows,)),
            pick=make((rows,)),
            gap=make((rows,)),
            token=make((rows, 3, 2)),
            host=make((rows, static.hosts)),
            ot=make((rows, 3)),
        ),
    )
