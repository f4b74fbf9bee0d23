"""A seat of one agent beside the guard."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.struct import Struct
from garrison.llm import simulation
from garrison.llm.arena import Arena
from garrison.llm.players import call, player
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.simulation import SLEEP, Roles, Simulation, Start
from garrison.llm.text import count
from garrison.worlds.cc4 import BLUE_POLICIES
from garrison.worlds.cc4 import tables as T


@pytest.fixture(scope="module")
def arena():
    return Arena("small", "blue_agent_4")


class Counting(Struct):
    """Sleeps, and remembers how often it was asked."""

    def init(self, key, num_agents):
        return jnp.int32(0)

    def act(self, key, obs, mask, memory):
        return jnp.asarray(SLEEP[: T.NUM_BLUE]), memory + 1


@pytest.mark.slow
def test_teammates_begin_afresh_after_the_warm_up(monkeypatch):
    """What they chose in it was not carried out."""
    monkeypatch.setitem(BLUE_POLICIES, "counting", Counting())
    monkeypatch.setattr(simulation, "BLUES", ("counting",))
    one, roles = Simulation("counting"), Roles((4,), "counting")
    one.begin({0: Start(SCENARIOS["small"], roles, 1)})
    assert one._env.memory.tolist() == [0]
    one.tick(np.ones(1, bool), roles.actions[None], np.zeros((1, T.NUM_BLUE, 8), np.uint8))
    assert one._env.memory.tolist() == [1]


def test_teammates_act(arena):
    arena.reset(1)
    view = arena.act(call("end_turn", ticks=5))
    assert view.tick == 5
    episode = jax.tree.map(lambda x: np.asarray(x[0]), arena._batch._concurrent.simulation._env.episode)
    owners = T.HOST_BLUE[np.flatnonzero(episode.state.host_decoy.any(axis=1))]
    zones = T.SUBNET_BLUE[np.flatnonzero(episode.state.blocked.any(axis=1))]
    acted = (
        set(owners.tolist()) | set(zones.tolist()) | set(np.flatnonzero(episode.state.blue_ticks).tolist())
    )
    assert acted == {0, 1, 2, 3}


def test_a_single_agent_has_its_part_of_the_plan_and_short_texts(arena):
    view = arena.reset(1)
    seat = arena.game.seats["blue_agent_4"]
    one, counts = player("guard+plan", 1), []
    assert len(arena.game.referee.items) == 8
    assert "next #2" in view.text
    while not view.done:
        counts.append(count(view.text))
        view = arena.act(one.act(seat, arena.rows()))
    assert np.median(counts) <= 180
    assert max(counts) <= 350
    assert set(seat.tally.errors) == set()
    assert arena.game.referee.share >= 0.6
    assert "B0" not in view.text
