"""Telemetry, clocks, goals and rewards of the reference interpreter (``soc-rules.md §3.5, §5, §7``)."""

import pytest
from reference import clocks, goals, kernel, telemetry
from reference.play import RED, begin, first, own, picture, play, quiet, run_to, types, until
from reference.tape import constant
from reference.world import slots

from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import noise
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import NO_HOST, Role, Status, Zone
from garrison.worlds.soc.tables.laws import NEVER, Clock
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import HOUR_MS, Scenario
from garrison.worlds.soc.tables.tokens import GROUP, Token


@pytest.fixture
def world():
    return quiet()


def put(world, kind, h, deliver):
    """Write a token for a delivery batch."""
    telemetry.write(world, kind, h, NO_HOST, deliver * 5_000 - world.time)


# ---------------------------------------------------------------- what is seen (§5.1)

KEEP = [  # type, same zone, fragmented by red, outcome, thousandths of a token of chance 600
    (Token.FLOW_SMB, False, False, Outcome.SUCCESS, 540),
    (Token.FLOW_SMB, True, False, Outcome.SUCCESS, 162),
    (Token.FLOW_SMB, True, True, Outcome.SUCCESS, 32),
    (Token.IDS, False, True, Outcome.FAILED, 108),
    (Token.PROC_CREATE, True, True, Outcome.SUCCESS, 540),
    (Token.PROC_CREATE, False, False, Outcome.FAILED, 300),
    (Token.AUTH_FAIL, False, False, Outcome.FAILED, 300),
    (Token.EDR_ALERT, False, False, Outcome.FAILED, 600),
]


@pytest.mark.parametrize(("kind", "inside", "fragmented", "outcome", "expected"), KEEP)
def test_loss_zone_and_fragmentation_multiply(world, kind, inside, fragmented, outcome, expected):
    h, other = first(world, zone=Zone.DMZ), first(world, zone=Zone.DMZ if inside else Zone.SECURE, rank=1)
    world.hosts[h]["frag_until"] = 1_000 * fragmented
    assert telemetry.keep_chance(world, kind, h, other, 600, outcome, red=True) == expected
    world.time = 1_000
    again = telemetry.keep_chance(world, kind, h, other, 600, outcome, red=True)
    assert (again == expected) == (not fragmented or kind == Token.PROC_CREATE)


def test_the_directory_needs_a_controller_online(world):
    """§5.1: "while the DC in charge is online": corporate's for dmz, corporate and guest, else secure's."""
    corporate, secure = (first(world, Role.DOMAIN_CONTROLLER, z) for z in (Zone.CORPORATE, Zone.SECURE))
    dmz, inner = first(world, zone=Zone.DMZ), first(world, Role.BACKUP)
    sees = lambda h: telemetry.sensed(world, Token.KERB_TGT, h)  # noqa: E731
    assert sees(dmz)
    world.hosts[corporate]["status"] = Status.ISOLATED
    assert not sees(dmz)
    assert sees(inner)
    world.hosts[secure]["status"] = Status.REIMAGING
    assert not sees(inner)


@pytest.mark.parametrize("changes", [{"role": Role.BYOD}, {"sensor_killed": True}])
def test_host_sensors_need_management_and_life(world, changes):
    h = first(world, Role.WORKSTATION)
    assert telemetry.sensed(world, Token.PROC_CREATE, h)
    world.hosts[h] |= changes
    assert not telemetry.sensed(world, Token.PROC_CREATE, h)
    assert telemetry.sensed(world, Token.FLOW_SMB, h)


@pytest.mark.parametrize(
    ("time", "delay", "recorded", "delivered"),
    [(5_000, 0, 1, 1), (5_001, 0, 2, 2), (9_999, 1, 2, 2), (9_999, 2, 2, 3), (10_000, 5_000, 2, 3)],
)
def test_delivery_is_the_first_batch_after_the_delay(world, time, delay, recorded, delivered):
    """§5.1: "Delivery batch = first grid time >= t + delay"."""
    world.time = time
    telemetry.write(world, Token.DNS, 0, NO_HOST, delay)
    assert (world.ring[0]["recorded"], world.ring[0]["deliver"]) == (recorded, delivered)


