"""The record of a target host, and what successful actions set in it, as a table.

A record has a number for each field and not one vector of all, so that a field is computed from what changes
it alone.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Bool, Int32, Integer
from garrison.worlds.soc.state import State
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R

SIDE = 32  #: code of a kind: its number, red's plus this
NO_CODE = 63  #: nothing completes
KEEP = -1


class Field(IntEnum):
    """Fields of a host that actions change."""

    host_taken = 0
    host_cached = 1
    host_status = 2
    host_until = 3
    host_encrypted = 4
    host_priv = 5
    host_owner = 6
    host_implant = 7
    host_sensor_killed = 8
    host_edr = 9
    host_decoy = 10
    host_honeytoken = 11
    host_false_scans = 12
    host_frag_until = 13
    host_rooted = 14
    view_verdict = 15
    view_verdict_time = 16


Record = dict[Field, Int32[Array, ""]]  #: all fields of one host

_CLEAN: dict[Field, int] = {
    Field.host_status: T.Status.ONLINE,
    Field.host_priv: T.Privilege.NONE,
    Field.host_owner: 0,
    Field.host_implant: 0,
    Field.host_sensor_killed: 0,
    Field.host_decoy: B.Decoy.NONE,
    Field.host_honeytoken: 0,
    Field.host_false_scans: 0,
    Field.view_verdict: B.Verdict.RESTORED,
}
_USER: dict[Field, int] = {Field.host_priv: T.Privilege.USER}
_ROOT: dict[Field, int] = {Field.host_priv: T.Privilege.ROOT, Field.host_rooted: 1}
K, M = B.Blue, R.Red
_BLUE: dict[B.Blue, dict[Field, int]] = {
    K.ISOLATE: {Field.host_status: T.Status.ISOLATED},
    K.RECONNECT: {Field.host_status: T.Status.ONLINE},
    K.RESTORE: _CLEAN,
    K.RESTORE_FROM_BACKUP: _CLEAN | {Field.host_encrypted: 0},
    K.REMOVE: {Field.host_priv: T.Privilege.NONE, Field.host_owner: 0, Field.host_implant: 0},
    K.DEPLOY_EDR: {Field.host_edr: 1, Field.host_sensor_killed: 0},
    K.DECOY_GENERIC: {Field.host_decoy: B.Decoy.GENERIC},
    K.DECOY_APACHE: {Field.host_decoy: B.Decoy.APACHE},
    K.DECOY_SSHD: {Field.host_decoy: B.Decoy.SSHD},
    K.DECOY_TOMCAT: {Field.host_decoy: B.Decoy.TOMCAT},
    K.MISINFORM: {Field.host_false_scans: B.FALSE_SCANS},
    K.HONEYTOKEN: {Field.host_honeytoken: 1},
}
_RED: dict[R.Red, dict[Field, int]] = {
    **dict.fromkeys(R.EXPLOITS, _USER),
    M.PRIVILEGE_ESCALATE: _ROOT,
    M.JUICY_POTATO: _ROOT,
    M.V4L2: _ROOT,
    M.PASS_THE_TICKET: _ROOT,  # with an admin scope; corp_user gives User
    M.PASS_THE_HASH: _ROOT,
    M.SPEAR_PHISHING: _USER | {Field.host_implant: 1},
    M.IMPACT: {Field.host_encrypted: 1},
    M.KILL_PROCESS: {Field.host_sensor_killed: 1},
}
#: what a success sets, ``KEEP`` for nothing: ``int32[code, field]``
EFFECTS = np.full((2 * SIDE, len(Field)), KEEP, np.int32)
for _start, _rows in ((0, _BLUE), (SIDE, _RED)):
    for _kind, _sets in _rows.items():
        for _field, _value in _sets.items():
            EFFECTS[_start + _kind, _field] = _value
assert L.NEVER > 0  # so that KEEP is no value of a field


def read(state: State, slot: Integer[Array, ""]) -> Record:
    """The record of a slot."""
    return {field: getattr(state, field.name)[slot].astype(jnp.int32) for field in Field}


def constant(when: Bool[Array, ""], code: Integer[Array, ""], record: Record) -> Record:
    """The record with what a success of a kind sets, where ``when``."""
    sets = jnp.asarray(EFFECTS)[code]
    return {field: jnp.where(when & (sets[field] != KEEP), sets[field], old) for field, old in record.items()}


def write(state: State, slot: Integer[Array, ""], record: Record) -> State:
    """The state with the record of a slot."""
    here = jnp.arange(state.host_priv.shape[0]) == slot
    fields = {}
    for field, value in record.items():
        old = getattr(state, field.name)
        fields[field.name] = jnp.where(here, value.astype(old.dtype), old)
    return state.replace(**fields)


def put(when: Bool[Array, ""], record: Record, field: Field, value: Any) -> Record:
    """The record with a new value of one field where ``when``."""
    return {**record, field: jnp.where(when, jnp.asarray(value, jnp.int32), record[field])}
