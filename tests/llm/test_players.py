"""Scripted players, canaries, and the rules that canaries are held to."""

import numpy as np
import pytest

from garrison.llm import canaries
from garrison.llm.canaries import CANARIES, LOWEST, REFERENCE, advantages, failures, measure
from garrison.llm.players import PLAYERS, RED_PLAYERS, call_of, player
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.tools import TOOLS
from garrison.worlds.cc4 import tables as T

NOT_LEGAL = ("random junk", "silent", "malformed")


@pytest.mark.parametrize("name", CANARIES)
def test_a_canary_plays_and_breaks_no_rule_of_the_tools(blue, name):
    hand = blue(1)
    one = CANARIES[name](1)
    for _ in range(8):
        if not hand.view.done:
            hand.view = hand.arena.act(one.act(hand.seat, hand.arena.rows()))
    errors = set(hand.seat.tally.errors)
    allowed = {"NOTHING_TO_DO", "QUERY_BUDGET"}
    assert (errors <= allowed) == (name not in NOT_LEGAL)
    assert hand.view.tick == 8
    if name.startswith("only "):
        assert set(hand.seat.tally.tools) <= {name.removeprefix("only "), "end_turn"}


def test_there_is_a_canary_for_each_tool_that_acts_or_tells():
    names = {name.removeprefix("only ") for name in CANARIES if name.startswith("only ")}
    controls = {"execute_instruction", "checkpoint_plan", "wait", "send_status", "cancel", "end_turn"}
    assert names | controls == set(TOOLS["blue"])


@pytest.mark.parametrize("agent", range(T.NUM_BLUE))
def test_every_action_of_the_guard_has_a_call(agent):
    """The calls of different actions differ, and each names the action's target."""
    calls = [call_of(agent, index) for index in range(T.BLUE_ACTION_COUNTS[agent])]
    without = [index for index, one in enumerate(calls) if one is None]
    kinds = T.BLUE_ACTIONS[agent, without, 0]
    assert set(kinds.tolist()) == {T.Blue.SLEEP, T.Blue.MONITOR}
    distinct = {str(one) for one in calls if one is not None}
    assert len(distinct) == T.BLUE_ACTION_COUNTS[agent] - 2


def test_the_attacker_uses_its_tools(red):
    hand = red(2)
    one = player(None, 2, "red")
    while not hand.view.done:
        hand.view = hand.arena.act(one.act(hand.seat, hand.arena.rows()))
    assert set(hand.seat.tally.errors) <= {"NOT_KNOWN"}
    assert len(hand.seat.tally.tools) >= 6
    assert hand.arena.game.loss > 50
    assert 0 < hand.arena.score() < 1


def test_unknown_players_are_named():
    with pytest.raises(ValueError, match="no player 'guard' of red"):
        player("guard", 0, "red")
    with pytest.raises(ValueError, match="did you mean 'guard'"):
        measure("small", ["guad"], [0])
    assert REFERENCE in PLAYERS
    assert "idle" in RED_PLAYERS


def columns(score, episodes=40):
    noise = np.random.default_rng(0).normal(0, 0.02, episodes)
    values = np.clip(score + noise, 0, 1)
    return {"score": values, "won": np.ones(episodes), "ratio": values, "plan": values}


def test_the_rules_find_a_score_that_can_be_had_without_the_plan():
    found = {REFERENCE: columns(0.8), "idle": columns(0.1), "silent": columns(0.0), "guard": columns(0.79)}
    rows = advantages(found)
    assert rows["idle"]["advantage"]["mean"] == pytest.approx(0.7, abs=0.02)
    (line,) = failures(rows)
    assert line.startswith("guard: ")
    assert failures(advantages(found | {"guard": columns(0.4)})) == []


def test_the_rules_find_silence_that_pays():
    rows = advantages({REFERENCE: columns(0.8), "idle": columns(0.1), "malformed": columns(0.2)})
    (line,) = failures(rows)
    assert line.startswith("malformed: ")
    with pytest.raises(ValueError, match="is missing"):
        advantages({"idle": columns(0.1)})


@pytest.mark.slow
def test_canaries_stay_below_the_reference():
    """The eight that score most; all of them are in results/llm_canaries."""
    names = [
        REFERENCE,
        "guard",
        "plan only",
        "only harden_policy",
        "only deploy_patch",
        "only disable_account",
        "only run_forensics",
        "random legal",
        "checkpoints only",
        *LOWEST,
    ]
    rows = advantages(measure("small", names, range(1_000_000, 1_000_024)))
    assert failures(rows) == []
    assert rows[REFERENCE]["won"] >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "least"), [("small", 0.6), ("medium", 0.8), ("large", 0.8)])
def test_the_three_sizes_can_be_won_by_defending_with_the_plan_alone(scenario, least):
    names = [REFERENCE, "idle", "guard", "plan only", "random legal"]
    found = measure(scenario, names, range(1_000_000, 1_000_200))
    won = {name: rows["won"].mean() for name, rows in found.items()}
    assert won.pop(REFERENCE) >= least
    assert max(won.values()) <= 0.05
    assert SCENARIOS[scenario].threshold is not None
    assert canaries.MARGIN > 0
