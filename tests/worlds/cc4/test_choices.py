"""What happens by chance in a given situation happens as often as it should, over many environments (§4).

A environment differs from the others in its random numbers, and where a test says so in its situation.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import multiple_tests
import numpy as np
import pytest

from garrison.parity.recording import trace
from garrison.parity.recording.network import from_header
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import env
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue, green
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import State, initial_state

RECORDED = Path(__file__).parents[2] / "data" / "fsm-random-1.jsonl.xz"
LEVEL = 0.01 / 40  # tests of chance about draws and networks: at most 40, a family-wise error of 1% over all
NUM_ENVS = 2400
LANE = np.arange(NUM_ENVS)
USER_OF = [T.user_host(subnets[0], 0) for subnets in T.RED_SUBNETS]  # a host of each red agent's
SERVER_OF = [T.server_host(subnets[0], 0) for subnets in T.RED_SUBNETS]
PORTS = dict(zip(T.PORTS, (1 << i for i in range(6)), strict=True))


@pytest.fixture(scope="module")
def network():
    return from_header(trace.read(RECORDED).header)


@pytest.fixture(scope="module")
def draws():
    return jax.jit(jax.vmap(D.sample))(jax.random.split(jax.random.key(40), NUM_ENVS))


@pytest.fixture(scope="module", autouse=True)
def promote_ranks():
    """The engine broadcasts its tables over agents and hosts without saying so each time."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def play(network, draws):
    """``play(fields, per_lane={}, options={}, green=SLEEP)``: a step of all environments; events and states.

    ``fields`` of the state are those before the step, ``per_lane`` those with an environment axis.
    """

    def one(draws, state, network, options, green_kind):
        episode = env.Episode(state, network, options)
        nothing = jnp.zeros(T.NUM_RED, jnp.uint8)
        action = RedAction(nothing, nothing, nothing, nothing, nothing)
        episode, events, _, _ = env.play(draws, episode, jnp.array(blue.SLEEP), action, green_kind)
        return events, episode.state

    step = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, None)))

    def run(fields, per_lane=None, options=None, green_kind=T.Green.SLEEP):
        num_envs = {name: np.broadcast_to(value, (NUM_ENVS, *value.shape)) for name, value in fields.items()}
        state = State(**num_envs | (per_lane or {}))
        kinds = np.broadcast_to(np.uint8(green_kind), T.NUM_GREEN)
        return jax.device_get(step(draws, state, network, default_options(**(options or {})), kinds))

    return run


@pytest.fixture
def fields(network):
    """The fields of the state at reset, to be written into; no red agent has a session."""
    fields = {name: np.array(value) for name, value in vars(initial_state(network)).items()}
    fields["session_kind"][:] = 0
    fields["red_active"][:] = True
    return fields


def add_session(fields, agent, host, number, kind=T.Session.ABSTRACT):
    """Give a red agent a user's session; they follow each other in its map."""
    slot = np.flatnonzero(fields["session_kind"][agent] == 0)[0]
    row = {"kind": kind, "id": number, "host": host, "pid": 20_000 + slot, "user": T.User.USER}
    for name, value in row.items():
        fields[f"session_{name}"][agent, slot] = value
    fields["session_order"][agent, slot] = fields["red_next_order"][agent]
    fields["red_next_order"][agent] += 1
    fields["red_session_count"][agent] += 1


def act(fields, agents, kind, hosts):
    """Red agents end an action from session 0 in this step; their sessions 0 are on ``USER_OF`` hosts."""
    for agent in agents:
        add_session(fields, agent, USER_OF[agent], 0)
        fields["red_kind"][agent], fields["red_ticks"][agent] = kind, 1
        fields["red_host"][agent], fields["red_session"][agent] = hosts[agent], 0


def shares(p):
    """p-values of ``name: (hits, chance)`` with hits ``bool[n]``."""
    return {name: multiple_tests.share(np.sum(hits), np.size(hits), rate) for name, (hits, rate) in p.items()}


def among(values, options):
    """p-value: is each of the ``options`` equally likely? 0 if there is another among the values."""
    values = np.ravel(values)
    options = np.asarray(options)
    if not np.isin(values, options).all():
        return 0.0
    return multiple_tests.fit(np.sum(values == options[:, None], axis=1), np.ones(len(options)))


# ---------------------------------------------------------------- red's actions

