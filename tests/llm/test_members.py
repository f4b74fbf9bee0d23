"""Players of seats in a league: the same episodes as all other cells, and rounds that go on after a stop."""

import dataclasses
import json

import numpy as np
import pytest

from garrison.league import run
from garrison.league.config import Config
from garrison.league.members import from_spec
from garrison.llm import members
from garrison.llm.chat import Chat
from garrison.llm.clients import Reply
from garrison.llm.players import Idle, call, end, player

#: 14 steps, in which fsm gets somewhere
CONFIG = Config(
    world="cc4",
    options={"steps": 15, "observation": "rich"},
    rows=("idle", "host:idle"),
    columns=("fsm", "sleep"),
    rounds=1,
    floor=0.1,
    blocks=1,
    judge_episodes=16,
    start="scratch",
    low=-100.0,
    high=0.0,
)


class Scripted:
    """A model that answers with a decoy, as text."""

    model = "scripted"

    def __init__(self):
        self.asked = []

    def complete(self, messages, tools):
        self.asked.append(messages[-1]["content"])
        return Reply(json.dumps({"calls": [call("deploy_patch", host="RZA-s0"), end(2)]}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "host:idle has no player; players: host:other"),
        ({"world": "toy/matrix", "options": {}, "rows": ("rock",)}, "are those of cc4"),
        (
            {"rows": ("idle",), "columns": ("host:other",), "options": {"red_observation": "acts"}},
            "a red seat reads 'known'",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_before_there_is_a_league(tmp_path, changes, message):
    config = dataclasses.replace(CONFIG, **changes)
    with pytest.raises(ValueError, match=message):
        members.create(tmp_path / "league", config, {"host:other": lambda game: Idle()})
    assert not (tmp_path / "league").exists()


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    players = {"host:idle": lambda game: Idle(), "host:attacker": lambda game: player(None, game.seed, "red")}
    config = dataclasses.replace(CONFIG, columns=("fsm", "host:attacker"))
    return members.create(tmp_path_factory.mktemp("league") / "one", config, players)


@pytest.mark.slow
def test_a_seat_that_gives_no_orders_gets_the_returns_of_the_idle_policy(league):
    """In the same episodes, of which chance draws the same numbers; against a script."""
    idle, host = league.active("blue")
    fsm, attacker = league.active("red")
    policy, seat = (league.play(one, fsm, 1_000_000, 16) for one in (idle, host))
    assert policy.min() < 0
    assert seat.tolist() == policy.tolist()
    against = [league.play(one, attacker, 1_000_000, 16) for one in (idle, host)]
    assert against[0].tolist() == against[1].tolist()
    assert against[0].tolist() != policy.tolist()


@pytest.mark.slow
def test_a_round_with_a_model_in_it(tmp_path):
    """The model is asked by its texts in every episode of its cells; a response learns beside it."""
    model = Scripted()
    config = dataclasses.replace(
        CONFIG,
        rows=("idle", "host:model"),
        training={"total_steps": 64, "num_envs": 4, "hidden_sizes": [8], "minibatches": 1, "epochs": 1},
    )
    players = {"host:model": lambda game: Chat(model, game)}
    made = members.create(tmp_path / "league", config, players)
    made.run()
    first, last = made.rounds()
    assert {*first["mixtures"]["blue"]} == {"idle", "host:model"}
    assert sum(first["mixtures"]["blue"].values()) == pytest.approx(1)
    matrix = made.matrix()
    assert matrix.mean.shape[0] >= 2
    assert np.isfinite(matrix.mean).all()
    assert len(last["mixtures"]["red"]) >= 2
    assert model.asked[0].startswith("T 0/14 phase A")
    assert any("DONE deploy_patch RZA-s0" in text for text in model.asked)
    again = members.load(tmp_path / "league", players)
    assert again.state.finished
    with pytest.raises(ValueError, match="host:model has no player"):
        members.load(tmp_path / "league", {})
    with pytest.raises(ValueError, match="nothing was given that plays it"):
        run.load(tmp_path / "league")


def test_players_belong_to_their_names(tmp_path):
    from garrison import make

    both = make("cc4", side="both")
    [first], _ = from_spec("host:a", both, "blue")
    [second], _ = from_spec("host:b", both, "blue")
    assert first.digest != second.digest
