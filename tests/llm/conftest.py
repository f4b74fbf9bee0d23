"""Games that the tests share: one program, of one environment in which the other side is idle or a script."""

import pytest

from garrison.llm.arena import Arena
from garrison.llm.players import call, end


class Hand:
    """Plays an arena by hand, and looks into its simulator."""

    def __init__(self, arena: Arena, seed: int):
        self.arena = arena
        self.view = arena.reset(seed)

    @property
    def seat(self):
        return self.arena.game.seats[self.arena.seats[0]]

    @property
    def state(self):
        """The simulator's state, which no seat sees."""
        import jax

        env = self.arena._batch._concurrent.simulation._env
        return jax.tree.map(lambda x: x[0], jax.device_get(env.episode.state))

    def do(self, name, seat=None, **params):
        """One call."""
        self.view = self.arena.act(call(name, **params), seat)
        return self.view

    def run(self, name, **params):
        """One order, and turns until it is carried out."""
        self.do(name, **params)
        return self.until_free()

    def until_free(self):
        while any(worker.has_orders for worker in self.seat.workers.values()) and not self.view.done:
            self.view = self.arena.act(end())
        return self.view

    def pass_ticks(self, number):
        for _ in range(number):
            self.view = self.arena.act(end())
        return self.view

    def until(self, condition, most=60):
        """Pass ticks until the condition holds."""
        for _ in range(most):
            if condition():
                return
            self.pass_ticks(1)
        raise AssertionError("it did not happen")


@pytest.fixture(scope="session")
def blue():
    """``blue(seed)``: a game of all blue agents against fsm."""
    arena = Arena("small", "blue")
    return lambda seed=0: Hand(arena, seed)


@pytest.fixture(scope="session")
def red():
    """``red(seed)``: a game of all red agents against idle defenders."""
    arena = Arena("small", "red", opponent="idle")
    return lambda seed=0: Hand(arena, seed)


@pytest.fixture(scope="session")
def pair():
    """``pair(seed)``: a game of two blue agents, one seat each."""
    arena = Arena("small", ("blue_agent_0", "blue_agent_1"), teammates="idle")
    return lambda seed=0: Hand(arena, seed)
