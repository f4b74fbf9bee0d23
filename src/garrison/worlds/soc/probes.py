"""Capability probes of a defender: pairs of situations that differ in one thing (``soc-rules.md §8``).

>>> probes.run("analyst", ["precision", "safety"], episodes=64)

In each episode the same network, noise and draws are played twice: with the cue, and with its counterpart.
Log entries are put into the ring, so that they arrive, are counted and fade as all others do; red has what
the situation gives it, and lies low. A probe's *score* is the share of episodes in which the defenders answer
with the cue, less that in which they answer without: 1 for whoever always tells the two apart, 0 for whoever
does the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy, act
from garrison.core.typing import Array, Bool, Float32, PRNGKeyArray
from garrison.core.world import observed_by
from garrison.worlds.soc import telemetry
from garrison.worlds.soc.choose import pick
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.env import Episode, Soc
from garrison.worlds.soc.legal import WAIT
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables.tokens import Token

STEPS = 128  #: of an episode at most; those after the probe's end do not count
K = B.Blue
DISRUPTS = (K.ISOLATE, K.RESTORE, K.RESTORE_FROM_BACKUP, K.REMOVE)
LOOKS = (K.ANALYSE, *DISRUPTS)
LATE = 700_000  #: milliseconds at which the probe of timing begins
PLC_AGES = (600_000, 20_000)  #: milliseconds since the Restore that it asks about: with and without the cue


class Pair(NamedTuple):
    """The states with and without the cue, and the hosts that answers are about."""

    cue: State
    other: State
    hosts: Bool[Array, "host"]


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes:
        question: what it asks.
        pair: makes the states from a game, the state after the reset, and three draws.
        answers: kinds of actions on these hosts that count as an answer.
        seconds: until which they have to end, after ``hold``.
        hold: seconds in which the defenders can only wait.
        size: of the network.
        scenario: whose network it is.
    """

    question: str
    pair: Callable[[Game, State, Float32[Array, "3"]], Pair]
    answers: tuple[K, ...]
    seconds: int = 300
    hold: int = 0
    size: str = "small"
    scenario: str = "ransomware"


@dataclass(frozen=True)
class Score:
    """What a probe found: shares of episodes with an answer, and their difference with a 95% interval."""

    cue: float
    other: float
    score: float
    low: float
    high: float
    episodes: int


# ---------------------------------------------------------------- situations


