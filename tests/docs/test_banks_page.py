"""The page on banks agrees with the code."""

import re

from doc_pages import ROOT, script

from garrison.worlds.cc4.banks import BANKS

PAGE = (ROOT / "docs/banks.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    section = re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_banks():
    listed = {name.strip("`"): axes for name, axes, _ in rows("The banks")}
    sizes = {
        name: ", ".join(
            f"`{axis}` {entries if isinstance(entries, int) else len(entries)}"
            for axis, entries in one.axes.items()
            if axis != "robust"
        )
        for name, one in BANKS.items()
    }
    assert listed == sizes | {"robust": "no entries"}


def test_axes():
    axes = [axis.strip("`") for axis, *_ in rows("Axes")]
    assert set(axes) == {axis for one in BANKS.values() for axis in one.axes} - {"robust"}


def test_arms():
    study = script("studies/cc4_diversity.py")
    listed = [
        (arm, "" if bank == "none" else bank.strip("`"))
        for arms, banks, *_ in rows("The experiment")
        for arm, bank in zip(arms.replace("`", "").split(", "), banks.split(", "), strict=True)
    ]
    assert listed == [(arm, " ".join(banks)) for arm, banks in study.ARMS.items()]
