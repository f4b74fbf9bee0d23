"""Networks that we draw have CybORG's distribution (§1, §9.1), and recorded ones obey the same rules."""

import json
from functools import reduce
from itertools import permutations
from pathlib import Path

import jax
import multiple_tests
import numpy as np
import pytest

from garrison.parity.recording import trace
from garrison.parity.recording.network import from_header
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4 import topology
from garrison.worlds.cc4.options import default_options

TESTS = Path(__file__).parents[2]
RECORDED = sorted((TESTS / "data").glob("*.jsonl.xz"))
LEVEL = 0.01 / 40  # tests of chance about draws and networks: at most 40, a family-wise error of 1% over all
NETWORKS = 4000
WATCHED = T.HOST_BLUE != T.NO_AGENT
OT, EXTRAS = T.Service.OTSERVICE, (T.Service.APACHE2, T.Service.MYSQLD, T.Service.SMTP)


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
    by_seed = {header["seed"]: header for header in (trace.read(path).header for path in RECORDED)}
    assert len(by_seed) == 4
    return list(by_seed.values())


@pytest.fixture
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


# ---------------------------------------------------------------- rules without exception


def broken_rules(n):
    """Those of §1 that some of the networks ``n`` breaks."""
    rules = host_rules(n) | service_rules(n) | address_rules(n)
    return [rule for rule, holds in rules.items() if not holds]


def host_rules(n):
    users, servers = counts(n)
    exists = zones(n.host_exists)
    slot = np.arange(T.MAX_USERS)
    return {
        "every subnet has a router, the internet its root": exists[:, :, 0].all()
        and n.host_exists[:, -1].all(),
        "3 to 10 users": np.all((users >= 3) & (users <= 10)),
        "1 to 6 servers": np.all((servers >= 1) & (servers <= 6)),
        "users without gaps": np.all(exists[:, :, 1 + slot] == (slot < users[:, :, None])),
        "servers without gaps": np.all(exists[:, :, 11 + slot[:6]] == (slot[:6] < servers[:, :, None])),
        "blue's parent is one of its hosts": np.all(T.HOST_BLUE[n.blue_parent] == np.arange(T.NUM_BLUE))
        and np.take_along_axis(n.host_exists, n.blue_parent.astype(int), 1).all(),
        "red starts on a user or server of its own": np.all(T.HOST_RED[n.red_start] == np.arange(T.NUM_RED))
        and np.take_along_axis(stations(n), n.red_start.astype(int), 1).all(),
    }


def service_rules(n):
    kind, some = n.service_kind, stations(n)
    real, with_ot = kind > 0, some & T.HAS_OT
    extras = np.stack([np.sum(kind == extra, axis=2) for extra in EXTRAS])
    service, blue = n.service_pid.max(2), n.blue_pid
    return {
        "services on users and servers alone": np.array_equal(real.any(2), some),
        "SSHD first": np.array_equal(kind[:, :, 0] == T.Service.SSHD, some),
        "OTSERVICE second, in operational zones alone": np.array_equal(kind[:, :, 1] == OT, with_ot),
        "nothing else but extras, none twice": np.all(real.sum(2) - some - with_ot == extras.sum(0))
        and extras.max() <= 1,
        "services without gaps": np.all(real[:, :, :-1] >= real[:, :, 1:]),
        "no pid twice in a scenario": unique(n.service_pid.reshape(len(kind), -1)),
        "service pids from 1000 to 9999": between(n.service_pid[real], 1000, 9999),
        "blue sessions on all of blue's hosts": np.array_equal(blue > 0, n.host_exists & WATCHED),
        "green sessions on users alone": np.array_equal(n.green_pid > 0, n.host_exists & T.IS_USER),
        "sessions' pids are 1 to 9 above the largest": all(between(d, 1, 9) for d in deltas(n).values()),
        "the base is the largest pid": np.all(n.base_pid == np.max([service, blue, n.green_pid], axis=0)),
    }  # fmt: skip


