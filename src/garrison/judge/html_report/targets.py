"""The section of a report page on how decisions depend on the states of their targets."""

from __future__ import annotations

from typing import Any

from garrison.judge.analysis_tables import response
from garrison.judge.format import NONE, information, number, percent, times
from garrison.judge.html_report.markup import Html, cell, figure, join, note, section, table, tag
from garrison.judge.html_report.target_plots import kinds_svg, states_svg


def targets(figures: dict[str, Any], policy: str, against: str = "") -> list[Html]:
    """All policies beside each other, and ``policy`` in detail; nothing where it was not analyzed."""
    found = {name: one.get("targets") for name, one in figures["policies"].items()}
    found = {name: one for name, one in found.items() if one}
    if policy not in found:
        return []
    own = found[policy]
    main = next(iter(own["views"]))
    graph = [] if own["graph"] is None else [figure(states_svg(own, policy))]
    return [
        section(
            f"Decisions and the states of their targets{against}",
            note(
                "Dependence: mutual information between the kind of action and the state of its target, in "
                "bits, less that of targets shuffled within agent and step. In brackets: 95% bootstrap "
                "interval; 0 within it: no dependence found."
            ),
            _dependence(found, policy),
            *graph,
            tag("h3", f"Shares of kinds of action by {main}"),
            figure(kinds_svg(found, main)),
            *(_states(policy, own, label) for label in own["views"]),
            _responses(found),
        )
    ]


def _dependence(found: dict[str, Any], policy: str) -> Html:
    views = list(found[policy]["views"])
    rows = [
        [
            name,
            *(information(one["views"][label]["dependence"]) for label in views),
            number(one["decisions"]),
        ]
        for name, one in found.items()
    ]
    return table(["policy", *views, "decisions per episode"], rows, policy)


def _states(policy: str, own: dict[str, Any], label: str) -> Html:
    """Kinds of action by state: shares, and how much more often than by chance."""
    view = own["views"][label]
    rows = []
    for state, shares in view["shares"].items():
        count = sum(view["counts"][state].values())
        cells = [
            cell(f"{percent(share)} {times(view['lift'][kind][state])}" if count else "", "heat", share)
            for kind, share in shares.items()
        ]
        rows.append([state, f"{count:,}", *cells])
    return join(
        [
            tag("h3", f"{policy}, by {label}: shares of kinds; × lift over random targets"),
            table([label, "decisions", *view["lift"]], rows, class_="dense"),
        ]
    )


def _responses(found: dict[str, Any]) -> Html:
    first = next(iter(found.values()))
    rows = [
        [f"{level}: {kind}", *(response(one["responses"][level][kind]) for one in found.values())]
        for level, row in first["responses"].items()
        for kind in row
    ]
    words = (
        f"Responses within {first['within']} decisions of the agent: share of onsets, median steps until then"
    )
    return join([tag("h3", words), table(["", *found], rows), note(f"{NONE}: no onset.")])
