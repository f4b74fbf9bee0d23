"""Time in the reference interpreter (``soc-rules.md §2``)."""

import random

import numpy as np
import pytest
from reference import goals, kernel, tape
from reference.play import RED, WAIT_BLUE, WAIT_RED, begin, first, own, picture, play, quiet, run_to, until
from reference.world import fields

from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.hosts import Role, Scope, Status, Weakness, Zone
from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import Scenario

EXPLOIT = Red.EXPLOIT_HTTP_RFI


@pytest.fixture
def world():
    """A picture of a web host with CVE-2021-44228 and no decoy, which red attacks from the internet."""
    world = quiet()
    h = first(world, Role.WEB, Zone.DMZ)
    world.net["weak"][h] |= 1 << Weakness.CVE_2021_44228
    world.hosts[h]["decoy"] = 0
    picture(world, h)
    return world


def web(world):
    return first(world, Role.WEB, Zone.DMZ)


# ---------------------------------------------------------------- precedence (§2.2)


@pytest.mark.parametrize(
    ("offset", "outcome"), [(-1, Outcome.ABORTED), (0, Outcome.ABORTED), (1, Outcome.SUCCESS)]
)
def test_isolating_before_at_and_after_the_completion_of_an_exploit(world, offset, outcome):
    """§2.8 interrupt; §4.4: "isolate and exploit complete at one ms: blue first"."""
    done = begin(world, RED, EXPLOIT, web(world))
    begin(world, 0, Blue.ISOLATE, web(world))
    world.agents[0]["done"] = done + offset
    assert until(world, RED, chance=0.0) == outcome
    assert world.hosts[web(world)]["priv"] == (outcome == Outcome.SUCCESS)
    run_to(world, done + 1)
    assert world.hosts[web(world)]["status"] == Status.ISOLATED
    assert world.hosts[web(world)]["priv"] == (outcome == Outcome.SUCCESS)  # sessions stay, dormant


def test_an_aborted_action_pops_at_once_and_reports_its_duration(world):
    """§2.4: "it pops next, at dt = 0, with outcome ABORTED"."""
    begin(world, RED, EXPLOIT, web(world))
    world.agents[RED]["done"] = 400_000
    done = begin(world, 0, Blue.ISOLATE, web(world))
    run_to(world, done)
    assert world.time == done
    assert world.agents[RED]["last_outcome"] == Outcome.ABORTED
    assert world.agents[RED]["last_duration"] == done
    assert world.agents[RED]["done"] == NEVER


def test_nothing_else_happens_at_the_horizon(world):
    """§2.2: "episode is truncated; other events at that instant do not happen"."""
    begin(world, RED, EXPLOIT, web(world))
    world.agents[RED]["done"] = world.options["horizon"]
    run_to(world, world.options["horizon"], value=0.0)
    assert world.truncated
    assert not world.terminated
    assert world.hosts[web(world)]["priv"] == 0


def test_a_batch_is_the_last_event_of_its_instant(world):
    """§2.2: "last, so that it sees all that happened up to then"."""
    names = list(L.event_slots(4))
    begin(world, RED, Red.WAIT)
    begin(world, 0, Blue.WAIT)
    seen = []
    for _ in range(4):
        seen.append(names[kernel.event(world, tape.constant(32), goals.account())])
    assert seen == ["batch", "agent_0", "agent_3", "batch"]
    assert world.time == 10_000


# ---------------------------------------------------------------- deciding and starting (§2.4, §2.5)


def test_agents_that_become_free_together_decide_together(world):
    for a in range(4):
        begin(world, a, Red.WAIT if a == RED else Blue.WAIT)
    rows = [tape.constant(32) for _ in range(8)]
    draws = {"start": [0.5] * 4, "first": [[0, 0]] * 4, "rows": rows}
    out = kernel.step(world, dict.fromkeys(range(4), (0, 255)), draws)
    assert [kernel.deciding(world, a) for a in range(4)] == [True] * 4
    assert (out["rows"], out["elapsed"]) == (6, 10_000)  # batch, four completions, batch


