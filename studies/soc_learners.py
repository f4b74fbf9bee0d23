"""A short training of each learner on either side of ``soc``: ``python studies/soc_learners.py RUNS``.

``RUNS`` is a folder of runs, one per scenario and learner; runs that it lacks are trained, unfinished ones go
on. Learners are judged on networks of the test split, on fresh episodes, beside idle, random and scripted
players and the best constant one. A constant player takes one kind of action whenever it is legal, on its
targets in turn; the best is chosen on other episodes. ``--out results/soc_learners`` writes the study's
folder after each scenario and side; the same command goes on where an interrupted one stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

import garrison
from garrison.core.policy import Policy
from garrison.judge.format import NONE, mean, number
from garrison.presets import PRESETS
from garrison.runs import curves
from garrison.studies.study import (
    FIGURES,
    Section,
    Study,
    origin,
    parser,
    png,
    prepare,
    read_figures,
    save,
    show,
)
from garrison.training.config import Training
from garrison.training.run import Run
from garrison.training.trained import trained

SCENARIOS = ("ransomware", "ot_stuxnet")
LEARNERS = {
    "blue": {"ippo": "soc-ippo", "recurrent": "soc-recurrent", "entity": "soc-entity"},
    "red": {"ippo": "soc-red", "recurrent": "soc-red-recurrent", "entity": "soc-red-entity"},
}
NAMES = tuple(LEARNERS["blue"])
SCRIPTED = {"blue": ("idle", "random", "analyst", "isolator"), "red": ("idle", "random", "killchain")}
OPPONENT = {"blue": "killchain", "red": "analyst"}
SPLITS = ("train", "test")
CHOICE_SEED, SEED = 1_500_000, 2_000_000
CHOICE_EPISODES = 16
PICTURE = "learning_curves.png"


def constants(world: Any) -> dict[str, Policy]:
    """A player for each kind of action of a side's agents, by its name."""
    labels = [label for i in range(world.num_agents) for label in world.action_labels(i)]
    verbs = dict.fromkeys(label.split()[0] for label in labels if label != "Wait")
    players = {verb: world.named_policy(f"always-{verb}") for verb in verbs}
    return {verb: player for verb, player in players.items() if player is not None}


def options(scenario: str, preset: str, side: str, split: str) -> dict[str, Any]:
    return {"scenario": scenario, "preset": preset, "side": side, "split": split}


def trainings(preset: str, steps: int, seeds: int) -> dict[str, Training]:
    """What is trained, by the name of its run."""
    return {
        f"{scenario}-{side}-{name}": PRESETS[one].changed(
            options=options(scenario, preset, side, "train"), total_steps=steps, num_seeds=seeds
        )
        for side, learners in LEARNERS.items()
        for scenario in SCENARIOS
        for name, one in learners.items()
    }


