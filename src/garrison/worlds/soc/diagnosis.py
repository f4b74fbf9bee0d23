"""Metrics of an episode: incidents and how soon they end, availability, verdicts, deception, techniques.

It has the form of :class:`garrison.judge.diagnosis.Diagnosis`, with times. An incident begins when red gets a
session on a host that has none. It is *detected* at the first true verdict, isolation or removal, *contained*
when blue's act makes the session dormant or ends it, and *recovered* when blue's act has left the host clean,
online and decrypted. What is not reached before the episode ends, or before the session ends otherwise, is
censored. Times are those of the ends of steps, at which actions end.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32
from garrison.core.world import Step
from garrison.worlds.soc import clock
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.scenarios import HOUR_POINTS

INCIDENTS = 128  #: of an episode that are kept; later ones are counted
MARKS = ("detected", "contained", "recovered")
_LOST = len(MARKS)  # the session ended otherwise
_FOUND = (B.Verdict.SUSPECT, B.Verdict.USER, B.Verdict.ROOT)
_CLEANING = (B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP, B.Blue.REMOVE)
_DISRUPTIVE = (B.Blue.ISOLATE, B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP)
_RED_KINDS = [kind for kind, row in R.ROWS.items() if row.technique]
_MINUTE, _HOUR = 60_000, 3_600_000
_WATCH_MS = 120_000


class Counters(Struct):
    """Of one episode. Times are milliseconds; NEVER is -1."""

    time: Int32[Array, "*env"]  # of the last state
    goal: Bool[Array, "*env"]
    availability: Float32[Array, "*env"]  # its part of the reward
    host_incident: Int32[Array, "*env host"]  # number of the open one; -1: none
    incidents: Int32[Array, "*env"]
    incident_start: Int32[Array, "*env incident"]
    incident_mark: Int32[Array, "*env incident 4"]  # of MARKS, and lost
    owned: Float32[Array, "*env"]  # host-milliseconds
    isolated: Float32[Array, "*env"]  # of hosts that red does not own
    deception: Float32[Array, "*env"]  # of hosts with a decoy or a honeytoken
    disruptive: Int32[Array, "*env 2"]  # Isolate and Restore that succeeded: of clean hosts, of others
    restored: Int32[Array, "*env"]  # Restore and Remove after which a host that was owned or encrypted is not
    verdicts: Int32[Array, "*env 2 2"]  # owned, found
    released: Int32[Array, "*env 2"]  # watches that a log entry ended: on a side without incident, with one
    outcomes: Int32[Array, "*env kind outcome"]  # of red's actions
    decisions: Int32[Array, "*env"]  # of the side's agents
    steps: Int32[Array, "*env"]
    events: Int32[Array, "*env"]


class Metrics:
    """See the module. States are episodes of one environment."""

    def __init__(self, static: Static, owner: tuple[int, ...], zone: tuple[int, ...], side: str):
        self._static, self._side = static, side
        self._owner, self._zone = np.array(owner), np.array(zone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metrics) and (self._static, self._side) == (other._static, other._side)

    def __hash__(self) -> int:
        return hash((self._static, self._side))

    def start(self, state: Any) -> Counters:
        """Footholds at reset are incidents from the beginning."""
        zero, nothing = jnp.zeros((), jnp.int32), jnp.zeros((), jnp.float32)
        none = Counters(
            time=zero,
            goal=jnp.zeros((), bool),
            availability=nothing,
            host_incident=jnp.full(self._static.hosts, -1, jnp.int32),
            incidents=zero,
            incident_start=jnp.full(INCIDENTS, -1, jnp.int32),
            incident_mark=jnp.full((INCIDENTS, len(MARKS) + 1), -1, jnp.int32),
            owned=nothing,
            isolated=nothing,
            deception=nothing,
            disruptive=jnp.zeros(2, jnp.int32),
            restored=zero,
            verdicts=jnp.zeros((2, 2), jnp.int32),
            released=jnp.zeros(2, jnp.int32),
            outcomes=jnp.zeros((len(_RED_KINDS), len(Outcome)), jnp.int32),
            decisions=zero,
            steps=zero,
            events=zero,
        )
        return _opened(none, state.state.host_priv > 0, state.state.time)

    def add(self, counters: Counters, state: Any, actions: Actions, after: Any, step: Step) -> Counters:
        was, now, events = state.state, after.state, step.info["events"]
        held, holds = was.host_priv > 0, now.host_priv > 0
        passed = (now.time - was.time).astype(jnp.float32)
        blue = self._completed(events)  # of blue's successes
        cleaned = self._on_hosts(events, blue, _CLEANING)
        disrupted = self._on_hosts(events, blue, _DISRUPTIVE)
        isolated = was.host_exists & (was.host_status == T.Status.ISOLATED)
        decoys = was.host_exists & ((was.host_decoy > 0) | was.host_honeytoken)
        parts = step.info["reward_parts"]
        counters = _opened(counters, holds & (counters.host_incident < 0), now.time)
        counters = _marked(counters, self._marks(was, now, cleaned), now.time)
        return counters.replace(
            time=now.time,
            goal=counters.goal | now.terminated,
            availability=counters.availability + parts["availability"],
            owned=counters.owned + passed * _count(held),
            isolated=counters.isolated + passed * _count(isolated & ~held),
            deception=counters.deception + passed * _count(decoys),
            disruptive=counters.disruptive + jnp.stack([_count(disrupted & ~held), _count(disrupted & held)]),
            restored=counters.restored
            + _count(cleaned & (held | was.host_encrypted) & ~holds & ~now.host_encrypted),
            verdicts=counters.verdicts + _verdicts(was, now),
            released=counters.released + self._released(was, events),
            outcomes=counters.outcomes + _outcomes(events),
            decisions=counters.decisions + self._decisions(state),
            steps=counters.steps + ~clock.ended(was),
            events=counters.events + _count(events.slot >= 0),
        )

    def _decisions(self, state: Any) -> Int32[Array, ""]:
        """How many agents of the side choose."""
        decides = clock.deciding(clock.Game(self._static, state.options, state.topology), state.state)
        return _count(decides[: T.NUM_BLUE] if self._side == "blue" else decides[T.NUM_BLUE :])

    def _completed(self, events: Any) -> Bool[Array, "row"]:
        return (events.agent >= 0) & (events.agent < T.NUM_BLUE) & (events.outcome == Outcome.SUCCESS)

    def _on_hosts(self, events: Any, rows: Bool[Array, "row"], kinds: tuple[int, ...]) -> Array:
        """Hosts that one of these kinds completed on, ``bool[host]``."""
        rows = rows & jnp.any(jnp.stack([events.kind == kind for kind in kinds]), axis=0)
        hosts = jnp.arange(self._static.hosts)
        return jnp.any(rows[:, None] & (events.target[:, None] == hosts[None]), axis=0)

    def _marks(self, was: Any, now: Any, cleaned: Array) -> Bool[Array, "host mark"]:
        """What open incidents reach in a step, lost last; a mark counts when it is first reached."""
        holds = now.host_priv > 0
        by_blue = (now.host_status == T.Status.ISOLATED) | (now.host_status == T.Status.REIMAGING)
        closed = (now.zone_level == routes.Level.CLOSED)[self._zone]
        news = now.view_verdict_time != was.view_verdict_time
        true = news & (was.host_priv > 0) & _any_of(now.view_verdict, (*_FOUND, B.Verdict.ENCRYPTED))
        contained = by_blue | closed | cleaned & ~holds
        up = (now.host_status == T.Status.ONLINE) & ~now.host_encrypted
        ended = (was.host_priv > 0) & ~holds & ~contained
        recovered = ~holds & up & (cleaned | (was.host_priv == 0))
        return jnp.stack([true | contained, contained, recovered, ended], axis=1)

    def _released(self, was: Any, events: Any) -> Int32[Array, "2"]:
        early = (events.agent >= 0) & (events.agent < T.NUM_BLUE) & (events.kind == B.Blue.WATCH)
        agent = jnp.clip(events.agent, 0, T.NUM_BLUE - 1)
        early = early & (events.time - was.agent_start[agent] < _WATCH_MS)
        own = self._owner[None] == np.arange(T.NUM_BLUE)[:, None]
        incident = jnp.any(own & (was.host_priv > 0)[None], axis=1)[agent]
        return jnp.stack([_count(early & ~incident), _count(early & incident)])

    # ------------------------------------------------------------ after the episodes, in NumPy

    def found(self, counters: Counters, returns: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        c = counters
        hours = np.maximum(np.asarray(c.time, float), 1) / _HOUR
        true, false = np.moveaxis(np.asarray(c.verdicts, float), -2, 0)[::-1]
        caught = np.asarray(c.outcomes, float)[..., Outcome.CAUGHT].sum(axis=-1)
        tried = np.asarray(c.outcomes, float).sum(axis=(-1, -2))
        clean, needed = np.moveaxis(np.asarray(c.disruptive, float), -1, 0)
        idle, alarmed = np.moveaxis(np.asarray(c.released, float), -1, 0)
        numbers = {
            "red reached its goal, share of episodes": np.asarray(c.goal, float),
            "simulated minutes": np.asarray(c.time, float) / _MINUTE,
            "incidents: hosts that red got a session on": np.asarray(c.incidents, float),
            "host-minutes owned by red": np.asarray(c.owned, float) / _MINUTE,
            "of them per incident": _ratio(np.asarray(c.owned, float) / _MINUTE, np.asarray(c.incidents)),
            "red's actions that ended": tried,
            "decisions": np.asarray(c.decisions, float),
            "steps": np.asarray(c.steps, float),
            "events": np.asarray(c.events, float),
        }
        if self._side == "blue":
            numbers |= {
                "SLA: weight that is up and not encrypted, %": 100
                + np.asarray(c.availability, float) / hours / HOUR_POINTS * 100,
                "host-minutes isolated though clean": np.asarray(c.isolated, float) / _MINUTE,
                "Isolate and Restore on clean hosts, %": 100 * _ratio(clean, clean + needed),
                "hosts cleaned by Restore or Remove": np.asarray(c.restored, float),
                "verdicts that are right, of those that find red, %": 100
                * _ratio(true[..., 1], true[..., 1] + false[..., 1]),
                "verdicts that find red, of those on owned hosts, %": 100
                * _ratio(true[..., 1], true.sum(axis=-1)),
                "watches ended early while red was there, %": 100 * _ratio(alarmed, alarmed + idle),
                "attacks that deception caught": caught,
                "of them per hour of a decoy or honeytoken": _ratio(
                    caught, np.asarray(c.deception, float) / _HOUR
                ),
                "exploits and tickets that deception caught, %": 100 * _ratio(caught, _trapped(c.outcomes)),
            }
        tables = {"red's actions by technique": (_techniques(), _OUTCOMES, _by_outcome(c.outcomes))}
        return numbers, tables

    def times(self, counters: Counters) -> dict[str, tuple[np.ndarray, ...]]:
        """Seconds from the beginning of incidents to each of :data:`MARKS`: seed, episode, length, ended."""
        count = np.minimum(np.asarray(counters.incidents), INCIDENTS)
        there = np.arange(INCIDENTS) < count[..., None]
        seed, episode, number = np.nonzero(there)
        start = np.asarray(counters.incident_start)[seed, episode, number]
        marks = np.asarray(counters.incident_mark)[seed, episode, number]
        lost = marks[:, _LOST]
        end = np.where(lost >= 0, lost, np.asarray(counters.time)[seed, episode])
        found = {}
        for i, name in enumerate(MARKS):
            ended = marks[:, i] >= 0
            length = np.where(ended, marks[:, i], np.maximum(end, start)) - start
            found[f"incident {name}, s"] = seed, episode, -(-length // 1000), ended
        return found


def _opened(counters: Counters, hosts: Bool[Array, "host"], time: Array) -> Counters:
    """Incidents begin on these hosts."""
    number = counters.incidents + jnp.cumsum(hosts, dtype=jnp.int32) - 1
    place = jnp.where(hosts, number, INCIDENTS)
    return counters.replace(
        host_incident=jnp.where(hosts, number, counters.host_incident),
        incidents=counters.incidents + _count(hosts),
        incident_start=counters.incident_start.at[place].set(time, mode="drop"),
    )


def _marked(counters: Counters, marks: Bool[Array, "host mark"], time: Array) -> Counters:
    """Marks of open incidents, each at its first time; those that recovered or were lost are closed."""
    number = counters.host_incident
    open_ = number >= 0
    place = jnp.where(open_, number, INCIDENTS)
    old = counters.incident_mark[jnp.minimum(place, INCIDENTS - 1)]
    new = jnp.where((old < 0) & marks, time, old)
    over = open_ & (marks[:, MARKS.index("recovered")] | marks[:, _LOST])
    return counters.replace(
        host_incident=jnp.where(over, -1, number),
        incident_mark=counters.incident_mark.at[place].set(new, mode="drop"),
    )


def _verdicts(was: Any, now: Any) -> Int32[Array, "2 2"]:
    """New verdicts on hosts that are owned or not, that find red or call them clean."""
    news = (now.view_verdict_time != was.view_verdict_time) & now.host_exists
    found = news & _any_of(now.view_verdict, _FOUND)
    clean = news & (now.view_verdict == B.Verdict.CLEAN)
    owned = was.host_priv > 0
    return jnp.stack([jnp.stack([_count(x & who) for x in (clean, found)]) for who in (~owned, owned)])


def _outcomes(events: Any) -> Int32[Array, "kind outcome"]:
    red = events.agent >= T.NUM_BLUE
    kind = jnp.stack([red & (events.kind == kind) for kind in _RED_KINDS])
    outcome = jnp.stack([events.outcome == outcome for outcome in Outcome])
    return jnp.sum(kind[:, None] & outcome[None], axis=-1, dtype=jnp.int32)


_OUTCOMES = ("success", "failed", "blocked or gone", "caught", "aborted")


def _by_outcome(outcomes: Any) -> np.ndarray:
    counts = np.moveaxis(np.asarray(outcomes, float), -1, 0)
    o = Outcome
    kinds = (o.SUCCESS,), (o.FAILED,), (o.BLOCKED, o.GONE), (o.CAUGHT,), (o.ABORTED,)
    return np.stack([sum(counts[one] for one in kind) for kind in kinds], axis=-1)


def _trapped(outcomes: Any) -> np.ndarray:
    """How many of red's actions ended that deception can catch."""
    kinds = [_RED_KINDS.index(kind) for kind in (*R.EXPLOITS, R.Red.PASS_THE_TICKET)]
    return np.asarray(outcomes, float)[..., kinds, :].sum(axis=(-1, -2))


def _techniques() -> tuple[str, ...]:
    return tuple(f"{R.ROWS[kind].technique} {R.ROWS[kind].name}" for kind in _RED_KINDS)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where there is nothing."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _any_of(values: Array, kinds: tuple[int, ...]) -> Bool[Array, "host"]:
    return jnp.any(jnp.stack([values == kind for kind in kinds]), axis=0)


def _count(flags: Bool[Array, "..."]) -> Int32[Array, ""]:
    return jnp.sum(flags, dtype=jnp.int32)
