"""The comparison takes its own figures from the results, and names a source for each other project."""

import re

import pytest
from doc_pages import ROOT

from garrison.worlds.cc4.agents import red

PAGE = (ROOT / "docs/comparison.md").read_text()
RESULT = re.compile(r"\[\w+\]\(\.\./results/(\w+)/README\.md\)")
NUMBER = re.compile(r"[−+±]?\d[\d,.]*\d|[−+±]?\d")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def figures() -> list[tuple[str, str]]:
    """The cell with figures of Garrison, and the folder of its result."""
    measured = [(own, RESULT.search(page)) for _, own, page, *_ in rows("Measured figures")]
    measured += [(cell, RESULT.search(cell)) for *_, cell in rows("With JaxMARL, PettingZoo and others")]
    return [(RESULT.sub("", cell), found[1]) for cell, found in measured if found]


def test_there_are_figures():
    assert len(figures()) > 12


@pytest.mark.parametrize(("cell", "folder"), figures(), ids=lambda text: text[:30])
def test_figures_of_garrison_are_in_the_result(cell, folder):
    text = (ROOT / "results" / folder / "README.md").read_text()
    known = {number.lstrip("±+") for number in NUMBER.findall(text)}
    missing = [number for number in NUMBER.findall(cell) if number.lstrip("±+") not in known]
    assert missing == []


def test_figures_of_cyborg_that_were_measured_here_are_in_the_result():
    """Rows whose last cell says that both were measured in the same way."""
    measured = {own: (page, other) for _, own, page, other, _ in rows("Measured figures")}
    for page, other in list(measured.values())[:2]:
        folder = RESULT.search(page)[1]
        text = (ROOT / "results" / folder / "README.md").read_text()
        assert all(number in text for number in re.findall(r"\d+\.\d", other))


def test_every_source_is_listed_and_used():
    listed = [cells[0] for cells in rows("Sources")]
    assert listed == [f"S{number}" for number in range(1, len(listed) + 1)]
    body = PAGE.partition("\n## Sources\n")[0].partition("\n## In one paragraph each\n")[2]
    used = set(re.findall(r"\bS\d+\b", body))
    assert used == set(listed)
    for name, source, _ in rows("Sources"):
        dated = re.search(r"commit|README at [0-9a-f]{7}|arXiv \d{4}\.\d{5}|\(20\d\d\)", source)
        assert dated, name


def test_the_number_of_attackers():
    [cells] = (cells for cells in rows("What each has") if cells[0] == "scripted attackers")
    assert cells[1].startswith(f"{len(set(red.POLICIES) - {'sleep'})} that act")
