"""The events of a step: who did what to which host, with what result.

Text, telemetry, statistics and scores are derived from them, never from a second record.
"""

from __future__ import annotations

import jax

from garrison.core.struct import struct


@struct
class Events:
    """One step's executed actions. ``outcome`` is tables.Outcome; hosts are slots, NO_HOST = none.

    A busy agent shows SLEEP with IN_PROGRESS. ``ran`` False: the action was dropped because its session
    was gone (§3.2.8), its outcome is NONE.
    """

    blue_kind: jax.Array  # uint8[blue]: tables.Blue
    blue_host: jax.Array  # uint8[blue]
    blue_from: jax.Array  # uint8[blue]: subnet, of traffic actions
    blue_to: jax.Array  # uint8[blue]
    blue_outcome: jax.Array  # uint8[blue]
    blue_submitted: jax.Array  # uint8[blue]: tables.Blue of the action submitted, busy or not
    blue_submitted_host: jax.Array  # uint8[blue]
    blue_submitted_from: jax.Array  # uint8[blue]: subnet, of traffic actions
    blue_submitted_to: jax.Array  # uint8[blue]

    green_kind: jax.Array  # uint8[green]: tables.Green; green agents are the user-host slots in order
    green_target: jax.Array  # uint8[green]: server accessed, own host for local work
    green_outcome: jax.Array  # uint8[green]
    green_alarm: jax.Array  # bool[green]: raised a false alarm
    green_phished: jax.Array  # bool[green]: a phishing mail gave red a session on the own host

    red_kind: jax.Array  # uint8[red]: tables.Red
    red_host: jax.Array  # uint8[red]
    red_subnet: jax.Array  # uint8[red]
    red_session: jax.Array  # uint8[red]: id of the source session
    red_outcome: jax.Array  # uint8[red]
    red_ran: jax.Array  # bool[red]
    red_exploit: jax.Array  # uint8[red]: tables.Exploit that was tried
    red_trapped: jax.Array  # bool[red]: the exploit hit a decoy
    red_alert: jax.Array  # bool[red]: a process event with the pid of its new session
    red_source: jax.Array  # uint8[red]: host of the source session, where there is one
    red_noticed: jax.Array  # bool[red, host]: hosts with a network event that the action caused
