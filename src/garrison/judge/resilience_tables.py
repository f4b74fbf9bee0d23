"""Tables of :mod:`garrison.judge.resilience` for the terminal, and the rows that pages share with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from garrison.judge.format import NONE, fraction, interval, mean, median, number, percent, plain, thousandths
from garrison.judge.resilience import COMPONENTS
from garrison.judge.table_parts import filled, new_table

#: Figures of all policies by name, of those that were measured.
Found = Mapping[str, dict[str, Any]]
Rows = tuple[list[str], list[list[str]]]

AREAS = (
    "resilience: mean share of three assets' services (C, I, A) that hold; everywhere: the same with the "
    "assets on random hosts; degraded: share of steps in which one is impacted; depth: the least resilience "
    "of an episode"
)
TIMES = (
    "steps, by Kaplan-Meier, since outages may outlast the episode; mean: none counted beyond the longest; "
    "medians of the first impact of an episode, and from its worst step until all services are back"
)
SCORES = (
    "points per step, 0 is best: jaxborg's C, I, A and their mean R; drop: of CyberResilience, 1 is worst; "
    "exposure: resilience with root in place of impact"
)


def measured(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was measured of each policy; empty where resilience was not asked for."""
    found = {name: one.get("resilience") for name, one in figures.get("policies", {}).items()}
    return {name: one for name, one in found.items() if one}


def areas(found: Found) -> Rows:
    head = ["resilience", "everywhere", *COMPONENTS, "degraded", "depth"]
    rows = [
        [
            name,
            fraction(one["resilience"]),
            fraction(one["everywhere"]),
            *(thousandths(one["health"][part]["mean"]) for part in COMPONENTS),
            percent(one["degraded"]["mean"]),
            thousandths(one["depth"]["mean"]),
        ]
        for name, one in found.items()
    ]
    return head, rows


def times(found: Found) -> Rows:
    head = ["outages per episode", "ended", "median", "mean", "first impact", "from the worst"]
    rows = []
    for name, one in found.items():
        own = one["recovery"]
        ended = NONE if own is None else percent(own["ended"]["value"])
        ends = [median(one[which], brackets=False) for which in ("first_impact", "from_worst")]
        rows.append([name, number(one["outages"]), ended, median(own), _mean_time(own), *ends])
    return head, rows


def _mean_time(times: dict[str, Any] | None) -> str:
    """The mean with its interval; ``> n`` where all times are censored."""
    if times is None:
        return NONE
    return interval(times["mean"]) if times["ended"]["value"] else f"> {times['within']}"


def points(found: Found) -> Rows:
    head = [*COMPONENTS, "R", "least R", "drop", "exposure"]
    rows = [
        [
            name,
            *(number(one["scores"][part]["mean"]["mean"]) for part in COMPONENTS),
            mean(one["scores"]["R"]["mean"]),
            number(one["scores"]["R"]["min"]["mean"]),
            plain(one["drop"]["mean"], ".2g"),
            thousandths(one["exposure"]["resilience"]["mean"]),
        ]
        for name, one in found.items()
    ]
    return head, rows


def phases(own: Mapping[str, Any]) -> Rows:
    """Of one policy."""
    rows = [
        [
            name,
            NONE if one["resilience"] is None else fraction(one["resilience"]),
            number(one["outages"]),
            median(one["recovery"]),
        ]
        for name, one in own["phases"].items()
    ]
    return ["resilience", "outages that begin", "their median length"], rows


def attacks(found: Found) -> Rows:
    """Successful attacks per episode on each asset."""
    first = next(iter(found.values()))["attacks"]
    places = [(kind, role) for kind, row in first.items() for role in row]
    rows = [
        [name, *(number(one["attacks"][kind][role]) for kind, role in places)] for name, one in found.items()
    ]
    return [f"{kind} {role}" for kind, role in places], rows


def pairs(compared: list[dict[str, Any]]) -> Rows:
    """Differences pair by pair; none where resilience was not measured."""
    head = ["resilience", *COMPONENTS, "P(better)", "everywhere", "mean recovery"]
    rows = [
        [
            f"{pair['first']} − {pair['second']}",
            fraction(one["resilience"], "+"),
            *(thousandths(one["health"][part]["mean"], "+") for part in COMPONENTS),
            f"{one['probability_of_improvement']['value']:.2f}",
            fraction(one["everywhere"], "+"),
            NONE if one["recovery"] is None else interval(one["recovery"], "+"),
        ]
        for pair in compared
        if (one := pair.get("resilience"))
    ]
    return head, rows


# ---------------------------------------------------------------- for the terminal


def resilience_tables(figures: dict[str, Any], against: str = "") -> list[Table]:
    """Of all policies, and of pairs; none where resilience was not measured."""
    found = measured(figures)
    tables = []
    if found:
        tables += [
            _table(f"resilience{against}", AREAS, "policy", areas(found)),
            _table(f"outages and recovery{against}", TIMES, "policy", times(found)),
            _table(f"published scores, and exposure{against}", SCORES, "policy", points(found)),
        ]
    head, rows = pairs(figures.get("pairs", []))
    if rows:
        caption = "P(better): the first has the higher resilience in the same episode"
        tables.append(_table(f"pairs: resilience{against}", caption, "first minus second", (head, rows)))
    return tables


def _table(title: str, caption: str, first: str, found: Rows) -> Table:
    head, rows = found
    view = new_table(title, caption, first, [row[0] for row in rows])
    cells = {name: [row[i + 1] for row in rows] for i, name in enumerate(head)}
    return filled(view, {row[0]: row[0] for row in rows}, cells)
