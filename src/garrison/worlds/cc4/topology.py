"""The network of an episode: drawn at reset, constant afterwards (§1).

:func:`generate` draws one with CybORG's distribution; :func:`save` and :func:`load` keep it in a JSON file.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import permutations
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.files import write
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int16, Int32, PRNGKeyArray, UInt8
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import nth, nth_host, pick, running_sum
from garrison.worlds.cc4.draws import to_uniform
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.topology_checks import FIELDS, check_fields


class Topology(Struct):
    """One network. Hosts that do not exist are slots with ``host_exists`` False and zeros elsewhere."""

    host_exists: Bool[Array, "*env host"]
    host_address: UInt8[Array, "*env host"]  # last octet of its address
    subnet_address: UInt8[Array, "*env subnet"]  # third octet; the subnet is 10.0.x.0/24
    service_kind: UInt8[Array, "*env host service"]  # tables.Service in CybORG's order, 0 = none
    service_pid: Int16[Array, "*env host service"]  # at reset and after Restore
    blue_pid: Int16[Array, "*env host"]  # process of the blue session, 0 = none
    green_pid: Int16[Array, "*env host"]  # process of the green session, 0 = none
    base_pid: Int16[Array, "*env host"]  # largest of all pids above
    blue_parent: UInt8[Array, "*env blue"]  # host of session 0
    red_start: UInt8[Array, "*env red"]  # starting hosts; only red_agent_0 has a session there
    red_start_pid: Int16[Array, "*env"]  # process of that session


_EXTRAS = (T.Service.APACHE2, T.Service.MYSQLD, T.Service.SMTP)
_EXTRA_ORDERS = np.array(list(permutations(_EXTRAS)), np.uint8)
_ADDRESSES = 254
_DRAWN = 1 + T.MAX_USERS  # addresses drawn per zone: router and users; servers take what is left


def generate(key: PRNGKeyArray, options: Options) -> Topology:
    """Draw a network: hosts, addresses, services, pids and starting places (§1, §9.1)."""
    single, many = jax.random.split(key)
    u = _uniforms(single)
    subnet_address, drawn, pid = _distinct(many)
    exists, users = _hosts(u["users"], u["servers"], options)
    kind = _services(u["order"], u["extras"], exists)
    pid = jnp.where(kind > 0, pid, 0)

    base = jnp.max(pid, axis=1)
    blue_pid = jnp.where(exists & (T.HOST_BLUE != T.NO_AGENT), base + _session_delta(u["blue_pid"]), 0)
    base = jnp.maximum(base, blue_pid)
    green_pid = jnp.where(exists & T.IS_USER, base + _session_delta(u["green_pid"]), 0)
    base = jnp.maximum(base, green_pid)

    owned = exists[None] & (T.HOST_BLUE[None] == np.arange(T.NUM_BLUE, dtype=np.uint8)[:, None])
    subnet = nth(jnp.asarray(T.RED_OWNS_SUBNET), u["red_subnet"])
    may_start = (exists & ~T.IS_ROUTER)[None] & (jnp.asarray(T.HOST_SUBNET)[None] == subnet[:, None])
    red_start = nth_host(may_start, u["red_host"])
    red_pid = base[red_start[0]] + _session_delta(u["red_pid"][0])
    return Topology(
        host_exists=exists,
        host_address=_addresses(drawn, users, exists, u["root"]).astype(jnp.uint8),
        subnet_address=subnet_address.astype(jnp.uint8),
        service_kind=kind,
        service_pid=pid.astype(jnp.int16),
        blue_pid=blue_pid.astype(jnp.int16),
        green_pid=green_pid.astype(jnp.int16),
        base_pid=base.astype(jnp.int16),
        blue_parent=nth_host(owned, u["blue_host"]).astype(jnp.uint8),
        red_start=red_start.astype(jnp.uint8),
        red_start_pid=red_pid.astype(jnp.int16),
    )


def _uniforms(key: PRNGKeyArray) -> dict[str, Array]:
    """The independent uniforms of a network, by purpose."""
    sizes = {
        "users": T.NUM_ZONES,
        "servers": T.NUM_ZONES,
        "order": T.NUM_HOSTS,
        "extras": T.NUM_HOSTS,
        "blue_pid": T.NUM_HOSTS,
        "green_pid": T.NUM_HOSTS,
        "red_pid": 1,
        "blue_host": T.NUM_BLUE,
        "red_subnet": T.NUM_RED,
        "red_host": T.NUM_RED,
        "root": 1,
    }
    u = to_uniform(jax.random.bits(key, (sum(sizes.values()),), jnp.uint32))
    ends = np.cumsum(list(sizes.values()))
    return {name: u[end - size : end] for (name, size), end in zip(sizes.items(), ends, strict=True)}


def _session_delta(u: Array) -> Array:
    return 1 + pick(u, jnp.int32(9))


def _hosts(
    u_users: Float32[Array, "zone"], u_servers: Float32[Array, "zone"], options: Options
) -> tuple[Bool[Array, "host"], Int32[Array, "zone"]]:
    """Which slots exist, and the number of users per zone."""

    def count(u: Array, span: Array) -> Array:
        low, high = span[:, 0].astype(jnp.int32), span[:, 1].astype(jnp.int32)
        return low + pick(u, high - low + 1)

    users = count(u_users, jnp.asarray(options.users))
    servers = count(u_servers, jnp.asarray(options.servers))
    slot = jnp.arange(T.ZONE_SLOTS)[None] - 1
    is_user = (slot >= 0) & (slot < users[:, None])
    is_server = (slot >= T.MAX_USERS) & (slot - T.MAX_USERS < servers[:, None])
    exists = (slot < 0) | is_user | is_server
    return jnp.append(exists.reshape(-1), True), users


def _services(
    u_order: Float32[Array, "host"], u_extras: Float32[Array, "host"], exists: Bool[Array, "host"]
) -> UInt8[Array, "host service"]:
    """Services per host in CybORG's order: SSHD, OTSERVICE where there is one, then 0..3 extras."""
    extras = jnp.asarray(_EXTRA_ORDERS)[pick(u_order, jnp.int32(len(_EXTRA_ORDERS)))]
    extras = jnp.where(jnp.arange(3)[None] < pick(u_extras, jnp.int32(4))[:, None], extras, 0)
    sshd = jnp.full((T.NUM_HOSTS, 1), T.Service.SSHD, jnp.uint8)
    ot = jnp.full((T.NUM_HOSTS, 1), T.Service.OTSERVICE, jnp.uint8)
    with_ot = jnp.concatenate([sshd, ot, extras], axis=1)
    without = jnp.concatenate([sshd, extras, jnp.zeros_like(sshd)], axis=1)
    has_services = exists & (T.IS_USER | T.IS_SERVER)
    return jnp.where(has_services[:, None], jnp.where(T.HAS_OT[:, None], with_ot, without), 0)


