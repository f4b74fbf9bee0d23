"""A league: rounds in which both sides learn against what the other has, in a directory that can be resumed.

league.json      the configuration, and the version of the world
state.json       the round and phase, the members, and what the round has found so far
members/         a folder per response: its arrays (safetensors) and what it is
training/        checkpoints of unfinished trainings, and what the finished ones of the round found
payoffs.jsonl    the episodes of the matrix; held_out.jsonl: those against held-out policies
rounds.jsonl     a line per round: mixtures, matches, gains, gaps
seconds.jsonl    how long each phase took; the only file that differs between two equal leagues

A round has five phases, after each of which ``state.json`` is replaced: *fill* the matrix, *solve* it,
*train* a response of each side, *judge* the responses. A league that was killed goes on with the phase that
was not complete; unfinished trainings go on from their checkpoints. All randomness derives from the seed, the
round, the side and the phase, so the result is the same, byte by byte.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from garrison.core.files import read_object, to_json, write, write_json
from garrison.core.policy import Policy
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.judge import match as matches
from garrison.judge import specs
from garrison.judge.evaluate import evaluate
from garrison.league import exact, members, responses
from garrison.league.config import Config
from garrison.league.judging import HELD_OUT_SEED, judge
from garrison.league.learners import learners_of, training_opponents
from garrison.league.members import HostPlay, Member
from garrison.league.payoff import BLOCK, Cell, Payoffs, PayoffStore, Scale, fill, payoffs
from garrison.league.responses import Oracle, Task
from garrison.league.solve import equilibria, solve
from garrison.league.state import PHASES, State
from garrison.runs import directory, lock
from garrison.training.config import make_world

PAYOFF_SEED = 1_000_000  #: of the first episode of the matrix
_RESTORE = "restore it from a copy of the league"
_WEIGHT = 1e-6  #: weights below are none
_UNUSED = 1e-3  #: weight below which a member counts as without use in a round
_POLL = 0.5  #: seconds between looks at a lock that another process holds


@dataclass(frozen=True)
class Progress:
    """How far a league is."""

    round: int
    rounds: int
    phase: str
    done: float = 0.0  # completed fraction (0–1) of the phase, where it is known


OnProgress = Callable[[Progress], None]
#: Trains these learners of the round, each a place of a side and a number, reporting the completed fraction.
TrainApart = Callable[["League", Sequence[tuple[int, int]], Callable[[float], None]], None]


class League:
    """An open league; :func:`create` makes one and :func:`load` opens one.

    Args:
        oracle: makes responses; by default that of the configuration.
        hosts: plays cells in which a member is a host.
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        state: State | None,
        oracle: Oracle | None = None,
        hosts: HostPlay | None = None,
    ):
        self.path, self.config, self.hosts = path, config, hosts
        self.world = _world(config)
        self.sides: tuple[str, str] = tuple(self.world.sides)  # pyright: ignore[reportAttributeAccessIssue]
        self.oracle = oracle or responses.oracle(config.oracle, config.training)
        self.policies: dict[str, Policy | None] = {}  # by hash
        first = {
            side: self._specs(side, names)
            for side, names in zip(self.sides, (config.rows, config.columns), strict=True)
        }
        self.held_out = {
            side: self._specs(side, names)
            for side, names in zip(self.sides, (config.held_out_rows, config.held_out_columns), strict=True)
        }
        self.anchor = None if config.anchor is None else self._specs(self.sides[0], (config.anchor,))[0]
        self.state = State(members=first) if state is None else state
        self._likes: dict[str, Policy] = {}
        self.train_apart: TrainApart | None = None
        self.store = PayoffStore.open(path / "payoffs.jsonl", PAYOFF_SEED)
        self.outside = PayoffStore.open(path / "held_out.jsonl", HELD_OUT_SEED)

    # ------------------------------------------------------------ members

    def active(self, side: str) -> list[Member]:
        """The members of a side that are not retired, in order of entry."""
        return [one for one in self.state.members[side] if not one.retired]

    def policy(self, member: Member) -> Policy:
        """The policy of a member.

        Raises ``ValueError`` for a host, which a callable plays, and for a run that changed since it joined.
        """
        if member.digest not in self.policies and "folder" not in member.origin:
            raise ValueError(
                f"{member.origin['spec']} is not what joined {self.path} as {member.id!r}: its arrays "
                "differ; restore the run, or start a new league"
            )
        if member.digest not in self.policies:
            if member.side not in self._likes:
                self._likes[member.side] = self.oracle.like(self.world, member.side)
            folder = self.path / member.origin["folder"]
            self.policies[member.digest] = members.load(folder, member, self._likes[member.side])
        policy = self.policies[member.digest]
        if policy is None:
            raise ValueError(f"{member.id} is a host: it plays, but does not run inside of a training")
        return policy

    def _specs(self, side: str, names: Sequence[str]) -> list[Member]:
        found: list[Member] = []
        for name in names:
            made, policies = members.from_spec(name, self.world, side)
            if made[0].kind == "host" and self.hosts is None:
                raise ValueError(f"{name} is a host, and nothing was given that plays it (argument hosts)")
            found += made
            self.policies |= {one.digest: policy for one, policy in zip(made, policies, strict=True)}
        return found

    # ------------------------------------------------------------ playing

    def play(self, row: Member, column: Member, seed: int, episodes: int) -> np.ndarray:
        """Returns of a row against a column, f64[episode], in the episodes from ``seed`` on."""
        if "host" in (row.kind, column.kind):
            assert self.hosts is not None  # as _specs checks
            return np.asarray(self.hosts(row, column, seed, episodes), np.float64)
        if self.config.payoffs == "exact":
            value = exact.game_of(self.world).expected_return(self.policy(row), self.policy(column))
            return np.full(episodes, value)
        world = one_side(self.world, self.sides[0], self.policy(column))
        found, _ = evaluate(world, {"row": self.policy(row)}, episodes, seed, batch=BLOCK)
        return np.asarray(found["row"].returns[0], np.float64)

    def wins(self, returns: np.ndarray, row: Member, column: Member, seed: int, store: PayoffStore) -> float:
        """Wins of a row; ties count half. The anchor's episodes are played where they are missing."""
        level: Any = 0.0
        if self.anchor is not None and row.digest == self.anchor.digest:
            level = returns
        elif self.anchor is not None:
            pair = self.anchor.digest, column.digest
            upto = seed - store.first_seed + len(returns)
            while store.games(*pair) < upto:
                own = self.play(self.anchor, column, store.first_seed + store.games(*pair), BLOCK)
                store.add(*pair, own.tolist(), len(own) / 2)
            level = store.returns(*pair)[upto - len(returns) : upto]
        return float(np.sum(returns > level) + 0.5 * np.sum(returns == level))

    def play_more(self, row: Member, column: Member, episodes: int) -> None:
        """Play blocks of a cell of the matrix until it has at least ``episodes`` episodes."""
        pair = row.digest, column.digest
        while self.store.games(*pair) < episodes:
            seed = self.store.first_seed + self.store.games(*pair)
            returns = self.play(row, column, seed, BLOCK)
            self.store.add(*pair, returns.tolist(), self.wins(returns, row, column, seed, self.store))

    # ------------------------------------------------------------ the loop

    def run(self, on_progress: OnProgress | None = None, train_apart: TrainApart | None = None) -> None:
        """Go on until all rounds are done.

        Args:
            train_apart: trains the learners of a round elsewhere, as :class:`garrison.league.apart.Apart`
                does; by default they are trained here, one after the other. The result is the same.

        Raises ``ValueError`` if another process runs this league.
        """
        report = on_progress or (lambda progress: None)
        self.train_apart = train_apart
        with self._locked():
            while not self.state.finished:
                start, phase, number = time.perf_counter(), self.state.phase, self.state.round
                report(Progress(number, self.config.rounds, phase))
                _STEPS[phase](
                    self,
                    lambda done, phase=phase, number=number: report(
                        Progress(number, self.config.rounds, phase, done)
                    ),
                )
                self._advance()
                entry = {"round": number, "phase": phase, "seconds": time.perf_counter() - start}
                with (self.path / "seconds.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")

    def _advance(self) -> None:
        """The next phase; the last solve ends the league."""
        state = self.state
        place = PHASES.index(state.phase) + 1
        if state.round == self.config.rounds and state.phase == "solve":
            self._write_record()
            state.finished = True
        elif place < len(PHASES):
            state.phase = PHASES[place]
        else:
            self._write_record()
            state.round, state.phase, state.record = state.round + 1, PHASES[0], {}
            state.blocks = self.store.blocks
        self.save()

    def save(self) -> None:
        write_json(self.path / "state.json", self.state.to_json())

    def _write_record(self) -> None:
        kept = [row for row in self.rounds() if row["round"] < self.state.round]
        rows = [*kept, {"round": self.state.round, **self.state.record}]
        write(self.path / "rounds.jsonl", "".join(to_json(row, indent=None) + "\n" for row in rows))

    def rounds(self) -> list[dict[str, Any]]:
        """The lines of ``rounds.jsonl``."""
        path = self.path / "rounds.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def mixture(self, side: str, number: int = -1) -> tuple[list[Policy], list[float]]:
        """The policies of a side in the mixture of a complete round, by default the last, and their weights.

        Raises ``ValueError`` before the first round is complete, and as :meth:`policy`.
        """
        if not (rounds := self.rounds()):
            raise ValueError(f"{self.path} has no complete round yet: it has no mixture")
        weights = rounds[number]["mixtures"][side]
        known = {one.id: one for one in self.state.members[side]}
        return [self.policy(known[name]) for name in weights], list(weights.values())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.path / "lock").open("a") as file:
            if not lock.acquire(file):
                raise ValueError(f"{self.path} is being run by another process")
            yield

    # ------------------------------------------------------------ phases

    def matrix(self) -> Payoffs:
        """The payoffs of all active members. Raises ``ValueError`` for a cell that was not played yet."""
        rows, columns = ([one.digest for one in self.active(side)] for side in self.sides)
        return payoffs(self.store, rows, columns)

    def _fill(self, on_done: Callable[[float], None]) -> None:
        rows, columns = (self.active(side) for side in self.sides)
        hashes = [one.digest for one in rows], [one.digest for one in columns]

        def play(cell: Cell, seed: int, episodes: int) -> tuple[list[float], float]:
            returns = self.play(rows[cell.row], columns[cell.column], seed, episodes)
            wins = self.wins(returns, rows[cell.row], columns[cell.column], seed, self.store)
            return returns.tolist(), wins

        def mixtures(found: Payoffs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            u = self._scaled(found)
            solution = solve("nash", u(found.mean))
            return solution.rows, solution.columns, equilibria(u(found.resamples))[2]

        new = sum(not self.store.games(a, b) for a in hashes[0] for b in hashes[1])
        most = self.state.blocks + new + self.config.blocks
        self.state.record.setdefault("most_blocks", most)
        self.save()  # so that what a killed process played counts for this round
        most = self.state.record["most_blocks"]
        start = self.state.blocks
        fill(
            *(self.store, *hashes, play, mixtures),
            width=self.config.width,
            blocks=most,
            on_block=lambda played: on_done((played - start) / max(1, most - start)),
        )
        self.state.record["blocks"] = self.store.blocks

    def _scaled(self, found: Payoffs) -> Callable[[np.ndarray], np.ndarray]:
        """Returns to u. The scale is measured once, from the first block of each of the first cells."""
        if self.state.scale is None:
            low, high = self.config.low, self.config.high
            worst, best = np.argmin(found.mean), np.argmax(found.mean)
            rows, columns = (self.active(side) for side in self.sides)

            def first(place: Any) -> np.ndarray:
                row, column = divmod(int(place), len(columns))
                return self.store.returns(rows[row].digest, columns[column].digest)[:BLOCK]

            low = float(np.quantile(first(worst), 0.05)) if low is None else low
            high = float(np.quantile(first(best), 0.95)) if high is None else high
            self.state.scale = Scale(low, high) if low < high else Scale(low - 1, low + 1)
            self.save()
        return self.state.scale.u

    def _solve(self, on_done: Callable[[float], None]) -> None:
        found, state = self.matrix(), self.state
        assert state.scale is not None  # as fill measures it
        u = state.scale.u(found.mean)
        resampled = state.scale.u(found.resamples)
        solution = solve(self.config.solver, u)
        weights = dict(zip(self.sides, (solution.rows, solution.columns), strict=True))
        best = equilibria(resampled)
        gaps = np.max(resampled @ solution.columns, axis=1) - np.min(
            np.einsum("i,gij->gj", solution.rows, resampled), axis=1
        )
        value = float(solution.rows @ found.mean @ solution.columns)
        state.record |= {
            "solver": self.config.solver,
            "value": value,
            "u": _with_interval(solution.value, found, best[2]),
            "gap": _with_interval(solution.gap, found, gaps),
            "games": int(found.games.sum()),
            "mixtures": {
                side: {one.id: float(p) for one, p in zip(self.active(side), weights[side], strict=True)}
                for side in self.sides
            },
            "support": {
                side: {
                    one.id: float(share)
                    for one, share in zip(
                        self.active(side), np.mean(best[place] > _WEIGHT, axis=0), strict=True
                    )
                }
                for place, side in enumerate(self.sides)
            },
        }
        if state.round < self.config.rounds:
            state.record["learners"] = {
                side: learners_of(self, place, solution, found, u) for place, side in enumerate(self.sides)
            }
        self._retire(weights)

    def _retire(self, weights: Mapping[str, np.ndarray]) -> None:
        """Retire members that had no weight for too long; the newest of a side stays."""
        after = self.config.retire_after
        if after is None:
            return
        retired = []
        for side in self.sides:
            unused, own = self.state.unused.setdefault(side, {}), self.active(side)
            for one, weight in list(zip(own, weights[side], strict=True))[:-1]:
                unused[one.id] = unused.get(one.id, 0) + 1 if weight < _UNUSED else 0
                if unused[one.id] >= after:
                    retired.append(one.id)
                    own_members = self.state.members[side]
                    own_members[own_members.index(one)] = replace(one, retired=True)
        self.state.record["retired"] = retired

    def _train_rows(self, on_done: Callable[[float], None]) -> None:
        self._train(0, on_done)

    def _train_columns(self, on_done: Callable[[float], None]) -> None:
        self._train(1, on_done)

    def _train(self, place: int, on_done: Callable[[float], None]) -> None:
        """The responses of one side; where they are trained apart, those of both at the same time."""
        learners = self.state.record["learners"]
        if self.train_apart is not None:
            todo = [(p, n) for p, side in enumerate(self.sides) for n in range(len(learners[side]))]
            todo = [one for one in todo if not self.found_path(*one).exists()]
            if todo:
                self.train_apart(self, todo, on_done)
        side = self.sides[place]
        count = len(learners[side])
        made = [self.learn(place, n, lambda done, n=n: on_done((n + done) / count)) for n in range(count)]
        self.state.record.setdefault("candidates", {})[side] = made

    def name_of(self, place: int, number: int) -> str:
        """The name of the response of a learner of this round."""
        side = self.sides[place]
        several = len(self.state.record["learners"][side]) > 1
        return f"{side}-{self.state.round}" + (f"-{number}" if several else "")

    def found_path(self, place: int, number: int) -> Path:
        """Where it says what the training of a learner of this round found, once it is complete."""
        return self.path / "training" / f"{self.name_of(place, number)}.json"

    def learn(
        self, place: int, number: int, on_done: Callable[[float], None] = lambda done: None
    ) -> dict[str, Any]:
        """Train a learner of this round, unless that is done: the response as a member, steps and curve.

        Waits for another process that trains it.
        """
        path, name = self.found_path(place, number), self.name_of(place, number)
        path.parent.mkdir(exist_ok=True)
        with path.with_suffix(".lock").open("a") as file:
            while not lock.acquire(file):
                time.sleep(_POLL)
            if not path.exists():
                write_json(path, self._learn(place, number, name, on_done))
        return read_object(path, _RESTORE)

    def _learn(self, place: int, number: int, name: str, on_done: Callable[[float], None]) -> dict[str, Any]:
        side = self.sides[place]
        learner = self.state.record["learners"][side][number]
        known = self.known()
        parent = None if learner["parent"] is None else known[side, learner["parent"]]
        opponents, weights = training_opponents(self, learner, self.sides[1 - place], known)
        task = Task(
            *(self.world, side, opponents, weights),
            _seed(self.config.seed, self.state.round, place, number),
            None if parent is None else self.policy(parent),
            self.path / "training" / name,
            lambda done, total: on_done(done / total),
        )
        response = self.oracle.respond(task)
        member = Member(
            *(name, side, "net", members.digest_of(response.policy), self.state.round + 1),
            None if parent is None else parent.id,
            {"folder": f"members/{name}"},
            learner.get("role", "main"),
        )
        members.save(self.path / "members" / name, member, response.policy)
        self.policies[member.digest] = response.policy
        return {"member": member.to_json(), "steps": response.steps, "curve": response.curve}

    def _judge(self, on_done: Callable[[float], None]) -> None:
        shutil.rmtree(self.path / "training", ignore_errors=True)  # its contents are in the state by now
        judge(self, on_done)

    def known(self) -> dict[tuple[str, str], Member]:
        """All members and current learners, by side and id."""
        found = {(side, one.id): one for side, own in self.state.members.items() for one in own}
        current = {(side, m.id): m for side, own in self.state.learners.items() for m in own.values()}
        return current | found


_STEPS: dict[str, Callable[[League, Callable[[float], None]], None]] = {
    "fill": League._fill,
    "solve": League._solve,
    "train_rows": League._train_rows,
    "train_columns": League._train_columns,
    "judge": League._judge,
}


def _with_interval(value: float, found: Payoffs, resampled: np.ndarray) -> dict[str, float]:
    low, high = found.interval(resampled)
    return {"value": value, "low": low, "high": high}


def _seed(*parts: int) -> int:
    """A seed of a random key, from the numbers that name what it is for."""
    return int(np.random.default_rng(list(parts)).integers(2**32, dtype=np.uint32))


def _world(config: Config) -> World:
    """The two-sided world with the scripts that are named. Raises ``ValueError`` if it is not zero-sum."""
    both = matches.two_sided(make_world(config.world, config.options))
    if not both.zero_sum:
        raise ValueError(f"world {both.name!r} is not zero-sum; leagues are for zero-sum worlds")
    first, second = both.sides
    anchors = () if config.anchor is None else (config.anchor,)
    both = specs.with_scripts(both, first, (*config.rows, *config.held_out_rows, *anchors))
    return specs.with_scripts(both, second, (*config.columns, *config.held_out_columns))


def create(path: Path, config: Config, oracle: Oracle | None = None, hosts: HostPlay | None = None) -> League:
    """Check a configuration and make the directory of a league.

    Raises ``ValueError`` for settings that are wrong, before anything is created, and ``FileExistsError`` if
    there is a league at ``path`` already.
    """
    config.check()
    if (path / "league.json").exists():
        raise FileExistsError(f"{path} holds a league already; continue that, or choose another directory")
    league = League(path, config, None, oracle, hosts)
    league.oracle.check(league.world, league.sides)
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "system.json", directory.system())
    league.save()
    about = {"config": config.to_json(), "world_version": league.world.version}
    write_json(path / "league.json", about)  # last: it marks a league
    return league


def load(path: Path, oracle: Oracle | None = None, hosts: HostPlay | None = None) -> League:
    """Open a league.

    Raises ``FileNotFoundError`` if ``path`` is not one, and ``ValueError`` if a file of it is damaged or it
    is of another version of the world.
    """
    if not (path / "league.json").is_file():
        raise FileNotFoundError(f"{path} is not a league: it has no league.json")
    about = read_object(path / "league.json", _RESTORE)
    state = read_object(path / "state.json", _RESTORE)
    try:
        config, found = Config.from_json(about.get("config", {})), State.from_json(state)
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}; {_RESTORE}") from error
    league = League(path, config, found, oracle, hosts)
    if about.get("world_version") != league.world.version:
        raise ValueError(
            f"{path} is of version {about.get('world_version')} of world {config.world!r}, now at version "
            f"{league.world.version}: start a new league"
        )
    return league
