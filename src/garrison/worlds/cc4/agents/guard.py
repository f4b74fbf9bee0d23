"""The guard: a strong hand-written defender that reads the rich observation (§7.6, §13).

What it rests on, apart from the tables of the rules:

- What users do not need in a phase can be blocked at no cost. What they will need is opened a little early,
  because an agent may be busy when the phase changes.
- A decoy makes every scan noticed, and lets some exploits fail.
- Phishing lets red in unseen and cannot be stopped. But a session from it is harmless until an exploit hits
  its own host, which is noticed, or if it is the first of its agent, which goes straight for root. So a host
  is restored for root, and for being exploited while red acts from it, not for red's mere presence. Sessions
  that are left make red clumsy: it picks among all ids that it has ever had (Q10).
- Where one Impact costs ten, presence is enough.
- An agent that lost all its sessions forgets nothing: let in again on the same host it believes to be root
  there, and its vain attempts to have an impact cost as much (Q1). So there, too, presence is enough.
- A session from an exploit elsewhere can be removed, which is free.

Everything is decided at once for all five agents; ``host`` below is the axis of 48 hosts of §7.6.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import struct
from garrison.worlds.cc4 import rich
from garrison.worlds.cc4 import tables as T

DECOYS = 2  # tries per host
LEAD = 7 / 500  # share of the mission by which blocks are lifted before a phase needs them
# when presence is enough, in shares of the mission: while an Impact costs ten, and a little before
STRICT = {T.OZA: (0.32, 0.668), T.OZB: (0.65, 1.0)}
# Analyse goes where age times weight is largest
WEIGHT, WEIGHT_USER, WEIGHT_SOURCE, WEIGHT_SHELL = 1.0, 1.0, 1.0, 3.0
# the tiers of urgency; more urgent ones come first
ALLOW, BLOCK, RESTORE, REMOVE, LOOK, DECOY, SWEEP = 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0
NEVER = 0.0

_HOSTS = rich.MAX_STATIONS
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


def _needed() -> np.ndarray:
    """``bool[phase, blue, pair]``: users need the traffic; a block of either direction stops them (Q3)."""
    reach = np.ones((T.NUM_PHASES, T.NUM_SUBNETS, T.NUM_SUBNETS), bool)  # with the internet: no red is there
    reach[:, : T.NUM_ZONES, : T.NUM_ZONES] = T.GREEN_REACH | np.swapaxes(T.GREEN_REACH, 1, 2)
    return reach[:, _PAIRS.to, _PAIRS.source]


def _of_hosts(value: dict[int, float], otherwise: float) -> np.ndarray:
    """``[blue, host]`` values by zone."""
    out = np.full((T.NUM_BLUE, _HOSTS), otherwise)
    for agent, subnets in enumerate(T.BLUE_SUBNETS):
        out[agent, : 16 * len(subnets)] = np.repeat([value.get(s, otherwise) for s in subnets], 16)
    return out


_PAIRS = _pairs()
_NEEDED = _needed()
_STRICT_FROM = _of_hosts({zone: times[0] for zone, times in STRICT.items()}, 2.0)
_STRICT_TO = _of_hosts({zone: times[1] for zone, times in STRICT.items()}, 2.0)
_IS_USER = (np.arange(_HOSTS) % 16 >= T.MAX_SERVERS)[None]
# the contractor's way out: red_agent_0 learns of these, and what it fails at keeps it from the contractor
_GATE = np.zeros((T.NUM_BLUE, _HOSTS), bool)
for _agent, _zone in ((0, 0), (2, 0), (4, T.BLUE_SUBNETS[4].index(T.PAZ))):
    _GATE[_agent, 16 * _zone] = True


@struct
class Memory:
    """What the guard keeps beside the observation."""

    tries: jax.Array  # uint8[blue, host]: decoys deployed since the last Restore
    haunted: jax.Array  # bool[blue, host]: red may still believe that it holds the host it was thrown out of


class View(NamedTuple):
    """The observation by name: bool[blue, host] but for ages, float32[blue, host] in hundredths of steps."""

    exists: jax.Array
    shell: jax.Array
    root: jax.Array
    looked_age: jax.Array
    process: jax.Array
    source: jax.Array
    evidence_age: jax.Array
    full: jax.Array  # every port that a decoy can open is open
    busy: jax.Array  # bool[blue]
    time: jax.Array  # float32[]: share of the mission
    blocked: jax.Array  # bool[blue, pair]


def view(obs: jax.Array) -> View:
    """Read rich observations ``float32[blue, 892]``."""
    end = rich.HOSTS + _HOSTS * len(rich.OF_HOST)
    hosts = obs[:, rich.HOSTS : end].reshape(T.NUM_BLUE, _HOSTS, len(rich.OF_HOST))
    features = dict(zip(rich.OF_HOST, jnp.moveaxis(hosts, 2, 0), strict=True))
    of_agent = dict(zip(rich.OF_AGENT, obs[:, rich.START : rich.HOSTS].T, strict=True))
    apache, tomcat, haraka, vsftpd = (features[f"decoy {name}"] > 0 for name in T.DECOY_NAMES[1:])
    return View(
        exists=features["exists"] > 0,
        shell=features["cmd.sh found"] > 0,
        root=features["escalate.sh found"] > 0,
        looked_age=features["age of that"],
        process=features["process with a number"] > 0,
        source=features["connection of no user from it"] > 0,
        evidence_age=features["age of these"],
        full=(apache | vsftpd) & tomcat & haraka,
        busy=of_agent["busy"] > 0,
        time=of_agent["steps of the mission"][0],
        blocked=jnp.take_along_axis(obs, jnp.asarray(_PAIRS.seen), axis=1) > 0,
    )


def traffic(seen: View) -> tuple[jax.Array, jax.Array]:
    """Pairs ``bool[blue, pair]`` to allow and to block, for this phase and the one that begins soon (Q23)."""

    def phase(time: jax.Array) -> jax.Array:
        thirds = jnp.floor(T.NUM_PHASES * time + 1e-4).astype(jnp.int32)  # an exact third may fall short
        return jnp.minimum(thirds, T.NUM_PHASES - 1)

    needed = jnp.asarray(_NEEDED)
    needed = needed[phase(seen.time)] | needed[phase(seen.time + LEAD)]
    return seen.blocked & needed, ~seen.blocked & ~needed


def urgencies(seen: View, memory: Memory) -> jax.Array:
    """``float32[kind, blue, host]`` for Restore, Remove, Analyse and DeployDecoy; NEVER: no need.

    The whole part is the tier, the rest the order within it.
    """
    strict = (seen.time > jnp.asarray(_STRICT_FROM)) & (seen.time < jnp.asarray(_STRICT_TO))
    presence = seen.source & (strict | memory.haunted)
    restore = seen.root | (seen.source & (seen.shell | seen.process)) | presence
    suspect = seen.source | seen.process | seen.shell
    look = suspect & (seen.evidence_age < seen.looked_age)
    weight = WEIGHT + WEIGHT_USER * _IS_USER + WEIGHT_SOURCE * seen.source + WEIGHT_SHELL * seen.shell
    most = WEIGHT + WEIGHT_USER + WEIGHT_SOURCE + WEIGHT_SHELL
    sweep = SWEEP + 0.9 * seen.looked_age * weight / most
    decoy = (memory.tries < DECOYS) & ~seen.full
    wanted = [
        jnp.where(restore, RESTORE + 0.5 * seen.root + 0.2 * seen.source, NEVER),
        jnp.where(seen.process & ~restore, REMOVE, NEVER),
        jnp.where(look, LOOK + 0.9 * seen.looked_age, sweep),
        jnp.where(decoy, DECOY + 0.9 - 0.1 * memory.tries + 0.05 * _GATE, NEVER),
    ]
    return jnp.where(seen.exists[None], jnp.stack(wanted), NEVER)


def decide(obs: jax.Array, memory: Memory) -> tuple[jax.Array, Memory]:
    """Actions ``int32[blue]`` and the memory after them."""
    seen = view(obs)
    urgency = urgencies(seen, memory)
    host = jnp.argmax(urgency, axis=2)  # [kind, blue]
    first = jnp.asarray(T.FIRST_BLUE_ACTION[list(_HOST_KINDS)])
    choices = [(jnp.max(urgency, axis=2), first + host)]
    for wrong, tier, index in zip(traffic(seen), (ALLOW, BLOCK), (_PAIRS.allow, _PAIRS.block), strict=True):
        pair = jnp.argmax(wrong, axis=1)[:, None]
        action = jnp.take_along_axis(jnp.asarray(index), pair, axis=1)[:, 0]
        choices.append((jnp.where(jnp.any(wrong, axis=1), tier, NEVER)[None], action[None]))
    tiers, actions = (jnp.concatenate(parts) for parts in zip(*choices, strict=True))
    best = jnp.argmax(tiers, axis=0)
    action = jnp.take_along_axis(actions, best[None], axis=0)[0]
    action = jnp.where(seen.busy, jnp.asarray(_SLEEP), action)  # a Restore would cost, busy or not (Q2)

    here = (host[..., None] == jnp.arange(_HOSTS)[None, None]) & ~seen.busy[None, :, None]
    chosen = here & (best[None] == jnp.arange(len(_HOST_KINDS))[:, None])[..., None]
    restored, deployed = chosen[0], chosen[3]
    return action.astype(jnp.int32), Memory(
        tries=jnp.where(restored, 0, memory.tries + deployed).astype(jnp.uint8),
        haunted=_haunted(seen, memory.haunted, restored),
    )


def _haunted(seen: View, haunted: jax.Array, restored: jax.Array) -> jax.Array:
    """Restoring red's last known session haunts the host, until red acts from elsewhere: it has then seen."""
    others = jnp.sum(seen.source, axis=1, keepdims=True) - seen.source > 0
    acting = seen.source & (seen.evidence_age == 0)
    elsewhere = jnp.sum(acting, axis=1, keepdims=True) - acting > 0
    return jnp.where(restored, ~others, haunted) & ~(elsewhere & ~seen.source)


@struct
class Guard:
    """The policy; ``init`` and ``act`` are for one environment."""

    observation = "rich"

    def init(self, key: jax.Array, num_agents: int) -> Memory:
        nothing = jnp.zeros((T.NUM_BLUE, _HOSTS), jnp.uint8)
        return Memory(tries=nothing, haunted=nothing > 0)

    def act(
        self, key: jax.Array, obs: jax.Array, mask: jax.Array, memory: Memory
    ) -> tuple[jax.Array, Memory]:
        return decide(obs, memory)
