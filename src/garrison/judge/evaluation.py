"""What an evaluation returns: figures, and the tables and pages that show them."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garrison.core.files import to_json, write
from garrison.core.recording import Recording
from garrison.core.world import World
from garrison.judge import story, summary
from garrison.judge.evaluate import Episodes
from garrison.view import Replay, record
from garrison.view import page as view_page

_WIDTH = 100  #: of tables that are not printed by a terminal's console


@dataclass(frozen=True, repr=False)
class Figures:
    """JSON-ready figures that show themselves as tables, in notebooks too."""

    figures: dict[str, Any]

    def table(self) -> Any:
        """The tables, for a console of rich: ``rich.print(result.table())``."""
        from rich.console import Group

        from garrison.judge.tables import tables

        return Group(*tables(self.figures))

    def to_json(self) -> str:
        """The figures as strict JSON: null in place of what does not exist."""
        return to_json(self.figures)

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=_WIDTH, color_system=None).print(self.table())
        lines = text.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return f'<pre style="line-height:1.2">{html.escape(str(self))}</pre>'


@dataclass(frozen=True, repr=False)
class Comparison(Figures):
    """Policies pair by pair."""


@dataclass(frozen=True, repr=False)
class Evaluation(Figures):
    """The figures of policies on the same episodes, and what they were computed from."""

    #: NumPy figures by opponent and policy; the opponent None is the world's own
    results: Mapping[str | None, Mapping[str, Episodes]]
    worlds: Mapping[str | None, World]
    recording: Recording | None = None
    recorded: str | None = None  # name of the policy of the recording

    def episodes(self, policy: str, against: str | None = None) -> Episodes:
        """Figures of each episode of a policy; axes [seed, episode, ...]."""
        results = self.results[self._opponent(against)]
        if policy not in results:
            raise ValueError(f"no policy {policy!r} in this evaluation; policies: {', '.join(results)}")
        return results[policy]

    def compare(self, first: str, second: str, against: str | None = None) -> Comparison:
        """``first`` minus ``second``, in the same episodes.

        Args:
            against: name of the opponent, where there are several.

        Raises:
            ValueError: for unknown names.
        """
        pair = {name: self.episodes(name, against) for name in (first, second)}
        if len(pair) < 2:
            raise ValueError(f"{first!r} cannot be compared with itself")
        return Comparison({"pairs": [summary.pair(pair, first, second)]})

    def report(self, path: str | Path, policy: str | None = None) -> Path:
        """Write a page, a single HTML file, about a policy and those it was evaluated with.

        Args:
            policy: by default the recorded one, else the one that all are compared with, else the first.
        """
        from garrison.judge.html_report.page import PageData, page

        figures = next(iter(self.figures["against"].values())) if "against" in self.figures else self.figures
        policy = str(policy or self.recorded or figures["versus"] or next(iter(figures["policies"])))
        self.episodes(policy, self._first())
        text = page(
            PageData(policy, policy, self.figures, story=self.story() if policy == self.recorded else None)
        )
        path = Path(path)
        write(path, text)
        return path

    def story(self) -> story.Story | None:
        """The recorded episode in words; None if there is none, or the world does not narrate."""
        if self.recording is None or self.recorded is None:
            return None
        return story.narrate(self.worlds[self._first()], self.recorded, self.recording)

    def replay(self) -> Replay:
        """The recorded episode as it can be looked at.

        Raises:
            ValueError: if none was recorded.
            NotImplementedError: if the world cannot be drawn.
        """
        if self.recording is None or self.recorded is None:
            raise ValueError("no episode was recorded; name a policy with record=...")
        against = self._first()
        figures = self.figures["against"][against] if "against" in self.figures else self.figures
        return record(
            self.worlds[against],
            self.recording,
            self.recorded,
            against=against,
            seed=figures["seed"],
            options=figures["options"],
        )

    def view(self, path: str | Path) -> Path:
        """Write a page, a single HTML file, that shows the recorded episode. Raises as :meth:`replay`."""
        path = Path(path)
        write(path, view_page([self.replay()]))
        return path

    def _first(self) -> str | None:
        return next(iter(self.results))

    def _opponent(self, against: str | None) -> str | None:
        if against is None and len(self.results) == 1:
            return self._first()
        if against not in self.results:
            raise ValueError(
                f"no opponent {against!r} in this evaluation; opponents: " + _names(self.results)
            )
        return against


def _names(results: Mapping[str | None, Any]) -> str:
    return ", ".join(name or "the world's own" for name in results)