@pytest.mark.parametrize(("scale", "batches"), [(0, 1), (1_000, 4), (2_000, 8)])
def test_presets_scale_delays(world, scale, batches):
    """§7.4; the host sensor's delay is about 20 s."""
    world.options |= {"delay_scale": scale}
    h = first(world, Role.WORKSTATION)
    telemetry.record(world, world, Token.PROC_CREATE, h, NO_HOST, (0.0, 0.55))
    assert world.ring[0]["deliver"] == batches


def test_tokens_overwritten_before_their_delivery_are_lost(world):
    """§5.1: "a flood costs sight"."""
    for _ in range(70):
        put(world, Token.DNS, 0, deliver=2)
    assert world.tokens_lost == 6
    run_to(world, 10_000)
    assert world.hosts[0]["fast"][GROUP[Token.DNS]] == 64 * 64
    for _ in range(64):
        put(world, Token.DNS, 0, deliver=5)
    assert world.tokens_lost == 6  # the others had been delivered


def test_counters_decay_and_saturate(world):
    """§5.3: c <- c - ceil(c/8) + 64 n, and /64 for the slow one."""
    h = first(world, Role.WORKSTATION)
    group = int(GROUP[Token.IDS])
    put(world, Token.IDS, h, deliver=1)
    run_to(world, 5_000)
    assert (world.hosts[h]["fast"][group], world.hosts[h]["slow"][group]) == (64, 64)
    assert world.hosts[h]["severe"] == 1
    put(world, Token.IDS, h, deliver=3)
    run_to(world, 10_000)
    assert (world.hosts[h]["fast"][group], world.hosts[h]["slow"][group]) == (56, 63)
    run_to(world, 15_000)
    assert (world.hosts[h]["fast"][group], world.hosts[h]["slow"][group]) == (49 + 64, 62 + 64)
    world.hosts[h]["fast"][group] = 65_535
    world.hosts[h]["slow"][group] = 65_535
    put(world, Token.IDS, h, deliver=4)
    put(world, Token.IDS, h, deliver=4)
    run_to(world, 20_000)
    assert world.hosts[h]["fast"][group] == 65_535 - 8_192 + 128
    assert world.hosts[h]["slow"][group] == 65_535 - 1_024 + 128


def test_a_start_token_stays_when_the_action_is_aborted():
    """§2.4: "Nothing of its effect happens; its start token was emitted"; §4.2: flow at the start alone."""
    world = quiet()
    web = picture(world, first(world, Role.WEB))
    world.net["ports"][web] = 1
    picture(world, web)
    begin(world, RED, Red.EXPLOIT_HTTP_RFI, web)
    assert types(world) == [Token.FLOW_HTTP]
    play(world, 0, Blue.ISOLATE, web)
    until(world, RED)
    assert types(world) == [Token.FLOW_HTTP, Token.SVC_CHANGE, Token.HOST_DOWN]


def test_failures_lose_half_of_their_host_tokens(world):
    """§5.1: loss 100 of a success, 500 of a failure."""
    desk = own(world, first(world, Role.WORKSTATION, Zone.CORPORATE))
    for chance, u, expected in (
        (0.0, 0.899, [Token.PRIV_ASSIGN, Token.PROC_CREATE]),
        (0.0, 0.901, []),
        (0.99, 0.499, [Token.PROC_CREATE]),
        (0.99, 0.501, []),
    ):
        copy = world.copy()
        play(copy, RED, Red.PRIVILEGE_ESCALATE, desk, chance=chance, token=[(u, 0.5)] * 3)
        assert types(copy) == expected


