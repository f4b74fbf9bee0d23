"""CT-GMARL, its ablations and its rivals in ``soc``: ``python studies/soc_ct_gmarl.py RUNS``.

``RUNS`` is a folder of runs, one per scenario and method; runs that it lacks are trained, unfinished ones go
on. Policies are judged on networks of the test split, on fresh episodes, beside idle, random and scripted
defenders and the best constant one, which is chosen on other episodes. ``--out results/soc_ct_gmarl`` writes
the study's folder after each method. The same command goes on where an interrupted one stopped, and other
``--methods`` and ``--scenarios`` add to the folder.

Networks of all methods that learn a policy have equally many parameters, to a tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import soc_learners
from matplotlib.figure import Figure
from soc_learners import CHOICE_EPISODES, SCENARIOS, SEED, SPLITS, controls, finding, metrics, options

import garrison
from garrison import algos
from garrison.judge.format import NONE, few_episodes, interval, mean
from garrison.judge.stats import holm, interquartile_mean, paired_difference, paired_p_value
from garrison.presets import PRESETS
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
from garrison.worlds.soc.tables.hosts import SIZES

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
FIRST = "ct-gmarl"  # which claims are about
GOAL, CONTAINED = "red reached its goal, share of episodes", "incident contained, s"
SLA, CLEAN = "SLA: weight that is up and not encrypted, %", "host-minutes isolated though clean"
#: what figures of one folder share
SETTINGS = ("steps", "seeds", "episodes", "preset", "size")
#: with fewer, differences have no p-values
LEAST_EPISODES, LEAST_SEEDS = 10, 2
ENOUGH_SEEDS = 5  # with fewer, the page says that there are few
LEVEL = 0.05


def trainings(preset: str, size: str, steps: int, seeds: int) -> dict[str, Training]:
    """What is trained, by the name of its run."""
    return {
        f"{scenario}-{name}": one.changed(
            options=options(scenario, preset, "blue", "train") | {"size": size},
            total_steps=steps,
            num_seeds=seeds,
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


def judged(world: Any, players: Mapping[str, Any], episodes: int) -> dict[str, Any]:
    """Figures of players by name, and the return of each episode, by which they are compared."""
    found = garrison.evaluate(world, players, episodes=episodes, seed=SEED)
    result = {}
    for name, figures in found.figures["policies"].items():
        played = found.episodes(name)
        numbers, _ = found.worlds[None].diagnosis().found(played.diagnosis, played.returns)
        times = figures["diagnosis"]["times"][CONTAINED]
        result[name] = {
            "return": figures["return"],
            "interquartile_mean": {
                "return": figures["interquartile_mean"],
                **{key: asdict(interquartile_mean(numbers[key])) for key in (SLA, CLEAN)},
            },
            "contained": times and {key: x for key, x in times.items() if key != "curve"},
            "diagnosis": {"numbers": figures["diagnosis"]["numbers"]},
            "returns": played.returns.tolist(),  # [seed][episode]
        }
    return result


def claims(games: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How much better :data:`FIRST` is than each other policy, on the same episodes; all are one family."""
    found = []
    for scenario, game in games.items():
        returns = {name: np.array(one["returns"]) for name, one in game["policies"].items()}
        if FIRST not in returns:
            continue
        ours = returns.pop(FIRST)
        for other, theirs in returns.items():
            enough = ours.shape[1] >= LEAST_EPISODES and len(ours) >= LEAST_SEEDS
            found.append(
                {
                    "scenario": scenario,
                    "other": other,
                    "difference": asdict(paired_difference(ours, theirs)),
                    "p": paired_p_value(ours, theirs) if enough else None,
                }
            )
    adjusted = holm({i: one["p"] for i, one in enumerate(found) if one["p"] is not None})
    return [one | {"adjusted": adjusted.get(i)} for i, one in enumerate(found)]


# ---------------------------------------------------------------- the page


