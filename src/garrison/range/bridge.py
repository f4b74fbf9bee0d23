"""An episode of ``soc`` in the range: outcomes, logs, verdicts and readings come from a driver.

The rules of ``soc`` keep the account: budgets, effects, rewards, and what each side observes are computed by
the world's own functions. What its kernel would draw is measured here. A row of draws (``soc-rules.md §2.8``)
is chosen so that the kernel arrives at the outcome that was measured; where it cannot, rules and range
disagree, and the episode is void.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy, act
from garrison.core.struct import Struct
from garrison.core.world import Step
from garrison.range.drivers.mock import Mock
from garrison.range.judge import MOST_UNMAPPED, Judge
from garrison.range.nonces import Ledger
from garrison.range.plan import KINDS, NOT_OFFERED, TECHNIQUE_OF, TECHNIQUES, Plan, from_topology
from garrison.range.protocol import (
    BlueAction,
    Driver,
    Evidence,
    Handle,
    InfrastructureError,
    Node,
    Outcome,
    Technique,
)
from garrison.range.tokens import Filed, tokens_of
from garrison.worlds.soc import clock, encoders, legal, observe_red, ports, reward, step
from garrison.worlds.soc.actions import attempt
from garrison.worlds.soc.actions.context import completing
from garrison.worlds.soc.diagnosis import Metrics
from garrison.worlds.soc.draws import Draws, Rows, blank
from garrison.worlds.soc.env import Episode, Soc
from garrison.worlds.soc.generate import generate
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.reset import initial_state
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import noise
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import tokens as G

Game = clock.Game
_RED = T.NUM_BLUE  # number of the red agent
_UNLUCKY = np.float32(1 - 2.0**-24)
_CALL_SECONDS = 5.0  #: real time that a call of the driver may take
_EXPLOITS = frozenset(R.EXPLOITS)
_HUMAN = (R.Red.WAIT, R.Red.LIE_LOW, R.Red.SPEAR_PHISHING)  #: waited for as soc's laws have it
_SCANS = (R.Red.DISCOVER_NETWORK_SERVICES, R.Red.NETWORK_SCAN, R.Red.DISCOVER_REMOTE_SYSTEMS)
_AWAY = (A.Outcome.ABORTED, A.Outcome.GONE)
_INSPECTED = (T.Status.ONLINE, T.Status.ISOLATED)
_DECOYS = range(B.Blue.DECOY_GENERIC, B.Blue.DECOY_TOMCAT + 1)
_RING = ("ring_what", "ring_where", "ring_recorded", "ring_deliver", "ring_next", "tokens_lost")
_REMOTE = tuple(dict.fromkeys(TECHNIQUE_OF.values()))
_WRONG = 99  # see garrison.range.clients.remote
#: clocks of soc that stand still in the range, for addresses and slots there do not change
FIXED_CLOCKS = (L.Clock.DHCP, L.Clock.CHURN, L.Clock.MIGRATE, L.Clock.ARRIVE)


class Divergence(InfrastructureError):
    """The rules of ``soc`` and the range disagree on what happened: the episode is void."""


@dataclass
class Played:
    """An episode.

    Attributes:
        returned: sum of blue's rewards, in points (``soc-rules.md §7.2``).
        parts: of it, by name.
        goal: whether red reached its goal.
        sla: time-weighted share of weight that is up and not encrypted.
        owned: seconds of hosts under red's control.
        false_isolation: seconds of isolated hosts that were not.
        seconds: of ``soc``, to the end.
        void: why the episode counts for nobody; empty otherwise.
        lag: greatest delay of an event behind its time, seconds of ``soc``.
        times: per mark of :mod:`garrison.worlds.soc.diagnosis`, the seconds of each incident and whether it
            got there; others are censored.
        ended: kind, seconds and outcome of each of red's actions, by their names and in order.
        latencies: real seconds of each technique, by name.
        tried: per technique, attempts and successes where ``soc`` leaves it to chance.
        tokens: delivered tokens by type.
    """

    returned: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    goal: bool = False
    sla: float = 1.0
    owned: float = 0.0
    false_isolation: float = 0.0
    seconds: float = 0.0
    void: str = ""
    lag: float = 0.0
    times: dict[str, list[tuple[int, bool]]] = field(default_factory=dict)
    ended: list[tuple[str, float, str]] = field(default_factory=list)
    decisions: int = 0
    lines: int = 0
    unmapped: int = 0
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    tried: dict[str, list[int]] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    observations: list[np.ndarray] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Plain values without the observations, of which ``Played(**values)`` makes the episode again."""
        return {**vars(self), "tokens": dict(self.tokens), "observations": []}


class Kept(Struct):
    """What an episode keeps beside its state: what its metrics counted, and entries that blue keeps."""

    counters: Any
    recent: Any