def _addresses(
    drawn: Int32[Array, "zone address"],
    users: Int32[Array, "zone"],
    exists: Bool[Array, "host"],
    u_root: Float32[Array, "1"],
) -> Int32[Array, "host"]:
    """Addresses: drawn for routers and users, the highest free ones for servers."""
    drawn = jnp.where(jnp.arange(_DRAWN)[None] <= users[:, None], drawn, 0)
    top = jnp.arange(_ADDRESSES, _ADDRESSES - _DRAWN - T.MAX_SERVERS, -1)  # more than can be taken
    free = ~jnp.any(drawn[:, :, None] == top[None, None], axis=1)
    until = running_sum(free)
    server = jnp.arange(T.MAX_SERVERS)[None, :, None]
    highest = top[jnp.argmax(until[:, None] > server, axis=2)]
    zones = jnp.concatenate([drawn, highest], axis=1).reshape(-1)
    return jnp.where(exists, jnp.append(zones, 1 + pick(u_root, jnp.int32(_ADDRESSES))), 0)


# groups of values that must differ: (how many, out of how many)
_GROUPS = [(T.NUM_SUBNETS, 256)] + [(_DRAWN, _ADDRESSES)] * T.NUM_ZONES + [(T.NUM_HOSTS * T.NUM_REAL, 9000)]
_COUNT = np.array([count for count, _ in _GROUPS])
_SPAN = np.repeat([span for _, span in _GROUPS], _COUNT).astype(np.int32)
_BIN = np.repeat(np.cumsum([0] + [span for _, span in _GROUPS[:-1]]), _COUNT).astype(np.int32)
_BINS = sum(span for _, span in _GROUPS)


