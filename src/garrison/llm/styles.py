"""Prompt styles: how what a seat knows is written, and how its answers are read.

| style | text |
|---|---|
| ``compact`` | what changed since the last turn, and hosts with evidence |
| ``full`` | all that the seat knows, in each turn |
| ``json`` | the facts as one JSON object |
| ``micro`` | at most 64 tokens: the worst hosts and one instruction, for small models |
| ``acd`` | one blue agent without memory, who answers with an action of CC4 (:mod:`garrison.llm.acd`) |

A style changes no rule and no transcript: the same calls give the same game.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from garrison.core.plugins import did_you_mean
from garrison.llm import acd
from garrison.llm.names import AGENTS, PHASES
from garrison.llm.text import TURN_ENDED, Turn, accepted

if TYPE_CHECKING:
    from garrison.llm.seat import Seat

STYLES = ("compact", "full", "json", "micro", "acd")
MICRO_HOSTS, MICRO_ERRORS = 2, 2
Answers = Sequence[Mapping[str, Any]]


def check_style(style: str, agents: Sequence[Sequence[int]]) -> None:
    """Raise ``ValueError`` for an unknown style, and for one that a seat of these agents cannot have."""
    if style not in STYLES:
        raise ValueError(f"no style {style!r}{did_you_mean(style, STYLES)}; there are: {', '.join(STYLES)}")
    if style == "acd" and not all(len(own) == 1 and own[0] < acd.NUM_BLUE for own in agents):
        raise ValueError("style is 'acd'; it is for seats of one blue agent, such as blue_agent_1")


def written(
    seat: Seat, answers: Answers, turn: Turn | None, facts: Mapping[str, Any], over: tuple[str, float] | None
) -> str:
    """The text of a view.

    Args:
        answers: to the calls just made.
        turn: that begins with the view; None within a turn.
        facts: of the turn.
        over: outcome and score of a game that is over.
    """
    end = [] if over is None else [f"OVER {over[0]}, score {over[1]:.3f}"]
    if seat.style == "json":
        return _json(answers, facts, over)
    if seat.style == "micro":
        codes = [f"ERROR {one['error']['code']}" for one in answers if "error" in one][:MICRO_ERRORS]
        return "\n".join([*codes, *([] if turn is None else _micro(seat, turn)), *end])
    if seat.style == "acd":
        return "\n".join([*([] if turn is None else [acd.text(seat, turn)]), *end])
    own, shown = ([], set()) if turn is None else ([seat.text.render(turn)], _shown(turn))
    answers = [one for one in answers if one.get("answer") not in shown]
    return "\n".join([*map(answer_line, answers), *own, *end])


def _shown(turn: Turn) -> set[str]:
    """Answers to calls that need no line of their own: DONE and BUSY name the orders, and the turn ended."""
    return {TURN_ENDED, *(accepted(one.agent, one.label) for one in (*turn.done, *turn.busy))}


def answer_line(answer: Mapping[str, Any]) -> str:
    """The answer to a call as a line, or several where it is a list."""
    if "error" in answer:
        error = answer["error"]
        hint = f" ({error['hint']})" if error["hint"] else ""
        return f"ERROR {error['code']}: {error['message']}{hint}"
    return f"OK {answer['answer']}"


def _json(answers: Answers, facts: Mapping[str, Any], over: tuple[str, float] | None) -> str:
    said: dict[str, Any] = {"answers": list(answers)} if answers else {}
    said |= facts
    said |= {} if over is None else {"over": over[0], "score": round(over[1], 3)}
    return json.dumps(said, separators=(",", ":"), allow_nan=False)


def _micro(seat: Seat, turn: Turn) -> list[str]:
    """The time, the worst hosts, who is free, and the current instruction of the first of them."""
    lines = [f"T {turn.tick}/{turn.ticks} {PHASES[seat.scenario.phase(turn.tick)]}"]
    if hosts := seat.text.worst()[:MICRO_HOSTS]:
        lines.append(" | ".join(hosts))
    if turn.free:
        lines.append(f"FREE {' '.join(AGENTS[agent] for agent in turn.free)}")
    if seat.referee is not None:
        current = [one for agent in turn.free if (one := seat.referee.current(agent)) is not None]
        lines += [f"NOW {current[0].order}"] if current else []
    return lines