def test_network_scan_is_loud_on_drawn_hosts(world):
    """§4.2, R15: three flow_scan on drawn hosts; all online hosts become known and scanned."""
    own(world, first(world, Role.ADMIN_WORKSTATION), 2)
    corporate = slots(world, Zone.CORPORATE)
    world.hosts[corporate[0]]["status"] = Status.OFF
    drawn = [0.0, 0.5, 0.999]
    play(world, RED, Red.NETWORK_SCAN, Zone.CORPORATE, token=[(0.0, 0.5)] * 3, host=drawn + [0.5] * 29)
    online = corporate[1:]
    places = [entry["where"] & 255 for entry in world.ring if entry]
    assert places == [online[0], online[len(online) // 2], online[-1]]
    assert set(world.reds[0]["scan"]) == set(online)
    assert set(online) <= world.reds[0]["known"]


# ---------------------------------------------------------------- noise (§5.2)


@pytest.mark.parametrize("where", ["online", "off", "isolated", "encrypted", "unmanaged"])
def test_noise_comes_from_online_managed_hosts(where):
    world = quiet()
    world.options |= {"noise_scale": 1_000, "alarm_scale": 1_000}
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    world.hosts[h] |= {
        "online": {},
        "off": {"status": Status.OFF},
        "isolated": {"status": Status.ISOLATED},
        "encrypted": {"encrypted": True},
        "unmanaged": {"role": Role.BYOD},
    }[where]
    entries = noise.entries()[Role.WORKSTATION, world.net["os"][h]] & 31
    entry = entries.tolist().index(Token.PROC_CREATE)
    uniforms = [0.999999] * 32
    uniforms[h] = (0 << 12 | entry << 4 | 3) / 2**24
    telemetry.record_noise(world, uniforms)
    assert types(world) == ([Token.PROC_CREATE] if where == "online" else [])
    if where == "online":
        wait = int(telemetry.laws.quantiles()[L.TOKEN_LAW[Token.PROC_CREATE], 14])
        assert world.ring[0]["deliver"] == -(-wait // 5_000)


@pytest.mark.parametrize(("offset", "rate"), [(0, 328), (999_999, 328), (1_000_000, 41), (1_499_999, 41)])
def test_nights_are_quiet(world, offset, rate):
    """§5.2: 0.08 by day and 0.01 by night per 5 s on a workstation; a tenth is lost."""
    world.options |= {"noise_scale": 1_000, "alarm_scale": 1_000}
    world.net["day_offset"] = offset
    h = first(world, Role.WORKSTATION, Zone.CORPORATE)
    entries = noise.entries()[Role.WORKSTATION, world.net["os"][h]] & 31
    entry = entries.tolist().index(Token.PROC_CREATE)
    for occurrence, seen in ((rate * 900 // 1000 - 1, True), (rate * 900 // 1000, False)):
        copy = world.copy()
        uniforms = [0.999999] * 32
        uniforms[h] = (occurrence << 12 | entry << 4) / 2**24
        telemetry.record_noise(copy, uniforms)
        assert types(copy) == [Token.PROC_CREATE] * seen


# ---------------------------------------------------------------- clocks (§3.5)


def tick(world, clock, **draws):
    world.clock[clock] = world.time
    clocks.tick(world, clock, constant(32, 0.0, **draws))


def test_clocks_come_again_after_two_seconds_at_least():
    world = quiet(Scenario.CLOUD_HYBRID)
    tick(world, Clock.LOGON, gap=0.0)
    assert world.clock[Clock.LOGON] == 2_000
    tick(world, Clock.MIGRATE, gap=0.5)
    assert world.clock[Clock.MIGRATE] == pytest.approx(600_000 * 0.693, rel=0.03)
    tick(world, Clock.ARRIVE, gap=0.5)
    assert world.clock[Clock.ARRIVE] == NEVER


def test_new_addresses_cost_red_its_knowledge_but_where_it_is(world):
    """§3.5, dhcp."""
    desks = [h for h in slots(world, Zone.CORPORATE) if world.hosts[h]["role"] == Role.WORKSTATION]
    for host in world.hosts:
        host["priv"] = 0
    mine, other, spared = desks[0], desks[1], desks[2]
    own(world, mine)
    for h in (mine, other, spared):
        picture(world, h)
    play(world, RED, Red.SHARE_INTELLIGENCE)
    uniforms = [0.0] * 32
    uniforms[spared] = 0.5
    tick(world, Clock.DHCP, pick=0.2, host=uniforms)
    assert [world.hosts[h]["lease"] for h in (mine, other, spared)] == [1, 1, 0]
    for book in (world.reds[0], world.reds[0]["c2"]):
        assert {mine, spared} <= book["known"]
        assert other not in book["known"]
        assert other not in book["scan"]


@pytest.mark.parametrize("implant", [False, True])
def test_churn_ends_sessions_without_implant(world, implant):
    """§3.5: "sessions on it end unless implant"; off costs nobody anything."""
    toggled = [h for h in slots(world) if world.hosts[h]["role"] in (Role.WORKSTATION, Role.IOT)]
    h = own(world, toggled[0], 2)
    world.hosts[h]["implant"] = implant
    begin(world, RED, Red.DUMP_LSASS, h)
    tick(world, Clock.CHURN)
    assert world.hosts[h]["status"] == Status.OFF
    assert world.hosts[h]["priv"] == (2 if implant else 0)
    assert world.agents[RED]["cancelled"]
    assert goals.loss_rates(world)["down"] == 0
    assert types(world)[-1] == Token.HOST_DOWN
    tick(world, Clock.CHURN)
    assert world.hosts[h]["status"] == Status.ONLINE


def test_migration_swaps_the_workload_and_leaves_sessions():
    """§3.5: "role, weight, data, home, cached, required backups; sessions, weaknesses and slots stay"."""
    world = quiet(Scenario.CLOUD_HYBRID)
    secure = slots(world, Zone.SECURE)
    dc, backup = secure[0], secure[1]
    own(world, dc, 2)
    before = {h: dict(world.hosts[h]) for h in (dc, backup)}
    servers = [h for h in slots(world) if world.hosts[h]["role"] in range(2, 8)]
    options = [h for h in servers if sum(world.zone[o] == world.zone[h] for o in servers) > 1]
    tick(world, Clock.MIGRATE, pick=(options.index(dc) + 0.5) / len(options), chance=0.0)
    for name in ("role", "weight", "data", "taken", "home", "cached"):
        assert world.hosts[dc][name] == before[backup][name]
        assert world.hosts[backup][name] == before[dc][name]
    assert (world.hosts[dc]["priv"], world.hosts[backup]["priv"]) == (2, 0)


@pytest.mark.parametrize(("chance", "session"), [(0.1999, True), (0.2001, False)])
def test_devices_arrive_in_spare_slots(world, chance, session):
    """§3.5: "with chance 200 it brings a user session of red"."""
    spare = [h for h, s in enumerate(world.net["spare"]) if s]
    world.hosts[spare[0]]["exists"] = False
    tick(world, Clock.ARRIVE, chance=chance)
    host = world.hosts[spare[0]]
    assert (host["exists"], host["role"], host["weight"], host["priv"]) == (True, Role.BYOD, 0, int(session))
    assert (spare[0] in world.reds[0]["known"]) == session


# ---------------------------------------------------------------- goals (§7.1)


def test_goals_that_must_be_held(world):
    """§7.1: "when the condition becomes true hold_until = t + hold, when it breaks NEVER"."""
    world = quiet(Scenario.IOT_GRID)
    dcs = [h for h in slots(world) if world.hosts[h]["role"] == Role.DOMAIN_CONTROLLER]
    own(world, dcs[0], 2)
    run_to(world, 5_000)
    assert world.hold_until == NEVER
    own(world, dcs[1], 2)
    run_to(world, 10_000)
    assert world.hold_until == 130_000
    world.hosts[dcs[0]]["priv"] = 1
    run_to(world, 15_000)
    assert world.hold_until == NEVER
    world.hosts[dcs[0]]["priv"] = 2
    run_to(world, 139_999)
    assert not world.terminated
    acc = goals.account()
    run_to(world, 140_000, acc=acc)
    assert world.terminated
    assert world.time == 140_000
    assert (acc["terminal"], acc["goal_ms"]) == (40, HOUR_MS - 140_000)


@pytest.mark.parametrize("scenario", [Scenario.RANSOMWARE, Scenario.CLOUD_HYBRID])
def test_goals_by_weight_need_a_half(scenario):
    world = quiet(scenario)
    chosen = slots(world, Zone.SECURE if scenario == Scenario.CLOUD_HYBRID else None)
    if scenario == Scenario.RANSOMWARE:
        chosen = [h for h in chosen if world.hosts[h]["role"] in range(2, 8)]
    for host in world.hosts:
        host["weight"] = 0
    for h in chosen[:2]:
        world.hosts[h]["weight"] = 10
    assert not goals.condition(world)
    world.hosts[chosen[0]] |= {"encrypted": True, "priv": 2}
    assert goals.condition(world)
    world.hosts[chosen[1]]["weight"] = 11
    assert not goals.condition(world)


def test_exfiltration_needs_eight_units():
    world = quiet(Scenario.APT_ESPIONAGE)
    world.loot = 7
    assert not goals.condition(world)
    world.loot = 8
    assert goals.condition(world)


# ---------------------------------------------------------------- rewards (§7.2, §7.3)


def test_a_network_that_is_down_for_an_hour_costs_a_hundred_points(world):
    """§7.2: "one point = 1 % of the network's value lost for one hour"."""
    for host in world.hosts:
        host["weight"], host["priv"] = 0, 0
    h = first(world, Role.BACKUP)
    world.hosts[h] |= {"weight": 1_000, "status": Status.ISOLATED}
    acc = goals.account()
    kernel.advance(world, HOUR_MS, acc)
    assert goals.blue_reward(acc) == -100
    assert goals.red_reward(acc) == 0  # downtime that blue inflicts on itself
    world.hosts[h]["encrypted"] = True
    acc = goals.account()
    kernel.advance(world, HOUR_MS, acc)
    assert goals.red_reward(acc) == 100


RATES = [
    (Scenario.RANSOMWARE, Zone.SECURE, 1, 2),
    (Scenario.RANSOMWARE, Zone.SECURE, 2, 4),
    (Scenario.IOT_GRID, Zone.SECURE, 1, 2),
    (Scenario.IOT_GRID, Zone.SECURE, 2, 40),
    (Scenario.CLOUD_HYBRID, Zone.SECURE, 2, 20),
    (Scenario.CLOUD_HYBRID, Zone.CORPORATE, 2, 4),
]


@pytest.mark.parametrize(("scenario", "zone", "privilege", "rate"), RATES)
def test_ownership_by_scenario(scenario, zone, privilege, rate):
    """§7.2, in twentieths of the weight, of a domain controller."""
    world = quiet(scenario)
    for host in world.hosts:
        host["priv"] = 0
    h = own(world, first(world, Role.DOMAIN_CONTROLLER, zone), privilege)
    assert goals.loss_rates(world)["ownership"] == rate * world.hosts[h]["weight"]


@pytest.mark.parametrize(
    ("level", "rate"), [(0, lambda w: 0), (1, lambda w: w * 3 // 5), (2, lambda w: 5 * w)]
)
def test_rules_cost_friction(world, level, rate):
    """§7.2: strict 3 %, closed 25 % of a zone's weight."""
    weight = sum(world.hosts[h]["weight"] for h in slots(world, Zone.SECURE))
    world.levels[Zone.SECURE] = level
    assert goals.loss_rates(world)["friction"] == rate(weight)


def test_the_sum_is_capped_and_the_parts_are_not():
    world = quiet(Scenario.CLOUD_HYBRID)
    for host in world.hosts:
        host["weight"] = 0
    h = own(world, first(world, Role.BACKUP), 2)
    world.hosts[h] |= {"weight": 1_000, "encrypted": True}
    world.levels[Zone.SECURE] = 2
    acc = goals.account()
    kernel.advance(world, 10, acc)
    assert acc["capped"] == 400_000
    assert acc["encrypted"] + acc["ownership"] + acc["friction"] == 450_000


def test_first_roots_are_counted_once_per_host(world):
    """§7.3, shaping."""
    desk = own(world, first(world, Role.WORKSTATION, Zone.CORPORATE))
    acc = goals.account()
    for _ in range(2):
        begin(world, RED, Red.PRIVILEGE_ESCALATE, desk)
        until(world, RED, acc, chance=0.0)
        world.hosts[desk]["priv"] = 1
    assert acc["rooted"] == 1
