"""A short training of each learner on either side of CC4: ``python studies/cc4_learners.py RUNS``.

``RUNS`` is a folder of runs, one per entry of :data:`BLUE` and :data:`RED`; runs that it lacks are trained,
unfinished ones go on. All are judged on fresh episodes. ``--out results/cc4_learners`` writes the study's
folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import garrison
from garrison.judge.format import mean
from garrison.presets import PRESETS
from garrison.runs import curves
from garrison.studies.study import Section, Study, origin, parser, png, show
from garrison.training.run import Run
from garrison.training.trained import trained

QUICK = PRESETS["mlp"].changed(total_steps=1_000_000)
BLUE = {
    "ippo": QUICK,
    "mappo": QUICK.changed(algorithm="mappo", normalize_values=True),
    "recurrent": QUICK.changed(network="recurrent"),
}
OPPONENTS = ("idle", "reactive", "guard")
RED = {
    f"red-{blue}": QUICK.changed(
        options={"side": "red", "blue": blue}, decisions_only=True, learning_rate=3e-4
    )
    for blue in OPPONENTS
}
EPISODES, SEED = 200, 2_000_000
PICTURE = "learning_curves.png"


def all_trained(folder: Path) -> dict[str, Run]:
    """The runs, each trained to its end."""
    return {name: trained(training, folder / name) for name, training in {**BLUE, **RED}.items()}


def measure(runs: Mapping[str, Run]) -> dict[str, Any]:
    blue: dict[str, Any] = {name: runs[name] for name in BLUE}
    red: dict[str, Any] = {name: runs[name] for name in RED}
    at: dict[str, Any] = {"episodes": EPISODES, "seed": SEED}
    scripted = {name: name for name in ("guard", "reactive", "idle")}
    against = {name: name for name in OPPONENTS}
    return {
        "trainings": {name: run.training.to_json() for name, run in runs.items()},
        "curves": {name: _curve(run) for name, run in runs.items()},
        "blue": garrison.evaluate("cc4", blue | scripted, **at).figures,
        "red": garrison.evaluate(
            "cc4",
            red | {"fsm": "fsm", "discovery": "discovery", "random": "random"},
            side="red",
            against=against | {name: runs[name] for name in BLUE},
            **at,
        ).figures,
    }


def _curve(run: Run) -> dict[str, list[float]]:
    steps, returns = curves.per_seed(run.metrics())
    return {"steps": steps.tolist(), "return": curves.smooth(curves.seed_mean(returns)).tolist()}


def study(figures: Mapping[str, Any]) -> Study:
    blue, red = figures["blue"]["policies"], figures["red"]["against"]
    best = max(BLUE, key=lambda name: blue[name]["return"]["mean"])
    gains = (
        f"{name} {mean(red[blue]['policies'][name]['return'])} (`fsm` "
        f"{mean(red[blue]['policies']['fsm']['return'])})"
        for name, blue in zip(RED, OPPONENTS, strict=True)
    )
    return Study(
        title="CC4: a short training of each learner on either side",
        figures=figures,
        finding=(
            "Blue's returns after 1 million steps: "
            + ", ".join(f"{name} {mean(blue[name]['return'])}" for name in BLUE)
            + f"; best: {best}. Red's returns against the blue it was trained against: {', '.join(gains)}."
        ),
        method=(
            "One training seed each: this shows that the learners learn, not which is better. Settings: "
            "preset `mlp` with 1 million steps; `mappo` with normalized values, as is its default; "
            "`recurrent` is IPPO with a GRU; red with `decisions_only` and learning rate 3e-4. Judged with "
            f"sampled actions on {EPISODES} episodes, the same for all, seeds from {SEED:,} on, which were "
            "used for no choice; 95% bootstrap intervals over episodes. Red's return is blue's with the "
            "other sign."
        ),
        sections=list(_sections(figures)),
        pictures={PICTURE: _picture(figures)},
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    policies = figures["blue"]["policies"]
    shares = ("Analyse", "Remove", "Restore", "DeployDecoy", "BlockTrafficZone")
    yield Section(
        "Blue against `fsm`",
        ("policy", "return", *(f"{share}, %" for share in shares)),
        [
            (
                name,
                mean(one["return"]),
                *(f"{100 * one['behavior']['shares'][s]['value']:.1f}" for s in shares),
            )
            for name, one in policies.items()
        ],
        "Shares of decisions; steps of busy agents are left out.",
    )
    against = figures["red"]["against"]
    names = next(iter(against.values()))["policies"]
    yield Section(
        "Red's return against each blue",
        ("red", *against),
        [(name, *(mean(one["policies"][name]["return"]) for one in against.values())) for name in names],
    )


def _picture(figures: Mapping[str, Any]) -> bytes:
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, 2), {"blue": BLUE, "red": RED}.items(), strict=True):
        for name in names:
            curve = figures["curves"][name]
            axes.plot(curve["steps"], curve["return"], label=name)
        axes.set(title=title, xlabel="environment steps", ylabel="return per episode, moving average")
        axes.legend()
    return png(figure)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    asked = arguments.parse_args()
    command = f"python studies/cc4_learners.py RUNS{f' --out {asked.out}' if asked.out else ''}"
    result = study(origin(command) | measure(all_trained(asked.runs)))
    show(result, asked.out)


if __name__ == "__main__":
    main()
