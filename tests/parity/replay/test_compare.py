"""The compared form: what shows in it, what is left out on purpose, and that differences are found."""

import copy
import dataclasses

import numpy as np
import pytest

from garrison.parity.recording.trace import Draw, TraceStep
from garrison.parity.replay import cyborg_side, garrison_side
from garrison.parity.replay.compare import ABSENT, differences
from garrison.parity.replay.render import Renderer
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents.fsm import FsmMemory, initial_memory
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.state import State

HOST = T.user_host(T.RZA, 0)
CON0 = T.user_host(T.CON, 0)
OZA0 = T.user_host(T.OZA, 0)


# ---------------------------------------------------------------- differences


def test_differences_are_found_where_they_are():
    mine = {"a": [1, {"b": 2}], "c": 3, "same": [None], "none": None}
    theirs = {"a": [1, {"b": 4}], "d": 5, "same": [None]}
    found = {d.path: (d.garrison, d.recorded) for d in differences(7, mine, theirs)}
    assert found == {"/a/1/b": (2, 4), "/c": (3, ABSENT), "/d": (ABSENT, 5), "/none": (None, ABSENT)}
    assert list(differences(7, mine, mine)) == []


def test_lists_of_different_lengths_are_one_difference():
    (only,) = differences(0, {"x": [1, 2, 3]}, {"x": [1, 3]})
    assert only == (0, "/x", [1, 2, 3], [1, 3])
    assert str(only) == "step 0: /x: garrison [1, 2, 3], recorded [1, 3]"
    assert only._replace(step=-1).place == "reset"


# ---------------------------------------------------------------- our state


@pytest.fixture(scope="session")
def rich_state(first_state):
    """A state in which everything that is compared has something to show."""
    state = {f.name: np.array(getattr(first_state, f.name)) for f in dataclasses.fields(State)}
    state["host_decoy"][HOST, :2] = T.Decoy.HARAKA, T.Decoy.VSFTPD
    state["host_decoy_pid"][HOST, :2] = 20_001, 20_003
    state["host_orphans"][HOST], state["host_orphan_pid"][HOST] = 4, 20_000
    state["suspicious_host"][0, :2], state["suspicious_pid"][0, :2] = HOST, (77, 20_002)
    state["suspicious_orphan"][0, 1] = True
    state["host_process_events"][HOST] = 3
    state["session_kind"][0, 1:3] = T.Session.ABSTRACT, T.Session.SSH
    state["session_id"][0, 1:3], state["session_host"][0, 1:3] = (2, 5), CON0
    state["session_pid"][0, 1:3], state["session_order"][0, 1:3] = (20_001, 20_002), (2, 1)
    state["scan_session"][0, 0], state["scan_host"][0, 0] = 1, HOST
    state["scan_ports"][0, 0] = T.PORT_SSH
    state["red_known_session"][0, [2, 5]] = 1, 2
    state["blue_action"][0], state["blue_ticks"][0] = 17, 2  # Remove on server 0
    state["red_kind"][0], state["red_ticks"][0], state["red_host"][0] = T.Red.EXPLOIT, 2, HOST
    return State(**state)


@pytest.fixture
def rich_memory():
    """A memory of the finite-state red that knows two hosts; to be written into."""
    memory = {name: np.array(value) for name, value in vars(initial_memory()).items() if value is not None}
    memory["host_state"][0, [HOST, CON0]], memory["order"][0, [HOST, CON0]] = T.Fsm.K, (2, 1)
    return FsmMemory(**memory)


@pytest.fixture
def render(network, names):
    """Render a state as the first of its episode."""
    return lambda state, memory=None: Renderer(network, names).render(state, memory=memory)


