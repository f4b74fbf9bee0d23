"""Games as numbered tasks in splits, as OpenEnv's task routes list them."""

from __future__ import annotations

from typing import Any

from garrison.llm.scenarios import SPLITS
from garrison.llm.simulation import SCRIPTS
from garrison.serve.models import Reset
from garrison.serve.parse import Refused

NAME = "garrison_cc4"  # of the environment, in routes
PREVIEW = 1_000  # tasks that are listed at most
#: what a reset says besides a task
_BESIDE = ("episode_id", "frames", "player", "style", "reward")


class Tasks:
    """The tasks of some scenarios: every seed of a split with every size, seat and opponent."""

    def __init__(self, scenarios: tuple[str, ...]) -> None:
        self._games = [
            {"scenario": scenario, "seat": seat, "opponent": opponent}
            for scenario in scenarios
            for seat, opponents in (("blue", SCRIPTS), ("red", ("guard", "reactive")))
            for opponent in opponents
        ]

    def splits(self) -> list[dict[str, Any]]:
        """Names and kinds."""
        return [{"name": name, "type": name} for name in SPLITS]

    def number(self, split: str) -> int:
        """How many tasks a split has. Raises ``Refused`` for an unknown one, as all methods."""
        return self._seeds(split)[1] * len(self._games)

    def task(self, split: str, index: int) -> dict[str, Any]:
        """A task: what a reset takes, with its place."""
        if not 0 <= index < self.number(split):
            raise Refused("VALIDATION_ERROR", f"index is {index}; it must be in 0..{self.number(split) - 1}")
        seed, game = divmod(index, len(self._games))
        task = {"seed": self._seeds(split)[0] + seed, **self._games[game]}
        return {"id": f"{split}-{index}", "split": split, "index": index, **task}

    def range(self, split: str, start: int | None, stop: int | None) -> list[dict[str, Any]]:
        """Tasks as a slice of a list gives them, at most 1,000."""
        places = range(self.number(split))[slice(start, stop)]
        return [self.task(split, index) for index in places[:PREVIEW]]

    def reset(self, given: Reset) -> Reset:
        """The parameters of the task that a reset names, or the reset itself."""
        if given.split is None and given.index is None:
            return given
        if given.split is None or given.index is None:
            raise Refused("VALIDATION_ERROR", "split and index name a task together; give both")
        if extra := given.model_fields_set - {"split", "index", *_BESIDE}:
            raise Refused("VALIDATION_ERROR", f"a task says {', '.join(sorted(extra))}; leave that out")
        task = self.task(given.split, given.index)
        return Reset(
            **{name: getattr(given, name) for name in _BESIDE},
            **{name: task[name] for name in ("seed", "scenario", "seat", "opponent")},
        )

    def _seeds(self, split: str) -> tuple[int, int]:
        if split not in SPLITS:
            raise Refused("VALIDATION_ERROR", f"no split {split!r}; there are: {', '.join(SPLITS)}")
        return SPLITS[split]
