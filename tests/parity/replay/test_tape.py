"""Hand-made tapes on a recorded network: where each draw goes, and what is refused."""

import dataclasses

import jax
import numpy as np
import pytest

from garrison.parity.recording.trace import Draw, TraceStep
from garrison.parity.replay.step_draws import TapeError
from garrison.parity.replay.tape import draws_of
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents.fsm import initial_memory
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import NO_RANK

CON0, CON1 = T.user_host(T.CON, 0), T.user_host(T.CON, 1)
SERVER = T.server_host(T.CON, 0)
RZA0 = T.user_host(T.RZA, 0)
RED, GREEN = "red_agent_0", "green_agent_0"  # the first green agent sits on RZA0


def draw(site, agent, kind, span, outcome, label=None, host=None):
    return Draw(site, agent, host, kind, span, outcome, label)


def uniform(site, agent, value):
    return draw(site, agent, "random", None, value)


def new_pid(agent, host, value):
    return draw("Host.py:200", agent, "integers", [1, 10], value, host=T.HOST_NAMES[host])


@pytest.fixture
def lay(names, network, options, first_state):
    """Lay out a tape; ``state`` and ``executed`` change what is true besides. No red is active by default.

    Fields of the finite-state red's memory are among those of ``state``.
    """
    nothing = jax.device_get(initial_memory())

    def lay(*tape, red="fsm", state=None, executed=None, before=None, after=None, rules=options):
        done = dict.fromkeys((*T.BLUE_AGENTS, *T.RED_AGENTS), ["Sleep", {}, "UNKNOWN", True, None])
        step = TraceStep(0, {}, list(tape), done | (executed or {}), after or {}, {}, [0.0, 0.0], False)
        idle = {"red_active": np.zeros(T.NUM_RED, bool)}
        fields = idle | (state or {})
        remembered = {name: fields.pop(name) for name in vars(nothing) if name in fields}
        now, memory = first_state.replace(**fields), nothing.replace(**remembered)
        return draws_of(step, red, network, rules, now, memory, before or {}, names)

    return lay


def filled(draws):
    """The places that differ from blank draws."""
    blank = D.blank()
    return {
        (field.name, *map(int, place)): getattr(draws, field.name)[tuple(place)].item()
        for field in dataclasses.fields(draws)
        for place in np.argwhere(getattr(draws, field.name) != np.asarray(getattr(blank, field.name)))
    }


# ---------------------------------------------------------------- green


def test_green_draws(lay, names, network):
    reach = T.GREEN_REACH[0, T.RZA]
    servers = [h for h in names.hosts if T.IS_SERVER[h] and reach[T.HOST_SUBNET[h]]]
    services = int((network.service_kind[RZA0] > 0).sum())
    draws = lay(
        draw("EnterpriseGreenAgent.py:60", GREEN, "choice", 3, 1, "GreenLocalWork"),
        draw("GreenLocalWork.py:101", GREEN, "choice", services, services - 1, "Service"),
        draw("GreenLocalWork.py:102", GREEN, "integers", [0, 100], 42),
        uniform("GreenLocalWork.py:112", GREEN, 0.25),
        uniform("GreenLocalWork.py:118", GREEN, 0.125),
        new_pid(GREEN, RZA0, 7),
        draw("GreenAccessService.py:115", "green_agent_1", "choice", len(servers), 2, names.ip[servers[2]]),
        uniform("GreenAccessService.py:207", "green_agent_1", 0.75),
    )
    places = filled(draws)
    assert int(places.pop(("green_action", 0)) * 3) == 1
    assert int(places.pop(("green_pick", 0)) * services) == services - 1
    assert int(places.pop(("green_pick", 1)) * len(servers)) == 2
    assert places == {
        ("green_reliability", 0): 42,
        ("green_alarm", 0): 0.25,
        ("green_phishing", 0): 0.125,
        ("green_pid", 0): 7,
        ("green_alarm", 1): 0.75,
    }


