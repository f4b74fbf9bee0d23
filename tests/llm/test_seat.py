"""Turns, queues, limits and errors of a seat."""

import numpy as np
import pytest

from garrison.llm.arena import Arena
from garrison.llm.names import AGENTS, HOSTS
from garrison.llm.players import call, end
from garrison.llm.seat import MAX_MALFORMED, MAX_QUEUE
from garrison.worlds.cc4 import tables as T


def codes(view):
    return [error["code"] for error in view.errors]


def test_a_turn_ends_when_every_free_agent_has_an_order(blue):
    hand = blue(0)
    for agent, zone in ((0, "RZA"), (1, "OZA"), (2, "RZB"), (3, "OZB")):
        assert hand.do("deploy_patch", host=f"{zone}-s0", agent=AGENTS[agent]).tick == 0
    view = hand.do("deploy_patch", host="PAZ-s0")
    assert view.tick == 2
    assert "FREE B0 B1 B2 B3 B4" in view.text


def test_ticks_pass_until_an_agent_is_free(blue):
    hand = blue(0)
    calls = [call("restore_backup", host=f"{zone}-s0") for zone in ("RZA", "OZA", "RZB", "OZB")]
    view = hand.arena.act({"calls": [*calls, call("run_forensics", host="PAZ-s0")]})
    assert view.tick == 2
    assert "BUSY B0 restore_backup RZA-s0 3" in view.text
    assert "FREE B4" in view.text


def test_a_turn_with_named_ticks_ends_early_for_an_agent_that_finishes(blue):
    hand = blue(0)
    hand.do("run_forensics", host="PAZ-s0")
    assert hand.do("end_turn", ticks=5).tick == 2
    assert hand.do("end_turn", ticks=5).tick == 7


def test_an_agent_carries_out_its_queue_one_after_the_other_and_a_busy_one_sleeps(blue):
    hand = blue(0)
    hand.do("restore_backup", host="RZA-s0")
    hand.do("run_forensics", host="RZA-s1")
    hand.pass_ticks(6)
    assert hand.view.tick == 6
    assert hand.arena.game.parts["action_cost"] == -1  # submitted once, not in each tick of it
    assert hand.seat.tracker.looked_age[T.server_host(T.RZA, 0)] == 1  # as after an Analyse
    assert "BUSY B0 run_forensics RZA-s1 1" in hand.view.text
    view = hand.pass_ticks(1)
    assert "run_forensics RZA-s1: clean (T6-7)" in view.text


def test_an_order_waits_for_an_action_that_the_warm_up_left(red):
    hand = red(1)
    tracker = hand.seat.tracker
    agent = next(agent for agent in hand.seat.agents if tracker.ticks_of(agent) > 1)
    left = tracker.ticks_of(agent)
    assert f"{AGENTS[agent]} earlier action {left}" in hand.view.text
    host = next(
        h for h in np.flatnonzero(tracker.address[tracker.place(agent)]) if T.RED_OWNS_HOST[agent - 5, h]
    )
    hand.do("prepare_exfiltration", host=HOSTS[host])
    hand.until_free()
    assert hand.view.tick == left + 2
    assert f"prepare_exfiltration {HOSTS[host]}: " in hand.view.text
    assert "no result" not in hand.view.text


def test_the_queue_is_limited(blue):
    hand = blue(0)
    for number in range(MAX_QUEUE):
        assert not hand.do("wait", agent="B0", ticks=1 + number % 2).errors
    assert codes(hand.do("wait", agent="B0")) == ["QUEUE_FULL"]


def test_the_fifth_query_is_refused(blue):
    hand = blue(0)
    for _ in range(4):
        assert not hand.do("query_siem").errors
    assert codes(hand.do("triage_alerts")) == ["QUERY_BUDGET"]
    hand.pass_ticks(1)
    assert not hand.do("query_siem").errors


def test_too_many_calls_end_the_turn(blue):
    hand = blue(0)
    for _ in range(12):
        assert hand.do("wait", agent="nobody").tick == 0
    assert hand.do("wait", agent="nobody").tick > 0


