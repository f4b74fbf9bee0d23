"""The parts of a report page that tell how a team plays: its behavior, and one episode."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from garrison.judge.format import interval, number, plain
from garrison.judge.html_report import plots
from garrison.judge.html_report.markup import (
    Html,
    cell,
    details,
    figure,
    join,
    note,
    section,
    strips,
    table,
    tag,
)
from garrison.judge.story import Moment, Story
from garrison.judge.tables import distances

CHAPTERS = 10  #: an episode is told in about so many folds


def behavior(figures: dict[str, Any], ours: str) -> Html:
    """What the players decide, and what ``ours``, one of them, does where."""
    profiles = {name: player["behavior"] for name, player in figures["players"].items()}
    own = profiles[ours]
    rows = [
        [kind, *(f"{one['shares'][kind]['value']:.1%}" for one in profiles.values()), _range(share)]
        for kind, share in own["shares"].items()
    ]
    rows += [
        [name, *(f"{one[key]['value']:.2f}" for one in profiles.values()), interval(own[key])]
        for name, key in (("entropy (nats)", "entropy"), ("kinds alike (Hill number)", "hill"))
    ]
    rows.append(["decisions per episode", *(number(one["decisions"]) for one in profiles.values()), ""])
    rows.append([f"L1 distance to {ours}", *distances(figures), ""])
    shares = {
        name: {kind: share["value"] for kind, share in one["shares"].items()}
        for name, one in profiles.items()
    }
    return section(
        "Behavior",
        note("Shares of all decisions by kind of action. Steps in which an agent was busy are left out."),
        strips(shares, plots.SERIES),
        table(["action", *profiles, f"{ours} [95%]"], rows),
        *(_split(ours, name, split) for name, split in own["by"].items()),
    )


def _range(share: dict[str, float]) -> str:
    return f"{share['low']:.1%} to {share['high']:.1%}"


def _split(player: str, name: str, split: dict[str, dict[str, float]]) -> Html:
    """How the decisions in each place are shared out among the kinds of action."""
    rows = []
    for label, shares in split.items():
        whole = sum(shares.values())
        kinds = [share / whole if whole else 0.0 for share in shares.values()]
        rows.append([label, f"{whole:.1%}", *(cell(f"{x:.1%}" if whole else "", "heat", x) for x in kinds)])
    kinds = list(next(iter(split.values())))
    return join(
        [
            tag("h3", f"{player}, by {name}: share of all decisions, and what they were"),
            table([name, "all", *kinds], rows, class_="dense"),
        ]
    )


def episode(story: Story) -> Html:
    """The episode's rewards as a picture, and its steps in folds."""
    parts = {k: x.reshape(len(x), -1).mean(axis=1) for k, x in story.parts.items()} or {
        "reward": story.rewards
    }
    steps = len(story.rewards)
    size = max(1, -(-steps // CHAPTERS))
    chapters = [
        _chapter(number * size, min(steps, (number + 1) * size), story, list(moments))
        for number, moments in groupby(story.moments, lambda moment: moment.step // size)
    ]
    return section(
        "One episode, step by step",
        note(
            f"The first episode that {story.player} was judged on: "
            f"return {number(story.rewards.sum())} in {steps} steps."
        ),
        figure(plots.timeline_svg(story.rewards, parts, story.phases)),
        *chapters,
    )


def _chapter(start: int, end: int, story: Story, moments: list[Moment]) -> Html:
    rows = [
        [
            moment.step,
            cell(plain(moment.reward), "loss" if moment.reward < 0 else ""),
            plain(moment.total),
            cell(tag("ul", *(tag("li", line) for line in moment.lines)), "words"),
        ]
        for moment in moments
    ]
    reward = tag("span", f"reward {plain(story.rewards[start:end].sum())}", class_="right")
    told = table(["step", "reward", "so far", "what happened"], rows, class_="told")
    return details(join([f"Steps {start}–{end - 1}", reward]), told)