def test_green_finds_the_services_that_blue_leaves_in_this_step(lay, network, first_state):
    name = T.HOST_NAMES[RZA0]
    decoys = first_state.host_decoy.copy()
    decoys[RZA0, 0] = T.Decoy.TOMCAT
    real = int((network.service_kind[RZA0] > 0).sum())

    def count_with(action):
        executed = {"blue_agent_0": [action, {"hostname": name}, "TRUE", True, None]}
        for count in range(2, 9):
            try:
                work = draw("GreenLocalWork.py:101", GREEN, "choice", count, 0, "Service")
                lay(work, state={"host_decoy": decoys}, executed=executed)
            except TapeError:
                continue
            return count
        raise AssertionError("no number of services was accepted")

    assert [count_with(a) for a in ("Sleep", "Remove", "Restore", "DeployDecoy")] == [
        real + 1, real + 1, real, real + 2,
    ]  # fmt: skip


# ---------------------------------------------------------------- the finite-state red


@pytest.fixture
def knowing(first_state):
    """A state in which red_agent_0 decides and knows hosts: slots in order of first sight, with states."""

    def knowing(hosts, **fields):
        shape = (T.NUM_RED, T.NUM_HOSTS)
        fsm, order, named = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16), np.zeros(shape, bool)
        for ticket, (host, state) in enumerate(hosts, 1):
            fsm[0, host], order[0, host], named[0, host] = state, ticket, True
        active = np.arange(T.NUM_RED) == 0
        return {"host_state": fsm, "order": order, "hostname": named, "red_active": active} | fields

    return knowing


def test_hosts_are_picked_by_slot_though_recorded_by_first_sight(lay, names, knowing):
    state = knowing([(SERVER, T.Fsm.SD), (CON1, T.Fsm.F), (CON0, T.Fsm.U), (RZA0, T.Fsm.S)])
    draws = lay(
        draw("FiniteStateRedAgent.py:291", RED, "choice", 3, 0, names.ip[SERVER]),
        draw("FiniteStateRedAgent.py:311", RED, "choice_p", 2, 1, "DiscoverDeception"),
        state=state,
    )
    slots = sorted([SERVER, CON0, RZA0])
    assert slots[int(draws.red_host[0] * 3)] == SERVER
    assert draws.red_action[0] == pytest.approx(0.75 + 0.25 / 2)  # the middle of what follows Exploit


def test_sessions_and_subnets_are_picked_in_order_of_first_sight(lay, names, knowing, first_state):
    ranks = np.full_like(first_state.red_known_session, NO_RANK)
    ranks[0, [4, 0, 9]] = [0, 1, 2]
    subnets = first_state.red_known_subnet.copy()
    subnets[0, [T.PAZ, T.CON]] = True
    state = knowing([(CON0, T.Fsm.U)], red_known_session=ranks, red_known_subnet=subnets)
    draws = lay(
        draw("FiniteStateRedAgent.py:311", RED, "choice_p", 3, 0, "DiscoverRemoteSystems"),
        draw("FiniteStateRedAgent.py:330", RED, "choice", 2, 1, names.cidr[T.PAZ]),
        draw("FiniteStateRedAgent.py:330", RED, "choice", 3, 2, "9"),
        state=state,
    )
    assert int(draws.red_subnet[0] * 2) == 1
    assert int(draws.red_session[0] * 3) == 2


