"""A blue agent's observation as a graph (``§6.3``): its host slots, and the six zones as context.

Two nodes are adjacent where traffic between them is possible as far as the vector tells: hosts of one zone,
or of zones between which the levels permit some port; both online. A zone is adjacent to the hosts and zones
that it permits traffic with. Each node is adjacent to itself.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Float32
from garrison.worlds.soc import observe_blue
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.observe_blue import HOST_LABELS, NUM_ZONES, ZONE_LABELS
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.hosts import Zone


class Graph(NamedTuple):
    """Places in an agent's vector, NumPy arrays; nodes are the own host slots, then the zones."""

    hosts: np.ndarray  # int32[host, feature]
    zones: np.ndarray  # int32[zone, feature]
    zone: np.ndarray  # int32[node]


def graph(static: Static, agent: int) -> Graph:
    """Where the nodes of a blue agent are."""
    own = observe_blue.own_slots(static)
    count = int(own.count[agent])
    hosts = observe_blue.HOSTS_START + np.arange(count * len(HOST_LABELS)).reshape(count, -1)
    zones = observe_blue.ZONES_START + np.arange(NUM_ZONES * len(ZONE_LABELS)).reshape(NUM_ZONES, -1)
    zone = np.append(layout(static).zone[own.slot[agent, :count]], np.arange(NUM_ZONES))
    return Graph(hosts.astype(np.int32), zones.astype(np.int32), zone.astype(np.int32))


def adjacency(
    static: Static, agent: int, obs: Float32[Array, "feature"], guest_to_ot: bool = False
) -> Bool[Array, "node node"]:
    """Which nodes of a blue agent are adjacent, from its vector alone.

    Args:
        guest_to_ot: whether the scenario opens ot to guest (iot_grid).
    """
    places = graph(static, agent)
    online = obs[places.hosts[:, HOST_LABELS.index("is online")]] > 0
    there = jnp.append(online, jnp.ones(NUM_ZONES, bool))
    closed = np.array([ZONE_LABELS.index(f"is {level.name.lower()}") for level in routes.Level])
    level = jnp.argmax(obs[places.zones[:, closed]], axis=1)  # that of the internet means nothing
    allow = jnp.asarray(routes.ALLOW[int(guest_to_ot)])
    into = jnp.take_along_axis(allow, level[None, None, :], axis=0)[0]  # [from, to], at the level of ``to``
    out = allow[level, np.arange(NUM_ZONES), int(Zone.INTERNET)]
    passes = into.at[:, int(Zone.INTERNET)].set(out) > 0
    passes = passes | passes.T | jnp.eye(NUM_ZONES, dtype=bool)
    between = passes[places.zone[:, None], places.zone[None]]
    return between & there[:, None] & there[None] | jnp.eye(len(places.zone), dtype=bool)
