"""Judging of a round: what responses gain, and how members do against held-out policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from garrison.core.sides import one_side
from garrison.judge import stats
from garrison.league import behavior, match
from garrison.league.members import Member
from garrison.league.payoff import BLOCK

if TYPE_CHECKING:
    from garrison.league.run import League

#: First seeds of episodes: of judging (10,000 further each round), of held-out policies.
JUDGE_SEED, HELD_OUT_SEED = 2_000_000, 3_000_000
_WEIGHT = 1e-6  # weights below are none


def judge(league: League, on_done: Callable[[float], None]) -> None:
    """Judge the responses of a round, let those that are better join, and play held-out policies."""
    seed = JUDGE_SEED + 10_000 * league.state.round
    played = _Played(league, seed, league.config.judge_episodes)
    found = [(p, entry) for p, side in enumerate(league.sides) for entry in _candidates(league, side)]
    for number, (place, entry) in enumerate(found):
        _judge_one(league, place, entry, played)
        on_done((number + 1) / (len(found) + 1))
    if league.config.roles:  # not before, as the matches of both sides name the learners of before
        for side in league.sides:
            newest = [Member(**entry["member"]) for entry in _candidates(league, side)]
            league.state.learners[side] = {one.role: one for one in newest}
    _hold_out(league)


def _candidates(league: League, side: str) -> list[dict[str, Any]]:
    return league.state.record["candidates"][side]


def _judge_one(league: League, place: int, entry: dict[str, Any], played: _Played) -> None:
    """The gain of a response over the value, on fresh episodes; it joins if that is above 0."""
    side, record = league.sides[place], league.state.record
    member = Member(**entry["member"])
    gain = played.gain(place, member, record["mixtures"])
    found = stats.estimate(gain)
    low, high = (found.mean if end is None else end for end in (found.low, found.high))
    entry["gain"] = {"mean": found.mean, "low": low, "high": high, "n": found.n}
    same = [one.id for one in league.state.members[side] if one.digest == member.digest]
    entry["distance"] = 0.0 if same else _distance(league, place, member)
    better, apart = low > 1e-9, league.config.duplicate < 0
    reason = ""
    if same and not apart:
        reason = f"duplicate of {same[0]}"
    elif (
        not (better or apart)
        and entry["distance"] is not None
        and entry["distance"] <= league.config.duplicate
    ):
        reason = "behaves as another response does"
    elif league.config.roles:
        reason = _waits(league, side, member, entry, played)
    elif league.config.accept == "gain" and not better:
        reason = "no better response found with this budget"
    entry["joined"], entry["reason"] = not reason, reason
    if not reason:
        league.state.members[side].append(member)


def _waits(league: League, side: str, member: Member, entry: dict[str, Any], played: _Played) -> str:
    """Why a learner with a role does not join yet; "" if it does."""
    place = league.sides.index(side)
    learner = next(x for x in league.state.record["learners"][side] if x.get("role") == member.role)
    known, other = league.known(), league.sides[1 - place]
    matched = [known[other, name] for name, p in learner["probabilities"].items() if p > league.config.floor]
    rates = np.array([played.win_rate(place, member, one) for one in matched])
    last = max((one.round for one in league.state.members[side] if one.role == member.role), default=0)
    spent = member.round - last >= league.config.role_rounds
    entry["win_rates"] = {one.id: float(x) for one, x in zip(matched, rates, strict=True)}
    return "" if match.joins(rates, spent) else f"wins less than {match.SNAPSHOT:.0%} of a match"


def _distance(league: League, place: int, member: Member) -> float | None:
    """The least L1 distance of behavior to another response of the side; None if there is none."""
    others = [one for one in league.state.members[league.sides[place]] if one.kind == "net"]
    rivals = league.state.record["mixtures"][league.sides[1 - place]]
    rival = league.known()[league.sides[1 - place], max(rivals, key=lambda name: rivals[name])]
    if not others or rival.kind == "host":
        return None
    world = one_side(league.world, league.sides[place], league.policy(rival))
    seed = JUDGE_SEED + 10_000 * league.state.round
    own = league.policy(member)
    return min(behavior.distance(world, own, league.policy(one), BLOCK, seed) for one in others)


def _hold_out(league: League) -> None:
    """Play members of each side against held-out policies of the other, and record the returns."""
    league.state.record["held_out"] = {}
    for place, side in enumerate(league.sides):
        for outsider in league.held_out[league.sides[1 - place]]:
            league.state.record["held_out"].setdefault(side, {})[outsider.id] = _against(
                league, place, outsider
            )


def _against(league: League, place: int, outsider: Member) -> dict[str, Any]:
    """Returns of the side's mixture, newest and best member against a held-out policy."""
    side = league.sides[place]
    mixture = league.state.record["mixtures"][side]
    own = {one.id: one for one in league.state.members[side]}
    newest = league.active(side)[-1].id
    found = _earned(league, place)
    best = max(found, key=lambda name: found[name])
    wanted = {name for name, p in mixture.items() if p > _WEIGHT} | {newest, best}
    sign = 1 if place == 0 else -1
    returns = {}
    for name in sorted(wanted):
        row, column = (own[name], outsider) if place == 0 else (outsider, own[name])
        pair = row.digest, column.digest
        while league.outside.games(*pair) < league.config.judge_episodes:
            seed = HELD_OUT_SEED + league.outside.games(*pair)
            block = league.play(row, column, seed, BLOCK)
            league.outside.add(*pair, block.tolist(), league.wins(block, row, column, seed, league.outside))
        returns[name] = sign * league.outside.returns(*pair)[: league.config.judge_episodes]
    mixed = np.sum([p * returns[name] for name, p in mixture.items() if p > _WEIGHT], axis=0)
    return {
        "mixture": _estimate(mixed),
        "newest": {"member": newest, **_estimate(returns[newest])},
        "best": {"member": best, **_estimate(returns[best])},
    }


