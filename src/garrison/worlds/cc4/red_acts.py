"""What red agents can remember of their own acts: the observation ``acts`` (§11).

It is ``known`` followed by a few numbers per target. An agent of the challenge can keep them by itself: they
are made of the results that it was given.
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, UInt8
from garrison.worlds.cc4 import red_view, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.state import State

#: what red can observe; the second begins with the features of the first
OBSERVATIONS = ("known", "acts")
OF_TARGET = (
    "looked for decoys",
    "services degraded, /5",
    "Impact succeeded",
    "failures in a row, /5",
    "own shell lost",
    "age of the last action, /50",
)
START = max(red_view.OBSERVATION_SIZES)  # index of the first target's first feature
OBSERVATION_SIZES = tuple(START + len(OF_TARGET) * len(red_view.targets(r)) for r in range(T.NUM_RED))
SIZE = max(OBSERVATION_SIZES)
MOST, OLDEST = 5, 50  # what counts and ages stop at


class RedActs(Struct):
    """What the six agents remember of their acts on hosts."""

    looked: Bool[Array, "*env red host"]  # DiscoverDeception was carried out
    degraded: UInt8[Array, "*env red host"]  # successful DegradeServices since the agent got its shell
    impacted: Bool[Array, "*env red host"]  # an Impact succeeded
    failed: UInt8[Array, "*env red host"]  # failures since the last success
    held: Bool[Array, "*env red host"]  # the agent had a shell in the last step
    lost: Bool[Array, "*env red host"]  # it had one once, and has none
    age: UInt8[Array, "*env red host"]  # steps since the last result


def initial(state: State) -> RedActs:
    """At the start of an episode."""
    shape = (T.NUM_RED, T.NUM_HOSTS)
    never, none = jnp.zeros(shape, bool), jnp.zeros(shape, jnp.uint8)
    return RedActs(
        looked=never,
        degraded=none,
        impacted=never,
        failed=none,
        held=_held(state),
        lost=never,
        age=jnp.full(shape, OLDEST, jnp.uint8),
    )


def remember(acts: RedActs, state: State) -> RedActs:
    """After a step, from what each agent was given at its end."""
    acted = (state.seen_kind != T.Red.SLEEP) & (state.seen_kind != T.Red.DISCOVER)
    here = is_index(state.seen_host, T.NUM_HOSTS) & acted[:, None]
    good = here & (state.seen_outcome == T.Outcome.TRUE)[:, None]
    held = _held(state)
    gone = acts.held & ~held

    def success(kind: int) -> Bool[Array, "red host"]:
        return good & (state.seen_kind == kind)[:, None]

    def most(count: Array) -> UInt8[Array, "red host"]:
        return jnp.minimum(count, MOST).astype(jnp.uint8)

    return RedActs(
        looked=acts.looked | success(T.Red.DECEPTION),
        degraded=most(jnp.where(gone, 0, acts.degraded + success(T.Red.DEGRADE))),
        impacted=(acts.impacted & ~gone) | success(T.Red.IMPACT),
        failed=most(jnp.where(good, 0, acts.failed + (here & ~good))),
        held=held,
        lost=(acts.lost | gone) & ~held,
        age=jnp.where(here, 0, jnp.minimum(acts.age + 1, OLDEST)).astype(jnp.uint8),
    )


def _held(state: State) -> Bool[Array, "red host"]:
    live = sessions.live(state)
    rows = jnp.arange(T.NUM_RED)[:, None]
    return jnp.zeros((T.NUM_RED, T.NUM_HOSTS), bool).at[rows, state.session_host].max(live)


def vectors(known: Float32[Array, "red 603"], acts: RedActs) -> Float32[Array, "red 921"]:
    """Observations under ``acts``, from those under ``known``."""
    columns = [
        acts.looked,
        acts.degraded / MOST,
        acts.impacted,
        acts.failed / MOST,
        acts.lost,
        acts.age / OLDEST,
    ]
    of_hosts = jnp.stack([jnp.asarray(column).astype(jnp.float32) for column in columns], axis=2)
    rows = jnp.arange(T.NUM_RED)[:, None]
    targets = of_hosts[rows, jnp.asarray(red_view.TARGETS)] * jnp.asarray(red_view.LISTED)[..., None]
    return jnp.concatenate([known, targets.reshape(T.NUM_RED, -1)], axis=1)


def labels(agent: int) -> list[str]:
    """Names of the elements from :data:`START` on, in index order."""
    hosts = (T.HOST_NAMES[host] for host in red_view.targets(agent))
    return [f"{host}: {name}" for host in hosts for name in OF_TARGET]