# field, place, another value
CHANGES = {
    "step": ((), 5), "phase": ((), 1), "blocked": ((T.RZA, T.CON), True), "overflow": ((), 1),
    "host_reliability": ((HOST, 0), 80), "host_ot_stopped": ((OZA0,), True),
    "host_decoy": ((HOST, 1), T.Decoy.TOMCAT), "host_decoy_pid": ((HOST, 0), 20_009),
    "host_network_events": ((HOST,), 4), "host_process_events": ((CON0,), 1),
    "host_cmd_files": ((HOST,), 1), "host_escalate_files": ((HOST,), 1),
    "host_orphans": ((HOST,), 3), "host_orphan_pid": ((HOST,), 19_999),
    "suspicious_host": ((0, 1), HOST + 1), "suspicious_pid": ((0, 1), 79),
    "suspicious_orphan": ((0, 1), False),
    "session_kind": ((0, 1), T.Session.SSH), "session_id": ((0, 1), 3), "session_host": ((0, 1), HOST),
    "session_pid": ((0, 1), 20_011), "session_user": ((0, 1), T.User.ROOT), "session_order": ((0, 1), 0),
    "scan_session": ((0, 0), 0), "scan_host": ((0, 0), CON0), "scan_ports": ((0, 0), T.PORT_WEB),
    "red_active": ((3,), True), "red_session_count": ((0,), 9), "red_known_session": ((0, 5), 0),
    "red_known_subnet": ((0, T.RZA), True), "red_known_ip": ((0, HOST), True),
    "red_known_hostname": ((0, HOST), True),
    "blue_action": ((0,), 18), "blue_ticks": ((0,), 1), "red_kind": ((0,), T.Red.STEALTH),
    "red_host": ((0,), CON0), "red_ticks": ((0,), 1),
}  # fmt: skip
CHANGES_OF_MEMORY = {
    "calls": ((0,), 1), "host_state": ((0, HOST), T.Fsm.KD), "order": ((0, HOST), 0),
    "hostname": ((0, HOST), True),
}  # fmt: skip
# what the recording holds in another form, or shows by its effect alone
IMPLIED = {
    "session_suspicious",  # follows from the list of suspicious pids
    "session_parent",  # decides what a Withdraw ends
    "red_next_order",  # the next ticket of session_order
    "red_subnet", "red_session", "red_hostname",  # show once the action is executed
    "seen_kind", "seen_outcome", "seen_host", "seen_subnet", "seen_order", "seen_hostname", "seen_session",
}  # fmt: skip


def test_every_field_of_the_state_is_accounted_for():
    assert set(CHANGES) | IMPLIED == {field.name for field in dataclasses.fields(State)}
    weighed = {"role", "failures"}  # compared by the chances of choices, not rendered
    assert set(CHANGES_OF_MEMORY) | weighed == {field.name for field in dataclasses.fields(FsmMemory)}


@pytest.mark.parametrize("name", CHANGES_OF_MEMORY)
def test_every_field_of_reds_memory_shows(render, first_state, rich_memory, name):
    before = render(first_state, rich_memory)
    place, value = CHANGES_OF_MEMORY[name]
    assert getattr(rich_memory, name)[place] != value
    getattr(rich_memory, name)[place] = value
    assert render(first_state, rich_memory) != before


@pytest.mark.parametrize("name", CHANGES)
def test_every_compared_field_shows(render, rich_state, name):
    place, value = CHANGES[name]
    changed = getattr(rich_state, name).copy()
    assert changed[place] != value
    changed[place] = value
    assert render(dataclasses.replace(rich_state, **{name: changed})) != render(rich_state)


def test_processes_stand_in_the_order_of_cyborg(render, rich_state, network):
    processes = render(rich_state)["hosts"][T.HOST_NAMES[HOST]]["processes"]
    real = int((network.service_kind[HOST] > 0).sum())
    shells = [network.blue_pid[HOST], network.green_pid[HOST]]
    assert [p[0] for p in processes[real:]] == [*shells, 20_001, 20_002, 20_003]
    assert processes[-3:] == [
        [20_001, "ubuntu", "SMTP", True, [25]],
        [20_002, "ubuntu", "WEBSERVER", True, [80]],  # an orphan that blue suspects
        [20_003, "ubuntu", "WEBSERVER", True, [80]],
    ]


