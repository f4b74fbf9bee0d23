"""The data sheet of the recorded episodes agrees with the files."""

import json
import re
from pathlib import Path

import pytest
from doc_pages import ROOT
from recorded_episodes import DATA, recorded

from garrison.adapters.cyborg.engine import KNOWN_SOURCES
from garrison.parity.recording import trace

PAGE = (ROOT / "docs/recordings.md").read_text()
#: the cells of each recording's row, by file
ROWS = {
    name: [cell.strip().strip("`") for cell in rest.strip("|").split("|")]
    for name, rest in re.findall(r"^\| `(\S+\.jsonl(?:\.xz)?)` \|(.*)\|$", PAGE, flags=re.MULTILINE)
}


@pytest.fixture(scope="module")
def recordings() -> dict[str, trace.Trace]:
    found = [trace.read(path) for path in DATA.glob("*.jsonl.xz")]
    found += [one for path in DATA.glob("*.tar.xz") for one in recorded(path.name).values()]
    return {one.path.name: one for one in found}


def test_every_recording_has_a_row(recordings):
    assert ROWS.keys() == recordings.keys()


def test_rows_say_what_the_files_hold(recordings):
    for name, one in recordings.items():
        _, *steps = (record for _, record in one.lines())
        header = one.header
        draws = sum(len(step["tape"]) for step in steps)
        cells = [header["red"], header["blue"], str(header["seed"]), str(len(steps)), f"{draws:,}"]
        if (DATA / name).exists():
            cells.append(f"{(DATA / name).stat().st_size:,}")
        assert ROWS[name] == cells
        without_raw = name == "random_select-sleep-0.jsonl.xz" or ".xz" not in name  # as the limits say
        assert ["raw" in step for step in steps] == [not without_raw] * len(steps)


def test_where_they_come_from(recordings):
    sources = {name: one.header.get("sources") for name, one in recordings.items()}
    assert {name for name, found in sources.items() if found is None} == {"random_select-sleep-0.jsonl.xz"}
    [known] = {found for found in sources.values() if found}
    assert f"`{known}`" in PAGE
    assert known == KNOWN_SOURCES
    users = {one.header.get("green", "enterprise") for name, one in recordings.items() if ".xz" in name}
    assert users == {"enterprise"}
    others = [one for name, one in recordings.items() if ".xz" not in name and one.header["steps"] == 260]
    assert {one.header["green"] for one in others} == {"sleep"}


def test_sizes_of_archives_and_returns():
    for name in ("columns.tar.xz", "reds.tar.xz"):
        assert f"`{name}` ({(DATA / name).stat().st_size:,} bytes)" in PAGE
    files = sorted((DATA / "cc4_returns").glob("*.json"))
    assert f"({_word(len(files))} JSON files, {sum(path.stat().st_size for path in files):,} bytes)" in PAGE
    for path in files:
        stored = json.loads(path.read_text())
        assert f"`{stored['policy']}`" in PAGE
        assert [episode["seed"] for episode in stored["episodes"]] == list(range(100))


def test_no_file_is_left_out():
    named = set(re.findall(r"`([\w.-]+)`", PAGE))
    assert {path.name for path in Path(DATA).iterdir()} <= named


def _word(number: int) -> str:
    return ("no", "one", "two", "three", "four", "five")[number]
