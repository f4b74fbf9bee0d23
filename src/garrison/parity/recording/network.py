"""How a recording names the parts of one network: addresses, subnets, green agents."""

from __future__ import annotations

import numpy as np

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.topology import Topology

HOST_SLOT = {name: slot for slot, name in enumerate(T.HOST_NAMES)}


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
