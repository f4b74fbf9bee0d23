"""The guard: a strong hand-written defender that reads the rich observation (§7.6, §13).

Its principles, apart from the tables of the rules:

- Traffic that users do not need in a phase can be blocked at no cost. Traffic of the next phase is allowed a
  little early, because an agent may be busy when the phase changes.
- A decoy makes every scan visible, and some exploits fail.
- Phishing lets red in unseen and cannot be stopped. But its session is harmless until an exploit hits its own
  host, which is visible, or if it is the first of its agent, which then escalates at once. So a host is
  restored for root, and for an exploit while red acts from it, not for red's presence alone. Sessions that
  stay make red less effective: it picks among all ids that it has ever had (Q10).
- Where one Impact costs ten, presence is enough.
- A red agent that lost all its sessions keeps its knowledge: with a new session on the same host it believes
  to be root there, and its failing Impacts cost as much (Q1). So presence is enough there, too.
- A session from an exploit elsewhere can be removed, which is free.

All five agents decide at once; ``host`` below is the axis of 48 hosts of §7.6.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions, Mask, Obs
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, PRNGKeyArray, UInt8
from garrison.worlds.cc4 import rich
from garrison.worlds.cc4 import tables as T

DECOYS = 2  # tries per host
LEAD = 7 / 500  # share of the mission by which blocks are lifted before a phase needs the traffic
# zones where presence is enough in the phase in which an Impact costs most, and in this share of the mission
# before it
STRICT_LEAD = {T.OZA: 7 / 500, T.OZB: 9 / 500}
SLACK = 1e-4  # of a comparison of shares of the mission
# Analyse goes to the host with the largest age times weight
WEIGHT, WEIGHT_USER, WEIGHT_SOURCE, WEIGHT_SHELL = 1.0, 1.0, 1.0, 3.0
# the tiers of urgency, in descending order
ALLOW, BLOCK, RESTORE, REMOVE, LOOK, DECOY, SWEEP = 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0
NEVER = 0.0

_HOSTS = rich.MAX_AGENT_HOSTS
_SLEEP = T.FIRST_BLUE_ACTION[T.Blue.SLEEP]
_HOST_KINDS = (T.Blue.RESTORE, T.Blue.REMOVE, T.Blue.ANALYSE, T.Blue.DECOY)


class _Pairs(NamedTuple):
    """Pairs of subnets that the agents can block, ``[blue, pair]``; the padding names the internet twice."""

    to: np.ndarray
    source: np.ndarray
    seen: np.ndarray  # where the observation says that it is blocked
    block: np.ndarray  # action index
    allow: np.ndarray


def _pairs() -> _Pairs:
    size = 8 * max(len(s) for s in T.BLUE_SUBNETS)
    never = T.MAX_BLUE_OBSERVATION - 1  # zero for the agents that have fewer pairs
    pairs = _Pairs(*(np.full((T.NUM_BLUE, size), fill) for fill in (T.INT, T.INT, never, 0, 0)))
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        for kind, indices in ((T.Blue.BLOCK, pairs.block), (T.Blue.ALLOW, pairs.allow)):
            found = np.flatnonzero(T.BLUE_ACTIONS[agent, :, 0] == kind)
            indices[agent, : found.size] = found
        used = slice(len(subnets) * 8)
        _, _, source, to = T.BLUE_ACTIONS[agent, pairs.block[agent, used]].T
        pairs.to[agent, used], pairs.source[agent, used] = to, source
        place = [subnets.index(s) for s in to]
        column = np.argsort(T.ALPHABETICAL)[source]
        pairs.seen[agent, used] = 1 + T.BLOCK_SIZE * np.array(place) + 9 + column
    return pairs


def _of_hosts(value: dict[int, float], otherwise: float) -> np.ndarray:
    """``[blue, host]`` values by zone."""
    out = np.full((T.NUM_BLUE, _HOSTS), otherwise)
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        out[agent, : 16 * len(subnets)] = np.repeat([value.get(s, otherwise) for s in subnets], 16)
    return out


_PAIRS = _pairs()
_NEEDED = T.NEEDED[:, _PAIRS.to, _PAIRS.source]  # [phase, blue, pair]
_NEVER_STRICT = T.NUM_PHASES + 1
_STRICT_PHASE = _of_hosts(
    {zone: int(np.argmin(T.REWARD[:, zone, T.Part.RIA])) for zone in STRICT_LEAD}, _NEVER_STRICT
).astype(np.int32)
_STRICT_LEAD = _of_hosts(STRICT_LEAD, 0.0).astype(np.float32)
_IS_USER = (np.arange(_HOSTS) % 16 >= T.MAX_SERVERS)[None].astype(np.float32)
# servers that red_agent_0 learns of from the contractor network: failing there keeps it from the latter
_GATE = np.zeros((T.NUM_BLUE, _HOSTS), np.float32)
for _agent, _zone in ((0, 0), (2, 0), (4, T.BLUE_SUBNETS[4].index(T.PAZ))):
    _GATE[_agent, 16 * _zone] = 1


class Memory(Struct):
    """The guard's memory between steps."""

    tries: UInt8[Array, "*env blue host"]  # decoys deployed since the last Restore
    red_may_believe_root: Bool[Array, "*env blue host"]  # red may not know yet that it lost the host
    phase_start: Float32[Array, "*env"]  # share of the mission at which the present phase began


