"""Rewards part by part (``soc-rules.md §7.2, §7.3``) and presets (``§7.4``), on the kernel."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Game, Sim, same

import garrison
from garrison.worlds.soc import SCENARIOS, reward
from garrison.worlds.soc.options import Static, default_options
from garrison.worlds.soc.step import Sums
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import scenarios as S
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.hosts import Privilege, Role, Scope, Status, Zone
from garrison.worlds.soc.tables.red import Red

HOUR = 3_600_000


def parts_of(sim: Sim, sums: Sums) -> tuple[dict[str, float], dict[str, float]]:
    """Parts of blue's and red's reward."""
    game = sim_game(sim)
    return tuple(
        {name: float(value) for name, value in side(game, sums).items()} for side in (reward.blue, reward.red)
    )


def sim_game(sim: Sim) -> Game:
    return Game(sim.static, sim.options, sim.topology)


def sums(**given) -> Sums:
    zero = jnp.int32(0)
    none = Sums(zero, jnp.zeros(4, jnp.int32), jnp.zeros(2, jnp.int32), zero, zero, zero, zero)
    return none.replace(**{name: jnp.asarray(value, jnp.int32) for name, value in given.items()})


def lost(sim: Sim) -> tuple[dict[str, float], dict[str, float]]:
    """Parts of 5 s, as points an hour."""
    sim.start({})
    while int(sim.event().time) < 5_000:
        pass
    assert int(sim.sums.elapsed) == 5_000
    return tuple({k: v * HOUR / 5_000 for k, v in side.items()} for side in parts_of(sim, sim.sums))


def clean(scenario: str = "ransomware") -> Sim:
    """An episode in which nothing is lost."""
    return Sim(scenario).set(host_priv=0)


def weights(sim: Sim, *hosts: int) -> float:
    """Percent of the network."""
    return float(np.asarray(sim.state.host_weight)[list(hosts)].astype(int).sum()) / 10


def test_nothing_is_lost_where_nothing_happens():
    blue, red = lost(clean())
    assert set(blue.values()) | set(red.values()) == {0.0}


@pytest.mark.parametrize("status", list(Status))
def test_hosts_that_are_down_cost_their_weight(status):
    sim = clean()
    host = sim.hosts(Role.DATABASE)[0]
    sim.set(host_status={host: int(status)})
    blue, red = lost(sim)
    expected = 0.0 if status in (Status.ONLINE, Status.OFF) else weights(sim, host)
    assert blue["availability"] == pytest.approx(-expected)
    assert sum(blue.values()) == blue["availability"]
    assert set(red.values()) == {0.0}  # blue inflicts it on itself


def test_encryption_is_lost_once_and_paid_to_red():
    sim = clean()
    host = sim.hosts(Role.DATABASE)[0]
    sim.set(host_encrypted={host: True}, host_status={host: int(Status.ISOLATED)})
    blue, red = lost(sim)
    assert blue["availability"] == pytest.approx(-weights(sim, host))
    assert red["encryption"] == pytest.approx(weights(sim, host))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("privilege", [Privilege.USER, Privilege.ROOT])
def test_owned_hosts_cost_a_share_of_their_weight(scenario, privilege):
    """Root on a controller counts more in iot_grid, on a host of secure in cloud_hybrid."""
    for role, zone in ((Role.DOMAIN_CONTROLLER, Zone.SECURE), (Role.ADMIN_WORKSTATION, Zone.CORPORATE)):
        sim = clean(scenario)
        host = sim.hosts(role, zone)[0]
        sim.set(host_priv={host: int(privilege)})
        share = 0.1 * privilege
        if privilege == Privilege.ROOT and zone == Zone.SECURE:
            share = {"iot_grid": 2.0, "cloud_hybrid": 1.0}.get(scenario, share)
        blue, red = lost(sim)
        assert blue["ownership"] == pytest.approx(-share * weights(sim, host))
        assert red["ownership"] == -blue["ownership"]


def test_rules_and_a_rotation_cost_friction():
    sim = clean()
    corporate, dmz = (weights(sim, *sim.hosts(zone=zone)) for zone in (Zone.CORPORATE, Zone.DMZ))
    sim.set(zone_level={Zone.CORPORATE: 1, Zone.DMZ: 2})
    blue, red = lost(sim)
    assert blue["friction"] == pytest.approx(-0.03 * corporate - 0.25 * dmz, abs=0.01)
    assert set(red.values()) == {0.0}
    for scope in Scope:
        sim = clean().set(reauth_until={int(scope): 150_000})
        inside = [h for z in np.flatnonzero(T.SCOPE_ZONES[scope]) for h in sim.hosts(zone=Zone(z))]
        blue, _ = lost(sim)
        assert blue["friction"] == pytest.approx(-0.05 * weights(sim, *inside))


@pytest.mark.parametrize(
    ("scenario", "points"), list(zip(SCENARIOS, (30, 30, 30, 40, 100), strict=True)), ids=SCENARIOS
)
def test_the_goal_costs_all_that_could_be_lost(scenario, points):
    blue, red = parts_of(Sim(scenario), sums(left=HOUR // 2, reached=1))
    assert blue["goal"] == -(50 + points)
    assert red["goal"] == 50 + points
    # so that an early end is no cheaper than losing everything to the horizon
    early, late = (
        parts_of(Sim(scenario), sums(left=HOUR - ms, reached=1, loss=[0, 0, 20_000 * ms, 0]))[0]
        for ms in (0, 100_000)
    )
    assert sum(early.values()) == pytest.approx(sum(late.values()), rel=1e-6)


def test_units_and_funds_cost_points():
    blue, red = parts_of(Sim(), sums(exfiltrated=2, spent=[2_500, 1_000]))
    assert (blue["exfiltration"], red["exfiltration"]) == (-8, 8)
    assert (blue["cost"], red["cost"]) == (-0.5, pytest.approx(-0.2))


def test_the_cap_shortens_the_later_parts():
    sim = clean("cloud_hybrid")
    hosts = sim.hosts(zone=Zone.SECURE)
    sim.set(host_weight=dict.fromkeys(sim.hosts(), 0)).set(host_weight={hosts[0]: 1000})
    sim.set(host_encrypted={hosts[0]: True}, host_priv={hosts[0]: 2}, zone_level={Zone.SECURE: 2})
    sim.start({})
    sim.event()
    loss = np.asarray(sim.sums.loss) // int(sim.sums.elapsed)
    np.testing.assert_array_equal(loss, [20_000, 20_000, 0, 0])
    assert loss.sum() == S.LOSS_CAP


def test_each_unit_is_taken_once():
    sim = Sim("apt_espionage")
    host = sim.hosts(Role.DATABASE)[0]
    sim.set(host_data={host: 2}, host_priv={host: 1}, red_known={(0, host): True})
    for unit in range(2):
        assert sim.complete(RED, Red.EXFILTRATE_DATA, host) == Outcome.SUCCESS
        assert int(sim.sums.exfiltrated) == 1
        assert int(sim.state.loot) == unit + 1
        while not sim.deciding()[RED]:
            sim.event()
    assert not sim.allows(RED, Red.EXFILTRATE_DATA, host)


def test_shaping_pays_the_first_root_of_ten_hosts():
    sim = clean()
    few, many = (sim.state.replace(host_rooted=jnp.arange(SMALL.hosts) < n) for n in (8, 13))
    assert float(reward.shaping(sim.state.replace(host_rooted=few.host_rooted & False), few)) == 4.0
    assert float(reward.shaping(few, many)) == 1.0
    assert float(reward.shaping(many, many)) == 0.0


def test_a_zero_sum_reward_is_minus_the_defenders():
    """And what blue does to itself is left out of red's own reward."""
    world = garrison.make("soc", side="both")
    sim = Sim()
    given = sums(loss=[0, 720_000, 1_440_000, 720_000], spent=[1_000, 500], exfiltrated=1)
    before = after = sim.state
    blue, red = (
        float(np.asarray(one._rewards(sim_game(sim), given, before, after)[0])[-1])
        for one in (dataclasses.replace(world, zero_sum=True), world)
    )
    expected, own = (sum(side.values()) for side in parts_of(sim, given))
    assert blue == pytest.approx(-expected)
    assert red == pytest.approx(own)
    assert blue - red == pytest.approx(0.003 + 0.2 + 0.1)  # downtime and friction, and both costs


