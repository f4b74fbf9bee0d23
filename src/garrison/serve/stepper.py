"""The thread that owns the games: what several clients ask for is carried out together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from garrison.llm.concurrent import ConcurrentGames, Setup
from garrison.llm.game import Game, View
from garrison.llm.scenarios import SCENARIOS
from garrison.llm.simulation import Roles
from garrison.serve.parse import Refused

WINDOW = 0.002  # seconds in which requests are gathered


@dataclass(frozen=True, eq=False)
class Place:
    """Where a game is played, until it is closed; then another game may have the slot."""

    batch: ConcurrentGames
    slot: int
    opened: Game

    @property
    def closed(self) -> bool:
        return self.batch.games.get(self.slot) is not self.opened

    @property
    def game(self) -> Game:
        """The game. Raises ``Refused`` if it was closed."""
        if self.closed:
            raise Refused("EXECUTION_ERROR", "the game was closed")
        return self.opened


@dataclass(eq=False)
class _Open:
    setup: Setup
    seed: int
    name: str | None
    prepare: Callable[[Place], None]
    future: Future[Place] = field(default_factory=Future)


@dataclass(eq=False)
class _Act:
    place: Place
    seat: str
    action: Any
    turn: float  # seconds that other seats have; 0: no limit
    future: Future[View] = field(default_factory=Future)
    deadline: float = 0.0


@dataclass(eq=False)
class _Ask:
    ask: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class Stepper:
    """Plays games in a thread of its own; all methods may be called from any thread.

    Games whose seats wait for a tick advance in one compiled step, by groups of ``batch_size`` that share the
    policy of blue agents without a seat. The program of such a policy is compiled in another thread, while
    other games go on.
    """

    def __init__(self, batch_size: int = 8) -> None:
        self._size = batch_size
        self._requests: queue.SimpleQueue[_Open | _Act | _Ask | None] = queue.SimpleQueue()
        self._groups: dict[str, list[ConcurrentGames]] = {}
        self._compiling: dict[str, threading.Thread] = {}
        self._failed: dict[str, Exception] = {}
        self._held: list[_Open] = []  # until their program is compiled
        self._pending: list[_Act] = []  # until other seats have ended their turns
        self._thread = threading.Thread(target=self._run, name="garrison-stepper", daemon=True)

    # ------------------------------------------------------------ for clients

    def start(self, compiled: Iterable[str] = ()) -> None:
        """Start the thread, and compile the programs of these blue policies."""
        for blue in compiled:
            self._compile(blue)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the requests made so far. Games in progress are lost."""
        self._requests.put(None)
        self._thread.join()

    def compiled(self, blue: str) -> bool:
        """Whether games with a blue policy can start at once. Raises what its compilation raised."""
        if blue in self._failed:
            raise self._failed[blue]
        return blue in self._groups

    def open(
        self,
        setup: Setup,
        seed: int,
        name: str | None = None,
        prepare: Callable[[Place], None] = lambda place: None,
    ) -> Future[Place]:
        """Start a game. ``prepare`` is called before its first tick, such as to add watchers."""
        return self._put(_Open(setup, seed, name, prepare))

    def act(self, place: Place, seat: str, action: Any, turn: float = 0.0) -> Future[View]:
        """An action of a seat. The view comes when the seat decides again, or the game is over.

        Args:
            turn: seconds after which other seats are skipped that have not ended their turns; 0: never.
        """
        return self._put(_Act(place, seat, action, turn))

    def ask(self, ask: Callable[[], Any]) -> Future[Any]:
        """The result of a function that reads games, called between ticks."""
        return self._put(_Ask(ask))

    def close(self, place: Place) -> None:
        """Give the place of a game back."""
        self.ask(lambda: None if place.closed else place.batch.drop(place.slot))

    def _put(self, request: Any) -> Future[Any]:
        self._requests.put(request)
        return request.future

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            requests, going_on = self._gather()
            for request in requests:
                if isinstance(request, _Ask):
                    _answer(request.future, request.ask)
            self._open([*self._held, *(one for one in requests if isinstance(one, _Open))])
            self._act([one for one in requests if isinstance(one, _Act)])
            if not going_on:
                return

    def _gather(self) -> tuple[list[_Open | _Act | _Ask], bool]:
        """The requests of a short time, which begins with the first; and whether the thread goes on."""
        deadlines = [act.deadline for act in self._pending if act.deadline]
        wait = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        found, until = [], None
        while True:
            try:
                request = self._requests.get(timeout=wait)
            except queue.Empty:
                return found, True
            if request is None:
                return found, False
            if not isinstance(request, _Ask) or not request.future.cancelled():
                found.append(request)
            until = time.monotonic() + WINDOW if until is None else until
            wait = max(0.0, until - time.monotonic())

    # ------------------------------------------------------------ starting games

    def _open(self, requests: list[_Open]) -> None:
        self._held, groups = [], dict[ConcurrentGames, dict[int, _Open]]()
        for request in requests:
            blue = request.setup.roles.blue
            try:
                if not self.compiled(blue):
                    self._compile(blue)
                    self._held.append(request)
                    continue
            except Exception as error:
                _fail([request.future], error)
                continue
            if request.future.set_running_or_notify_cancel():
                batch, slot = self._free(blue, groups)
                groups.setdefault(batch, {})[slot] = request
        for batch, starting in groups.items():
            try:
                batch.start({slot: (one.setup, one.seed, one.name) for slot, one in starting.items()})
            except Exception as error:
                _fail([one.future for one in starting.values()], error)
                continue
            for slot, one in starting.items():
                place = Place(batch, slot, batch.games[slot])
                _answer(one.future, lambda one=one, place=place: one.prepare(place) or place, running=True)

    def _free(self, blue: str, taken: dict[ConcurrentGames, dict[int, _Open]]) -> tuple[ConcurrentGames, int]:
        """A free slot, of a new group if there is none."""
        for batch in self._groups[blue]:
            for slot in range(batch.size):
                if slot not in batch.games and slot not in taken.get(batch, {}):
                    return batch, slot
        self._groups[blue].append(ConcurrentGames(blue, self._size))
        return self._groups[blue][-1], 0

    def _compile(self, blue: str) -> None:
        if blue in self._compiling:
            return
        name = f"garrison-compile-{blue}"
        self._compiling[blue] = threading.Thread(target=self._compiled, args=(blue,), name=name, daemon=True)
        self._compiling[blue].start()

    def _compiled(self, blue: str) -> None:
        """Play a tick of a game, and start another beside it: after that every program is compiled."""
        setup = Setup(SCENARIOS["small"], ("blue_agent_0",), Roles((0,), blue), plan=False)
        try:
            batch = ConcurrentGames(blue, self._size)
            for slot in (0, batch.size - 1):
                batch.start({slot: (setup, 0, None)})
                batch.games[slot].skip("blue_agent_0")
                batch.advance()
                batch.drop(slot)
            self._groups[blue] = [batch]
        except Exception as error:
            self._failed[blue] = error
        self.ask(lambda: None)  # wakes the thread up

    # ------------------------------------------------------------ playing

    def _act(self, requests: list[_Act]) -> None:
        acting = []
        for act in requests:
            if act.future.set_running_or_notify_cancel():
                try:
                    if not act.place.game.seats[act.seat].deciding:  # it acted, and the answer was late
                        raise Refused("EXECUTION_ERROR", f"it is not the turn of {act.seat}; others decide")
                    act.place.game.act(act.action, act.seat)
                except Exception as error:
                    act.future.set_exception(error)
                else:
                    act.deadline = time.monotonic() + act.turn if act.turn else 0.0
                    acting.append(act)
        self._pending += acting
        self._skip()
        failed = self._advance({act.place.batch for act in self._pending})
        waiting = []
        for act in self._pending:
            game = act.place.opened
            if act.place.closed:
                act.future.set_exception(Refused("EXECUTION_ERROR", "the game was closed"))
            elif act.place.batch in failed:
                act.future.set_exception(failed[act.place.batch])
            elif game.outcome is not None or game.seats[act.seat].deciding:
                _answer(act.future, lambda game=game, seat=act.seat: game.view(seat), running=True)
            else:
                waiting.append(act)
        self._pending = waiting

    def _skip(self) -> None:
        """End the turns of seats that others have waited for too long."""
        now = time.monotonic()
        for act in self._pending:
            game = act.place.opened
            if not act.place.closed and act.deadline and act.deadline <= now and not game.waits:
                for name, seat in game.seats.items():
                    if seat.deciding:
                        game.skip(name)

    def _advance(self, groups: set[ConcurrentGames]) -> dict[ConcurrentGames, Exception]:
        failed = {}
        for batch in groups:
            try:
                batch.advance()
            except Exception as error:
                failed[batch] = error
        return failed


def _answer(future: Future[Any], ask: Callable[[], Any], running: bool = False) -> None:
    if not running and not future.set_running_or_notify_cancel():
        return
    try:
        result = ask()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _fail(futures: Iterable[Future[Any]], error: Exception) -> None:
    for future in futures:
        if future.running() or future.set_running_or_notify_cancel():
            future.set_exception(error)