HTTP, TLS, SSH, SQL = list(T.Exploit)[1:5]
SELECTED = {  # §4.4, Q4
    (22,): [SSH],
    (22, 3390): [SSH],
    (22, 25): [SSH],
    (22, 25, 3390): [SSH],
    (22, 80): [SSH],
    (22, 80, 3390): [HTTP, SSH],
    (22, 80, 25): [HTTP, SSH],
    (22, 80, 25, 3390): [HTTP, SSH, SQL],
    (22, 443): [SSH],
    (22, 443, 3390): [TLS, SSH],
    (22, 443, 25): [TLS, SSH],
    (22, 443, 25, 3390): [TLS, SSH, SQL],
    (22, 80, 443): [HTTP, SSH],
    (22, 80, 443, 3390): [HTTP, TLS, SSH],
    (22, 80, 443, 25): [HTTP, TLS, SSH],
    (22, 80, 443, 25, 3390): [HTTP, TLS, SSH, SQL],
}


def remember(fields, agents, hosts):
    """Let sessions 0 remember a scan of ``hosts``; returns ``scan_ports`` [env, ...], to be filled."""
    for agent in agents:
        fields["scan_session"][agent, 0], fields["scan_host"][agent, 0] = 0, hosts[agent]
    return np.zeros((NUM_ENVS, *fields["scan_ports"].shape), np.uint8)


def test_exploit_is_chosen_by_remembered_ports(play, fields):
    agents = range(T.NUM_RED)
    act(fields, agents, T.Red.EXPLOIT, SERVER_OF)
    ports = remember(fields, agents, SERVER_OF)
    for i, known in enumerate(SELECTED):
        ports[LANE % 16 == i, :, 0] = sum(PORTS[port] for port in known)
    events, _ = play(fields, {"scan_ports": ports})
    p = {
        f"ports {known}": among(events.red_exploit[LANE % 16 == i], options)
        for i, (known, options) in enumerate(SELECTED.items())
    }
    assert not multiple_tests.rejected(p, LEVEL)
    every = [HTTP, SSH, SQL, T.Exploit.HARAKA_RCE]  # if the weightiest were not discarded
    full = events.red_exploit[LANE % 16 == list(SELECTED).index((22, 80, 25, 3390))]
    assert among(full, every) < LEVEL


def test_exploits_are_noticed(play, fields, network):
    agent = 1  # from restricted zone A into operational zone A
    target = max(
        host for host in range(T.user_host(T.OZA, 0), T.router_of(T.RZB))
        if T.Service.MYSQLD in network.service_kind[host]
    )  # fmt: skip
    act(fields, [agent], T.Red.EXPLOIT, {agent: target})
    ports = remember(fields, [agent], {agent: target})
    ports[:, agent, 0] = sum(PORTS[port] for port in (22, 80, 25, 3390))
    events, after = play(fields, {"scan_ports": ports})
    by_ssh, by_sql = (events.red_exploit[:, agent] == kind for kind in (SSH, SQL))
    network_events = after.host_network_events[by_ssh].astype(int)
    network_events[:, target] -= T.SSH_EVENTS
    route = [USER_OF[agent], T.router_of(T.RZA), T.router_of(T.OZA), target]
    assert np.all(np.delete(network_events, route, axis=1) == 0)
    assert np.all(after.host_process_events[by_ssh, target] == 1)
    p = {T.HOST_NAMES[node]: (network_events[:, node] == 1, 0.95) for node in route}
    p["SQL injection"] = (after.host_process_events[by_sql, target] == 1, 0.95)
    assert not multiple_tests.rejected(shares(p), LEVEL)
    off_by_little = {name: (hits, 0.85) for name, (hits, _) in p.items()}
    assert len(multiple_tests.rejected(shares(off_by_little), LEVEL)) == len(p)


def test_scans_are_noticed(play, fields):
    act(fields, range(T.NUM_RED), T.Red.AGGRESSIVE, SERVER_OF)
    aggressive, trap = LANE % 2 == 0, LANE // 2 % 2 == 0
    kind = np.where(aggressive[:, None], T.Red.AGGRESSIVE, T.Red.STEALTH).astype(np.uint8)
    decoy = np.broadcast_to(fields["host_decoy"], (NUM_ENVS, *fields["host_decoy"].shape)).copy()
    decoy[np.ix_(trap, SERVER_OF, [0])] = T.Decoy.TOMCAT
    _, after = play(fields, {"red_kind": np.tile(kind, T.NUM_RED), "host_decoy": decoy})
    noticed = after.host_network_events[:, SERVER_OF] > 0
    assert noticed[trap].all()
    p = {"aggressive": (noticed[aggressive & ~trap], 0.75), "stealth": (noticed[~aggressive & ~trap], 0.25)}
    assert not multiple_tests.rejected(shares(p), LEVEL)