def address_rules(n):
    address, exists = n.host_address.astype(int), n.host_exists
    _, servers = counts(n)
    highest = highest_free(zones(address)[:, :, : 1 + T.MAX_USERS], servers)
    return {
        "addresses from 1 to 254": between(address[exists], 1, 254) and not address[~exists].any(),
        "no address twice in a subnet": unique(zones(address).reshape(-1, T.ZONE_SLOTS)),
        "servers have the highest that are free": np.array_equal(
            zones(address)[:, :, 1 + T.MAX_USERS :], highest
        ),
        "no two subnets alike": all(len(set(row)) == T.NUM_SUBNETS for row in n.subnet_address.tolist()),
    }


def between(values, low, high):
    return np.all((values >= low) & (values <= high))


def unique(rows):
    """No number but 0 occurs twice in a row."""
    ordered = np.sort(rows, axis=1)
    return not np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0))


def deltas(n):
    """How far the pids of sessions at reset lie above what is there, by kind of session."""
    service = n.service_pid.max(2)
    with_blue = np.maximum(service, n.blue_pid)
    start = np.take_along_axis(n.base_pid, n.red_start[:, :1].astype(int), 1)[:, 0]
    return {
        "blue": (n.blue_pid - service)[n.blue_pid > 0],
        "green": (n.green_pid - with_blue)[n.green_pid > 0],
        "red": n.red_start_pid - start,
    }


def highest_free(drawn, servers):
    """Addresses of the servers ``[network, zone, 6]``, taken one by one from the top; 0 = no server."""
    out = np.zeros((*servers.shape, T.MAX_SERVERS), int)
    for network, zone in np.ndindex(servers.shape):
        free = sorted(set(range(1, 255)) - set(drawn[network, zone].tolist()), reverse=True)
        out[network, zone, : servers[network, zone]] = free[: servers[network, zone]]
    return out


def some_of(networks, number):
    return jax.tree.map(lambda x: x[:number], networks)


def test_no_network_breaks_a_rule(networks):
    assert broken_rules(some_of(networks, 300)) == []


def test_no_recorded_network_breaks_a_rule(headers):
    recorded = [from_header(header) for header in headers]
    assert broken_rules(jax.tree.map(lambda *x: np.stack(x), *recorded)) == []