def _distinct(
    key: PRNGKeyArray,
) -> tuple[Int32[Array, "subnet"], Int32[Array, "zone address"], Int32[Array, "host service"]]:
    """Subnet octets, host octets and pids: distinct within a group.

    All are drawn at once, and repeated values are drawn again until there are none. The procedure is
    symmetric in the values, so all arrangements are equally likely, as in CybORG, which draws one by one.
    """
    index = jnp.arange(len(_SPAN), dtype=jnp.int32)

    def drawn(round: Array) -> Any:
        u = to_uniform(jax.random.bits(jax.random.fold_in(key, round), index.shape, jnp.uint32))
        return _BIN + pick(u, jnp.asarray(_SPAN))

    def redraw(carry: tuple) -> tuple:
        round, values, copy = carry
        values = jnp.where(copy, drawn(round), values)
        first = jnp.full((_BINS,), len(_SPAN), jnp.int32).at[values].min(index)
        return round + 1, values, first[values] != index

    start = (jnp.int32(0), jnp.zeros_like(index), jnp.ones(index.shape, bool))
    values = jax.lax.while_loop(lambda carry: jnp.any(carry[2]), redraw, start)[1] - _BIN
    subnets, zones, pids = jnp.split(values, [T.NUM_SUBNETS, T.NUM_SUBNETS + _DRAWN * T.NUM_ZONES])
    return subnets, 1 + zones.reshape(T.NUM_ZONES, _DRAWN), 1000 + pids.reshape(T.NUM_HOSTS, T.NUM_REAL)


# ---------------------------------------------------------------- saved networks

_FORMAT = "garrison-cc4-topology/2"


def save(topology: Topology, path: str | os.PathLike) -> None:
    """Write one network (no environment axis) to a JSON file with a digest, atomically.

    Raises:
        ValueError: when it is a batch, or not a network of CC4; names the field.
    """
    fields = {name: np.asarray(value) for name, value in vars(topology).items()}
    if fields["host_exists"].ndim != 1:
        raise ValueError(f"save takes one network, not a batch of shape {fields['host_exists'].shape[:-1]}")
    check_fields(fields)
    content = {name: value.tolist() for name, value in fields.items()}
    write(Path(path), json.dumps({"format": _FORMAT, "digest": _digest(content), **content}))


def load(path: str | os.PathLike) -> Topology:
    """Read a network written by :func:`save`; NumPy leaves without an environment axis.

    Raises:
        ValueError: when the file is damaged or not such a network; names the file and the field.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text())
    except ValueError as error:  # not JSON, or not even text
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise ValueError(f"{path} does not hold a CC4 network: its format is {found!r}, not {_FORMAT!r}")
    digest = content.get("digest")
    content = {name: value for name, value in content.items() if name not in ("format", "digest")}
    try:
        arrays = _arrays(content)
        check_fields(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if digest != _digest(content):
        raise ValueError(f"{path}: digest does not match the contents; the file was damaged or edited")
    return Topology(**arrays)


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of the fields of a network, as JSON in their order."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _arrays(content: dict[str, Any]) -> dict[str, Any]:
    """The fields of a network with the dtypes of :class:`Topology`."""
    if content.keys() != FIELDS.keys():
        odd = sorted(content.keys() ^ FIELDS.keys())
        raise ValueError(f"fields missing or unknown: {', '.join(odd)}")
    arrays = {}
    for name, (shape, dtype) in FIELDS.items():
        try:
            array = np.asarray(content[name])
        except ValueError:  # lists of different lengths
            array = np.asarray(None)
        if array.shape != shape or array.dtype.kind not in "biu":
            raise ValueError(f"{name} must hold whole numbers of shape {shape}")
        if (array.dtype.kind == "b") != (dtype == np.bool_):
            raise ValueError(f"{name} must hold {'true or false' if dtype == np.bool_ else 'whole numbers'}")
        if not np.array_equal(array.astype(dtype), array):
            raise ValueError(f"{name} holds values that do not fit {np.dtype(dtype).name}")
        arrays[name] = array.astype(dtype)
    return arrays
