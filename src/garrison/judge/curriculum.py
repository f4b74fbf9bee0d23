"""A curriculum: a training that goes through stages of its world, easy ones first, promoted by a judge.

>>> stages = [{"preset": preset} for preset in ("easy", "medium", "hard")]
>>> curriculum.train(PRESETS["soc-ippo"], stages, Path("runs/curriculum"))

Each round is a run of ``training.settings.total_steps`` steps that starts from the networks of the one
before, and is judged on validation episodes of its own stage. All of it is resumed by the same call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from garrison.core.files import to_json, write
from garrison.judge.api import evaluate
from garrison.training import start
from garrison.training.config import Training, make_world
from garrison.training.run import Run
from garrison.training.trained import trained

FILE = "curriculum.json"
#: number of a world's diagnosis that says how often the opponent reached its goal
GOAL = "red reached its goal, share of episodes"
SEED = 1_800_000


@dataclass(frozen=True)
class Promotion:
    """When a policy goes on to the next stage.

    Attributes:
        episodes: validation episodes of a round.
        control: scripted policy whose loss is the measure.
        loss: greatest loss, as a share of the control's in the same episodes.
        goals: greatest share of episodes in which the opponent reaches its goal, where the world tells it.
        rounds: most rounds of a stage; after these the curriculum ends.
    """

    episodes: int = 200
    control: str = "idle"
    loss: float = 0.5
    goals: float = 0.3
    rounds: int = 10

    def __post_init__(self) -> None:
        for name in ("episodes", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


def train(
    training: Training, stages: Sequence[Mapping[str, Any]], folder: Path, promotion: Promotion | None = None
) -> list[dict[str, Any]]:
    """Train through all stages, or until a stage takes too many rounds.

    Args:
        training: settings of each round.
        stages: options of the world that each stage changes.
        folder: for the runs, ``0-0``, ``0-1``, ... by stage and round, and ``curriculum.json``.
        promotion: when a policy goes on.

    Returns:
        A record per round: stage, round, options, losses, share of goals, and whether it was promoted.

    Raises:
        ValueError: for no stages, and as trainings and evaluations do.
    """
    if not stages:
        raise ValueError("stages is empty; give the options of at least one stage")
    rules, rounds, before = promotion or Promotion(), [], None
    for number, stage in enumerate(stages):
        for turn in range(rules.rounds):
            own = dataclasses.replace(training, options={**training.options, **stage})
            if before is not None:
                own = dataclasses.replace(own, start_from=start.from_run(str(before)))
            run = trained(own, folder / f"{number}-{turn}")
            before = run.path
            rounds.append({"stage": number, "round": turn, "options": dict(stage), **judged(run, rules)})
            write(folder / FILE, to_json(rounds, indent=1) + "\n")
            if rounds[-1]["promoted"]:
                break
        else:
            return rounds
    return rounds


def judged(run: Run, rules: Promotion) -> dict[str, Any]:
    """How a round did on validation episodes of its stage, and whether that is enough."""
    world = make_world(run.training.world, run.training.options)
    policies = {"policy": run.policies(), "control": world.policies()[rules.control]}
    found = evaluate(world, policies, episodes=rules.episodes, seed=SEED).figures["policies"]
    loss, control = (-found[name]["return"]["mean"] for name in ("policy", "control"))
    numbers = (found["policy"]["diagnosis"] or {}).get("numbers", {})
    goals = None if numbers.get(GOAL) is None else numbers[GOAL]["mean"]
    promoted = bool(np.isfinite(loss) and loss <= rules.loss * control and (goals or 0.0) <= rules.goals)
    return {"loss": loss, "control": control, "goals": goals, "promoted": promoted}