def test_illegal_actions_wait_and_busy_agents_are_not_asked(world):
    """§2.4: "A deciding agent with an illegal action does wait; a busy one's choice is ignored"."""
    foreign = first(world, zone=Zone.SECURE)
    chosen = {0: (Blue.ISOLATE, foreign), 1: (99, 3), 2: (Blue.ISOLATE, 250), RED: (Red.IMPACT, web(world))}
    draws = {"start": [0.5] * 4, "first": [[0, 0]] * 4, "rows": []}
    kernel.step(world, chosen, draws)
    assert [agent["kind"] for agent in world.agents] == [Blue.WAIT] * 3 + [Red.WAIT]
    kernel.step(world, {0: (Blue.ISOLATE, web(world))}, draws)
    assert world.agents[0]["kind"] == Blue.WAIT


def test_the_lower_agent_is_charged_first(world):
    """§4.4: shared funds; "then legality of the other is checked again at its start"."""
    world.funds[0] = 2_000 * 2_000
    chosen = {1: (Blue.ROTATE, Scope.CORP_USER), 2: (Blue.ROTATE, Scope.OT_OPERATOR)}
    out = kernel.step(world, chosen, {"start": [0.5] * 4, "first": [[0, 0]] * 4, "rows": []})
    assert [world.agents[a]["kind"] for a in (1, 2)] == [Blue.ROTATE, Blue.WAIT]
    assert out["blue_funds"] == 2_000
    assert world.funds[0] == 0


def test_one_script_decides_per_row_after_the_learners(world):
    asked = []

    def script(world, agent, decide):
        asked.append((agent, [a["kind"] for a in world.agents]))
        return WAIT_RED if agent == RED else WAIT_BLUE

    slots = []
    rows = [tape.constant(32) for _ in range(3)]
    draws = {"start": [0.5] * 4, "first": [[0, 0]] * 4, "rows": rows}
    kernel.step(world, {0: WAIT_BLUE}, draws, script, lambda world, slot: slots.append(slot))
    assert [agent for agent, _ in asked] == [1, 2, RED]
    assert asked[0][1][0] == Blue.WAIT
    assert slots[:2] == [None, None]  # the next row serves the next script
    assert slots[2] is not None


def test_an_ended_episode_stands_still(world):
    """§2.7."""
    world.truncated = True
    before = fields(world.copy())
    draws = {"start": [0.5] * 4, "first": [[0, 0]] * 4, "rows": [tape.constant(32)]}
    out = kernel.step(world, dict.fromkeys(range(4), WAIT_BLUE), draws)
    assert not any(out.values())
    assert fields(world) == before


def test_starts_draw_the_laws_of_the_tables(world):
    """§2.4; Restore has a law of its own on a PLC (§4.3)."""
    assert begin(world, RED, Red.WAIT) == 10_000
    grid = quiet(Scenario.OT_STUXNET)
    plc, server = first(grid, Role.PLC), first(grid, Role.BACKUP)
    for h, seconds in ((server, 90), (plc, 45)):
        done = begin(grid, 2, Blue.RESTORE, h)
        assert 0.8 * seconds < done / 1000 < seconds  # the median of a gamma of cv 1/2
        grid.agents[2] |= {"done": NEVER, "kind": 0}


# ---------------------------------------------------------------- truth at the completion (§2.8)


def test_restoring_the_target_aborts_at_the_start_of_the_restoration(world):
    """§2.4: "re-imaging" cancels, and Restore puts the host into REIMAGING at its start."""
    begin(world, RED, EXPLOIT, web(world))
    begin(world, 0, Blue.RESTORE, web(world))
    assert world.agents[RED]["cancelled"]
    assert world.agents[RED]["done"] == world.time
    assert world.hosts[web(world)]["status"] == Status.REIMAGING
    assert until(world, RED) == Outcome.ABORTED
    assert until(world, 0) == Outcome.SUCCESS
    assert world.hosts[web(world)]["status"] == Status.ONLINE


@pytest.fixture
def inside():
    """Red has an admin workstation in corporate and a secure_admin token."""
    world = quiet()
    own(world, first(world, Role.ADMIN_WORKSTATION), 2)
    world.reds[0]["tokens"] = {Scope.SECURE_ADMIN: (0, 1_000_000)}
    return world


