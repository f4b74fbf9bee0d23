"""The interpreter beside the kernel: networks, options and draws in plain form, and differences of states.

Nothing of the kernel is imported: its structs are read by the names of their fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.worlds.soc.tables import hosts
from reference.world import World, fields

#: name in a network of the interpreter -> field of the kernel's ``Topology``
NETWORK = {
    "day_offset": "day_offset",
    "spare": "host_spare",
    "os": "host_os",
    "services": "host_services",
    "ports": "host_ports",
    "weak": "host_weak",
    "cvss10": "host_cvss10",
    "peer": "host_peer",
    "phishability": "host_phishability",
    "plant_nominal": "plant_nominal",
    "exists": "start_exists",
    "role": "start_role",
    "weight": "start_weight",
    "data": "start_data",
    "home": "start_home",
    "decoy": "start_decoy",
    "priv": "start_priv",
    "implant": "start_implant",
}


def plain(struct: Any) -> Any:
    """A field of the kernel as nested lists of Python numbers."""
    return np.asarray(struct).tolist()


def network_of(size: str, topology: Any) -> dict[str, Any]:
    """The kernel's network as one of the interpreter."""
    net = {name: plain(getattr(topology, field)) for name, field in NETWORK.items()}
    return net | {"zone": [z for z, n in enumerate(hosts.SLOTS[size]) for _ in range(n)]}


def options_of(options: Any, names: Any) -> dict[str, Any]:
    """The kernel's options as a dictionary, by the names of the interpreter's."""
    return {name: plain(getattr(options, name)) for name in names}


def network_differences(net: dict[str, Any], topology: Any) -> list[str]:
    """Fields in which a network of the interpreter differs from the kernel's, with the first values."""
    there = np.asarray(net["exists"]) | np.asarray(net["spare"])
    found = []
    for name, field in NETWORK.items():
        ours, theirs = (
            np.asarray(net[name]).astype(np.int64),
            np.asarray(getattr(topology, field)).astype(int),
        )
        if name == "role":  # of a host that does not exist yet
            theirs = np.where(np.asarray(net["exists"]), theirs, ours)
        if theirs.shape == there.shape:
            ours, theirs = ours[there], theirs[there]
        found += _difference(name, ours, theirs)
    return found


def state_differences(world: World, state: Any, leave_out: frozenset[str] = frozenset()) -> list[str]:
    """Fields in which the two states differ. A field that one of them lacks is a difference."""
    mine = fields(world)
    names = {name for name in vars(state) if not name.startswith("_")} - leave_out
    found = [f"{name}: in one of the two alone" for name in sorted(names ^ set(mine) - leave_out)]
    for name in sorted(names & set(mine)):
        ours = np.asarray(mine[name]).astype(np.int64)
        found += _difference(name, ours, np.asarray(getattr(state, name)).astype(np.int64))
    return found


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    if ours.shape != theirs.shape:
        return [f"{name}: shape {ours.shape} here, {theirs.shape} in the kernel"]
    places = np.argwhere(np.atleast_1d(ours != theirs))
    if not len(places):
        return []
    at = tuple(places[0].tolist())
    return [
        f"{name}{list(at)}: {np.atleast_1d(ours)[at]} here, {np.atleast_1d(theirs)[at]} in the kernel"
        f" ({len(places)} such)"
    ]
