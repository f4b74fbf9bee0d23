"""``garrison llm sft``: games as conversations to learn from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from garrison.cli import progress
from garrison.cli.common import out, print_json, user_input


@dataclass(frozen=True)
class Sft:
    """Export games of a scripted player as conversations, to fine-tune a language model on."""

    out: Path
    """File of JSON lines to write."""
    teacher: str = "guard+plan"
    """Scripted player: guard+plan, guard, plan, random or idle; of red attacker or idle."""
    scenario: str = "small"
    """Size of the game: small, medium, large, or mission, which has no plan."""
    seat: str = "blue"
    """Agents to decide for: blue, red, or one of them, such as blue_agent_1."""
    opponent: str | None = None
    """Who plays the other side; by default fsm against blue, guard against red."""
    teammates: str | None = None
    """Who plays the other agents of the seat's side."""
    plan: bool = True
    """Whether a blue seat has a recovery plan."""
    style: str = "compact"
    """How texts are written: compact, full, json, micro, or for one blue agent acd."""
    episodes: int = 100
    """Games to play."""
    seed: int = 0
    """First seed; they stay below 100,000, as others are kept for tests."""
    form: Literal["tools", "text"] = "tools"
    """Answers as native tool calls, or as text with a JSON object."""
    per: Literal["turn", "game"] = "turn"
    """A line per turn, with the last four turns before it; or per game."""
    keep: Literal["won", "all"] = "won"
    """Games to keep."""
    waiting: float = 0.25
    """Largest share of turns whose answer gives no order."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.llm import export as exports

        given = {name: getattr(self, name) for name in exports.Export.__dataclass_fields__}
        counts = exports.Counts()
        with (
            user_input(),
            progress.bar("playing (compiling first)", self.episodes, "games", transient=True) as bar,
        ):
            if self.episodes < 1:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 1")
            seeds = range(self.seed, self.seed + self.episodes)
            lines = exports.examples(exports.Export(**given), seeds, counts, lambda game: bar.advance())
            exports.write(self.out, lines)
        score = float(np.mean(counts.scores)) if counts.scores else None
        found = {**dataclasses.asdict(counts), "score": score, "out": str(self.out)}
        del found["scores"]
        if self.json:
            print_json(found)
        else:
            text = f"{counts.lines:,} lines of {counts.games - counts.left_out} games are in {self.out}"
            out.print(text, soft_wrap=True, highlight=False)
            out.print(
                f"Left out: {counts.left_out} games that were not won, {counts.dropped} turns without an "
                f"order, {counts.repeated} lines that were there already.",
                highlight=False,
            )
        return 0