def _logged(game: Game, state: State, host: Array, type: Token, count: int = 1) -> State:
    """Entries at a host, which the next batch delivers."""
    number = jnp.full(count, int(type), jnp.int32)
    hosts = jnp.full(count, host, jnp.int32)
    none = jnp.full(count, telemetry.OWN_PORT, jnp.int32)
    entries = telemetry.Entries(
        kept=jnp.ones(count, bool),
        what=telemetry.packed(game, number.astype(jnp.uint32), hosts.astype(jnp.uint32), none),
        where=(hosts | T.NO_HOST << 8).astype(jnp.uint32),
        deliver=jnp.full(count, state.batch_next // L.BATCH_MS, jnp.int32),
    )
    return telemetry.push(state, entries)


def _only(state: State, host: Array) -> Bool[Array, "host"]:
    return jnp.arange(state.host_priv.shape[0]) == host


def _held(state: State, host: Array) -> State:
    """Red has a User session on a host."""
    here = _only(state, host)
    return state.replace(
        host_priv=jnp.where(here, jnp.uint8(T.Privilege.USER), state.host_priv),
        red_known=state.red_known | here[None],
        red_visited=state.red_visited | here[None],
    )


def _clients(game: Game, state: State) -> Bool[Array, "host"]:
    """Workstations of corporate, which have one owner."""
    role = state.host_role
    desks = (role == T.Role.WORKSTATION) | (role == T.Role.ADMIN_WORKSTATION)
    return state.host_exists & desks & (game.zone == T.Zone.CORPORATE)


def _two(mask: Bool[Array, "host"], u: Float32[Array, "3"]) -> tuple[Array, Array]:
    """Two different hosts, drawn."""
    one = pick(u[0], mask)
    return one, pick(u[1], mask & (jnp.arange(mask.shape[0]) != one))


def _precision(game: Game, state: State, u: Float32[Array, "3"]) -> Pair:
    host, _ = _two(_clients(game, state), u)
    alarmed = _logged(game, state, host, Token.IDS)
    return Pair(_held(alarmed, host), alarmed, _only(state, host))


def _memory(game: Game, state: State, u: Float32[Array, "3"]) -> Pair:
    host, other = _two(_clients(game, state), u)
    cue, without = (_logged(game, state, one, Token.AUTH_FAIL, 3) for one in (host, other))
    return Pair(_held(cue, host), _held(without, host), _only(state, host))


def _timing(game: Game, state: State, u: Float32[Array, "3"]) -> Pair:
    """An alarm of the plant after a Restore: a new attack, or what the last one left to fade."""
    plcs = state.host_exists & (state.host_role == T.Role.PLC)
    time = jnp.int32(LATE)
    # the hottest setpoint that red leaves behind is far from what the plant has reached
    hot = jnp.asarray([90_000, 0, 0], jnp.int32)
    value = jnp.where(hot > 0, hot, state.plant_value)
    written = jnp.where(hot > 0, 115_000, state.plant_setpoint)

    def restored(age: int, setpoint: Array) -> State:
        verdict = jnp.where(plcs, jnp.uint8(B.Verdict.RESTORED), state.view_verdict)
        heard = jnp.where(state.host_exists, LATE // L.BATCH_MS, 0).astype(jnp.uint16)
        return state.replace(
            time=time,
            batch_next=time + L.BATCH_MS,
            agent_start=jnp.full_like(state.agent_start, LATE - 10_000),
            plant_value=value,
            plant_setpoint=setpoint,
            view_verdict=verdict,
            view_verdict_time=jnp.where(plcs, LATE - age, state.view_verdict_time),
            view_heartbeat=heard,
        )

    new, old = PLC_AGES
    return Pair(restored(new, written), restored(old, state.plant_setpoint), plcs)


def _attention(game: Game, state: State, u: Float32[Array, "3"]) -> Pair:
    host, other = _two(_clients(game, state), u)
    return Pair(
        _held(_logged(game, state, host, Token.IDS), host),
        _held(_logged(game, state, other, Token.IDS), host),
        _only(state, host),
    )


def _safety(game: Game, state: State, u: Float32[Array, "3"]) -> Pair:
    """Alarms at a domain controller that red holds, and at one that it does not."""
    controllers = state.host_exists & (state.host_role == T.Role.DOMAIN_CONTROLLER)
    host = pick(u[0], controllers & (game.zone == T.Zone.CORPORATE))
    bait = _logged(game, state, host, Token.IDS, 2)
    return Pair(_held(bait, host), bait, _only(state, host))


PROBES: dict[str, Probe] = {
    "precision": Probe("Is an alarm true?", _precision, DISRUPTS),
    "memory": Probe("Where were failed logons, minutes ago?", _memory, LOOKS, seconds=120, hold=150),
    "timing": Probe(
        "Is it long enough since the Restore?", _timing, (K.RESTORE,), seconds=100, scenario="ot_stuxnet"
    ),
    "attention": Probe("Which of a hundred hosts is it?", _attention, LOOKS, seconds=120, size="100"),
    "safety": Probe("Is a domain controller bait?", _safety, DISRUPTS),
    "generalization": Probe("Is an alarm true, among a hundred hosts?", _precision, DISRUPTS, size="100"),
}


# ---------------------------------------------------------------- playing


def world_of(probe: Probe) -> Soc:
    """The world that a probe is played in: as ``medium``, but nothing changes by itself."""
    still = (("clock_mean", (0,) * L.NUM_CLOCKS),)
    return Soc(static=Static(probe.size), scenarios=(probe.scenario,), overrides=still)


def run(
    policy: str | Policy, names: Iterable[str] = tuple(PROBES), episodes: int = 64, seed: int = 0
) -> dict[str, Score]:
    """Scores of a policy of blue.

    Args:
        policy: a name of the world's policies, or a policy that fits the sizes of the probes.
        names: of :data:`PROBES`.
        episodes: pairs of episodes of each probe.
        seed: of networks and draws.

    Raises:
        ValueError: for an unknown probe or policy, and for less than two episodes.
    """
    if episodes < 2:
        raise ValueError(f"episodes is {episodes}; an interval needs at least 2")
    found = {}
    for name in names:
        if name not in PROBES:
            raise ValueError(f"soc: no probe {name!r}; there are: {', '.join(PROBES)}")
        answers = np.asarray(_answers(PROBES[name], policy, episodes, seed), float)
        difference = answers[:, 0] - answers[:, 1]
        mean, half = difference.mean(), 1.96 * difference.std(ddof=1) / np.sqrt(episodes)
        cue, other = answers.mean(axis=0).tolist()
        found[name] = Score(cue, other, float(mean), float(mean - half), float(mean + half), episodes)
    return found


def _answers(probe: Probe, policy: str | Policy, episodes: int, seed: int) -> Bool[Array, "episode 2"]:
    """Whether the defenders answered, with and without the cue."""
    world = world_of(probe)
    if isinstance(policy, str):
        named = world.named_policy(policy, "blue")
        if named is None:
            known = ", ".join(world.policies("blue"))
            raise ValueError(f"soc: no policy {policy!r} of blue; there are: {known}")
        policy = named
    seen: Any = observed_by(world, [policy])
    keys = jax.random.split(jax.random.key(seed), episodes)
    return jax.jit(jax.vmap(partial(_paired, probe, seen, policy)))(keys)


def _paired(probe: Probe, world: Soc, policy: Policy, key: PRNGKeyArray) -> Bool[Array, "2"]:
    reset_key, pair_key, play_key = jax.random.split(key, 3)
    _, episode = world.reset(reset_key)
    quiet = jnp.arange(world.num_agents) >= T.NUM_BLUE
    state = episode.state.replace(
        host_priv=jnp.zeros_like(episode.state.host_priv),
        host_decoy=jnp.zeros_like(episode.state.host_decoy),
        agent_kind=jnp.where(quiet, int(R.Red.LIE_LOW), episode.state.agent_kind).astype(jnp.uint8),
        agent_done=jnp.where(quiet, L.NEVER - 1, episode.state.agent_done),
    )
    made = probe.pair(world.game(episode), state, jax.random.uniform(pair_key, (3,)))
    both = jax.tree.map(lambda *x: jnp.stack(x), made.cue, made.other)
    play = lambda state: _answered(  # noqa: E731
        probe, world, policy, episode.replace(state=state), made.hosts, play_key
    )
    return jax.vmap(play)(both)


def _answered(
    probe: Probe, world: Soc, policy: Policy, episode: Episode, hosts: Array, key: PRNGKeyArray
) -> Bool[Array, ""]:
    rows, width = np.arange(T.NUM_BLUE), max(world.action_counts[: T.NUM_BLUE])
    features = max(world.observation_sizes[: T.NUM_BLUE])
    free = episode.state.time + 1000 * probe.hold
    end = free + 1000 * probe.seconds

    def one(carry: Any, key: PRNGKeyArray) -> tuple[Any, None]:
        episode, memory, answered = carry
        act_key, step_key = jax.random.split(key)
        mask = world.legal(episode)[rows, :width]
        mask = mask & ((np.arange(width) <= WAIT) | (episode.state.time >= free))[None]
        obs = world.observe(episode)[rows, :features]
        actions, memory = act(policy, act_key, obs, episode, mask, memory)
        others = jnp.full(world.num_agents - T.NUM_BLUE, WAIT, jnp.int32)
        _, episode, step = world.step(step_key, episode, jnp.concatenate([actions, others]))
        events = step.info["events"]
        kind = jnp.any(events.kind[:, None] == np.array(probe.answers)[None], axis=1)
        ours = (events.agent >= 0) & (events.agent < T.NUM_BLUE) & (events.time <= end)
        return (episode, memory, answered | jnp.any(kind & ours & hosts[events.target])), None

    start_key, key = jax.random.split(key)
    start = episode, policy.init(start_key, T.NUM_BLUE), jnp.zeros((), bool)
    return jax.lax.scan(one, start, jax.random.split(key, STEPS))[0][2]
