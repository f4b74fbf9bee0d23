"""``garrison parity replay``: recorded or live episodes of CybORG replayed through Garrison's engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from garrison.cli.common import log, out, print_cyborg_version, print_json, seed_range, user_input
from garrison.cli.progress import bar

if TYPE_CHECKING:
    from garrison.parity.replay.replay import ReplayReport

_SHOWN = 10  # differences printed per episode


@dataclass(frozen=True)
class Replay:
    """Replay CybORG's episodes through Garrison's engine and compare after every step.

    Either recordings, or with --live episodes that CybORG plays meanwhile. The exit status is 1 if any step
    differs.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Recordings (.jsonl.gz or .jsonl.xz)."""
    live: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let CybORG play the episodes of --episode-seeds, --red and --blue."""
    episode_seeds: str = "0"
    """Live: seeds of CybORG's generator, as in 0-9."""
    red: str = "fsm"
    """Live: a red of cc4, such as fsm or cia_c."""
    blue: str = "random"
    """Live: a policy as in `parity record`."""
    column: str = "base"
    """Live: variant of the game: base, constant, phishing, stealthy or aggressive."""
    episodes: int = 1
    """Live: consecutive episodes of each seed."""
    keep: Path = Path("differences")
    """Live: folder for the recordings of episodes that differ."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        if not self.live:
            return replay_command(self.paths, self.json)
        if self.paths:
            raise SystemExit("garrison: give either recordings or --live")
        return _shown(list(self._live()), self.json)

    def _live(self) -> Iterator[ReplayReport]:
        from garrison.parity.recording.record import RecordingSession
        from garrison.parity.replay.replay import replay

        with user_input():
            seeds = seed_range(self.episode_seeds)
            print_cyborg_version()
            sessions = (RecordingSession(self.red, self.blue, seed, column=self.column) for seed in seeds)
            episodes = (session.episode() for session in sessions for _ in range(self.episodes))
            with bar("playing", len(seeds) * self.episodes, "episodes") as done:
                for episode in episodes:
                    report = replay(episode.trace())
                    if not report.exact:
                        self.keep.mkdir(parents=True, exist_ok=True)
                        report.path = str(self.keep / episode.name)
                        episode.save(Path(report.path))
                    done.advance()
                    yield report


def replay_command(paths: Sequence[Path], json: bool = False) -> int:
    """Replay recordings and print what was found; the exit status is 1 if any step differs.

    Raises:
        SystemExit: with a message, for a file that is not a whole recording.
    """
    from garrison.parity.replay.replay import replay

    if not paths:
        raise SystemExit("garrison: parity replay needs at least one recording, or --live")
    reports = []
    for path in paths:
        log.print(f"replaying {path} …", highlight=False)
        with user_input():
            reports.append(replay(path))
    return _shown(reports, json)


def _shown(reports: list[ReplayReport], json: bool) -> int:
    if json:
        print_json([_as_json(report) for report in reports])
    else:
        _print_table(reports)
    return 0 if all(report.exact for report in reports) else 1


def _as_json(report: ReplayReport) -> dict:
    differences = [difference._asdict() for difference in report.differences]
    return asdict(report) | {"exact": report.exact, "differences": differences}


def _print_table(reports: list[ReplayReport]) -> None:
    table = Table("episode", "red", "blue", "steps", "draws", "overflow", "seconds", "result", box=None)
    for report in reports:
        result = "exact" if report.exact else f"differs at {report.differences[0].place}"
        table.add_row(
            Path(report.path).name,
            report.red,
            report.blue,
            str(report.steps),
            str(report.draws),
            str(report.overflow),
            f"{report.seconds:.1f}",
            result,
        )
    out.print(table)
    for report in reports:
        for difference in report.differences[:_SHOWN]:
            out.print(f"{Path(report.path).name}: {difference}", highlight=False, markup=False)
        for line in report.around:
            out.print(f"  {line}", highlight=False, markup=False)