def study(figures: Mapping[str, Any]) -> Study:
    games = {key: game | {"policies": _ordered(game["policies"])} for key, game in figures["games"].items()}
    found = claims(games)
    return Study(
        title="soc: CT-GMARL, its ablations and its rivals",
        figures={**figures, "games": games, "claims": found},
        finding=" ".join(
            f"{finding(key, game['policies'])} {_claimed(key, found)}".strip() for key, game in games.items()
        ),
        method=(
            f"Each method was trained with {figures['steps']:,} environment steps per scenario; training "
            f"seeds: {figures['seeds']}; preset `{figures['preset']}` and size `{figures['size']}` of the "
            "world, against `killchain`, on networks of the training split. Settings are those of the "
            "presets, and not tuned for any method. Judged with sampled actions (QMIX with its best ones) on "
            f"{figures['episodes']} episodes per policy and seed, the same for all, on networks of the test "
            f"split, seeds from {SEED:,} on, which were used for no choice; brackets are 95% bootstrap "
            "intervals over seeds and episodes. IQM is the interquartile mean, of all seeds and episodes "
            "together. A constant player takes one kind of action on its targets in turn; the best of all "
            f"kinds was chosen on {CHOICE_EPISODES} other episodes."
            + "".join(f" **{few[0].upper()}{few[1:]}.**" for few in _few(figures))
        ),
        sections=list(_sections(figures, games, found)),
        pictures={PICTURE: _picture(figures)} if figures["curves"] else {},
    )


def _ordered(policies: Mapping[str, Any]) -> dict[str, Any]:
    """Methods in the order of :data:`METHODS`, then the others."""
    names = [*(name for name in METHODS if name in policies), *(x for x in policies if x not in METHODS)]
    return {name: policies[name] for name in names}


def _few(figures: Mapping[str, Any]) -> Iterator[str]:
    """What readers should know of figures from few episodes or seeds."""
    if few := few_episodes(figures["episodes"]):
        yield few
    if figures["seeds"] == 1:
        yield "a single training seed: intervals say nothing of other trainings"
    elif figures["seeds"] < ENOUGH_SEEDS:
        yield f"only {figures['seeds']} training seeds: intervals are rough"


def _claimed(scenario: str, found: list[dict[str, Any]]) -> str:
    """The differences of a scenario that remain after the correction, in a sentence."""
    own = [one for one in found if one["scenario"] == scenario and one["adjusted"] is not None]
    if not own:
        return ""
    apart = [one for one in own if one["adjusted"] < LEVEL]
    sides = {
        "better than": [one["other"] for one in apart if one["difference"]["mean"] > 0],
        "worse than": [one["other"] for one in apart if one["difference"]["mean"] < 0],
        "not told from": [one["other"] for one in own if one not in apart],
    }
    said = "; ".join(f"{what} {', '.join(names)}" for what, names in sides.items() if names)
    return f"There {FIRST} is {said} (Holm, {LEVEL:.0%})."


def _sections(
    figures: Mapping[str, Any], games: Mapping[str, Any], found: list[dict[str, Any]]
) -> Iterator[Section]:
    yield Section(
        "methods",
        ("method", "parameters that act", "what it is"),
        [(name, f"{count:,}", WHAT[name]) for name, count in _ordered(figures["parameters"]).items()],
    )
    few = "; ".join(_few(figures))
    for key, game in games.items():
        policies = game["policies"]
        yield Section(
            key,
            ("policy", "return", "return, IQM", "SLA, IQM, %", "goal", "contained, s", "isolated, IQM"),
            [(name, *_row(one)) for name, one in policies.items()],
            "*Goal*: share of episodes in which red reached its goal. *Contained*: mean time from the "
            "beginning of an incident until it is contained, by Kaplan and Meier within the longest "
            "incident; how many of how many were contained. *Isolated*: host-minutes isolated though clean."
            + (f" {few[0].upper()}{few[1:]}." if few else ""),
        )
        own = [one for one in found if one["scenario"] == key]
        if own:
            yield Section(
                f"{key}: {FIRST} against others",
                ("other", "its return is better by", "p", "p by Holm"),
                [(one["other"], mean(one["difference"]), _p(one["p"]), _p(one["adjusted"])) for one in own],
                "Differences are paired: over seeds, and the same episodes. p-values are of a t-test that "
                f"counts seeds and episodes; the correction is for all {len(found)} differences of this page."
                + (
                    f" No p-values with fewer than {LEAST_EPISODES} episodes or {LEAST_SEEDS} seeds."
                    if own[0]["p"] is None
                    else ""
                ),
            )
        yield metrics(key, policies)


