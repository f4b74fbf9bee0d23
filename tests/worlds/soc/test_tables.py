"""The tables of ``soc`` agree with the specification and with one another."""

import hashlib
import math

import numpy as np
import pytest
from scipy import stats

from garrison.worlds.soc import laws
from garrison.worlds.soc.tables import actions, blue, hosts, noise, red, routes, scenarios, tokens
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Family, Target
from garrison.worlds.soc.tables.hosts import Os, Port, Role, Scope, Service, Weakness, Zone, bits
from garrison.worlds.soc.tables.scenarios import Scenario
from garrison.worlds.soc.tables.tokens import Emission, Sensor, Token

MANAGED_HOSTS = noise.PAIRS


# ---------------------------------------------------------------- sizes (§3.1)


@pytest.mark.parametrize(
    ("size", "slots", "live"), [("small", 32, (10, 29)), ("50", 64, (50, 50)), ("100", 112, (100, 100))]
)
def test_sizes(size, slots, live):
    assert sum(hosts.SLOTS[size]) == slots
    least, most = np.array(hosts.LIVE[size]).sum(0)
    assert (least, most) == live
    free = np.array(hosts.SLOTS[size]) - np.array(hosts.LIVE[size])[:, 1]
    free[[Zone.CORPORATE, Zone.SECURE]] -= hosts.SHIFT[size]
    assert (free >= 0).all()
    assert free[Zone.GUEST] >= hosts.SPARES[size]


def test_the_easy_preset_has_ten_to_fourteen_hosts_in_every_scenario():
    least, most = np.array(hosts.LIVE_EASY).T
    assert (least.sum(), most.sum()) == (10, 14)
    needs = np.array([0, 0, 1, hosts.SECURE_LEAST_WITH_OT, hosts.OT_LEAST])  # of iot_grid
    assert (most >= needs).all()


@pytest.mark.parametrize("size", hosts.SIZES)
def test_the_first_roles_fit_the_least_live_hosts(size):
    least = np.array(hosts.LIVE[size])[:, 0] - np.array([0, hosts.SHIFT[size], 0, hosts.SHIFT[size], 0])
    least_with_ot = max(least[Zone.SECURE], hosts.SECURE_LEAST_WITH_OT)
    assert least[Zone.DMZ] >= len(hosts.FIRST_ROLES[Zone.DMZ])
    assert least[Zone.CORPORATE] >= len(hosts.FIRST_ROLES[Zone.CORPORATE]) - 1  # no file server in the least
    assert least_with_ot >= len(hosts.FIRST_ROLES[Zone.SECURE]) + hosts.ENGINEERING[size]


def test_owners_have_the_slots_of_the_specification():
    own = [
        [
            sum(n for n, owner in zip(slots, hosts.ZONE_OWNER, strict=True) if owner == agent)
            for agent in range(3)
        ]
        for slots in hosts.SLOTS.values()
    ]
    assert [max(row) for row in own] == [14, 32, 60]  # §6.1


# ---------------------------------------------------------------- hosts (§3.2)


def test_each_role_has_services_for_each_of_its_systems_and_no_others():
    pairs = {(role, os) for role, systems in hosts.ROLE_OS.items() for os, _ in systems}
    assert pairs == set(hosts.ROLE_SERVICES)
    assert set(hosts.ROLE_OS) == set(Role)
    assert all(sum(chance for _, chance in systems) == 1000 for systems in hosts.ROLE_OS.values())


def test_services_listen_on_ports():
    assert hosts.ports_of(bits(Service.IIS, Service.SMB)) == bits(Port.HTTP, Port.SMB)
    assert [s.name for s in Service][: len(Port)] == [p.name for p in Port]


@pytest.mark.parametrize(
    ("role", "os", "weaknesses"),
    [
        (Role.WORKSTATION, Os.WINDOWS_10, {0, 1}),
        (Role.WORKSTATION, Os.UBUNTU, {3}),
        (Role.WEB, Os.CENTOS, {2, 3}),
        (Role.WEB, Os.SERVER_2016, {0, 2}),
        (Role.DATABASE, Os.SERVER_2016, {0, 1}),
        (Role.BACKUP, Os.UBUNTU, {3}),
        (Role.ENGINEERING_WORKSTATION, Os.WINDOWS_10, {0, 1, 4}),
        (Role.PLC, Os.PLC_FIRMWARE, {4, 5}),
        (Role.BYOD, Os.WINDOWS_10, {1}),
    ],
)
def test_weaknesses_fit_system_and_service(role, os, weaknesses):
    assert hosts.WEAK_FITS[role, os] == bits(*weaknesses)


