"""CAGE Challenge 4 (CC4), transition-exact against CybORG 4.0, as JAX arrays."""

from __future__ import annotations

import difflib
from typing import Any

from garrison.worlds.cc4.agents.blue import PLAYERS as BLUE_PLAYERS
from garrison.worlds.cc4.agents.green import POLICIES as GREEN_POLICIES
from garrison.worlds.cc4.agents.red import POLICIES as RED_POLICIES
from garrison.worlds.cc4.env import CC4, Episode, play
from garrison.worlds.cc4.env_red import CC4Red
from garrison.worlds.cc4.options import Options, default_options

__all__ = ["CC4", "CC4Red", "Episode", "Options", "default_options", "make", "play"]


def make(
    red: str | None = None,
    green: str = "enterprise",
    side: str = "blue",
    blue: str | None = None,
    **options: Any,
) -> CC4 | CC4Red:
    """The CC4 world.

    Args:
        red: ``"fsm"`` (stock, the default), ``"discovery"``, ``"random_select"`` or ``"sleep"``.
        green: ``"enterprise"`` (stock) or ``"sleep"``.
        side: who learns: ``"blue"``, against a scripted ``red``, or ``"red"``, against a scripted ``blue``.
        blue: ``"idle"`` (the default), ``"random"``, ``"reactive"`` or ``"firewall"``; with ``side="red"``.
        **options: fields of :class:`Options`, e.g. ``steps=100``, ``green_phishing=0.05``, ``users=4``.

    Raises:
        ValueError: for an unknown red, green or option, or a value outside its range.
    """
    _check("side", side, ("blue", "red"))
    if side == "red" and red is not None:
        raise ValueError(f"cc4: red={red!r} cannot be scripted where it learns; leave it out or side='blue'")
    if side == "blue" and blue is not None:
        raise ValueError(f"cc4: blue={blue!r} cannot be scripted where it learns; leave it out or side='red'")
    red, blue = red or "fsm", blue or "idle"
    _check("red player", red, RED_POLICIES)
    _check("green player", green, GREEN_POLICIES)
    _check("blue player", blue, tuple(BLUE_PLAYERS))
    default_options(red, **options)  # checks
    game = CC4(red=red, green=green, overrides=tuple(sorted((k, _frozen(v)) for k, v in options.items())))
    return game if side == "blue" else CC4Red(game=game, blue=blue)


def _check(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"cc4: no {what} {name!r}; there are: {', '.join(known)}.{hint}")


def _frozen(value):
    """A hashable copy of a number, sequence or array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value
