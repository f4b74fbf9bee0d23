"""Rules of CC4 that no recorded episode exercises, from the text of the specification.

Others of them are held by test_quirks.py, test_choices.py, test_red_choices.py and test_contract.py:
``tests/parity/mutations`` names the test of each. Situations are written into the first state of one network;
every turn is played by one compiled function.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.cc4 import Episode, default_options, play
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue, fsm, green, red
from garrison.worlds.cc4.state import State, initial_state
from garrison.worlds.cc4.tables import OZA, RZA, server_host, user_host

HOST, OTHER = user_host(RZA, 0), user_host(RZA, 1)  # red_agent_1's
ABROAD = user_host(OZA, 0)  # red_agent_2's, with an OT service


@pytest.fixture(scope="module")
def network(reset):
    _, episode = reset(jax.random.split(jax.random.key(7), 1))
    return jax.tree.map(lambda x: np.asarray(x)[0], episode.topology)


@pytest.fixture
def fields(network):
    """The fields of the state at reset, to be written into; no red agent has a session."""
    fields = {name: np.array(value) for name, value in vars(initial_state(network)).items()}
    fields["session_kind"][:] = T.Session.NONE
    return fields


@pytest.fixture(scope="module")
def turn(network):
    """``turn(fields, green={}, **draws)``: one turn in which red and blue end what they are at."""
    idle = RedAction(*np.zeros((5, T.NUM_RED), np.uint8))

    @jax.jit
    def advance(draws, episode, kinds):
        episode, events, _, _ = play(draws, episode, jnp.array(blue.SLEEP), idle, kinds)
        return episode.state, events

    def run(fields, green=None, services=None, **draws):
        offered = np.array(network.service_kind)
        for host, row in (services or {}).items():
            offered[host] = row
        drawn = {name: np.array(value) for name, value in vars(draw.blank()).items()}
        for name, entries in draws.items():
            for index, value in entries.items():
                drawn[name][index] = value
        kinds = np.full(T.NUM_GREEN, T.Green.SLEEP, np.uint8)
        for host, kind in (green or {}).items():
            kinds[green_of(host)] = kind
        episode = Episode(State(**fields), network.replace(service_kind=offered), default_options())
        return jax.device_get(advance(draw.Draws(**drawn), episode, kinds))

    return run


def green_of(host):
    return T.GREEN_HOST.tolist().index(host)


def add(fields, agent, host, number, *, kind=T.Session.ABSTRACT, user=T.User.USER, pid=20_000):
    """Give a red agent one more session; returns its slot."""
    slot = int(np.argmin(fields["session_kind"][agent]))
    row = {"kind": kind, "id": number, "host": host, "pid": pid + slot, "user": user}
    for name, value in row.items():
        fields[f"session_{name}"][agent, slot] = value
    fields["session_order"][agent, slot] = fields["red_next_order"][agent]
    fields["red_next_order"][agent] += 1
    fields["red_session_count"][agent] += 1
    fields["red_active"][agent] = True
    return slot


def remember(fields, agent, slot, host, ports):
    """A session remembers these ports of a host."""
    place = int(np.argmax(fields["scan_session"][agent] == T.NO_HOST))
    for name, value in (("session", slot), ("host", host), ("ports", ports)):
        fields[f"scan_{name}"][agent, place] = value


def red_ends(fields, agent, kind, host, session=0):
    """A red agent ends an action in the next turn."""
    entries = {"kind": kind, "host": host, "hostname": host, "session": session, "ticks": 1}
    for name, value in entries.items():
        fields[f"red_{name}"][agent] = value


def blue_ends(fields, agent, kind, host):
    """A blue agent ends an action in the next turn."""
    rows = T.BLUE_ACTIONS[agent]
    fields["blue_action"][agent] = np.flatnonzero((rows[:, 0] == kind) & (rows[:, 1] == host))[0]
    fields["blue_ticks"][agent] = 1


# ---------------------------------------------------------------- what agents do to each other in one step


def test_a_service_stopped_earlier_in_the_step_is_not_scanned(turn, fields):
    """§4.4: red acts in the order of agents, so a lower one still finds the port that a higher one misses."""
    add(fields, 2, ABROAD, 0, user=T.User.ROOT)
    red_ends(fields, 2, T.Red.IMPACT, ABROAD)
    for agent, subnet in ((1, RZA), (3, T.RZB)):
        add(fields, agent, user_host(subnet, 0), 0)
        red_ends(fields, agent, T.Red.AGGRESSIVE, ABROAD)
    state, events = turn(fields)
    assert events.red_outcome[[1, 2, 3]].tolist() == [T.Outcome.TRUE] * 3
    assert (state.scan_ports[[1, 3], 0] & T.PORT_OT).tolist() == [T.PORT_OT, 0]


def test_a_new_pid_counts_sessions_of_the_same_step(turn, fields):
    """§4.1: the largest pid on the host at that moment plus a draw; red acts in the order of agents."""
    target = server_host(RZA, 0)
    for agent, home in ((2, ABROAD), (1, HOST)):
        slot = add(fields, agent, home, 0)
        remember(fields, agent, slot, target, T.PORT_SSH)
        red_ends(fields, agent, T.Red.EXPLOIT, target)
    both, _ = turn(fields, red_pid={1: 4, 2: 3})
    first, second = sorted(both.session_pid[1][sessions_on(both, 1, target)])
    assert second == first + 3

    # a session that the lower agent gives up in the step is gone by then
    add(fields, 1, target, 1, pid=25_000)
    red_ends(fields, 1, T.Red.WITHDRAW, target)
    left, _ = turn(fields, red_pid={2: 3})
    assert left.session_pid[1][sessions_on(left, 1, target)].tolist() == [first - 4 + 3]


def sessions_on(state, agent, host):
    return (state.session_kind[agent] > 0) & (state.session_host[agent] == host)


def test_ports_die_with_the_session_that_scanned(turn, fields):
    """§2.2: ports belong to a session; one that takes its place in the table in the same step knows none."""
    slot = add(fields, 1, HOST, 0)
    add(fields, 1, user_host(RZA, 2), 1)
    remember(fields, 1, slot, OTHER, T.PORT_SSH)
    blue_ends(fields, 0, T.Blue.RESTORE, HOST)
    state, events = turn(fields, green={HOST: T.Green.WORK}, green_phishing={green_of(HOST): 0.0})
    assert events.green_phished[green_of(HOST)]
    assert (state.session_host[1, slot], state.session_id[1, slot]) == (HOST, 2)
    assert (state.scan_session == T.NO_HOST).all()


# ---------------------------------------------------------------- single actions


def test_an_unnoticed_login_may_have_a_pid_that_blue_suspects(turn, fields, network):
    """§4.2, Q7: Remove goes by pids, so it finds a session that raised no event."""
    fields["suspicious_host"][0, 0], fields["suspicious_pid"][0, 0] = OTHER, network.base_pid[OTHER] + 4
    slot = add(fields, 1, HOST, 0)
    remember(fields, 1, slot, OTHER, T.PORT_SSH | T.PORT_WEB | T.PORT_SQL | T.PORT_MAIL)
    red_ends(fields, 1, T.Red.EXPLOIT, OTHER)
    sql = [T.Service.SSHD, T.Service.MYSQLD, 0, 0, 0]
    for delta, left in ((4, 0), (5, 1)):
        state, events = turn(fields, services={OTHER: sql}, red_exploit={1: 0.99}, red_pid={1: delta})
        assert events.red_exploit[1] == T.Exploit.SQL_INJECTION
        assert state.host_process_events[OTHER] == 0
        after = {name: np.array(value) for name, value in vars(state).items()}
        blue_ends(after, 0, T.Blue.REMOVE, OTHER)
        state, _ = turn(after)
        assert sessions_on(state, 1, OTHER).sum() == left


def test_links_are_reported_again_where_root_is_already(turn, fields):
    """§4.4: after TRUE the target's information links are reported, whether or not anything was raised."""
    server = server_host(RZA, 0)
    add(fields, 1, server, 0, user=T.User.ROOT)
    red_ends(fields, 1, T.Red.ESCALATE, server)
    state, events = turn(fields)
    assert events.red_outcome[1] == T.Outcome.TRUE
    reported = np.flatnonzero(state.seen_order[1])
    assert sorted(reported) == sorted([server, server_host(OZA, 0), server_host(T.CON, 0)])


