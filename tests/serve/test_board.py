"""Leaderboards: seeds count once, means have intervals, and a damaged file costs its damaged lines alone."""

import json

import pytest
from replays import toy_replay

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from garrison.serve.board import GAMES, Board
from garrison.view import write


def game(player, seed, score, hints=0, **more):
    about = {"scenario": "small", "seat": "blue", "opponent": "fsm", "teammates": None, "plan": True}
    found = {"player": player, "seed": seed, "score": score, "hints": hints}
    return about | found | {"outcome": "red", "transcript": "0"} | more


def test_means_have_intervals_and_seeds_count_once():
    board = Board()
    board.add([game("Ada", seed, seed / 10) for seed in range(6)] + [game("Ada", 0, 1.0)])
    board.add([game("Bob", 1, 0.9), game("Bob", 2, 0.8, hints=3), game("Ada", 1, 0.1, scenario="large")])
    small, large = board.tables()
    rows = {(row["player"], row["hints"]): row for row in small["players"]}
    assert [row["player"] for row in small["players"]] == ["Bob", "Bob", "Ada"]
    ada = rows["Ada", False]
    assert (ada["n"], ada["mean"]) == (6, pytest.approx(0.25))
    assert 0 < ada["low"] < 0.25 < ada["high"] < 0.5
    assert rows["Bob", False]["low"] is None
    assert rows["Bob", True]["mean"] == 0.8
    assert large["scenario"] == "large"


def test_a_folder_is_read_again(tmp_path, caplog):
    board = Board(tmp_path / "new")
    board.add([game("Ada", 1, 0.5)])
    with (tmp_path / "new" / GAMES).open("a") as file:
        file.write("nonsense\n" + json.dumps({"player": "Bob"}) + "\n")
    [table] = Board(tmp_path / "new").tables()
    assert [row["player"] for row in table["players"]] == ["Ada"]
    assert "line 2 is left out" in caplog.text
    assert "line 3 is left out" in caplog.text


def test_replays_are_listed_and_only_they_are_given(tmp_path):
    replay, board = toy_replay(), Board(tmp_path)
    board.keep("one", replay)
    write(tmp_path / "two.replay.jsonl.gz", replay)
    (tmp_path / "bad.replay.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "link.replay.jsonl.gz").symlink_to(tmp_path / "bad.replay.jsonl.gz")
    assert {one["file"] for one in board.replays()} == {"one.replay.jsonl.gz", "two.replay.jsonl.gz"}
    assert board.replay("one.replay.jsonl.gz") == (tmp_path / "one.replay.jsonl.gz").read_bytes()
    for name in ("../one.replay.jsonl.gz", "link.replay.jsonl.gz", GAMES, "three.replay.jsonl.gz"):
        assert board.replay(name) is None
    assert Board().replays() == []