@pytest.mark.parametrize(("role", "os"), sorted(hosts.ROLE_SERVICES))
def test_the_port_of_each_weakness_is_open(role, os):
    ports = int(hosts.PORTS[role, os])
    for weakness in Weakness:
        if hosts.WEAK_FITS[role, os] >> weakness & 1:
            port = hosts.weakness_port(weakness, ports)
            assert (port is None) == (weakness == Weakness.V4L2)
            assert port is None or ports >> port & 1


def test_every_scope_is_at_home_somewhere():
    home = np.bitwise_or.reduce(hosts.HOME_ALWAYS) | np.bitwise_or.reduce(hosts.HOME_CONTROLLER)
    assert home == bits(*Scope)
    assert all(hosts.SCOPE_ZONES[scope].any() for scope in Scope)
    assert all(hosts.SCOPE_ZONES[hosts.ZONE_ADMIN[zone], zone] for zone in range(hosts.NUM_ZONES))


# ---------------------------------------------------------------- routes (§3.3)


def test_stricter_levels_open_less():
    for allow in routes.ALLOW:
        assert (allow[1] & ~allow[0] == 0).all()
        assert (allow[2] == 0).all()
    assert routes.ALLOW.shape == (2, 3, 6, 6)


def test_the_routes_of_the_specification():
    allow = routes.ALLOW[0]
    assert allow[0, Zone.INTERNET, Zone.DMZ] == bits(Port.HTTP, Port.TOMCAT)
    assert allow[1, Zone.CORPORATE, Zone.SECURE] == bits(Port.RDP, Port.KERBEROS)
    assert not allow[0, Zone.CORPORATE, Zone.SECURE] & bits(Port.MODBUS, Port.S7)
    assert allow[0, Zone.SECURE, Zone.OT] == bits(Port.MODBUS, Port.S7, Port.SSH, Port.HTTP)
    assert not allow[:, Zone.INTERNET, 1:].any()  # the internet reaches the dmz alone
    assert not allow[:, Zone.OT, [0, 1, 2, 3, 5]].any()
    assert allow[:2, Zone.SECURE, Zone.INTERNET].tolist() == [bits(Port.HTTP), 0]
    inside = allow[:2, range(5), range(5)]
    assert (inside == bits(*Port)).all()


def test_iot_grid_opens_one_route_more():
    changed = np.argwhere(routes.ALLOW[0] != routes.ALLOW[1]).tolist()
    assert changed == [[0, Zone.GUEST, Zone.OT]]


def test_the_gates_need_the_scope_that_administers_the_zone():
    assert routes.GATE.tolist() == [-1, -1, -1, Scope.SECURE_ADMIN, Scope.OT_OPERATOR]


# ---------------------------------------------------------------- actions (§4)

ROWS = [(side, kind, row) for side in (blue, red) for kind, row in side.ROWS.items()]
IDS = [row.name for _, _, row in ROWS]


@pytest.mark.parametrize("side", [blue, red])
def test_every_kind_in_flight_has_a_row(side):
    kinds = side.Blue if side is blue else side.Red
    assert set(side.ROWS) == set(kinds) - {kinds.NONE, kinds.CONTINUE}
    assert side.NUM_KINDS == max(side.ROWS) + 1 == len(side.TARGET)


@pytest.mark.parametrize(("side", "kind", "row"), ROWS, ids=IDS)
def test_rows_are_whole(side, kind, row):
    assert 0 <= row.energy <= 50
    assert row.funds <= (10_000 if side is blue else 5_000)
    assert row.compute <= actions.COMPUTE_CAP
    assert row.seconds >= 10
    assert row.seconds - row.latency[0] == pytest.approx(10 * round((row.seconds - row.latency[0]) / 10)) or (
        kind == blue.Blue.REMOVE
    )
    assert sum(e is not None and e.start for e in row.emissions) <= 1
    assert len(row.at_completion) <= 3
    assert 0 <= row.chance <= 1000
    waiting = row.name in ("Wait", "Watch", "LieLow")
    assert bool(row.precondition) != waiting
    assert bool(row.technique) == (side is red and not waiting)
    assert all(e.success or e.failure for e in row.emissions if e is not None)


