"""The network of an episode: what is drawn at reset and never changes (§1).

:func:`generate` draws one with CybORG's distribution; :func:`from_header` takes it from a recorded episode;
:func:`save` and :func:`load` keep it in a JSON file.
"""

from __future__ import annotations

import json
import os
from itertools import permutations
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import struct
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.draws import pick
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
_LOWEST_PID, _HIGHEST_PID = 1000, 9999
_ADDRESSES = 254


def generate(key: jax.Array, options: Options) -> Topology:
    """Draw a network: hosts, addresses, services, pids and starting places (§1, §9.1)."""
    keys = iter(jax.random.split(key, 10))
    exists, used = _hosts(next(keys), options)
    kind = _services(next(keys), exists)
    pid = _distinct(next(keys), T.NUM_HOSTS * T.NUM_REAL, _LOWEST_PID, _HIGHEST_PID)
    pid = jnp.where(kind > 0, pid.reshape(T.NUM_HOSTS, T.NUM_REAL), 0)

    base = jnp.max(pid, axis=1)
    session = jax.random.randint(next(keys), (2, T.NUM_HOSTS), 1, 10)
    blue_pid = jnp.where(exists & (T.HOST_BLUE != T.NO_AGENT), base + session[0], 0)
    base = jnp.maximum(base, blue_pid)
    green_pid = jnp.where(exists & T.IS_USER, base + session[1], 0)
    base = jnp.maximum(base, green_pid)

    red_start = _red_starts(next(keys), exists)
    return Topology(
        host_exists=exists,
        host_address=_addresses(next(keys), used, exists).astype(jnp.uint8),
        subnet_address=_distinct(next(keys), T.NUM_SUBNETS, 0, 255).astype(jnp.uint8),
        service_kind=kind,
        service_pid=pid.astype(jnp.int16),
        blue_pid=blue_pid.astype(jnp.int16),
        green_pid=green_pid.astype(jnp.int16),
        base_pid=base.astype(jnp.int16),
        blue_parent=_blue_parents(next(keys), exists),
        red_start=red_start,
        red_start_pid=(base[red_start[0]] + jax.random.randint(next(keys), (), 1, 10)).astype(jnp.int16),
    )


def _hosts(key: jax.Array, options: Options) -> tuple[jax.Array, jax.Array]:
    """Which slots exist, ``bool[host]``, and the number of users per zone."""
    u = jax.random.uniform(key, (2, T.NUM_ZONES))

    def count(u: jax.Array, span: jax.Array) -> jax.Array:
        low, high = span[:, 0].astype(jnp.int32), span[:, 1].astype(jnp.int32)
        return low + pick(u, high - low + 1)

    users, servers = count(u[0], jnp.asarray(options.users)), count(u[1], jnp.asarray(options.servers))
    slot = jnp.arange(T.ZONE_SLOTS) - 1
    is_user = (slot >= 0) & (slot < users[:, None])
    is_server = (slot >= T.MAX_USERS) & (slot - T.MAX_USERS < servers[:, None])
    exists = (slot < 0) | is_user | is_server
    return jnp.append(exists.reshape(-1), True), users


def _services(key: jax.Array, exists: jax.Array) -> jax.Array:
    """Services per host in CybORG's order: SSHD, OTSERVICE where there is one, then 0..3 extras."""
    u = jax.random.uniform(key, (2, T.NUM_HOSTS))
    extras = jnp.asarray(_EXTRA_ORDERS)[pick(u[0], jnp.int32(len(_EXTRA_ORDERS)))]
    extras = jnp.where(jnp.arange(3) < pick(u[1], jnp.int32(4))[:, None], extras, 0)
    sshd = jnp.full((T.NUM_HOSTS, 1), T.Service.SSHD, jnp.uint8)
    ot = jnp.full((T.NUM_HOSTS, 1), T.Service.OTSERVICE, jnp.uint8)
    with_ot = jnp.concatenate([sshd, ot, extras], axis=1)
    without = jnp.concatenate([sshd, extras, jnp.zeros_like(sshd)], axis=1)
    station = exists & (T.IS_USER | T.IS_SERVER)
    return jnp.where(station[:, None], jnp.where(T.HAS_OT[:, None], with_ot, without), 0)


def _addresses(key: jax.Array, users: jax.Array, exists: jax.Array) -> jax.Array:
    """Router and users draw among 254 without replacement; servers take the highest that are free."""
    keys = jax.random.split(key, T.NUM_ZONES + 1)
    drawn = jax.vmap(lambda k: _distinct(k, 1 + T.MAX_USERS, 1, _ADDRESSES))(keys[:-1])
    drawn = jnp.where(jnp.arange(1 + T.MAX_USERS) <= users[:, None], drawn, 0)
    address = jnp.arange(_ADDRESSES, 0, -1)  # from the top
    free = ~jnp.any(drawn[:, :, None] == address, axis=1)
    rank = jnp.cumsum(free, axis=1) - 1
    server = jnp.arange(T.MAX_SERVERS)[:, None]
    highest = jnp.sum(jnp.where(free[:, None] & (rank[:, None] == server), address, 0), axis=2)
    root = jax.random.randint(keys[-1], (1,), 1, _ADDRESSES + 1)
    zones = jnp.concatenate([drawn, highest], axis=1).reshape(-1)
    return jnp.where(exists, jnp.append(zones, root), 0)


