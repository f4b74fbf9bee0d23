"""The network of a recording: the topology in its header, and the names of its parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.topology import Topology

HOST_SLOT = {name: slot for slot, name in enumerate(T.HOST_NAMES)}
_SERVICE = {name: i for i, name in enumerate(T.SERVICE_NAMES)}


class Names:
    """Names and slots of one network, both ways.

    Attributes:
        hosts: slots of the hosts that exist, in generation order.
        ip: address by slot, ``""`` where there is no host.
        host_of_ip: slot by address.
        cidr: ``10.0.x.0/24`` by subnet.
        green_slot: index on the green axis by agent name.
        green_agent: agent name by host slot.
    """

    def __init__(self, topology: Topology):
        exists = np.asarray(topology.host_exists)
        third, last = np.asarray(topology.subnet_address), np.asarray(topology.host_address)
        self.hosts: list[int] = np.flatnonzero(exists).tolist()
        self.ip = [
            f"10.0.{third[T.HOST_SUBNET[h]]}.{last[h]}" if exists[h] else "" for h in range(T.NUM_HOSTS)
        ]
        self.host_of_ip = {self.ip[h]: h for h in self.hosts}
        self.cidr = [f"10.0.{octet}.0/24" for octet in third]
        green = [slot for slot, host in enumerate(T.GREEN_HOST) if exists[host]]
        self.green_slot = {f"green_agent_{i}": slot for i, slot in enumerate(green)}
        self.green_agent = {int(T.GREEN_HOST[slot]): agent for agent, slot in self.green_slot.items()}


def from_header(header: dict) -> Topology:
    """The network of a recorded episode (``cc4-trace/1``), as NumPy arrays without an environment axis.

    Raises:
        ValueError: when the header names a host that CC4 does not have, or lacks a part.
    """
    try:
        return _from_header(header)
    except KeyError as error:
        raise ValueError(f"not a CC4 episode header: {error.args[0]!r} is missing or unknown") from error


def _from_header(header: dict) -> Topology:
    exists, address = np.zeros(T.NUM_HOSTS, bool), np.zeros(T.NUM_HOSTS, np.uint8)
    for name, _subnet, ip, *_ in header["hosts"]:
        exists[HOST_SLOT[name]] = True
        address[HOST_SLOT[name]] = int(ip.rsplit(".", 1)[1])
    kind = np.zeros((T.NUM_HOSTS, T.NUM_REAL), np.uint8)
    pid = np.zeros((T.NUM_HOSTS, T.NUM_REAL), np.int16)
    for name, host in header["snapshot"]["hosts"].items():
        for slot, (service, (service_pid, *_)) in enumerate(host["services"].items()):
            kind[HOST_SLOT[name], slot], pid[HOST_SLOT[name], slot] = _SERVICE[service], service_pid
    sessions = header["snapshot"]["sessions"]
    session_pid = {"blue": np.zeros(T.NUM_HOSTS, np.int16), "green": np.zeros(T.NUM_HOSTS, np.int16)}
    for agent, entries in sessions.items():
        side = agent.split("_")[0]
        if side in session_pid:
            for entry in entries:
                session_pid[side][HOST_SLOT[entry[1]]] = entry[3]
    base = np.maximum(np.maximum(pid.max(1), session_pid["blue"]), session_pid["green"])
    starts = [header["snapshot"]["red"][agent]["known_hostnames"][0] for agent in T.RED_AGENTS]
    arrays: dict[str, Any] = {
        "host_exists": exists,
        "host_address": address,
        "subnet_address": np.array([int(header["subnets"][s].split(".")[2]) for s in T.SUBNETS], np.uint8),
        "service_kind": kind,
        "service_pid": pid,
        "blue_pid": session_pid["blue"],
        "green_pid": session_pid["green"],
        "base_pid": base,
        "blue_parent": np.array([HOST_SLOT[header["blue_parent"][a]] for a in T.BLUE_AGENTS], np.uint8),
        "red_start": np.array([HOST_SLOT[name] for name in starts], np.uint8),
        "red_start_pid": np.int16(sessions["red_agent_0"][0][3]),
    }
    return Topology(**arrays)