@pytest.mark.parametrize(("side", "kind", "row"), ROWS, ids=IDS)
def test_every_kind_has_a_law_with_its_mean(side, kind, row):
    law = L.LAWS[(L.BLUE_LAW if side is blue else L.RED_LAW)[kind]]
    assert law.mean == 1000 * row.seconds
    assert law.shape == L.FAMILIES[row.family][0]


def test_the_spread_of_a_law_is_that_of_duration_and_latency():
    law = L.LAWS[L.RED_LAW[red.Red.EXPLOIT_ETERNAL_BLUE]]
    assert law.sd == pytest.approx(1000 * math.hypot(60 / 2, 0.8))  # cv 1/2 of 60 s, latency 4.2 s, sd 0.8 s


def test_red_has_the_twenty_actions_in_the_order_of_the_source():
    assert [kind for kind in red.ROWS if kind <= 20] == list(range(1, 21))
    assert sum(red.TARGET[kind] == Target.HOST for kind in red.ROWS) == 17
    assert set(red.SEEN_BY_EDR) == {red.Red(k) for k in (1, 2, 4, 5, 6, 7, 8, 11, 12, 13)}  # §4.4
    assert set(red.WITHOUT_SESSION) == {red.Red(k) for k in (1, 4, 5, 6, 9, 10, 20)}  # §4.2


def test_ids_stands_third_in_exploits_and_traps_find_the_third_draw_free_or_ids():
    for kind in (*red.EXPLOITS, red.Red.IP_FRAGMENTATION):
        third = [*red.ROWS[kind].at_completion, None, None, None][2]
        assert third is None or third.type == Token.IDS


@pytest.mark.parametrize(
    ("size", "blue_count", "red_count"), [("small", 195, 558), ("50", 429, 1102), ("100", 793, 1918)]
)
def test_the_flat_index_has_the_sizes_of_the_specification(size, blue_count, red_count):
    layouts = [actions.layout(blue.ROWS, size, agent, blue.Blue.CONTINUE) for agent in range(3)]
    assert max(map(len, layouts)) == blue_count
    of_red = actions.layout(red.ROWS, size, None, red.Red.CONTINUE)
    assert len(of_red) == red_count
    for pairs in (*layouts, of_red):
        assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
        assert pairs[0, 1] == hosts.NO_HOST


def test_the_flat_index_holds_own_targets_alone():
    pairs = actions.layout(blue.ROWS, "small", 1, blue.Blue.CONTINUE)
    of = lambda kind: pairs[pairs[:, 0] == kind, 1].tolist()  # noqa: E731
    assert of(blue.Blue.ISOLATE) == list(range(4, 18))
    assert of(blue.Blue.MONITOR) == [Zone.CORPORATE, Zone.GUEST]
    assert of(blue.Blue.ROTATE) == [Scope.CORP_USER, Scope.CORP_ADMIN]


def test_decoys_show_weaknesses_on_their_ports():
    for decoy in blue.Decoy:
        if decoy in (blue.Decoy.NONE, blue.Decoy.SSHD):
            continue
        for windows in range(2):
            for weakness in Weakness:
                if blue.DECOY_WEAK[decoy, windows] >> weakness & 1:
                    port = hosts.weakness_port(weakness, int(blue.DECOY_PORTS[decoy]))
                    assert blue.DECOY_PORTS[decoy] >> port & 1


def test_false_pictures_show_weaknesses_on_their_ports():
    for ports, weak in zip(blue.FALSE_PORTS, blue.FALSE_WEAK, strict=True):
        shown = {hosts.weakness_port(w, int(ports)) for w in Weakness if weak >> w & 1}
        assert bits(*shown) == ports


# ---------------------------------------------------------------- tokens (§5.1, §5.3)


def test_there_are_28_types_in_13_groups():
    assert [t.value for t in Token] == list(range(29))
    assert set(tokens.GROUP[1:].tolist()) == set(range(13)) == set(range(len(tokens.GROUPS)))
    assert (tokens.SEVERITY[1:] > 0).all()
    assert (tokens.SENSOR[1:] > 0).all()


