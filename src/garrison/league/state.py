"""What a league keeps in ``state.json`` between phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from garrison.league.members import Member
from garrison.league.payoff import Scale

#: Phases of a round, in order.
PHASES = ("fill", "solve", "train_rows", "train_columns", "judge")


@dataclass
class State:
    """What ``state.json`` holds."""

    round: int = 0
    phase: str = PHASES[0]
    finished: bool = False
    scale: Scale | None = None
    #: by side, in order of entry
    members: dict[str, list[Member]] = field(default_factory=dict)
    #: the newest policy of each learner with a role, by side and role; in the league or not
    learners: dict[str, dict[str, Member]] = field(default_factory=dict)
    #: rounds that each member was without weight, by side and id
    unused: dict[str, dict[str, int]] = field(default_factory=dict)
    blocks: int = 0  # of the store before the round
    record: dict[str, Any] = field(default_factory=dict)  # the line of the round so far

    def to_json(self) -> dict[str, Any]:
        return {
            "round": self.round,
            "phase": self.phase,
            "finished": self.finished,
            "scale": None if self.scale is None else [self.scale.low, self.scale.high],
            "members": {side: [one.to_json() for one in own] for side, own in self.members.items()},
            "learners": {
                side: {role: one.to_json() for role, one in own.items()}
                for side, own in self.learners.items()
            },
            "unused": self.unused,
            "blocks": self.blocks,
            "record": self.record,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> State:
        """Read the result of :meth:`to_json`. Raises ``ValueError`` for something else."""
        try:
            return State(
                data["round"],
                data["phase"],
                data["finished"],
                None if data["scale"] is None else Scale(*data["scale"]),
                {side: [Member(**one) for one in own] for side, own in data["members"].items()},
                {
                    side: {role: Member(**one) for role, one in own.items()}
                    for side, own in data["learners"].items()
                },
                data["unused"],
                data["blocks"],
                data["record"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it lacks what a state has: {error}") from error