@pytest.mark.parametrize("rotated", [False, True])
def test_a_rotation_in_flight_shuts_the_gate(inside, rotated):
    """§3.4: "entering secure from elsewhere needs a valid secure_admin"; checked at completion."""
    target = first(inside, Role.DOMAIN_CONTROLLER, Zone.SECURE)
    inside.reds[0]["known"].add(target)
    begin(inside, RED, Red.PASS_THE_TICKET, target)
    inside.scopes[Scope.SECURE_ADMIN]["epoch"] += rotated
    outcome = until(inside, RED, chance=0.0)
    assert outcome == (Outcome.BLOCKED if rotated else Outcome.SUCCESS)
    assert inside.hosts[target]["priv"] == (0 if rotated else 2)


def test_a_new_address_ends_scans_but_not_exploits(world):
    """§4.4: "DHCP while an exploit is in flight: it continues; a scan returns GONE"."""
    for kind, outcome in ((Red.DISCOVER_NETWORK_SERVICES, Outcome.GONE), (EXPLOIT, Outcome.SUCCESS)):
        begin(world, RED, kind, web(world))
        world.hosts[web(world)]["lease"] += 1
        assert until(world, RED, chance=0.0) == outcome


def test_closing_a_zone_aborts_what_crosses_its_border(inside):
    """§2.4: "Closing a zone aborts actions that cross its border or come from it"."""
    target = first(inside, Role.DOMAIN_CONTROLLER, Zone.SECURE)
    for zone, start, aborted in (
        (Zone.SECURE, (Red.PASS_THE_TICKET, target), True),
        (Zone.CORPORATE, (Red.PASS_THE_TICKET, target), True),
        (Zone.GUEST, (Red.PASS_THE_TICKET, target), False),
        (Zone.CORPORATE, (Red.DUMP_LSASS, first(inside, Role.ADMIN_WORKSTATION)), True),
        (Zone.SECURE, (Red.DUMP_LSASS, first(inside, Role.ADMIN_WORKSTATION)), False),
        (Zone.CORPORATE, WAIT_RED, False),
    ):
        world = inside.copy()
        world.reds[0]["known"].add(target)
        begin(world, RED, *start)
        world.levels[zone] = 1
        agent = 2 if zone == Zone.SECURE else 1
        begin(world, agent, Blue.RESTRICT, zone)
        world.agents[agent]["done"] = 1
        kernel.event(world, tape.constant(32), goals.account())
        assert world.levels[zone] == 2
        assert world.agents[RED]["cancelled"] == aborted


# ---------------------------------------------------------------- watch (§2.4)


def test_watch_ends_with_a_severe_token_or_after_two_minutes(world):
    """§2.4: "until a batch delivers to an own host a token of severity >= 6, at most 120 s"."""
    quiet_copy = world.copy()
    assert begin(quiet_copy, 0, Blue.WATCH) == 120_000
    until(quiet_copy, 0)
    assert quiet_copy.time == 120_000
    for kind, owner, time in ((10, 0, 20_000), (10, 1, 120_000), (16, 0, 120_000)):
        copy = world.copy()
        copy.ring[0] = {"what": kind, "where": web(copy), "recorded": 1, "deliver": 4}
        begin(copy, owner, Blue.WATCH)
        until(copy, owner)
        assert copy.time == time


# ---------------------------------------------------------------- splitting and order (§2.8)


def choose(world, rng):
    """A random legal action of each agent, now and then an illegal one."""
    if rng.random() < 0.05:
        return (rng.randrange(25), rng.randrange(256))
    options = kernel.legal_actions(world, rng.agent)
    kind = rng.choice(sorted({k for k, _ in options}))
    return rng.choice([pair for pair in options if pair[0] == kind])