def test_sessions_stand_in_the_order_of_their_map_and_id_0_first_on_its_host(render, rich_state):
    start = int(rich_state.session_host[0, 0])
    on_host = rich_state.session_host.copy()
    on_host[0, :3] = start
    order = rich_state.session_order.copy()
    order[0, 0] = 9
    form = render(dataclasses.replace(rich_state, session_host=on_host, session_order=order))
    assert [session[0] for session in form["sessions"]["red_agent_0"]] == [5, 2, 0]
    assert form["hosts"][T.HOST_NAMES[start]]["sessions"]["red_agent_0"] == [0, 5, 2]


def test_events_with_pids_are_those_that_blue_has_not_seen_before(network, names, rich_state):
    renderer, host = Renderer(network, names), T.HOST_NAMES[HOST]
    first = renderer.render(rich_state)["hosts"][host]["events"]
    assert first == {"network": [0, 0], "process": [[], [None, 77, 20_002]]}
    hosts, pids = rich_state.suspicious_host.copy(), rich_state.suspicious_pid.copy()
    hosts[0, 2], pids[0, 2] = HOST, 90
    later = dataclasses.replace(rich_state, suspicious_host=hosts, suspicious_pid=pids)
    assert renderer.render(later)["hosts"][host]["events"]["process"] == [[], [None, None, 90]]
    assert renderer.render(later)["sessions"]["blue_agent_0"][0][7] == {host: [77, 20_002, 90]}


@pytest.fixture(scope="session")
def quiet():
    """Events of a step in which everybody slept."""
    kinds = {field.name: np.zeros(_LENGTH[field.name[:3]], np.uint8) for field in dataclasses.fields(Events)}
    kinds["blue_host"][:] = kinds["red_host"][:] = T.NO_HOST
    kinds["green_kind"][:] = T.Green.SLEEP
    kinds["red_ran"][:] = 1
    flags = ("green_alarm", "green_phished", "red_ran", "red_trapped", "red_alert")
    kinds |= {name: kinds[name] > 0 for name in flags}
    kinds["red_noticed"] = np.zeros((T.NUM_RED, T.NUM_HOSTS), bool)
    return Events(**kinds)


_LENGTH = {"blu": T.NUM_BLUE, "gre": T.NUM_GREEN, "red": T.NUM_RED}


def changed(events, index, **fields):
    """Events with entries of one agent replaced."""
    arrays = {}
    for name, value in fields.items():
        arrays[name] = getattr(events, name).copy()
        arrays[name][index] = value
    return dataclasses.replace(events, **arrays)


def test_restore_puts_blues_session_last(network, names, rich_state, quiet):
    renderer = Renderer(network, names)
    before = [session[:2] for session in renderer.render(rich_state)["sessions"]["blue_agent_0"]]
    restore = changed(quiet, 0, blue_kind=T.Blue.RESTORE, blue_host=HOST)
    after = [session[:2] for session in renderer.render(rich_state, restore)["sessions"]["blue_agent_0"]]
    moved = next(session for session in before if session[1] == T.HOST_NAMES[HOST])
    assert after == [session for session in before if session != moved] + [moved]
    assert before[0] == [0, T.HOST_NAMES[network.blue_parent[0]]]


# ---------------------------------------------------------------- what was executed


