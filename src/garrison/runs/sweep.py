"""A sweep: trainings that differ in a few fields, and the state of each.

sweep.json          the trials
trials/<name>/      a run directory per trial
states/<name>.json  the trial's state
logs/<name>.txt     output of its processes
report/             tables and pictures
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from garrison.core.files import read_object, write, write_json
from garrison.runs.directory import RunDirectory
from garrison.runs.trials import Trial, flags, varied

_FORMAT = 2
_INDEX = "sweep.json"

Status = Literal["waiting", "begun", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Sweep:
    """The files of a sweep."""

    path: Path
    preset: str
    num_seeds: int | None  # per trial; None: the preset's
    trials: tuple[Trial, ...]

    def run(self, trial: Trial) -> RunDirectory:
        """A trial's run directory, which need not exist yet."""
        return RunDirectory(self.path / "trials" / trial.name)

    def begun(self, trial: Trial) -> bool:
        """Whether the trial has a run that can be resumed."""
        return (self.run(trial).path / "config.json").exists()

    def log_file(self, trial: Trial) -> Path:
        return self.path / "logs" / f"{trial.name}.txt"

    def note(self, trial: Trial, status: Status, **facts: Any) -> None:
        """Record the state of a trial."""
        write_json(self._state_file(trial), {"status": status} | facts)

    def state(self, trial: Trial) -> dict[str, Any]:
        """The last recorded state of a trial. Raises ``ValueError`` if its file is damaged."""
        path = self._state_file(trial)
        if not path.exists():
            return {"status": "waiting"}
        state = read_object(path, "delete it: the trial is then resumed")
        if state.get("status") not in get_args(Status):
            raise ValueError(
                f"{path} is damaged (status is {state.get('status')!r}); delete it: the trial is then resumed"
            )
        return state

    def _state_file(self, trial: Trial) -> Path:
        return self.path / "states" / f"{trial.name}.json"

    def arguments(self, trial: Trial) -> list[str]:
        """The trial's fields as arguments of ``garrison train PRESET``."""
        num_seeds = [] if self.num_seeds is None else ["--num-seeds", str(self.num_seeds)]
        return [*flags(trial.overrides), *num_seeds]

    def todo(self, retry: bool) -> list[Trial]:
        """Trials to start or resume; with ``retry`` also those that failed."""
        done = {"finished"} if retry else {"finished", "failed"}
        return [trial for trial in self.trials if self.state(trial)["status"] not in done]

    def write_report(self, name: str, data: str | bytes) -> None:
        """Write ``report/<name>``."""
        write(self.path / "report" / name, data)

    def varied(self) -> list[str]:
        """Fields in which trials differ."""
        return varied([trial.overrides for trial in self.trials])


def create(path: Path, preset: str, num_seeds: int | None, trials: Sequence[Trial]) -> Sweep:
    """Make the directory of a sweep, or open it if it holds the same sweep.

    Raises ``ValueError`` naming the difference if it holds another one.
    """
    sweep = Sweep(path, preset, num_seeds, tuple(trials))
    if (path / _INDEX).exists():
        _check_same(load(path), sweep)
        return sweep
    for folder in ("trials", "states", "logs", "report"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    about = {
        "format": _FORMAT,
        "preset": preset,
        "num_seeds": num_seeds,
        "trials": [asdict(trial) for trial in trials],
    }
    write_json(path / _INDEX, about)  # last: it marks a sweep
    return sweep


def load(path: Path) -> Sweep:
    """Open the directory of a sweep.

    Raises ``FileNotFoundError`` if ``path`` is not one, and ``ValueError`` if it is damaged.
    """
    index = path / _INDEX
    if not index.is_file():
        raise FileNotFoundError(f"{path} is not a sweep: it has no {_INDEX}")
    remedy = "start the sweep again in another directory"
    data = read_object(index, remedy)
    if (version := data.get("format")) not in (1, _FORMAT):
        raise ValueError(f"{index} has format {version!r}; this version reads the formats 1 and {_FORMAT}")
    try:
        num_seeds = data["seeds" if version == 1 else "num_seeds"]
        trials = tuple(Trial(_text(trial["name"]), dict(trial["overrides"])) for trial in data["trials"])
        return Sweep(path, _text(data["preset"]), num_seeds, trials)
    except KeyError as error:
        raise ValueError(f"{index} is damaged (missing: {error.args[0]}); {remedy}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{index} is damaged ({error}); {remedy}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _check_same(old: Sweep, new: Sweep) -> None:
    for name in ("preset", "num_seeds", "trials"):
        have, want = getattr(old, name), getattr(new, name)
        if have != want:
            if name == "trials":
                have, want = ([trial.name for trial in trials] for trials in (have, want))
            raise ValueError(
                f"{old.path} holds another sweep, with {name} {have}, not {want}; resume that one with: "
                f"garrison sweep --resume {shlex.quote(str(old.path))}, or choose another directory"
            )