def trajectory(per_step, rows=160, reds=1, scenario=Scenario.IOT_GRID):
    """States at decision points with what was added up until then, for a number of rows per step."""
    world = tape.episode(5, scenario, "hard", reds=reds)
    agents = range(len(world.agents))
    tape_rng = random.Random(11)
    all_rows = [tape.row(tape_rng, len(world.hosts)) for _ in range(rows)]
    counts, points, total, used = [0 for _ in agents], [], {}, 0
    while used < rows and not world.ended:
        chosen, start, first_ = {}, [], []
        for a in agents:
            rng = random.Random(f"decision {counts[a]} of {a}")
            rng.agent = a
            decides = kernel.deciding(world, a)
            chosen[a] = choose(world, rng) if decides else (0, 255)
            start.append(tape.uniform(rng))
            first_.append(tape.array(rng, 2))
            counts[a] += decides
        draws = {"start": start, "first": first_, "rows": all_rows[used : used + per_step]}
        out = kernel.step(world, chosen, draws)
        used += out.pop("rows")
        for name, value in out.items():
            total[name] = total.get(name, 0) + value
        if any(kernel.deciding(world, a) for a in agents):
            points.append((fields(world.copy()), dict(total)))
    return points


def test_splitting_changes_nothing_at_decision_points():
    """§2.8 splitting, pathwise: bit-identical states, rewards and elapsed times for each K."""
    expected = trajectory(1)
    assert len(expected) > 40
    for per_step in (2, 4, 8):
        found = trajectory(per_step)
        for one, other in zip(expected, found, strict=False):
            assert one == other


@pytest.mark.parametrize(("scenario", "reds"), [(Scenario.APT_ESPIONAGE, 1), (Scenario.OT_STUXNET, 2)])
def test_time_never_falls_and_instants_end(scenario, reds):
    """§2.8 time order: pending times are NEVER or >= t, and at most A + 2 events chain at dt = 0."""
    world, rng = tape.episode(2, scenario, "hard", reds=reds), random.Random(3)
    chain, longest = 0, 0
    for _ in range(400):
        for a in range(len(world.agents)):
            if kernel.deciding(world, a):
                rng.agent = a
                kernel.start(world, a, *choose(world, rng), tape.uniform(rng), (0.3, 0.3), goals.account())
        before = world.time
        kernel.event(world, tape.row(rng, len(world.hosts)), goals.account())
        assert world.time >= before
        if world.ended:
            break
        assert kernel.pending(world)[0][0] >= world.time
        chain = chain + 1 if world.time == before else 0
        longest = max(longest, chain)
    assert longest <= len(world.agents) + 2


def test_fields_have_the_axes_of_the_state(world):
    """§2.8: compared "on every field"."""
    shapes = {name: np.shape(value) for name, value in fields(world).items()}
    assert shapes["host_priv"] == shapes["view_verdict"] == (32,)
    assert shapes["view_fast"] == (32, 13)
    assert shapes["red_tried"] == (1, 5, 9)
    assert shapes["token_epoch"] == shapes["c2_token_expiry"] == (1, 4)
    assert shapes["ring_what"] == (64,)
    assert shapes["energy"] == shapes["agent_done"] == (4,)


def test_budgets_refill_by_time_to_their_caps(world):
    """§4.1: energy 0.05/s, funds 1/s and 0.5/s."""
    world.agents[RED]["energy"] = 0
    world.funds = [0, 0]
    kernel.advance(world, 100_000, goals.account())
    assert world.agents[RED]["energy"] == 5 * 20_000
    assert [f / 2_000 for f in world.funds] == [100, 50]
    kernel.advance(world, 100_000_000, goals.account())
    assert world.agents[RED]["energy"] == 50 * 20_000
    assert [f / 2_000 for f in world.funds] == [10_000, 5_000]


def test_actions_that_cannot_be_paid_are_not_legal(world):
    """§4.1."""
    h = web(world)
    assert kernel.legal(world, RED, EXPLOIT, h)
    for changes in ({"energy": 3 * 20_000 - 1},):
        copy = world.copy()
        copy.agents[RED] |= changes
        assert not kernel.legal(copy, RED, EXPLOIT, h)
    world.funds[1] = 50 * 2_000 - 1
    assert not kernel.legal(world, RED, EXPLOIT, h)
    assert play(world, RED, Red.WAIT) == Outcome.SUCCESS