@pytest.mark.parametrize(
    ("tape", "message"),
    [
        ([], "should draw at FiniteStateRedAgent.py:291"),
        ([("291", "choice", 3, 0, SERVER)], "chose among 3, we would among 2"),
        ([("291", "choice", 2, 0, CON0)], "chose .* as number 0, we"),
        ([("291", "integers", 2, 0, SERVER)], "a choice was expected, not integers"),
        ([("291", "choice", 2, 2, SERVER)], "index 2 of 2"),
        ([("311", "choice_p", 2, 0, None)], "a draw at FiniteStateRedAgent.py:291 was expected"),
        ([("291", "choice", 2, 0, SERVER)], "should draw at FiniteStateRedAgent.py:311"),
        ([("291", "choice", 2, 1, CON0), ("311", "choice_p", 2, 1, "Withdraw")], "we never choose Withdraw"),
        (
            [("291", "choice", 2, 1, CON0), ("311", "choice_p", 2, 0, "PrivilegeEscalate"),
             ("330", "choice", 2, 0, "0")],
            "no draw was expected",
        ),
    ],
)  # fmt: skip
def test_decisions_that_do_not_follow_from_what_red_knows(lay, names, knowing, tape, message):
    rows = [
        draw(f"FiniteStateRedAgent.py:{line}", RED, kind, n, i, names.ip[x] if isinstance(x, int) else x)
        for line, kind, n, i, x in tape
    ]
    with pytest.raises(TapeError, match=message):
        lay(*rows, state=knowing([(SERVER, T.Fsm.SD), (CON0, T.Fsm.UD)]))


@pytest.mark.parametrize("busy", [{"red_active": np.zeros(6, bool)}, {"red_ticks": np.ones(6, np.uint8)}])
def test_busy_and_inactive_reds_decide_nothing(lay, knowing, busy):
    state = knowing([(SERVER, T.Fsm.SD), (CON0, T.Fsm.UD)]) | busy
    assert filled(lay(state=state)) == {}
    with pytest.raises(TapeError, match="no draw was expected"):
        lay(draw("FiniteStateRedAgent.py:291", RED, "choice", 2, 0), state=state)


@pytest.mark.parametrize(
    ("roll", "site", "pool"), [(0.75, 280, [SERVER, SERVER + 1]), (0.76, 285, [CON0, CON1])]
)
def test_the_discovery_variant_picks_a_state_then_servers(lay, names, knowing, roll, site, pool):
    known = [(CON1, T.Fsm.SD), (SERVER + 1, T.Fsm.SD), (RZA0, T.Fsm.U), (CON0, T.Fsm.SD), (SERVER, T.Fsm.SD)]
    ordered = [host for host, _ in known if host in pool]
    draws = lay(
        draw("FiniteStateRedAgent.py:269", RED, "choice_p", 2, 0, "SD"),
        uniform("FiniteStateRedAgent.py:278", RED, roll),
        draw(f"FiniteStateRedAgent.py:{site}", RED, "choice", 2, 0, names.ip[ordered[0]]),
        draw("FiniteStateRedAgent.py:311", RED, "choice_p", 2, 0, "ExploitRemoteService"),
        red="discovery",
        state=knowing(known),
        rules=default_options(),
    )
    assert draws.red_group[0] == pytest.approx(20 / 30 / 2)
    assert draws.red_server[0] == pytest.approx(roll)
    assert pool[int(draws.red_host[0] * 2)] == ordered[0]


def test_the_discovery_variant_without_priorities_or_servers(lay, names, knowing):
    known = [(CON1, T.Fsm.RD), (CON0, T.Fsm.RD), (SERVER, T.Fsm.R)]
    draws = lay(
        draw("FiniteStateRedAgent.py:271", RED, "choice", 2, 0, "RD"),
        draw("FiniteStateRedAgent.py:289", RED, "choice", 2, 0, names.ip[CON1]),
        draw("FiniteStateRedAgent.py:311", RED, "choice_p", 3, 1, "Impact"),
        red="discovery",
        state=knowing(known),
        rules=default_options(),
    )
    assert draws.red_group[0] == pytest.approx(0.75)  # R comes first in our order
    assert int(draws.red_host[0] * 2) == 1
    assert draws.red_action[0] == pytest.approx(0.75)


# ---------------------------------------------------------------- the random red


