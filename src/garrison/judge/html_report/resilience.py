"""The section of a report page on resilience."""

from __future__ import annotations

from typing import Any

from garrison.judge import resilience_tables as rows
from garrison.judge.html_report.markup import Html, figure, note, section, table, tag
from garrison.judge.html_report.resilience_plots import resilience_svg


def resilience(figures: dict[str, Any], policy: str, against: str = "") -> list[Html]:
    """All policies beside each other, and ``policy`` by phase; nothing where it was not measured."""
    found = rows.measured(figures)
    if policy not in found:
        return []
    caption = (
        "Means over episodes, with 95% intervals; drop: attacks that stop a service, smoothed over 100 "
        "steps. Right: outages by Kaplan-Meier."
    )
    return [
        section(
            f"Resilience{against}",
            note(f"{_sentence(rows.AREAS)} In brackets: 95% bootstrap interval."),
            _table("policy", rows.areas(found), policy),
            figure(resilience_svg(found, policy), caption),
            tag("h3", "Outages and recovery"),
            _table("policy", rows.times(found), policy),
            note(_sentence(rows.TIMES)),
            tag("h3", f"{policy}, by phase"),
            _table("phase", rows.phases(found[policy])),
            tag("h3", "Published scores, and exposure"),
            _table("policy", rows.points(found), policy),
            note(_sentence(rows.SCORES)),
            tag("h3", "Successful attacks on the assets per episode"),
            _table("policy", rows.attacks(found), policy),
        )
    ]


def _table(first: str, found: rows.Rows, marked: str | None = None) -> Html:
    head, lines = found
    return table([first, *head], lines, marked)


def _sentence(caption: str) -> str:
    return f"{caption[0].upper()}{caption[1:]}."
