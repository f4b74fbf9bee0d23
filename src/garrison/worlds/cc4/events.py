"""The events of a step: who did what to which host, with what result.

Text, telemetry, statistics and scores are derived from them, never from a second record.
"""

from __future__ import annotations

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, UInt8


class Events(Struct):
    """One step's executed actions. ``outcome`` is tables.Outcome; hosts are slots, NO_HOST = none.

    A busy agent shows SLEEP with IN_PROGRESS. ``ran`` False: the action was dropped because its session
    was gone (§3.2.8), its outcome is NONE.
    """

    blue_kind: UInt8[Array, "*env blue"]  # tables.Blue
    blue_host: UInt8[Array, "*env blue"]
    blue_from: UInt8[Array, "*env blue"]  # subnet, of traffic actions
    blue_to: UInt8[Array, "*env blue"]
    blue_outcome: UInt8[Array, "*env blue"]
    blue_submitted: UInt8[Array, "*env blue"]  # tables.Blue of the action submitted, busy or not
    blue_submitted_host: UInt8[Array, "*env blue"]
    blue_submitted_from: UInt8[Array, "*env blue"]  # subnet, of traffic actions
    blue_submitted_to: UInt8[Array, "*env blue"]

    green_kind: UInt8[Array, "*env green"]  # tables.Green; green agents are the user-host slots in order
    green_target: UInt8[Array, "*env green"]  # server accessed, own host for local work
    green_outcome: UInt8[Array, "*env green"]
    green_alarm: Bool[Array, "*env green"]  # raised a false alarm
    green_phished: Bool[Array, "*env green"]  # a phishing mail gave red a session on the own host

    red_kind: UInt8[Array, "*env red"]  # tables.Red
    red_host: UInt8[Array, "*env red"]
    red_subnet: UInt8[Array, "*env red"]
    red_session: UInt8[Array, "*env red"]  # id of the source session
    red_outcome: UInt8[Array, "*env red"]
    red_ran: Bool[Array, "*env red"]
    red_exploit: UInt8[Array, "*env red"]  # tables.Exploit that was tried
    red_trapped: Bool[Array, "*env red"]  # the exploit hit a decoy
    red_alert: Bool[Array, "*env red"]  # a process event with the pid of its new session
    red_source: UInt8[Array, "*env red"]  # host of the source session, where there is one
    red_noticed: Bool[Array, "*env red host"]  # hosts with a network event that the action caused