def test_types_are_numbered_sensor_by_sensor():
    assert (np.diff(tokens.SENSOR[1:].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    ("type", "severity", "sensor"),
    [
        (Token.FLOW_SMB, 2, Sensor.NETWORK),
        (Token.IDS, 6, Sensor.NETWORK),
        (Token.PROC_ACCESS, 6, Sensor.HOST),
        (Token.KERB_TGT, 2, Sensor.DIRECTORY),
        (Token.HONEYTOKEN_USE, 10, Sensor.DECEPTION),
        (Token.OT_ALARM, 7, Sensor.OT),
        (Token.HOST_DOWN, 5, Sensor.HEALTH),
    ],
)
def test_severities_and_sensors(type, severity, sensor):
    assert (tokens.SEVERITY[type], tokens.SENSOR[type]) == (severity, sensor)


def test_fields_fit_their_bits():
    greatest = (len(Token), len(tokens.Process), len(tokens.User), tokens.NO_PORT + 1)
    assert all(count <= 1 << size for count, size in zip(greatest, tokens.FIELD_BITS, strict=True))
    packed = tokens.pack(28, 19, 4, 9)
    assert [packed & 31, packed >> 5 & 31, packed >> 10 & 7, packed >> 13] == [28, 19, 4, 9]


def test_what_cannot_be_lost_is_not_lost():
    for sensor in (Sensor.EDR, Sensor.DECEPTION, Sensor.OT, Sensor.PEOPLE, Sensor.HEALTH):
        assert not tokens.LOSS[sensor].any()


# ---------------------------------------------------------------- noise (§5.2)


@pytest.mark.parametrize(("role", "os"), MANAGED_HOSTS)
def test_noise_holds_what_red_can_cause_and_few_severe_types(role, os):
    entries = noise.entries()[role, os]
    assert set(noise.caused_by_red(role, os)) <= set(entries.tolist())
    assert (entries > 0).all()
    assert 2 <= noise.severe_entries(role, os) <= 4
    assert noise.severe_entries(role, os, edr=True) == noise.severe_entries(role, os) + 1
    assert noise.severe_entries(role, os, decoy=True) == noise.severe_entries(role, os) + 1
    assert Token.HONEYTOKEN_USE not in entries & 31
    assert Token.OT_ALARM not in entries & 31


def test_severe_tuples_stand_once():
    table = noise.entries()
    for role, os in MANAGED_HOSTS:
        what, count = np.unique(table[role, os], return_counts=True)
        assert (count[tokens.SEVERITY[what & 31] >= tokens.SEVERE] == 1).all()


def test_noise_is_only_of_managed_hosts():
    assert not noise.entries()[Role.BYOD].any()
    assert not noise.RATES[Role.BYOD].any()
    assert (noise.RATES[[r for r in Role if r != Role.BYOD]] > 0).all()


@pytest.mark.parametrize(("size", "least", "most"), [("small", 300, 420), ("100", 50, 90)])
def test_false_alarms_come_as_often_as_the_specification_says(size, least, most):
    """Every 6 minutes in small networks, every minute in large ones: on average over the day."""
    live = np.array(hosts.LIVE[size]).mean(1)
    per_batch = 0.0
    for zone, count in enumerate(live):
        first = hosts.FIRST_ROLES[Zone(zone)][: int(count)]
        turn = hosts.NEXT_ROLES[Zone(zone)]
        roles = [*first, *(turn[i % len(turn)] for i in range(int(count) - len(first)))]
        for role in roles:
            day, night = noise.ALARM_RATES[role] * 0.9 / 4096  # a tenth is lost
            rate = (2 * day + night) / 3
            shares = [
                chance / 1000 * noise.severe_entries(role, os) / 256 for os, chance in hosts.ROLE_OS[role]
            ]
            per_batch += rate * sum(shares)
    assert least < L.BATCH_MS / 1000 / per_batch < most


def test_shares_are_whole_and_sum_up():
    assert noise._shares({1: 1, 2: 1, 3: 1}, 4) == {1: 2, 2: 1, 3: 1}


# ---------------------------------------------------------------- laws (§2.4)


@pytest.fixture(scope="module")
def table():
    return laws.quantiles()


def drawn(law):
    """Mean and standard deviation of what is drawn from 65 quantiles by linear interpolation."""
    a, b = law[:-1].astype(float), law[1:].astype(float)
    mean = np.mean(a + b) / 2
    return mean, math.sqrt(np.mean(a * a + a * b + b * b) / 3 - mean**2)


def test_laws_have_their_means_and_never_fall(table):
    assert table.shape == (L.NUM_LAWS, 65)
    assert table.dtype == np.int32
    for law, column in zip(L.LAWS, table, strict=True):
        assert drawn(column)[0] == pytest.approx(law.mean, abs=1)
        assert (np.diff(column) >= 0).all()
        assert law.least <= column[0]
        assert column[-1] <= law.greatest


def test_durations_lie_within_their_bounds(table):
    durations = table[[*L.BLUE_LAW[1:], *L.RED_LAW[1:], *L.BLUE_LAW_PLC[1:]]]
    assert durations.min() >= 2_000
    assert durations.max() <= 600_000


@pytest.mark.parametrize(
    ("kind", "cv"),
    [
        (red.Red.DISCOVER_NETWORK_SERVICES, 1 / 3),
        (red.Red.IMPACT, 1 / 2),
        (red.Red.EXPLOIT_REMOTE_SERVICE, 0.476),
    ],
)
def test_the_tails_that_are_cut_cost_little_spread(table, kind, cv):
    mean, sd = drawn(table[L.RED_LAW[kind]])
    assert 0.9 * cv < sd / mean < cv


def test_a_lognormal_of_cv_1_keeps_a_cv_of_089(table):
    mean, sd = drawn(table[L.BLUE_LAW[blue.Blue.AWARENESS]])
    assert sd / mean == pytest.approx(0.89, abs=0.005)  # §2.4
    quantiles = stats.lognorm(math.sqrt(math.log(2))).ppf(laws.PROBABILITIES) / math.sqrt(2)
    assert 1 - drawn(quantiles)[0] == pytest.approx(0.026, abs=0.0005)  # what the cut tails would cost


@pytest.mark.parametrize("family", [Family.SCAN, Family.ADMIN, Family.EXPLOIT])
def test_quantiles_are_those_of_the_distribution(family):
    """Against SciPy; one factor for all of them, which restores the mean."""
    shape, cv = L.FAMILIES[family]
    column = laws.build(L.Law(shape, 50_000, cv * 50_000))
    sigma = math.sqrt(math.log1p(cv**2))
    exact = (
        stats.gamma(1 / cv**2, scale=cv**2)
        if shape == L.Shape.GAMMA
        else stats.lognorm(sigma, scale=math.exp(-(sigma**2) / 2))
    ).ppf(laws.PROBABILITIES)
    np.testing.assert_allclose(column / column[32], exact / exact[32], rtol=1e-4)


def test_the_exponential_law_is_in_thousandths_of_its_mean(table):
    ratio = table[L.EXP_LAW] / -np.log1p(-laws.PROBABILITIES)
    assert drawn(table[L.EXP_LAW])[0] == pytest.approx(1000, abs=0.5)
    np.testing.assert_allclose(ratio[8:], ratio[-1], rtol=0.005)


def test_the_normal_law_has_sd_1():
    mean, sd = drawn(laws.normal() / laws.NORMAL_UNIT)
    assert abs(mean) < 1e-3
    assert sd == pytest.approx(1, abs=1e-3)


def test_draws_interpolate_in_integers(table):
    fixed, law = L.RED_LAW[red.Red.WAIT], L.RED_LAW[red.Red.IMPACT]
    assert laws.draw(table, fixed, 0.7) == 10_000
    assert laws.draw(table, law, 0.0) == table[law, 0]
    assert laws.draw(table, law, 0.5) == table[law, 32]
    assert table[law, 63] < laws.draw(table, law, 1 - 2**-24) < table[law, 64]
    halfway = (int(table[law, 10]) + int(table[law, 11])) // 2
    assert laws.draw(table, law, 10.5 / 64) == halfway


@pytest.mark.parametrize(
    ("law", "word"),
    [
        (L.Law(L.Shape.GAMMA, 1_000, 500), "outside"),
        (L.Law(L.Shape.GAMMA, 10_000, 0), "standard deviation"),
    ],
)
def test_laws_that_cannot_be_are_refused(law, word):
    with pytest.raises(ValueError, match=word):
        laws.build(law)


# ---------------------------------------------------------------- scenarios (§3.6, §7)


def test_goals_ends_and_horizons():
    rules = [scenarios.SCENARIOS[s] for s in Scenario]
    assert [r.horizon_ms / scenarios.HOUR_MS for r in rules] == [1, 2, 1.5, 1, 1.5]
    assert [r.terminal for r in rules] == [30, 30, 30, 40, 100]
    assert [r.goal for r in rules] == list(scenarios.Goal)
    assert [r.needs_ot for r in rules] == [False, False, False, True, True]


def test_losses_fit_the_cap_and_the_integers():
    worst = 1000 * (scenarios.LOSS_DOWN + max(scenarios.LOSS_ROOT_SECURE, scenarios.LOSS_OWNED.max()))
    assert worst <= scenarios.LOSS_CAP
    assert 8 * scenarios.LOSS_CAP * L.BATCH_MS < 2**31  # §2.6
    assert 1000 * scenarios.LOSS_DOWN * scenarios.HOUR_MS == scenarios.LOSS_PER_POINT * 100  # §7.2


def test_presets_change_clocks_by_scenario():
    assert scenarios.clock_means(Scenario.RANSOMWARE, "medium").tolist() == [60, 800, 1000, 0, 0]
    assert scenarios.clock_means(Scenario.CLOUD_HYBRID, "medium").tolist() == [60, 800, 1000, 600, 0]
    assert scenarios.clock_means(Scenario.IOT_GRID, "easy").tolist() == [60, 0, 500, 0, 2000]
    assert scenarios.clock_means(Scenario.APT_ESPIONAGE, "hard").tolist() == [40, 400, 500, 1000, 2000]
    assert scenarios.token_lifetimes(Scenario.CLOUD_HYBRID).tolist() == [1800, 900, 600, 600]


def test_gaps_and_scaled_delays_fit_32_bits(table):
    longest = max(max(scenarios.clock_means(s, p)) for s in Scenario for p in scenarios.PRESETS)
    assert longest * int(table[L.EXP_LAW].max()) < 2**31
    scale = max(p.delay_scale for p in scenarios.PRESETS.values())
    assert scale * int(table.max()) < 2**31


def test_an_overloaded_plant_is_critical_after_160_seconds_at_the_earliest():
    """Low flow, without noise (§3.6): a Restore of 45 s that starts within 100 s saves it."""
    flow, batches = 50_000, 0
    while flow >= scenarios.PLANT_CRITICAL[scenarios.Variable.FLOW, 0]:
        flow += (scenarios.OVERLOAD_FLOW - flow) * int(scenarios.PLANT_K[scenarios.Variable.FLOW]) >> 16
        batches += 1
    assert batches * 5 == pytest.approx(160, abs=5)


def test_the_nominal_plant_raises_no_alarm():
    low, high = scenarios.PLANT_NOMINAL.T
    spread = 4 * scenarios.PLANT_SIGMA
    assert (low - spread > scenarios.PLANT_ALARM[:, 0]).all()
    assert (high + spread < scenarios.PLANT_ALARM[:, 1]).all()


def test_the_plant_fits_32_bits():
    furthest = np.array([60_000 + 150_000, 110_000 * 2, 60_000])
    assert (furthest * scenarios.PLANT_K < 2**31).all()


# ---------------------------------------------------------------- event slots, the whole (§2.2)


def test_event_slots_are_in_order_of_precedence():
    slots = L.event_slots(4)
    assert list(slots) == [
        *("horizon", "agent_0", "agent_1", "agent_2", "agent_3", "expiry", "timer", "hold"),
        *("logon", "dhcp", "churn", "migrate", "arrive", "batch"),
    ]
    assert list(slots.values()) == list(range(14))


def test_emissions_default_to_success():
    assert (Emission(Token.DNS).success, Emission(Token.DNS).failure, Emission(Token.DNS).start) == (
        True,
        False,
        False,
    )


def test_the_tables_are_those_of_this_version(table):
    """Where this fails on purpose, change the digest and the version of the world."""
    digest = hashlib.sha256()
    for array in (table, laws.normal(), noise.entries(), routes.ALLOW, noise.RATES, scenarios.PLANT_K):
        digest.update(np.ascontiguousarray(array, "<i4").tobytes())
    assert digest.hexdigest()[:16] == "85722822b1ba73ee"
