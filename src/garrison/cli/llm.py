"""``garrison llm``: games with tools, as language models play them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import tyro
from rich.table import Table
from rich.text import Text

from garrison.cli.common import log, out, print_json, user_input, waiting
from garrison.cli.evaluate import check_replay_path
from garrison.view import write as write_replay

if TYPE_CHECKING:
    from garrison.llm.arena import Arena
    from garrison.llm.game import View


@dataclass(frozen=True)
class Play:
    """Play one game and show each turn: what the seat reads, and what it calls."""

    client: str = "scripted"
    """Who plays: `scripted`; `human`, to type calls yourself; `openai`, a model behind an OpenAI-compatible
    server; or `replay`, the replies of a recording."""
    player: str | None = None
    """Scripted player: guard+plan (the default), guard, plan, random or idle; of red attacker (the default)
    or idle."""
    scenario: str = "small"
    """Size of the game: small, medium, large, or mission, which has no plan."""
    seat: str = "blue"
    """Agents to decide for: blue, red, or one of them, such as blue_agent_1."""
    opponent: str | None = None
    """Who plays the other side; by default fsm against blue, guard against red."""
    teammates: str | None = None
    """Who plays the other agents of the seat's side."""
    seed: int = 0
    """Seed of the episode, as of `garrison eval`."""
    plan: bool = True
    """Whether a blue seat has a recovery plan."""
    style: str = "compact"
    """How texts are written: compact, full, json, micro, or for one blue agent acd."""
    base_url: str = "http://localhost:8000/v1"
    """The server of `openai`."""
    model: str = ""
    """The model that `openai` asks for, and whose replies `replay` looks for."""
    key_env: str | None = None
    """Environment variable that holds the server's key; by default no key is sent."""
    recording: Path | None = None
    """File of JSON lines that keeps the model's replies; the same request is not asked twice."""
    max_calls: int | None = None
    """Requests to the model at most; a game that needs more is not scored."""
    max_tokens: int | None = None
    """Tokens of prompts and replies at most, likewise."""
    record: Path | None = None
    """File for the game as a replay, which `garrison view` shows (*.replay.jsonl.gz)."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the transcript and the result as JSON."""

    def run(self) -> int:
        from garrison.llm.arena import Arena  # imported late: other commands do not need the world

        with user_input():
            start = _client(self)
            if self.record is not None:
                check_replay_path(self.record)
            arena = Arena(self.scenario, self.seat, self.opponent, self.teammates, self.plan, self.style)
            with waiting("Compiling the world"):
                view = arena.reset(self.seed)
        arena.game.players[self.seat] = self.model or self.player or self.client
        decide = start(arena)
        if not self.json:
            _show_prompt(arena)
        while not view.done:
            self._show("read", view.text)
            action = decide(view)
            self._show("call", _in_short(action))
            view = arena.act(action)
        if self.record is not None:
            write_replay(self.record, arena.replay())
            log.print(f"replay: {self.record}", soft_wrap=True)
        if self.json:
            print_json(_result(arena, view))
        else:
            self._show("read", view.text)
            out.print(_scores(view))
        return 0

    def _show(self, what: str, text: str) -> None:
        if self.json:
            return
        style = "cyan" if what == "call" else ""
        out.print(
            Text("\n".join(f"{'> ' if what == 'call' else ''}{line}" for line in text.splitlines()), style)
        )
        if what == "read":
            out.print()


@dataclass(frozen=True)
class Tools:
    """List the tools of a side, or print their schemas."""

    side: Literal["blue", "red"] = "blue"
    """Whose tools."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON, with the schemas."""

    def run(self) -> int:
        from garrison.llm.tools import TOOLS

        tools = TOOLS[self.side].values()
        if self.json:
            print_json([tool.row() for tool in tools])
            return 0
        view = Table("tool", "parameters", "in CC4", "ticks")
        view.columns[0].no_wrap = True
        for tool in tools:
            names = [name if p.required else f"{name}?" for name, p in tool.parameters.items()]
            view.add_row(tool.name, " ".join(names), tool.action or "-", tool.ticks)
        out.print(view)
        return 0


@dataclass(frozen=True)
class Canaries:
    """Check that the score cannot be had without defending: compare the reference player with canaries."""

    scenario: str = "small"
    """Size of the game."""
    players: tuple[str, ...] = ()
    """Players to compare with the reference; all canaries by default."""
    episodes: int = 24
    """Games of each player, on the same seeds."""
    seed: int = 1_000_000
    """First seed."""
    opponent: str = "fsm"
    """Who plays red."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print JSON."""

    def run(self) -> int:
        from garrison.llm import canaries

        names = dict.fromkeys((canaries.REFERENCE, *(self.players or canaries.CANARIES)))
        seeds = range(self.seed, self.seed + self.episodes)
        with user_input(), waiting("Compiling the world") as say:
            found = canaries.measure(
                self.scenario, names, seeds, self.opponent, progress=lambda name: say(f"Playing {name}")
            )
        rows = canaries.advantages(found)
        failed = canaries.failures(rows)
        if self.json:
            about = {
                "scenario": self.scenario,
                "opponent": self.opponent,
                "seed": self.seed,
                "episodes": self.episodes,
            }
            print_json(about | {"players": rows, "failures": failed})
        else:
            out.print(_canary_table(self, rows))
            for line in failed:
                log.print(line, markup=False)
        return 1 if failed else 0


