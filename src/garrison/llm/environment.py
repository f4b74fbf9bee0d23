"""Seats as environments of trainers of language models: classes whose public methods are the tools.

    from trl import GRPOTrainer

    GRPOTrainer(..., train_dataset=Dataset.from_list(tasks(range(100))), environment_factory=BlueSeat)

TRL's ``GRPOTrainer`` makes an instance per rollout and calls ``reset`` with the columns of a row of the data
set, then the methods that the model asks for, then ``get_reward``. Rows of a group are equal, so its rollouts
play the same episode against the same opponent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from garrison.llm.arena import Arena
from garrison.llm.prompt import system_prompt
from garrison.llm.scenarios import scenario as scenario_of
from garrison.llm.seat import MAX_TICKS
from garrison.llm.tools import Parameter, Tool, tools_of

_TYPES: dict[str, Any] = {"string": str, "integer": int, "object": dict[str, str]}
#: What parameters mean, for the schemas that trainers make of docstrings.
_MEANINGS = {
    "host": "Name of a host, such as OZA-s0.",
    "zone": "Name of a zone, such as OZA.",
    "from_zone": "Name of the zone where traffic comes from.",
    "agent": "Name of the agent that carries it out, such as B0.",
    "ticks": "Number of ticks.",
    "last": "Number of reports.",
    "id": "Number of the instruction.",
    "bits": "The 8 bits as a number.",
    "mode": "How to scan.",
    "verdicts": "Verdicts by host: compromised, benign or watch.",
}


class Seat:
    """A seat of a game, for trainers; see :class:`BlueSeat` and :class:`RedSeat`."""

    _seat = "blue"

    def __init__(self) -> None:
        self._arena: Arena | None = None
        self._made_for: tuple[Any, ...] = ()

    def reset(
        self,
        seed: int,
        scenario: str = "small",
        opponent: str | None = None,
        plan: bool = True,
        style: str = "compact",
        **_: Any,
    ) -> str:
        """Start the game of a seed; returns the first view as text. Other columns of the row are ignored."""
        asked = (scenario, opponent, plan, style)
        if self._arena is None or asked != self._made_for:
            self._arena = Arena(scenario, self._seat, opponent, None, plan, style)
            self._made_for = asked
        return self._arena.reset(int(seed)).text

    def get_reward(self) -> float:
        """The score, in 0..1. A game that is not over is played to its end without further orders."""
        arena = self._playing()
        while arena.game.outcome is None:
            arena.act({"tool_name": "end_turn", "params": {"ticks": MAX_TICKS}})
        return arena.score()

    def _call(self, name: str, params: dict[str, Any]) -> str:
        arena = self._playing()
        if arena.game.outcome is not None:
            return "The game is over."
        given = {key: value for key, value in params.items() if value is not None}
        return arena.act({"tool_name": name, "params": given}).text

    def _playing(self) -> Arena:
        if self._arena is None:
            raise RuntimeError("there is no game yet; call reset(seed)")
        return self._arena


def _method(tool: Tool) -> Callable[..., str]:
    """A tool as a method, with the types and the docstring that trainers make its schema of."""
    parameters = dict(tool.parameters)
    given = [_parameter(name, one) for name, one in parameters.items()]
    given.sort(key=lambda one: one.default is not inspect.Parameter.empty)  # required ones first

    def method(self: Seat, *args: Any, **kwargs: Any) -> str:
        bound = signature.bind(self, *args, **kwargs)
        return self._call(tool.name, {k: v for k, v in bound.arguments.items() if k != "self"})

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([own, *given], return_annotation=str)
    lines = [f"    {one.name}: {_meaning(one.name, parameters[one.name])}" for one in given]
    arguments = "\n\nArgs:\n" + "\n".join(lines) if lines else ""
    method.__name__ = method.__qualname__ = tool.name
    method.__doc__ = f"{tool.effect}{arguments}\n\nReturns:\n    What happened, and the next view.\n"
    method.__annotations__ = {one.name: one.annotation for one in given} | {"return": str}
    method.__signature__ = signature
    return method


def _parameter(name: str, one: Parameter) -> inspect.Parameter:
    kind = _TYPES[one.schema["type"]]
    default = inspect.Parameter.empty if one.required else one.default
    annotation = kind if one.required or default is not None else kind | None
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )


def _meaning(name: str, one: Parameter) -> str:
    if "minimum" in one.schema:
        return f"{_MEANINGS[name][:-1]}, {one.schema['minimum']} to {one.schema['maximum']}."
    if "enum" in one.schema:
        choices = ", ".join(f'"{choice}"' for choice in one.schema["enum"])
        return f"{_MEANINGS[name]} (choices: [{choices}])"
    return _MEANINGS[name]


def _seat(name: str, seat: str, text: str) -> type[Seat]:
    methods = {tool.name: _method(tool) for tool in tools_of(seat.split("_")[0]).values()}
    return type(name, (Seat,), {"__doc__": text, "__module__": __name__, "_seat": seat, **methods})


BlueSeat = _seat("BlueSeat", "blue", "All blue agents, as an environment of a trainer.")
RedSeat = _seat("RedSeat", "red", "All red agents, as an environment of a trainer.")


def tasks(
    seeds: Iterable[int],
    scenario: str = "small",
    seat: str = "blue",
    opponent: str | None = None,
    plan: bool = True,
    style: str = "compact",
) -> list[dict[str, Any]]:
    """Rows of a data set for trainers: ``prompt`` with the rules, and what ``reset`` takes.

    The first view, which ``reset`` returns, is appended to the last message of the prompt.
    """
    size = scenario_of(scenario)
    planned = plan and bool(size.instructions) and seat.startswith("blue")
    prompt = [
        {"role": "system", "content": system_prompt(size, seat, planned, style)},
        {"role": "user", "content": ""},
    ]
    about = {"scenario": scenario, "opponent": opponent, "plan": plan, "style": style}
    return [{"prompt": prompt, "seed": int(seed), **about} for seed in seeds]
