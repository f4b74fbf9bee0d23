"""Policies trained on CybORG and on Garrison, compared: ``python studies/cc4_matched_pair.py runs/pair``.

Three runs of ``cc4-ippo`` in one folder: ``cyborg``, by PyTorch on CybORG, ``garrison``, by JAX on Garrison,
and ``torch``, by PyTorch on Garrison. They are trained first; the same command resumes stopped runs. Then
their learning curves are compared, and their scores: of all seeds on Garrison, of the first
``--seeds-on-cyborg`` seeds of the first two runs on CybORG. ``--out results/cc4_matched_pair`` writes the
study's folder.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.world import on_cyborg
from garrison.core.world import observed_by
from garrison.judge.evaluate import evaluate
from garrison.judge.format import number
from garrison.parity.scores import evaluate_on_cyborg
from garrison.parity.torch.backend import backend_of
from garrison.runs import curves
from garrison.runs import directory as runs
from garrison.studies.study import Section, Study, origin, parser, png, show
from garrison.training.config import Training
from garrison.training.seeds import load_policies

PICTURE = "learning_curves.png"
SEED = 2_000_000
HERE_EPISODES = 300  # of each seed on Garrison


#: How each run is trained.
COMMANDS = {
    "cyborg": ("parity", "train", "cc4-ippo", "--engine", "cyborg"),
    "garrison": ("train", "cc4-ippo"),
    "torch": ("parity", "train", "cc4-ippo", "--engine", "garrison"),
}


def train(folder: Path, seeds: list[int], settings: list[str], workers: int) -> list[Path]:
    """The runs of ``folder``, trained to their end; those that began before keep their own settings."""
    paths = []
    for (key, command), count in zip(COMMANDS.items(), seeds, strict=True):
        path = folder / key
        words = [*command, *settings, "--num-seeds", str(count), "--out", str(path)]
        words += ["--workers", str(workers)] if key == "cyborg" else []
        if (path / "config.json").exists():
            words = ["resume", str(path)]
        print("garrison", shlex.join(words), file=sys.stderr)
        if status := subprocess.run([sys.executable, "-m", "garrison", *words], check=False).returncode:
            raise SystemExit(status)
        paths.append(path)
    return paths


def measure(paths: list[Path], episodes: int, seeds: int, workers: int) -> dict[str, Any]:
    loaded = [(run, *load_policies(run)) for run in map(runs.load, paths)]
    opened: dict[str, Any] = {name(training): (run, training, *rest) for run, training, *rest in loaded}
    settings = [training.settings for _, training, _, _ in opened.values()]
    if any(other != settings[0] for other in settings):
        raise SystemExit("the runs have other settings of IPPO than each other; they must be a matched pair")
    world = next(iter(opened.values()))[2]
    here, _ = evaluate(world, {key: found for key, (*_, found) in opened.items()}, HERE_EPISODES, SEED)
    pair = {key: found[:seeds] for key, (*_, found) in list(opened.items())[:2]}
    total = episodes * sum(map(len, pair.values()))
    there_world: Any = observed_by(on_cyborg(world), sum(pair.values(), []))
    there = evaluate_on_cyborg.evaluate(
        there_world, pair, episodes, SEED, workers,
        lambda done: print(f"{done} of {total} episodes on CybORG", file=sys.stderr),
    )  # fmt: skip
    rows = {}
    for key, (run, training, _, _) in opened.items():
        steps, returns = curves.per_seed(run.metrics())
        rows[key] = {
            "training": training.to_json(),
            "steps": steps.tolist(),
            "returns": returns.tolist(),
            "on_garrison": here[key].scores.tolist(),  # official scores [seed][episode]
            "on_cyborg": there[key].scores.tolist() if key in there else None,
        }
    return {"cyborg": engine.described(engine.about()), "episodes": episodes, "seed": SEED, "runs": rows}


NAMES = {"garrison": "Garrison", "cyborg": "CybORG"}
YARDSTICK = "JAX on Garrison"


def name(training: Training) -> str:
    if training.learner == "jax":
        return YARDSTICK
    return f"PyTorch on {NAMES[backend_of(training).engine]}"


def spread(scores: np.ndarray, reference: np.ndarray) -> float:
    """Mean of ``scores`` minus that of ``reference``, in standard errors by the spread of the latter."""
    error = reference.std(ddof=1) * np.sqrt(1 / len(scores) + 1 / len(reference))
    return float((scores.mean() - reference.mean()) / error)


def study(figures: Mapping[str, Any]) -> Study:
    runs = figures["runs"]
    settings = next(iter(runs.values()))["training"]["settings"]
    here = {key: np.mean(row["on_garrison"], axis=1) for key, row in runs.items()}
    returns = {key: np.array(row["returns"]) for key, row in runs.items()}
    steps = next(iter(runs.values()))["steps"]
    return Study(
        title="CC4: a matched pair of trainings",
        figures=figures,
        finding=(
            "Mean score on Garrison (sd over seeds): "
            f"{'; '.join(f'{key} {_over(scores)}' for key, scores in here.items())}."
        ),
        method=(
            f"{figures['cyborg']}. Settings of `cc4-ippo` with {settings['num_envs']} environments and "
            f"{settings['total_steps']:,} steps of each seed; the final train states play, with sampled "
            "actions. Scores are the official ones: mean over episodes, in brackets the standard deviation "
            f"over training seeds. On Garrison {HERE_EPISODES} episodes of each seed, on CybORG "
            f"{figures['episodes']} (seeds from {figures['seed']} on). z: difference of the means to "
            f"{YARDSTICK}, in standard errors, by the spread of its seeds."
        ),
        sections=[
            Section(
                "Scores",
                ("trained by", "seeds", "scored on Garrison", "z", "scored on CybORG"),
                list(_scores(runs, here)),
            ),
            Section(
                "Learning curves",
                ("steps", *runs, *(f"z of {key}" for key in runs if key != YARDSTICK)),
                [_curve(step, at, returns) for at, step in enumerate(steps)],
                "Mean return of the training's episodes in each iteration, and its standard deviation over "
                "seeds.",
            ),
        ],
        pictures={PICTURE: drawn(figures)},
    )


def _scores(found: Mapping[str, Any], here: Mapping[str, np.ndarray]) -> Iterator[tuple[str, ...]]:
    for key, row in found.items():
        z = "" if key == YARDSTICK else number(spread(here[key], here[YARDSTICK]), "+")
        there = "" if row["on_cyborg"] is None else _over(np.mean(row["on_cyborg"], axis=1))
        yield key, str(len(here[key])), _over(here[key]), z, there


def _curve(steps: int, at: int, returns: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    means = (_over(values[at]) for values in returns.values())
    others = (values[at] for key, values in returns.items() if key != YARDSTICK)
    return f"{steps:,}", *means, *(number(spread(values, returns[YARDSTICK][at]), "+") for values in others)


def _over(scores: np.ndarray) -> str:
    sd = f" ({number(scores.std(ddof=1))})" if len(scores) > 1 else ""
    return number(scores.mean()) + sd


def drawn(figures: Mapping[str, Any]) -> bytes:
    """A PNG image: the curve of each seed, a color per training."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot(title="Return in training, each line a team")
    for at, (key, row) in enumerate(figures["runs"].items()):
        for team, values in enumerate(np.array(row["returns"]).T):
            faint = key == YARDSTICK
            axes.plot(
                row["steps"], values, color=f"C{at}", alpha=0.45 if faint else 1, linewidth=1 if faint else 2,
                marker=None if faint else "o", markersize=4, zorder=1 if faint else 2,
                label=None if team else key,
            )  # fmt: skip
    axes.set(xlabel="environment steps of each team", ylabel="return per episode")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return png(figure)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folder", type=Path, help="of the runs cyborg, garrison and torch")
    arguments.add_argument("--num-seeds", type=int, nargs=3, default=[3, 3, 3], help="of each run")
    arguments.add_argument("--settings", default="", help="of all three, such as '--total-steps 96000'")
    arguments.add_argument("--episodes", type=int, default=100, help="on CybORG, of each seed")
    arguments.add_argument("--seeds-on-cyborg", type=int, default=3, help="of each of the first two runs")
    arguments.add_argument("--workers", type=int, default=2, help="processes of CybORG")
    asked = arguments.parse_args()
    seeds = " ".join(map(str, asked.num_seeds))
    settings = f" --settings {shlex.quote(asked.settings)}" if asked.settings else ""
    figures = origin(
        f"python studies/cc4_matched_pair.py {asked.folder.name} --num-seeds {seeds}{settings} "
        f"--episodes {asked.episodes} --seeds-on-cyborg {asked.seeds_on_cyborg}"
    )
    paths = train(asked.folder, asked.num_seeds, shlex.split(asked.settings), asked.workers)
    figures |= measure(paths, asked.episodes, asked.seeds_on_cyborg, asked.workers)
    result = study(figures)
    show(result, asked.out)


if __name__ == "__main__":
    main()