def test_random_select_draws_parameters_in_constructor_order(lay, first_state):
    ips, hostnames = first_state.red_known_ip.copy(), first_state.red_known_hostname.copy()
    ips[0], hostnames[0] = False, False
    ips[0, [CON0, CON1, SERVER]], hostnames[0, [CON1, SERVER]] = True, True
    state = {"red_active": np.arange(6) == 0, "red_known_ip": ips, "red_known_hostname": hostnames}
    state["red_ticks"] = np.full(6, 2, np.uint8)  # it draws while it is busy, too
    withdraw = draw("RandomSelectRedAgent.py:68", RED, "integers", [0, 10], 8)
    draws = lay(
        withdraw,
        draw("RandomSelectRedAgent.py:81", RED, "integers", [0, 3], 2),
        draw("RandomSelectRedAgent.py:81", RED, "integers", [0, 2], 1),
        red="random_select",
        state=state,
    )
    places = {name: int(u * n) for (name, _), u in filled(draws).items() for n in [_OPTIONS[name]]}
    assert places == {"red_action": 8, "red_host": 2, "red_group": 1}
    with pytest.raises(TapeError, match="chose among 2, we would among 3"):
        lay(withdraw, draw("RandomSelectRedAgent.py:81", RED, "integers", [0, 2], 1), red="random_select",
            state=state)  # fmt: skip
    with pytest.raises(TapeError, match="should draw at RandomSelectRedAgent.py:68"):
        lay(red="random_select", state=state)


_OPTIONS = {"red_action": 10, "red_host": 3, "red_group": 2}


# ---------------------------------------------------------------- red's actions


def acting(kind, host, names):
    """What red_agent_0 executes."""
    by_name = kind in ("PrivilegeEscalate", "Impact", "DegradeServices")
    target = {"hostname": T.HOST_NAMES[host]} if by_name else {"ip_address": names.ip[host]}
    return {RED: [kind, target | {"session": "0"}, "TRUE", True, None]}


def snapshot(host, decoys):
    processes = [[i, "user", "SSH", decoy, [22]] for i, decoy in enumerate(decoys)]
    return {"hosts": {T.HOST_NAMES[host]: {"processes": processes}}}


@pytest.mark.parametrize(
    ("rolls", "reported"),
    [
        ([(0.9, 0.9), (0.9, 0.9)], False),
        ([(0.9, 0.9), (0.5, None)], True),  # the decoy, at first sight
        ([(0.9, 0.1), (0.9, 0.9)], True),  # a false positive
        ([(0.2, 0.9), (0.9, 0.1)], False),  # the second roll on a decoy says nothing
    ],
)
def test_deception_is_one_bit(lay, names, rolls, reported):
    tape = []
    for first, second in rolls:
        tape.append(uniform("DiscoverDeception.py:89", RED, first))
        tape += [uniform("DiscoverDeception.py:95", RED, second)] if second is not None else []
    flags = snapshot(CON0, [False, True])
    draws = lay(*tape, executed=acting("DiscoverDeception", CON0, names), before=flags, after=flags)
    assert draws.red_deception[0] == (0 if reported else D.blank().red_deception[0])


def test_deception_on_a_host_that_blue_changed(lay, names):
    executed = acting("DiscoverDeception", RZA0, names)
    executed["blue_agent_0"] = ["DeployDecoy", {"hostname": T.HOST_NAMES[RZA0]}, "TRUE", True, None]
    tape = [uniform("DiscoverDeception.py:89", RED, 0.5)]
    both = {"before": snapshot(RZA0, [False]), "after": snapshot(RZA0, [True])}
    assert lay(*tape, executed=executed, **both).red_deception[0] == 0
    with pytest.raises(TapeError, match="do not fit"):
        lay(*tape, executed=acting("DiscoverDeception", RZA0, names), **both)
    with pytest.raises(TapeError, match="looked at 2 processes"):
        lay(*tape, *tape, executed=executed, **both)


