"""Networks that we draw have CybORG's distribution (§1, §9.1), and recorded ones obey the same rules."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from garrison.parity import chance, trace
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4 import topology
from garrison.worlds.cc4.options import default_options

TESTS = Path(__file__).parents[2]
RECORDED = sorted((TESTS / "data").glob("*.jsonl.xz"))
BESIDE = TESTS.parents[1] / "shared" / "traces" / "cc4"  # all recordings, where they are at hand

LEVEL = 0.01 / 40  # tests of chance about draws and networks: at most 40, a family-wise error of 1% over all
NETWORKS = 4000
USERS, SERVERS = np.arange(3, 11), np.arange(1, 7)
ZONES = [T.SUBNETS[s] for s in range(T.NUM_ZONES)]


@pytest.fixture(scope="module")
def networks():
    """Many networks of ours, NumPy leaves ``[network, ...]``."""
    options = default_options()
    with jax.numpy_rank_promotion("allow"):  # the engine broadcasts its tables without saying so
        generate = jax.jit(jax.vmap(lambda key: topology.generate(key, options)))
        return jax.device_get(generate(jax.random.split(jax.random.key(20), NETWORKS)))


@pytest.fixture(scope="module")
def headers():
    """One header per recorded network: recordings of the same seed share theirs."""
    paths = RECORDED + sorted(BESIDE.glob("*.jsonl.gz"))
    by_seed = {header["seed"]: header for header in (trace.read(path).header for path in paths)}
    assert len(by_seed) >= 3
    return list(by_seed.values())


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(21)


def zones(array):
    """``[network, host]`` without the internet root, as ``[network, zone, slot]``."""
    return array[:, : T.ROOT_HOST].reshape(len(array), T.NUM_ZONES, T.ZONE_SLOTS)


def counts(networks):
    """Users and servers ``[network, zone]``."""
    exists = zones(networks.host_exists)
    return exists[:, :, 1 : 1 + T.MAX_USERS].sum(2), exists[:, :, 1 + T.MAX_USERS :].sum(2)


def stations(networks):
    return networks.host_exists & (T.IS_USER | T.IS_SERVER)


def ranks(allowed, host):
    """Rank of ``host`` ``[n]`` among the ``allowed`` ``bool[n, host]``, and how many there are."""
    rank = np.take_along_axis(np.cumsum(allowed, 1) - 1, host[:, None].astype(int), 1)[:, 0]
    return rank, allowed.sum(1)


def pid_floor(networks):
    """Largest pid of the services, and of services and blue session, ``[network, host]``."""
    services = networks.service_pid.max(2)
    return services, np.maximum(services, networks.blue_pid)


# ---------------------------------------------------------------- rules without exception


def broken_rules(n):
    """Rules of §1 that some of the networks ``n`` break."""
    users, servers = counts(n)
    exists, kind = zones(n.host_exists), n.service_kind
    real = kind > 0
    services, with_blue = pid_floor(n)
    some = stations(n)
    address = n.host_address.astype(int)
    drawn = zones(address)[:, :, : 1 + T.MAX_USERS]
    at = np.arange(len(address))
    rules = {
        "hosts are numbered without gaps": np.all(
            exists[:, :, 1 : 1 + T.MAX_USERS] == (np.arange(T.MAX_USERS) < users[:, :, None])
        )
        and np.all(exists[:, :, 1 + T.MAX_USERS :] == (np.arange(T.MAX_SERVERS) < servers[:, :, None])),
        "every subnet has its router, and the internet its root": exists[:, :, 0].all()
        and n.host_exists[:, T.ROOT_HOST].all(),
        "3 to 10 users": users.min() >= 3 and users.max() <= 10,
        "1 to 6 servers": servers.min() >= 1 and servers.max() <= 6,
        "services on users and servers alone": np.array_equal(real.any(2), some),
        "SSHD first": np.all(kind[some][:, 0] == T.Service.SSHD),
        "OTSERVICE second, in operational zones alone": np.array_equal(
            kind[:, :, 1] == T.Service.OTSERVICE, some & T.HAS_OT
        )
        and not np.any(kind[:, :, [0, 2, 3, 4]] == T.Service.OTSERVICE),
        "no gaps between services": np.all(real[:, :, :-1] >= real[:, :, 1:]),
        "no service twice on a host": all(
            (kind == extra).sum(2).max() <= 1 for extra in topology._EXTRAS
        ),
        "no pid twice in a scenario": all(
            len(set(pids[used])) == used.sum() for pids, used in zip(n.service_pid, real, strict=True)
        ),
        "service pids from 1000 to 9999": n.service_pid[real].min() >= 1000
        and n.service_pid[real].max() <= 9999,
        "blue sessions on all of blue's hosts, routers too": np.array_equal(
            n.blue_pid > 0, n.host_exists & (T.HOST_BLUE != T.NO_AGENT)
        ),
        "green sessions on users alone": np.array_equal(n.green_pid > 0, n.host_exists & T.IS_USER),
        "a session's pid is 1 to 9 above the largest": within(n.blue_pid - services, n.blue_pid > 0)
        and within(n.green_pid - with_blue, n.green_pid > 0)
        and within(n.red_start_pid - n.base_pid[at, n.red_start[:, 0]], np.ones(len(at), bool)),
        "the base is the largest of all pids": np.array_equal(n.base_pid, np.maximum(with_blue, n.green_pid)),
        "addresses from 1 to 254": within(address, n.host_exists, 254) and not address[~n.host_exists].any(),
        "no address twice in a subnet": all(
            len(set(a[e])) == e.sum()
            for a, e in zip(zones(address).reshape(-1, T.ZONE_SLOTS), exists.reshape(-1, T.ZONE_SLOTS),
                            strict=True)  # fmt: skip
        ),
        "servers take the highest free addresses": np.array_equal(
            zones(address)[:, :, 1 + T.MAX_USERS :], highest_free(drawn, servers)
        ),
        "no two subnets alike": all(len(set(row)) == T.NUM_SUBNETS for row in n.subnet_address),
        "blue's parent is a host of its own": np.array_equal(
            T.HOST_BLUE[n.blue_parent], np.tile(np.arange(T.NUM_BLUE), (len(at), 1))
        )
        and np.take_along_axis(n.host_exists, n.blue_parent.astype(int), 1).all(),
        "red starts on a user or server of its own": np.array_equal(
            T.HOST_RED[n.red_start], np.tile(np.arange(T.NUM_RED), (len(at), 1))
        )
        and np.take_along_axis(some, n.red_start.astype(int), 1).all(),
    }
    return [rule for rule, holds in rules.items() if not holds]


def within(values, where, most=9):
    return values[where].min() >= 1 and values[where].max() <= most


def highest_free(drawn, servers):
    """The addresses that servers get, one after the other from the top, ``[network, zone, 6]``; 0 = none."""
    taken = (drawn[:, :, :, None] == np.arange(255)).any(2)
    out = np.zeros((*servers.shape, T.MAX_SERVERS), int)
    for at in np.ndindex(servers.shape):
        free = np.flatnonzero(~taken[at])[::-1]
        out[*at, : servers[at]] = free[: servers[at]]
    return out


def test_no_network_breaks_a_rule(networks):
    assert broken_rules(jax.tree.map(lambda x: x[:500], networks)) == []


def test_no_recorded_network_breaks_a_rule(headers):
    recorded = [topology.from_header(header) for header in headers]
    assert broken_rules(jax.tree.map(lambda *x: np.stack(x), *recorded)) == []


@pytest.mark.parametrize(
    ("field", "change", "rule"),
    [
        ("host_exists", lambda x: x | (np.arange(T.NUM_HOSTS) == 10), "hosts are numbered without gaps"),
        ("service_kind", lambda x: np.where(x == 2, 3, x), "OTSERVICE second, in operational zones alone"),
        ("service_pid", lambda x: np.where(x > 0, 1000 + x % 50, 0), "no pid twice in a scenario"),
        ("green_pid", lambda x: x + (x > 0) * 9, "a session's pid is 1 to 9 above the largest"),
        ("host_address", lambda x: np.where(T.IS_SERVER & (x > 0), x - 1, x),
         "servers take the highest free addresses"),
        ("subnet_address", lambda x: x // 16, "no two subnets alike"),
        ("red_start", lambda x: x[:, [0, 1, 2, 3, 5, 4]], "red starts on a user or server of its own"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_found(networks, field, change, rule):
    some = jax.tree.map(lambda x: x[:50], networks)
    assert rule in broken_rules(some.replace(**{field: change(getattr(some, field))}))


# ---------------------------------------------------------------- laws of chance


def histogram(values, lowest, number):
    """How often each of ``number`` values from ``lowest`` on occurs."""
    values = np.asarray(values).ravel().astype(int) - lowest
    return np.bincount(values, minlength=number)


def even(values, lowest, number):
    """p-value: are ``number`` values from ``lowest`` on equally likely? 0 for any other value."""
    found = histogram(values, lowest, number)
    return chance.fit(found, np.arange(len(found)) < number)


def test_users_and_servers(networks):
    users, servers = counts(networks)
    p = {f"users of {name}": even(users[:, i], 3, 8) for i, name in enumerate(ZONES)}
    p |= {f"servers of {name}": even(servers[:, i], 1, 6) for i, name in enumerate(ZONES)}
    p["users of all"] = chance.fit(histogram(users.sum(1), 0, 81), sum_law(USERS))
    p["servers of all"] = chance.fit(histogram(servers.sum(1), 0, 49), sum_law(SERVERS))
    p["both of a subnet"] = even(users * 10 + servers, 0, 0) if False else pairs(users, servers)
    assert not chance.rejected(p, LEVEL)