@cache
def _programs(static: Static, observation: str, table: str) -> dict[str, Any]:
    """Compiled functions of ``soc`` for networks of one size."""
    lay = layout(static)
    metrics = Metrics(static, tuple(lay.owner.tolist()), tuple(lay.zone.tolist()), "blue")

    def game(options: Options, topology: Any) -> Game:
        return Game(static, options, topology)

    def reset(options: Options, topology: Any, u: Any) -> tuple[State, Kept]:
        state = initial_state(game(options, topology), u)
        recent = encoders.none() if encoders.keeps(observation) else None
        return state, Kept(metrics.start(Episode(state, topology, options)), recent)

    def look(options: Options, topology: Any, state: State, recent: Any) -> tuple[Any, ...]:
        g = game(options, topology)
        blue = encoders.vectors(g, state, observation, recent, table)
        red = observe_red.vectors(g, state)
        return blue, red, legal.legal(g, state), clock.deciding(g, state), clock.pending(g, state)

    def advance(
        options: Options, topology: Any, row: Rows, before: State, state: State, kept: Kept
    ) -> tuple[Any, ...]:
        """``before`` is the state before the decisions that came first, for metrics count by steps."""
        g = game(options, topology)
        after, sums, events = step.advance(g, row, state)
        parts = reward.blue(g, sums)
        one = Step(
            reward=jnp.zeros(static.num_agents),
            terminated=after.terminated,
            truncated=after.truncated,
            final_obs=jnp.zeros((static.num_agents, 0)),
            info={"events": jax.tree.map(lambda leaf: leaf[None], events), "reward_parts": parts},
        )
        steps = Episode(before, topology, options), Episode(after, topology, options)
        nothing = jnp.zeros(static.num_agents, jnp.int32)
        kept = kept.replace(counters=metrics.add(kept.counters, steps[0], nothing, steps[1], one))
        if kept.recent is not None:
            kept = kept.replace(recent=encoders.remember(static, kept.recent, state, after))
        return after, sums, events, parts, kept

    def expect(options: Options, topology: Any, row: Rows, state: State) -> tuple[Any, ...]:
        """How red's action would end with luck, the port that it uses, and the weakness of R1."""
        g = game(options, topology)
        done = completing(g, row, state, jnp.uint32(_RED), jnp.ones((), bool))
        made = attempt.attempt(done)
        kind = state.agent_kind[_RED].astype(jnp.uint32)
        used = ports.way(kind, state.red_scan[0, done.slot], made.port)
        return made.outcome, made.port, used.weakness

    return {
        "generate": jax.jit(lambda options, number: generate(static, options, number)),
        "reset": jax.jit(reset),
        "look": jax.jit(look),
        "begin": jax.jit(
            lambda options, topology, draws, state, actions: step.begin(
                game(options, topology), draws, state, actions
            )
        ),
        "advance": jax.jit(advance),
        "expect": jax.jit(expect),
        "metrics": metrics,
    }


@jax.jit
def _act(policy: Policy, key: Any, obs: Any, mask: Any, memory: Any) -> tuple[Any, Any]:
    return act(policy, key, obs, None, mask, memory)


class Bridge:
    """Plays episodes of a world in the range.

    Args:
        world: ``soc`` with ``side="both"`` and one red agent.
        driver: a tier.
        speed: seconds of ``soc`` per real second.
        technical: how long red's technical actions take: ``measured``, what the range takes, at least the
            shortest duration of ``soc``; ``laws``, as ``soc`` draws it, before the range is asked.
        realtime: False lets a driver without processes play as fast as it can.
        keep: whether to keep the observations of blue at each batch.
        durations: seconds of ``soc`` that techniques took elsewhere, by their names: red's technical actions
            then take as long as one of them, at least the shortest duration of ``soc``.

    Raises:
        ValueError: for another world, or another value.
    """

    def __init__(
        self,
        world: Soc,
        driver: Driver,
        speed: float = 30.0,
        technical: str = "measured",
        realtime: bool = True,
        keep: bool = False,
        durations: Mapping[str, np.ndarray] | None = None,
    ):
        if not isinstance(world, Soc) or world.static.reds != 1:
            raise ValueError("the range plays soc with side='both' and one red agent")
        if technical not in ("measured", "laws"):
            raise ValueError(f"technical is {technical!r}; it must be measured or laws")
        if not 1 <= speed <= 1000:
            raise ValueError(f"speed is {speed}; it must be 1-1000")
        self.world, self.driver, self.speed = world, driver, speed
        self.technical, self.realtime, self.keep = technical, realtime, keep
        self.durations = dict(durations or {})
        self.programs = _programs(world.static, world.observation, world.table)

    def options(self, scenario: int) -> Options:
        """The world's options of a scenario, with the clocks that stand still in the range."""
        return fixed(jax.tree.map(lambda leaf: np.asarray(leaf)[scenario], self.world.options))

    def plan(self, number: int, scenario: int = 0) -> Plan:
        """The plan of a network."""
        options = self.options(scenario)
        topology = self.programs["generate"](options, jnp.uint32(number))
        return from_topology(self.world.static, options, topology, self.speed)

    def play(self, blue: Policy, red: Policy, number: int, seed: int, scenario: int = 0) -> Played:
        """One episode on the network ``number``.

        A failure of the range, or a disagreement with the rules, makes it void.
        """
        episode = _Game(self, blue, red, number, seed, scenario)
        try:
            episode.play()
        except InfrastructureError as error:
            episode.result.void = str(error)
        finally:
            if episode.handle is not None:
                left = self.driver.teardown(episode.handle)
                if not left.none:
                    raise RuntimeError(f"the range left something behind: {left}")
        return episode.result