def _blue_parents(key: jax.Array, exists: jax.Array) -> jax.Array:
    mine = exists & (T.HOST_BLUE == np.arange(T.NUM_BLUE, dtype=np.uint8)[:, None])
    return _nth(mine, jax.random.uniform(key, (T.NUM_BLUE,)))


def _red_starts(key: jax.Array, exists: jax.Array) -> jax.Array:
    """Per red agent a subnet, then a host in it that is no router."""
    u = jax.random.uniform(key, (2, T.NUM_RED))
    owned = jnp.asarray(T.RED_OWNS_SUBNET)
    subnet = _nth(owned, u[0])
    station = exists & ~T.IS_ROUTER & (jnp.asarray(T.HOST_SUBNET) == subnet[:, None])
    return _nth(station, u[1])


def _nth(mask: jax.Array, u: jax.Array) -> jax.Array:
    """Per row, the index of a uniformly chosen True."""
    rank = jnp.cumsum(mask, axis=1) - 1
    chosen = mask & (rank == pick(u, jnp.sum(mask, axis=1))[:, None])
    return jnp.argmax(chosen, axis=1).astype(jnp.uint8)


def _distinct(key: jax.Array, count: int, low: int, high: int) -> jax.Array:
    """``count`` different whole numbers in low..high, every arrangement as likely.

    All are drawn at once and every later copy of a value is drawn again until none is left. Renaming the
    values does not change the procedure, so all arrangements have the same chance, as in CybORG, which
    draws one after the other.
    """
    index = jnp.arange(count, dtype=jnp.int32)

    def is_copy(values: jax.Array) -> jax.Array:
        first = jnp.full((high - low + 1,), count, jnp.int32).at[values - low].min(index)
        return first[values - low] != index

    def redraw(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        key, values = carry
        key, sub = jax.random.split(key)
        fresh = jax.random.randint(sub, (count,), low, high + 1)
        return key, jnp.where(is_copy(values), fresh, values)

    key, sub = jax.random.split(key)
    start = (key, jax.random.randint(sub, (count,), low, high + 1))
    return jax.lax.while_loop(lambda carry: jnp.any(is_copy(carry[1])), redraw, start)[1]


# ---------------------------------------------------------------- recorded and saved networks

_SERVICE = {name: i for i, name in enumerate(T.SERVICE_NAMES)}
_HOST = {name: i for i, name in enumerate(T.HOST_NAMES)}


def from_header(header: dict) -> Topology:
    """The network of a recorded episode (``cc4-trace/1``), as NumPy arrays.

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
        exists[_HOST[name]] = True
        address[_HOST[name]] = int(ip.rsplit(".", 1)[1])
    kind = np.zeros((T.NUM_HOSTS, T.NUM_REAL), np.uint8)
    pid = np.zeros((T.NUM_HOSTS, T.NUM_REAL), np.int16)
    for name, host in header["snapshot"]["hosts"].items():
        for slot, (service, (service_pid, *_)) in enumerate(host["services"].items()):
            kind[_HOST[name], slot], pid[_HOST[name], slot] = _SERVICE[service], service_pid
    sessions = header["snapshot"]["sessions"]
    session_pid = {"blue": np.zeros(T.NUM_HOSTS, np.int16), "green": np.zeros(T.NUM_HOSTS, np.int16)}
    for agent, entries in sessions.items():
        side = agent.split("_")[0]
        if side in session_pid:
            for entry in entries:
                session_pid[side][_HOST[entry[1]]] = entry[3]
    base = np.maximum(np.maximum(pid.max(1), session_pid["blue"]), session_pid["green"])
    starts = [header["snapshot"]["red"][agent]["known_hostnames"][0] for agent in T.RED_AGENTS]
    return Topology(
        host_exists=exists,
        host_address=address,
        subnet_address=np.array([int(header["subnets"][s].split(".")[2]) for s in T.SUBNETS], np.uint8),
        service_kind=kind,
        service_pid=pid,
        blue_pid=session_pid["blue"],
        green_pid=session_pid["green"],
        base_pid=base,
        blue_parent=np.array([_HOST[header["blue_parent"][a]] for a in T.BLUE_AGENTS], np.uint8),
        red_start=np.array([_HOST[name] for name in starts], np.uint8),
        red_start_pid=np.int16(sessions["red_agent_0"][0][3]),
    )


_FORMAT = "garrison-cc4-topology/1"


def save(topology: Topology, path: str | os.PathLike) -> None:
    """Write one network (no lane axis) to a JSON file, atomically."""
    fields = {name: np.asarray(value) for name, value in vars(topology).items()}
    if fields["host_exists"].ndim != 1:
        raise ValueError(f"save takes one network, not a batch of shape {fields['host_exists'].shape[:-1]}")
    text = json.dumps({"format": _FORMAT, **{name: value.tolist() for name, value in fields.items()}})
    path = Path(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


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