def test_deception_is_discovered(play, fields, network):
    """Each decoy is reported with 0.5, each other process with 0.1; it shows in whether any is (Q14)."""
    agents = range(T.NUM_RED)
    act(fields, agents, T.Red.DECEPTION, SERVER_OF)
    add_session(fields, 5, SERVER_OF[5], 1)  # its process may be reported, too
    decoys = LANE % 4
    decoy = np.broadcast_to(fields["host_decoy"], (NUM_ENVS, *fields["host_decoy"].shape)).copy()
    for lane_decoys in range(1, 4):
        decoy[np.ix_(decoys == lane_decoys, SERVER_OF, range(lane_decoys))] = np.arange(1, 1 + lane_decoys)
    _, after = play(fields, {"host_decoy": decoy})
    reported = after.seen_order[:, agents, SERVER_OF] == 1
    p, per_action = {}, {}
    for agent in agents:
        host = SERVER_OF[agent]
        others = np.sum(network.service_pid[host] > 0) + (network.blue_pid[host] > 0) + (agent == 5)
        for n in range(4):
            name, hits = f"{n} decoys on {T.HOST_NAMES[host]}", reported[decoys == n, agent]
            p[name] = (hits, 1 - 0.5**n * 0.9**others)
            per_action[name] = (hits, 1 - 0.5 ** min(n, 1) * 0.9)  # if the rolls were not one per process
    assert not multiple_tests.rejected(shares(p), LEVEL)
    assert multiple_tests.rejected(shares(per_action), LEVEL)


def test_one_of_several_sessions_is_escalated_or_promoted(play, fields):
    act(fields, [1], T.Red.ESCALATE, {1: USER_OF[1]})
    for number in (7, 5):
        add_session(fields, 1, USER_OF[1], number, T.Session.SSH)
    for number, host in ((4, 0), (9, 1), (6, 2), (8, 0)):
        add_session(fields, 3, T.user_host(T.RZB, host), number)
    _, after = play(fields)
    root = after.session_user[:, 1] == T.User.ROOT
    new_zero = (after.session_id[:, 3] == 0) & (after.session_kind[:, 3] > 0)
    assert np.all(root.sum(1) == 1)
    assert np.all(new_zero.sum(1) == 1)
    p = {"escalated": among(root.argmax(1), range(3)), "promoted": among(new_zero.argmax(1), range(4))}
    assert not multiple_tests.rejected(p, LEVEL)


# ---------------------------------------------------------------- blue's decoys


def test_decoys_are_chosen_among_those_that_fit(play, fields, network):
    hosts = np.flatnonzero(network.service_kind[: T.user_host(T.OZA, 0), 0])  # blue_agent_0's
    action = [
        int(np.flatnonzero(np.all(T.BLUE_ACTIONS[0, :, :2] == (T.Blue.DECOY, h), axis=1))[0]) for h in hosts
    ]
    chosen = LANE % len(hosts)
    index = np.tile(fields["blue_action"], (NUM_ENVS, 1))
    index[:, 0] = np.array(action)[chosen]
    fields["blue_ticks"][0] = 1
    _, after = play(fields, {"blue_action": index})
    decoy = after.host_decoy[LANE, hosts[chosen], 0]
    found = {}
    for i, host in enumerate(hosts):
        running = set(network.service_kind[host].tolist())
        fits = [T.Decoy.TOMCAT, T.Decoy.VSFTPD]
        fits += [T.Decoy.APACHE] * (T.Service.APACHE2 not in running)
        fits += [T.Decoy.HARAKA] * (T.Service.SMTP not in running)
        found.setdefault(tuple(sorted(fits)), []).append(decoy[chosen == i])
    assert len(found) >= 3
    p = {str(fits): among(np.concatenate(decoys), fits) for fits, decoys in found.items()}
    assert not multiple_tests.rejected(p, LEVEL)


# ---------------------------------------------------------------- green


def test_green_acts_evenly(draws):
    kind = jax.device_get(jax.vmap(lambda draws: green.decide("enterprise", draws))(draws))
    assert not multiple_tests.rejected(
        {f"green {i}": among(kind[:, i], range(3)) for i in range(T.NUM_GREEN)}, LEVEL
    )