def test_exploits_scans_and_routes(lay, names, first_state):
    source = int(first_state.session_host[0, 0])
    target = T.server_host(T.RZA, 0)
    scans = {name: getattr(first_state, name).copy() for name in ("scan_session", "scan_host", "scan_ports")}
    scans["scan_session"][0, 3], scans["scan_host"][0, 3] = 0, target
    scans["scan_ports"][0, 3] = T.PORT_SSH | T.PORT_WEB | T.PORT_MAIL
    state = scans | {"red_host": np.full(6, target, np.uint8)}
    assert T.HOST_SUBNET[source] == T.CON
    executed = acting("ExploitRemoteService", target, names)
    choose = draw("ExploitRemoteService.py:61", RED, "choice", 2, 1, "SSHBruteForce")
    route = [uniform("SSHBruteForce.py:44", RED, 0.1 * i) for i in range(1, 6)]
    draws = lay(
        choose, uniform("ExploitRemoteService.py:65", RED, 0.5), *route, new_pid(RED, target, 3),
        state=state, executed=executed,
    )  # fmt: skip
    places = filled(draws)
    assert int(places.pop(("red_exploit", 0)) * 2) == 1
    assert places.pop(("red_pid", 0)) == 3
    assert places == pytest.approx({("red_route", 0, i): 0.1 * (i + 1) for i in range(5)})
    with pytest.raises(TapeError, match="drew for 4 nodes .* we for 5"):
        lay(choose, *route[:4], state=state, executed=executed)
    scans["scan_ports"][0, 3] |= T.PORT_SQL
    with pytest.raises(TapeError, match="chose among 2, we would among 3"):
        lay(choose, state=state, executed=executed)


def test_other_draws_of_red(lay, names, first_state):
    host = int(first_state.session_host[0, 0])
    sessions = {
        name: getattr(first_state, name).copy() for name in ("session_kind", "session_id", "session_host")
    }
    sessions["session_kind"][0, 5], sessions["session_id"][0, 5] = T.Session.SSH, 3
    sessions["session_host"][0, 5] = host
    executed = acting("PrivilegeEscalate", host, names)
    draws = lay(
        uniform("Portscan.py:49", "red_agent_1", 0.3),
        uniform("ExploitAction.py:83", "red_agent_2", 0.2),
        uniform("ExploitAction.py:102", "red_agent_2", 0.4),
        draw("PrivilegeEscalate.py:103", RED, "choice", 2, 1, "Session"),
        draw("RedSessionCheck.py:37", "red_agent_3", "choice", 4, 2, "7"),
        state=sessions,
        executed=executed,
    )
    assert filled(draws) == pytest.approx(
        {
            ("red_scan", 1): 0.3,
            ("red_alert", 2): 0.4,
            ("red_escalate", 0): 0.75,
            ("red_promote", 3): 0.625,
        }
    )
    with pytest.raises(TapeError, match="chose among 3, we would among 2"):
        lay(draw("PrivilegeEscalate.py:103", RED, "choice", 3, 1), state=sessions, executed=executed)


def test_phishing_senders(lay, first_state):
    sessions = {name: getattr(first_state, name).copy() for name in ("session_kind", "session_host")}
    sessions["session_kind"][[2, 2, 1], [0, 1, 0]] = T.Session.ABSTRACT
    sessions["session_host"][[2, 2, 1], [0, 1, 0]] = T.server_host(T.OZA, 0)
    label = ["red_agent_2", T.HOST_NAMES[T.server_host(T.OZA, 0)]]
    draws = lay(draw("PhishingEmail.py:88", GREEN, "choice", 3, 1, label), state=sessions)
    assert int(draws.green_sender[0] * 3) == 1
    with pytest.raises(TapeError, match="chose among 4, we would among 3"):
        lay(draw("PhishingEmail.py:88", GREEN, "choice", 4, 1, label), state=sessions)


