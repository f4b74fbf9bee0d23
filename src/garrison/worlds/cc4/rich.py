"""The rich observation: what CybORG reports to blue beyond the vector (``docs/worlds/cc4-rules.md`` §7.6).

A wrapped CybORG agent gets the vector of §7.2. Its raw observations, its actions and their outcomes contain
more: what Analyse found, which process events carry a pid and which connections are no user's, where those
came from, which decoys it has deployed, the action in progress. :func:`remember` keeps that from step to
step, :func:`rich_vectors` appends it to the padded vector.

Each host belongs to at most one blue agent, so one entry per host holds what its owner remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import is_index
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.observe import zone_hosts
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.state import State
from garrison.worlds.cc4.topology import Topology

OLDEST = 100  # largest age in steps; also the age of what never happened

# bits of BlueMemory.analysis: what the last Analyse showed
ANALYZED, SHELL, ROOT = 1, 2, 4
# bits of BlueMemory.evidence
PROCESS, TARGET, SOURCE = 1, 2, 4


class BlueMemory(Struct):
    """What the blue agents remember of CybORG's reports."""

    analysis: UInt8[Array, "*env host"]  # bits ANALYZED, SHELL, ROOT
    analysis_age: UInt8[Array, "*env host"]  # steps since, 0..OLDEST
    evidence: UInt8[Array, "*env host"]  # bits PROCESS, TARGET, SOURCE
    evidence_age: UInt8[Array, "*env host"]  # steps since the last of any kind, 0..OLDEST
    outcome: UInt8[Array, "*env blue"]  # tables.Outcome of the last step


def initial_memory() -> BlueMemory:
    """The memory before any report."""
    nothing, old = jnp.zeros(T.NUM_HOSTS, jnp.uint8), jnp.full(T.NUM_HOSTS, OLDEST, jnp.uint8)
    return BlueMemory(
        analysis=nothing,
        analysis_age=old,
        evidence=nothing,
        evidence_age=old,
        outcome=jnp.full(T.NUM_BLUE, T.Outcome.UNKNOWN, jnp.uint8),
    )


def remember(memory: BlueMemory, before: State, events: Events, after: State) -> BlueMemory:
    """The memory after a step.

    Blue acts first in a step: Analyse shows the files of ``before``, and Remove and Restore clear the
    evidence before that of this step's Monitor is added.
    """
    analyzed, restored, removed = (
        carried_out(events, kind) for kind in (T.Blue.ANALYSE, T.Blue.RESTORE, T.Blue.REMOVE)
    )
    found = ANALYZED + SHELL * (before.host_cmd_files > 0) + ROOT * (before.host_escalate_files > 0)
    analysis = jnp.where(analyzed, found, memory.analysis)
    analysis = jnp.where(
        restored, ANALYZED, analysis
    )  # back to the backup: as after an Analyse that found nothing

    kept = jnp.where(restored | removed, 0, memory.evidence)
    fresh = reported(events)
    return BlueMemory(
        analysis=analysis.astype(jnp.uint8),
        analysis_age=aged(memory.analysis_age, analyzed | restored),
        evidence=(kept | fresh).astype(jnp.uint8),
        evidence_age=jnp.where(
            (kept | fresh) > 0, aged(memory.evidence_age, fresh > 0), jnp.uint8(OLDEST)
        ).astype(jnp.uint8),
        outcome=events.blue_outcome,
    )


def carried_out(events: Events, kind: int) -> Bool[Array, "host"]:
    """Hosts on which an action of that kind was carried out in a step."""
    done = is_index(events.blue_host, T.NUM_HOSTS)
    return jnp.any(done & (events.blue_kind == kind)[:, None], axis=0)


def aged(age: UInt8[Array, "host"], now: Bool[Array, "host"]) -> UInt8[Array, "host"]:
    """Ages after a step: 0 where it is ``now``."""
    return jnp.where(now, 0, jnp.minimum(age + 1, OLDEST)).astype(jnp.uint8)


def reported(events: Events) -> Int32[Array, "host"]:
    """Evidence in the Monitors' reports of a step.

    Red's events can be distinguished from users': users' process events have no pid, and users' connections
    none of the ports of red's (§7.6). A source is reported by its address, which only its owner can resolve:
    it counts if its owner is one of the agents to which the connections were reported.
    """
    owner = jnp.asarray(T.HOST_BLUE)
    process = is_index(events.red_host, T.NUM_HOSTS) & events.red_alert[:, None]
    to_owner = events.red_noticed & (owner[events.red_source][:, None] == owner[None])
    source = is_index(events.red_source, T.NUM_HOSTS) & jnp.any(to_owner, axis=1, keepdims=True)
    parts = ((PROCESS, process), (TARGET, events.red_noticed), (SOURCE, source))
    evidence: Any = sum(bit * jnp.any(mask, axis=0).astype(jnp.int32) for bit, mask in parts)
    return evidence


# ---------------------------------------------------------------- layout


class AgentFeature(IntEnum):
    """Features of an agent, in index order; :data:`OF_AGENT` holds their labels."""

    SUCCEEDED, FAILED, BUSY, ANALYSING, REMOVING, RESTORING, DEPLOYING, TICKS_LEFT, MISSION, PHASE = range(10)


class HostFeature(IntEnum):
    """Features of a host, in index order; :data:`OF_HOST` holds their labels."""

    EXISTS, ANALYZED, SHELL, ROOT, ANALYZED_AGE, PROCESS, TARGET, SOURCE, EVIDENCE_AGE = range(9)
    APACHE, TOMCAT, HARAKA, VSFTPD, TICKS_LEFT = range(9, 14)


