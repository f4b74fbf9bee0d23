"""What people read: tables, learning curves, the account of an episode."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from garrison.core.world import World
from garrison.judge.evaluate import Episodes, Recording, length_of
from garrison.judge.stats import estimate, paired_difference


def summary(
    world: World, results: Mapping[str, Episodes], seed: int, versus: str | None = None
) -> dict[str, Any]:
    """All figures, JSON-ready. ``versus`` names the player that the others are subtracted from, if any."""
    players = {}
    for name, episodes in results.items():
        players[name] = {
            "return": asdict(estimate(episodes.returns)),
            "score": asdict(estimate(episodes.scores)),
            "length": float(np.mean(episodes.lengths)),
            "reward_parts": {part: np.mean(x, axis=0).tolist() for part, x in episodes.parts.items()},
        }
        if versus is not None and name != versus:
            players[name]["advantage_of_" + versus] = asdict(
                paired_difference(results[versus].returns, episodes.returns)
            )
    return {
        "world": world.name,
        "world_version": world.version,
        "seed": seed,
        "episodes": len(next(iter(results.values())).returns),
        "versus": versus,
        "max_steps": world.max_steps,
        "score_steps": getattr(world, "score_steps", world.max_steps),
        "players": players,
    }


def table(figures: dict[str, Any]) -> Table:
    """The figures of :func:`summary` as a table, at most 80 columns wide."""
    versus, scored = figures["versus"], figures["score_steps"] < figures["max_steps"]
    title = f"{figures['world']}: {figures['episodes']} episodes each, all the same (seed {figures['seed']})"
    caption = "in brackets: 95% bootstrap interval"
    if scored:
        caption += f"; score: the first {figures['score_steps']} of {figures['max_steps']} rewards"
    view = Table(title=title, caption=caption, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    view.add_column("player")
    view.add_column("return", justify="right", no_wrap=True)
    view.add_column("sd", justify="right")
    if scored:
        view.add_column("score", justify="right")
    if versus is not None:
        view.add_column(f"{versus} minus this", justify="right", no_wrap=True)
    for name, player in figures["players"].items():
        row = [name, _interval(player["return"]), _number(player["return"]["sd"])]
        if scored:
            row.append(_number(player["score"]["mean"]))
        if versus is not None:
            difference = player.get("advantage_of_" + versus)
            row.append(_interval(difference, sign="+") if difference else "")
        view.add_row(*row)
    return view


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign},.{0 if abs(value) >= 100 else 2}f}"


def _interval(estimate: dict[str, Any], sign: str = "") -> str:
    mean, low, high = (_number(estimate[name], sign) for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def learning_curve(metrics: list[dict[str, Any]], levels: Mapping[str, float], title: str) -> bytes:
    """A PNG picture: mean return over environment steps, with a dashed line per player in ``levels``."""
    rows = [(row["env_steps"], row["return"]) for row in metrics if row["return"] is not None]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    if rows:
        steps, returns = np.asarray(rows).T
        axes.plot(steps, returns, color="C0", alpha=0.35, label="training, each iteration")
        axes.plot(steps, _smooth(returns), color="C0", label="training, moving average")
    for number, (name, level) in enumerate(levels.items(), start=1):
        axes.axhline(level, color=f"C{number}", linestyle="--", linewidth=1, label=name)
    axes.set(xlabel="environment steps", ylabel="return per episode", title=title)
    if rows or levels:
        axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean of the last tenth of the curve up to each point."""
    window = max(1, len(values) // 10)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def account(world: World, player: str, recording: Recording) -> str | None:
    """One episode in words, as Markdown; None if the world does not narrate."""
    length = length_of(recording)
    rewards = np.mean(recording.step.reward[:length], axis=-1)
    lines = [
        f"# One episode of {world.name}",
        "",
        f"Player: {player}. Steps: {length}. Return: {rewards.sum():g}{_parts(recording, length)}.",
        "Steps in which nothing is told and nothing is lost are left out.",
    ]
    for t in range(length):
        now = jax.tree.map(lambda x, t=t: x[t], recording)
        try:
            told = world.narrate(now.state, now.actions, now.after, now.step)
        except NotImplementedError:
            return None
        if told or rewards[t]:
            lines += ["", f"## Step {t}: reward {rewards[t]:g}, so far {rewards[: t + 1].sum():g}", ""]
            lines += [f"- {line}" for line in told]
    return "\n".join(lines) + "\n"


def _parts(recording: Recording, length: int) -> str:
    """The parts of an episode's return in brackets, where the world tells them."""
    parts = recording.step.info.get("reward_parts", {})
    sums = ", ".join(f"{name} {np.sum(x[:length]):g}" for name, x in parts.items())
    return f" ({sums})" if sums else ""
