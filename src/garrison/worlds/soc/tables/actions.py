"""What the rows of both sides' tables have in common (``soc-rules.md §2.4, §4``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from garrison.worlds.soc.tables.hosts import NO_HOST, SCOPE_OWNER, SLOTS, ZONE_OWNER
from garrison.worlds.soc.tables.tokens import Emission


class Target(IntEnum):
    NONE, HOST, ZONE, SCOPE = range(4)


class Outcome(IntEnum):
    """Outcomes of an action; ``NONE`` before there is one."""

    NONE, SUCCESS, FAILED, BLOCKED, GONE, CAUGHT, ABORTED = range(7)


class Family(IntEnum):
    """Families of duration laws (§2.4)."""

    FIXED, SCAN, ADMIN, EXPLOIT, HUMAN = range(5)


@dataclass(frozen=True)
class Row:
    """One row of the table of a side's actions.

    Attributes:
        name: of the action.
        target: what its target is.
        energy: units of energy that it costs at its start.
        funds: units of funds that it costs at its start.
        seconds: mean duration, tool latency included.
        family: of its duration law.
        latency: mean and standard deviation of the tool latency in seconds (§2.4, μ and σ); contained in
            ``seconds``.
        chance: of success in thousandths, before modifiers; 1000 where nothing is drawn.
        emissions: tokens of the row in its order, at most one of a start and three of a completion. That of
            a start uses the draw ``first``; entry ``i`` of the others uses the draw ``token[i]``. ``None``
            leaves a draw unused.
        technique: number of the technique in ATT&CK, empty for waiting and for blue.
        compute: capacity that the deployment takes.
        precondition: what makes it legal, as the specification has it.
    """

    name: str
    target: Target
    energy: int
    funds: int
    seconds: float
    family: Family
    latency: tuple[float, float] = (0.0, 0.0)
    chance: int = 1000
    emissions: tuple[Emission | None, ...] = ()
    technique: str = ""
    compute: int = 0
    precondition: str = ""

    @property
    def at_start(self) -> Emission | None:
        """The token that the start of the action emits."""
        return next((e for e in self.emissions if e is not None and e.start), None)

    @property
    def at_completion(self) -> tuple[Emission | None, ...]:
        """The tokens of a completion in the order of the draws ``token``."""
        return tuple(e for e in self.emissions if e is None or not e.start)


#: budgets (§4.1). Energy is held in 1/20,000 and refilled by 1 per ms; funds in 1/2,000, refilled by 2 (blue)
#: and 1 (red) per ms. All start full
ENERGY_UNIT, FUNDS_UNIT = 20_000, 2_000
ENERGY_CAP = 50 * ENERGY_UNIT
FUNDS_CAP = np.array([10_000 * FUNDS_UNIT, 5_000 * FUNDS_UNIT], np.int32)  #: blue, red
ENERGY_RATE = 1
FUNDS_RATE = np.array([2, 1], np.int32)
COMPUTE_CAP = 1_000

CHANCE_LEAST, CHANCE_MOST = 20, 980  #: chances below 1000 are clamped to this after modifiers (§4.2)


def column(rows: Mapping[Any, Row], field: str, dtype: type = np.int32) -> np.ndarray:
    """A field of ``rows`` as an array ``[kind]``, 0 where a kind has no row."""
    values = np.zeros(max(rows) + 1, dtype)
    for kind, row in rows.items():
        values[kind] = getattr(row, field)
    return values


def layout(rows: Mapping[Any, Row], size: str, agent: int | None, continue_: int) -> np.ndarray:
    """Actions of an agent in the order of its flat index (§6.2).

    Index 0 is ``continue``; then follows each kind in the order of ``rows`` with its targets in slot order:
    own host slots, own zones, all scopes of the agent. Chosen: the waiting kinds come first in ``rows``.

    Args:
        rows: of the agent's side.
        size: of the network.
        agent: number of a blue agent, whose own hosts, zones and scopes are the targets; None for red, whose
            targets are all hosts and zones.
        continue_: the number that stands for ``continue``.

    Returns:
        ``int32[action, 2]``: kind and target; ``NO_HOST`` (255) for kinds without one.
    """
    zone_of = np.repeat(np.arange(len(SLOTS[size])), SLOTS[size])
    own = np.ones(len(ZONE_OWNER), bool) if agent is None else ZONE_OWNER == agent
    targets = {
        Target.NONE: [NO_HOST],
        Target.HOST: np.flatnonzero(own[zone_of]).tolist(),
        Target.ZONE: np.flatnonzero(own).tolist(),
        Target.SCOPE: [] if agent is None else np.flatnonzero(SCOPE_OWNER == agent).tolist(),
    }
    pairs = [(continue_, NO_HOST)]
    pairs += [(kind, target) for kind, row in rows.items() for target in targets[row.target]]
    return np.array(pairs, np.int32)