class View(NamedTuple):
    """The observation by name. Ages are in hundreds of steps."""

    exists: Bool[Array, "blue host"]
    shell: Bool[Array, "blue host"]
    root: Bool[Array, "blue host"]
    looked_age: Float32[Array, "blue host"]
    process: Bool[Array, "blue host"]
    source: Bool[Array, "blue host"]
    evidence_age: Float32[Array, "blue host"]
    full: Bool[Array, "blue host"]  # every port that a decoy can open is open
    busy: Bool[Array, "blue"]
    phase: Int32[Array, ""]  # mission phase of the next step
    phase_start: Float32[Array, ""]  # share of the mission at which it began
    phase_left: Float32[Array, ""]  # share of the mission until the next phase; infinity if unknown
    blocked: Bool[Array, "blue pair"]


def phases(
    obs: Float32[Array, "blue feature"], memory: Memory
) -> tuple[Int32[Array, ""], Float32[Array, ""], Float32[Array, ""]]:
    """``phase``, ``phase_start`` and ``phase_left`` of :class:`View` from rich observations.

    An observation has the phase of the step just done (Q23), and the completed shares of it and of the
    mission. The former is 1 when the next step begins another phase, whose length is unknown until then.
    """
    start = rich.START
    phase = obs[0, 0].astype(jnp.int32)
    time, share = obs[0, start + rich.AgentFeature.MISSION], obs[0, start + rich.AgentFeature.PHASE]
    last = T.NUM_PHASES - 1
    ends = (share >= 1) & (phase < last)
    begun = jnp.where(ends, time, memory.phase_start)
    left = (time - begun) * (1 - share) / jnp.maximum(share, 1e-6)
    unknown = ends | (phase >= last) | (share <= 0)
    return phase + ends.astype(jnp.int32), begun, jnp.where(unknown, jnp.inf, left).astype(jnp.float32)


def view(obs: Float32[Array, "blue feature"], memory: Memory) -> View:
    """Read rich observations."""
    phase, phase_start, phase_left = phases(obs, memory)
    end = rich.HOSTS + _HOSTS * len(rich.OF_HOST)
    hosts = obs[:, rich.HOSTS : end].reshape(T.NUM_BLUE, _HOSTS, len(rich.OF_HOST))
    feature, of = jnp.moveaxis(hosts, 2, 0), rich.HostFeature
    apache, tomcat = feature[of.APACHE] > 0, feature[of.TOMCAT] > 0
    haraka, vsftpd = feature[of.HARAKA] > 0, feature[of.VSFTPD] > 0
    return View(
        exists=feature[of.EXISTS] > 0,
        shell=feature[of.SHELL] > 0,
        root=feature[of.ROOT] > 0,
        looked_age=feature[of.ANALYZED_AGE],
        process=feature[of.PROCESS] > 0,
        source=feature[of.SOURCE] > 0,
        evidence_age=feature[of.EVIDENCE_AGE],
        full=(apache | vsftpd) & tomcat & haraka,
        busy=obs[:, rich.START + rich.AgentFeature.BUSY] > 0,
        phase=phase,
        phase_start=phase_start,
        phase_left=phase_left,
        blocked=jnp.take_along_axis(obs, jnp.asarray(_PAIRS.seen), axis=1) > 0,
    )


def traffic(seen: View) -> tuple[Bool[Array, "blue pair"], Bool[Array, "blue pair"]]:
    """Pairs to allow and to block, for this phase and the one that begins soon (Q23)."""
    needed = jnp.asarray(_NEEDED)
    soon = seen.phase + (seen.phase_left <= LEAD + SLACK).astype(jnp.int32)
    needed = needed[seen.phase] | needed[soon]
    return seen.blocked & needed, ~seen.blocked & ~needed


