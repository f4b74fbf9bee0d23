"""Blue's assets in CybORG, as :mod:`garrison.worlds.cc4.assets` has them: a network has the same roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from garrison.adapters.cyborg import facts
from garrison.core.world import Step
from garrison.worlds.cc4 import assets
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.roles import CANDIDATES, ROLES

_SLOT = {name: slot for slot, name in enumerate(T.HOST_NAMES)}


def roles(network: Mapping[str, Mapping[str, str]]) -> assets.Roles:
    """The roles in a network, as NumPy arrays.

    Args:
        network: as :func:`facts.network`.
    """
    exists: Any = np.zeros(T.NUM_HOSTS, bool)
    address: Any = np.zeros(T.NUM_HOSTS, np.uint8)
    for name, ip in network["hosts"].items():
        exists[_SLOT[name]], address[_SLOT[name]] = True, int(ip.split(".")[3])
    subnets: Any = np.array([int(network["subnets"][name].split(".")[2]) for name in T.SUBNETS], np.uint8)
    made = assets.of_network(exists, address, subnets)
    return jax.device_get(made)


def hosts_by_role(network: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The names of the hosts of the roles; ``network`` as that of :func:`roles`."""
    return {role: T.HOST_NAMES[host] for role, host in zip(ROLES, roles(network).host.tolist(), strict=True)}


def harm(fixed: assets.Roles, found: Mapping[str, Any]) -> tuple[np.ndarray, ...]:
    """What :meth:`garrison.judge.assets.Assets.harm` gives.

    Args:
        found: after the step, as :func:`facts.harm`.
    """
    impacted, held = _flags(found["impacted"]), _flags(found["held"])
    attacks = np.zeros((len(assets.ATTACKS), len(fixed.host)), np.uint8)
    for name, host in found["attacks"]:
        attacks[assets.BLUE.attacks.index(name)] += np.asarray(fixed.host) == _SLOT[host]
    return *(np.asarray(x) for x in assets.of_candidates(fixed, impacted, held)), attacks


def _flags(names: Iterable[str]) -> Any:
    """``bool[candidate]``."""
    return np.isin(CANDIDATES, [_SLOT[name] for name in names])


class Assets:
    """See the module; states are those of :class:`garrison.adapters.cyborg.world.CybORGWorld`."""

    attacks = assets.BLUE.attacks

    def start(self, state: Any) -> assets.Roles:
        return roles(facts.network(state.engine.controller))

    def harm(
        self, fixed: assets.Roles, state: Any, actions: np.ndarray, after: Any, step: Step
    ) -> tuple[np.ndarray, ...]:
        return harm(fixed, facts.harm(after.engine.controller))
