"""The network of an episode: what is drawn at reset and never changes (§1).

:func:`generate` draws one with CybORG's distribution; :func:`save` and :func:`load` keep it in a JSON file.
"""

from __future__ import annotations

import json
import os
from itertools import permutations
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.files import write
from garrison.core.struct import struct
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.choose import nth, nth_host, pick, running_sum
from garrison.worlds.cc4.draws import to_uniform
from garrison.worlds.cc4.options import Options


@struct
class Topology:
    """One network. Hosts that do not exist are slots with ``host_exists`` False and zeros elsewhere."""

    host_exists: jax.Array  # bool[host]
    host_address: jax.Array  # uint8[host]: last octet of its address
    subnet_address: jax.Array  # uint8[subnet]: third octet; the subnet is 10.0.x.0/24
    service_kind: jax.Array  # uint8[host, 5]: tables.Service in CybORG's order, 0 = none
    service_pid: jax.Array  # int16[host, 5]: at reset and after Restore
    blue_pid: jax.Array  # int16[host]: process of the blue session, 0 = none
    green_pid: jax.Array  # int16[host]: process of the green session, 0 = none
    base_pid: jax.Array  # int16[host]: largest of all pids above
    blue_parent: jax.Array  # uint8[blue]: host of session 0
    red_start: jax.Array  # uint8[red]: starting hosts; only red_agent_0 has a session there
    red_start_pid: jax.Array  # int16[]: process of that session


_EXTRAS = (T.Service.APACHE2, T.Service.MYSQLD, T.Service.SMTP)
_EXTRA_ORDERS = np.array(list(permutations(_EXTRAS)), np.uint8)
_ADDRESSES = 254
_DRAWN = 1 + T.MAX_USERS  # addresses drawn per zone: router and users; servers take what is left


def generate(key: jax.Array, options: Options) -> Topology:
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
    station = (exists & ~T.IS_ROUTER)[None] & (jnp.asarray(T.HOST_SUBNET)[None] == subnet[:, None])
    red_start = nth_host(station, u["red_host"])
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


def _uniforms(key: jax.Array) -> dict[str, jax.Array]:
    """All independent uniforms of a network, by use."""
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


def _session_delta(u: jax.Array) -> jax.Array:
    return 1 + pick(u, jnp.int32(9))


def _hosts(u_users: jax.Array, u_servers: jax.Array, options: Options) -> tuple[jax.Array, jax.Array]:
    """Which slots exist, ``bool[host]``, and the number of users per zone."""

    def count(u: jax.Array, span: jax.Array) -> jax.Array:
        low, high = span[:, 0].astype(jnp.int32), span[:, 1].astype(jnp.int32)
        return low + pick(u, high - low + 1)

    users = count(u_users, jnp.asarray(options.users))
    servers = count(u_servers, jnp.asarray(options.servers))
    slot = jnp.arange(T.ZONE_SLOTS)[None] - 1
    is_user = (slot >= 0) & (slot < users[:, None])
    is_server = (slot >= T.MAX_USERS) & (slot - T.MAX_USERS < servers[:, None])
    exists = (slot < 0) | is_user | is_server
    return jnp.append(exists.reshape(-1), True), users


def _services(u_order: jax.Array, u_extras: jax.Array, exists: jax.Array) -> jax.Array:
    """Services per host in CybORG's order: SSHD, OTSERVICE where there is one, then 0..3 extras."""
    extras = jnp.asarray(_EXTRA_ORDERS)[pick(u_order, jnp.int32(len(_EXTRA_ORDERS)))]
    extras = jnp.where(jnp.arange(3)[None] < pick(u_extras, jnp.int32(4))[:, None], extras, 0)
    sshd = jnp.full((T.NUM_HOSTS, 1), T.Service.SSHD, jnp.uint8)
    ot = jnp.full((T.NUM_HOSTS, 1), T.Service.OTSERVICE, jnp.uint8)
    with_ot = jnp.concatenate([sshd, ot, extras], axis=1)
    without = jnp.concatenate([sshd, extras, jnp.zeros_like(sshd)], axis=1)
    station = exists & (T.IS_USER | T.IS_SERVER)
    return jnp.where(station[:, None], jnp.where(T.HAS_OT[:, None], with_ot, without), 0)


def _addresses(drawn: jax.Array, users: jax.Array, exists: jax.Array, u_root: jax.Array) -> jax.Array:
    """Router and users have drawn theirs; servers take the highest that are free, the root any."""
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
_SPAN = np.repeat([span for _, span in _GROUPS], _COUNT)
_BIN = np.repeat(np.cumsum([0] + [span for _, span in _GROUPS[:-1]]), _COUNT)
_BINS = sum(span for _, span in _GROUPS)


def _distinct(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Subnet octets ``[9]``, host octets ``[zone, 11]``, pids ``[host, 5]``: no two alike within a group.

    All are drawn at once and every later copy of a value is drawn again until none is left. Renaming the
    values does not change the procedure, so all arrangements have the same chance, as in CybORG, which
    draws one after the other.
    """
    index = jnp.arange(len(_SPAN), dtype=jnp.int32)

    def drawn(round: jax.Array) -> jax.Array:
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

_FORMAT = "garrison-cc4-topology/1"


def save(topology: Topology, path: str | os.PathLike) -> None:
    """Write one network (no lane axis) to a JSON file, atomically."""
    fields = {name: np.asarray(value) for name, value in vars(topology).items()}
    if fields["host_exists"].ndim != 1:
        raise ValueError(f"save takes one network, not a batch of shape {fields['host_exists'].shape[:-1]}")
    text = json.dumps({"format": _FORMAT, **{name: value.tolist() for name, value in fields.items()}})
    write(Path(path), text)


def load(path: str | os.PathLike) -> Topology:
    """Read a network written by :func:`save`.

    Raises:
        ValueError: when the file is not such a network; names the file and the field.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        raise ValueError(f"{path} does not hold a CC4 network ({_FORMAT})")
    like = jax.eval_shape(generate, jax.random.key(0), _any_options())
    expected = vars(like)
    if content.keys() != expected.keys():
        odd = sorted(content.keys() ^ expected.keys())
        raise ValueError(f"{path}: fields missing or unknown: {', '.join(odd)}")
    arrays = {}
    for name, spec in expected.items():
        array = np.asarray(content[name])
        if array.shape != spec.shape or array.dtype.kind not in "biu":
            raise ValueError(f"{path}: {name} must hold whole numbers of shape {spec.shape}")
        if array.size and not np.array_equal(array.astype(spec.dtype), array):
            raise ValueError(f"{path}: {name} holds values that do not fit {spec.dtype}")
        arrays[name] = array.astype(spec.dtype)
    return Topology(**arrays)


def _any_options() -> Options:
    from garrison.worlds.cc4.options import default_options

    return default_options()
