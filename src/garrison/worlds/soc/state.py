"""What changes during an episode: one flat struct of small integers.

Axes: ``host`` slots of :class:`~garrison.worlds.soc.options.Static`, ``agent`` blue 0-2, then the red agents,
``red`` the red agents alone, ``zone`` 5 (``dmz, corporate, guest, secure, ot``), ``scope`` 4 (``corp_user,
corp_admin, secure_admin, ot_operator``), ``port`` 9 classes in the order of ``§3.3``, ``variable`` 3
(temperature, pressure, flow), ``group`` the 13 counters of ``§5.3``, ``entry`` the ring of tokens.

Times are absolute milliseconds since reset; ``NEVER`` is that of what is not pending. Batches are counted
from 1, at 5, 10, ... seconds. A field marked *blue* is part of what blue agents know (``BlueView``); one
marked *red* is part of what a red agent knows; all others are the truth. Where fields below settle what the
specification leaves open, the comment says so.
"""

from __future__ import annotations

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int16, Int32, UInt8, UInt16, UInt32


class State(Struct):
    """The state of one episode between two events."""

    time: Int32[Array, "*env"]
    terminated: Bool[Array, "*env"]  # red reached its goal (§7.1)
    truncated: Bool[Array, "*env"]  # the horizon passed

    # pending events other than completions (§2.2)
    batch_next: Int32[Array, "*env"]
    clock: Int32[Array, "*env 5"]  # logon, dhcp, churn, migrate, arrive; NEVER where switched off
    hold_until: Int32[Array, "*env"]  # when a goal has been held long enough; NEVER while it does not hold

    # actions in flight (§2.4); a free agent has agent_done NEVER, kind NONE, NO_HOST, 0 and False
    agent_kind: UInt8[Array, "*env agent"]  # tables.blue.Blue or tables.red.Red
    agent_target: UInt8[Array, "*env agent"]  # slot, zone or scope as the kind has it; NO_HOST: none
    agent_source: UInt8[Array, "*env agent"]  # slot of the session used (red); NO_HOST: internet, none
    agent_start: Int32[Array, "*env agent"]  # of the present action, of the last one while free
    agent_done: Int32[Array, "*env agent"]
    agent_cancelled: Bool[Array, "*env agent"]
    agent_lease: UInt16[Array, "*env agent"]  # host_lease of a host target at the start: §4.4, DHCP; else 0
    agent_status: UInt8[Array, "*env agent"]  # host_status of a host target before the start; else 0

    # result of an agent's last action; its own knowledge
    last_kind: UInt8[Array, "*env agent"]
    last_target: UInt8[Array, "*env agent"]
    last_outcome: UInt8[Array, "*env agent"]  # 0 none, then in the order of §2.4: SUCCESS 1 .. ABORTED 6
    last_duration: Int32[Array, "*env agent"]  # from start to completion or cancellation

    # budgets (§4.1); compute is not stored: 40 per host_edr, 25 per host_decoy, 10 per host_honeytoken
    energy: Int32[Array, "*env agent"]  # in 1/20,000: refilled by 1 per ms
    funds: Int32[Array, "*env 2"]  # blue, red in 1/2,000: refilled by 2 and 1 per ms

    # hosts: workload, which migration swaps (§3.5)
    host_role: UInt8[Array, "*env host"]  # in the order of §3.2's table
    host_weight: Int16[Array, "*env host"]  # thousandths of the network; 0 where no host exists
    host_data: UInt8[Array, "*env host"]  # data units
    host_taken: UInt8[Array, "*env host"]  # of these exfiltrated; moves with the data (not in the text)
    host_home: UInt8[Array, "*env host"]  # bits of scopes that its users' logons cache
    host_cached: UInt8[Array, "*env host"]  # bits of scopes in memory

    # hosts: the machine
    host_exists: Bool[Array, "*env host"]  # False in padding and spare slots
    host_status: UInt8[Array, "*env host"]  # 0 ONLINE, 1 OFF, 2 ISOLATED, 3 PANIC, 4 REIMAGING
    host_until: Int32[Array, "*env host"]  # when a panic ends, else NEVER
    host_lease: UInt16[Array, "*env host"]  # how many addresses it has had before this one
    host_encrypted: Bool[Array, "*env host"]
    host_priv: UInt8[Array, "*env host"]  # red's session: 0 none, 1 User, 2 Root
    host_owner: UInt8[Array, "*env host"]  # red agent of the session; 0 where there is none
    host_implant: Bool[Array, "*env host"]
    host_sensor_killed: Bool[Array, "*env host"]  # no host sensor, and EDR dead if deployed (R13)
    #: *blue*: EDR is deployed; live unless the sensor was killed. Cleared when Analyse finds that, which
    #: frees the compute (not in the text)
    host_edr: Bool[Array, "*env host"]
    host_decoy: UInt8[Array, "*env host"]  # *blue*: 0 none, 1 generic, 2 Apache, 3 SSHD, 4 Tomcat
    host_honeytoken: Bool[Array, "*env host"]  # *blue*
    host_false_scans: UInt8[Array, "*env host"]  # *blue*: scans that still return a false picture, 0-2
    host_phishability: Int16[Array, "*env host"]  # thousandths, now
    host_frag_until: Int32[Array, "*env host"]  # R18 works until then; 0 where it never did
    host_rooted: Bool[Array, "*env host"]  # red ever had Root here: shaping (§7.3)

    # identity (§3.4)
    scope_epoch: Int16[Array, "*env scope"]
    scope_rotated: Int32[Array, "*env scope"]  # *blue*: time of the last rotation, 0 before there is one
    reauth_until: Int32[Array, "*env scope"]  # *blue*: end of the re-logon phase, else NEVER
    token_epoch: Int16[Array, "*env red scope"]  # *red*: -1 none
    token_expiry: Int32[Array, "*env red scope"]  # *red*: NEVER where none is held
    token_honey: Bool[Array, "*env red"]  # a stolen credential is a honeytoken, to be used first

    zone_level: UInt8[Array, "*env zone"]  # *blue*: inbound, 0 normal, 1 strict, 2 closed

    # red's knowledge (§6.5); sessions, loot and data under them it knows from the truth
    red_known: Bool[Array, "*env red host"]  # *red*: an address that is valid as far as it knows
    red_scan: UInt16[Array, "*env red host"]  # *red*: port bits 0-8, weakness bits 9-14; 0 = not scanned
    red_scan_false: Bool[Array, "*env red host"]  # red_scan is a false picture, which red does not know
    red_visited: Bool[Array, "*env red host"]  # *red*: had a session here, so knows the role
    red_tried: UInt8[Array, "*env red zone port"]  # *red*: 0 unknown, 1 open, 2 blocked when last tried
    # C2's copy, written by R17
    c2_known: Bool[Array, "*env red host"]
    c2_scan: UInt16[Array, "*env red host"]
    c2_scan_false: Bool[Array, "*env red host"]
    c2_token_epoch: Int16[Array, "*env red scope"]
    c2_token_expiry: Int32[Array, "*env red scope"]
    c2_token_honey: Bool[Array, "*env red"]
    c2_time: Int32[Array, "*env red"]  # of the copy; 0 before there is one
    loot: UInt8[Array, "*env"]  # data units exfiltrated

    plant_value: Int32[Array, "*env variable"]  # thousandths
    plant_setpoint: Int32[Array, "*env variable"]  # thousandths

    # *blue*: what its agents know beyond deployments, levels and their own results
    view_verdict: UInt8[Array, "*env host"]  # NONE CLEAN SUSPECT USER ROOT ENCRYPTED RESTORED
    view_verdict_time: Int32[Array, "*env host"]  # of the verdict; 0 where there is none
    view_fast: UInt16[Array, "*env host group"]  # 64 = one token (§5.3)
    view_slow: UInt16[Array, "*env host group"]
    view_severe: UInt16[Array, "*env host"]  # batch of the last delivered token of severity >= 6, 0 none
    view_heartbeat: UInt16[Array, "*env host"]  # batch of the last sign of life of the host sensor
    message_sent: UInt8[Array, "*env blue"]  # bits that the next batch delivers (§6.4)
    message_heard: UInt8[Array, "*env blue"]

    # tokens on their way (§5.1)
    ring_what: UInt32[Array, "*env entry"]  # type 5 bits, process 5, user 3, port 4, from the lowest; 0 free
    ring_where: UInt32[Array, "*env entry"]  # recording host 8 bits, other end 8
    ring_recorded: UInt16[Array, "*env entry"]  # batch
    ring_deliver: UInt16[Array, "*env entry"]  # batch
    ring_next: UInt16[Array, "*env"]  # entry that is written next
    tokens_lost: Int32[Array, "*env"]  # overwritten before their delivery
