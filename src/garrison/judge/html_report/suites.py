"""The section of a report page on a suite."""

from __future__ import annotations

from typing import Any

from garrison.judge.html_report.markup import Html, note, section, table
from garrison.judge.suite_tables import suite_note, suite_rows, suite_title


def suites(figures: dict[str, Any]) -> list[Html]:
    """A section for each suite on which the policies were evaluated; none without."""
    found = []
    for one in figures.get("suites", {}).values():
        head, rows = suite_rows(one)
        title, text = suite_title(one), suite_note(one)
        found.append(
            section(
                f"{title[0].upper()}{title[1:]}", table(head, rows), note(f"{text[0].upper()}{text[1:]}.")
            )
        )
    return found
