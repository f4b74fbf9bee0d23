"""Sessions: who plays which game, and what may be asked of it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from garrison.llm.concurrent import MAX_SEED, Setup
from garrison.llm.frames import SeatFrames
from garrison.llm.game import Game, View
from garrison.llm.players import player
from garrison.llm.references import Reference, players_of, references
from garrison.llm.tools import tools_of
from garrison.llm.truth import TruthRecorder, played_again
from garrison.serve.board import Board, row
from garrison.serve.models import Join, Reset, checked
from garrison.serve.parse import Refused
from garrison.serve.settings import Settings
from garrison.serve.stepper import Place, Stepper
from garrison.serve.tasks import Tasks
from garrison.view.replay import Replay

_log = logging.getLogger(__name__)
FAULT = "internal error; the server's log says more"


@dataclass(eq=False)
class Table:
    """A game and the tokens by which other seats join it."""

    place: Place
    game: Game
    seats: set[str]  # of sessions
    id: str = field(default_factory=lambda: secrets.token_hex(8))  # by which others watch
    tokens: dict[str, str] = field(default_factory=dict)  # seats by token
    frames: dict[str, SeatFrames] = field(default_factory=dict)  # by seat, where they are sent
    truth: TruthRecorder | None = None  # where spectators see it
    replay: asyncio.Future[Replay] | None = None  # of the game that is over
    compared: asyncio.Future[list[Reference]] | None = None  # the same game by scripted players
    clock: float = 0.0  # seconds that other seats have for their turns; 0: no limit
    named: dict[str, str] = field(default_factory=dict)  # players on the leaderboard, by seat
    listed: bool = False


@dataclass(eq=False)
class Session:
    """One client's part in a game. ``id`` is a secret of 128 bits."""

    id: str
    created: float
    touched: float
    table: Table | None = None
    seat: str = "blue"
    shown: int = 0  # ticks of frames that were sent
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The sessions of a server. Coroutines raise :class:`~garrison.serve.parse.Refused`."""

    def __init__(self, settings: Settings, stepper: Stepper) -> None:
        self.settings, self.stepper = settings, stepper
        self.tasks = Tasks(settings.scenarios)
        self.board = Board(settings.results)
        self.draining = False
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def create(self) -> Session:
        """A session without a game. Raises ``Refused`` where there are too many, or the server stops."""
        most = self.settings.max_sessions
        if self.draining:
            raise Refused("SESSION_ERROR", "the server is shutting down")
        if len(self._sessions) >= most:
            message = f"Server at capacity: {len(self._sessions)}/{most} sessions active."
            raise Refused("CAPACITY_REACHED", message, active_sessions=len(self._sessions), max_sessions=most)
        now = time.monotonic()
        session = Session(secrets.token_hex(16), now, now)
        self._sessions[session.id] = session
        return session

    def get(self, name: Any) -> Session:
        """A session by its id."""
        session = self._sessions.get(name) if isinstance(name, str) else None
        if session is None:
            raise Refused("SESSION_ERROR", "no such session; it may have ended")
        return session

    def close(self, session: Session) -> None:
        """End a session, and its game with the last one."""
        self._sessions.pop(session.id, None)
        self._leave(session)

    def expired(self) -> list[Session]:
        """Sessions that were idle for too long, or are too old."""
        now, limits = time.monotonic(), self.settings.limits
        return [
            one
            for one in self._sessions.values()
            if now - one.touched > limits.idle or now - one.created > limits.life
        ]

    # ------------------------------------------------------------ what clients ask for

    async def reset(self, session: Session, data: Any) -> dict[str, Any]:
        """Start a game; returns the first observation as it is sent."""
        given = self.tasks.reset(checked(Reset, data))
        setup = self._setup(given)
        seed = secrets.randbelow(MAX_SEED + 1) if given.seed is None else given.seed
        async with self._busy(session):
            self._leave(session)
            table = await self._opened(setup, seed, given.episode_id, given.frames)
            table.seats = {setup.seats[0]}
            table.tokens = {secrets.token_hex(16): seat for seat in setup.seats[1:]}
            table.clock = self.settings.limits.turn if given.clock is None else given.clock
            session.table, session.seat, session.shown = table, setup.seats[0], 0
            _name(table, session.seat, given.player)
            sent = await self._view(session)
        if table.tokens:
            sent["metadata"] = {"join": {seat: token for token, seat in table.tokens.items()}}
        return sent

    async def join(self, session: Session, data: Any) -> dict[str, Any]:
        """Take another seat of a game by its token, which is used up."""
        given = checked(Join, data)
        token = given.token
        tables = {one.table for one in self._sessions.values() if one.table is not None}
        table = next((one for one in tables if token in one.tokens), None)
        if table is None:
            raise Refused("SESSION_ERROR", "no seat waits for this token; it may have been taken")
        seat = table.tokens.pop(token)
        async with self._busy(session):
            self._leave(session)
            session.table, session.seat, session.shown = table, seat, 0
            table.seats.add(seat)
            _name(table, seat, given.player)
            return await self._view(session)

    async def look(self, session: Session) -> dict[str, Any]:
        """The last observation, with all frames."""
        async with self._busy(session):
            session.shown = 0
            return await self._view(session)

    async def hint(self, session: Session) -> dict[str, Any]:
        """What a scripted player would do in the seat's place. The transcript takes note of it."""
        async with self._busy(session):
            place, seat = self._table(session).place, session.seat
            return {"action": await self._done(self.stepper.ask(lambda: _hint(place, seat)))}

    async def replay(self, session: Session) -> Replay:
        """The game with all that is true, once it is over."""
        table = self._table(session)
        if table.game.outcome is None:
            raise Refused("EXECUTION_ERROR", "the game is not over")
        return await self.replay_of(table)

    async def replay_of(self, table: Table) -> Replay:
        """The replay of a table's game, which is over."""
        if table.replay is None:
            table.replay = asyncio.ensure_future(asyncio.to_thread(self._played_again, table))
        return await asyncio.shield(table.replay)

    def _played_again(self, table: Table) -> Replay:
        replay = played_again(table.game, self.settings.batch_size)
        self.board.keep(f"{table.game.scenario.name}-{table.game.seed}-{table.id}", replay)
        return replay

    async def compare(self, session: Session) -> list[Reference]:
        """The session's game, once it is over, as scripted players play it with the same seed."""
        table = self._table(session)
        if table.game.outcome is None:
            raise Refused("EXECUTION_ERROR", "the game is not over")
        try:
            players_of(table.game)
        except ValueError as error:
            raise Refused("EXECUTION_ERROR", str(error)) from None
        if table.compared is None:
            table.compared = asyncio.ensure_future(asyncio.to_thread(self._compared, table))
        return await asyncio.shield(table.compared)

    def _compared(self, table: Table) -> list[Reference]:
        """Play it; where the game is on the leaderboard, these are too."""
        found = references(table.game, self.settings.batch_size)
        if table.named:
            [seat] = table.game.seats
            self.board.add([row(one.game, seat, f"{one.player} (scripted)") for one in found])
        return found

    def tables(self) -> dict[str, Table]:
        """Games by the names under which others watch them."""
        return {one.table.id: one.table for one in self._sessions.values() if one.table is not None}

    async def step(self, session: Session, action: Any) -> dict[str, Any]:
        """Carry out an action; returns the observation as it is sent."""
        if not isinstance(action, dict):
            raise Refused("VALIDATION_ERROR", 'an action is an object such as {"tool_name": ...}')
        action = {name: value for name, value in action.items() if name != "metadata"}
        if action.keys() == {"text"}:
            action = action["text"]
            if not isinstance(action, str):
                raise Refused("VALIDATION_ERROR", "text: it must be text")
        async with self._busy(session):
            place = self._table(session).place
            await self._done(self.stepper.ask(lambda: _check_running(place.game)))
            table, limit = self._table(session), self.settings.limits.step
            act = self.stepper.act(place, session.seat, action, table.clock)
            alone = table.seats == {session.seat} and not table.tokens
            view = await self._done(act, limit if alone else limit + table.clock)
            if view.done and not table.listed:
                table.listed = True
                rows = [row(table.game, seat, player) for seat, player in table.named.items()]
                await asyncio.to_thread(self.board.add, rows)
            return _sent(view) | self._frames(session)

    async def state(self, session: Session) -> dict[str, Any]:
        """Where the game stands."""
        session.touched = time.monotonic()
        if session.table is None:
            return {"episode_id": None, "step_count": 0}
        place = session.table.place
        return await self._done(self.stepper.ask(lambda: _state(place.game, session.seat)))

    async def tools(self, session: Session | None) -> list[dict[str, Any]]:
        """The tools of a session's seat; without a game those of a seat with all blue agents."""
        if session is None or session.table is None:
            return [tool.row() for tool in tools_of("blue", False, True).values()]
        place, seat = session.table.place, session.seat
        found = await self._done(self.stepper.ask(lambda: place.game.seats[seat].tools))
        return [tool.row() for tool in found.values()]

    # ------------------------------------------------------------ within

    def _busy(self, session: Session) -> _Busy:
        return _Busy(session)

    def _table(self, session: Session) -> Table:
        if session.table is None:
            raise Refused("EXECUTION_ERROR", "there is no game yet; reset first")
        return session.table

    def _setup(self, given: Reset) -> Setup:
        if given.scenario not in self.settings.scenarios:
            raise Refused(
                "VALIDATION_ERROR",
                f"no scenario {given.scenario!r}; there are: {', '.join(self.settings.scenarios)}",
            )
        try:
            return Setup.of(
                *(given.scenario, given.seat, given.opponent, given.teammates, given.plan),
                *(given.style, given.reward),
            )
        except ValueError as error:
            raise Refused("VALIDATION_ERROR", str(error)) from None

    async def _opened(self, setup: Setup, seed: int, name: str | None, frames: bool) -> Table:
        made: list[Table] = []

        def prepare(place: Place) -> None:
            game = place.game
            table = Table(place, game, set())
            if frames:
                table.frames = {seat: SeatFrames(game.seats[seat]) for seat in game.seats}
            if self.settings.spectators:
                table.truth = TruthRecorder(game, lambda: place.batch.simulation.episode(place.slot))
            game.watchers += [one.update for one in table.frames.values()]
            game.watchers += [] if table.truth is None else [table.truth]
            made.append(table)

        opened = self.stepper.open(setup, seed, name, prepare)
        try:
            await self._done(opened)
        except (Refused, asyncio.CancelledError):
            opened.add_done_callback(self._give_back)
            raise
        return made[0]

    def _give_back(self, opened: Future[Place]) -> None:
        """Free a place that came too late."""
        if not opened.cancelled() and opened.exception() is None:
            self.stepper.close(opened.result())

    async def _view(self, session: Session) -> dict[str, Any]:
        place, seat = self._table(session).place, session.seat
        sent = _sent(await self._done(self.stepper.ask(lambda: place.game.view(seat))))
        return sent | self._frames(session)

    def _frames(self, session: Session) -> dict[str, Any]:
        """The frames that the session has not got yet, with the header before the first."""
        table = self._table(session)
        frames = table.frames.get(session.seat)
        if frames is None:
            return {}
        ticks, first = frames.ticks[session.shown :], session.shown == 0
        session.shown += len(ticks)
        sent = {"ticks": ticks, "game": table.id} | ({"header": frames.header} if first else {})
        return {"frames": sent}

    async def _done(self, future: Future[Any], limit: float | None = None) -> Any:
        limit = self.settings.limits.step if limit is None else limit
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), limit)
        except TimeoutError:
            waiting = "; a program may be compiling, try again in a moment"
            raise Refused("EXECUTION_ERROR", f"no answer within {limit:g} s{waiting}") from None
        except Refused:
            raise
        except Exception as error:  # a fault of ours: its message may name what no seat is to know
            _log.exception("a game failed")
            raise Refused("EXECUTION_ERROR", FAULT) from error

    def _leave(self, session: Session) -> None:
        table, session.table = session.table, None
        if table is None:
            return
        table.seats.discard(session.seat)
        if not table.seats:
            self.stepper.close(table.place)


