"""Choosing by rules (``soc-rules.md §7.5``): each action has the rank of the first rule that asks for it.

Rules have whole numbers, the lower first; what comes after the point orders the targets within one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray
from garrison.worlds.soc.legal import action_list
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables.actions import Target, column

NEVER = 1e6  #: rank of what no rule asks for


class Listed(NamedTuple):
    """An agent's actions as NumPy arrays: kind, and place of the target among hosts, zones, scopes, none."""

    kind: np.ndarray
    place: np.ndarray


@cache
def listed(static: Static, agent: int) -> Listed:
    """The list of an agent, of either side."""
    kind, target = action_list(static, agent).T
    targets = column(B.ROWS if agent < T.NUM_BLUE else R.ROWS, "target")
    what = np.append(targets, Target.NONE)[kind]
    start = np.array([static.hosts + T.NUM_ZONES + T.NUM_SCOPES, 0, static.hosts, static.hosts + T.NUM_ZONES])
    place = start[what] + np.where(what == Target.NONE, 0, target)
    return Listed(kind, place)


def num_places(static: Static) -> int:
    return static.hosts + T.NUM_ZONES + T.NUM_SCOPES + 1


class Ranks:
    """Ranks of kinds by place, filled rule by rule.

    Args:
        kinds: number of kinds, ``continue`` included.
    """

    def __init__(self, static: Static, kinds: int):
        self.static, self.kinds = static, kinds
        self._asked: dict[int, tuple[int, Float32[Array, "target"]]] = {}  # first place, ranks

    def add(self, kind: int, rank: Any, where: Any = True, at: Target = Target.HOST) -> None:
        """A rule asks for a kind: ``rank`` at the targets ``where``. What is lower already stays."""
        hosts, zones, places = self.static.hosts, T.NUM_ZONES, num_places(self.static)
        start = {Target.HOST: 0, Target.ZONE: hosts, Target.SCOPE: hosts + zones, Target.NONE: places - 1}[at]
        count = {Target.HOST: hosts, Target.ZONE: zones, Target.SCOPE: T.NUM_SCOPES, Target.NONE: 1}[at]
        asked = jnp.where(jnp.broadcast_to(where, count), jnp.broadcast_to(jnp.float32(rank), count), NEVER)
        if kind in self._asked:
            begun, old = self._asked[kind]
            assert begun == start, "a kind has one sort of target"
            asked = jnp.minimum(old, asked)
        self._asked[kind] = start, asked

    def of(self, actions: Listed, mask: Bool[Array, "action"]) -> Float32[Array, "action"]:
        """Ranks of an agent's actions; ``NEVER`` of what is not legal."""
        # one look-up at fixed indices, as CPUs are slow at writing to places of an array
        index = np.zeros((self.kinds, num_places(self.static)), np.int32)
        rows, length = [jnp.full(1, NEVER)], 1
        for kind, (start, asked) in self._asked.items():
            index[kind, start : start + len(asked)] = length + np.arange(len(asked))
            rows.append(asked)
            length += len(asked)
        return jnp.where(mask, jnp.concatenate(rows)[index[actions.kind, actions.place]], NEVER)


def lowest(
    key: PRNGKeyArray, ranks: Float32[Array, "action"], slip: Float32[Array, ""] | float, default: int
) -> Int32[Array, ""]:
    """The action of the lowest rank, one of several by chance; with chance ``slip`` that of the next rule."""
    slip_key, tie_key = jax.random.split(key)
    second = jnp.where(jnp.floor(ranks) > jnp.floor(jnp.min(ranks)), ranks, NEVER)
    slips = (jax.random.uniform(slip_key) < slip) & (jnp.min(second) < NEVER)
    ranks = jnp.where(slips, second, ranks)
    ties = ranks <= jnp.min(ranks) + 1e-4
    drawn = jnp.where(ties, jax.random.uniform(tie_key, ranks.shape), -1.0)
    return jnp.where(jnp.min(ranks) < NEVER, jnp.argmax(drawn), default).astype(jnp.int32)