@pytest.mark.parametrize(
    ("field", "change", "rule"),
    [
        ("host_exists", lambda x: x & (np.arange(T.NUM_HOSTS) != 2), "users without gaps"),
        ("service_kind", lambda x: np.sort(x)[:, :, ::-1], "SSHD first"),
        ("service_kind", lambda x: np.where(x == 4, 3, x), "nothing else but extras, none twice"),
        ("service_pid", lambda x: np.where(x > 0, 1000 + x % 500, 0), "no pid twice in a scenario"),
        ("green_pid", lambda x: x + (x > 0), "sessions' pids are 1 to 9 above the largest"),
        ("host_address", lambda x: x - T.IS_SERVER * (x > 0), "servers have the highest that are free"),
        ("subnet_address", lambda x: x // 16, "no two subnets alike"),
        ("red_start", lambda x: x[:, [0, 1, 2, 3, 5, 4]], "red starts on a user or server of its own"),
    ],
)
def test_a_broken_rule_is_found(networks, field, change, rule):
    some = some_of(networks, 100)
    assert rule in broken_rules(some.replace(**{field: change(getattr(some, field))}))


# ---------------------------------------------------------------- laws of chance


def even(values, lowest, number):
    """p-value: are the ``number`` whole numbers from ``lowest`` on equally likely? 0 if there is another."""
    values = np.ravel(values).astype(int) - lowest
    if values.min() < 0:
        return 0.0
    found = np.bincount(values, minlength=number)
    return multiple_tests.fit(found, np.arange(len(found)) < number)


def sum_law(number, lowest):
    """Chances of 0, 1, … for the sum over zones of ``number`` equally likely numbers from ``lowest``."""
    one = np.append(np.zeros(lowest), np.full(number, 1 / number))
    return reduce(np.convolve, [one] * T.NUM_ZONES)


def sums(values, law):
    return multiple_tests.fit(np.bincount(values, minlength=len(law)), law)


def ranks(allowed, host):
    """Rank of ``host`` ``[n]`` among the ``allowed`` ``bool[n, host]``, and how many there are."""
    rank = np.take_along_axis(np.cumsum(allowed, axis=1) - 1, host[:, None].astype(int), 1)[:, 0]
    return rank, allowed.sum(1)


def place(allowed, host, rng):
    """p-value: is ``host`` any of the ``allowed`` with the same chance?"""
    return multiple_tests.uniform(multiple_tests.spread_choices(*ranks(allowed, host), rng))


def in_largest(networks, host):
    """Where one of red_agent_5's subnets has most hosts: is ``host`` in it? ``bool[n]``."""
    own = np.array(T.RED_SUBNETS[5])
    size = zones(stations(networks)).sum(2)[:, own]
    clear = np.sum(size == size.max(1, keepdims=True), axis=1) == 1
    return (T.HOST_SUBNET[host] == own[size.argmax(1)])[clear]


def extras_law():
    """Chances of the extras of a host as one number: the first is the last digit to base 6, 0 = none."""
    law = np.zeros(6**3)
    law[0] = 1 / 4
    law[list(EXTRAS)] = 1 / 12
    law[[a + 6 * b for a, b in permutations(EXTRAS, 2)]] = 1 / 24
    law[[a + 6 * b + 36 * c for a, b, c in permutations(EXTRAS)]] = 1 / 24
    return law


def extras_of(networks):
    """The extras of each user and server as such a number, ``[network, host]``; -1 elsewhere."""
    kind = networks.service_kind.astype(int)
    chosen = np.where(T.HAS_OT[:, None], kind[:, :, 2:], kind[:, :, 1:4])
    return np.where(stations(networks), chosen @ [1, 6, 36], -1)


def test_users_and_servers(networks):
    users, servers = counts(networks)
    both = (users - 3) * 6 + servers - 1
    p = {T.SUBNETS[s]: even(both[:, s], 0, 48) for s in range(T.NUM_ZONES)}
    p["users of all"] = sums(users.sum(1), sum_law(8, 3))
    p["servers of all"] = sums(servers.sum(1), sum_law(6, 1))
    assert not multiple_tests.rejected(p, LEVEL)


def test_extra_services(networks):
    extras, law = extras_of(networks), extras_law()
    p = {
        "with OT": sums(extras[(extras >= 0) & T.HAS_OT], law),
        "without OT": sums(extras[(extras >= 0) & ~T.HAS_OT], law),
    }
    assert not multiple_tests.rejected(p, LEVEL)


def test_pids(networks):
    """Pids of a network differ from each other, so their histogram is a little flatter than chance's."""
    pid, kind = networks.service_pid, networks.service_kind
    p = {T.Service(k).name: even((pid[kind == k] - 1000) // 50, 0, 180) for k in range(1, 6)}
    p |= {f"session of {side}": even(delta, 1, 9) for side, delta in deltas(networks).items()}
    p["above its neighbor"] = multiple_tests.share(np.sum(pid[:, 1, 0] > pid[:, 2, 0]), NETWORKS, 0.5)
    assert not multiple_tests.rejected(p, LEVEL)


def test_addresses(networks):
    address, subnet = zones(networks.host_address), networks.subnet_address
    p = {f"router of {T.SUBNETS[s]}": even(address[:, s, 0], 1, 254) for s in range(T.NUM_ZONES)}
    p |= {f"user {i}": even(address[:, :, 1 + i], 1, 254) for i in range(3)}  # all subnets have three users
    p |= {f"net of {T.SUBNETS[s]}": even(subnet[:, s], 0, 256) for s in range(T.NUM_SUBNETS)}
    p["root"] = even(networks.host_address[:, T.ROOT_HOST], 1, 254)
    assert not multiple_tests.rejected(p, LEVEL)


def test_starting_places(networks, rng):
    exists, start, parent = networks.host_exists, networks.red_start, networks.blue_parent
    p = {}
    for blue, agent in enumerate(T.BLUE_AGENTS):
        p[agent] = place(exists & (T.HOST_BLUE == blue), parent[:, blue], rng)
    for red, agent in enumerate(T.RED_AGENTS):
        home = T.HOST_SUBNET == T.HOST_SUBNET[start[:, red]][:, None]
        p[agent] = place(stations(networks) & home, start[:, red], rng)
    p["subnet of red_agent_5"] = even(T.HOST_SUBNET[start[:, 5]], T.PAZ, 3)
    largest = in_largest(networks, start[:, 5])
    p["subnet before host"] = multiple_tests.share(largest.sum(), largest.size, 1 / 3)
    assert not multiple_tests.rejected(p, LEVEL)


def test_wrong_laws_are_rejected(networks, rng):
    """The tests above, given what they would have if a rule were a slightly different one."""
    users, servers = counts(networks)
    choose = {name: rng.random((NETWORKS, T.NUM_HOSTS)) * allowed for name, allowed in {
        "host of any subnet": stations(networks) & T.RED_OWNS_HOST[5],
        "parent without routers": stations(networks) & (T.HOST_BLUE == 0),
    }.items()}  # fmt: skip
    chosen = {name: u.argmax(1) for name, u in choose.items()}
    largest = in_largest(networks, chosen["host of any subnet"])
    owned = networks.host_exists & (T.HOST_BLUE == 0)
    extras = extras_of(networks)
    in_order = np.sort(np.stack([extras % 6, extras // 6 % 6, extras // 36], axis=-1))
    in_order = np.where(extras >= 0, in_order @ [36, 6, 1], -1)
    drawn = zones(networks.host_address)[:, :, 0].astype(int)
    p = {
        "red_agent_5 starts on a host of any of its subnets": multiple_tests.share(
            largest.sum(), largest.size, 1 / 3
        ),
        "blue's parent is no router": place(owned, chosen["parent without routers"], rng),
        "3 to 9 users": even(np.minimum(users[:, 0], 9), 3, 8),
        "zones of one size": sums(8 * servers[:, 0], sum_law(6, 1)),
        "extras in a fixed order": sums(in_order[in_order >= 0], extras_law()),
        "sessions' pids 1 to 8": even(rng.integers(1, 9, NETWORKS), 1, 9),
        "pids up to 9899": even((networks.service_pid[:, 1, 0] - 1000) % 8900 // 50, 0, 180),
        "addresses up to 253": even(np.minimum(drawn, 253), 1, 254),
    }
    assert len(multiple_tests.rejected(p, LEVEL / 100)) == len(p), p


# ---------------------------------------------------------------- what was recorded

SCENARIO = "EnterpriseScenarioGenerator.py"
SITES = {
    f"{SCENARIO}:{line}"
    for line in (263, 335, 344, 350, 354, 360, 494, 558, 560, 575, 622, 654, 668, 781, 783)
}
SITES |= {"Host.py:200"}


def quantile(draw, rng):
    """A recorded draw as a number that is uniform if its options are equally likely."""
    if draw.kind == "random":
        return draw.outcome
    low, high = draw.range if draw.kind == "integers" else (0, draw.range)
    return multiple_tests.spread_choices(draw.outcome - low, high - low, rng)


def test_recorded_networks_were_drawn_so(headers, rng):
    p = {}
    for header in headers:
        draws = [trace.Draw(*row) for row in header["reset_tape"]]
        assert {draw.site for draw in draws} == SITES
        for site in SITES:
            at_site = [quantile(draw, rng) for draw in draws if draw.site == site]
            p[f"{site}, seed {header['seed']}"] = multiple_tests.uniform(at_site)
    assert not multiple_tests.rejected(p, LEVEL)


def test_sizes_of_a_hundred_recorded_networks():
    reference = json.loads((TESTS / "data" / "cc4_returns" / "sleep.json").read_text())["episodes"]
    users = np.array([episode["greens"] for episode in reference])
    servers = np.array([episode["hosts"] for episode in reference]) - users - T.NUM_SUBNETS
    p = {"users": sums(users, sum_law(8, 3)), "servers": sums(servers, sum_law(6, 1))}
    assert not multiple_tests.rejected(p, LEVEL)
