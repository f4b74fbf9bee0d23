"""Teams trained on CybORG beside teams trained here: ``python studies/cc4_matched_pair.py runs/pair``.

Three runs of ``cc4-ippo`` in one folder: ``cyborg``, by PyTorch on CybORG, ``garrison``, by JAX on Garrison,
and ``torch``, by PyTorch on Garrison. They are trained first, as far as they are not there: the same command
goes on where it was stopped. Then their learning curves are compared, and what their teams score: on Garrison
all of them, on CybORG the first ``--teams`` of the first two runs. ``--out results/cc4_matched_pair`` writes
.json, .md and .png.
"""

from __future__ import annotations

import argparse
import io
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
from garrison.core.files import write
from garrison.core.world import observed_by
from garrison.judge.evaluate import evaluate
from garrison.judge.format import number
from garrison.parity.scores import evaluate_on_cyborg
from garrison.parity.torch.backend import means_of
from garrison.runs import curves, study_files
from garrison.runs import directory as runs
from garrison.training.seeds import load_policies

SEED = 2_000_000
HERE_EPISODES = 300  # of each team on Garrison


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


def study(paths: list[Path], episodes: int, teams: int, workers: int) -> dict[str, Any]:
    opened = {name(run): (run, *load_policies(run)) for run in map(runs.load, paths)}
    settings = [training.settings for _, training, _, _ in opened.values()]
    if any(other != settings[0] for other in settings):
        raise SystemExit("the runs have other settings of IPPO than each other; they must be a matched pair")
    world = next(iter(opened.values()))[2]
    here, _ = evaluate(world, {key: found for key, (*_, found) in opened.items()}, HERE_EPISODES, SEED)
    pair = {key: found[:teams] for key, (*_, found) in list(opened.items())[:2]}
    total = episodes * sum(map(len, pair.values()))
    there = evaluate_on_cyborg.evaluate(
        observed_by(on_cyborg(world), sum(pair.values(), [])), pair, episodes, SEED, workers,
        lambda done: print(f"{done} of {total} episodes on CybORG", file=sys.stderr),
    )  # fmt: skip
    rows = {}
    for key, (run, training, _, _) in opened.items():
        steps, returns = curves.per_seed(run.metrics())
        rows[key] = {
            "training": training.to_json(),
            "steps": steps.tolist(),
            "returns": returns.tolist(),
            "on_garrison": here[key].scores.tolist(),  # official scores [team][episode]
            "on_cyborg": there[key].scores.tolist() if key in there else None,
        }
    return {"cyborg": engine.described(engine.about()), "episodes": episodes, "seed": SEED, "runs": rows}


NAMES = {"garrison": "Garrison", "cyborg": "CybORG"}
YARDSTICK = "JAX on Garrison"


def name(run: runs.RunDirectory) -> str:
    means = means_of(run)
    return YARDSTICK if means is None else f"PyTorch on {NAMES[means.engine]}"


def spread(teams: np.ndarray, reference: np.ndarray) -> float:
    """Mean of ``teams`` minus that of ``reference``, in standard errors by the spread of the latter."""
    error = reference.std(ddof=1) * np.sqrt(1 / len(teams) + 1 / len(reference))
    return float((teams.mean() - reference.mean()) / error)


def markdown(figures: dict[str, Any], picture: str) -> Iterator[str]:
    found = figures["runs"]
    settings = next(iter(found.values()))["training"]["settings"]
    yield "# CC4: a matched pair of trainings"
    yield ""
    yield f"{study_files.told(figures)} {figures['cyborg']}."
    yield ""
    yield (
        f"Settings of `cc4-ippo` but for {settings['num_envs']} environments and "
        f"{settings['total_steps']:,} steps of "
        "each team; the final train states play, with sampled actions. Scores are the official ones: mean "
        "over episodes, and in brackets the standard deviation over teams. On Garrison "
        f"{HERE_EPISODES} episodes of each team, on CybORG {figures['episodes']} (seeds from "
        f"{figures['seed']} on). In the column z, teams trained by JAX on Garrison are the yardstick: "
        "difference of the means in standard errors, by the spread of its teams."
    )
    yield ""
    here = {key: np.mean(row["on_garrison"], axis=1) for key, row in found.items()}
    yield from study_files.table(
        ("trained by", "teams", "scored on Garrison", "z", "scored on CybORG"), _scores(found, here)
    )
    yield ""
    yield f"![learning curves]({picture})"
    yield ""
    yield "## Learning curves"
    yield ""
    yield "Mean return of the training's episodes in each iteration, and its standard deviation over teams."
    yield ""
    keys = list(found)
    returns = {key: np.array(row["returns"]) for key, row in found.items()}
    yield from study_files.table(
        ("steps", *keys, *(f"z of {key}" for key in keys if key != YARDSTICK)),
        (_curve(steps, at, returns) for at, steps in enumerate(found[keys[0]]["steps"])),
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


def _over(teams: np.ndarray) -> str:
    sd = f" ({number(teams.std(ddof=1))})" if len(teams) > 1 else ""
    return number(teams.mean()) + sd


def drawn(figures: dict[str, Any]) -> bytes:
    """Each team's curve, a color per training."""
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
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the runs cyborg, garrison and torch")
    parser.add_argument("--num-seeds", type=int, nargs=3, default=[3, 3, 3], help="teams of each run")
    parser.add_argument("--settings", default="", help="of all three, such as '--total-steps 96000'")
    parser.add_argument("--episodes", type=int, default=100, help="on CybORG, of each team")
    parser.add_argument("--teams", type=int, default=3, help="of each run on CybORG")
    parser.add_argument("--workers", type=int, default=2, help="processes of CybORG")
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md and OUT.png")
    asked = parser.parse_args()
    seeds = " ".join(map(str, asked.seeds))
    settings = f" --settings {shlex.quote(asked.settings)}" if asked.settings else ""
    figures = study_files.origin(
        f"python studies/cc4_matched_pair.py {asked.folder.name} --seeds {seeds}{settings} "
        f"--episodes {asked.episodes} --teams {asked.teams}"
    )
    paths = train(asked.folder, asked.seeds, shlex.split(asked.settings), asked.workers)
    figures |= study(paths, asked.episodes, asked.teams, asked.workers)
    lines = list(markdown(figures, asked.out.name + ".png" if asked.out else "curves.png"))
    if asked.out:
        study_files.save(asked.out, figures, lines)
        write(asked.out.with_name(asked.out.name + ".png"), drawn(figures))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