def test_our_events(names, quiet):
    block = {"blue_kind": T.Blue.BLOCK, "blue_from": T.CON, "blue_to": T.RZA, "blue_outcome": T.Outcome.FALSE}
    events = changed(quiet, 0, **block, green_kind=T.Green.WORK, green_target=HOST, green_phished=1)
    events = changed(events, 1, red_kind=T.Red.IMPACT, red_host=OZA0, red_session=4, red_ran=0)
    events = changed(events, 2, red_kind=T.Red.DISCOVER, red_subnet=T.OZA, red_outcome=T.Outcome.TRUE)
    events = changed(events, 3, red_kind=T.Red.EXPLOIT, red_host=HOST, red_exploit=T.Exploit.HTTP_RFI,
                     red_trapped=1, red_outcome=T.Outcome.FALSE)  # fmt: skip
    done = garrison_side.executed(events, names)
    assert done["blue_agent_0"] == {
        "action": "BlockTrafficZone",
        "target": [T.SUBNETS[T.CON], T.SUBNETS[T.RZA]],
        "result": "FALSE",
    }
    assert done["green_agent_0"] == {
        "action": "GreenLocalWork", "target": names.ip[HOST], "result": None, "alarm": False, "phished": True,
    }  # fmt: skip
    nothing = {"exploit": None, "trapped": False}
    assert done["red_agent_1"] == nothing | {
        "action": "Impact", "target": T.HOST_NAMES[OZA0], "session": "4", "result": None, "ran": False,
    }  # fmt: skip
    assert done["red_agent_2"] == nothing | {
        "action": "DiscoverRemoteSystems", "target": names.cidr[T.OZA], "session": "0", "result": "TRUE",
        "ran": True,
    }  # fmt: skip
    assert done["red_agent_3"] == {
        "action": "ExploitRemoteService", "target": names.ip[HOST], "session": "0", "result": "FALSE",
        "ran": True, "exploit": "HTTPRFI", "trapped": True,
    }  # fmt: skip


def test_recorded_actions_of_the_same_step_have_the_same_form(names, quiet, options):
    """The recorded counterpart of one of each team, equal to ours."""
    exploit = [
        "ExploitRemoteService",
        {"session": "0", "ip_address": names.ip[HOST]},
        "FALSE",
        True,
        "HTTPRFI",
    ]
    access = {"session": "0", "ip_address": names.ip[HOST], "dest_ip": names.ip[CON0]}
    dropped = ["Impact", {"session": "4", "hostname": T.HOST_NAMES[OZA0]}, "TRUE", False, None]
    step = TraceStep(
        t=0, actions={}, snapshot={}, observations={}, reward=[0, 0], done=False,
        tape=[Draw("ExploitAction.py:83", "red_agent_3", None, "random", None, 0.5, None),
              Draw("GreenAccessService.py:207", "green_agent_0", None, "random", None, 0.005, None)],
        executed={
            "blue_agent_1": ["Remove", {"session": "0", "hostname": T.HOST_NAMES[OZA0]}, "TRUE", True, None],
            "green_agent_0": ["GreenAccessService", access, "TRUE", True, None],
            "red_agent_1": dropped, "red_agent_3": exploit,
        },
    )  # fmt: skip
    events = changed(quiet, 0, green_kind=T.Green.ACCESS, green_target=CON0, green_outcome=T.Outcome.TRUE,
                     green_alarm=1)  # fmt: skip
    events = changed(events, 1, blue_kind=T.Blue.REMOVE, blue_host=OZA0, blue_outcome=T.Outcome.TRUE,
                     red_kind=T.Red.IMPACT, red_host=OZA0, red_session=4, red_ran=0)  # fmt: skip
    events = changed(events, 3, red_kind=T.Red.EXPLOIT, red_host=HOST, red_exploit=T.Exploit.HTTP_RFI,
                     red_trapped=1, red_outcome=T.Outcome.FALSE)  # fmt: skip
    mine = garrison_side.executed(events, names)
    theirs = cyborg_side.executed(step, options)
    assert theirs == {agent: mine[agent] for agent in theirs}


# ---------------------------------------------------------------- the recorded state


@pytest.fixture
def form(header):
    """The header's snapshot in the compared form, after a change made in place on a copy."""

    def form(change=lambda snapshot: None, red="fsm"):
        snapshot = copy.deepcopy(header["snapshot"])
        change(snapshot)
        return cyborg_side.Recorded(red).snapshot(snapshot)

    return form