def _canary_table(command: Canaries, rows: dict[str, dict[str, Any]]) -> Table:
    view = Table("player", "score", "won", "loss", "plan done", "the reference is better by")
    view.title = f"{command.scenario} against {command.opponent}, {command.episodes} games each"
    view.columns[0].no_wrap = True
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["score"]["mean"]):
        ahead = row.get("advantage")
        better = "" if ahead is None else f"{ahead['mean']:.3f}"
        if ahead is not None and ahead["low"] is not None:
            better += f" [{ahead['low']:.3f}, {ahead['high']:.3f}]"
        cells = (
            f"{row['score']['mean']:.3f}",
            f"{row['won']:.0%}",
            f"{row['ratio_median']:.2f}",
            f"{row['plan']:.0%}",
        )
        view.add_row(name, *cells, better)
    return view


CLIENTS = ("scripted", "human", "openai", "replay")
Decide = Callable[["View"], Any]


def _client(command: Play) -> Callable[[Arena], Decide]:
    """Whoever the command names: given the arena of a game, a function from a view to the next action.

    Raises:
        ValueError: for what cannot be played, before the world is compiled.
    """
    if command.client not in CLIENTS:
        raise ValueError(f"no client {command.client!r}; there are: {', '.join(CLIENTS)}")
    if command.client == "human":
        return lambda arena: lambda view: _typed()
    if command.client != "scripted":
        return _model(command)
    from garrison.llm.players import player

    one = player(command.player, command.seed, "red" if command.seat.startswith("red") else "blue")
    return lambda arena: lambda view: one.act(arena.game.seats[command.seat], arena.rows())


def _model(command: Play) -> Callable[[Arena], Decide]:
    """A language model, or the recording of one."""
    from garrison.llm.chat import Chat
    from garrison.llm.clients import Client, ClientError, Limits, Metered, OpenAICompatible, Recorded

    if not command.model:
        raise ValueError(f"client {command.client!r} needs --model")
    path, client = command.recording, cast("Client | None", None)
    if command.client == "openai":
        server = OpenAICompatible(command.base_url, command.model, command.key_env)
        client = Metered(server, Limits(command.max_calls, command.max_tokens))
    if path is not None:
        client = Recorded(client, path, "auto" if client else "replay", command.model)
    if client is None:
        raise ValueError("client 'replay' needs --recording, the file to play from")

    def start(arena: Arena) -> Decide:
        chat = Chat(client, arena.game)

        def decide(view: View) -> Any:
            try:
                return chat.answer(view)
            except ClientError as error:
                raise SystemExit(f"garrison: the game is not scored: {error}") from error

        return decide

    return start


def _typed() -> str:
    """An action that the user types. Exits at the end of the input."""
    try:
        return log.input("call> ")
    except EOFError:
        raise SystemExit("garrison: the input ended before the game") from None


def _show_prompt(arena: Arena) -> None:
    from garrison.llm.prompt import system_prompt

    game = arena.game
    prompt = system_prompt(game.scenario, arena.seats[0], game.referee is not None, arena.game.style)
    out.print(Text(prompt, "dim"))
    out.print()


def _in_short(action: Any) -> str:
    """The calls of an action, one a line."""
    if isinstance(action, str):
        return action
    calls = action.get("calls", [action])
    if not all(isinstance(call.get("params", {}), dict) for call in calls):
        return str(action)
    return "\n".join(
        f"{call['tool_name']}({', '.join(f'{k}={v}' for k, v in call.get('params', {}).items())})"
        for call in calls
    )


def _result(arena: Arena, view: View) -> dict[str, Any]:
    from garrison.llm.metrics import of_game, summary

    game, seat = arena.game, arena.seats[0]
    return {
        "scenario": game.scenario.name,
        "seat": seat,
        "seed": game.seed,
        "outcome": view.outcome,
        "score": view.reward,
        **view.metadata,
        "metrics": of_game(game, seat),
        "times": summary([game]),
        "transcript_lines": game.transcript.lines,
    }


def _scores(view: View) -> Table:
    table = Table("part", "value")
    for name, value in view.metadata["scores"].items():
        table.add_row(name, f"{value:.3f}")
    table.add_row("loss relative to the reference", f"{view.metadata['ratio']:.3f}")
    table.add_row("return", f"{view.metadata['return']:g}")
    for name, value in (view.metadata["plan"] or {}).items():
        if value is not None:
            table.add_row(f"plan: {name.replace('_', ' ')}", f"{value}")
    return table
