"""Whole games: the same calls give the same bytes, and the guard by its tools is the guard."""

import jax
import numpy as np
import pytest

from garrison.llm import arena
from garrison.llm.arena import Arena, ArenaBatch
from garrison.llm.concurrent import ConcurrentGames, Setup
from garrison.llm.game import Transcript
from garrison.llm.players import PLAYERS, _decide, _mask, call, end, player
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.simulation import Roles, Simulation, Start
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import guard

CALLS = [
    call("harden_policy", zone="OZA"),
    call("deploy_patch", host="RZA-s0"),
    {"calls": [call("run_forensics", host="PAZ-s0"), call("query_siem"), end(2)]},
    "nonsense",
    end(3),
]


def played(batch, seeds, actions=CALLS):
    batch.reset(seeds)
    for action in actions:
        batch.act([action] * len(seeds))
    return [game.transcript for game in batch.games]


@pytest.fixture(scope="module")
def alone():
    return ArenaBatch(1, "small")


def whole(hand, name):
    one = player(name, 0)
    while not hand.view.done:
        hand.view = hand.arena.act(one.act(hand.seat, hand.arena.rows()))
    return hand.arena.game


def test_the_same_calls_give_the_same_transcript(alone):
    (first,), (again,), (other,) = (played(alone, [seed]) for seed in (3, 3, 4))
    assert first.lines == again.lines
    assert first.hash == again.hash
    assert first.hash != other.hash
    (changed,) = played(alone, [3], [*CALLS[:-1], end(2)])
    assert changed.hash != first.hash


def test_games_do_not_depend_on_those_beside_them(alone, monkeypatch):
    monkeypatch.setattr(arena, "SIZES", (3,))  # the next in use takes long to compile
    together = played(ArenaBatch(2, "small"), [5, 3])  # the third is filled up
    for seed, transcript in zip((5, 3), together, strict=True):
        assert transcript.lines == played(alone, [seed])[0].lines


def test_games_start_while_others_wait(alone):
    """Of several sizes and seats, each from its own tick on."""
    games = ConcurrentGames("idle", 3)  # compiled above
    games.start({1: (Setup.of("small"), 5, None)})
    for action in CALLS[:2]:
        games.games[1].act(action, "blue")
        games.advance()
    games.start({0: (Setup.of("medium"), 3, None), 2: (Setup.of("small", "red", "idle"), 3, None)})
    for action in CALLS[2:]:
        games.games[1].act(action, "blue")
        games.games[2].act(end(2), "red")
        games.advance()
    assert games.games[1].transcript.lines == played(alone, [5])[0].lines
    assert games.games[0].tick == 0
    assert games.games[2].tick > 0
    games.drop(1)
    games.advance()
    assert set(games.games) == {0, 2}


def test_concurrent_games_refuse_what_they_cannot_play():
    games = ConcurrentGames("idle", 3)
    with pytest.raises(ValueError, match="environment 3; there are 0..2"):
        games.start({3: (Setup.of("small"), 5, None)})
    with pytest.raises(ValueError, match="blue is played by 'idle' here, not by 'guard'"):
        games.start({0: (Setup.of("small", "red"), 5, None)})
    with pytest.raises(ValueError, match="no blue player 'gard'"):
        ConcurrentGames("gard")


def test_a_transcript_is_chained_and_canonical():
    one, two = Transcript(), Transcript()
    one.add({"b": 1, "a": [1.5]})
    assert one.lines == ['{"a":[1.5],"b":1}']
    two.add({"a": [1.5]})
    two.add({"b": 1})
    assert one.hash != two.hash
    with pytest.raises(ValueError, match="JSON"):
        one.add({"a": float("nan")})


def test_the_reference_is_the_loss_of_an_idle_seat(blue):
    game = whole(blue(3), "idle")
    assert game.loss == game.reference > 0
    assert game.figures("blue").ratio == 1
    assert game.outcome == "red"
    assert game.score("blue") == pytest.approx(0.1)


