"""CT-GMARL, its ablations and its rivals in ``soc``: ``python studies/soc_ct_gmarl.py RUNS``.

``RUNS`` is a folder of runs, one per scenario and method; runs that it lacks are trained, unfinished ones go
on. Policies are judged on networks of the test split, on fresh episodes, beside idle, random and scripted
defenders and the best constant one, which is chosen on other episodes. ``--out results/soc_ct_gmarl`` writes
the study's folder after each scenario; the same command goes on where an interrupted one stopped.

Networks of all methods that learn a policy have equally many parameters, to a tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import soc_learners
from matplotlib.figure import Figure
from soc_learners import CHOICE_EPISODES, SCENARIOS, SEED, begun, finding, judged, metrics, options

from garrison import algos
from garrison.judge.format import NONE, mean
from garrison.presets import PRESETS
from garrison.studies.study import Section, Study, origin, parser, png, prepare, save, show
from garrison.training.config import Training
from garrison.training.run import Run
from garrison.training.trained import trained

CT = PRESETS["soc-ct-gmarl"]
#: without an equation there are fewer parameters: a wider cell makes up for them
_WIDER: dict[str, Any] = {"cell_size": 72}
QMIX = Training(
    world="soc",
    algorithm="qmix",
    settings=algos.get("qmix").Config(
        num_envs=16,
        rollout_steps=128,
        network="recurrent",
        hidden_sizes=(64,),
        state="truth",
        sequence=32,
        replay_steps=40_000,
        target_tau=0.01,
    ),
)
#: by name; an action's duration is random in all of them, and discounts count it unless a name says otherwise
METHODS: dict[str, Training] = {
    "ct-gmarl": CT,
    "full-attention": CT.changed(attention="full"),
    "no-attention": CT.changed(attention="none"),
    "decay": CT.changed(memory_time="decay", **_WIDER),
    "time-feature": CT.changed(memory_time="feature", **_WIDER),
    "no-time": CT.changed(memory_time="none", **_WIDER),
    "per-decision": CT.changed(discount="decisions"),
    "r-mappo": CT.changed(network="recurrent", hidden_sizes=(64,)),
    "qmix": QMIX,
    "ippo-entity": PRESETS["soc-entity"].changed(hidden_sizes=(72, 72)),
}
WHAT = {
    "ct-gmarl": "attention along the network's graph, a differential equation between decisions",
    "full-attention": "all nodes attend to all",
    "no-attention": "nodes are read each by itself, and pooled",
    "decay": "memory decays with one learned rate",
    "time-feature": "time since the last decision is an input of the cell",
    "no-time": "the cell knows no time",
    "per-decision": "discount per decision, matched to their mean duration",
    "r-mappo": "a GRU on the flat vector, MAPPO",
    "qmix": "a GRU on the flat vector, action values, monotonic mixer",
    "ippo-entity": "the same weights for all hosts, no memory, IPPO",
}
AXES = {"decisions": "decisions of all agents", "elapsed": "simulated hours"}
PICTURE = "learning_curves.png"
HOUR = 360.0  # units of the world's time


def trainings(preset: str, steps: int, seeds: int) -> dict[str, Training]:
    """What is trained, by the name of its run."""
    return {
        f"{scenario}-{name}": one.changed(
            options=options(scenario, preset, "blue", "train"), total_steps=steps, num_seeds=seeds
        )
        for scenario in SCENARIOS
        for name, one in METHODS.items()
    }


def parameters(training: Training) -> int:
    """Parameters of the networks that act."""

    def made(key: jax.Array) -> Any:
        world = training.make_world()
        state = training.algo.init(training.settings, world, key)
        policy: Any = training.algo.policy(state, world)
        return policy.net

    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(jax.eval_shape(made, jax.random.key(0))))


def curve(run: Run) -> dict[str, list[float]]:
    """Returns over environment steps, decisions and simulated hours; means over seeds."""
    rows, found = run.metrics(), soc_learners.curve(run)
    for name in AXES:
        per_row = [float(np.mean(row[name])) for row in rows]
        total = dict(zip([row["env_steps"] for row in rows], np.cumsum(per_row), strict=True))
        unit = HOUR if name == "elapsed" else 1.0
        found[name] = [float(total[step]) / unit for step in found["steps"]]
    return found


# ---------------------------------------------------------------- the page


def study(figures: Mapping[str, Any]) -> Study:
    games = figures["games"]
    return Study(
        title="soc: CT-GMARL, its ablations and its rivals",
        figures=figures,
        finding=" ".join(finding(key, one["figures"]["policies"]) for key, one in games.items()),
        method=(
            f"Each method was trained with {figures['steps']:,} environment steps and {figures['seeds']} "
            f"training seeds per scenario, preset `{figures['preset']}` of the world, against `killchain`, "
            "on networks of the training split. Settings are those of the presets, and not tuned for any "
            f"method. Judged with sampled actions (QMIX with its best ones) on {figures['episodes']} "
            "episodes per policy and seed, the same for all, on networks of the test split, seeds from "
            f"{SEED:,} on, which were used for no choice; brackets are 95% bootstrap intervals over seeds "
            "and episodes. A constant player takes one kind of action on its targets in turn; the best of "
            f"all kinds was chosen on {CHOICE_EPISODES} other episodes."
        ),
        sections=list(_sections(figures)),
        pictures={PICTURE: _picture(figures)} if figures["curves"] else {},
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    yield Section(
        "methods",
        ("method", "parameters that act", "what it is"),
        [(name, f"{count:,}", WHAT[name]) for name, count in figures["parameters"].items()],
    )
    for key, one in figures["games"].items():
        policies, first = one["figures"]["policies"], one["figures"]["versus"]
        better = f"advantage_of_{first}"
        yield Section(
            key,
            ("policy", "return", f"{first} is better by"),
            [
                (name, mean(p["return"]), mean(p[better]) if better in p else NONE)
                for name, p in policies.items()
            ],
            "Differences are paired: over seeds, and the same episodes.",
        )
        yield metrics(key, policies)


def _picture(figures: Mapping[str, Any]) -> bytes:
    picture = Figure(figsize=(11, 8), layout="constrained")
    grid = picture.subplots(len(SCENARIOS), len(AXES), squeeze=False)
    for row, scenario in zip(grid, SCENARIOS, strict=True):
        for axes, (axis, label) in zip(row, AXES.items(), strict=True):
            for name in METHODS:
                if (one := figures["curves"].get(f"{scenario}-{name}")) is not None:
                    axes.plot(one[axis], one["return"], label=name)
            axes.set(title=scenario, xlabel=label, ylabel="return, moving average")
            if axes.lines:
                axes.legend(fontsize="small")
    return png(picture)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("--steps", type=int, default=1_000_000, help="environment steps of each training")
    arguments.add_argument("--seeds", type=int, default=5, help="training seeds")
    arguments.add_argument("--episodes", type=int, default=128, help="per policy and seed")
    arguments.add_argument("--preset", default="medium", choices=("easy", "medium", "hard"))
    arguments.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    asked = arguments.parse_args()
    prepare(asked.out)
    said = [f"--{name} {getattr(asked, name)}" for name in ("steps", "seeds", "episodes", "preset")]
    said += ["--methods", *asked.methods] if asked.methods != list(METHODS) else []
    report = origin(f"python studies/soc_ct_gmarl.py RUNS {' '.join(said)}")
    report |= {name: getattr(asked, name) for name in ("steps", "seeds", "episodes", "preset")}
    report |= {"trainings": {}, "curves": {}, "games": begun(asked.out)}
    every = trainings(asked.preset, asked.steps, asked.seeds)
    report["parameters"] = {name: parameters(METHODS[name]) for name in asked.methods}
    for scenario in SCENARIOS:
        runs = {}
        for name in asked.methods:
            key = f"{scenario}-{name}"
            runs[name] = trained(every[key], asked.runs / key)
            report["trainings"][key] = runs[name].training.to_json()
            report["curves"][key] = curve(runs[name])
            jax.clear_caches()
        if set(runs) - set(report["games"].get(scenario, {}).get("figures", {}).get("policies", {})):
            report["games"][scenario] = judged(runs, scenario, asked.preset, "blue", asked.episodes)
            print(f"{scenario} is judged", file=sys.stderr)
            jax.clear_caches()
        if asked.out:  # after each, so that an interrupted run leaves its figures
            save(asked.out, study(report))
    show(study(report), asked.out)


if __name__ == "__main__":
    main()
