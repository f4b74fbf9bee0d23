"""``garrison view``: an episode to look at, in the browser."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from garrison.cli import view_files
from garrison.cli.common import log, print_json, user_input, waiting
from garrison.cli.evaluate import Contest, check_drawn, check_output, check_replay_path, playing
from garrison.core import files
from garrison.judge.match import SEED
from garrison.judge.specs import Which
from garrison.view import Replay, page, read, write
from garrison.view.page import MAX_REPLAYS
from garrison.view.replay import SUFFIX

FILES = (SUFFIX, ".jsonl.xz", ".jsonl.gz")  # of replays, and of recordings of CybORG


@dataclass(frozen=True)
class View:
    """Show one episode in the browser: what happened on the network, and what each side knew of it.

    Two names are shown side by side, on the same episode. The page is one file that needs nothing else.
    """

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Policies of the world, run directories, replay files (*.replay.jsonl.gz), and recordings of CybORG
    (*.jsonl.xz, of `garrison parity record`); or `verify` and replay
    files, to play them again and compare; or `list` and a directory, to see its replays; or `bundle` and
    replay files, to make a folder for a web server."""
    against: str | None = None
    """Opponent, named as the policies are; by default the world's own."""
    side: str | None = None
    """Side that the policies play, as in red; by default that of the runs, or of the world."""
    world: str | None = None
    """World; by default that of the runs, or cc4."""
    options: tuple[str, ...] = ()
    """Options of the world, as in green=sleep; the others stay as in the runs."""
    red: str | None = None
    """Scripted attacker; short for the option red=..."""
    seed: int = SEED
    """Seed of the episode."""
    which: Which = "latest"
    """Checkpoint of the runs."""
    greedy: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take the most probable actions of trained policies instead of sampling."""
    html: Path | None = None
    """Write the page to this file, and open no browser."""
    record: Path | None = None
    """Write the replay of the only policy to this file, and open no browser unless --html is left out too."""
    out: Path | None = None
    """New folder of `bundle`."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print what was written, as JSON."""

    def run(self) -> int:
        if self.names[:1] == ("verify",):
            return view_files.verify(self.names[1:], self.json)
        if self.names[:1] == ("list",):
            return view_files.show_list(self.names[1:], self.json)
        if self.names[:1] == ("bundle",):
            return view_files.bundle(self.names[1:], self.out, self.json)
        with user_input():
            self._check()
            stored = {name: _stored(name) for name in self.names if name.endswith(FILES)}
        played = self._played(tuple(name for name in self.names if name not in stored))
        replays = [stored.get(name) or next(played) for name in self.names]
        if self.record is not None:
            write(self.record, replays[0])
        target = self.html
        if target is None and self.record is None:
            target = Path(tempfile.mkdtemp(prefix="garrison-")) / "replay.html"
        if target is not None:
            files.write(target, page(replays))
        written = {"page": target, "replay": self.record}
        if self.json:
            ends = [{"policy": one.header["policy"], **one.end} for one in replays]
            print_json({name: path and str(path) for name, path in written.items()} | {"episodes": ends})
        for name, path in written.items():
            if path is not None:
                log.print(f"{name}: {path}", soft_wrap=True)
        opened = target if self.html is None else None
        if opened is not None and not webbrowser.open(opened.resolve().as_uri()):
            log.print("No browser could be opened; open the page by hand.")
        return 0

    def _check(self) -> None:
        if self.out is not None:
            raise ValueError("--out is the folder of `garrison view bundle`; for a page give --html FILE")
        if not 1 <= len(self.names) <= MAX_REPLAYS:
            raise ValueError(
                f"name one policy, run or replay, or two to see side by side, not {len(self.names)}"
            )
        if self.record is not None:
            if len(self.names) > 1 or any(name.endswith(SUFFIX) for name in self.names):
                raise ValueError("--record takes the episode of one policy: name one, and no replay file")
            check_replay_path(self.record)
        if self.html is not None:
            check_output(self.html)

    def _played(self, names: tuple[str, ...]) -> Iterator[Replay]:
        """The replays of policies and runs, each played when it is asked for."""
        if not names:
            return
        with user_input():
            contest = Contest(
                names=names,
                against=() if self.against is None else (self.against,),
                side=self.side,
                world=self.world,
                options=self.options,
                red=self.red,
                seed=self.seed,
                episodes=1,
                which=self.which,
                greedy=self.greedy,
            )
            match = contest.match()
            episodes, seed = contest.range()
            match.check(episodes, seed)
            check_drawn(next(iter(match.worlds.values())))
        for name, policy in match.policies.items():
            alone = replace(match, policies={name: policy}, versus=None)
            with playing(alone, episodes) as on_progress:
                result = alone.evaluate(episodes, seed, record=name, on_progress=on_progress)
            yield result.replay()


def _stored(name: str) -> Replay:
    """The replay in a file, or of a recording of CybORG."""
    if name.endswith(SUFFIX):
        return read(Path(name))
    from garrison.parity.replay.view import recorded  # imported late: it needs the whole engine

    with waiting(f"Replaying {name}"):
        return recorded(Path(name))
