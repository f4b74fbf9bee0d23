"""Players beside each other on the same games, with models that fail now and then."""

import dataclasses
import threading

import pytest

from garrison.llm.arena import ArenaBatch
from garrison.llm.chat import Chat
from garrison.llm.clients import ClientError, Metered, Reply
from garrison.llm.compare import Contestant, compare, play
from garrison.llm.players import Idle, player
from garrison.llm.scenarios import SCENARIOS

SEEDS = range(1_000_000, 1_000_005)


class Ends:
    """A model that ends its turns, from several threads, and cannot be asked in some games."""

    model = "ends"

    def __init__(self, fails=()):
        self.fails, self.asked, self.lock = fails, 0, threading.Lock()

    def complete(self, messages, tools):
        with self.lock:
            self.asked += 1
        return Reply("", ({"tool_name": "end_turn", "params": {"ticks": 5}},), 100, 10, 0.5)


class Sometimes(Chat):
    def act(self, seat, rows):
        if self.game.seed in self.client.client.fails and self.game.tick >= 5:
            raise ClientError("status 500")
        return super().act(seat, rows)


@pytest.fixture
def batch(monkeypatch):
    one = dataclasses.replace(SCENARIOS["small"], name="short", ticks=10)
    monkeypatch.setitem(SCENARIOS, "short", one)
    return ArenaBatch(3, "short")


def test_players_are_compared_on_the_games_that_both_finished(batch):
    meter = Metered(Ends(fails=(SEEDS[1], SEEDS[3])), prices=(1.0, 2.0))
    made = {
        "guard": Contestant(lambda game: player("guard", game.seed)),
        "idle": Contestant(lambda game: Idle()),
        "model": Contestant(lambda game: Sometimes(meter, game), meter, threads=3),
    }
    seen = []
    played = {name: play(batch, one, SEEDS, seen.append) for name, one in made.items()}
    found = compare(played, "blue", {name: one.meter for name, one in made.items()})
    assert len(seen) == 15
    assert [row["games"] for row in found.values()] == [5, 5, 3]
    assert found["model"]["unscored"] == {SEEDS[1]: "status 500", SEEDS[3]: "status 500"}
    assert found["guard"]["difference"] is None
    scores = {seed: game.score("blue") for seed, game in played["guard"].games.items()}
    idle = {seed: game.score("blue") for seed, game in played["idle"].games.items()}
    both = [seed for seed in SEEDS if seed in played["model"].games]
    assert found["model"]["difference"]["n"] == 3
    assert found["model"]["difference"]["mean"] == pytest.approx(
        sum(idle[seed] - scores[seed] for seed in both) / 3, abs=1e-6
    )  # it does as idle does, with fewer turns
    assert found["idle"]["ratio"]["mean"] == pytest.approx(1)
    assert found["model"]["turns"] == 2
    assert found["model"]["tools"] == {"end_turn": 6}
    used = found["model"]["usage"]
    assert used["calls_per_game"] == meter.client.asked / 5 == 8 / 5
    assert used["cost_per_game"] == pytest.approx((800 + 160) * 1e-6 / 5)


def test_without_a_place_for_failures_they_are_raised(batch):
    from garrison.llm.play import play_games

    meter = Metered(Ends(fails=(SEEDS[0],)))
    with pytest.raises(ClientError, match="status 500"):
        play_games(batch, SEEDS[:3], lambda game: Sometimes(meter, game))
