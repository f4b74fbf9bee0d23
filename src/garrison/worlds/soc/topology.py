"""What is fixed during an episode: the network as it was generated (``soc-rules.md §3``)."""

from __future__ import annotations

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int16, Int32, UInt8, UInt16, UInt32


class Topology(Struct):
    """One network; axes as in :class:`~garrison.worlds.soc.state.State`.

    Fields ``start_*`` are what the state begins with and may change later. Slots without a host at reset have
    zeros, but for the spare slots of BYOD devices: what arrives there is drawn beforehand.
    """

    number: UInt32[Array, "*env"]  # all else is a function of it, the size and the options
    day_offset: Int32[Array, "*env"]  # milliseconds into the day's cycle at reset (§5.2)
    host_spare: Bool[Array, "*env host"]  # a BYOD device may arrive here
    host_os: UInt8[Array, "*env host"]  # in the order of tables: Windows 10, Ubuntu, CentOS, Server 2016, PLC
    host_services: UInt16[Array, "*env host"]  # bits of tables' services
    host_ports: UInt16[Array, "*env host"]  # bits of port classes that the services listen on
    host_weak: UInt8[Array, "*env host"]  # bits of weaknesses 0-5
    host_cvss10: UInt8[Array, "*env host"]  # severity, 35-98
    host_peer: UInt8[Array, "*env host"]  # the other end of its business flows; NO_HOST: none
    host_phishability: Int16[Array, "*env host"]  # thousandths, before any training
    plant_nominal: Int32[Array, "*env variable"]  # setpoints, thousandths

    start_exists: Bool[Array, "*env host"]
    start_role: UInt8[Array, "*env host"]
    start_weight: Int16[Array, "*env host"]
    start_data: UInt8[Array, "*env host"]
    start_home: UInt8[Array, "*env host"]
    start_decoy: UInt8[Array, "*env host"]
    start_priv: UInt8[Array, "*env host"]  # red's footholds, of the first red agent
    start_implant: Bool[Array, "*env host"]
