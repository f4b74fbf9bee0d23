"""The changelog names what users can name: commands, presets, algorithms, suites, columns."""

import re

import pytest
from doc_pages import ROOT

from garrison import algos
from garrison.judge.suites import known
from garrison.presets import PRESETS
from garrison.worlds.cc4.columns import COLUMNS

TEXT = (ROOT / "CHANGELOG.md").read_text()
LISTED = (ROOT / "docs/command-line.md").read_text()
NAMES = {
    "preset": sorted(PRESETS),
    "algorithm": sorted(algos.names()),
    "suite": sorted(known.SUITES),
    "column": sorted(f"cc4/{name}" for name in COLUMNS if name != "base"),
    "command": sorted(
        set(re.findall(r"^\| `([a-z]+)[` ]", LISTED.partition("## Examples")[0], re.MULTILINE))
    ),
}


@pytest.mark.parametrize("kind", NAMES)
def test_all_are_named(kind):
    assert len(NAMES[kind]) > 3
    assert [
        name for name in NAMES[kind] if not re.search(rf"\b{re.escape(name)}\b", TEXT, re.IGNORECASE)
    ] == []


def test_sections_are_those_of_the_format():
    order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    _, *versions = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    for version in versions:
        kinds = re.findall(r"^### (\w+)", version, re.MULTILINE)
        assert set(kinds) <= set(order)
        assert kinds == sorted(kinds, key=order.index)
