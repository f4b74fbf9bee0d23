"""The score of a game as a tree of named parts, each in 0..1.

Only the loss against the reference, done instructions and malformed calls count. Nothing reads text, and no
state that could be reached once and kept pays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

SECURITY, EXCESS, DISCIPLINE = 0.2, 0.7, 0.1  # weights in the score with a plan


@dataclass(frozen=True)
class Figures:
    """What a score is made of."""

    loss: float  # of the ticks that were played
    reference: float  # the same with the seat asleep; of fsm where the seat is red's
    smoothing: float
    calls: int
    malformed: int
    mission: float | None = None  # m of the plan; None without one
    done: int = 0
    violations: int = 0

    @property
    def ratio(self) -> float:
        """x, the loss relative to the reference's."""
        return max(self.loss + self.smoothing, 0.0) / max(self.reference + self.smoothing, 1e-9)


def security(figures: Figures) -> float:
    """1/2 for the idle defender's loss, falling strictly, never 0."""
    x = figures.ratio
    return 1 - x / 2 if x <= 1 else 1 / (2 * x)


def excess(figures: Figures) -> float:
    """The share of the idle defender's loss that was prevented."""
    return max(0.0, 1 - figures.ratio)


def mission(figures: Figures) -> float:
    """The share of the plan that is done; what is not sealed counts less."""
    return figures.mission or 0.0


def discipline(figures: Figures) -> float:
    """Done instructions among these and violations; 0 if nothing is done."""
    return figures.done / (figures.done + figures.violations) if figures.done else 0.0


def validity(figures: Figures) -> float:
    """The share of calls that were not malformed; 0 if there were none."""
    return 1 - figures.malformed / figures.calls if figures.calls else 0.0


def damage(figures: Figures) -> float:
    """Of a red seat: 1/2 for the loss that fsm inflicts, rising strictly, never 1."""
    return figures.ratio / (1 + figures.ratio)


@dataclass
class Rubric:
    """A named part of the score.

    Args:
        forward: the part's value from the values of its children, by name, or from figures where it has none.
    """

    name: str
    value: Callable[..., float]
    children: tuple[Rubric, ...] = ()
    last_score: float | None = field(default=None, init=False)

    def forward(self, figures: Figures) -> float:
        """The part's score, which is kept as ``last_score``, and those of its children."""
        if self.children:
            score = self.value(**{child.name: child.forward(figures) for child in self.children})
        else:
            score = self.value(figures)
        if not 0 <= score <= 1 or math.isnan(score):
            raise ValueError(f"score of {self.name} is {score}; it must be in 0..1")
        self.last_score = score
        return score

    def named_rubrics(self, prefix: str = "") -> Iterator[tuple[str, Rubric]]:
        """All parts below this one, by dotted name."""
        for child in self.children:
            yield f"{prefix}{child.name}", child
            yield from child.named_rubrics(f"{prefix}{child.name}.")


def _with_plan(excess: float, mission: float, security: float, discipline: float, validity: float) -> float:
    total = EXCESS * math.sqrt(excess * mission) + SECURITY * security + DISCIPLINE * discipline
    return total * validity


def rubric(side: str, plan: bool) -> Rubric:
    """The score of a seat: of red, of blue with a plan, or of blue without one."""
    valid = Rubric("validity", validity)
    if side == "red":
        return Rubric("score", lambda damage, validity: damage * validity, (Rubric("damage", damage), valid))
    secure = Rubric("security", security)
    if not plan:
        return Rubric("score", lambda security, validity: security * validity, (secure, valid))
    parts = (
        Rubric("excess", excess),
        Rubric("mission", mission),
        secure,
        Rubric("discipline", discipline),
        valid,
    )
    return Rubric("score", _with_plan, parts)


_MEANINGS = {
    "excess": "share of the idle defender's loss that was prevented",
    "mission": "share of the plan that is done; what is not sealed counts less",
    "security": "1/2 for the idle defender's loss, more below it",
    "discipline": "done instructions among these and violations",
    "damage": "1/2 for the loss that fsm inflicts, more above it",
    "validity": "share of calls that were not malformed",
}


def account(tree: Rubric) -> list[dict[str, Any]]:
    """The last score of a tree's parts as rows ``name``, ``value`` and ``meaning``; the score comes last."""
    names = [part.name for part in tree.children]
    formula = " · ".join(names)
    if "mission" in names:
        formula = f"({EXCESS} √(excess · mission) + {SECURITY} security + {DISCIPLINE} discipline) · validity"
    rows = [{"name": p.name, "value": p.last_score, "meaning": _MEANINGS[p.name]} for p in tree.children]
    return [*rows, {"name": tree.name, "value": tree.last_score, "meaning": formula}]


def scores(tree: Rubric) -> dict[str, Any]:
    """The last score of a tree and of its parts, by name."""
    return {tree.name: tree.last_score} | {name: part.last_score for name, part in tree.named_rubrics()}