OF_AGENT = (
    "last action succeeded",
    "last action failed",
    "busy",
    "busy with Analyse",
    "busy with Remove",
    "busy with Restore",
    "busy with DeployDecoy",
    "steps left of it",
    "steps of the mission",
    "steps of the phase",
)
OF_HOST = (
    "exists",
    "looked at",
    "cmd.sh found",
    "escalate.sh found",
    "age of that",
    "process with a number",
    "connection of no user to it",
    "connection of no user from it",
    "age of these",
    "decoy apache2",
    "decoy tomcat",
    "decoy haraka",
    "decoy vsftpd",
    "steps left of the action on it",
)
MAX_AGENT_HOSTS = max(len(s) for s in T.BLUE_SUBNETS) * (T.MAX_SERVERS + T.MAX_USERS)
START = T.MAX_BLUE_OBSERVATION  # index of the first of OF_AGENT
HOSTS = START + len(OF_AGENT)  # index of the first host's first feature
OBSERVATION_SIZES = tuple(HOSTS + len(OF_HOST) * 16 * len(s) for s in T.BLUE_SUBNETS)
SIZE = max(OBSERVATION_SIZES)
_LONGEST = float(T.BLUE_DURATION.max())


def zone_rows() -> np.ndarray:
    """Zones ``[blue, 3]`` of the agents' hosts; past the end where an agent has fewer."""
    rows = np.full((T.NUM_BLUE, max(len(s) for s in T.BLUE_SUBNETS)), T.NUM_ZONES)
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        rows[agent, : len(subnets)] = subnets
    return rows


def host_features(
    topology: Topology, state: State, memory: BlueMemory
) -> Float32[Array, "blue host feature"]:
    """Per agent and host :data:`OF_HOST`, hosts in the order of its actions (§7.1).

    Hosts that do not exist, and those from 16 on of agents 0–3, are zero.
    """
    kinds = jnp.asarray(T.BLUE_ACTIONS)[jnp.arange(T.NUM_BLUE), state.blue_action]
    on = is_index(kinds[:, 1], T.NUM_HOSTS) & (state.blue_ticks > 0)[:, None]
    left = jnp.max(jnp.where(on, state.blue_ticks[:, None], 0), axis=0)

    def bit(flags: Array, mask: int) -> Array:
        return ((flags & mask) > 0).astype(jnp.float32)

    columns = [
        topology.host_exists.astype(jnp.float32),
        bit(memory.analysis, ANALYZED),
        bit(memory.analysis, SHELL),
        bit(memory.analysis, ROOT),
        memory.analysis_age.astype(jnp.float32) / OLDEST,
        bit(memory.evidence, PROCESS),
        bit(memory.evidence, TARGET),
        bit(memory.evidence, SOURCE),
        memory.evidence_age.astype(jnp.float32) / OLDEST,
        *(jnp.any(state.host_decoy == kind, axis=1).astype(jnp.float32) for kind in list(T.Decoy)[1:]),
        left.astype(jnp.float32) / _LONGEST,
    ]
    return by_agent(topology, columns)


def by_agent(topology: Topology, columns: Sequence[Any]) -> Float32[Array, "blue 48 feature"]:
    """Columns of features, numbers of all hosts, as :func:`host_features` has them."""
    table = jnp.stack(
        [zone_hosts(jnp.where(topology.host_exists, column, 0.0)) for column in columns], axis=-1
    )
    table = jnp.pad(table, ((0, 1), (0, 0), (0, 0)))  # the zone past the end
    return table[zone_rows()].reshape(T.NUM_BLUE, MAX_AGENT_HOSTS, len(columns))


def agent_features(options: Options, state: State, memory: BlueMemory) -> Float32[Array, "blue feature"]:
    """Per agent :data:`OF_AGENT`."""
    busy = state.blue_ticks > 0
    kind = jnp.asarray(T.BLUE_ACTIONS)[jnp.arange(T.NUM_BLUE), state.blue_action, 0]
    longer = (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY)
    step, steps = state.step.astype(jnp.float32), jnp.asarray(options.steps, jnp.float32)
    ends = jnp.append(jnp.asarray(options.phase_start, jnp.float32), steps)
    start = jnp.append(jnp.zeros(1, jnp.float32), ends[:-1])[state.phase]
    length = jnp.maximum(ends[state.phase] - start, 1.0)
    columns = [
        memory.outcome == T.Outcome.TRUE,
        memory.outcome == T.Outcome.FALSE,
        busy,
        *(busy & (kind == k) for k in longer),
        state.blue_ticks.astype(jnp.float32) / _LONGEST,
        jnp.broadcast_to(step / steps, busy.shape),
        jnp.broadcast_to(jnp.clip((step - start) / length, 0.0, 1.0), busy.shape),
    ]
    return jnp.stack([column.astype(jnp.float32) for column in columns], axis=-1)


def rich_vectors(
    vectors: Float32[Array, "blue 210"],
    topology: Topology,
    options: Options,
    state: State,
    memory: BlueMemory,
) -> Float32[Array, "blue 892"]:
    """Observations: ``vectors`` (§7.2, padded), then agents' and hosts' features."""
    of_agent = agent_features(options, state, memory)
    of_hosts = host_features(topology, state, memory).reshape(T.NUM_BLUE, -1)
    return jnp.concatenate([vectors, of_agent, of_hosts], axis=1)


def labels(agent: int) -> list[str]:
    """Names of the elements from :data:`START` on, in index order."""
    return list(OF_AGENT) + host_labels(agent, OF_HOST)


def host_labels(agent: int, features: Sequence[str]) -> list[str]:
    """Names of the features of an agent's hosts, in the order of :func:`host_features`."""
    hosts = [T.HOST_NAMES[h] for h in T.BLUE_ACTIONS[agent, : 16 * len(T.BLUE_SUBNETS[agent]), 1]]
    return [f"{host}: {name}" for host in hosts for name in features]