def _row(one: Mapping[str, Any]) -> Iterator[str]:
    middle, times = one["interquartile_mean"], one["contained"]
    yield mean(one["return"])
    yield interval(middle["return"])
    yield interval(middle[SLA])
    yield mean(one["diagnosis"]["numbers"][GOAL])
    if times is None:
        yield NONE
    else:
        yield f"{interval(times['mean'])}; {times['count'] - times['censored']} of {times['count']}"
    yield interval(middle[CLEAN])


def _p(value: float | None) -> str:
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _picture(figures: Mapping[str, Any]) -> bytes:
    trained_in = [x for x in SCENARIOS if any(key.startswith(f"{x}-") for key in figures["curves"])]
    picture = Figure(figsize=(11, 4 * len(trained_in)), layout="constrained")
    grid = picture.subplots(len(trained_in), len(AXES), squeeze=False)
    for row, scenario in zip(grid, trained_in, strict=True):
        for axes, (axis, label) in zip(row, AXES.items(), strict=True):
            for name in METHODS:
                one = figures["curves"].get(f"{scenario}-{name}")
                if one is not None and one["return"]:  # not so until an episode has ended
                    axes.plot(one[axis], one["return"], label=name)
            axes.set(title=scenario, xlabel=label, ylabel="return, moving average")
            if axes.lines:
                axes.legend(fontsize="small")
    return png(picture)


def begun(folder: Path | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of an earlier run of the same folder. Raises ``SystemExit`` if its settings were others."""
    if folder is None or not (folder / FIGURES).exists():
        return {name: {} for name in ("parameters", "trainings", "curves", "games")}
    figures = read_figures(folder)
    if other := [name for name in SETTINGS if figures.get(name) != settings[name]]:
        raise SystemExit(f"{folder} was made with another {other[0]}; give --out another folder")
    return figures


def command(report: Mapping[str, Any]) -> str:
    """The command that makes all that a folder has."""
    said = [f"--{name} {report[name]}" for name in SETTINGS]
    for name, found, every in (
        ("scenarios", report["games"], SCENARIOS),
        ("methods", report["parameters"], METHODS),
    ):
        if own := [one for one in every if one in found]:
            said += [f"--{name} {' '.join(own)}"] if len(own) < len(every) else []
    return f"python studies/soc_ct_gmarl.py RUNS {' '.join(said)}"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("--steps", type=int, default=1_000_000, help="environment steps of each training")
    arguments.add_argument("--seeds", type=int, default=5, help="training seeds")
    arguments.add_argument("--episodes", type=int, default=128, help="per policy and seed")
    arguments.add_argument("--preset", default="medium", choices=("easy", "medium", "hard"))
    arguments.add_argument("--size", default="small", choices=SIZES, help="of the networks")
    arguments.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    arguments.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    asked = arguments.parse_args()
    prepare(asked.out)
    settings = {name: getattr(asked, name) for name in SETTINGS}
    report = settings | begun(asked.out, settings)

    def done(what: str) -> None:
        """After each part, so that an interrupted study leaves its figures."""
        print(what, file=sys.stderr, flush=True)
        report.update(origin(command(report)))
        if asked.out:
            save(asked.out, study(report))
        jax.clear_caches()

    every = trainings(asked.preset, asked.size, asked.steps, asked.seeds)
    for scenario in asked.scenarios:
        world, test = (
            garrison.make("soc", **options(scenario, asked.preset, "blue", split), size=asked.size)
            for split in SPLITS
        )
        game = report["games"].setdefault(scenario, {})
        if "constants" not in game:
            players, game["constants"] = controls(world, test)
            game["policies"] = judged(test, players, asked.episodes)
            done(f"{scenario}: players without training are judged")
        for name in asked.methods:
            run = trained(every[key := f"{scenario}-{name}"], asked.runs / key)
            if name not in game["policies"]:
                report["parameters"].setdefault(name, parameters(run.training))
                report["trainings"][key], report["curves"][key] = run.training.to_json(), curve(run)
                game["policies"] |= judged(test, {name: run}, asked.episodes)
                done(f"{scenario}: {name} is judged")
    show(study(report), asked.out)


if __name__ == "__main__":
    main()
