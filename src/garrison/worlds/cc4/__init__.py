"""CAGE Challenge 4 (CC4), transition-exact against CybORG 4.0, as JAX arrays."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.core.policy import Policy, Pool
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.worlds.cc4 import banks, restrict
from garrison.worlds.cc4.agents.blue import POLICIES as BLUE_POLICIES
from garrison.worlds.cc4.agents.green import POLICIES as GREEN_POLICIES
from garrison.worlds.cc4.agents.red import POLICIES as RED_POLICIES
from garrison.worlds.cc4.banks import Bank
from garrison.worlds.cc4.columns import COLUMNS, with_column
from garrison.worlds.cc4.env import BUSY, CC4, ENDS, OBSERVATIONS, Episode, play
from garrison.worlds.cc4.messages import MESSAGES
from garrison.worlds.cc4.options import Options, default_options
from garrison.worlds.cc4.reds import REDS
from garrison.worlds.cc4.shares import CONTRACTOR, REWARDS, SharedRewards
from garrison.worlds.cc4.two_sided import TwoSidedCC4

__all__ = [
    "BLUE_POLICIES",
    "Bank",
    "CC4",
    "Episode",
    "Options",
    "TwoSidedCC4",
    "default_options",
    "make",
    "play",
]

_SIDES = ("blue", "red", "both")
PLAYED = tuple(name for name in OBSERVATIONS if name != "true")  #: contracts that policies may read


def make(
    red: str | Iterable[str] | Policy | None = None,
    green: str = "enterprise",
    side: str = "blue",
    blue: str | Policy | None = None,
    observation: str | None = None,
    busy: str | None = None,
    traffic: str | None = None,
    idle: str | None = None,
    messages: str | None = None,
    rewards: str | None = None,
    team_share: float | None = None,
    contractor: str | None = None,
    end: str = "both",
    vary: str | Iterable[str] | Bank = "none",
    column: str = "base",
    **options: Any,
) -> World:
    """The CC4 world.

    Args:
        red: with ``side="blue"`` the attacker: ``"fsm"`` (stock, the default), ``"discovery"``,
            ``"random_select"``, ``"sleep"``, another of ``RED_POLICIES``, or a policy; several names: each
            episode draws one of them, in one program if all are of ``reds.REDS``. With ``side="both"`` the
            names of those that are compiled into the world as scripts, so that they can mix with networks;
            none by default.
        green: ``"enterprise"`` (stock) or ``"sleep"``.
        side: who acts: ``"blue"``, ``"red"``, or ``"both"``.
        blue: with ``side="red"`` the defender: ``"idle"`` (the default), ``"random"``, ``"reactive"``,
            ``"firewall"``, ``"guard"``, or a policy.
        observation: of blue: ``"stock"`` (the default), the wrapper's vector; ``"rich"``, which adds what
            else CybORG tells a blue agent; or ``"recall"``, which adds the last Restore and Remove of each
            host to that. Not with ``side="red"``, where the defender decides.
        busy: ``"free"`` (the default): choices of a blue agent whose action goes on are legal and discarded,
            as in CybORG, or ``"masked"``: only Sleep is legal then. Not with ``side="red"``.
        traffic: which Allow and Block are legal for blue: ``"free"`` (the default), as in CybORG;
            ``"policy"``: Block where the policy wants one and there is none, Allow where there is one;
            ``"off"``: none. Not with ``side="red"``.
        idle: ``"free"`` (the default), or ``"off"``: blue may not choose Monitor, nor Sleep unless it is
            busy. Not with ``side="red"``.
        messages: what blue agents send to each other in each step: ``"none"`` (the default); ``"action8"``,
            the action that occupies the sender; ``"state2"``, whether any of its hosts has a process event,
            and a network event; ``"state8"``, how many have. Not with ``side="red"``.
        rewards: what blue's agents learn from: ``"team"`` (the default), the team's reward; ``"area"``, each
            what happens in its subnets and its Restores; ``"cause"``, the same, but who blocked the traffic
            pays for an access that failed. Judges use the team's reward. Only with ``side="blue"``.
        team_share: with ``"area"`` and ``"cause"`` the part, 0 (the default) to 1, that is the team's reward.
        contractor: ``"count"`` (the default), or ``"leave_out"``: blue learns from rewards without Impacts in
            the contractor network. Only with ``side="blue"``.
        end: what the last step of an episode is: ``"both"`` terminated and truncated, as in CybORG (the
            default), ``"terminated"`` or ``"truncated"``.
        vary: what episodes draw at reset (``docs/banks.md``): ``"none"`` (the default), or banks by name, as
            in ``"cocktail"`` or ``("missions", "starts")``, and axes with their entries, as in
            ``'red=["fsm", "cia_c"]'`` and ``"network=16"``; or a :class:`Bank`. Reds only with
            ``side="blue"``.
        column: ``"base"`` (the default), the challenge's game, or the variant ``"constant"``, ``"phishing"``,
            ``"stealthy"`` or ``"aggressive"``, each a set of options (:data:`columns.COLUMNS`);
            ``make("cc4/phishing")`` is short for it.
        **options: fields of :class:`Options`, e.g. ``steps=100``, ``green_phishing=0.05``, ``users=4``.
            Where ``"discovery"`` is the attacker, ``red_probability`` is its table.

    Raises:
        ValueError: for an unknown name, an argument that the side does not have, or a value out of range.
    """
    _check("side", side, _SIDES)
    own = {"rewards": rewards, "team_share": team_share, "contractor": contractor}
    own |= {"observation": observation, "busy": busy, "traffic": traffic, "idle": idle, "messages": messages}
    _check_fits(side, red=red, blue=blue, **own)
    _check("green policy", green, GREEN_POLICIES)
    observation, busy = observation or "stock", busy or "free"
    traffic, idle, messages = traffic or "free", idle or "free", messages or "none"
    _check("observation", observation, PLAYED)
    _check("busy", busy, BUSY)
    _check("traffic", traffic, restrict.TRAFFIC)
    _check("idle", idle, restrict.IDLE)
    _check("messages", messages, MESSAGES)
    _check("end", end, tuple(ENDS))
    _check("column", column, tuple(COLUMNS))
    options = with_column(column, options)
    if side == "blue" and red == "discovery" and "red_probability" in options:
        options.setdefault("red_discovery_probability", options.pop("red_probability"))
    default_options(**options)  # checks
    names = _scripts(red) if isinstance(red, (list, tuple)) else ()
    mixed = side == "blue" and len(names) > 1 and set(names) <= set(REDS)
    bank = _bank(vary, options, side, red, names if mixed else ())
    settings = {
        "green": green,
        "overrides": tuple(sorted((k, _frozen(v)) for k, v in options.items())),
        "observation": observation,
        "busy": busy,
        "traffic": traffic,
        "idle": idle,
        "end": end,
        "messages": messages,
        "name": "cc4" if column == "base" else f"cc4/{column}",
        "bank": bank,
    }
    if side == "both":
        return TwoSidedCC4(**settings, scripts=_scripts(red))
    world = TwoSidedCC4(**settings)
    if side == "red":
        return one_side(world, "red", _opponent("blue", blue or "idle", world))
    if isinstance(red, (list, tuple)) and not mixed:
        world = TwoSidedCC4(**settings, scripts=names)
        world = one_side(world, "blue", _any_of(world))
    elif mixed:
        world = CC4(**settings)
    else:
        world = one_side(world, "blue", _opponent("red", red or "fsm", world))
    return _shared(world, rewards or "team", team_share or 0.0, contractor or "count")


constant, phishing, stealthy, aggressive = (partial(make, column=name) for name in list(COLUMNS)[1:])


def _bank(
    vary: str | Iterable[str] | Bank, options: dict[str, Any], side: str, red: Any, mixed: tuple[str, ...]
) -> Bank | None:
    """What episodes draw: ``vary``, and one of the reds that are ``mixed``."""
    bank = vary if isinstance(vary, Bank) else banks.bank(vary, **options)
    if bank is not None and bank.red is not None:
        if side != "blue":
            raise ValueError(f"cc4: vary draws reds, which side={side!r} does not have; leave them out")
        if red is not None:
            raise ValueError(f"cc4: vary draws reds, and red is {red!r}; leave one of them out")
    if not mixed:
        return bank
    return (bank or Bank()).replace(red=banks.red_axis(mixed, options))


def _shared(world: World, rewards: str, team_share: float, contractor: str) -> World:
    """The world with rewards split as asked."""
    _check("rewards", rewards, REWARDS)
    _check("contractor", contractor, CONTRACTOR)
    if not 0 <= team_share <= 1:
        raise ValueError(f"cc4: team_share is {team_share}; it must be in 0 .. 1")
    if (rewards, contractor) == ("team", "count"):
        return world
    return SharedRewards(world, rewards, float(team_share), contractor)


_LEARNING = ("rewards", "team_share", "contractor")
#: arguments that a side does not have, and who has them
_FOREIGN = {
    "blue": {"blue": "side='red'"},
    "red": dict.fromkeys(
        ("red", "observation", "busy", "traffic", "idle", "messages", *_LEARNING), "side='blue'"
    ),
    "both": {"blue": "side='red'"} | dict.fromkeys(_LEARNING, "side='blue'"),
}


def _check_fits(side: str, **given: Any) -> None:
    for name, where in _FOREIGN[side].items():
        if given[name] is not None:
            raise ValueError(
                f"cc4: {name}={given[name]!r} is for {where}, not for side={side!r}; leave it out"
            )


def _scripts(red: Any) -> tuple[str, ...]:
    """Names of scripted reds, each once."""
    names = (red,) if isinstance(red, str) else tuple(red or ())
    for name in names:
        _check("red policy", name, RED_POLICIES)
    return tuple(dict.fromkeys(names))


def _any_of(world: TwoSidedCC4) -> Pool:
    """Each episode draws one of the world's scripted reds."""
    if not world.scripts:
        raise ValueError("cc4: red is empty; name at least one")
    policies = world.policies("red")
    weights: Any = np.ones(len(world.scripts), np.float32)  # not JAX's, which would start a device
    return Pool(tuple(policies[name] for name in world.scripts), weights)


def _opponent(side: str, policy: Any, world: World) -> str | Policy:
    if isinstance(policy, str):
        names = dict.fromkeys((*world.native_policies(side), *world.policies(side)))
        _check(f"{side} policy", policy, tuple(names))
    return policy


def _check(what: str, name: Any, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"cc4: no {what} {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")


def _frozen(value):
    """A hashable copy of a number, sequence or array."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value
