"""``garrison eval --on cyborg``: policies evaluated on CybORG itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg import world as cyborg_world
from garrison.adapters.cyborg.pool import WorkerError
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.cli.parity.record import bar, say_which
from garrison.core.world import World
from garrison.judge.evaluation import Figures
from garrison.judge.summary import summary
from garrison.parity.scores.evaluate_on_cyborg import evaluate


def on_cyborg(world: World) -> CybORGWorld:
    """The world of CybORG with the settings of ``world``; prints which CybORG it is.

    Raises ``ValueError`` when there is no such world, or no CybORG.
    """
    other = cyborg_world.on_cyborg(world)
    say_which()
    return other


def evaluated(
    world: CybORGWorld,
    policies: Mapping[str, Any],
    episodes: int,
    seed: int,
    workers: int,
    options: Sequence[str],
) -> Figures:
    """Figures of policies on CybORG, and its version (:func:`engine.about`), with a progress bar.

    Raises ``SystemExit`` with a message if a process fails.
    """
    total = episodes * sum(len(one) if isinstance(one, list) else 1 for one in policies.values())
    with bar(total, "playing") as advance:
        try:
            results = evaluate(world, policies, episodes, seed, workers, lambda done: advance())
        except WorkerError as error:
            raise SystemExit(f"garrison: on CybORG, {error}") from error
    trained = [name for name, one in policies.items() if isinstance(one, list)]
    figures = summary(world, results, seed, trained[0] if trained else None, options)
    return Figures(figures | {"cyborg": engine.about()})
