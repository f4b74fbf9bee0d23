"""``garrison eval --on cyborg``: evaluation on CybORG itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.cli.common import print_cyborg_version
from garrison.cli.parity.record import bar
from garrison.core.processes import WorkerError
from garrison.core.world import World
from garrison.judge.evaluate import Episodes
from garrison.parity.scores.evaluate_on_cyborg import evaluate


def counterpart(world: World) -> tuple[CybORGWorld, dict[str, Any]]:
    """The world on CybORG that corresponds to ``world``, and the identity of CybORG (:func:`engine.about`).

    Prints the latter. Raises ``ValueError`` when there is no such world, or no CybORG.
    """
    other = on_cyborg(world)
    print_cyborg_version()
    return other, engine.about()


def played(
    world: CybORGWorld, players: Mapping[str, Any], episodes: int, seed: int, workers: int
) -> dict[str, Episodes]:
    """:func:`garrison.parity.scores.evaluate_on_cyborg.evaluate` with a progress bar.

    Raises ``SystemExit`` with a message if a process fails.
    """
    total = episodes * sum(len(one) if isinstance(one, list) else 1 for one in players.values())
    with bar(total, "playing") as advance:
        try:
            return evaluate(world, players, episodes, seed, workers, lambda done: advance())
        except WorkerError as error:
            raise SystemExit(f"garrison: on CybORG, {error}") from error