# ---------------------------------------------------------------- presets


def test_presets_and_scenarios_are_leaves_and_sizes_are_not():
    """§7.4: all but size, events and attackers varies per lane without compiling."""
    leaves = [
        jax.tree.structure(default_options("small", scenario, preset))
        for scenario in SCENARIOS
        for preset in S.PRESETS
    ]
    assert all(one == leaves[0] for one in leaves)
    shapes = [
        jax.tree.map(lambda x: (x.shape, x.dtype), default_options("small", scenario, preset))
        for scenario in SCENARIOS
        for preset in S.PRESETS
    ]
    assert all(one == shapes[0] for one in shapes)
    assert Static("small") != Static("50")


def test_a_curriculum_sets_options_per_lane():
    """One program: lanes of a batch in different presets, each as it is alone."""
    world = garrison.make("soc", side="both")
    presets = [default_options("small", "ransomware", preset) for preset in ("easy", "medium", "hard")]
    options = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(one) for one in x]), *presets)
    keys = jax.random.split(jax.random.key(0), len(presets))
    reset = jax.jit(jax.vmap(world.reset))
    _, together = reset(keys, options)
    np.testing.assert_array_equal(together.options.script_slip, [300, 100, 0])
    np.testing.assert_array_equal(together.options.delay_scale, [0, 1000, 2000])
    hosts = np.asarray(together.state.host_exists).sum(axis=1)
    assert 10 <= hosts[0] <= 14
    for lane in range(len(presets)):
        alone = jax.tree.map(lambda x, i=lane: jnp.stack([x[i]] * len(presets)), options)
        _, state = reset(keys, alone)
        one, other = (jax.tree.map(lambda x, i=lane: x[i], x.state) for x in (together, state))
        assert same(one, other) == []
