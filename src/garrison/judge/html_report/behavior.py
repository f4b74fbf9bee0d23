"""Sections of a report page on how a policy plays: its behavior, and one episode."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from garrison.judge.format import NONE, interval, mean, number, plain
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
from garrison.judge.tables import TIMES, TIMES_NOTE, distances, times_rows

_CHAPTERS = 10  #: number of folds of an episode, about


def behavior(figures: dict[str, Any], policy: str, against: str = "") -> Html:
    """The decisions of all policies, and where ``policy``, one of them, takes which."""
    profiles = {name: one["behavior"] for name, one in figures["policies"].items()}
    own = profiles[policy]
    rows = [
        [kind, *(f"{one['shares'][kind]['value']:.1%}" for one in profiles.values()), _range(share)]
        for kind, share in own["shares"].items()
    ]
    rows += [
        [name, *(f"{one[key]['value']:.2f}" for one in profiles.values()), interval(own[key])]
        for name, key in (("entropy (nats)", "entropy"), ("equally common kinds (Hill number)", "hill"))
    ]
    rows.append(["decisions per episode", *(number(one["decisions"]) for one in profiles.values()), ""])
    if figures["versus"] is not None:
        rows.append([f"L1 distance to {figures['versus']}", *distances(figures), ""])
    shares = {
        name: {kind: share["value"] for kind, share in one["shares"].items()}
        for name, one in profiles.items()
    }
    return section(
        f"Behavior{against}",
        note("Shares of all decisions by kind of action. Steps of busy agents are left out."),
        strips(shares, plots.SERIES),
        table(["action", *profiles, f"{policy} [95%]"], rows),
        *(_split(policy, name, split) for name, split in own["by"].items()),
    )


def diagnosis(figures: dict[str, Any], policy: str, against: str = "") -> list[Html]:
    """Where all policies lose, and where ``policy`` does by cause; nothing where the world does not say."""
    found = {name: one.get("diagnosis") for name, one in figures["policies"].items()}
    found = {name: one for name, one in found.items() if one}
    if policy not in found:
        return []
    numbers = [
        [
            name,
            *(NONE if one["numbers"][name] is None else mean(one["numbers"][name]) for one in found.values()),
        ]
        for name in found[policy]["numbers"]
    ]
    return [
        section(
            f"Where it loses{against}",
            note("Means per episode. In brackets: 95% bootstrap interval."),
            table(["of an episode", *found], numbers),
            *_times(found),
            *(_losses(policy, title, rows) for title, rows in found[policy]["tables"].items()),
        )
    ]


def _times(found: dict[str, dict[str, Any]]) -> list[Html]:
    """Times of which some are censored, where the world has some."""
    if not next(iter(found.values())).get("times"):
        return []
    return [
        tag("h3", "Times"),
        note(f"{TIMES_NOTE}."),
        table(list(TIMES), [list(r) for r in times_rows(found)]),
    ]


def _losses(policy: str, title: str, rows: dict[str, dict[str, float]]) -> Html:
    """A table of one policy, darker where it loses more."""
    most = max(abs(x) for row in rows.values() for x in row.values()) or 1.0
    lines = [
        [name, *(cell(number(x) if x else "", "heat", abs(x) / most) for x in row.values())]
        for name, row in rows.items()
    ]
    columns = list(next(iter(rows.values())))
    return join([tag("h3", f"{policy}: {title}"), table(["", *columns], lines, class_="dense")])


def _range(share: dict[str, float]) -> str:
    return NONE if share["low"] is None else f"{share['low']:.1%} to {share['high']:.1%}"


def _split(policy: str, name: str, split: dict[str, dict[str, float]]) -> Html:
    """Kinds of action among the decisions in each place."""
    rows = []
    for label, shares in split.items():
        whole = sum(shares.values())
        kinds = [share / whole if whole else 0.0 for share in shares.values()]
        rows.append([label, f"{whole:.1%}", *(cell(f"{x:.1%}" if whole else "", "heat", x) for x in kinds)])
    kinds = list(next(iter(split.values())))
    return join(
        [
            tag("h3", f"{policy}, by {name}: share of all decisions, and kinds of action"),
            table([name, "all", *kinds], rows, class_="dense"),
        ]
    )


def episode(story: Story, replay: str = "") -> Html:
    """A picture of the episode's rewards, its steps in folds, and a link to the file ``replay``."""
    parts = {k: x.reshape(len(x), -1).mean(axis=1) for k, x in story.parts.items()} or {
        "reward": story.rewards
    }
    steps = len(story.rewards)
    size = max(1, -(-steps // _CHAPTERS))
    chapters = [
        _chapter(number * size, min(steps, (number + 1) * size), story, list(moments))
        for number, moments in groupby(story.moments, lambda moment: moment.step // size)
    ]
    return section(
        "One episode, step by step",
        note(
            f"The first evaluated episode of {story.policy}: "
            f"return {number(story.rewards.sum())} in {steps} steps."
        ),
        *([tag("p", tag("a", "Watch it on the network", href=replay))] if replay else []),
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
    steps = table(["step", "reward", "so far", "events"], rows, class_="steps")
    return details(join([f"Steps {start}–{end - 1}", reward]), steps)
