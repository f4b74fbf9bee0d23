"""Learners of a round: what each begins with, and which opponents it meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from garrison.core.policy import Policy
from garrison.league import match
from garrison.league.members import Member
from garrison.league.payoff import Payoffs
from garrison.league.solve import Solution

if TYPE_CHECKING:
    from garrison.league.run import League

_WEIGHT = 1e-6  # weights below are none


def learners_of(
    league: League, place: int, solution: Solution, found: Payoffs, u: np.ndarray
) -> list[dict[str, Any]]:
    """What each learner of a side begins with and meets: JSON-ready, with ids of members."""
    side, other = league.sides[place], league.sides[1 - place]
    own, opponents = league.active(side), league.active(other)
    rate = match.win_rates(found.wins, found.games)
    rate = rate if place == 0 else (1 - rate).T
    worth = u if place == 0 else 1 - u.T  # [own, opponent]
    mixed = (solution.rows, solution.columns)[1 - place]
    nets = [i for i, one in enumerate(own) if one.kind == "net"]
    best = max(nets, key=lambda i: (worth[i] @ mixed, i), default=None)
    begin = {"scratch": None, "best": best, "newest": nets[-1] if nets else None}[league.config.start]
    if league.config.roles:
        return [_with_role(league, role, side, own, opponents, rate) for role in match.ROLES]
    if league.config.solver == "rectified" and solution.opponents is not None:
        return [
            _learner(league, f"{own[i].id}", own[i] if i in nets else None, opponents, rectified, place)
            for i, rectified in enumerate(solution.opponents[place])
            if rectified.any()
        ]
    like = len(own) - 1 if begin is None else begin
    chosen = league.config.rule_of_matches().probabilities(rate[like], mixed)
    entry = _learner(league, "response", None if begin is None else own[begin], opponents, chosen, place)
    if league.config.matchmaking in ("pfsp_var", "mix"):
        entry |= match.neglected(rate[like], [one.id for one in opponents])
    return [entry]


def _learner(
    league: League,
    name: str,
    parent: Member | None,
    opponents: Sequence[Member],
    chosen: np.ndarray,
    place: int,
) -> dict[str, Any]:
    """One learner. Of more opponents than ``pool`` that many are drawn, which is logged."""
    entry: dict[str, Any] = {
        "name": name,
        "parent": None if parent is None else parent.id,
        "probabilities": {one.id: float(p) for one, p in zip(opponents, chosen, strict=True)},
    }
    if np.sum(chosen > _WEIGHT) > league.config.pool:
        seed = (league.config.seed, league.state.round, place, *name.encode())
        drawn = match.draw(chosen, league.config.pool, seed)
        counts = np.bincount(drawn, minlength=len(opponents))
        entry["drawn"] = {one.id: int(n) for one, n in zip(opponents, counts, strict=True) if n}
    return entry


def _with_role(
    league: League, role: str, side: str, own: list[Member], opponents: list[Member], rate: np.ndarray
) -> dict[str, Any]:
    """One learner with a role; it goes on from its newest policy, unless it restarts."""
    place = league.sides.index(side)
    newest = league.state.learners.get(side, {}).get(role)
    line = [i for i, one in enumerate(own) if one.role == role and one.kind == "net"]
    seen = [
        match.Opponent(
            one.role,
            current=False,
            wins=float(rate[line[-1], j]) if line else 0.5,
            best=float(rate[line, j].max()) if line else 0.5,
        )
        for j, one in enumerate(opponents)
    ]
    current = league.state.learners.get(league.sides[1 - place], {}).get("main")
    everyone = [*opponents]
    if current is not None:
        place_of = next((j for j, one in enumerate(opponents) if one.digest == current.digest), None)
        if place_of is None:
            everyone.append(current)
            seen.append(match.Opponent("main", current=True))
        else:
            seen[place_of] = replace(seen[place_of], current=True)
    chosen = match.role_probabilities(role, seen, league.config.floor)
    joined = newest is not None and any(one.digest == newest.digest for one in own)
    seed = (league.config.seed, league.state.round, place, match.ROLES.index(role))
    parent = None if newest is None or (joined and match.restarts(role, seed)) else newest
    return {**_learner(league, role, parent, everyone, chosen, place), "role": role}


def training_opponents(
    league: League, learner: Mapping[str, Any], side: str, known: Mapping[tuple[str, str], Member]
) -> tuple[list[Policy], list[float]]:
    """The opponents of a learner's training and their probabilities; hosts play in cells alone.

    Raises ``ValueError`` if all opponents are hosts.
    """
    weights = learner.get("drawn") or learner["probabilities"]
    kept = {name: w for name, w in weights.items() if known[side, name].kind != "host"}
    if not (total := sum(kept.values())) > 0:
        raise ValueError(
            f"all opponents of {learner['name']} are hosts, which cannot play inside of a training: "
            f"add a policy of {side} to the first members, with floor above 0"
        )
    return [league.policy(known[side, name]) for name in kept], [w / total for w in kept.values()]
