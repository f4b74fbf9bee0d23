"""Replay files: written and read as they were, and refused where they cannot be shown."""

import gzip
import json
from dataclasses import replace

import pytest
from replays import toy_replay

from garrison.view import read, write
from garrison.view.replay import MAX_LINE, MAX_TICKS, packed, unpacked


@pytest.fixture(scope="module")
def replay():
    return toy_replay()


@pytest.fixture(scope="module")
def lines(replay):
    return gzip.decompress(packed(replay)).decode().splitlines()


def without(line: dict, name: str) -> dict:
    return {key: value for key, value in line.items() if key != name}


def squeezed(lines) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def test_what_is_written_is_read(replay, tmp_path):
    path = tmp_path / "one.replay.jsonl.gz"
    write(path, replay)
    assert read(path) == replay
    assert packed(read(path)) == path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_keys_are_ignored(replay, lines):
    later = [json.dumps(without(json.loads(line), "h") | {"later": {"more": 1}}) for line in lines]
    read_back = unpacked(squeezed(later))
    assert read_back.header.pop("later") == {"more": 1}
    assert read_back.header == replay.header


@pytest.mark.parametrize("place", [0, 1, 5, -1])
def test_a_change_is_found_where_it_is(lines, place):
    changed = [json.loads(line) for line in lines]
    changed[place]["more"] = 1
    where = {0: "tick 0", 1: "tick 0", 5: "tick 4", -1: "the end"}[place]
    with pytest.raises(ValueError, match=f"changed after it was recorded: {where} does not fit"):
        unpacked(squeezed([json.dumps(line, separators=(",", ":")) for line in changed]))


def test_files_without_hashes_are_read(replay, lines):
    assert unpacked(squeezed([json.dumps(without(json.loads(line), "h")) for line in lines])) == replay


def later(header: str) -> str:
    return header.replace('"version":1', '"version":2')


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: squeezed(lines)[:-20], "damaged"),
        (lambda lines: b"", "cut short"),
        (lambda lines: b"no gzip", "damaged"),
        (lambda lines: squeezed(lines[:-1]), "cut short; record it again"),
        (lambda lines: squeezed(["[1]", *lines[1:]]), "a list"),
        (lambda lines: squeezed(['{"a": NaN}', *lines[1:]]), "NaN"),
        (lambda lines: squeezed(["{}", *lines[1:]]), "format is None"),
        (lambda lines: squeezed([later(lines[0]), *lines[1:]]), "newer than 1"),
        (lambda lines: squeezed([lines[0], "{" + " " * MAX_LINE + "}", *lines[1:]]), "too large"),
        (lambda lines: squeezed([lines[0], *[lines[1]] * (MAX_TICKS + 1), lines[-1]]), "20,000 ticks"),
        (lambda lines: squeezed([lines[0], "[" * 100_000, lines[-1]]), "nested too deep"),
    ],
)
def test_what_is_not_a_replay_is_refused(lines, tmp_path, spoil, words):
    path = tmp_path / "bad.replay.jsonl.gz"
    path.write_bytes(spoil(lines))
    with pytest.raises(
        ValueError, match=r"bad\.replay\.jsonl\.gz is not a replay that can be shown"
    ) as error:
        read(path)
    assert words in str(error.value)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked_whole(lines):
    """A megabyte of packed zeros unpacks to a gigabyte; reading stops at the first line's limit."""
    bomb = gzip.compress(b"0" * (64 * MAX_LINE))
    assert len(bomb) < 200_000
    with pytest.raises(ValueError, match="too large"):
        unpacked(bomb)


def test_numbers_that_are_not_finite_become_null(replay):
    spoilt = replace(replay, end={**replay.end, "return": float("nan")})
    assert unpacked(packed(spoilt)).end["return"] is None