def test_calls_after_the_end_of_the_turn_are_refused(blue):
    view = blue(0).arena.act({"calls": [end(), call("query_siem")]})
    assert codes(view) == ["OVER"]
    assert view.tick == 1


@pytest.mark.parametrize(
    ("name", "params", "code", "hint"),
    [
        ("run_forensics", {"host": "RZA-s9"}, "UNKNOWN_HOST", "RZA-s"),
        ("run_forensics", {"host": "CON-s0"}, "NOT_YOURS", "zones"),
        ("query_siem", {"zone": "XYZ"}, "UNKNOWN_ZONE", "closest"),
        ("query_siem", {"zone": "CON"}, "NOT_YOURS", "zones"),
        ("run_forensics", {"host": "RZA-s0", "agent": "B1"}, "NOT_YOURS", ""),
        ("checkpoint_plan", {"agent": "R0"}, "NOT_YOURS", "B0"),
        ("send_status", {"bits": 1}, "UNKNOWN_TOOL", ""),
        ("attempt_exploit", {"host": "RZA-s0"}, "WRONG_SIDE", "blue"),
    ],
)
def test_errors_of_orders(blue, name, params, code, hint):
    hand = blue(0)
    view = hand.do(name, **params)
    assert codes(view) == [code]
    assert hint in view.errors[0]["hint"]
    assert view.tick == 0
    assert f"ERROR {code}" in view.text
    assert hand.seat.tally.errors == {code: 1}
    assert hand.seat.tally.malformed == 0


@pytest.mark.parametrize("reply", ["I think.", {"tool": "x"}, 7])
def test_a_malformed_reply_wastes_a_tick(blue, reply):
    hand = blue(0)
    view = hand.arena.act(reply)
    assert codes(view) == ["MALFORMED"]
    assert view.tick == 1
    assert hand.seat.tally.malformed == hand.seat.tally.calls == 1


def test_many_malformed_turns_forfeit_the_game(blue):
    hand = blue(0)
    for number in range(MAX_MALFORMED):
        assert hand.view.outcome is None, number
        hand.view = hand.arena.act("...")
    assert hand.view.outcome == "forfeit"
    assert hand.view.reward == 0
    with pytest.raises(RuntimeError, match="over"):
        hand.arena.act("...")


def test_a_good_turn_ends_the_row_of_malformed_ones(blue):
    hand = blue(0)
    for _ in range(MAX_MALFORMED - 1):
        hand.arena.act("...")
    hand.pass_ticks(1)
    hand.arena.act("...")
    assert hand.arena.game.outcome is None


def test_both_sides_can_have_seats():
    arena = Arena("small", ("blue", "red_agent_0"))
    arena.reset(0)
    assert arena.act(call("deploy_patch", host="OZA-s0"), "blue").tick == 0
    arena.act(end(), "blue")
    assert arena.act(call("prepare_exfiltration", host="CON-u1"), "red_agent_0").tick == 1
    arena.act(end(), "blue")  # red's only agent is busy
    view = arena.view("red_agent_0")
    assert view.tick == 2
    assert "prepare_exfiltration CON-u1" in view.text
    assert "OZA" not in view.text.split("DONE")[1].splitlines()[0]
    assert "deploy_patch OZA-s0: decoys" in arena.view("blue").text
    assert "PLAN" not in view.text
    assert "attempt_exploit" not in str(arena.game.seats["blue"].tools)


def test_two_seats_wait_for_each_other(pair):
    hand = pair(0)
    first, second = hand.arena.seats
    assert hand.arena.act(end(), first).tick == 0
    with pytest.raises(RuntimeError, match="turn of blue_agent_0"):
        hand.arena.act(end(), first)
    assert hand.arena.act(end(), second).tick == 1
    assert hand.arena.view(first).tick == 1
    assert "PLAN B1" not in hand.arena.view(first).text
    assert "PLAN B1" in hand.arena.view(second).text
