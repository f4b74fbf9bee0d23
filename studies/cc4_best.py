"""The search for the best learned team of CC4: ``python studies/cc4_best.py RUNS [TRIAL ...]``.

Each trial of :data:`TRIALS` is one change to another trial. ``RUNS`` is a folder of runs, one per trial and
training seed: runs that it lacks are trained, unfinished ones go on. Each is judged once on the validation
episodes. ``--out results/cc4_best`` writes the study's folder after each of them, and goes on from what is
there: what was judged before is neither trained nor judged again. Without names, the page is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import garrison
from garrison.judge import stats
from garrison.judge.format import mean, number
from garrison.presets import PRESETS
from garrison.runs import curves
from garrison.studies.study import FIGURES, Section, Study, origin, parser, png, read_figures, save, show
from garrison.training.config import Training
from garrison.training.run import Run
from garrison.training.trained import trained

EPISODES, SEED = 200, 2_000_000  # validation: for choices, never for claims
PICTURE = "learning_curves.png"
SHOWN = 8  #: curves in the picture
BASE = PRESETS["mlp"].changed(
    options={"observation": "rich", "busy": "masked", "traffic": "off", "contractor": "leave_out"},
    network="entity",
    activation="relu",
    hidden_sizes=(48, 48),
    decisions_only=True,
    decision_share=0.56,
    pieces=16,
    total_steps=120 * 48 * 499,
    num_envs=48,
    epochs=4,
    minibatches=8,
    learning_rate=1.5e-3,
    entropy_coef=0.005,
    entropy_end=0.0,
    gae_lambda=0.97,
)


@dataclass(frozen=True)
class Trial:
    """One change to another trial."""

    to: str | None
    why: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]  # and other fields of a training

    def training(self) -> Training:
        before = TRIALS[self.to].training() if self.to else BASE
        return before.changed(options={**before.options, **self.options}, **self.settings)


def _trial(to: str | None, why: str, options: Mapping[str, Any] | None = None, **settings: Any) -> Trial:
    return Trial(to, why, options or {}, settings)


TRIALS = {
    "first": _trial(None, "entities, no firewall, decisions gathered, contractor's Impacts left out"),
    "small": _trial(
        "first",
        "16 environments, so more updates; the reward scale forgets; half of the steps",
        num_envs=16,
        reward_memory=0.9,
        total_steps=180 * 16 * 499,
    ),
    "cause": _trial(
        "small",
        "an agent's reward is what it is the cause of; half of the steps",
        {"rewards": "cause"},
        total_steps=90 * 16 * 499,
    ),
    "critic": _trial("cause", "the critic sees where red is", critic_observation="true"),
    # before agents remembered
    "critic-long": _trial("critic", "twice the steps", total_steps=180 * 16 * 499),
    "critic-half-team": _trial("critic", "half of an agent's reward is the team's", {"team_share": 0.5}),
    "critic-lambda-90": _trial("critic", "the critic's word sooner", gae_lambda=0.9),
    "critic-lambda-99": _trial("critic", "the critic's word later", gae_lambda=0.99),
    "critic-taught": _trial(
        "critic",
        "guard's choices too, less and less, in the first half",
        teacher="guard",
        teacher_end=0.0,
        teacher_until=0.5,
        entropy_coef=0.0,
    ),
    "critic-taught-half-team": _trial(
        "critic-taught", "half of an agent's reward is the team's", {"team_share": 0.5}
    ),
    # what became of it
    "recipe": _trial("critic", "agents remember their Restores and Removes", {"observation": "recall"}),
    # more of the same
    "long": _trial("recipe", "four times the steps", total_steps=360 * 16 * 499),
    "long-slow": _trial("long", "half of the learning rate", learning_rate=7.5e-4),
    "longer": _trial("long-slow", "twice the steps", total_steps=720 * 16 * 499),
    # additions
    "half-team": _trial("recipe", "half of an agent's reward is the team's", {"team_share": 0.5}),
    "area": _trial("recipe", "an agent's reward is what happens in its subnets", {"rewards": "area"}),
    "fast": _trial("recipe", "twice the learning rate", learning_rate=3e-3),
    "slow": _trial("recipe", "half of the learning rate", learning_rate=7.5e-4),
    "lambda-90": _trial("recipe", "the critic's word sooner", gae_lambda=0.9),
    "lambda-99": _trial("recipe", "the critic's word later", gae_lambda=0.99),
    "gamma-995": _trial("recipe", "a longer horizon", gamma=0.995),
    "idle-off": _trial("recipe", "neither Monitor nor Sleep, unless busy", {"idle": "off"}),
    "wide": _trial("recipe", "width 64", hidden_sizes=(64, 64)),
    "deep": _trial("recipe", "three layers", hidden_sizes=(48, 48, 48)),
    "no-entropy": _trial("recipe", "no entropy bonus", entropy_coef=0.0),
    "robust": _trial("recipe", "episodes of different games", vary=("robust",)),
    "robust-long": _trial("robust", "four times the steps", total_steps=360 * 16 * 499),
    # what a script teaches
    "imitation": _trial(
        "recipe",
        "guard's choices, and no reward",
        teacher="guard",
        policy_coef=0.0,
        entropy_coef=0.0,
        total_steps=30 * 16 * 499,
    ),
    "taught": _trial(
        "recipe",
        "guard's choices too, less and less, in the first half",
        teacher="guard",
        teacher_end=0.0,
        teacher_until=0.5,
        entropy_coef=0.0,
    ),
    "taught-long": _trial("taught", "four times the steps", total_steps=360 * 16 * 499),
    # without one part of the recipe
    "forgets": _trial("recipe", "agents do not remember what they did", {"observation": "rich"}),
    "blind-critic": _trial("recipe", "the critic sees what the policy sees", critic_observation=None),
    "all-actions": _trial("recipe", "Allow and Block are legal", {"traffic": "free"}),
    "contractor": _trial("recipe", "the contractor's Impacts count", {"contractor": "count"}),
    "team": _trial("recipe", "an agent's reward is the team's", {"rewards": "team"}),
    "remembers": _trial("recipe", "the reward scale does not forget", reward_memory=1.0),
    "large": _trial("recipe", "48 environments", num_envs=48),
    "all-steps": _trial("recipe", "steps of busy agents count", decisions_only=False, decision_share=None),
    "mlp": _trial("recipe", "plain networks", network="mlp", hidden_sizes=(256, 256), activation="tanh"),
}


def judge(run: Run) -> dict[str, Any]:
    """What is kept of a run: its curve, and its figures on the validation episodes."""
    rows = run.metrics()
    steps, returns = curves.per_seed(rows)
    policies = {"sampled": run.policies(), "greedy": run.policies(greedy=True)}
    result = garrison.evaluate(run.world(), policies, episodes=EPISODES, seed=SEED)
    figures = result.figures["policies"]
    return {
        "minutes": sum(row["seconds"] for row in rows) / 60,
        "steps": steps.tolist(),
        "return": curves.smooth(curves.seed_mean(returns)).round(1).tolist(),
        "entropy": rows[-1]["entropy"][0],
        "judged": {
            name: {
                "parts": figures[name]["reward_parts"],
                "diagnosis": figures[name]["diagnosis"]["numbers"],
                "returns": result.episodes(name).returns[0].round(1).tolist(),
            }
            for name in policies
        },
    }


def guard() -> list[float]:
    """The returns of the guard in the validation episodes."""
    result = garrison.evaluate("cc4", ["guard"], episodes=EPISODES, seed=SEED)
    return result.episodes("guard").returns[0].tolist()


def study(figures: Mapping[str, Any]) -> Study:
    trials = figures["trials"]
    means = {name: _returns(seeds).mean() for name, seeds in trials.items()}
    best = max(means, key=means.__getitem__)
    return Study(
        title="CC4: the search for the best learned team",
        figures=figures,
        finding=(
            f"Best of {len(trials)} trials on the validation episodes: `{best}`, "
            f"{mean(asdict(stats.estimate(_returns(trials[best]))))}; guard "
            f"{mean(asdict(stats.estimate(np.array(figures['guard']))))} in the same."
        ),
        method=(
            "Each trial is one change to another one; its settings are in `figures.json`. All but those with "
            "a teacher learn from reward alone. Judged by the true reward on the same "
            f"{EPISODES} validation episodes, seeds from {SEED:,} on: these figures are for choosing, and "
            "too good for what was chosen. Intervals are 95%, bootstrapped over training seeds and episodes; "
            "of one training seed, over episodes alone."
        ),
        sections=list(_sections(figures)),
        pictures={PICTURE: _picture(trials)},
    )


def _returns(seeds: Mapping[str, Any], policy: str = "sampled") -> np.ndarray:
    """f64[seed, episode]."""
    return np.array([one["judged"][policy]["returns"] for one in seeds.values()])


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    trials = figures["trials"]
    yield Section(
        "Trials",
        ("trial", "change", "seeds", "return", "minus the one it changes", "greedy", "minutes"),
        [
            (
                name,
                (f"{trial.to}: " if trial.to else "") + trial.why,
                ", ".join(trials[name]),
                mean(asdict(stats.estimate(_returns(trials[name])))),
                _difference(trials, name, trial.to),
                mean(asdict(stats.estimate(_returns(trials[name], "greedy")))),
                number(float(np.mean([one["minutes"] for one in trials[name].values()]))),
            )
            for name, trial in TRIALS.items()
            if name in trials
        ],
        "Differences are of the training seeds that both have, in the same episodes.",
    )
    first = next(iter(next(iter(trials.values())).values()))["judged"]["sampled"]
    yield Section(
        "Where it loses, sampled",
        ("trial", *first["parts"], *first["diagnosis"]),
        [
            (
                name,
                *(_average(trials[name], lambda one, p=part: one["parts"][p]) for part in first["parts"]),
                *(
                    _average(trials[name], lambda one, q=quantity: (one["diagnosis"][q] or {}).get("mean"))
                    for quantity in first["diagnosis"]
                ),
            )
            for name in TRIALS
            if name in trials
        ],
    )


def _average(seeds: Mapping[str, Any], read: Any) -> str:
    found = [read(one["judged"]["sampled"]) for one in seeds.values()]
    return number(float(np.mean(found))) if None not in found else "-"


def _difference(trials: Mapping[str, Any], name: str, to: str | None) -> str:
    if to is None or to not in trials:
        return "-"
    shared = {seed: one for seed, one in trials[name].items() if seed in trials[to]}
    if not shared:
        return "-"
    before = {seed: trials[to][seed] for seed in shared}
    return mean(asdict(stats.paired_difference(_returns(shared), _returns(before))))


def _picture(trials: Mapping[str, Any]) -> bytes:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    best = sorted(trials, key=lambda name: _returns(trials[name]).mean(), reverse=True)[:SHOWN]
    for name in best:
        for seed, one in trials[name].items():
            label = name if seed == next(iter(trials[name])) else None
            axes.plot(one["steps"], -np.array(one["return"]), label=label, color=f"C{best.index(name)}", lw=1)
    axes.set(yscale="log", xlabel="environment steps", ylabel="loss per episode in training, moving average")
    axes.legend()
    return png(figure)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("trials", nargs="*", help="trials, in the order to run them")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0], help="training seeds")
    asked = arguments.parse_args()
    if unknown := [name for name in asked.trials if name not in TRIALS]:
        arguments.error(f"no trial {', '.join(unknown)}; trials: {', '.join(TRIALS)}")
    command = "python studies/cc4_best.py RUNS TRIAL ... --seeds SEED ... --out results/cc4_best"
    out = asked.out
    known = out is not None and (out / FIGURES).exists()
    figures = read_figures(out) if out is not None and known else {"trials": {}, "guard": guard()}
    todo = [(trial, seed) for seed in asked.seeds for trial in asked.trials]
    todo = [(trial, seed) for trial, seed in todo if str(seed) not in figures["trials"].get(trial, {})]
    for trial, seed in todo:
        training = TRIALS[trial].training().changed(seed=seed)
        found = judge(trained(training, asked.runs / f"{trial}-{seed}"))
        seeds = figures["trials"].get(trial, {}) | {str(seed): found}
        figures = figures | origin(command) | {"trials": figures["trials"] | {trial: seeds}}
        figures["settings"] = figures.get("settings", {}) | {trial: training.to_json()}
        if asked.out is not None:
            save(asked.out, study(figures))
    if not figures["trials"]:
        raise SystemExit("name at least one trial: " + ", ".join(TRIALS))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
