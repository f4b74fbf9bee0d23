"""Replays of games with tools: what seats read and called, the plan, and the score's account."""

import json

import pytest

from garrison.judge.replays import difference
from garrison.llm.arena import Arena
from garrison.llm.chat import Chat
from garrison.llm.clients import Reply
from garrison.llm.game import MAX_SHOWN
from garrison.llm.players import call, end, player
from garrison.llm.references import players_of, references
from garrison.llm.truth import ticks_again
from garrison.view.replay import packed, unpacked

HOSTILE = "</script><img src=x onerror=alert(1)>"


class Model:
    """Writes a call into text, then calls natively."""

    model = "test-model"

    def __init__(self):
        self.asked = 0

    def complete(self, messages, tools):
        self.asked += 1
        if self.asked == 1:
            text = f'{HOSTILE} {{"tool_name": "end_turn", "params": {{"ticks": 5}}}}'
            return Reply(text, (), 900, 20, 1.23456)
        return Reply("I wait.", ({"tool_name": "no_such_tool"}, end(5)), 1000, 12, 0.5)


@pytest.fixture(scope="module")
def played():
    arena = Arena("small")
    view = arena.reset(3)
    chat = Chat(Model(), arena.game)
    texts = []
    while not view.done:
        texts.append(view.text)
        view = arena.act(chat.answer(view))
    return arena, texts, unpacked(packed(arena.replay()))


def test_calls_stand_in_the_tick_that_they_led_to(played):
    _, texts, replay = played
    turns = {tick["t"]: tick["turns"] for tick in replay.ticks if "turns" in tick}
    assert list(turns) == list(range(1, 61, 5))
    assert [turn["read"] for found in turns.values() for turn in found] == texts
    first, second = turns[1][0], turns[6][0]
    assert first["action"].startswith(HOSTILE)
    assert first["model"] == {
        "model": "test-model", "prompt_tokens": 900, "completion_tokens": 20, "latency_s": 1.235
    }  # fmt: skip
    assert second["model"]["said"] == "I wait."
    assert second["answers"][0]["error"]["code"] == "UNKNOWN_TOOL"
    assert "You defend a network" in replay.header["game"]["prompts"]["blue"]


def test_the_account_gives_the_score(played):
    arena, _, replay = played
    rows = replay.end["account"]["blue"]
    values = {row["name"]: row["value"] for row in rows}
    assert values["score"] == pytest.approx(arena.score())
    assert values["validity"] == 1
    assert all(row["meaning"] for row in rows)


def test_actions_that_are_played_again_give_the_same(played):
    _, _, replay = played
    assert difference(replay.ticks, ticks_again(replay)) is None


def test_texts_that_are_too_long_are_cut():
    arena = Arena("small")
    arena.reset(3)
    arena.act({"calls": [call("wait", rationale="x" * 2 * MAX_SHOWN)]})
    [turn] = arena.game.turns
    assert len(turn["action"]) < MAX_SHOWN + 20
    assert turn["action"].endswith("(cut)")
    assert any("x" * 2 * MAX_SHOWN in line for line in arena.game.transcript.lines)


def test_references_play_the_same_game(played):
    """And the plan's states in their replays end as the referee counts them."""
    arena, _, _ = played
    found = {one.player: one for one in references(arena.game)}
    assert list(found) == ["guard+plan", "idle"]
    for one in found.values():
        assert one.game.reference == arena.game.reference
        assert one.replay.header["policy"] == one.player
        assert len(one.replay.ticks) == 61
    assert found["idle"].game.loss == arena.game.reference
    best = found["guard+plan"]
    assert best.game.score("blue") > 0.6
    states = {}
    for tick in best.replay.ticks:
        states |= dict(tick.get("plan", []))
    assert len(states) == len(best.replay.header["game"]["plan"]) == 40
    assert sum(state == "sealed" for state in states.values()) == best.game.referee.sealed
    # the same calls in an arena of one's own: the same transcript, so this is the same game
    again = Arena("small")
    again.reset(3)
    one = player("guard+plan", 3)
    while again.game.outcome is None:
        again.act(one.act(again.game.seats["blue"], again.rows()))
    assert again.game.transcript.hash == best.game.transcript.hash


def test_games_of_several_seats_have_no_references():
    arena = Arena("small", seats=("blue", "red"))
    arena.reset(3)
    with pytest.raises(ValueError, match="several seats"):
        players_of(arena.game)


def test_skipped_turns_and_hints_are_noted():
    arena = Arena("small")
    arena.reset(3)
    arena.game.helped("blue")
    arena.game.skip("blue")
    assert [json.loads(json.dumps(turn)) for turn in arena.game.turns] == [
        {"t": 0, "seat": "blue", "hint": True},
        {"t": 0, "seat": "blue", "skipped": True},
    ]
