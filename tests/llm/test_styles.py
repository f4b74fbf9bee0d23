"""Prompt styles: what each writes, that none changes the game, and the reward of single turns."""

import json

import numpy as np
import pytest

from garrison.llm import acd, chat, styles
from garrison.llm.arena import Arena
from garrison.llm.clients import Reply
from garrison.llm.export import Export, examples
from garrison.llm.players import call, end, player
from garrison.llm.styles import STYLES
from garrison.llm.text import count


@pytest.fixture(scope="module")
def arena():
    """``arena(style)``: arenas, which share their program."""
    return lambda style="compact", **more: Arena("small", style=style, **more)


def played(arena, ticks=12, seed=1):
    """The game so far, and its texts."""
    one, view, texts = player("guard+plan", seed), arena.reset(seed), []
    while view.tick < ticks:
        texts.append(view.text)
        view = arena.act(one.act(arena.game.seats["blue"], arena.rows()))
    return arena.game, [*texts, view.text], view


def test_a_style_changes_texts_and_nothing_else(arena):
    games = {style: played(arena(style)) for style in STYLES if style != "acd"}
    assert len({game.transcript.hash for game, _, _ in games.values()}) == 1
    assert len({json.dumps(view.facts) for _, _, view in games.values()}) == 1
    assert len({texts[-1] for _, texts, _ in games.values()}) == 4


def test_full_repeats_what_compact_leaves_out(arena):
    view, compact = arena("full").reset(1), arena().reset(1)
    hosts = next(line for line in view.text.splitlines() if line.startswith("HOSTS"))
    assert "more" not in hosts
    assert hosts.count("|") + 1 == sum(bool(one["evidence"]) for one in view.facts["hosts"].values())
    assert "more" in compact.text
    one = arena("full")
    one.reset(1)
    one.act(call("deploy_patch", host="OZA-s0"))
    for _ in range(4):
        view = one.act(end())
    assert "DECOYS OZA-s0" in view.text  # said in an earlier turn, too
    assert view.text.count("| next ") >= 10
    wanted = next(line for line in view.text.splitlines() if line.startswith("BLOCKS")).split("wanted ")[1]
    assert len(wanted.split(" | ")[0].split()) > 10


def test_json_is_the_facts_with_answers_and_the_end(arena):
    one = arena("json")
    view = one.reset(1)
    assert json.loads(view.text) == json.loads(json.dumps(view.facts))
    view = one.act({"calls": [call("run_forensics", host="nowhere"), call("query_siem", last=1)]})
    said = json.loads(view.text)
    assert [("error" in answer) for answer in said["answers"]] == [True, False]
    while not view.done:
        view = one.act(end(5))
    assert json.loads(view.text)["over"] == "red"


@pytest.mark.parametrize("side", ["blue", "red"])
def test_micro_fits_into_64_tokens(side, request):
    hand = request.getfixturevalue(side)(1)
    hand.arena.game.seats[side].style = "micro"
    one, counts = player(None, 1, side), []
    hand.arena.game._views.clear()
    while not hand.view.done:
        hand.view = hand.arena.act(one.act(hand.seat, hand.arena.rows()))
        counts.append(count(hand.view.text))
    assert 5 < max(counts) <= 64
    assert not any(line.startswith("OK") for line in hand.view.text.splitlines())


def test_micro_names_one_instruction_and_codes_of_errors(arena):
    view = arena("micro").reset(1)
    first, hosts, free, now = view.text.splitlines()
    assert first == "T 0/60 A"
    assert hosts.count("|") == 1
    assert free == "FREE B0 B1 B2 B3 B4"
    assert now == "NOW #11 deploy_patch RZA-u2"
    one = arena("micro")
    one.reset(1)
    assert one.act(call("run_forensics", host="nowhere")).text == "ERROR UNKNOWN_HOST"


# ---------------------------------------------------------------- acd


@pytest.fixture(scope="module")
def alone():
    """``alone(seed)``: an arena of one agent in the style acd, and its first view."""
    made = Arena("small", "blue_agent_0", teammates="idle", style="acd")
    return lambda seed=1: (made, made.reset(seed))


def test_acd_tells_phase_result_bits_and_what_is_suspicious(alone):
    arena, view = alone()
    lines = view.text.splitlines()
    assert lines[:3] == ["phase: A", "last action: none", "status: none"]
    assert lines[3:7] == [f"B{i}: 00000000" for i in range(1, 5)]
    assert "RZA-s0 process" in lines[7]
    assert "RZA-u3 connection" in lines[7]
    view = arena.act('I look. {"action": "Analyse host:RZA-s0", "reason": "a process"}')
    assert arena.game.tick == 2
    assert "last action: run_forensics RZA-s0" in view.text
    assert "RZA-s0 process" not in view.text  # without memory
    seat = arena.game.seats["blue_agent_0"]
    assert seat.tally.tools == {"send_status": 1, "run_forensics": 1}
    [host] = np.flatnonzero(seat.tracker.looked).tolist()
    grade = "escalate.sh" if seat.tracker.root[host] else "cmd.sh" if seat.tracker.shell[host] else "clean"
    assert grade in view.text