def test_impact_needs_root(turn, fields):
    """§4.4: FALSE unless the agent has a root session on the host."""
    for user, outcome in ((T.User.USER, T.Outcome.FALSE), (T.User.ROOT, T.Outcome.TRUE)):
        fields["session_kind"][:] = T.Session.NONE
        add(fields, 2, ABROAD, 0, user=user)
        red_ends(fields, 2, T.Red.IMPACT, ABROAD)
        state, events = turn(fields)
        assert events.red_outcome[2] == outcome
        assert state.host_ot_stopped[ABROAD] == (outcome == T.Outcome.TRUE)


def test_a_session_handed_over_has_no_parent(turn, fields):
    """§3.3: the new owner gets a session without parent, which shows in the order of a Withdraw."""
    slot = add(fields, 2, ABROAD, 0)
    remember(fields, 2, slot, HOST, T.PORT_SSH)
    red_ends(fields, 2, T.Red.EXPLOIT, HOST)
    add(fields, 1, OTHER, 0)
    state, _ = turn(fields)
    (handed,) = np.flatnonzero(sessions_on(state, 1, HOST))
    assert state.session_kind[1, handed] == T.Session.ABSTRACT
    assert not state.session_parent[1, handed]


# ---------------------------------------------------------------- what the scripted reds never do


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("U", T.Red.WITHDRAW, "S"),
        ("UD", T.Red.WITHDRAW, "SD"),
        ("R", T.Red.WITHDRAW, "S"),
        ("RD", T.Red.WITHDRAW, "SD"),
        ("F", T.Red.DISCOVER, "F"),
    ],
)
def test_transitions_that_no_policy_makes(fields, before, kind, after):
    """§5.1: the stock policies never withdraw, and never discover a foreign subnet."""
    host = user_host(RZA, 0)
    fields["red_active"][1] = True
    memory = {k: np.array(value) for k, value in vars(fsm.initial_memory()).items() if value is not None}
    memory["host_state"][1, host], memory["calls"][1] = T.Fsm[before], 3
    for name, value in (("kind", kind), ("outcome", T.Outcome.TRUE), ("host", host), ("subnet", RZA)):
        fields[f"seen_{name}"][1] = value
    fields["seen_session"][1, host] = True
    after_it = fsm.remember(fsm.FsmMemory(**memory), State(**fields))
    assert after_it.host_state[1, host] == T.Fsm[after]


