"""``garrison parity update``: one update of IPPO by JAX and by PyTorch, from the same start."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_json, user_input
from garrison.cli.flags import PresetFlags
from garrison.core import extras
from garrison.runs import study_files
from garrison.training import seeds

if TYPE_CHECKING:
    from garrison.parity.torch.compare_update import Agreement

HEADER = ("iteration", "precision", "what", "arrays", "error", "limit", "where", "of an array", "which")
BRIEF = ("iteration", "precision", "what", "error", "limit", "where")  # what a terminal has room for


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
    """Write <save>.json and <save>.md as well."""
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
            if self.record is not None:
                compare_update.record(self.record, self.preset, self.iterations)
                return 0
            found = []
            with log.status("playing the first rollout") as status:
                for one in compare_update.compare(self.preset, self.iterations, status.update):
                    found.append(one)
        figures = self._figures(found)
        if self.save is not None:
            study_files.save(self.save, figures, markdown(figures, found))
        if self.json:
            print_json(figures)
        else:
            show(figures, found)
        return 0 if figures["agrees"] else 1

    def _figures(self, found: list[Agreement]) -> dict[str, Any]:
        return study_files.origin(shlex.join(["garrison", *sys.argv[1:]])) | {
            "torch": importlib.metadata.version("torch"),
            "training": self.preset.to_json(),
            "iterations": self.iterations,
            "gradient_steps": self.preset.settings.epochs * self.preset.settings.minibatches,
            "agrees": all(one.agrees for one in found),
            "agreements": [asdict(one) | {"agrees": one.agrees} for one in found],
        }


def show(figures: dict[str, Any], found: list[Agreement]) -> None:
    view = Table(box=None)
    for name in BRIEF:
        view.add_column(name, justify="right" if name in ("error", "limit") else "left", no_wrap=True)
    for one in found:
        cells = dict(zip(HEADER, _row(one), strict=True))
        view.add_row(*(cells[name] for name in BRIEF))
    out.print(view)
    out.print(summary(figures))


def markdown(figures: dict[str, Any], found: list[Agreement]) -> Iterator[str]:
    yield "# IPPO: one update by JAX and by PyTorch"
    yield ""
    yield f"{study_files.told(figures)} torch {figures['torch']}, CPU."
    yield ""
    yield (
        "Each update begins with the same train state, rollout and minibatches on both sides, and makes "
        f"{figures['gradient_steps']} gradient steps. The error of an array is the largest difference in it, "
        "relative to its largest number; policy losses and totals relative to 1, where they are smaller. It "
        "is judged in double precision, where rounding explains nothing. In single precision gradients and "
        "Adam's averages are judged as the vectors that they are, put together from all layers: "
        "length of the difference relative to the length of the vector. Losses and "
        "gradients: of each minibatch of an epoch, at the parameters before the update (`start`) and at "
        "those after it (`moved`). Parameters, optimiser (Adam's averages), reward scale: after the whole "
        "update."
    )
    yield ""
    yield summary(figures)
    yield ""
    yield from study_files.table(HEADER, map(_row, found))


def summary(figures: dict[str, Any]) -> str:
    rows = figures["agreements"]
    worst = {
        precision: max(row["error"] for row in rows if row["precision"] == precision)
        for precision in ("single", "double")
    }
    within = "Every error is within its limit" if figures["agrees"] else "NOT every error is within its limit"
    return (
        f"{within}; the largest is {worst['single']:.1g} in single and {worst['double']:.1g} in double "
        "precision."
    )


def _row(one: Agreement) -> tuple[str, ...]:
    mark = "" if one.agrees else " (!)"
    return (
        str(one.iteration),
        one.precision,
        one.kind,
        str(one.arrays),
        f"{one.error:.1e}{mark}",
        f"{one.limit:.0e}",
        one.worst,
        f"{one.of_array:.1e}",
        one.worst_array,
    )