class _Busy:
    """One request of a session at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def __aenter__(self) -> None:
        await self._session.lock.acquire()
        self._session.touched = time.monotonic()

    async def __aexit__(self, *_: Any) -> None:
        self._session.touched = time.monotonic()
        self._session.lock.release()


def _name(table: Table, seat: str, player: str | None) -> None:
    """Call a seat by its player's name."""
    if player is not None:
        table.named[seat] = table.game.players[seat] = player.strip()


def _check_running(game: Game) -> None:
    if game.outcome is not None:
        raise Refused("EXECUTION_ERROR", "the game is over; reset")


def _hint(place: Place, seat: str) -> Any:
    game = place.game
    _check_running(game)
    one = player("guard" if game.seats[seat].side == "blue" else None, game.seed, game.seats[seat].side)
    game.helped(seat)
    return one.act(game.seats[seat], place.batch.rows(place.slot, seat))


def _state(game: Game, seat: str) -> dict[str, Any]:
    tally = game.seats[seat].tally
    return {
        "episode_id": game.episode_id,
        "step_count": tally.calls,
        "seat": seat,
        "scenario": game.scenario.name,
        "seed": game.seed,
        "tick": game.tick,
        "turn": tally.turns,
        "transcript": game.transcript.hash,
    }


def observation(view: View) -> dict[str, Any]:
    """A view as the fields of an observation that stand within it."""
    return {
        "text": view.text,
        "facts": view.facts,
        "errors": list(view.errors),
        "tick": view.tick,
        "turn": view.turn,
        "outcome": view.outcome,
    }


def _sent(view: View) -> dict[str, Any]:
    sent = {"observation": observation(view), "reward": view.reward, "done": view.done}
    return sent | ({"metadata": view.metadata} if view.metadata else {})
