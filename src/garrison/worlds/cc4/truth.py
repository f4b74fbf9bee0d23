"""What only the simulator knows, for critics: the observation contract ``true`` (§7.6).

It is ``recall`` followed by red's footholds and the state of services. Only training sees it: policies read
the features of ``recall``, or of ``rich``, with which it begins.
"""

from __future__ import annotations

import jax.numpy as jnp

from garrison.core.typing import Array, Float32
from garrison.worlds.cc4 import recall, rich
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import footholds
from garrison.worlds.cc4.observe import zone_hosts
from garrison.worlds.cc4.state import State

OF_HOST = ("red has a session", "red has root", "worst reliability of a service", "OT service stopped")
OF_SUBNET = ("hosts with a session of red", "hosts with root")  # of each subnet that has hosts, in sixteenths
START = recall.SIZE  # index of the first of OF_SUBNET
HOSTS = START + len(OF_SUBNET) * T.NUM_ZONES  # index of the first host's first feature
OBSERVATION_SIZES = tuple(HOSTS + len(OF_HOST) * 16 * len(s) for s in T.BLUE_SUBNETS)


def true_vectors(vectors: Float32[Array, "blue 1132"], state: State) -> Float32[Array, "blue feature"]:
    """Observations of :data:`OBSERVATION_SIZES`, padded, from those of ``recall``."""
    held, rooted = footholds(state)
    worst = jnp.min(state.host_reliability, axis=1).astype(jnp.float32) / 100
    columns = [x.astype(jnp.float32) for x in (held, rooted, worst, state.host_ot_stopped)]
    by_zone = jnp.stack([zone_hosts(column) for column in columns], axis=-1)  # [zone, 16, feature]
    subnets = (jnp.sum(by_zone[..., :2], axis=1) / 16).reshape(-1)
    padded = jnp.pad(by_zone, ((0, 1), (0, 0), (0, 0)))  # the zone past the end
    hosts = padded[rich.zone_rows()].reshape(T.NUM_BLUE, -1)
    subnets = jnp.broadcast_to(subnets, (T.NUM_BLUE, subnets.size))
    return jnp.concatenate([vectors, subnets, hosts], axis=1)


def labels(agent: int) -> list[str]:
    """Names of the elements from :data:`START` on, in index order."""
    subnets = [f"{T.SUBNETS[zone]}: {name}" for zone in range(T.NUM_ZONES) for name in OF_SUBNET]
    return subnets + rich.host_labels(agent, OF_HOST)
