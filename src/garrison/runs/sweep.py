"""A sweep: many trainings that differ in a few fields, and where each of them stands.

sweep.json          what is to be tried
trials/<name>/      a run directory per trial
states/<name>.json  where the trial stands
logs/<name>.txt     what its processes printed
report/             what people read
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from garrison.core.files import write
from garrison.runs.run import Run
from garrison.runs.trials import Trial, flags, varied

FORMAT = 1
INDEX = "sweep.json"

Status = Literal["waiting", "begun", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Sweep:
    """The files of a sweep."""

    path: Path
    preset: str
    seeds: int | None  # teams per trial; None for as many as the preset has
    trials: tuple[Trial, ...]

    def run(self, trial: Trial) -> Run:
        """A trial's run directory, which may not be there yet."""
        return Run(self.path / "trials" / trial.name)

    def begun(self, trial: Trial) -> bool:
        """Whether there is a run that can be resumed."""
        return (self.run(trial).path / "config.json").exists()

    def log_file(self, trial: Trial) -> Path:
        return self.path / "logs" / f"{trial.name}.txt"

    def note(self, trial: Trial, status: Status, **facts: Any) -> None:
        """Write down where a trial stands."""
        write(self._state_file(trial), json.dumps({"status": status} | facts, indent=2) + "\n")

    def state(self, trial: Trial) -> dict[str, Any]:
        """What was noted of a trial last."""
        path = self._state_file(trial)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"status": "waiting"}

    def _state_file(self, trial: Trial) -> Path:
        return self.path / "states" / f"{trial.name}.json"

    def arguments(self, trial: Trial) -> list[str]:
        """The trial's fields as arguments of ``garrison train PRESET``."""
        seeds = [] if self.seeds is None else ["--seeds", str(self.seeds)]
        return [*flags(trial.overrides), *seeds]

    def todo(self, retry: bool) -> list[Trial]:
        """Trials that are to be started or gone on with; with ``retry`` those too that failed."""
        done = {"finished"} if retry else {"finished", "failed"}
        return [trial for trial in self.trials if self.state(trial)["status"] not in done]

    def write_report(self, name: str, data: str | bytes) -> None:
        """Write ``report/<name>``."""
        write(self.path / "report" / name, data)

    def varied(self) -> list[str]:
        """Fields in which trials differ."""
        return varied([trial.overrides for trial in self.trials])


def create(path: Path, preset: str, seeds: int | None, trials: Sequence[Trial]) -> Sweep:
    """Make the directory of a sweep, or open it if it is there and the same.

    Raises ``ValueError`` naming what differs if there is another sweep at ``path``.
    """
    sweep = Sweep(path, preset, seeds, tuple(trials))
    if (path / INDEX).exists():
        _check_same(load(path), sweep)
        return sweep
    for folder in ("trials", "states", "logs", "report"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    about = {
        "format": FORMAT,
        "preset": preset,
        "seeds": seeds,
        "trials": [asdict(trial) for trial in trials],
    }
    write(path / INDEX, json.dumps(about, indent=2) + "\n")  # last: it marks a sweep
    return sweep


def load(path: Path) -> Sweep:
    """Open the directory of a sweep.

    Raises ``FileNotFoundError`` if ``path`` is none, and ``ValueError`` if it is damaged.
    """
    index = path / INDEX
    if not index.is_file():
        raise FileNotFoundError(f"{path} is no sweep: it has no {INDEX}")
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}; this version reads format {FORMAT}")
        return Sweep(path, data["preset"], data["seeds"], tuple(Trial(**trial) for trial in data["trials"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{index} cannot be read: {error!r}") from error


def _check_same(old: Sweep, new: Sweep) -> None:
    for name in ("preset", "seeds", "trials"):
        have, want = getattr(old, name), getattr(new, name)
        if have != want:
            if name == "trials":
                have, want = ([trial.name for trial in trials] for trials in (have, want))
            raise ValueError(
                f"{old.path} holds another sweep, of {name} {have} and not {want}; go on with that "
                f"by: garrison sweep --resume {old.path}, or choose another directory"
            )