def test_the_first_state_of_a_recording_is_ours(form, render, first_state):
    assert render(first_state) == form()


WATCHED, UNWATCHED = T.HOST_NAMES[HOST], T.HOST_NAMES[CON0]


def test_replaced_decoys_are_counted_but_those_that_blue_suspects(form):
    def deploy_again(snapshot):
        host, parent = snapshot["hosts"][WATCHED], snapshot["sessions"]["blue_agent_0"][0]
        pids = 20_001, 20_004, 20_007, 20_009
        host["processes"] += [[pid, "ubuntu", "WEBSERVER", True, [80]] for pid in pids]
        host["services"]["VSFTPD"] = [20_009, True, 100]
        parent[7][WATCHED] = [20_004, 20_009]
        snapshot["sessions"]["blue_agent_0"].reverse()  # as a Restore of the host of session 0 puts it last

    before, after = (f["hosts"][WATCHED] for f in (form(), form(deploy_again)))
    assert before["orphans"] == [0, 0]
    assert after["orphans"] == [2, 20_007]
    assert [p[0] for p in after["processes"][len(before["processes"]) :]] == [20_004, 20_009]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["hosts"][WATCHED]["processes"].reverse(),
        lambda s: s["hosts"][WATCHED]["services"].update(SSHD=s["hosts"][WATCHED]["services"].pop("SSHD")),
        lambda s: s["hosts"][WATCHED]["events"]["old_process"].append(5),
        lambda s: s["hosts"][WATCHED]["events"].update(network=1),
        lambda s: s["hosts"][UNWATCHED]["events"]["process"].append(None),
        lambda s: s["hosts"][WATCHED]["files"].append("cmd.sh"),
        lambda s: s["hosts"][WATCHED]["sessions"].update(red_agent_1=[0]),
        lambda s: s["sessions"]["blue_agent_0"].reverse(),
        lambda s: s["sessions"]["red_agent_0"][0][6].update({"10.0.0.1": [22]}),
        lambda s: s["red"]["red_agent_0"]["known_sessions"].append(1),
        lambda s: s["red"]["red_agent_0"]["host_states"].append(["10.0.0.1", "K", None]),
        lambda s: s["red"]["red_agent_0"].update(fsm_calls=1),
        lambda s: s["busy"].update(blue_agent_0=["Remove x", 1]),
        lambda s: s["blocks"].update({WATCHED: ["internet_subnet"]}),
        lambda s: s["session_counts"].update(red_agent_0=2),
    ],
)
def test_recorded_changes_show(form, change):
    assert form(change) != form()


@pytest.mark.parametrize(
    ("change", "red"),
    [
        (lambda s: s["red"]["red_agent_0"].update(fsm_calls=9), "random_select"),
        (lambda s: s["blocks"].update({WATCHED: []}), "fsm"),
        (lambda s: s["busy"].update(blue_agent_0=None), "fsm"),
        (lambda s: s["hosts"][WATCHED]["processes"][-1].__setitem__(2, "UNKNOWN"), "fsm"),
    ],
)
def test_what_is_dead_does_not_show(form, change, red):
    assert form(change, red) == form(red=red)


def test_unchanged_hosts_are_brought_into_form_once(header):
    side = cyborg_side.Recorded("fsm")
    first, second = side.snapshot(header["snapshot"]), side.snapshot(dict(header["snapshot"]))
    assert all(first["hosts"][name] is second["hosts"][name] for name in first["hosts"])
    replaced = header["snapshot"]["hosts"] | {
        WATCHED: header["snapshot"]["hosts"][WATCHED] | {"files": ["x"]}
    }
    third = side.snapshot(header["snapshot"] | {"hosts": replaced})
    assert third["hosts"][WATCHED]["files"] != first["hosts"][WATCHED]["files"]
