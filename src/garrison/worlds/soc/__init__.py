"""An enterprise under attack in continuous time: three defenders, one or two attackers.

Sections (§) in this package refer to ``docs/worlds/soc-rules.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from garrison.core.plugins import did_you_mean
from garrison.core.policy import Policy
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.worlds.soc.encoders import CONTRACTS
from garrison.worlds.soc.env import Episode, Soc
from garrison.worlds.soc.options import Options, Static, default_options
from garrison.worlds.soc.tables.scenarios import Scenario
from garrison.worlds.soc.text.table import DEFAULT, load

__all__ = ["SCENARIOS", "Episode", "Options", "Soc", "Static", "default_options", "make"]

SCENARIOS = tuple(scenario.name.lower() for scenario in Scenario)
_SIDES = ("blue", "red", "both")
_RED, _BLUE = "killchain", "analyst"


def make(
    scenario: str | Iterable[str] = "ransomware",
    size: str | int = "small",
    preset: str = "medium",
    side: str = "blue",
    red: str | Policy | None = None,
    blue: str | Policy | None = None,
    observation: str | None = None,
    split: str = "train",
    reds: int = 1,
    events: int = 4,
    zero_sum: bool = False,
    shaping: bool = False,
    table: str = DEFAULT,
    **options: Any,
) -> World:
    """The world of a security operations center in continuous time.

    Args:
        scenario: ``"ransomware"`` (the default), ``"apt_espionage"``, ``"cloud_hybrid"``, ``"iot_grid"`` or
            ``"ot_stuxnet"``; several of them, or ``"all"``: each episode draws one.
        size: ``"small"`` (10-29 hosts), ``"50"`` or ``"100"``.
        preset: ``"easy"`` (of the small size), ``"medium"`` or ``"hard"``.
        side: who acts: ``"blue"``, ``"red"``, or ``"both"``.
        red: with ``side="blue"`` the attacker: ``"killchain"`` (the default), another of the world's
            policies of red, or a policy.
        blue: with ``side="red"`` the defender: ``"analyst"`` (the default), another of the world's policies
            of blue, or a policy.
        observation: of blue: ``"counters"`` (the default); ``"wide"`` adds slow counters, ``"tokens"`` the
            last log entries as numbers, ``"text"`` a vector of their text. Not with
            ``side="red"``, where the defender decides.
        split: networks of ``"train"`` or of ``"test"``; they have none in common.
        reds: attackers, 1 or 2.
        events: events of a step at most, 1-8: a setting of speed, not of the game.
        zero_sum: whether red's reward is exactly minus blue's; else it leaves out what blue does to itself.
        shaping: whether red is also paid for the first Root on each host, which judges do not count.
        table: of vectors of log lines, for ``observation="text"``: ``"tfidf"``, or a file
            (:mod:`garrison.worlds.soc.text.table`).
        **options: fields of :class:`Options`, e.g. ``horizon=1_800_000``.

    Raises:
        ValueError: for an unknown name, an argument that the side does not have, or a value out of range.
    """
    _check("side", side, _SIDES)
    for name, value, other in (("red", red, "blue"), ("blue", blue, "red")):
        if value is not None and side != other:
            raise ValueError(
                f"soc: {name}={value!r} is for side={other!r}, not for side={side!r}; leave it out"
            )
    if observation is not None and side == "red":
        raise ValueError(
            f"soc: observation={observation!r} is blue's, which the defender chooses; leave it out"
        )
    _check("observation", observation or "counters", CONTRACTS)
    if table != DEFAULT or observation == "text":
        load(table)  # checks
    scenarios = _scenarios(scenario)
    static = Static(size=str(size), events=events, reds=reds)
    for one in scenarios:
        default_options(static.size, one, preset, split)  # checks
    both = Soc(
        static=static,
        scenarios=scenarios,
        preset=preset,
        split=split,
        overrides=_overrides(options),
        observation=observation or "counters",
        zero_sum=bool(zero_sum),
        shaping=bool(shaping),
        table=table,
        account="red" if side == "red" else "blue",
        name="soc" if scenarios == ("ransomware",) else f"soc/{'+'.join(scenarios)}",
    )
    if side == "both":
        return both
    other = {"blue": red or _RED, "red": blue or _BLUE}[side]
    return one_side(both, side, other)


apt_espionage, cloud_hybrid, iot_grid, ot_stuxnet = (partial(make, scenario=name) for name in SCENARIOS[1:])


def _scenarios(given: str | Iterable[str]) -> tuple[str, ...]:
    if given == "all":
        return SCENARIOS
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names:
        raise ValueError(f"soc: scenario is empty; name at least one of {', '.join(SCENARIOS)}")
    for name in names:
        _check("scenario", name, (*SCENARIOS, "all"))
    return tuple(dict.fromkeys(names))


def _overrides(options: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Fields of the options by name, hashable."""
    like = vars(default_options())
    for name, value in options.items():
        _check("option", name, tuple(field for field in like if field not in ("scenario", "test_split")))
        shape = like[name].shape
        given = _frozen(value)
        if _shape(given) != shape:
            raise ValueError(f"soc: {name} has shape {_shape(given)}; it must be {shape}")
        if any(number < 0 for number in _numbers(given)):
            raise ValueError(f"soc: {name} is {value!r}; it must not be below 0")
    if _numbers(_frozen(options.get("horizon", 1))) == [0]:
        raise ValueError("soc: horizon is 0; it must be at least 1 millisecond")
    return tuple(sorted((name, _frozen(value)) for name, value in options.items()))


def _frozen(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _shape(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape(value[0])) if isinstance(value, tuple) and value else ()


def _numbers(value: Any) -> list[Any]:
    return [x for part in value for x in _numbers(part)] if isinstance(value, tuple) else [value]


def _check(what: str, name: Any, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"soc: no {what} {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")