@pytest.mark.parametrize(
    ("answer", "tools"),
    [
        ('{"action": "Restore host:RZA-s0"}', ["restore_backup"]),
        ('{"action": "Remove host:RZA-s0", "reason": "a shell"}', ["disable_account"]),
        ('{"action": "DeployDecoy host:RZA-u1"}', ["deploy_patch"]),
        ('{"action": "BlockTraffic subnet:OFF"}', ["publish_ioc_blocklist"]),
        ('{"action": "AllowTraffic subnet:OFF"}', []),  # nothing is blocked
        ('{"action": "Sleep"}', []),
        ('{"action": "Restore everything"}', []),
        ('{"action": "BlockTraffic host:OFF"}', []),
        ('{"action": 7}', []),
        ("I would restore RZA-s0.", []),
    ],
)
def test_acd_reads_seven_verbs_and_all_else_is_sleep(alone, answer, tools):
    arena, _ = alone()
    read = acd.action_of(answer, arena.game.seats["blue_agent_0"])
    assert [one["tool_name"] for one in read["calls"]] == ["send_status", *tools]
    assert arena.act(answer).errors == ()
    assert arena.game.tick >= 1


def test_acd_lifts_blocks_of_its_own_zone(alone):
    arena, _ = alone()
    arena.act('{"action": "BlockTraffic subnet:OFF"}')
    read = acd.action_of('{"action": "AllowTraffic subnet:OFF"}', arena.game.seats["blue_agent_0"])
    [lift] = read["calls"][1:]
    assert lift == {"tool_name": "reconcile_state", "params": {"zone": "RZA", "from_zone": "OFF"}}


def test_acd_sends_bits_of_source_grade_and_work(alone):
    arena, _ = alone()
    seat = arena.game.seats["blue_agent_0"]
    found = acd.suspicious(seat, seat.present)
    assert acd.status(seat, found, busy=True) & 0b111 == 0b101  # a process, and busy
    assert acd.status(seat, {}, busy=False) & 0b111 == 0
    seat.tracker.source[:] = True
    seat.tracker.evidence_age[:] = 0
    assert acd.status(seat, {}, busy=False) == 0b10000000


def test_acd_asks_a_model_without_tools_and_without_history(alone):
    asked = []

    class Model:
        model = "model"

        def complete(self, messages, tools):
            asked.append((messages, tools))
            return Reply('{"action": "Sleep"}')

    arena, view = alone()
    talk = chat.Chat(Model(), arena.game)
    for _ in range(2):
        view = arena.act(talk.answer(view))
    for messages, tools in asked:
        assert [one["role"] for one in messages] == ["system", "user"]
        assert list(tools) == []
        assert "You are B0" in messages[0]["content"]
        assert "RZA" in messages[0]["content"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "compakt"}, "did you mean 'compact'"),
        ({"style": "acd"}, "it is for seats of one blue agent"),
        ({"style": "acd", "seats": "red_agent_1"}, "it is for seats of one blue agent"),
        ({"reward": "sparse"}, "reward is 'sparse'; it is one of: terminal, dense"),
    ],
)
def test_what_there_is_not_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Arena("small", **arguments)


def test_scripted_players_do_not_answer_in_words():
    with pytest.raises(ValueError, match="style is 'acd'"):
        list(examples(Export("small", seat="blue_agent_1", style="acd"), range(1)))
    assert styles.STYLES[0] == "compact"


# ---------------------------------------------------------------- rewards of turns


def test_the_dense_reward_is_half_for_the_loss_of_the_idle_defender(arena):
    one = arena(reward="dense")
    view, rewards = one.reset(1), []
    assert view.reward == 0
    while not view.done:
        view = one.act(end(5))
        rewards.append(view.reward)
    assert rewards[:-1] == pytest.approx([0.5] * (len(rewards) - 1))
    assert rewards[-1] == one.score()
    assert one.game.reference_losses.sum() == pytest.approx(one.game.reference)


def test_the_dense_reward_is_of_the_turns_ticks_and_within_a_turn_none(arena):
    game, _, view = played(arena(reward="dense"))
    scored = game.dense("blue", 0, game.tick)
    assert 0 < scored < 1
    x = (sum(game.losses) + 7 * 12 / 60) / (game.reference_losses[:12].sum() + 7 * 12 / 60)
    assert scored == pytest.approx(1 - x / 2 if x <= 1 else 1 / (2 * x))
    assert view.reward == game.dense("blue", 11, 12)
    assert arena().reset(1).reward == 0
    assert played(arena())[2].reward == 0
    assert game.dense("blue", 3, 3) == 0
