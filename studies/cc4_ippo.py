"""What a run of cc4-ippo came to, beside what is published: ``python studies/cc4_ippo.py RUN``.

The run: ``garrison train cc4-ippo --num-seeds 3 --out RUN``. ``--out results/cc4_ippo`` writes .json, .md and
the learning curve as .png.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from garrison.training.num_seeds import load_policies

from garrison.core.files import write
from garrison.judge.evaluate import evaluate
from garrison.judge.format import mean, number
from garrison.judge.html_report import plots
from garrison.judge.summary import summary
from garrison.runs import curves, study_files
from garrison.runs import directory as runs

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


def study(path: Path) -> dict[str, Any]:
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
        "return_of_teams": returns[-LAST:].mean(axis=0).tolist(),
        "last": {name: np.mean(rows[-1][name]) for name in ("entropy", "approx_kl", "explained_variance")},
        "steps_per_second": {
            "all": steps * len(rows) / seconds.sum(),
            "median": float(np.median(steps / seconds)),
            "fastest_tenth": float(np.quantile(steps / seconds, 0.9)),
        },
        "judged": summary(world, results, SEED, versus="ippo"),
    }


def markdown(figures: dict[str, Any]) -> Iterator[str]:
    training, judged = figures["training"], figures["judged"]
    returns = np.array(figures["return_of_teams"])
    yield "# CC4: IPPO by the published settings"
    yield ""
    yield f"`garrison train cc4-ippo --num-seeds {training['num_seeds']}`, then {study_files.told(figures)}"
    yield ""
    yield (
        f"{training['num_seeds']} seeds (seeds from {training['seed']} on), "
        f"{training['settings']['total_steps']:,} steps each. Mean return of the last "
        f"{figures['last_iterations']} iterations of the training, mean and standard deviation over teams:"
    )
    yield ""
    rows = [("Garrison", returns.mean(), returns.std(ddof=1)), *((k, *v) for k, v in PUBLISHED.items())]
    yield from study_files.table(
        ("trained on", "return", "sd"), ([k, number(m), number(s)] for k, m, s in rows)
    )
    yield ""
    yield f"Teams: {', '.join(number(value) for value in returns)}. {_last(figures)}"
    yield ""
    gap, error = (
        returns.mean() - PUBLISHED["CybORG"][0],
        np.hypot(returns.std(ddof=1), PUBLISHED["CybORG"][1]),
    )
    yield (
        f"Garrison minus CybORG: {number(gap, '+')}, with a standard error of {number(error / np.sqrt(3))} "
        "from the spread between three teams on each side."
    )
    yield ""
    yield "![learning curve](cc4_ippo.png)"
    yield ""
    yield "## Judged"
    yield ""
    yield (
        f"{judged['episodes']} episodes each, the same for all (seeds from {judged['seed']} on); sampled "
        "actions; 95% bootstrap intervals, over teams and episodes where there are several teams."
    )
    yield ""
    header = ("policy", "return", "sd", "score", "interquartile mean", "ippo minus this")
    yield from study_files.table(header, (_row(name, player) for name, player in judged["policies"].items()))
    yield ""
    yield "## Behavior"
    yield ""
    yield (
        "Shares of decisions, busy steps left out, per cent, with 95% bootstrap intervals; beside them the "
        "shares published for teams trained by the same settings elsewhere."
    )
    yield ""
    kinds = judged["policies"]["ippo"]["behavior"]["shares"]
    rows = ([name, _percent(share), *map(str, SHARES[name])] for name, share in kinds.items())
    yield from study_files.table(("action", "Garrison", *PUBLISHED), rows)
    yield ""
    speed = figures["steps_per_second"]
    yield "## Speed"
    yield ""
    yield (
        f"Environment steps per second of training, all teams together: {number(speed['all'])} over the "
        f"whole run, {number(speed['median'])} in the median iteration, {number(speed['fastest_tenth'])} "
        "exceeded in a tenth of them. Other jobs ran on the same two cores for most of the time."
    )


def _last(figures: dict[str, Any]) -> str:
    last = figures["last"]
    return (
        f"In the last iteration: entropy {last['entropy']:.2f} nats, approximate KL divergence "
        f"{last['approx_kl']:.4f}, explained variance {last['explained_variance']:.2f} "
        "(published: 3.84, 0.005, 0.61)."
    )


def _row(name: str, player: dict[str, Any]) -> list[str]:
    difference = player.get("advantage_of_ippo")
    return [
        name,
        mean(player["return"]),
        number(player["return"]["sd"]),
        number(player["score"]["mean"]),
        number(player["interquartile_mean"]["value"]),
        mean(difference, "+") if difference else "",
    ]


def _percent(share: dict[str, float]) -> str:
    return f"{100 * share['value']:.1f} [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md and OUT.png")
    asked = parser.parse_args()
    command = f"python studies/cc4_ippo.py RUN{f' --out {asked.out}' if asked.out else ''}"
    figures = study_files.origin(command) | study(asked.run)
    print("\n".join(markdown(figures)))
    if asked.out:
        study_files.save(asked.out, figures, markdown(figures))
        levels = {
            name: player["return"]["mean"]
            for name, player in figures["judged"]["policies"].items()
            if name not in ("ippo", "idle", "random")
        }
        curve = plots.learning_curve(
            runs.load(asked.run).metrics(), levels, "IPPO on cc4, published settings"
        )
        write(asked.out.with_name(asked.out.name + ".png"), curve)


if __name__ == "__main__":
    main()