# ---------------------------------------------------------------- blue


def test_decoys_and_new_pids_of_blue(lay, network, first_state):
    name = T.HOST_NAMES[RZA0]
    decoys = first_state.host_decoy.copy()
    decoys[RZA0, 0] = T.Decoy.TOMCAT
    open_kinds = set(network.service_kind[RZA0].tolist())
    free = [(T.Service.APACHE2, "ApacheDecoyFactory"), (T.Service.SMTP, "HarakaDecoyFactory")]
    candidates = [label for kind, label in free if kind not in open_kinds] + ["VsftpdDecoyFactory"]
    executed = {"blue_agent_0": ["DeployDecoy", {"hostname": name}, "TRUE", True, None]}
    n = len(candidates)
    draws = lay(
        draw("DecoyAction.py:84", "blue_agent_0", "choice", n, n - 1, candidates[-1]),
        new_pid("blue_agent_0", RZA0, 9),
        state={"host_decoy": decoys},
        executed=executed,
    )
    assert int(draws.blue_decoy[0] * n) == n - 1
    assert draws.blue_pid[0] == 9


def test_remove_takes_a_new_pid_per_decoy_it_hits(lay):
    executed = {"blue_agent_0": ["Remove", {"hostname": T.HOST_NAMES[RZA0]}, "TRUE", True, None]}
    draws = lay(*[new_pid("blue_agent_0", RZA0, i) for i in (4, 2)], executed=executed)
    assert draws.blue_repid[0, :3].tolist() == [4, 2, 1]
    with pytest.raises(TapeError, match="takes no"):
        lay(*[new_pid("blue_agent_0", RZA0, 4)] * (D.MAX_REPIDS + 1), executed=executed)
    with pytest.raises(TapeError, match="where the agent does not act"):
        lay(new_pid("blue_agent_0", CON0, 4), executed=executed)


# ---------------------------------------------------------------- what never fits


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (uniform("Portscan.py:50", RED, 0.5), "Portscan.py:50 by red_agent_0: unknown site"),
        (uniform("Portscan.py:49", GREEN, 0.5), "not a red agent"),
        (uniform("Portscan.py:49", RED, 1.5), "a uniform was expected"),
        (draw("Portscan.py:49", RED, "integers", [0, 2], 0), "a uniform was expected"),
        (uniform("GreenLocalWork.py:112", "green_agent_99", 0.5), "no such green agent"),
        (draw("GreenLocalWork.py:102", GREEN, "integers", [0, 99], 1), r"in \[0, 100\) was expected"),
        (draw("Host.py:200", GREEN, "integers", [1, 10], 10), r"in \[1, 10\) was expected"),
        (draw("EnterpriseGreenAgent.py:60", GREEN, "choice", 3, 0, "Sleep"), "chose 'Sleep' as number 0"),
        (draw("EnterpriseGreenAgent.py:60", GREEN, "choice", 2, 0, "Sleep"), "we would among 3"),
        (uniform("ExploitRemoteService.py:65", RED, 0.0), "0 would have changed the outcome"),
        (uniform("DiscoverDeception.py:95", RED, 0.5), "a second roll without a first one"),
        (uniform("FiniteStateRedAgent.py:278", "red_agent_2", 0.5), "no draw was expected"),
    ],
)
def test_refused(lay, row, message):
    with pytest.raises(TapeError, match=message):
        lay(row)


def test_a_place_is_filled_once(lay):
    with pytest.raises(TapeError, match="red_scan has been drawn already"):
        lay(*[uniform("Portscan.py:49", RED, 0.5)] * 2)


def test_a_sleeping_red_draws_nothing(lay):
    with pytest.raises(TapeError, match="red 'sleep' draws nothing"):
        lay(uniform("FiniteStateRedAgent.py:278", RED, 0.5), red="sleep")