def urgencies(seen: View, memory: Memory) -> Float32[Array, "kind blue host"]:
    """How urgent Restore, Remove, Analyse and DeployDecoy are, in this order; NEVER: no need.

    The whole part is the tier, the rest the order within it.
    """
    strict = seen.phase == _STRICT_PHASE
    strict = strict | ((seen.phase + 1 == _STRICT_PHASE) & (seen.phase_left <= _STRICT_LEAD + SLACK))
    presence = seen.source & (strict | memory.red_may_believe_root)
    restore = seen.root | (seen.source & (seen.shell | seen.process)) | presence
    suspect = seen.source | seen.process | seen.shell
    look = suspect & (seen.evidence_age < seen.looked_age)
    root, source, shell = (flag.astype(jnp.float32) for flag in (seen.root, seen.source, seen.shell))
    weight = WEIGHT + WEIGHT_USER * _IS_USER + WEIGHT_SOURCE * source + WEIGHT_SHELL * shell
    most = WEIGHT + WEIGHT_USER + WEIGHT_SOURCE + WEIGHT_SHELL
    sweep = SWEEP + 0.9 * seen.looked_age * weight / most
    decoy = (memory.tries < DECOYS) & ~seen.full
    wanted = [
        jnp.where(restore, RESTORE + 0.5 * root + 0.2 * source, NEVER),
        jnp.where(seen.process & ~restore, jnp.float32(REMOVE), NEVER),
        jnp.where(look, LOOK + 0.9 * seen.looked_age, sweep),
        jnp.where(decoy, DECOY + 0.9 - 0.1 * memory.tries.astype(jnp.float32) + 0.05 * _GATE, NEVER),
    ]
    return jnp.where(seen.exists[None], jnp.stack(wanted), NEVER)


def decide(
    obs: Float32[Array, "blue feature"], mask: Bool[Array, "blue action"], memory: Memory
) -> tuple[Int32[Array, "blue"], Memory]:
    """Actions and the memory after them. What ``mask`` forbids is left out (§7.1)."""
    seen = view(obs, memory)
    urgency = urgencies(seen, memory)
    host = jnp.argmax(urgency, axis=2)  # [kind, blue]
    first = jnp.asarray(T.FIRST_BLUE_ACTION[list(_HOST_KINDS)])
    choices = [(jnp.max(urgency, axis=2), first + host)]
    for wrong, tier, index in zip(traffic(seen), (ALLOW, BLOCK), (_PAIRS.allow, _PAIRS.block), strict=True):
        pair = jnp.argmax(wrong, axis=1)[:, None]
        action = jnp.take_along_axis(jnp.asarray(index), pair, axis=1)[:, 0]
        urgent = jnp.where(jnp.any(wrong, axis=1), jnp.float32(tier), NEVER)
        choices.append((urgent[None], action[None]))
    tiers, actions = (jnp.concatenate(parts) for parts in zip(*choices, strict=True))
    legal = jnp.take_along_axis(mask, actions.T, axis=1).T
    best = jnp.argmax(jnp.where(legal, tiers, NEVER), axis=0)
    action = jnp.take_along_axis(actions, best[None], axis=0)[0]
    action = jnp.where(seen.busy, jnp.asarray(_SLEEP), action)  # a Restore would cost, busy or not (Q2)

    here = (host[..., None] == jnp.arange(_HOSTS)[None, None]) & ~seen.busy[None, :, None]
    chosen = here & (best[None] == jnp.arange(len(_HOST_KINDS))[:, None])[..., None]
    restored, deployed = chosen[0], chosen[3]
    return action.astype(jnp.int32), Memory(
        tries=jnp.where(restored, 0, memory.tries + deployed).astype(jnp.uint8),
        red_may_believe_root=_red_may_believe_root(seen, memory.red_may_believe_root, restored),
        phase_start=seen.phase_start,
    )


def _red_may_believe_root(
    seen: View, believed: Bool[Array, "blue host"], restored: Bool[Array, "blue host"]
) -> Bool[Array, "blue host"]:
    """Whether red may believe that it holds a host.

    After a Restore has removed the last session of a red agent, the agent still believes that it holds the
    host until it acts from another one.
    """
    others = jnp.sum(seen.source, axis=1, keepdims=True) - seen.source > 0
    acting = seen.source & (seen.evidence_age == 0)
    elsewhere = jnp.sum(acting, axis=1, keepdims=True) - acting > 0
    return jnp.where(restored, ~others, believed) & ~(elsewhere & ~seen.source)


class Guard(Struct):
    """The policy; ``init`` and ``act`` are for one environment."""

    observation = "rich"

    def init(self, key: PRNGKeyArray, num_agents: int) -> Memory:
        nothing = jnp.zeros((T.NUM_BLUE, _HOSTS), jnp.uint8)
        return Memory(tries=nothing, red_may_believe_root=nothing > 0, phase_start=jnp.float32(0))

    def act(self, key: PRNGKeyArray, obs: Obs, mask: Mask, memory: Memory) -> tuple[Actions, Memory]:
        return decide(obs, mask, memory)