def _earned(league: League, place: int) -> dict[str, float]:
    """Mean return of each member of a side's matrix against the other's mixture of the round."""
    mixtures = league.state.record["mixtures"]
    other = mixtures[league.sides[1 - place]]
    hashes = {key: one.digest for key, one in league.known().items()}
    found = {}
    for name in mixtures[league.sides[place]]:
        own, total = hashes[league.sides[place], name], 0.0
        for rival, weight in other.items():
            pair = own, hashes[league.sides[1 - place], rival]
            total += weight * league.store.returns(*(pair if place == 0 else pair[::-1])).mean()
        found[name] = total if place == 0 else -total
    return found


class _Played:
    """Episodes of the judging of one round, each cell played once."""

    def __init__(self, league: League, seed: int, episodes: int):
        self.league, self.seed, self.episodes = league, seed, episodes
        self.returns: dict[tuple[str, str], np.ndarray] = {}

    def cell(self, row: Member, column: Member) -> np.ndarray:
        pair = row.digest, column.digest
        if pair not in self.returns:
            self.returns[pair] = self.league.play(row, column, self.seed, self.episodes)
        return self.returns[pair]

    def gain(self, place: int, member: Member, mixtures: Mapping[str, Mapping[str, float]]) -> np.ndarray:
        """What a response earns more than its side's mixture against the other's, f64[episode]; paired."""
        known, sides = self.league.known(), self.league.sides
        rows, columns = ([(known[s, n], p) for n, p in mixtures[s].items() if p > _WEIGHT] for s in sides)
        value = sum(p * q * self.cell(row, column) for row, p in rows for column, q in columns)
        if place == 0:
            return np.asarray(sum(q * self.cell(member, column) for column, q in columns) - value)
        return np.asarray(value - sum(p * self.cell(row, member) for row, p in rows))

    def win_rate(self, place: int, member: Member, other: Member) -> float:
        """The member's win rate against another of the other side; posterior mean."""
        row, column = (member, other) if place == 0 else (other, member)
        returns = self.cell(row, column)
        level: Any = 0.0 if self.league.anchor is None else self.cell(self.league.anchor, column)
        wins = float(np.sum(returns > level) + 0.5 * np.sum(returns == level))
        rate = float(match.win_rates(np.array(wins), np.array(len(returns))))
        return rate if place == 0 else 1 - rate


def _estimate(returns: np.ndarray) -> dict[str, float | None]:
    found = stats.estimate(returns)
    return {"mean": found.mean, "low": found.low, "high": found.high}