class _Game:
    def __init__(self, bridge: Bridge, blue: Policy, red: Policy, number: int, seed: int, scenario: int):
        self.bridge, self.driver, self.run = bridge, bridge.driver, bridge.programs
        self.static, self.seed = bridge.world.static, seed
        self.options = bridge.options(scenario)
        self.random = np.random.default_rng([seed, number])
        self.spare = np.random.default_rng([seed, number, 1])  # leaves the draws of other tiers alone
        self.topology = self.run["generate"](self.options, jnp.uint32(number))
        self.net: Any = {name: np.asarray(value) for name, value in vars(self.topology).items()}
        self.plan = from_topology(self.static, self.options, self.topology, bridge.speed)
        self.policies = blue, red
        self.keys = jax.random.split(jax.random.key(seed), 3)
        self.ledger = Ledger(self.plan)
        self.judge, self.result = Judge(self.ledger), Played()
        self.handle: Handle | None = None
        self.zone = layout(self.static).zone
        self.sessions: dict[tuple[int, str], str] = {}  # host, privilege -> handle
        self.tickets: dict[tuple[int, int], str] = {}  # scope, epoch -> credential
        self.honey = ""
        self.pending: list[Filed] = []
        self.pictures: dict[int, tuple[int, bool]] = {}  # of the scan that completes
        self.beats = np.zeros(self.static.hosts, np.uint16)  # batch of the last sign of life
        self.lost = 0.0  # share of weight that is down times seconds
        self.slots = L.event_slots(self.static.num_agents)
        self.blank: Draws = jax.device_get(blank(self.static))
        self.state: State

    # ------------------------------------------------------------ time

    def _now(self) -> float:
        """Seconds of ``soc`` since the start."""
        if not self.bridge.realtime:
            return int(self.state.time) / 1000
        return (time.monotonic() - self.started) * self.bridge.speed

    def _wait_until(self, ms: int) -> None:
        """Wait for a time of ``soc``; what is late is noted."""
        if self.bridge.realtime and self.handle is None:
            return
        if self.bridge.realtime:
            left = ms / 1000 - self._now()
            if left > 0:
                time.sleep(left / self.bridge.speed)
            else:
                self.result.lag = max(self.result.lag, -left)
        elif isinstance(self.driver, Mock):
            self.driver.clock = lambda: ms / 1000 / self.bridge.speed

    def _deadline(self) -> float:
        return time.monotonic() + _CALL_SECONDS

    # ------------------------------------------------------------ the loop

    def play(self) -> None:
        u = self.random.random(L.NUM_CLOCKS, np.float32)
        self.state, self.kept = jax.device_get(self.run["reset"](self.options, self.topology, u))
        self.before = self.state
        memories = [
            policy.init(key, count)
            for policy, key, count in zip(self.policies, self.keys[:2], (T.NUM_BLUE, 1), strict=True)
        ]
        self._compile(memories)
        self._wait_until(0)
        self.handle = self.driver.provision(self.plan, self.ledger.draw(), self.seed, time.monotonic() + 60.0)
        self.started = time.monotonic()
        for node in np.flatnonzero(self.net["start_priv"]).tolist():
            self.sessions[node, "user"] = self._apply("foothold", node).found[node]["session"]
        while not bool(clock.ended(self.state)):
            blue, red, mask, deciding, times = self._look(self.state)
            if deciding.any():
                self._decide(blue, red, mask, deciding, memories)
                continue
            slot = int(np.argmin(times))
            self._wait_until(int(times[slot]))
            self._event(slot)
        self._agree()
        self.result.goal = bool(self.state.terminated)
        self.result.seconds = int(self.state.time) / 1000
        self.result.sla = 1 - self.lost / max(self.result.seconds, 1e-9)
        self.result.outcomes = self.judge.counts()
        self.result.times = times_of(self.run["metrics"], self.kept.counters)
        if self.result.unmapped > MOST_UNMAPPED * max(self.result.lines, 1):
            raise RuntimeError(f"{self.result.unmapped} of {self.result.lines} lines of logs have no rule")

    def _compile(self, memories: list[Any]) -> None:
        """Compile everything before time runs."""
        blue, red, mask, *_ = self._look(self.state)
        for side in range(2):
            self._chosen(side, (blue, red)[side], mask, memories[side])
        nothing = np.zeros(self.static.num_agents, np.int32)
        state = self.run["begin"](self.options, self.topology, self.blank, self.state, nothing)
        row = Rows(**self._row())
        self.run["expect"](self.options, self.topology, row, state)
        jax.block_until_ready(
            self.run["advance"](self.options, self.topology, row, self.state, state, self.kept)
        )

    def _look(self, state: State) -> tuple[Any, ...]:
        """Observations of both sides, legal actions, who decides, and times of the events to come."""
        return jax.device_get(self.run["look"](self.options, self.topology, state, self.kept.recent))

    def _chosen(self, side: int, obs: Any, mask: Any, memory: Any) -> tuple[np.ndarray, Any]:
        """What a side chooses: 0 blue, 1 red."""
        counts = self.bridge.world.action_counts
        key = jax.random.fold_in(self.keys[2], 2 * self.result.decisions + side)
        legal_ = mask[: T.NUM_BLUE, : max(counts[: T.NUM_BLUE])]
        if side == 1:
            offered = ~np.isin(legal.action_list(self.static, _RED)[:, 0], NOT_OFFERED)
            legal_ = mask[_RED:, : counts[_RED]] & offered[None]
        action, memory = _act(self.policies[side], key, obs, legal_, memory)
        return np.asarray(action), memory

    def _decide(self, blue: Any, red: Any, mask: Any, deciding: Any, memories: list[Any]) -> None:
        """The free agents choose, and start."""
        chosen = []
        for side, obs in enumerate((blue, red)):
            action, memories[side] = self._chosen(side, obs, mask, memories[side])
            chosen.append(action)
        self.result.decisions += 1
        uniform = lambda shape: self.random.random(shape, np.float32)  # noqa: E731
        draws = jax.tree.map(lambda leaf: uniform(leaf.shape), self.blank)
        before = self.state
        after = jax.device_get(
            self.run["begin"](self.options, self.topology, draws, before, np.concatenate(chosen))
        )
        self.state = self._without_tokens(before, after)
        if deciding[_RED] and self.bridge.technical == "measured":
            kind = int(self.state.agent_kind[_RED])
            if kind not in _HUMAN:
                done = np.array(self.state.agent_done)
                done[_RED] = int(self.state.time) + self._technical_ms(R.Red(kind))
                self.state = self.state.replace(agent_done=done)
        for agent in np.flatnonzero(deciding[: T.NUM_BLUE]).tolist():
            if int(self.state.agent_kind[agent]) in (B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP):
                self._apply("take_down", int(self.state.agent_target[agent]))
                self._record(int(self.state.agent_target[agent]), G.Token.HOST_DOWN)

    def _technical_ms(self, kind: R.Red) -> int:
        """How long a technical action takes before the range is asked."""
        names = _REMOTE if kind == R.Red.EXPLOIT_REMOTE_SERVICE else (KINDS.get(kind, ""),)
        known = [self.bridge.durations[name] for name in names if name in self.bridge.durations]
        if not known:
            return L.LEAST_MS
        return max(int(1000 * self.spare.choice(np.concatenate(known))), L.LEAST_MS)

    def _without_tokens(self, before: State, after: State) -> State:
        """The state without the tokens that the kernel recorded: the range records its own."""
        return after.replace(**{name: getattr(before, name) for name in _RING})

    def _row(self) -> dict[str, Any]:
        """Draws by which nothing happens by chance."""
        row = jax.tree.map(lambda leaf: np.full(leaf.shape[1:], _UNLUCKY), self.blank.rows)
        values = dict(vars(row))
        values["ot"] = np.full(3, 0.5, np.float32)
        values["gap"] = np.float32(self.random.random())
        values["pick"] = np.float32(self.random.random())
        return values

    def _event(self, slot: int) -> None:
        row = self._row()
        agents = self.static.num_agents
        expected = None
        agent = slot - 1
        if slot == self.slots["batch"]:
            self._batch()
        elif slot == self.slots["logon"]:
            self._logon(row["pick"])
        elif 0 <= agent < T.NUM_BLUE:
            self._inspect(agent, row)
        elif T.NUM_BLUE <= agent < agents:
            expected = self._red(row)
        before = self.state
        after, sums, events, parts, self.kept = jax.device_get(
            self.run["advance"](self.options, self.topology, Rows(**row), self.before, before, self.kept)
        )
        if slot == self.slots["batch"]:
            self.state = self._heard(after)
        else:
            self.state = self._without_tokens(before, after)
        self.before = self.state
        self._account(before, sums, parts)
        outcome = A.Outcome(max(int(events.outcome), 0))
        if T.NUM_BLUE <= agent < agents:
            seconds = (int(events.time) - int(before.agent_start[agent])) / 1000
            kind = R.Red(int(before.agent_kind[agent]))
            self.result.ended.append((kind.name.lower(), seconds, outcome.name.lower()))
        if expected is not None:
            if outcome not in expected[1]:
                names = "/".join(one.name for one in expected[1])
                raise Divergence(f"{expected[0]}: the range says {names}, the rules {outcome.name}")
        elif T.NUM_BLUE <= agent < agents:
            self._learn(R.Red(int(before.agent_kind[_RED])), int(before.agent_target[_RED]), outcome)
        elif 0 <= agent < T.NUM_BLUE:
            self._blue(before, agent, outcome)

    def _account(self, before: State, sums: Any, parts: Any) -> None:
        result, dt = self.result, int(sums.elapsed) / 1000
        for name, part in parts.items():
            result.parts[name] = result.parts.get(name, 0.0) + float(part)
            result.returned += float(part)
        there = np.asarray(before.host_exists)
        status, priv = np.asarray(before.host_status), np.asarray(before.host_priv)
        weight = np.asarray(before.host_weight) * there
        down = ~np.isin(status, (T.Status.ONLINE, T.Status.OFF)) | np.asarray(before.host_encrypted)
        lost = float((weight * down).sum()) / max(float(weight.sum()), 1.0)
        self.lost += lost * dt
        result.owned += float((priv > 0).sum()) * dt
        result.false_isolation += float(((status == T.Status.ISOLATED) & (priv == 0)).sum()) * dt

    def _agree(self) -> None:
        """At the end the sessions of the range must be those of the account."""
        priv, status = np.asarray(self.state.host_priv), np.asarray(self.state.host_status)
        for host in self.plan.hosts:
            if status[host.node] == T.Status.REIMAGING:
                continue
            found = self._apply("analyse", host.node).found[host.node]["privilege"]
            if found != int(priv[host.node]):
                raise Divergence(
                    f"host {host.node}: the range has privilege {found}, the account {priv[host.node]}"
                )

    # ------------------------------------------------------------ logs and users

    def _record(self, node: int, token: G.Token) -> None:
        self.pending.append(Filed(token, node, T.NO_HOST, int(G.PORT_OF[token])))

    def _batch(self) -> None:
        """Users act, logs are read, and what is due goes to the ring; the plant's readings are taken."""
        assert self.handle is not None
        self._users()
        found, unmapped = tokens_of(self.driver.collect(self.handle, 0.0))
        self.result.unmapped += unmapped
        self.result.lines += len(found) + unmapped
        filed, self.pending = [*self.pending, *found], []
        number = (int(self.state.time) + L.BATCH_MS) // L.BATCH_MS
        size = self.static.ring
        ring = {name: np.zeros_like(np.asarray(getattr(self.state, name))) for name in _RING}
        family = G.OS_FAMILY[self.net["host_os"]]
        for place, token in enumerate(filed[:size]):
            process, user = G.FIELDS[token.type, family[token.host]].tolist()
            ring["ring_what"][place] = G.pack(int(token.type), process, user, token.port)
            ring["ring_where"][place] = token.host | token.other << 8
            ring["ring_recorded"][place] = ring["ring_deliver"][place] = number
            self.result.tokens[token.type.name.lower()] += 1
        lost = int(self.state.tokens_lost) + max(len(filed) - size, 0)
        values = ring | {"tokens_lost": np.int32(lost), "ring_next": np.uint16(len(filed[:size]) % size)}
        reading = np.rint(self.driver.plant(self.handle, self._deadline())).astype(np.int32)
        self.state = self.state.replace(**values, plant_value=reading, plant_setpoint=reading)

    def _users(self) -> None:
        """Benign activity at the rates of soc (§5.2); what a host does is done by its processes."""
        assert self.handle is not None
        state = self.state
        role, status = np.asarray(state.host_role), np.asarray(state.host_status)
        there = np.asarray(state.host_exists) & (status == T.Status.ONLINE)
        there &= ~np.asarray(state.host_encrypted) & T.MANAGED[role]
        now = int(state.batch_next) + int(self.topology.day_offset)
        night = int(now % noise.CYCLE_MS >= noise.DAY_MS)
        words = self.random.integers(0, 1 << 24, self.static.hosts)
        for node in np.flatnonzero(there).tolist():
            what = int(noise.entries()[role[node], self.net["host_os"][node], words[node] >> 4 & 255])
            token, severe = G.Token(what & 31), G.SEVERITY[what & 31] >= G.SEVERE
            rates = noise.ALARM_RATES if severe else noise.RATES
            scale = int(self.options.alarm_scale if severe else self.options.noise_scale)
            if words[node] >> 12 >= rates[role[node], night] * scale // 1000:
                continue
            peer = int(self.net["host_peer"][node])
            if noise.IS_FLOW[token] and peer == T.NO_HOST and token is not G.Token.FLOW_LARGE:
                continue
            if token is G.Token.DECOY_TOUCH and not int(state.host_decoy[node]):
                continue
            port = what >> 13
            name = token.name.lower()
            self.driver.act(self.handle, name, Node(node), Node(peer), port, self._deadline())

    def _heard(self, state: State) -> State:
        """The state after a batch with the signs of life that sensors gave."""
        assert self.handle is not None
        alive = self.driver.heartbeats(self.handle, 3.0, self._deadline())
        number = int(state.time) // L.BATCH_MS
        away = state.host_status != T.Status.ONLINE
        heard = np.zeros(self.static.hosts, bool)
        heard[[node for node in alive if T.MANAGED[state.host_role[node]]]] = True
        heard &= ~away & ~state.host_encrypted
        self.beats = np.where(heard, number, self.beats).astype(np.uint16)
        state = state.replace(view_heartbeat=self.beats)
        if self.bridge.keep:
            blue, *_ = self._look(state)
            self.result.observations.append(np.asarray(blue))
        return state

    def _logon(self, pick: np.float32) -> None:
        """A user logs on at the host that the kernel will pick."""
        assert self.handle is not None
        state = self.state
        fits = np.asarray(state.host_exists) & (np.asarray(state.host_status) == T.Status.ONLINE)
        fits &= ~np.asarray(state.host_encrypted) & (np.asarray(state.host_home) > 0)
        fits &= np.asarray(state.host_role) != T.Role.BYOD
        nodes = np.flatnonzero(fits)
        if len(nodes):
            node = int(nodes[int(float(pick) * len(nodes))])
            self.driver.act(self.handle, "logon", Node(node), Node(node), 0, self._deadline())

    # ------------------------------------------------------------ blue

    def _apply(self, name: str, target: int, value: int = 0, fresh: Any = None) -> Any:
        assert self.handle is not None
        action = BlueAction(name, target, value)
        return self.driver.apply(self.handle, action, fresh, time.monotonic() + 4 * _CALL_SECONDS)

    def _inspect(self, agent: int, row: dict[str, Any]) -> None:
        """Before Analyse and Monitor complete: what the range finds decides in place of chance."""
        kind, target = int(self.state.agent_kind[agent]), int(self.state.agent_target[agent])
        if kind == B.Blue.ANALYSE and self.state.host_status[target] in _INSPECTED:
            found = self._apply("analyse", target).found[target]
            row["chance"] = np.float32(0.0 if found["privilege"] else _UNLUCKY)
        if kind == B.Blue.MONITOR:
            found = self._apply("monitor", target).found
            for node, about in found.items():
                if about["suspicious"] and about["sensor"]:
                    row["host"][node] = 0.0

    def _blue(self, before: State, agent: int, outcome: A.Outcome) -> None:
        """After an action of blue completed by the rules: it is carried out."""
        kind, target = B.Blue(int(before.agent_kind[agent])), int(before.agent_target[agent])
        name = kind.name.lower()
        success = outcome is A.Outcome.SUCCESS
        if kind in (B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP):
            self._restored(name, target, outcome)
        elif kind == B.Blue.REMOVE and outcome in (A.Outcome.SUCCESS, A.Outcome.FAILED):
            fresh = self.ledger.redraw(target, ("user",)) if success else None
            done = self._apply(name, target, fresh=fresh).done
            if done is not success:
                raise Divergence(f"remove on host {target}: the range says {done}, the rules {outcome.name}")
            self.sessions.pop((target, "user"), None)
        elif success and kind in _DECOYS:
            self._apply("decoy", target, kind - B.Blue.DECOY_GENERIC + 1)
        elif success and kind not in (B.Blue.WAIT, B.Blue.WATCH, B.Blue.ANALYSE, B.Blue.MONITOR):
            self._apply(name, target)
        if success:
            self._told(kind, target)

    def _restored(self, name: str, target: int, outcome: A.Outcome) -> None:
        if outcome is A.Outcome.SUCCESS:
            applied = self._apply(name, target, fresh=self.ledger.redraw(target))
            if not applied.done:
                raise Divergence(f"{name} on host {target}: {applied.reason}")
            self.sessions = {key: handle for key, handle in self.sessions.items() if key[0] != target}
        else:
            self._apply("bring_up", target)

    def _told(self, kind: B.Blue, target: int) -> None:
        """What consoles of blue's tools write themselves; the rest is in the logs of hosts."""
        row = B.ROWS[kind]
        for emission in row.at_completion:
            if emission is None or emission.type is None:
                continue
            node = target
            if row.target is not A.Target.HOST:
                zone = target if row.target is A.Target.ZONE else int(np.argmax(T.SCOPE_ZONES[target]))
                charge = G.DIRECTORY_ZONE[zone]
                roles = np.asarray(self.state.host_role)
                live = np.asarray(self.state.host_exists) & (roles == T.Role.DOMAIN_CONTROLLER)
                nodes = np.flatnonzero(live & (self.zone == charge))
                if not len(nodes):
                    continue
                node = int(nodes[0])
            self._record(node, G.Token(emission.type))

    # ------------------------------------------------------------ red

    def _red(self, row: dict[str, Any]) -> tuple[str, tuple[A.Outcome, ...]] | None:
        """Before red's action completes: the range decides, and the row is made to fit.

        Returns:
            Its name, and what the kernel may say; None for actions that are red's own affair.
        """
        kind, target = R.Red(int(self.state.agent_kind[_RED])), int(self.state.agent_target[_RED])
        lucky = Rows(**{**row, "chance": np.float32(0.0)})
        outcome, bit, weakness = jax.device_get(
            self.run["expect"](self.options, self.topology, lucky, self.state)
        )
        if A.Outcome(int(outcome)) in _AWAY:
            return kind.name, _AWAY
        source = Node(int(self.state.agent_source[_RED]))
        if kind in _SCANS:
            self._scan(kind, target, source, row)
            return None
        if kind not in KINDS and kind != R.Red.EXPLOIT_REMOTE_SERVICE:
            row["chance"] = np.float32(0.0)
            return None
        technique, claims = self._technique(kind, target, source, int(bit), int(weakness))
        evidence = self._launch(technique, claims, source, Node(target))
        self._fit(kind, evidence, row)
        return self._expected(kind, technique, evidence)

    def _expected(
        self, kind: R.Red, technique: Technique, evidence: Evidence
    ) -> tuple[str, tuple[A.Outcome, ...]]:
        of = {
            Outcome.SUCCESS: (A.Outcome.SUCCESS,),
            Outcome.NOT_VULNERABLE: (A.Outcome.FAILED,),
            Outcome.TRAPPED: (A.Outcome.CAUGHT,),
            Outcome.BLOCKED: (A.Outcome.BLOCKED,),
            Outcome.DENIED: (A.Outcome.BLOCKED,),
            Outcome.UNREACHABLE: (A.Outcome.BLOCKED, A.Outcome.GONE),
        }
        allowed = of[evidence.outcome]
        if evidence.outcome is Outcome.TRAPPED and technique.flaw == _WRONG:
            allowed = (*allowed, A.Outcome.FAILED)  # a decoy, and a false picture of it
        about = f"{technique.name} with {len(technique.tickets)} credentials {evidence.outcome.value}"
        return f"{kind.name.lower()} ({about})", allowed

    def _technique(
        self, kind: R.Red, target: int, source: Node, bit: int, weakness: int
    ) -> tuple[Technique, str]:
        port = bit.bit_length() - 1
        name, flaw = KINDS.get(kind, ""), -1
        if kind == R.Red.EXPLOIT_REMOTE_SERVICE:
            name, flaw = TECHNIQUE_OF[T.Port(port)], weakness.bit_length() - 1
        elif kind == R.Red.EXPLOIT_HTTP_RFI:
            name, flaw = TECHNIQUE_OF.get(T.Port(max(port, 0)), "web"), int(T.Weakness.CVE_2021_44228)
        elif kind == R.Red.EXPLOIT_ETERNAL_BLUE:
            flaw = int(T.Weakness.MS17_010)
        elif kind == R.Red.EXPLOIT_BLUE_KEEP:
            flaw = int(T.Weakness.CVE_2019_0708)
        if kind in _EXPLOITS and bool(self.state.red_scan_false[0, target]):
            flaw = _WRONG  # made for what the false picture showed
        claims, unit, scopes = TECHNIQUES[name], -1, range(T.NUM_SCOPES)
        if kind == R.Red.SPEAR_PHISHING:
            port = int(T.Port.MAIL)
        elif kind == R.Red.OVERLOAD_PLC:
            port = int(T.Port.S7)
        elif kind == R.Red.EXFILTRATE_DATA:
            unit = int(self.state.host_taken[target])
            claims = f"data:{unit}"
        elif kind == R.Red.PASS_THE_TICKET:
            admin = int(T.ZONE_ADMIN[self.zone[target]])
            desk = (
                self.zone[target] == T.Zone.CORPORATE and self.state.host_role[target] == T.Role.WORKSTATION
            )
            scopes = (admin, int(T.Scope.CORP_USER)) if desk else (admin,)
            stale = self.state.token_epoch[0, admin] != self.state.scope_epoch[admin]
            claims = "user" if desk and stale else "root"  # the client shows both, that of the zone first
        owner = int(source) if kind == R.Red.PASS_THE_HASH else target
        session = self.sessions.get((owner, "root")) or self.sessions.get((owner, "user"), "")
        if name in ("grant", "impersonate", "driver"):
            session = self.sessions.get((owner, "user"), session)
        return Technique(name, port, flaw, session, self._credentials(scopes), unit), claims

    def _credentials(self, scopes: Iterable[int] = range(T.NUM_SCOPES)) -> tuple[str, ...]:
        """What red holds of these scopes by the account, and its sessions on engineering workstations."""
        held = self.state.token_epoch[0].tolist()
        keys = [(scope, held[scope]) for scope in scopes]
        found = [self.tickets[key] for key in keys if key in self.tickets]
        if bool(self.state.token_honey[0]) and self.honey:
            found.append(self.honey)
        for (node, _), handle in self.sessions.items():
            if int(self.state.host_role[node]) == T.Role.ENGINEERING_WORKSTATION:
                found.append(f"session.{node}.{handle}")
        return tuple(found)

    def _launch(self, technique: Technique, claims: str, source: Node, target: Node) -> Evidence:
        assert self.handle is not None
        src = target if technique.port < 0 and technique.name != "hash" else source
        evidence = self.driver.launch(self.handle, technique, src, target, self._deadline())
        self.result.latencies.setdefault(technique.name, []).append(evidence.ended - evidence.started)
        if evidence.outcome in (Outcome.SUCCESS, Outcome.NOT_VULNERABLE):
            tried = self.result.tried.setdefault(technique.name, [0, 0])
            tried[0] += 1
            tried[1] += evidence.outcome is Outcome.SUCCESS
        evidence = self.judge.check(technique.name, target, claims, evidence)
        if evidence.outcome is Outcome.SUCCESS:
            self._gained(technique, claims, target, evidence)
        return evidence

    def _gained(self, technique: Technique, claims: str, target: Node, evidence: Evidence) -> None:
        if evidence.session:
            self.sessions[int(target), claims] = evidence.session
        if technique.name == "dump":
            epochs = np.asarray(self.state.scope_epoch)
            for ticket in evidence.tickets:
                name = ticket.replace(":", ".").split(".")[0]
                if name == "honey":
                    self.honey = ticket
                else:
                    scope = T.SCOPE_NAMES.index(name)
                    self.tickets[scope, int(epochs[scope])] = ticket

    def _fit(self, kind: R.Red, evidence: Evidence, row: dict[str, Any]) -> None:
        row["pick"] = _UNLUCKY  # nothing panics
        if evidence.outcome is Outcome.SUCCESS:
            row["chance"] = np.float32(0.0)
            if kind == R.Red.DUMP_LSASS and any(t.startswith("honey") for t in evidence.tickets):
                row["pick"] = np.float32(0.0)
        if evidence.outcome is Outcome.TRAPPED:
            row["ot"][0] = 0.0
        else:
            row["ot"][0] = _UNLUCKY
        if kind == R.Red.OVERLOAD_PLC:
            row["ot"][:] = 0.5

    def _scan(self, kind: R.Red, target: int, source: Node, row: dict[str, Any]) -> None:
        """Scans are real ones; pictures come from banners."""
        assert self.handle is not None
        self.pictures = {}
        nodes = [target]
        if kind != R.Red.DISCOVER_NETWORK_SERVICES:
            nodes = [host.node for host in self.plan.hosts if host.zone == target]
        for node in nodes:
            found = self.driver.scan(self.handle, source, Node(node), self._credentials(), self._deadline())
            if found["outcome"] in ("timeout", "infrastructure"):
                raise InfrastructureError(f"scan of host {node}: {found['outcome']}")
            if found["outcome"] != "success":
                continue
            if kind == R.Red.DISCOVER_REMOTE_SYSTEMS:
                row["host"][node] = 0.0
            elif banner := found.get("banner", ""):
                words = dict(word.split("=") for word in banner.split() if "=" in word)
                picture = int(words["ports"], 16) | int(words["weak"], 16) << T.NUM_PORTS
                self.pictures[node] = picture, words["false"] == "1"

    def _learn(self, kind: R.Red, target: int, outcome: A.Outcome) -> None:
        """After a scan: red has the pictures that the range gave it, and no others."""
        pictures, self.pictures = self.pictures, {}
        if outcome is not A.Outcome.SUCCESS or kind not in _SCANS[:2]:
            return
        if kind == R.Red.DISCOVER_NETWORK_SERVICES and target not in pictures:
            raise Divergence(f"scan of host {target}: the range reaches nothing, the rules say SUCCESS")
        scan, false = self.state.red_scan.copy(), self.state.red_scan_false.copy()
        for node, (picture, untrue) in pictures.items():
            scan[0, node], false[0, node] = picture, untrue
        self.state = self.state.replace(red_scan=scan, red_scan_false=false)


def fixed(options: Options) -> Options:
    """Options, without a leading axis, in which the clocks stand still that do so in the range."""
    means = np.array(options.clock_mean)
    means[list(FIXED_CLOCKS)] = 0
    return options.replace(clock_mean=means)


def times_of(metrics: Metrics, counters: Any) -> dict[str, list[tuple[int, bool]]]:
    """Seconds of each incident by mark, and whether it got there, of the counters of one episode."""
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[None, None], counters)
    return {
        name.split()[1].rstrip(","): list(zip(length.tolist(), ended.tolist(), strict=True))
        for name, (_, _, length, ended) in metrics.times(one).items()
    }


def random_numbers(world: Soc, seed: int, count: int) -> list[int]:
    """Numbers of networks of the world's split, the same for every player and tier."""
    rng = np.random.default_rng(seed)
    test = world.split == "test"
    found = []
    for word in rng.integers(0, 2**32, count, dtype=np.uint64).tolist():
        low = 0 if test else 1 + int(rng.integers(0, 7))
        found.append(int(word) & ~7 | low)
    return found
