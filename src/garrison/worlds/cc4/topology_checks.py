"""What every network of CC4 keeps (§1), checked where networks enter: files, and ``reset(network=...)``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from garrison.worlds.cc4 import tables as T

if TYPE_CHECKING:
    from garrison.worlds.cc4.topology import Topology

_HOSTS, _SERVICES = (T.NUM_HOSTS,), (T.NUM_HOSTS, T.NUM_REAL)
#: shape and dtype of each field of a topology
FIELDS: dict[str, tuple[tuple[int, ...], type]] = {
    "host_exists": (_HOSTS, np.bool_),
    "host_address": (_HOSTS, np.uint8),
    "subnet_address": ((T.NUM_SUBNETS,), np.uint8),
    "service_kind": (_SERVICES, np.uint8),
    "service_pid": (_SERVICES, np.int16),
    "blue_pid": (_HOSTS, np.int16),
    "green_pid": (_HOSTS, np.int16),
    "base_pid": (_HOSTS, np.int16),
    "blue_parent": ((T.NUM_BLUE,), np.uint8),
    "red_start": ((T.NUM_RED,), np.uint8),
    "red_start_pid": ((), np.int16),
}
_MAX_PID = 10_026  # at reset: services have up to 9999, sessions up to 9 more than what is there

_STATION = T.IS_USER | T.IS_SERVER
_WATCHED = T.HOST_BLUE != T.NO_AGENT


def check(topology: Topology) -> None:
    """Raise ``ValueError``, naming the field, unless this is a network of CC4.

    Args:
        topology: without an environment axis. Inside ``jit`` and ``vmap`` there are no values to check.
    """
    try:
        fields = {name: np.asarray(value) for name, value in vars(topology).items()}
    except jax.errors.TracerArrayConversionError:
        return
    for name, (shape, dtype) in FIELDS.items():
        array = fields[name]
        if array.shape != shape or array.dtype != dtype:
            wanted = f"{np.dtype(dtype).name}{list(shape)}"
            raise ValueError(f"network: {name} must be {wanted}, not {array.dtype.name}{list(array.shape)}")
    try:
        check_fields(fields)
    except ValueError as error:
        raise ValueError(f"network: {error}") from error


def check_fields(fields: dict[str, np.ndarray]) -> None:
    """:func:`check` for the fields of a network by name, with the shapes and dtypes of a topology."""
    for field, problem, wrong in _problems(fields):
        where = np.flatnonzero(wrong)
        if where.size:
            raise ValueError(f"{field} {problem}{_place(field, int(where[0]))}")


def _place(field: str, index: int) -> str:
    if field.startswith(("host_", "service_")) or field in ("blue_pid", "green_pid", "base_pid"):
        return f": {T.HOST_NAMES[index]}"
    names = {"subnet_address": T.SUBNETS, "blue_parent": T.BLUE_AGENTS, "red_start": T.RED_AGENTS}
    return f": {names[field][index]}" if field in names else ""


def _problems(fields: dict[str, np.ndarray]) -> Iterator[tuple[str, str, Any]]:
    """Field, problem, and a mask over the field's first axis of where it has the problem."""
    yield from _host_problems(fields)
    yield from _service_problems(fields)
    yield from _session_problems(fields)


def _host_problems(f: dict[str, np.ndarray]) -> Iterator[tuple[str, str, Any]]:
    exists, address = f["host_exists"], f["host_address"]
    slot = np.arange(T.NUM_HOSTS)
    needed = ~_STATION | np.isin(slot % T.ZONE_SLOTS, (1, 1 + T.MAX_USERS))
    yield "host_exists", "lacks a router, the internet root, or the first user or server", needed & ~exists
    gap = _STATION & exists & ~needed & ~np.roll(exists, 1)
    yield "host_exists", "has a gap before this host", gap
    yield "host_address", "must lie in 1..254 where a host exists", exists & ((address < 1) | (address > 254))
    yield "host_address", "must be 0 where no host exists", ~exists & (address != 0)
    key = np.where(exists, T.HOST_SUBNET.astype(int) * 256 + address, -1 - slot)
    yield "host_address", "occurs twice in a subnet", _repeated(key)
    yield "subnet_address", "occurs twice", _repeated(f["subnet_address"])


def _service_problems(f: dict[str, np.ndarray]) -> Iterator[tuple[str, str, Any]]:
    kind, pid = f["service_kind"], f["service_pid"]
    real, some = kind > 0, f["host_exists"] & _STATION
    yield "service_kind", f"must lie in 0..{T.NUM_REAL}", (kind > T.NUM_REAL).any(1)
    yield "service_kind", "must not be empty on a user or server", some & ~real[:, 0]
    yield "service_kind", "must be empty except on users and servers", ~some & real.any(1)
    yield "service_kind", "has a gap", (real[:, 1:] & ~real[:, :-1]).any(1)
    names = np.where(real, kind.astype(int), -1 - np.arange(T.NUM_REAL))
    yield "service_kind", "has a service twice", _repeated_in_rows(names)
    outside = real & ((pid < 1) | (pid > _MAX_PID))
    yield "service_pid", f"must lie in 1..{_MAX_PID} for a service", outside.any(1)
    yield "service_pid", "must be 0 where there is no service", (~real & (pid != 0)).any(1)


def _session_problems(f: dict[str, np.ndarray]) -> Iterator[tuple[str, str, Any]]:
    exists, base = f["host_exists"], f["base_pid"]
    for field, hosts, who in (("blue_pid", _WATCHED, "blue"), ("green_pid", T.IS_USER, "users")):
        pid, has = f[field], exists & hosts
        yield field, f"must lie in 1..{_MAX_PID} on the hosts of {who}", has & ((pid < 1) | (pid > _MAX_PID))
        yield field, f"must be 0 except on the hosts of {who}", ~has & (pid != 0)
    pids = np.concatenate([f["service_pid"], f["blue_pid"][:, None], f["green_pid"][:, None]], axis=1)
    distinct = np.where(pids > 0, pids.astype(int), -1 - np.arange(pids.shape[1]))
    yield "service_pid", "or a session's pid occurs twice on a host", _repeated_in_rows(distinct)
    yield "base_pid", "must be the largest pid of the host", base != pids.max(1)
    parent, start = f["blue_parent"], f["red_start"]
    at_parent, at_start = np.minimum(parent, T.ROOT_HOST), np.minimum(start, T.ROOT_HOST)
    own = (T.HOST_BLUE[at_parent] == np.arange(T.NUM_BLUE)) & (parent < T.NUM_HOSTS) & exists[at_parent]
    yield "blue_parent", "must be a host that exists and that the agent owns", ~own
    own = (T.HOST_RED[at_start] == np.arange(T.NUM_RED)) & (start < T.NUM_HOSTS)
    own = own & (exists & _STATION)[at_start]
    yield "red_start", "must be a user or server that exists in a subnet of the agent", ~own
    first = int(f["red_start_pid"])
    least = int(base[at_start[0]]) + 1
    wrong = not least <= first < least + 9
    yield "red_start_pid", f"must lie in {least}..{least + 8}, above the pids of its host", wrong


def _repeated(values: np.ndarray) -> np.ndarray:
    """Entries that occurred before."""
    return np.isin(np.arange(values.size), np.unique(values, return_index=True)[1], invert=True)


def _repeated_in_rows(values: np.ndarray) -> np.ndarray:
    """Rows that have an entry twice."""
    ordered = np.sort(values, axis=1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(1)
