"""Blue's assets: the hosts with roles, and what red does to them.

It has the form of :class:`garrison.judge.assets.Assets`. A host is impacted while its OT service is stopped
or a service, decoys too, is less than fully reliable. Impact and DegradeServices begin that, and Restore
alone ends it. Shells, root, files and blocks do not count.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int32, UInt8
from garrison.core.world import Step
from garrison.worlds.cc4 import roles
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import footholds

#: The actions that impact a host; the first stops its service.
ATTACKS = (T.Red.IMPACT, T.Red.DEGRADE)


class Roles(Struct):
    """What is fixed for an episode."""

    host: UInt8[Array, "*env role"]
    place: Int32[Array, "*env role"]  # of the hosts in roles.CANDIDATES
    chance: Float32[Array, "*env candidate"]  # that a role falls on a host, see roles.chances


def of_network(
    exists: Bool[Array, "host"], host_address: UInt8[Array, "host"], subnet_address: UInt8[Array, "subnet"]
) -> Roles:
    """The roles of a network; see :func:`garrison.worlds.cc4.roles.of_network`."""
    host = roles.of_network(exists, host_address, subnet_address)
    place = jnp.argmax(host[:, None] == roles.CANDIDATES.astype(np.uint8)[None], axis=1).astype(jnp.int32)
    return Roles(host, place, roles.chances(exists))


class Blue:
    """See the module. States are episodes of one environment."""

    attacks = tuple(T.RED_NAMES[kind] for kind in ATTACKS)

    def start(self, state: Any) -> Roles:
        network = state.topology
        return of_network(network.host_exists, network.host_address, network.subnet_address)

    def harm(
        self, fixed: Roles, state: Any, actions: Actions, after: Any, step: Step
    ) -> tuple[Bool[Array, "role"], Bool[Array, "role"], Float32[Array, "2"], UInt8[Array, "kind role"]]:
        """Which assets are impacted, on which red has root, the expected shares of both, and attacks."""
        events, now = step.info["events"], after.state
        unreliable = jnp.any(roles.of_candidates(now.host_reliability) < 100, axis=1)
        impacted = roles.of_candidates(now.host_ot_stopped) | unreliable
        held = roles.of_candidates(footholds(now)[1])
        done = (events.red_outcome == T.Outcome.TRUE)[:, None]
        on_asset = (events.red_host[:, None] == fixed.host[None]) & done
        kinds = [events.red_kind == kind for kind in ATTACKS]
        attacks = [jnp.sum(on_asset & kind[:, None], axis=0, dtype=jnp.uint8) for kind in kinds]
        return *of_candidates(fixed, impacted, held), jnp.stack(attacks)


def of_candidates(
    fixed: Roles, impacted: Bool[Array, "candidate"], held: Bool[Array, "candidate"]
) -> tuple[Bool[Array, "role"], Bool[Array, "role"], Float32[Array, "2"]]:
    """Both flags of the assets, and their expectations over all draws of the roles."""
    both = jnp.stack([impacted, held])
    expected = jnp.sum(jnp.where(both, fixed.chance[None], 0), axis=1, dtype=jnp.float32)
    return impacted[fixed.place], held[fixed.place], expected


BLUE = Blue()
