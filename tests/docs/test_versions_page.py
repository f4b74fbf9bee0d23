"""The page on versions has the formats that the code writes and reads."""

import re

from doc_pages import ROOT

from garrison.league import config as league
from garrison.parity.recording import trace
from garrison.runs import checkpoint, sweep
from garrison.training import config as training
from garrison.view import replay
from garrison.worlds.cc4 import topology

PAGE = (ROOT / "docs/versions.md").read_text()
FORMATS = {
    "config.json": training.FORMAT,
    "checkpoint.json": checkpoint.FORMAT,
    "sweep.json": sweep._FORMAT,
    "league.json": league.FORMAT,
    "*.replay.jsonl.gz": replay.VERSION,
    "recording of CybORG": trace.FORMAT,
    "network of CC4": topology._FORMAT,
}


def rows() -> dict[str, list[str]]:
    """Format and what else is read, by file."""
    table = PAGE.partition("## Formats of files\n")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    found = {}
    for name, *values in cells:
        quoted = re.search("`(.*)`", name)
        found[quoted[1] if quoted else name.strip()] = [value.strip().strip("`") for value in values]
    return found


def test_formats_are_those_of_the_code():
    assert {name: written for name, (written, *_) in rows().items()} == {
        name: str(value) for name, value in FORMATS.items()
    }


def test_earlier_formats_are_all_read():
    """What a release wrote stays readable: no number between the first and the present one is left out."""
    earlier = {1, *training._ADDED, *range(2, training.FORMAT)}
    assert earlier == set(range(1, training.FORMAT))
    assert rows()["config.json"][1] == f"1 to {training.FORMAT - 1}"
    assert checkpoint._FIELDS.keys() == {1, checkpoint.FORMAT}
    assert rows()["checkpoint.json"][1] == "1"
