"""Whether training by scores ends in one tool, and what prevents it: ``python studies/llm_collapse.py``.

A small policy that reads the seat's text (:mod:`garrison.llm.tiny`) is taught by a scripted player, then
trained by GRPO in three ways: without a countermeasure, with an entropy bonus, and with a penalty for games
that use one tool too much. ``--out results/llm_collapse`` writes the study's folder after each training; the
same command goes on where an interrupted one stopped.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from garrison.judge.stats import Estimate, estimate, paired_difference
from garrison.llm import tiny
from garrison.llm.arena import ArenaBatch
from garrison.llm.players import player
from garrison.llm.scenarios import SPLITS
from garrison.llm.tiny import GRPO, Games
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

SCENARIO, TEACHER = "micro", "guard+plan"
#: Without the KL term, which would hold all of them where they began.
BASE = GRPO(seeds=8, group=4, rate=0.05, beta=0.0)
ARMS = {
    "none": BASE,
    "entropy bonus": replace(BASE, entropy=0.01),
    "penalty": replace(BASE, penalty=1.0, share=0.5),
}
WHAT = {
    "none": "GRPO alone",
    "entropy bonus": f"adds {ARMS['entropy bonus'].entropy:g} times the entropy of each choice to the gain",
    "penalty": (
        f"takes {ARMS['penalty'].penalty:g} · max(0, share − {ARMS['penalty'].share:g}) from the score, in "
        "standard deviations of its group; the share is that of the tool that the game used most"
    ),
}
COLLAPSED = 0.2  # nats of tools, below which a policy has collapsed
CHOICE_SEED = 7  # of the draws in held-out games, the same for all policies
PICTURE = "collapse.png"
CURVES = {"score": "mean score of the step's games", "tools": "entropy of tools (nats)"}


# ---------------------------------------------------------------- measuring


def held_out(batch: ArenaBatch, weights: np.ndarray, episodes: int) -> dict[str, Any]:
    """Games of the test split: scores by seed, and how varied the orders are."""
    first, size = SPLITS["test"][0], batch.number
    games = tiny.joined(
        [
            tiny.play(batch, range(first + i, first + i + size), weights, CHOICE_SEED + i)
            for i in range(0, episodes, size)
        ]
    )
    orders, states = games.distinct
    return {
        "scores": [float(score) for score in games.scores],
        "tools": {name or "sleep": count for name, count in games.tools.most_common()},
        "entropy": games.entropy,
        "largest_share": max(games.tools.values()) / games.tools.total(),
        "orders": orders,
        "states": states,
        "decision_entropy": decision_entropy(weights, games.words),
    }


def decision_entropy(weights: np.ndarray, words: np.ndarray) -> float:
    """Mean entropy of the policy's choices, in nats; words as of :class:`~garrison.llm.tiny.Games`."""
    logs = np.asarray(jax.nn.log_softmax(tiny.logits(weights, words)))
    return float(-(np.exp(logs) * np.where(logs > -1e8, logs, 0.0)).sum(-1).mean())


def of_step(games: Games, group: int) -> dict[str, float]:
    """What is told of a step of GRPO."""
    spread = games.scores.reshape(-1, group).std(1)
    return {
        "score": float(games.scores.mean()),
        "tools": games.entropy,
        "largest_share": float(games.largest_shares.mean()),
        "groups_alike": float((spread < 1e-6).mean()),
    }


def taught(batch: ArenaBatch, seed: int, episodes: int) -> np.ndarray:
    """Weights of the teacher's games; each training seed has games of its own."""
    first, size = seed * episodes, batch.number
    parts = [
        tiny.teach(batch, range(first + i, first + i + size), lambda one: player(TEACHER, one))
        for i in range(0, episodes, size)
    ]
    return tiny.fit(tiny.joined(parts), steps=30)


