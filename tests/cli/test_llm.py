"""``garrison llm``: a whole game in the terminal, the tools, and the canaries."""

import json
from dataclasses import replace

import numpy as np
import pytest

from garrison.cli import commands
from garrison.llm import canaries
from garrison.llm.clients import OpenAICompatible, Reply
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.tools import TOOLS


def scores_about(score):
    """Columns of :func:`canaries.measure`."""
    values = score + np.random.default_rng(0).normal(0, 0.02, 40)
    return {"score": values, "won": np.ones(40), "ratio": values, "plan": values}


def run(capsys, *arguments):
    status = commands.run(["llm", *arguments])
    return status, capsys.readouterr().out


@pytest.fixture
def short(monkeypatch):
    """A size of ten ticks: the number of ticks is not compiled."""
    monkeypatch.setitem(SCENARIOS, "short", replace(SCENARIOS["small"], name="short", ticks=10, warm_up=30))


def test_a_game_is_shown_turn_by_turn(capsys, short):
    status, shown = run(capsys, "play", "--scenario", "short", "--seed", "1")
    assert status == 0
    text = " ".join(shown.split())
    assert "You defend a network of 10 ticks" in text
    assert "T 0/10 phase" in text
    assert "> execute_instruction(id=1)" in text or "> restore_backup(" in text
    assert "T 10/10" in text
    assert "score" in text


def test_a_game_as_json(capsys, short):
    status, shown = run(capsys, "play", "--scenario", "short", "--player", "idle", "--json")
    assert status == 0
    found = json.loads(shown)
    assert found["outcome"] == "red"
    assert found["loss"] == found["reference_loss"]
    assert found["score"] == pytest.approx(found["scores"]["score"])
    assert json.loads(found["transcript_lines"][0])["scenario"] == "short"
    assert found["metrics"]["calls"] == 10
    again = json.loads(run(capsys, "play", "--scenario", "short", "--player", "idle", "--json")[1])
    assert again["transcript"] == found["transcript"]


def test_a_red_game(capsys, short):
    status, shown = run(
        capsys, "play", "--scenario", "short", "--seat", "red", "--opponent", "idle", "--json"
    )
    assert status == 0
    found = json.loads(shown)
    assert found["outcome"] == "over"
    assert found["plan"] is None
    assert found["tools"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--client", "gpt"), "no client 'gpt'"),
        (("--client", "openai"), "needs --model"),
        (("--client", "replay", "--model", "m"), "needs --recording"),
        (("--client", "replay", "--model", "m", "--recording", "none.jsonl"), "no such recording"),
        (("--client", "openai", "--model", "m", "--max-calls", "0"), "not scored: limit of calls"),
        (("--scenario", "tiny"), "no scenario 'tiny'"),
        (("--seat", "red", "--player", "guard"), "of red"),
        (("--seed", "-1"), "seed is -1"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(SystemExit, match=message):
        commands.run(["llm", "play", *arguments])


def test_a_model_plays_and_its_recording_plays_the_same_game(capsys, short, tmp_path, monkeypatch):
    def complete(self, messages, tools):
        return Reply("", ({"tool_name": "end_turn", "params": {"ticks": 5}},), 100, 10)

    monkeypatch.setattr(OpenAICompatible, "complete", complete)
    record = ("--model", "m", "--recording", str(tmp_path / "record.jsonl"), "--json")
    played = ("play", "--scenario", "short", *record)
    first = json.loads(run(capsys, *played, "--client", "openai", "--max-calls", "2")[1])
    monkeypatch.delattr(OpenAICompatible, "complete")
    second = json.loads(run(capsys, *played, "--client", "replay")[1])
    assert first["transcript"] == second["transcript"]
    assert first["turns"] == 2


@pytest.mark.parametrize("side", TOOLS)
def test_tools_are_listed(capsys, side):
    status, shown = run(capsys, "tools", "--side", side, "--json")
    assert status == 0
    assert [row["name"] for row in json.loads(shown)] == list(TOOLS[side])
    assert "end_turn" in run(capsys, "tools", "--side", side)[1]


def test_canaries_fail_the_command_where_they_score(capsys, monkeypatch):
    found = {"guard+plan": scores_about(0.8), "idle": scores_about(0.1)}
    monkeypatch.setattr(canaries, "measure", lambda *args, **more: found)
    status, shown = run(capsys, "canaries", "--json")
    assert status == 0
    assert json.loads(shown)["failures"] == []
    found["idle"] = scores_about(0.78)
    status, shown = run(capsys, "canaries")
    assert status == 1
    assert "idle" in shown


def test_players_are_compared(capsys, short):
    games = ["--scenario", "short", "--episodes", "3"]
    status, shown = run(capsys, "eval", "guard", "idle", *games, "--json")
    assert status == 0
    found = json.loads(shown)["players"]
    assert found["idle"]["difference"]["mean"] == pytest.approx(
        found["idle"]["score"]["mean"] - found["guard"]["score"]["mean"]
    )
    status, shown = run(capsys, "eval", "guard", "idle", *games)
    assert "more than guard" in " ".join(shown.split())
    with pytest.raises(SystemExit, match="name different ones"):
        run(capsys, "eval", "guard", "guard")


def test_a_model_that_cannot_be_asked_is_no_score(capsys, short, tmp_path):
    status, shown = run(
        capsys, "eval", "idle", "model:none", "--scenario", "short", "--episodes", "2", "--max-calls", "0",
        "--json",
    )  # fmt: skip
    assert status == 0
    found = json.loads(shown)["players"]["model:none"]
    assert found["score"] is None
    assert found["difference"] is None
    assert all("limit of calls" in reason for reason in found["unscored"].values())


def test_games_are_exported(capsys, short, tmp_path):
    path = tmp_path / "data.jsonl"
    arguments = ["--scenario", "short", "--episodes", "3", "--keep", "all", "--out", str(path)]
    status, shown = run(capsys, "sft", *arguments, "--json")
    assert status == 0
    found = json.loads(shown)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == found["lines"] > 10
    assert {line["seed"] for line in lines} == {0, 1, 2}
    status, shown = run(capsys, "sft", *arguments)
    assert f"{len(lines)} lines of 3 games" in " ".join(shown.split())