def controls(world: Any, test: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """Players of the side of ``test`` that nobody trained, by name, and the returns that chose one of them.

    The best constant player is chosen in ``world``, on episodes of its own.
    """
    every = garrison.evaluate(world, constants(world), episodes=CHOICE_EPISODES, seed=CHOICE_SEED).figures
    found = {name: one["return"]["mean"] for name, one in every["policies"].items()}
    best = max(found, key=found.__getitem__)
    players: dict[str, Any] = {name: name for name in SCRIPTED[next(iter(test.sides))]}
    return {**players, f"constant: {best}": constants(test)[best]}, found


def judged(runs: Mapping[str, Run], scenario: str, preset: str, side: str, episodes: int) -> dict[str, Any]:
    """Figures of a side in a scenario: of learners by name, of scripts, and of the best constant player."""
    world, test = (garrison.make("soc", **options(scenario, preset, side, split)) for split in SPLITS)
    players, found = controls(world, test)
    figures = garrison.evaluate(test, {**runs, **players}, episodes=episodes, seed=SEED).figures
    return {"constants": found, "figures": figures}


def curve(run: Run) -> dict[str, list[float]]:
    """Returns over environment steps; means over seeds."""
    steps, returns = curves.per_seed(run.metrics())
    return {"steps": steps.tolist(), "return": curves.smooth(curves.seed_mean(returns)).tolist()}


# ---------------------------------------------------------------- the page


def study(figures: Mapping[str, Any]) -> Study:
    games = figures["games"]
    return Study(
        title="soc: a short training of each learner on either side",
        figures=figures,
        finding=" ".join(finding(key, one["figures"]["policies"]) for key, one in games.items()),
        method=(
            f"Trained: {', '.join(f'`{name}`' for name in figures['trainings'])}, by the presets of "
            "[the world](../../docs/worlds/soc.md#training) with "
            f"{figures['steps']:,} steps and {figures['seeds']} training seeds, preset `{figures['preset']}` "
            "of the world, networks of its training split; blue learns against `killchain`, red against "
            "`analyst`. This shows what a short training gives, not what learners can reach. Judged with "
            f"sampled actions on {figures['episodes']} episodes per policy and seed, the same for all, on "
            f"networks of the test split, seeds from {SEED:,} on, which were used for no choice; brackets "
            "are 95% bootstrap intervals over seeds and episodes. A constant player takes one kind of action "
            f"on its targets in turn; the best of all kinds was chosen on {CHOICE_EPISODES} other episodes."
        ),
        sections=list(_sections(figures)),
        pictures={PICTURE: _picture(figures)} if figures["curves"] else {},
    )


def finding(key: str, policies: Mapping[str, Any]) -> str:
    """The returns of a game in a sentence."""
    said = ", ".join(f"{name} {mean(one['return'])}" for name, one in policies.items())
    return f"Returns in {key}: {said}."


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    for key, one in figures["games"].items():
        policies = one["figures"]["policies"]
        parts = list(next(iter(policies.values()))["reward_parts"])
        yield Section(
            key,
            ("policy", "return", *parts),
            [
                (name, mean(p["return"]), *(number(float(np.sum(p["reward_parts"][part]))) for part in parts))
                for name, p in policies.items()
            ],
            "Parts of the return are means over episodes.",
        )
        yield metrics(key, policies)


def metrics(key: str, policies: Mapping[str, Any]) -> Section:
    """The world's metrics of a game, by policy."""
    measured = {name: p["diagnosis"]["numbers"] for name, p in policies.items()}
    return Section(
        f"{key}: metrics",
        ("of an episode", *policies),
        [
            (name, *(NONE if own[name] is None else mean(own[name]) for own in measured.values()))
            for name in next(iter(measured.values()))
        ],
    )


def _picture(figures: Mapping[str, Any]) -> bytes:
    picture = Figure(figsize=(9, 7), layout="constrained")
    grid = picture.subplots(len(SCENARIOS), len(LEARNERS), squeeze=False)
    for row, scenario in zip(grid, SCENARIOS, strict=True):
        for axes, (side, learners) in zip(row, LEARNERS.items(), strict=True):
            for name in learners:
                if (one := figures["curves"].get(f"{scenario}-{side}-{name}")) is not None:
                    axes.plot(one["steps"], one["return"], label=name)
            axes.set(title=f"{scenario}, {side}", xlabel="environment steps", ylabel="return, moving average")
            if axes.lines:
                axes.legend()
    return png(picture)


def begun(folder: Path | None) -> dict[str, Any]:
    """The games of an earlier run of the same folder."""
    return read_figures(folder)["games"] if folder is not None and (folder / FIGURES).exists() else {}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("--steps", type=int, default=100_000, help="environment steps of each training")
    arguments.add_argument("--seeds", type=int, default=2, help="training seeds")
    arguments.add_argument("--episodes", type=int, default=64, help="per policy and seed")
    arguments.add_argument("--preset", default="medium", choices=("easy", "medium", "hard"))
    arguments.add_argument("--learners", nargs="+", default=NAMES, choices=NAMES, help="default: all")
    asked = arguments.parse_args()
    prepare(asked.out)
    said = [f"--{name} {getattr(asked, name)}" for name in ("steps", "seeds", "episodes", "preset")]
    said += ["--learners", *asked.learners] if tuple(asked.learners) != NAMES else []
    report = origin(f"python studies/soc_learners.py RUNS {' '.join(said)}")
    report |= {name: getattr(asked, name) for name in ("steps", "seeds", "episodes", "preset")}
    report |= {"trainings": {}, "curves": {}, "games": begun(asked.out)}
    every = trainings(asked.preset, asked.steps, asked.seeds)
    for scenario in SCENARIOS:
        for side, learners in LEARNERS.items():
            own = [name for name in learners if name in asked.learners]
            runs = {
                name: trained(every[f"{scenario}-{side}-{name}"], asked.runs / f"{scenario}-{side}-{name}")
                for name in own
            }
            for name, run in runs.items():
                report["trainings"][f"{scenario}-{side}-{name}"] = run.training.to_json()
                report["curves"][f"{scenario}-{side}-{name}"] = curve(run)
            key = f"{scenario}, {side}"
            if set(own) - set(report["games"].get(key, {}).get("figures", {}).get("policies", {})):
                report["games"][key] = judged(runs, scenario, asked.preset, side, asked.episodes)
                print(f"{key} is judged", file=sys.stderr)
                jax.clear_caches()
            if asked.out:  # after each, so that an interrupted run leaves its figures
                save(asked.out, study(report))
    show(study(report), asked.out)


if __name__ == "__main__":
    main()
