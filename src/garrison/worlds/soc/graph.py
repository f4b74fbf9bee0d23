"""A blue agent's observation as a graph (``§6.3``): its host slots, all zones, and its credentials.

Two nodes are adjacent where traffic between them is possible as far as the vector tells: hosts of one zone,
or of zones between which the levels permit some port; both online. A zone is adjacent to the hosts and zones
that it permits traffic with. Each node is adjacent to itself, and a credential to nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.entities import Clock, Graph
from garrison.core.typing import Array, Bool, Float32
from garrison.worlds.soc import blocks, entities, observe_blue
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.observe_blue import HOST_LABELS, NUM_ZONES, ZONE_LABELS
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.hosts import Zone

#: in units of the world's time up to 60; its logarithm, and that of the duration of the last action
CLOCK = Clock(
    elapsed=blocks.TIME_LABELS.index("time since the last decision, at most 60 units"),
    others=(
        blocks.TIME_LABELS.index("log time since the last decision"),
        blocks.TIME_LABELS.index("log duration of the last action"),
    ),
)


class Places(NamedTuple):
    """Places in an agent's vector, NumPy arrays; host slots are padded to those of the largest agent."""

    hosts: np.ndarray  # int32[host, feature]
    zones: np.ndarray  # int32[zone, feature]
    zone: np.ndarray  # int32[node], of hosts and zones


@dataclass(frozen=True)
class Adjacency:
    """:func:`adjacency` of a world's agents."""

    static: Static
    guest_to_ot: bool

    def __call__(self, agent: int, obs: Float32[Array, "feature"]) -> Bool[Array, "node node"]:
        return adjacency(self.static, agent, obs, self.guest_to_ot)


@cache
def of_blue(static: Static, contract: str, guest_to_ot: bool) -> Graph:
    """The graph of blue's three agents: hosts, zones and credentials, in this order.

    Arguments are those of :func:`entities.of_blue` and :func:`adjacency`.
    """
    blue = entities.of_blue(static, contract)
    hosts, _, credentials = blue.kinds
    context = np.setdiff1d(blue.context[0], CLOCK.places).astype(np.int32)
    return Graph(
        kinds=(hosts, entities.every_zone(static), credentials),
        context=np.broadcast_to(context, (len(blue.context), len(context))),
        levels=(0,) * len(context),
        actions=blue.actions,
        verbs=blue.verbs,
        adjacency=Adjacency(static, guest_to_ot),
        clock=CLOCK,
    )


def places(static: Static, agent: int) -> Places:
    """Where the hosts and zones of a blue agent are."""
    own = observe_blue.own_slots(static)
    slots, width = own.slot.shape[1], len(HOST_LABELS)
    hosts = observe_blue.HOSTS_START + np.arange(slots * width).reshape(slots, width)
    zones = observe_blue.ZONES_START + np.arange(NUM_ZONES * len(ZONE_LABELS)).reshape(NUM_ZONES, -1)
    padded = np.append(layout(static).zone, int(Zone.INTERNET))  # no host is there
    zone = np.append(padded[own.slot[agent]], np.arange(NUM_ZONES))
    return Places(hosts.astype(np.int32), zones.astype(np.int32), zone.astype(np.int32))


def adjacency(
    static: Static, agent: int, obs: Float32[Array, "feature"], guest_to_ot: bool = False
) -> Bool[Array, "node node"]:
    """Which nodes of a blue agent are adjacent, from its vector alone.

    Args:
        obs: padded to the longest vector.
        guest_to_ot: whether the scenario opens ot to guest (iot_grid).
    """
    found = places(static, agent)
    online = obs[found.hosts[:, HOST_LABELS.index("is online")]] > 0
    there = jnp.append(online, jnp.ones(NUM_ZONES, bool))
    closed = np.array([ZONE_LABELS.index(f"is {level.name.lower()}") for level in routes.Level])
    level = jnp.argmax(obs[found.zones[:, closed]], axis=1)  # that of the internet means nothing
    allow = jnp.asarray(routes.ALLOW[int(guest_to_ot)])
    into = jnp.take_along_axis(allow, level[None, None, :], axis=0)[0]  # [from, to], at the level of ``to``
    out = allow[level, np.arange(NUM_ZONES), int(Zone.INTERNET)]
    passes = into.at[:, int(Zone.INTERNET)].set(out) > 0
    passes = passes | passes.T | jnp.eye(NUM_ZONES, dtype=bool)
    between = passes[found.zone[:, None], found.zone[None]] & there[:, None] & there[None]
    credentials = entities.of_blue(static, "counters").kinds[2].exists.shape[1]
    nodes = len(found.zone) + credentials
    return jnp.pad(between, (0, credentials)) | jnp.eye(nodes, dtype=bool)
