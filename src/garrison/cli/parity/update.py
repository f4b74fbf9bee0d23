"""``garrison parity update``: one update of IPPO by JAX and by PyTorch, from the same start."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from garrison.cli.common import log, user_input
from garrison.cli.flags import PresetFlags
from garrison.cli.publish import publish
from garrison.core import extras
from garrison.core.files import finite
from garrison.studies.study import Section, Study, origin, prepare
from garrison.training import seeds

if TYPE_CHECKING:
    from garrison.parity.torch.compare_update import Agreement

_HEADER = ("iteration", "precision", "what", "arrays", "error", "limit", "where", "of an array", "which")
_BRIEF = ("iteration", "precision", "what", "error", "limit", "where")  # what a terminal has room for


@dataclass(frozen=True)
class Update:
    """Make the updates of the first iterations by JAX and by an independent IPPO in PyTorch, and compare.

    Both begin each update with the same train state, rollout and minibatches. In double precision each array
    is judged by its largest difference, relative to its largest number; in single precision gradients and
    Adam's averages as whole vectors. The exit status is 1 if an error is beyond its limit.
    """

    preset: PresetFlags
    iterations: int = 3
    """Updates to compare; training goes on by JAX between them."""
    save: Path | None = None
    """Folder for figures.json and README.md."""
    record: Path | None = None
    """Instead of comparing, save torch's side of the last update in this folder, for tests without torch."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        with user_input():
            extras.require("parity")
            from garrison.parity.torch import compare_update

            seeds.check(self.preset)
            if self.iterations < 1:
                raise ValueError(f"iterations is {self.iterations}; it must be at least 1")
            prepare(self.save)
            if self.record is not None:
                compare_update.record(self.record, self.preset, self.iterations)
                return 0
            found = []
            with log.status("playing the first rollout") as status:
                for one in compare_update.compare(self.preset, self.iterations, status.update):
                    found.append(one)
        figures = self._figures(found)
        publish(study(figures), self.save, self.json)
        return 0 if figures["agrees"] else 1

    def _figures(self, found: Sequence[Agreement]) -> dict[str, Any]:
        return origin(shlex.join(["garrison", *sys.argv[1:]])) | {
            "torch": importlib.metadata.version("torch"),
            "training": self.preset.to_json(),
            "iterations": self.iterations,
            "gradient_steps": self.preset.settings.epochs * self.preset.settings.minibatches,
            "agrees": all(one.agrees for one in found),
            "agreements": [finite(asdict(one)) | {"agrees": one.agrees} for one in found],
        }


def study(figures: Mapping[str, Any]) -> Study:
    rows = figures["agreements"]
    worst = {precision: _largest(rows, precision) for precision in ("single", "double")}
    within = "Every error is within its limit" if figures["agrees"] else "NOT every error is within its limit"
    return Study(
        title="IPPO: one update by JAX and by PyTorch",
        figures=figures,
        finding=(
            f"{within}; the largest is {_short(worst['single'])} in single and {_short(worst['double'])} in "
            "double precision."
        ),
        method=(
            f"torch {figures['torch']}, CPU. Each update starts from the same train state, rollout and "
            f"minibatches on both sides and makes {figures['gradient_steps']} gradient steps. The error of "
            "an array is its largest absolute difference, relative to its largest entry; for policy losses "
            "and totals, relative to 1 where they are smaller. It is judged in double precision, where "
            "rounding explains nothing. In single precision, gradients and Adam's averages are judged as "
            "whole vectors over all layers: the norm of the difference relative to the norm of the vector. "
            "Losses and gradients: of each minibatch of an epoch, at the parameters before the update "
            "(`start`) and after it (`moved`). Parameters, optimizer (Adam's averages), reward scale: after "
            "the whole update."
        ),
        sections=[Section("", _HEADER, [_row(row) for row in rows], brief=_BRIEF)],
    )


def _largest(rows: Sequence[Mapping[str, Any]], precision: str) -> float | None:
    errors = [row["error"] for row in rows if row["precision"] == precision]
    return None if None in errors else max(errors)


def _short(error: float | None, digits: str = ".1g") -> str:
    return "not finite" if error is None else f"{error:{digits}}"


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    mark = "" if row["agrees"] else " (!)"
    return (
        str(row["iteration"]),
        row["precision"],
        row["kind"],
        str(row["arrays"]),
        _short(row["error"], ".1e") + mark,
        f"{row['limit']:.0e}",
        row["worst"],
        _short(row["of_array"], ".1e"),
        row["worst_array"],
    )
