"""CAGE Challenge 4 (CC4), transition-exact against CybORG 4.0, as JAX arrays."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from garrison.core.policy import Policy
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.worlds.cc4.agents.blue import POLICIES as BLUE_POLICIES
from garrison.worlds.cc4.agents.green import POLICIES as GREEN_POLICIES
from garrison.worlds.cc4.agents.red import POLICIES as RED_POLICIES
from garrison.worlds.cc4.env import BUSY, CC4, ENDS, OBSERVATIONS, Episode, play
from garrison.worlds.cc4.options import Options, default_options
from garrison.worlds.cc4.two_sided import TwoSidedCC4

__all__ = ["BLUE_POLICIES", "CC4", "Episode", "Options", "TwoSidedCC4", "default_options", "make", "play"]

SIDES = ("blue", "red", "both")


def make(
    red: str | Iterable[str] | Policy | None = None,
    green: str = "enterprise",
    side: str = "blue",
    blue: str | Policy | None = None,
    observation: str | None = None,
    busy: str | None = None,
    end: str = "both",
    **options: Any,
) -> World:
    """The CC4 world.

    Args:
        red: with ``side="blue"`` the attacker: ``"fsm"`` (stock, the default), ``"discovery"``,
            ``"random_select"``, ``"sleep"``, or a policy. With ``side="both"`` the names of those that are
            compiled into the world as scripts, so that they can mix with networks; none by default.
        green: ``"enterprise"`` (stock) or ``"sleep"``.
        side: who acts: ``"blue"``, ``"red"``, or ``"both"``.
        blue: with ``side="red"`` the defender: ``"idle"`` (the default), ``"random"``, ``"reactive"``,
            ``"firewall"``, ``"guard"``, or a policy.
        observation: of blue: ``"stock"`` (the default), the wrapper's vector, or ``"rich"``, which adds what
            else CybORG tells a blue agent. Not with ``side="red"``, where the defender decides.
        busy: ``"free"`` (the default): choices of a blue agent whose action goes on are legal and discarded,
            as in CybORG, or ``"masked"``: only Sleep is legal then. Not with ``side="red"``.
        end: what the last step of an episode is: ``"both"`` terminated and truncated, as in CybORG (the
            default), ``"terminated"`` or ``"truncated"``.
        **options: fields of :class:`Options`, e.g. ``steps=100``, ``green_phishing=0.05``, ``users=4``.
            Where ``"discovery"`` is the attacker, ``red_probability`` is its table.

    Raises:
        ValueError: for an unknown side, red, green, blue, observation, busy, end or option, an argument that
            the side does not have, or a value outside its range.
    """
    _check("side", side, SIDES)
    _check_fits(side, red=red, blue=blue, observation=observation, busy=busy)
    _check("green policy", green, GREEN_POLICIES)
    observation, busy = observation or "stock", busy or "free"
    _check("observation", observation, OBSERVATIONS)
    _check("busy", busy, BUSY)
    _check("end", end, tuple(ENDS))
    if side == "blue" and red == "discovery" and "red_probability" in options:
        options.setdefault("red_discovery_probability", options.pop("red_probability"))
    default_options(**options)  # checks
    settings = {
        "green": green,
        "overrides": tuple(sorted((k, _frozen(v)) for k, v in options.items())),
        "observation": observation,
        "busy": busy,
        "end": end,
    }
    if side == "both":
        return TwoSidedCC4(**settings, scripts=_scripts(red))
    world = TwoSidedCC4(**settings)
    if side == "red":
        return one_side(world, "red", _opponent("blue", blue or "idle", world))
    return one_side(world, "blue", _opponent("red", red or "fsm", world))


#: arguments that a side does not have, and who has them
_FOREIGN = {
    "blue": {"blue": "side='red'"},
    "red": {"red": "side='blue'", "observation": "side='blue'", "busy": "side='blue'"},
    "both": {"blue": "side='red'"},
}


def _check_fits(side: str, **given: Any) -> None:
    for name, where in _FOREIGN[side].items():
        if given[name] is not None:
            raise ValueError(
                f"cc4: {name}={given[name]!r} is for {where}, not for side={side!r}; leave it out"
            )


def _scripts(red: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names of scripted reds, each once."""
    names = (red,) if isinstance(red, str) else tuple(red or ())
    for name in names:
        _check("red policy", name, RED_POLICIES)
    return tuple(dict.fromkeys(names))


def _opponent(side: str, policy: str | Policy, world: World) -> str | Policy:
    if isinstance(policy, str):
        names = dict.fromkeys((*world.native_policies(side), *world.policies(side)))
        _check(f"{side} policy", policy, tuple(names))
    return policy


def _check(what: str, name: Any, known: tuple[str, ...]) -> None:
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"cc4: no {what} {name!r}; there are: {', '.join(known)}.{hint}")


def _frozen(value):
    """A hashable copy of a number, sequence or array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value
