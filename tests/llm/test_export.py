"""Exported games: prompts that a model would have been given, and answers that play the same game again."""

import dataclasses
import json

import pytest

from garrison.llm import chat, export
from garrison.llm.arena import Arena
from garrison.llm.clients import Reply
from garrison.llm.export import Counts, Export, examples
from garrison.llm.players import PLAYERS, call, end
from garrison.llm.scenarios import SCENARIOS

SEEDS = range(3)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A size of ten ticks that guard+plan wins: the number of ticks is not compiled."""
    one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=10, threshold=1e9, instructions=5)
    monkeypatch.setitem(SCENARIOS, "short", one)


def exported(counts=None, seeds=SEEDS, **parts):
    parts = {"scenario": "short", "keep": "all", "waiting": 1.0} | parts
    return list(examples(Export(**parts), seeds, counts))


def test_the_answers_play_the_same_game_and_the_prompts_are_what_a_model_is_given():
    counts = Counts()
    lines = exported(counts)
    assert counts.games == 3
    assert counts.lines == len(lines)
    arena = Arena("short", "blue")
    for seed in SEEDS:
        view = arena.reset(seed)
        own = [line for line in lines if line["seed"] == seed]
        talk = chat.Conversation(arena.game)
        assert [line["turn"] for line in own] == list(range(len(own)))
        for line in own:
            *asked, answer = line["messages"]
            assert asked == talk.messages(view)
            assert line["loss_to_go"] + arena.game.loss == pytest.approx(own[0]["loss_to_go"])
            began = arena.game.tick
            calls = [one["function"] for one in answer["tool_calls"]]
            calls = [{"tool_name": one["name"], "params": one["arguments"]} for one in calls]
            talk.add(view, chat.said(Reply("", tuple(calls))))
            view = arena.act({"calls": calls})
            assert line["dense"] == arena.game.dense("blue", began, arena.game.tick)
        assert view.done
        assert (line["score"], line["outcome"]) == (view.reward, view.outcome)
        assert line["transcript"] == arena.game.transcript.hash
    names = {tool["function"]["name"] for tool in lines[0]["tools"]}
    assert {one["function"]["name"] for line in lines for one in line["messages"][-1]["tool_calls"]} <= names


def test_games_as_text_are_one_line_each():
    turns, games = exported(form="text"), exported(form="text", per="game")
    assert len(games) == 3
    for line in games:
        own = [one for one in turns if one["seed"] == line["seed"]]
        said = [m["content"] for m in line["messages"] if m["role"] == "assistant"]
        assert said == [one["messages"][-1]["content"] for one in own]
        assert all(json.loads(text)["calls"] for text in said)
        assert line["loss_to_go"] == own[0]["loss_to_go"]
    native = exported(per="game")[0]["messages"]
    assert all(m["tool_calls"] for m in native if m["role"] == "assistant")


class Half:
    """Gives an order in every second turn."""

    def __init__(self):
        self.turns = 0

    def act(self, seat, rows):
        self.turns += 1
        return {"calls": [*([call("checkpoint_plan", agent="B0")] if self.turns % 2 else []), end()]}


def test_waiting_is_a_share_and_lost_games_are_left_out(monkeypatch):
    monkeypatch.setitem(PLAYERS, "half", lambda seed: Half())
    counts = Counts()
    lines = exported(counts, waiting=0.2, teacher="half")
    waits = [len(line["messages"][-1]["tool_calls"]) == 1 for line in lines]
    assert 0 < counts.waiting == sum(waits) <= 0.2 * len(lines)
    assert counts.dropped > 0
    counts = Counts()
    assert exported(counts, teacher="idle", keep="won") == []
    assert counts.left_out == 3
    assert exported(teacher="attacker", seat="red", opponent="idle")[0]["outcome"] in ("red", "over")


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "data.jsonl"

    def broken():
        yield {"a": 1}
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        export.write(path, broken())
    assert list(tmp_path.iterdir()) == []
    export.write(path, [{"b": 1, "a": 2}])
    assert path.read_text() == '{"a": 2, "b": 1}\n'


@pytest.mark.parametrize(
    ("seeds", "parts", "message"),
    [
        ([1_000_000], {}, "seed 1000000 is not in 0..99999"),
        (SEEDS, {"waiting": 2.0}, "waiting is 2.0"),
        (SEEDS, {"teacher": "gard"}, "did you mean 'guard'"),
    ],
)
def test_what_cannot_be_exported_is_refused(seeds, parts, message):
    with pytest.raises(ValueError, match=message):
        exported(seeds=seeds, **parts)
