"""Players of a seat compared on the same games: scores, losses, times, tokens, and paired differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from garrison.judge.stats import estimate, paired_difference
from garrison.llm.arena import ArenaBatch
from garrison.llm.clients import ClientError, Metered
from garrison.llm.game import Game
from garrison.llm.metrics import entropy, of_game, summary
from garrison.llm.play import MakePlayer, play_seeds


@dataclass
class Contestant:
    """A player to compare.

    Attributes:
        make: a fresh player for a game.
        meter: the client of a model, which counts what it uses; None for scripted players.
        threads: games in which it is asked at the same time.
    """

    make: MakePlayer
    meter: Metered | None = None
    threads: int = 1


@dataclass
class Played:
    """The games of one player, by seed; those of :attr:`unscored` are missing, with the reason."""

    games: dict[int, Game] = field(default_factory=dict)
    unscored: dict[int, str] = field(default_factory=dict)


def play(
    batch: ArenaBatch,
    one: Contestant,
    seeds: Sequence[int],
    on_game: Callable[[Game], None] = lambda game: None,
) -> Played:
    """Play a game per seed on the batch's seat. A model that cannot be asked leaves its game unscored."""
    found = Played()

    def failed(game: Game, error: ClientError) -> None:
        found.unscored[game.seed] = str(error)

    for game in play_seeds(batch, seeds, one.make, failed, one.threads):
        if game.outcome is not None:
            found.games[game.seed] = game
        on_game(game)
    return found


def compare(played: Mapping[str, Played], seat: str, meters: Mapping[str, Metered | None]) -> dict[str, Any]:
    """JSON-ready figures of players by name; differences are to the first, on seeds that both finished.

    ``difference`` is None for the first, and for a player with fewer than two games beside it.
    """
    first = next(iter(played))
    return {
        name: _figures(one, None if name == first else played[first], seat, meters.get(name))
        for name, one in played.items()
    }


def _figures(one: Played, first: Played | None, seat: str, meter: Metered | None) -> dict[str, Any]:
    games = list(one.games.values())
    scores = {seed: game.score(seat) for seed, game in one.games.items()}
    made = [of_game(game, seat) for game in games]
    tools = sum((game.seats[seat].tally.tools for game in games), Counter())
    errors = sum((game.seats[seat].tally.errors for game in games), Counter())
    return {
        "games": len(games),
        "unscored": one.unscored,
        "score": _estimate([scores[seed] for seed in one.games]),
        "won": _mean([game.outcome == ("red" if seat.startswith("red") else "blue") for game in games]),
        "ratio": _estimate([game.figures(seat).ratio for game in games]),
        "return": _estimate([-game.loss for game in games]),
        "plan": _mean([game.referee.share for game in games if game.referee is not None]),
        "calls": _mean([row["calls"] for row in made]),
        "turns": _mean([row["turns"] for row in made]),
        "tools": dict(sorted(tools.items(), key=lambda item: (-item[1], item[0]))),
        "tool_entropy": entropy(tools),
        "errors": dict(sorted(errors.items())),
        "exfiltration": _mean([row["exfiltration"] for row in made]),
        "disruption": _estimate([row["disruption"] for row in made]),
        "times": summary(games) if games else None,
        "difference": None if first is None else _difference(scores, first, seat),
        "usage": None if meter is None else _usage(meter, len(games) + len(one.unscored)),
    }


def _difference(scores: Mapping[int, float], first: Played, seat: str) -> dict[str, Any] | None:
    both = sorted(scores.keys() & first.games.keys())
    if len(both) < 2:
        return None
    rival = np.array([first.games[seed].score(seat) for seed in both])
    return asdict(paired_difference(np.array([scores[seed] for seed in both]), rival))


def _estimate(values: Sequence[float]) -> dict[str, Any] | None:
    return asdict(estimate(np.array(values, float))) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _usage(meter: Metered, games: int) -> dict[str, Any]:
    """Requests and tokens per game, seconds of a request, and the cost where prices are known."""
    used, cost = meter.usage, meter.cost
    latencies = np.array(used.latencies) if used.latencies else np.zeros(1)
    return {
        "calls_per_game": used.calls / games,
        "prompt_tokens_per_game": used.prompt_tokens / games,
        "completion_tokens_per_game": used.completion_tokens / games,
        "latency_median_s": float(np.median(latencies)),
        "latency_p95_s": float(np.quantile(latencies, 0.95)),
        "cost_per_game": None if cost is None else cost / games,
    }