def test_green_accesses_any_server_in_reach(play, fields, network):
    step = np.array([0, 200, 400], np.int16)[LANE % 3]
    events, _ = play(fields, {"step": step}, green_kind=T.Green.ACCESS)
    p, by_subnet = {}, {}
    for phase, zone in np.ndindex(T.NUM_PHASES, T.NUM_ZONES):
        users = (T.HOST_SUBNET[T.GREEN_HOST] == zone) & network.host_exists[T.GREEN_HOST]
        target = events.green_target[LANE % 3 == phase][:, users]
        reach = np.append(T.GREEN_REACH[phase, zone], False)[T.HOST_SUBNET]
        name = f"{T.SUBNETS[zone]} in phase {phase}"
        p[name] = among(target, np.flatnonzero(network.host_exists & T.IS_SERVER & reach))
        by_subnet[name] = among(T.HOST_SUBNET[target], np.flatnonzero(T.GREEN_REACH[phase, zone]))
    assert not multiple_tests.rejected(p, LEVEL)
    assert multiple_tests.rejected(by_subnet, LEVEL)  # as it would be if the subnet were drawn first
    alarm = events.green_alarm[:, network.host_exists[T.GREEN_HOST]]
    assert multiple_tests.share(alarm.sum(), alarm.size, 0.01) > LEVEL


def test_green_works_with_any_active_service(play, fields, network):
    """The first service never works, the others always; one zone has decoys, in another OT is stopped."""
    zone, exists = T.HOST_SUBNET[T.GREEN_HOST], network.host_exists[T.GREEN_HOST]
    with_decoys = (zone == T.OZA) & exists
    without_ot = (zone == T.OZB) & exists
    fields["host_reliability"][:, 0] = 0
    fields["host_decoy"][T.GREEN_HOST[with_decoys], :2] = T.Decoy.TOMCAT, T.Decoy.HARAKA
    fields["host_ot_stopped"][T.GREEN_HOST[without_ot]] = True
    events, _ = play(fields, green_kind=T.Green.WORK)
    services = np.sum(network.service_kind[T.GREEN_HOST] > 0, axis=1) + 2 * with_decoys - without_ot
    failed = events.green_outcome == T.Outcome.FALSE
    p = {
        f"{n} services in {T.SUBNETS[s]}": (failed[:, (zone == s) & exists & (services == n)], 1 / n)
        for s, n in set(zip(zone[exists].tolist(), services[exists].tolist(), strict=True))
    }
    assert not multiple_tests.rejected(shares(p), LEVEL)
    one_more = {name: (hits, rate / (1 + rate)) for name, (hits, rate) in p.items()}
    assert len(multiple_tests.rejected(shares(one_more), LEVEL)) > len(p) / 2


def test_green_fails_errs_and_is_phished(play, fields, network):
    fields["host_reliability"][:] = 60
    add_session(fields, 0, USER_OF[0], 0)
    events, _ = play(fields, green_kind=T.Green.WORK)
    here = network.host_exists[T.GREEN_HOST] & (T.GREEN_HOST != USER_OF[0])
    failed = events.green_outcome[:, here] == T.Outcome.FALSE
    p = {
        "fails": (failed, 0.4),
        "false alarm": (events.green_alarm[:, here][~failed], 0.01),
        "phished": (events.green_phished[:, here][~failed], 0.01),
    }
    assert not multiple_tests.rejected(shares(p), LEVEL)


def test_phishing_comes_from_any_infected_host(play, fields):
    """Q30: pairs of host and agent count, not sessions; within a subnet the mail comes from inside it."""
    infected = {0: (0, 0, 1), 1: (0, 1, 2), 5: (0,)}
    for agent, numbers in infected.items():
        for number, host in enumerate(numbers):
            add_session(fields, agent, USER_OF[agent] + host, number)
    readers = np.isin(T.GREEN_HOST, [T.user_host(T.OZA, 0), T.user_host(T.OZA, 1)])
    kind = np.where(readers, T.Green.WORK, T.Green.SLEEP)
    events, after = play(fields, options={"green_phishing": 1.0}, green_kind=kind)
    assert events.green_phished[:, readers].all()
    sent = (after.red_next_order - fields["red_next_order"])[
        :, [0, 1, 5]
    ]  # tickets, also for sessions given away
    assert np.all(sent.max(1) == 2)  # the second mail comes from the first reader's host
    counts = np.bincount(sent.argmax(1), minlength=3)
    assert multiple_tests.fit(counts, [2, 3, 1]) > LEVEL
    assert multiple_tests.fit(counts, [3, 3, 1]) < LEVEL
    assert multiple_tests.fit(counts, [1, 1, 1]) < LEVEL
