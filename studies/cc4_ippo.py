"""A run of cc4-ippo compared with published results: ``python studies/cc4_ippo.py RUN``.

The run: ``garrison train cc4-ippo --num-seeds 3 --out RUN``. ``--out results/cc4_ippo`` writes its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from garrison.judge.evaluate import evaluate
from garrison.judge.format import mean, number
from garrison.judge.html_report import plots
from garrison.judge.summary import summary
from garrison.runs import curves
from garrison.runs import directory as runs
from garrison.studies.study import Section, Study, origin, parser, show
from garrison.training.seeds import load_policies

PICTURE = "learning_curve.png"
EPISODES, SEED = 100, 1_000_000
LAST = 50  # iterations whose mean return is the published figure

#: Of the matched baseline: mean return of the last 50 updates, mean and standard deviation over 3 seeds.
PUBLISHED = {"the earlier JAX port": (-1998, 118), "CybORG": (-1854, 46)}
#: Published shares of decisions, per cent: teams trained on the earlier JAX port, and on CybORG.
SHARES = {
    "Analyse": (21.2, 19.9),
    "Remove": (20.0, 18.9),
    "DeployDecoy": (22.3, 23.8),
    "AllowTrafficZone": (15.1, 13.9),
    "BlockTrafficZone": (10.1, 11.8),
    "Restore": (7.0, 7.5),
    "Sleep": (2.2, 1.9),
    "Monitor": (2.1, 2.4),
}


def measure(path: Path) -> dict[str, Any]:
    run = runs.load(path)
    training, world, teams = load_policies(run)
    rows = run.metrics()
    _, returns = curves.per_seed(rows)
    seconds = np.array([row["seconds"] for row in rows])
    steps = rows[0]["env_steps"] * training.num_seeds
    results, _ = evaluate(world, {**world.policies(), "ippo": teams}, EPISODES, SEED)
    return {
        "training": training.to_json(),
        "system": {name: fact for name, fact in run.system().items() if name != "command"},
        "last_iterations": LAST,
        "return_by_seed": returns[-LAST:].mean(axis=0).tolist(),
        "last": {name: np.mean(rows[-1][name]) for name in ("entropy", "approx_kl", "explained_variance")},
        "steps_per_second": {
            "all": steps * len(rows) / seconds.sum(),
            "median": float(np.median(steps / seconds)),
            "fastest_tenth": float(np.quantile(steps / seconds, 0.9)),
        },
        "judged": summary(world, results, SEED, versus="ippo"),
    }


def study(figures: Mapping[str, Any], curve: bytes) -> Study:
    """The figures with the learning curve of the run, a PNG image."""
    training, returns = figures["training"], np.array(figures["return_by_seed"])
    mean_return, sd = returns.mean(), returns.std(ddof=1)
    published, published_sd = PUBLISHED["CybORG"]
    error = np.hypot(sd, published_sd) / np.sqrt(3)
    return Study(
        title="CC4: IPPO by the published settings",
        figures=figures,
        finding=(
            f"Return in training {number(mean_return)} (sd over seeds {number(sd)}), published for CybORG "
            f"{number(published)} ({published_sd}): difference {number(mean_return - published, '+')} with a "
            f"standard error of {number(error)}."
        ),
        method=(
            f"`garrison train cc4-ippo --num-seeds {training['num_seeds']}`: {training['num_seeds']} "
            f"training seeds from {training['seed']} on, {training['settings']['total_steps']:,} steps each. "
            f"The return in training is the mean over the last {figures['last_iterations']} iterations; "
            f"by seed: {', '.join(number(value) for value in returns)}. {_last(figures)}\n\n{_speed(figures)}"
        ),
        sections=list(_sections(figures)),
        pictures={PICTURE: curve},
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    returns, judged = np.array(figures["return_by_seed"]), figures["judged"]
    rows = [("Garrison", returns.mean(), returns.std(ddof=1)), *((k, *v) for k, v in PUBLISHED.items())]
    header = ("trained on", "return", "sd over seeds")
    yield Section("Return in training", header, [(k, number(m), number(s)) for k, m, s in rows])
    yield Section(
        "Evaluation",
        ("policy", "return", "sd", "score", "interquartile mean", "ippo minus this"),
        [_row(name, row) for name, row in judged["policies"].items()],
        f"{judged['episodes']} episodes each, the same for all (seeds from {judged['seed']} on); sampled "
        "actions; 95% bootstrap intervals, over training seeds and episodes where there are several seeds.",
    )
    shares = judged["policies"]["ippo"]["behavior"]["shares"]
    yield Section(
        "Behavior",
        ("action", "Garrison", *PUBLISHED),
        [(name, _percent(share), *map(str, SHARES[name])) for name, share in shares.items()],
        "Shares of decisions in per cent, busy steps left out, with 95% bootstrap intervals, and the "
        "shares published for policies trained by the same settings elsewhere.",
    )


def _speed(figures: Mapping[str, Any]) -> str:
    speed = figures["steps_per_second"]
    return (
        f"Environment steps per second of training, all seeds together: {number(speed['all'])} over the "
        f"whole run, {number(speed['median'])} in the median iteration, {number(speed['fastest_tenth'])} in "
        "the fastest tenth. Other jobs ran on the same two cores for most of the time."
    )


def _curve(path: Path, figures: Mapping[str, Any]) -> bytes:
    levels = {
        name: row["return"]["mean"]
        for name, row in figures["judged"]["policies"].items()
        if name not in ("ippo", "idle", "random")
    }
    return plots.learning_curve(runs.load(path).metrics(), levels, "IPPO on cc4, published settings")


def _last(figures: Mapping[str, Any]) -> str:
    last = figures["last"]
    return (
        f"In the last iteration: entropy {last['entropy']:.2f} nats, approximate KL divergence "
        f"{last['approx_kl']:.4f}, explained variance {last['explained_variance']:.2f} "
        "(published: 3.84, 0.005, 0.61)."
    )


def _row(name: str, player: Mapping[str, Any]) -> list[str]:
    difference = player.get("advantage_of_ippo")
    return [
        name,
        mean(player["return"]),
        number(player["return"]["sd"]),
        number(player["score"]["mean"]),
        number(player["interquartile_mean"]["value"]),
        mean(difference, "+") if difference else "",
    ]


def _percent(share: Mapping[str, float]) -> str:
    return f"{100 * share['value']:.1f} [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=Path)
    asked = arguments.parse_args()
    command = f"python studies/cc4_ippo.py RUN{f' --out {asked.out}' if asked.out else ''}"
    figures = origin(command) | measure(asked.run)
    result = study(figures, _curve(asked.run, figures))
    show(result, asked.out)


if __name__ == "__main__":
    main()