def test_the_guard_by_its_tools_is_the_guard(blue):
    """The same losses as of the guard's CC4 actions without tools between."""
    game = whole(blue(3), "guard")
    simulation, roles = Simulation(), Roles(tuple(range(T.NUM_BLUE)))
    simulation.begin({0: Start(SCENARIOS["small"], roles, 3)})
    actions, messages = (
        roles.actions[None].copy(),
        np.zeros((1, T.NUM_BLUE, T.MESSAGE_BITS), np.uint8),
    )
    memory, loss = guard.Guard().init(jax.random.key(0), T.NUM_BLUE), 0.0
    mask = _mask(game.seats["blue"].tracker.exists)
    for _ in range(game.scenario.ticks):
        chosen, memory, _ = _decide()(simulation.observations(0)[: T.NUM_BLUE], mask, memory)
        actions[0, : T.NUM_BLUE] = chosen
        (tick,) = simulation.tick(np.ones(1, bool), actions, messages)
        loss += float(tick.loss)
    assert game.loss == loss < game.reference
    assert game.seats["blue"].tally.errors == {}


def test_the_reference_player_wins(blue):
    game = whole(blue(3), "guard+plan")
    assert game.outcome == "blue"
    assert game.score("blue") > 0.6
    assert game.referee.sealed > 0
    data = game.metadata("blue")
    assert data["return"] == -data["loss"] == pytest.approx(sum(data["reward_parts"].values()))
    assert data["plan"]["done"] == game.referee.done >= game.scenario.needed
    assert data["errors"] == {}


def test_the_end_verifies_the_plan(blue):
    hand = blue(0)
    item = next(one for one in hand.arena.game.referee.items if one.kind == "cut")
    hand.pass_ticks(59)
    item.status = "done"  # as if the block had been lifted since
    hand.pass_ticks(1)
    assert item.status == "open"
    assert hand.view.metadata["plan"]["done"] == 0


@pytest.mark.parametrize("name", ["plan", "guard"])
def test_neither_the_plan_nor_the_defense_wins_alone(blue, name):
    game = whole(blue(0 if name == "plan" else 3), name)
    enough = (game.figures("blue").ratio <= game.scenario.threshold, game.referee.share >= 0.6)
    assert enough == (name == "guard", name == "plan")
    assert game.outcome == "red"


def test_the_mask_of_the_reference_is_the_worlds(blue):
    from garrison.llm.simulation import world

    hand = blue(1)
    episode = jax.tree.map(lambda x: x[0], hand.arena._batch._concurrent.simulation._env.episode)
    legal = np.asarray(world().legal(episode))[: T.NUM_BLUE, : T.MAX_BLUE_ACTIONS]
    assert np.array_equal(_mask(hand.seat.tracker.exists), legal)


def test_scripted_reds_and_calls_of_tools_share_the_first_ticks(red):
    hand = red(1)
    assert hand.arena.game.reference > 0  # fsm goes on from the warm-up that fsm played
    game = whole(hand, "idle")
    assert game.loss < game.reference
    assert game.outcome == "over"
    assert 0 < game.score("red") < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "smal"}, "did you mean 'small'"),
        ({"seats": "blue_agent_9"}, "no seat"),
        ({"seats": ("blue", "blue_agent_1")}, "different agents"),
        ({"seats": ()}, "at least one"),
        ({"opponent": "guard"}, "no red player 'guard'"),
        ({"seats": "red", "opponent": "fsm"}, "no blue player 'fsm'"),
        ({"teammates": "guard"}, "all agents of its side"),
        ({"seats": ("blue", "red"), "opponent": "fsm"}, "leave these out"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Arena(**arguments)


def test_wrong_seeds_and_numbers_are_named(alone):
    with pytest.raises(ValueError, match="seed is -1"):
        alone.reset([-1])
    with pytest.raises(ValueError, match="2 seeds for 1 games"):
        alone.reset([1, 2])
    with pytest.raises(ValueError, match=r"1\.\.128"):
        ArenaBatch(129)
    with pytest.raises(RuntimeError, match="call reset"):
        Arena().game  # noqa: B018
    with pytest.raises(ValueError, match="no player 'gard'"):
        player("gard", 0)
    assert "guard+plan" in PLAYERS
    alone.reset([0])
    with pytest.raises(RuntimeError, match="no score yet"):
        alone.games[0].score("blue")