def test_a_sleeping_red_and_a_sleeping_green_do_nothing(fields):
    """§5.5, §4.3: both choose Sleep, whatever is drawn, and a sleeping red keeps no memory."""
    draws, state = draw.sample(jax.random.key(1)), State(**fields)
    memory = red.remember(red.initial_memory(["sleep"]), state)
    assert memory is None
    action = red.choose("sleep", draws, default_options(), state, memory)
    assert (np.asarray(action.kind) == T.Red.SLEEP).all()
    assert (np.asarray(green.decide("sleep", draws)) == T.Green.SLEEP).all()


# ---------------------------------------------------------------- lists that are full


def _full_sessions(fields):
    """All places of red_agent_1's session table are taken when a mail gives it one more."""
    fields["red_next_order"][1] = 0
    for number in range(T.MAX_SESSIONS):
        add(fields, 1, OTHER, number)
    return {"green": {HOST: T.Green.WORK}, "green_phishing": {green_of(HOST): 0.0}}


def _largest_id(fields):
    """The largest session id that can be told apart is taken."""
    add(fields, 1, OTHER, 0)
    add(fields, 1, OTHER, T.MAX_SESSION_ID - 1)
    return {"green": {HOST: T.Green.WORK}, "green_phishing": {green_of(HOST): 0.0}}


def _full_scans(fields):
    slot = add(fields, 1, OTHER, 0)
    for _ in range(T.MAX_SCANS):
        remember(fields, 1, slot, ABROAD, T.PORT_SSH)
    red_ends(fields, 1, T.Red.AGGRESSIVE, HOST)
    return {}


def _full_suspicions(fields):
    fields["suspicious_host"][0] = OTHER
    slot = add(fields, 1, OTHER, 0)
    remember(fields, 1, slot, HOST, T.PORT_SSH)
    red_ends(fields, 1, T.Red.EXPLOIT, HOST)
    return {}


def _full_orphans(fields):
    fields["host_orphans"][HOST], fields["host_orphan_pid"][HOST] = T.MAX_ORPHANS, 29_000
    fields["host_decoy"][HOST, 0], fields["host_decoy_pid"][HOST, 0] = T.Decoy.VSFTPD, 30_000
    blue_ends(fields, 0, T.Blue.DECOY, HOST)
    return {"blue_decoy": {0: 0.999}}


@pytest.mark.parametrize(
    ("fill", "flag", "kept"),
    [
        (_full_sessions, T.Overflow.SESSIONS, ("session_id", "session_host")),
        (_largest_id, T.Overflow.SESSION_IDS, ("session_id", "session_host")),
        (_full_scans, T.Overflow.SCANS, ("scan_host", "scan_ports")),
        (_full_suspicions, T.Overflow.SUSPICIOUS, ("suspicious_host", "suspicious_pid")),
        (_full_orphans, T.Overflow.ORPHANS, ("host_orphans", "host_orphan_pid")),
    ],
    ids=lambda part: part.name.lower() if isinstance(part, T.Overflow) else "",
)
def test_a_full_list_says_so_and_loses_nothing(turn, fields, fill, flag, kept):
    """What no longer fits is left out, what is there stays, and the flag of that list alone is set."""
    situation = fill(fields)
    state, _ = turn(fields, **situation)
    assert state.overflow == flag
    for name in kept:
        np.testing.assert_array_equal(getattr(state, name), fields[name])
