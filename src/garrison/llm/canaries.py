"""Players that must not score: whether the score can be had without defending and without the plan.

:func:`measure` plays the reference and canaries on the same seeds; :func:`advantages` compares their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.judge.stats import estimate, paired_difference
from garrison.llm.arena import ArenaBatch
from garrison.llm.play import play_seeds
from garrison.llm.players import (
    ORDER_TOOLS,
    PLAYERS,
    CheckpointOnly,
    GuardPlayer,
    Idle,
    Malformed,
    PlanOnly,
    Player,
    QuerySpam,
    RandomJunk,
    RandomLegal,
    Silent,
    Spam,
)

REFERENCE = "guard+plan"
MARGIN = 0.05  # that the reference's advantage has to exceed with 95% confidence
#: Canaries by name; each makes a fresh player from the seed of a game.
CANARIES: dict[str, Callable[[int], Player]] = {
    "idle": lambda seed: Idle(),
    "silent": lambda seed: Silent(),
    "malformed": lambda seed: Malformed(),
    "guard": lambda seed: GuardPlayer(plan=False),
    "plan only": lambda seed: PlanOnly(),
    "checkpoints only": lambda seed: CheckpointOnly(),
    "random legal": RandomLegal,
    "random junk": RandomJunk,
    **{f"only {name}": (lambda seed, name=name: Spam(name)) for name in ORDER_TOOLS},
    **{f"only {name}": (lambda seed, name=name: QuerySpam(name)) for name in ("query_siem", "triage_alerts")},
    "both queries": lambda seed: QuerySpam("query_siem", "triage_alerts"),
    "verdicts on all hosts": lambda seed: QuerySpam(verdicts=True),
}
#: Those that have to score lower than all others.
LOWEST = ("silent", "malformed")


def measure(
    scenario: str,
    names: Iterable[str],
    seeds: Sequence[int],
    opponent: str = "fsm",
    at_once: int = 32,
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, dict[str, np.ndarray]]:
    """Columns ``score``, ``won``, ``ratio`` and ``plan`` of players on the same seeds, ``f[episode]`` each.

    Args:
        names: of :data:`CANARIES` or :data:`~garrison.llm.players.PLAYERS`.
        progress: is given the name of each player before it plays.

    Raises:
        ValueError: for an unknown name.
    """
    known = CANARIES | PLAYERS
    names = list(names)
    for name in names:
        if name not in known:
            raise ValueError(f"no player {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}")
    batch = ArenaBatch(min(at_once, len(seeds)), scenario, "blue", opponent)
    found = {}
    for name in names:
        progress(name)
        games = play_seeds(batch, seeds, lambda game, name=name: known[name](game.seed))
        rows = [_row(game) for game in games]
        columns = ("score", "won", "ratio", "plan")
        found[name] = {column: np.array([row[i] for row in rows], float) for i, column in enumerate(columns)}
    return found


def _row(game: Any) -> tuple[float, float, float, float]:
    plan = 0.0 if game.referee is None else game.referee.share
    return game.score("blue"), float(game.outcome == "blue"), game.figures("blue").ratio, plan


def advantages(found: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
    """Per player: ``score``, ``won`` and ``ratio`` with intervals, and the reference's paired ``advantage``.

    Args:
        found: of :func:`measure`, with :data:`REFERENCE` among the players.

    Raises:
        ValueError: without the reference.
    """
    if REFERENCE not in found:
        raise ValueError(f"{REFERENCE} is missing; advantages are measured against it")
    reference = found[REFERENCE]["score"]
    rows = {}
    for name, columns in found.items():
        rows[name] = {
            "score": asdict(estimate(columns["score"])),
            "won": float(np.mean(columns["won"])),
            "ratio_median": float(np.median(columns["ratio"])),
            "plan": float(np.mean(columns["plan"])),
        }
        if name != REFERENCE:
            rows[name]["advantage"] = asdict(paired_difference(reference, columns["score"]))
    return rows


def failures(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the rules of canaries find in the rows of :func:`advantages`; empty if they hold."""
    found = []
    for name, row in rows.items():
        low = row["advantage"]["low"] if "advantage" in row else None
        if low is not None and low <= MARGIN:
            found.append(f"{name}: the reference's advantage may be as small as {low:.3f}")
    others = [row["score"]["mean"] for name, row in rows.items() if name not in LOWEST]
    found += [
        f"{name}: scores {rows[name]['score']['mean']:.3f}, more than another player"
        for name in LOWEST
        if name in rows and others and rows[name]["score"]["mean"] >= min(others)
    ]
    return found
