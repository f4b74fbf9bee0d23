"""Networks that the generator makes: what each has, that red can win in it, and that it is its number's."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.soc.generate import draw_number, generate
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static, default_options
from garrison.worlds.soc.solvable import reached, solvable
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables.scenarios import SCENARIOS, Scenario

NAMES = [scenario.name.lower() for scenario in Scenario]
NUMBERS = jnp.arange(400, dtype=jnp.uint32) * 2654435
MIXED = jax.tree.map(  # options that differ per environment: all scenarios in one batch
    lambda *leaves: jnp.stack([jnp.asarray(leaves[i % 5]) for i in range(len(NUMBERS))]),
    *(default_options("small", name) for name in NAMES),
)


@cache
def made(size: str):
    """Networks of all scenarios in turn, with whether they are solvable: leaves [network, ...]."""
    static = Static(size)

    def one(options: Options, number):
        topology = generate(static, options, number)
        return topology, solvable(static, options, topology)

    options = MIXED.replace(
        live_range=jnp.broadcast_to(jnp.array(T.LIVE[size], jnp.uint8), (len(NUMBERS), 5, 2))
    )
    topologies, fine = jax.jit(jax.vmap(one))(options, NUMBERS)
    return jax.tree.map(np.asarray, topologies), np.asarray(fine)


def count(mask: np.ndarray) -> np.ndarray:
    return mask.sum(axis=1)


@pytest.mark.parametrize("size", T.SIZES)
def test_every_network_is_solvable(size):
    assert made(size)[1].all()


@pytest.mark.parametrize("size", T.SIZES)
def test_zones_have_their_hosts(size):
    topology, _ = made(size)
    zone = layout(Static(size)).zone
    for number, (least, most) in enumerate(T.LIVE[size]):
        live = count(topology.start_exists & (zone == number))
        if number == T.Zone.CORPORATE or number == T.Zone.SECURE:
            least, most = least - T.SHIFT[size], most + T.SHIFT[size]
        assert live.min() >= least
        assert live.max() <= most
        if T.LIVE[size][number][0] < T.LIVE[size][number][1]:
            assert {least, most} <= set(live)  # both ends occur
    total = count(topology.start_exists)
    if size != "small":
        assert (total == int(size)).all()
    filled = topology.start_exists | topology.host_spare
    for number in range(T.NUM_ZONES):  # live slots come first
        slots = topology.start_exists[:, zone == number]
        assert (slots[:, :-1] >= slots[:, 1:]).all()
    assert not (topology.start_exists & topology.host_spare).any()
    assert (topology.host_ports[filled] > 0).all()
    assert (topology.host_ports[~filled] == 0).all()


def test_hosts_have_what_their_role_has():
    topology, _ = made("100")
    there = topology.start_exists | topology.host_spare
    role, os = topology.start_role[there], topology.host_os[there]
    np.testing.assert_array_equal(topology.host_services[there], T.SERVICES[role, os])
    np.testing.assert_array_equal(topology.host_ports[there], T.PORTS[role, os])
    weak = topology.host_weak[there]
    assert (weak & ~T.WEAK_FITS[role, os] == 0).all()
    assert set(np.bitwise_count(weak)) == {0, 1, 2}
    span = T.PHISHABILITY[role, os]
    phish = topology.host_phishability[there]
    assert ((phish >= span[:, 0]) & (phish <= span[:, 1])).all()
    assert ((topology.host_cvss10[there] >= 35) & (topology.host_cvss10[there] <= 98)).all()
    windows = T.IS_WINDOWS[os[role == T.Role.WORKSTATION]].mean()
    assert abs(windows - 0.8) < 0.01
    decoy = topology.start_decoy[topology.start_exists]
    may = T.HAS_DECOY_AT_START[topology.start_role[topology.start_exists]]
    assert (decoy[~may] == 0).all()
    assert abs((decoy[may] > 0).mean() - 0.15) < 0.01
    assert set(decoy[may]) == set(range(5))


def test_a_weakness_that_fits_occurs_in_half_of_the_hosts():
    """Where it is the only one that fits, and no repair touched it."""
    topology, _ = made("100")
    backup = topology.start_exists & (topology.start_role == T.Role.BACKUP)
    weak = topology.host_weak[backup]
    assert set(weak) == {0, T.bits(T.Weakness.V4L2)}
    assert abs((weak > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(len(weak))


@pytest.mark.parametrize("size", T.SIZES)
def test_what_red_needs_is_there(size):
    topology, _ = made(size)
    zone, exists, role = layout(Static(size)).zone, topology.start_exists, topology.start_role
    assert (topology.start_role[:, 0] == T.Role.WEB).all()
    assert (topology.host_weak[:, 0] & T.bits(T.Weakness.CVE_2021_44228) > 0).all()
    desks = exists & (zone == T.Zone.CORPORATE) & (role == T.Role.WORKSTATION)
    assert count(desks & (topology.host_os == T.Os.WINDOWS_10)).min() >= 2
    secure_admin = topology.start_home & T.bits(T.Scope.SECURE_ADMIN) > 0
    assert count(secure_admin & (zone != T.Zone.SECURE)).min() == 2
    has_ot = (exists & (zone == T.Zone.OT)).any(axis=1)
    engineering = exists & (role == T.Role.ENGINEERING_WORKSTATION)
    np.testing.assert_array_equal(count(engineering), T.ENGINEERING[size] * has_ot)
    assert has_ot.any()
    assert (topology.start_home[engineering] == T.bits(T.Scope.OT_OPERATOR)).all()
    assert (count(exists & (role == T.Role.BACKUP)) == 1).all()
    assert (count(exists & (role == T.Role.DOMAIN_CONTROLLER)) == 2).all()
    assert (topology.start_data.sum(axis=1) == T.DATA_UNITS).all()
    scenario = np.arange(len(exists)) % 5
    plcs = count(exists & (role == T.Role.PLC))
    assert plcs[(scenario == Scenario.OT_STUXNET)].min() >= 2
    assert plcs[(scenario == Scenario.IOT_GRID)].min() >= 1


def test_weights_are_shares_of_the_network():
    topology, _ = made("small")
    role = np.where(topology.start_exists, T.ROLE_WEIGHT[topology.start_role], 0).astype(int)
    np.testing.assert_array_equal(topology.start_weight, 1000 * role // role.sum(axis=1, keepdims=True))


def test_peers_are_servers_that_can_be_reached():
    topology, _ = made("50")
    zone = layout(Static("50")).zone
    network, host = np.nonzero(topology.host_peer != T.NO_HOST)
    peer = topology.host_peer[network, host]
    assert (peer != host).all()
    assert topology.start_exists[network, peer].all()
    assert T.IS_SERVER[topology.start_role[network, peer]].all()
    allow = routes.ALLOW[0, routes.Level.NORMAL, zone[host], zone[peer]]
    assert (allow & topology.host_ports[network, peer] > 0).all()
    corporate = topology.start_exists & (zone == T.Zone.CORPORATE)
    assert (topology.host_peer[corporate] != T.NO_HOST).all()


@pytest.mark.parametrize("number", range(5), ids=NAMES)
def test_footholds_are_those_of_the_scenario(number):
    topology, _ = made("small")
    rows = np.arange(len(NUMBERS)) % 5 == number
    rules = SCENARIOS[Scenario(number)]
    start = topology.start_priv[rows] == T.Privilege.USER
    assert (count(start) == rules.footholds).all()
    np.testing.assert_array_equal(topology.start_implant[rows], start & rules.implant)
    assert topology.start_exists[rows][start].all()
    roles = set(topology.start_role[rows][start])
    zones = set(layout(Static("small")).zone[np.nonzero(start)[1]])
    assert (roles, zones) == {
        Scenario.RANSOMWARE: ({T.Role.WORKSTATION}, {T.Zone.CORPORATE}),
        Scenario.APT_ESPIONAGE: (
            {T.Role.WORKSTATION, T.Role.ADMIN_WORKSTATION, T.Role.FILE},
            {T.Zone.CORPORATE},
        ),
        Scenario.CLOUD_HYBRID: (set(), set()),
        Scenario.IOT_GRID: ({T.Role.IOT}, {T.Zone.GUEST}),
        Scenario.OT_STUXNET: (
            {T.Role.ENGINEERING_WORKSTATION, T.Role.ADMIN_WORKSTATION},
            {T.Zone.CORPORATE, T.Zone.SECURE},
        ),
    }[Scenario(number)]


def test_a_network_is_its_numbers_whatever_else_is_generated():
    static, options = Static("small"), jax.tree.map(jnp.asarray, default_options())
    alone = jax.jit(generate, static_argnums=0)(static, options, NUMBERS[5])
    among = jax.tree.map(lambda leaf: leaf[5], made("small")[0])
    for name, value in vars(alone).items():
        np.testing.assert_array_equal(value, vars(among)[name], err_msg=name)


def test_splits_have_no_network_in_common():
    keys = jax.random.split(jax.random.key(0), 4000)
    options = jax.tree.map(jnp.asarray, default_options())
    train = jax.vmap(draw_number, (0, None))(keys, options)
    test = jax.vmap(draw_number, (0, None))(keys, options.replace(test_split=jnp.array(True)))
    assert (np.asarray(test) % 8 == 0).all()
    low, counts = np.unique(np.asarray(train) % 8, return_counts=True)
    np.testing.assert_array_equal(low, np.arange(1, 8))
    assert ((counts - 4000 / 7) ** 2 / (4000 / 7)).sum() < 22.5  # chi-square of 6 degrees, one run in 1,000


# ---------------------------------------------------------------- networks that red cannot win in


def broken(scenario: str, **change) -> bool:
    """Whether a network with some fields changed is solvable; a change gets the network and its zones."""
    static = Static("small")
    options = jax.tree.map(jnp.asarray, default_options("small", scenario))
    index = NAMES.index(scenario)
    topology = jax.tree.map(lambda leaf: leaf[index], made("small")[0])
    zone = layout(static).zone
    topology = topology.replace(**{name: make(topology, zone) for name, make in change.items()})
    return bool(solvable(static, options, jax.tree.map(jnp.asarray, topology)))


NOTHING = lambda field: lambda t, zone: np.zeros_like(getattr(t, field))  # noqa: E731
ONLY_START = lambda t, zone: t.start_exists & (t.start_priv > 0)  # noqa: E731
SEALED = {
    "host_weak": NOTHING("host_weak"),
    "host_phishability": NOTHING("host_phishability"),
    "start_priv": NOTHING("start_priv"),
}
NO_SECURE_SCOPE = lambda t, zone: np.where(  # noqa: E731
    zone == T.Zone.SECURE, t.start_home, t.start_home & ~np.uint8(T.bits(T.Scope.SECURE_ADMIN))
)
NO_PLC = lambda t, zone: np.where(t.start_role == T.Role.PLC, np.uint8(T.Role.IOT), t.start_role)  # noqa: E731


@pytest.mark.parametrize(
    ("scenario", "change"),
    [
        ("ransomware", SEALED),
        ("apt_espionage", SEALED),
        ("cloud_hybrid", SEALED),
        ("iot_grid", SEALED),
        ("ot_stuxnet", SEALED),
        ("ransomware", {"start_exists": ONLY_START}),
        ("apt_espionage", {"start_data": NOTHING("start_data")}),
        ("cloud_hybrid", {"start_home": NO_SECURE_SCOPE}),
        ("iot_grid", {"start_home": NO_SECURE_SCOPE}),
        ("ot_stuxnet", {"start_role": NO_PLC}),
    ],
)
def test_broken_networks_are_found(scenario, change):
    assert broken(scenario)
    assert not broken(scenario, **change)


def test_more_rounds_reach_nothing_more(monkeypatch):
    static = Static("small")
    topologies = jax.tree.map(lambda leaf: jnp.asarray(leaf[:50]), made("small")[0])
    options = jax.tree.map(lambda leaf: leaf[:50], MIXED)
    run = jax.vmap(lambda options, topology: reached(static, options, topology))
    few = run(options, topologies)
    monkeypatch.setattr("garrison.worlds.soc.solvable.ROUNDS", 40)
    many = run(options, topologies)
    for before, after in zip(few, many, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("size", T.SIZES)
@pytest.mark.parametrize("scenario", NAMES)
def test_ten_thousand_networks_are_solvable(size, scenario):
    static = Static(size)
    options = jax.tree.map(jnp.asarray, default_options(size, scenario))

    @jax.jit
    @jax.vmap
    def fine(number):
        return solvable(static, options, generate(static, options, number))

    for start in range(0, 10_000, 500):
        assert fine(jnp.arange(start, start + 500, dtype=jnp.uint32) * 40503 + 1).all()
