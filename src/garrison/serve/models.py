"""What is sent and received, as models with JSON schemas."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from garrison.llm.calls import MAX_CALLS, MAX_RATIONALE
from garrison.llm.concurrent import MAX_SEED
from garrison.serve.parse import Refused

#: of players: no control characters, and not blank
NAME = r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$"
Outcome = Literal["blue", "red", "forfeit", "over"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Call(_Strict):
    """A call of a tool."""

    tool_name: str = Field(description="Name of a tool of the seat; GET /tools lists them.")
    target: str | int | None = Field(None, description="Value of the only required host, zone or number.")
    params: dict[str, Any] | None = Field(None, description="Parameters, by the tool's schema.")
    agent: str | None = Field(None, description="Who carries it out, where the target does not say.")
    actor: str | None = Field(None, description="The same as agent.")
    rationale: str | None = Field(
        None, description=f"Recorded and never shown to the other side; {MAX_RATIONALE} characters."
    )


class Action(_Strict):
    """One call, several calls, or a model's text whose last JSON object is one of these."""

    tool_name: str | None = None
    target: str | int | None = None
    params: dict[str, Any] | None = None
    agent: str | None = None
    actor: str | None = None
    rationale: str | None = None
    calls: list[Call] | None = Field(None, description=f"Up to {MAX_CALLS} calls; stands alone.")
    text: str | None = Field(None, description="A model's text; stands alone.")
    metadata: dict[str, Any] | None = Field(None, description="Ignored.")


class Observation(_Strict):
    """What a seat is given."""

    text: str = Field(description="What a model reads: answers to its calls, then what changed.")
    facts: dict[str, Any] = Field(description="All that the seat knows; empty within a turn.")
    errors: list[dict[str, str]] = Field(description="Refused calls: code, message, hint.")
    tick: int = Field(description="Ticks played.")
    turn: int = Field(description="Turns that the seat ended.")
    outcome: Outcome | None = Field(description="Who won; null before the end.")
    done: bool = Field(False, description="Whether the game is over.")
    reward: float | None = Field(
        None, description="The score in 0..1 at the end; before it as the reset asks."
    )
    metadata: dict[str, Any] = Field(default_factory=dict, description="The account of a finished game.")


class State(_Strict):
    """Where a game stands; nothing that is hidden from the seat."""

    episode_id: str | None = Field(None, description="Name in the transcript; null before a reset.")
    step_count: int = Field(0, ge=0, description="Calls of tools that the seat made.")
    seat: str | None = None
    scenario: str | None = None
    seed: int | None = None
    tick: int | None = None
    turn: int | None = None
    transcript: str | None = Field(None, description="SHA-256 chain over the game's transcript.")


class Reset(_Strict):
    """Parameters of a reset; all may be left out."""

    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="By default a random one.")
    episode_id: str | None = Field(None, max_length=128, description="Name in the transcript.")
    scenario: str = Field("small", description="Size of the game.")
    seat: str | list[str] = Field(
        "blue", description="Agents to decide for; several seats: the first is this client's."
    )
    opponent: str | None = Field(None, description="Who plays the side without a seat.")
    teammates: str | None = Field(None, description="Who plays the seat's side beside it.")
    plan: bool = Field(True, description="Whether blue has a recovery plan.")
    style: str = Field("compact", description="How texts are written: compact, full, json, micro or acd.")
    reward: str = Field(
        "terminal", description="Before the end: 0 (terminal), or what the last ticks are worth (dense)."
    )
    frames: bool = Field(False, description="Send also frames, which a page draws.")
    player: str | None = Field(
        None,
        max_length=40,
        pattern=NAME,
        description="Name on the leaderboard; without one the game is not listed there.",
    )
    clock: float | None = Field(
        None, ge=5, le=600, description="Seconds that other seats have for their turns; 30 by default."
    )
    split: str | None = Field(None, description="With index: a task, instead of the above but episode_id.")
    index: int | None = Field(None, ge=0)


class Join(_Strict):
    """The seat to take."""

    token: str = Field(description="Of `metadata.join` of the answer to a reset.")
    player: str | None = Field(None, max_length=40, pattern=NAME, description="As of a reset.")


class Split(_Strict):
    """A split of tasks."""

    split: str


class Task(Split):
    """A task by its place in a split."""

    index: int


class TaskRange(Split):
    """Tasks from ``start`` up to ``stop``, which is left out."""

    start: int | None = None
    stop: int | None = None


def checked(model: type[Any], data: Any) -> Any:
    """Data as a model. Raises :class:`~garrison.serve.parse.Refused` with the fields that are wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = [
            {"field": ".".join(str(part) for part in one["loc"])[:100], "problem": one["msg"]}
            for one in error.errors(include_input=False, include_url=False, include_context=False)[:8]
        ]
        text = "; ".join(f"{one['field'] or 'data'}: {one['problem']}" for one in wrong)
        raise Refused("VALIDATION_ERROR", text, errors=wrong) from None


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, without references."""
    made = model.model_json_schema()
    definitions = made.pop("$defs", {})
    return _inlined(made, definitions)


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
        return {name: _inlined(value, definitions) for name, value in part.items()}
    return [_inlined(one, definitions) for one in part] if isinstance(part, list) else part
