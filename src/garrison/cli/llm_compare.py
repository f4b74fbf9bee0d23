"""``garrison llm eval``: players and language models on the same games."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.table import Table

from garrison.cli import progress
from garrison.cli.common import log, out, print_json, user_input
from garrison.judge.format import NONE, fraction

if TYPE_CHECKING:
    from garrison.llm.compare import Contestant


@dataclass(frozen=True)
class Eval:
    """Compare players on the same games: scores, what they did, and differences to the first one."""

    players: tyro.conf.Positional[tuple[str, ...]]
    """Scripted players (guard+plan, guard, plan, random, idle; of red attacker, idle), `model:NAME` for a
    model behind --base-url, or `path:FOLDER` for one of the library transformers."""
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
    episodes: int = 32
    """Games of each player."""
    seed: int = 1_000_000
    """First seed; seeds from 1,000,000 on are never in exported examples."""
    base_url: str = "http://localhost:8000/v1"
    """The server of models."""
    key_env: str | None = None
    """Environment variable that holds the server's key; by default no key is sent."""
    recording: Path | None = None
    """File of JSON lines that keeps models' replies; the same request is not asked twice."""
    at_once: int = 8
    """Games in which a model is asked at the same time."""
    max_calls: int | None = None
    """Requests to each model at most; games that need more are not scored."""
    max_tokens: int | None = None
    """Tokens of prompts and replies of each model at most, likewise."""
    prices: tuple[float, float] | None = None
    """Prices per million tokens of prompts and of replies, for the cost of a game."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.llm import compare
        from garrison.llm.arena import ArenaBatch

        with user_input():
            if not self.players or len(set(self.players)) < len(self.players):
                raise ValueError(f"players are {', '.join(self.players) or 'none'}; name different ones")
            if self.episodes < 2:
                raise ValueError(f"episodes is {self.episodes}; it must be at least 2")
            made = {name: self._contestant(name) for name in self.players}
            number = min(self.episodes, 32)
            batch = ArenaBatch(
                *(number, self.scenario, self.seat, self.opponent, self.teammates, self.plan, self.style)
            )
            seeds = range(self.seed, self.seed + self.episodes)
            played = {}
            total = self.episodes * len(made)
            with progress.bar("playing (compiling first)", total, "games", transient=True) as bar:
                for name, one in made.items():
                    played[name] = compare.play(batch, one, seeds, lambda game: bar.advance())
        found = compare.compare(played, self.seat, {name: one.meter for name, one in made.items()})
        if self.json:
            about = {
                "scenario": self.scenario,
                "seat": self.seat,
                "opponent": self.opponent,
                "seed": self.seed,
                "episodes": self.episodes,
            }
            print_json(about | {"players": found})
        else:
            _print_comparison(self, found)
        return 0

    def _contestant(self, name: str) -> Contestant:
        from garrison.llm.chat import Chat
        from garrison.llm.clients import Client, Limits, Metered, OpenAICompatible, Recorded
        from garrison.llm.compare import Contestant
        from garrison.llm.players import player

        kind, _, rest = name.partition(":")
        if kind not in ("model", "path") or not rest:
            side = "red" if self.seat.startswith("red") else "blue"
            player(name, 0, side)  # refuses unknown ones
            return Contestant(lambda game: player(name, game.seed, side))
        client: Client
        if kind == "model":
            client = OpenAICompatible(self.base_url, rest, self.key_env)
        else:
            from garrison.llm.local import Transformers

            client = Transformers(Path(rest))
        meter = Metered(client, Limits(self.max_calls, self.max_tokens), self.prices)
        asked = meter if self.recording is None else Recorded(meter, self.recording)
        threads = self.at_once if kind == "model" else 1
        return Contestant(lambda game: Chat(asked, game, self.seat), meter, threads)


def _print_comparison(command: Eval, found: dict[str, dict[str, Any]]) -> None:
    first = next(iter(found))
    table = Table("player", "score [95%]", "won", "loss ratio", "plan done", f"more than {first}")
    table.title = f"{command.scenario}, {command.seat}, {command.episodes} games each"
    table.columns[0].no_wrap = True
    for name, row in found.items():
        cells = [fraction(row[part]) if row[part] else NONE for part in ("score", "ratio")]
        shares = [NONE if row[part] is None else f"{row[part]:.0%}" for part in ("won", "plan")]
        ahead = fraction(row["difference"], "+") if row["difference"] else NONE
        table.add_row(name, cells[0], shares[0], cells[1], shares[1], ahead)
    out.print(table)
    for name, row in found.items():
        if row["unscored"]:
            seed, reason = next(iter(row["unscored"].items()))
            log.print(
                f"{name}: {len(row['unscored'])} games are not scored, as of seed {seed}: {reason}",
                markup=False,
            )
        if (used := row["usage"]) is not None:
            cost = "" if used["cost_per_game"] is None else f", cost {used['cost_per_game']:.4g}"
            read, said = used["prompt_tokens_per_game"], used["completion_tokens_per_game"]
            text = f"{used['calls_per_game']:.0f} requests, {read:,.0f} + {said:,.0f} tokens{cost}"
            out.print(f"{name}, per game: {text}", highlight=False)
