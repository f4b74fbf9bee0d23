"""CAGE Challenge 4 (CC4), transition-exact against CybORG 4.0, as JAX arrays."""

from __future__ import annotations

import difflib
from typing import Any

from garrison.core.world import observed_by
from garrison.worlds.cc4.agents.blue import PLAYERS as BLUE_PLAYERS
from garrison.worlds.cc4.agents.green import POLICIES as GREEN_POLICIES
from garrison.worlds.cc4.agents.red import POLICIES as RED_POLICIES
from garrison.worlds.cc4.env import BUSY, CC4, OBSERVATIONS, Episode, play
from garrison.worlds.cc4.env_red import CC4Red
from garrison.worlds.cc4.options import Options, default_options

__all__ = ["CC4", "CC4Red", "Episode", "Options", "default_options", "make", "play"]


def make(
    red: str | None = None,
    green: str = "enterprise",
    side: str = "blue",
    blue: str | None = None,
    observation: str | None = None,
    busy: str | None = None,
    **options: Any,
) -> CC4 | CC4Red:
    """The CC4 world.

    Args:
        red: ``"fsm"`` (stock, the default), ``"discovery"``, ``"random_select"`` or ``"sleep"``.
        green: ``"enterprise"`` (stock) or ``"sleep"``.
        side: who learns: ``"blue"``, against a scripted ``red``, or ``"red"``, against a scripted ``blue``.
        blue: ``"idle"`` (the default), ``"random"``, ``"reactive"``, ``"firewall"`` or ``"guard"``; with
            ``side="red"``.
        observation: ``"stock"`` (the default), the wrapper's vector, or ``"rich"``, which adds what else
            CybORG tells a blue agent; with ``side="blue"``.
        busy: ``"free"`` (the default): choices of an agent whose action goes on are legal and discarded, as
            in CybORG, or ``"masked"``: only Sleep is legal then; with ``side="blue"``.
        **options: fields of :class:`Options`, e.g. ``steps=100``, ``green_phishing=0.05``, ``users=4``.

    Raises:
        ValueError: for an unknown red, green, blue, observation or option, or a value outside its range.
    """
    _check("side", side, ("blue", "red"))
    if side == "red" and red is not None:
        raise ValueError(f"cc4: red={red!r} cannot be scripted where it learns; leave it out or side='blue'")
    if side == "blue" and blue is not None:
        raise ValueError(f"cc4: blue={blue!r} cannot be scripted where it learns; leave it out or side='red'")
    if side == "red" and observation is not None:
        raise ValueError(
            f"cc4: observation={observation!r} is of blue, and red learns; leave it out or side='blue'"
        )
    if side == "red" and busy is not None:
        raise ValueError(f"cc4: busy={busy!r} is of blue, and red learns; leave it out or side='blue'")
    red, blue, observation = red or "fsm", blue or "idle", observation or "stock"
    busy = busy or "free"
    _check("red player", red, RED_POLICIES)
    _check("green player", green, GREEN_POLICIES)
    _check("blue player", blue, tuple(BLUE_PLAYERS))
    _check("observation", observation, OBSERVATIONS)
    _check("busy", busy, BUSY)
    default_options(red, **options)  # checks
    overrides = tuple(sorted((k, _frozen(v)) for k, v in options.items()))
    game = CC4(red=red, green=green, overrides=overrides, observation=observation, busy=busy)
    return game if side == "blue" else CC4Red(game=observed_by(game, [BLUE_PLAYERS[blue]]), blue=blue)


def _check(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"cc4: no {what} {name!r}; there are: {', '.join(known)}.{hint}")


def _frozen(value):
    """A hashable copy of a number, sequence or array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value
