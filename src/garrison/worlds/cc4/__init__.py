"""CAGE Challenge 4 (CC4), transition-exact against CybORG 4.0, as JAX arrays."""

from __future__ import annotations

import difflib

from garrison.worlds.cc4.agents.green import POLICIES as GREEN_POLICIES
from garrison.worlds.cc4.agents.red import POLICIES as RED_POLICIES
from garrison.worlds.cc4.env import CC4, Episode, play
from garrison.worlds.cc4.options import Options, default_options

__all__ = ["CC4", "Episode", "Options", "default_options", "make", "play"]


def make(red: str = "fsm", green: str = "enterprise", **options) -> CC4:
    """The CC4 world.

    Args:
        red: ``"fsm"`` (stock), ``"discovery"``, ``"random_select"`` or ``"sleep"``.
        green: ``"enterprise"`` (stock) or ``"sleep"``.
        **options: fields of :class:`Options`, e.g. ``steps=100``, ``green_phishing=0.05``, ``users=4``.

    Raises:
        ValueError: for an unknown red, green or option, or a value outside its range.
    """
    for kind, name, known in (("red", red, RED_POLICIES), ("green", green, GREEN_POLICIES)):
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"cc4: no {kind} player {name!r}; there are: {', '.join(known)}.{hint}")
    default_options(red, **options)  # checks
    return CC4(red=red, green=green, overrides=tuple(sorted((k, _frozen(v)) for k, v in options.items())))


def _frozen(value):
    """A hashable copy of a number, sequence or array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value
