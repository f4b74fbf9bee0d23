"""The figures of :mod:`~garrison.parity.scores.equivalence` in tables and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from garrison.judge.html_report import plots
from garrison.parity.scores.equivalence import farthest, prominent
from garrison.studies.study import Section, Study

_HEADER = (
    "quantity", "Garrison", "sd", "CybORG", "sd", "difference", "95%", "p", "adj. p", "margin", "TOST p",
    "found at 90%",
)  # fmt: skip
_OVERVIEW = (
    "policy", "episodes", "Garrison", "CybORG", "difference", "95%", "margin", "equivalent", "found at 90%",
    "episodes needed",
)  # fmt: skip
_BEHAVIOR = ("policy", "distance", "95%", "halves of CybORG", "95% of them below", "p", "adj. p")
#: columns that a terminal has room for, of each table
_BRIEF = {
    _HEADER: ("quantity", "CybORG", "difference", "95%", "adj. p", "margin"),
    _OVERVIEW: ("policy", "Garrison", "CybORG", "difference", "95%", "margin", "equivalent"),
    _BEHAVIOR: ("policy", "distance", "95%", "halves of CybORG", "adj. p"),
}
_PICTURE = "differences.png"


def study(figures: Mapping[str, Any]) -> Study:
    pairs = figures["pairs"]
    blocks = {
        _named(pair): [(gap["quantity"], gap["difference"], gap["margin"]) for gap in prominent(pair)]
        for pair in pairs
    }
    return Study(
        title="CC4: the same policies on Garrison and on CybORG",
        figures=figures,
        finding=finding(figures),
        method=(
            f"Independent episodes; versions: {'; '.join(versions(figures))}. The score is the official one, "
            "without the last reward; parts and phases have all rewards. Differences are Garrison's mean "
            "minus CybORG's, with Welch's 95% interval. adj. p: for no gap, adjusted by Holm over all tests "
            "here. TOST p: for a gap of the margin or more; below 0.05 both are equivalent. The margin of a "
            "part or phase is the same share of CybORG's standard deviation as the score's margin is of the "
            "score's. Found at 90%: the true gap that so many episodes find with that chance, by a single "
            "test at 5%. Episodes needed: per side, to show the margin with a chance of 90% if there is no "
            "gap. Behavior: total variation distance between the shares of decisions by kind of action, with "
            "a bootstrap interval, and that of random halves of CybORG's episodes, which are of one "
            "distribution; p: permutation test."
        ),
        sections=list(sections(figures)),
        pictures={_PICTURE: plots.differences(blocks)} if blocks else {},
    )


def sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    pairs = figures["pairs"]
    scored = all(pair["gaps"][0]["quantity"] == "score" for pair in pairs)
    title = "Official score" if scored else "Return over all rewards"
    yield Section(title, _OVERVIEW, [_overview_row(pair) for pair in pairs], brief=_BRIEF[_OVERVIEW])
    behavior = [_behavior_row(pair) for pair in pairs if pair["behavior"] is not None]
    if behavior:
        yield Section("Behavior", _BEHAVIOR, behavior, brief=_BRIEF[_BEHAVIOR])
    for pair in pairs:
        rows = [_gap_row(gap) for gap in pair["gaps"]]
        yield Section(_named(pair), _HEADER, rows, brief=_BRIEF[_HEADER], brief_rows=len(prominent(pair)))


def versions(figures: Mapping[str, Any]) -> list[str]:
    found = {f"{engine} {v}" for pair in figures["pairs"] for engine, v in pair["version"].items()}
    return sorted(found, reverse=True)


def finding(figures: Mapping[str, Any]) -> str:
    shown = [pair for pair in figures["pairs"] if pair["gaps"][0]["equivalent"]]
    text = (
        f"{figures['systematic']} of {figures['tests']} tests find a systematic gap at a family-wise level "
        f"of {figures['level']:.0%}; least adjusted p: {figures['least_adjusted_p']:.2g}, largest "
        f"difference: {farthest(figures):.2f} standard errors. Scores shown to be equivalent: {len(shown)} "
        f"of {len(figures['pairs'])} policies."
    )
    waiting = [f"{policy} against {red}" for policy, red in figures["waiting"]]
    return text + (f" Too few episodes yet: {', '.join(waiting)}." if waiting else "")


def _named(pair: Mapping[str, Any]) -> str:
    return pair["policy"] if pair["red"] == "fsm" else f"{pair['policy']} against {pair['red']}"


def _overview_row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    gap = pair["gaps"][0]
    return (
        _named(pair),
        " / ".join(str(n) for n in pair["episodes"].values()),
        number(gap["garrison"]["mean"]),
        number(gap["cyborg"]["mean"]),
        *_difference_cells(gap),
        f"±{gap['margin']:g}",
        "yes" if gap["equivalent"] else "not shown",
        number(gap["detectable"]),
        "" if gap["needed"] is None else str(gap["needed"]),
    )


def _gap_row(gap: Mapping[str, Any]) -> tuple[str, ...]:
    moments = [number(gap[engine][what]) for engine in ("garrison", "cyborg") for what in ("mean", "sd")]
    if gap["constant"]:
        return gap["quantity"], *moments, "", "", "", "", "", "", ""
    return (
        gap["quantity"],
        *moments,
        *_difference_cells(gap),
        f"{gap['difference']['p']:.2g}",
        f"{gap['adjusted']:.2g}",
        f"±{number(gap['margin'])}",
        f"{gap['tost']:.2g}",
        number(gap["detectable"]),
    )


def _behavior_row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    found = pair["behavior"]
    return (
        _named(pair),
        f"{found['distance']:.4f}",
        f"{found['low']:.4f} … {found['high']:.4f}",
        f"{found['halves']:.4f}",
        f"{found['halves_high']:.4f}",
        f"{found['p']:.2g}",
        f"{found['adjusted']:.2g}",
    )


def _difference_cells(gap: Mapping[str, Any]) -> tuple[str, str]:
    found = gap["difference"]
    return f"{found['value']:+,.2f}", f"{found['low']:+,.1f} … {found['high']:+,.1f}"


def number(x: float) -> str:
    return f"{x:,.{0 if abs(x) >= 1000 else 1 if abs(x) >= 100 else 2}f}"