def trained(batch: ArenaBatch, how: GRPO, seed: int, asked: Any) -> dict[str, Any]:
    """One training from the taught weights of its seed, judged on held-out games."""
    began, start, curve = time.process_time(), taught(batch, seed, asked.teaching), []
    weights = tiny.learn(batch, start, how, seed, lambda step, games: curve.append(of_step(games, how.group)))
    return {
        "curve": curve,
        "held_out": held_out(batch, weights, asked.episodes),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


# ---------------------------------------------------------------- the page


def study(figures: Mapping[str, Any]) -> Study:
    complete = {name: rows for name in ARMS if len(rows := runs_of(figures, name)) == figures["seeds"]}
    return Study(
        title="CC4: does training by scores collapse to one tool?",
        figures=figures,
        finding=finding(figures, complete),
        method=(
            f"Games of the size `{SCENARIO}`, against `fsm`. For each of {figures['seeds']} training seeds "
            f"the policy of {tiny.WEIGHTS:,} weights was taught on {figures['teaching']} games of "
            f"`{TEACHER}` by cross-entropy, then trained by {figures['steps']} steps of GRPO, each of "
            f"{BASE.seeds} groups of {BASE.group} games that share their seed; without a KL term, which "
            f"would hold the policy where it began. Held-out games: {figures['episodes']} seeds from "
            f"{SPLITS['test'][0]:,} on, the same for all policies; brackets are 95% bootstrap intervals over "
            f"training seeds and games. A policy has collapsed if its tools have less than {COLLAPSED:g} "
            "nats. An order is a tool with its target; a state is all that an agent's choice is made from."
        ),
        sections=list(sections(figures, complete)),
        pictures={PICTURE: picture(complete)} if complete else {},
    )


def runs_of(figures: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The trainings of an arm, by seed."""
    keys = [f"{name} {seed}" for seed in range(figures["seeds"])]
    return [figures["runs"][key] for key in keys if key in figures["runs"]]


def held(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Scores ``f64[seed, game]``."""
    return np.array([row["held_out"]["scores"] for row in rows])


def finding(figures: Mapping[str, Any], complete: Mapping[str, Any]) -> str:
    if len(complete) < len(ARMS):
        return "Not all trainings are done."
    parts = []
    before = np.array([row["scores"] for row in figures["taught"].values()])
    for name, rows in complete.items():
        gain = paired_difference(held(rows), before)
        low = sum(row["held_out"]["entropy"] < COLLAPSED for row in rows)
        parts.append(
            f"{name}: {gain.mean:+.3f} {interval(gain)} to the taught policy, {low} of {len(rows)} collapsed"
        )
    return f"Held-out scores after GRPO. {'; '.join(parts)}."


def sections(figures: Mapping[str, Any], complete: Mapping[str, Any]) -> Iterator[Section]:
    yield Section("Arms", ("arm", "what it does"), list(WHAT.items()))
    before = list(figures["taught"].values())
    rows = [cells("taught", before, None)] if len(before) == figures["seeds"] else []
    first = held(complete["none"]) if "none" in complete else None
    rows += [
        cells(name, [one["held_out"] for one in found], None if name == "none" else first)
        for name, found in complete.items()
    ]
    yield Section(
        "Held-out games",
        ("arm", "score", "more than none", "tools (nats)", "choice (nats)", "largest share",
         "orders", "states", "collapsed"),
        rows,
        "`taught` is before GRPO. Numbers without brackets are means over training seeds; orders and states "
        "are different ones.",
    )  # fmt: skip
    tools = {name: used([one["held_out"] for one in found]) for name, found in complete.items()}
    tools = ({"taught": used(before)} if before else {}) | tools
    names = sorted(
        {tool for row in tools.values() for tool in row}, key=lambda x: -max(r[x] for r in tools.values())
    )
    yield Section(
        "Tools in held-out games",
        ("tool", *tools),
        [(tool, *(f"{row[tool]:.1%}" for row in tools.values())) for tool in names],
        "Shares of all decisions, of all training seeds together.",
    )


def cells(name: str, rows: Sequence[Mapping[str, Any]], first: np.ndarray | None) -> tuple[str, ...]:
    scores = np.array([row["scores"] for row in rows])
    found = estimate(scores)
    better = "" if first is None else signed(paired_difference(scores, first))
    means = [
        float(np.mean([row[key] for row in rows])) for key in ("entropy", "decision_entropy", "largest_share")
    ]
    return (
        name, f"{found.mean:.3f} {interval(found)}", better, f"{means[0]:.2f}", f"{means[1]:.2f}",
        f"{means[2]:.0%}", *(f"{np.mean([row[key] for row in rows]):,.0f}" for key in ("orders", "states")),
        f"{sum(row['entropy'] < COLLAPSED for row in rows)} of {len(rows)}",
    )  # fmt: skip


def used(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Shares of the tools of several policies together."""
    total = sum((Counter(row["tools"]) for row in rows), Counter())
    return Counter({name: count / total.total() for name, count in total.items()})


def signed(one: Estimate) -> str:
    return f"{one.mean:+.3f} {interval(one)}"


def interval(one: Estimate) -> str:
    return "" if one.low is None or one.high is None else f"[{one.low:.3f}, {one.high:.3f}]"


def picture(complete: Mapping[str, Any]) -> bytes:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (key, label) in zip(figure.subplots(1, len(CURVES)), CURVES.items(), strict=True):
        for name, rows in complete.items():
            values = np.array([[step[key] for step in row["curve"]] for row in rows])
            [line] = axes.plot(values.mean(0), label=name)
            axes.fill_between(
                range(values.shape[1]), values.min(0), values.max(0), alpha=0.15, color=line.get_color()
            )
        axes.set(xlabel="step of GRPO", ylabel=label)
        axes.legend(fontsize="small")
    figure.suptitle("mean and range over training seeds", fontsize="medium")
    return png(figure)


# ---------------------------------------------------------------- running


def begun(folder: Path | None, report: dict[str, Any]) -> dict[str, Any]:
    """The report with the trainings that a folder holds of the same settings."""
    if folder is None or not (folder / FIGURES).exists():
        return report
    before = read_figures(folder)
    if any(before.get(name) != report[name] for name in ("steps", "episodes", "teaching", "arms")):
        return report
    return report | {name: before[name] for name in ("runs", "taught")}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seeds", type=int, default=3, help="training seeds")
    arguments.add_argument("--steps", type=int, default=60, help="of GRPO")
    arguments.add_argument(
        "--episodes", type=int, default=128, help="held-out games; a multiple of the batch"
    )
    arguments.add_argument("--teaching", type=int, default=32, help="games of the teacher, likewise")
    asked = arguments.parse_args()
    size = BASE.seeds * BASE.group
    if asked.episodes % size or asked.teaching % size:
        raise SystemExit(f"episodes and teaching must be multiples of {size}")
    prepare(asked.out)
    said = [f"--{name} {getattr(asked, name)}" for name in ("seeds", "steps", "episodes", "teaching")]
    report = origin(f"python studies/llm_collapse.py {' '.join(said)} --out results/llm_collapse")
    report |= {name: getattr(asked, name) for name in ("seeds", "steps", "episodes", "teaching")}
    report |= {"arms": {name: asdict(how) for name, how in ARMS.items()}, "runs": {}, "taught": {}}
    report = begun(asked.out, report)
    batch = ArenaBatch(size, SCENARIO)
    for seed in range(asked.seeds):
        if str(seed) not in report["taught"]:
            weights = taught(batch, seed, asked.teaching)
            report["taught"][str(seed)] = held_out(batch, weights, asked.episodes)
        for name, how in ARMS.items():
            key = f"{name} {seed}"
            if key not in report["runs"]:
                report["runs"][key] = trained(batch, replace(how, steps=asked.steps), seed, asked)
                print(f"{key}: {report['runs'][key]['cpu_seconds']} s of processor time", file=sys.stderr)
            if asked.out:  # after each, so that an interrupted run leaves its figures
                save(asked.out, study(report))
    show(study(report), asked.out)


if __name__ == "__main__":
    main()
