"""The rich observation from raw observations alone: laid out as that of cc4, each feature tells its thing."""

from enum import Enum
from ipaddress import IPv4Address

import numpy as np
import pytest

from garrison.adapters.cyborg import rich
from garrison.adapters.cyborg.rich import Tracker, plain
from garrison.worlds.cc4 import recall
from garrison.worlds.cc4 import rich as ours
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import phase_starts

ONE, TWO, ABSENT, ROUTER = "zone_server_host_0", "zone_user_host_0", "zone_user_host_1", "zone_router"
KINDS = ("Analyse", "Remove", "Restore", "DeployDecoy")
LABELS = [f"{kind} {host}" for kind in KINDS for host in (ONE, TWO)] + ["Sleep", "Monitor"]
LABELS += [f"[Invalid] {kind} {ABSENT}" for kind in KINDS] + ["BlockTrafficZone zone (10.0.0.0/24) <- x (y)"]
MASK = ["Invalid" not in label for label in LABELS]
SLEEP = LABELS.index("Sleep")
ADDRESS = {ONE: "10.0.0.1", TWO: "10.0.0.2", ROUTER: "10.0.0.9"}
START = {host: {"Interface": [{"ip_address": IPv4Address(address)}]} for host, address in ADDRESS.items()}
ABROAD = "10.0.7.7"
FEATURE = {name: i for i, name in enumerate(ours.OF_HOST)}
AGENT = {name: i for i, name in enumerate(ours.OF_AGENT)}


class Success(Enum):
    TRUE, UNKNOWN, FALSE, IN_PROGRESS = range(4)


@pytest.fixture
def tracker():
    tracker = Tracker()
    tracker.reset(START, LABELS, MASK)
    return tracker


def told(success="TRUE", **hosts):
    return {"success": Success[success], "message": [np.zeros(8, bool)], **hosts}


def connection(**fields):
    return {"Processes": [{"Connections": [fields]}]}


def host(tracker, name):
    """Features of a host by name, those that are not 0."""
    values = tracker.host_features()[tracker.hosts.index(name)]
    return {feature: float(values[i]) for feature, i in FEATURE.items() if values[i]}


def do(tracker, label, *, result="TRUE", **hosts):
    """Let the agent do something from start to end."""
    for _ in range(rich.DURATIONS.get(label.split()[0], 1) - 1):
        tracker.update(told("IN_PROGRESS"), LABELS.index(label))
    tracker.update(told(result, **hosts), LABELS.index(label))


def test_the_layout_is_that_of_cc4():
    assert (rich.VECTOR, rich.SIZE, rich.OLDEST) == (ours.START, ours.SIZE, ours.OLDEST)
    assert (rich.RECALL_SIZE, rich.RECALLED) == (recall.SIZE, len(recall.OF_HOST))
    assert (rich.OF_AGENT, rich.OF_HOST) == (len(ours.OF_AGENT), len(ours.OF_HOST))
    assert [f"decoy {name}" for name in rich.DECOYS] == [name for name in ours.OF_HOST if "decoy" in name]
    assert [f"busy with {kind}" for kind in rich.DURATIONS] == [n for n in ours.OF_AGENT if "with" in n]
    ticks = {T.BLUE_NAMES[kind]: int(n) for kind, n in enumerate(T.BLUE_DURATION) if n > 1}
    assert ticks == rich.DURATIONS
    assert max(ticks.values()) == rich.LONGEST
    for steps in (499, 500, 501):
        assert Tracker(steps)._phases == (0, *phase_starts(steps), steps)


def test_at_the_start_nothing_is_known_but_which_hosts_exist(tracker):
    assert tracker.hosts == (ONE, TWO, ABSENT)
    assert host(tracker, ONE) == {"exists": 1.0, "age of that": 1.0, "age of these": 1.0}
    assert host(tracker, ABSENT) == {}
    assert not tracker.agent_features(0).any()


def test_the_vector_has_the_stock_one_first_and_zeros_for_hosts_that_others_have(tracker):
    stock = np.arange(92) % 3
    vector = tracker.vector(stock)
    assert (vector.shape, vector.dtype) == ((892,), np.float32)
    np.testing.assert_array_equal(vector[:92], stock)
    assert not vector[92:220].any()
    np.testing.assert_array_equal(vector[220 : 220 + 3 * 14], tracker.host_features().ravel())
    assert not vector[220 + 3 * 14 :].any()


def test_an_action_is_in_progress_until_it_ends(tracker):
    tracker.update(told("IN_PROGRESS"), LABELS.index(f"Restore {TWO}"))
    features = tracker.agent_features(0)
    assert tracker.busy
    assert features[AGENT["busy"]] == features[AGENT["busy with Restore"]] == 1
    assert features[AGENT["steps left of it"]] == np.float32(0.8)
    assert host(tracker, TWO)["steps left of the action on it"] == np.float32(0.8)
    for _ in range(3):
        tracker.update(told("IN_PROGRESS"), LABELS.index(f"Analyse {ONE}"))  # discarded
    assert tracker.busy
    tracker.update(told("TRUE"), SLEEP)
    features = tracker.agent_features(0)
    assert (features[AGENT["busy"]], features[AGENT["last action succeeded"]]) == (0, 1)
    assert "looked at" in host(tracker, TWO)
    assert "looked at" not in host(tracker, ONE)


def test_an_action_on_a_host_that_does_not_exist_is_sleep(tracker):
    tracker.update(told("UNKNOWN"), LABELS.index(f"[Invalid] Restore {ABSENT}"))
    assert not tracker.busy
    assert not tracker.agent_features(0)[:8].any()


def test_a_failure_is_told(tracker):
    do(tracker, f"DeployDecoy {ONE}", result="FALSE")
    assert tracker.agent_features(0)[AGENT["last action failed"]] == 1
    assert "decoy vsftpd" not in host(tracker, ONE)


def test_time_is_that_of_the_mission_and_of_the_phase(tracker):
    for _ in range(200):
        tracker.update(told("UNKNOWN"), SLEEP)
    mission, phase = tracker.agent_features(1)[8:]
    assert (mission, phase) == (np.float32(200 / 500), np.float32(33 / 167))
    assert tracker.agent_features(0)[9] == 1  # a phase that ended


def test_analyse_shows_files_that_stay_known_until_restore(tracker):
    files = {"Files": [{"File Name": "cmd.sh"}, {"File Name": "bash"}]}
    do(tracker, f"Analyse {ONE}", **{ONE: files})
    tracker.update(told("UNKNOWN"), SLEEP)
    found = host(tracker, ONE)
    assert found["looked at"] == found["cmd.sh found"] == 1
    assert found["age of that"] == np.float32(0.01)
    assert "escalate.sh found" not in found
    do(tracker, f"Analyse {ONE}", **{ONE: {"Files": [{"File Name": "escalate.sh"}]}})
    assert {"escalate.sh found", "looked at"} <= host(tracker, ONE).keys()
    do(tracker, f"Remove {ONE}")
    assert "escalate.sh found" in host(tracker, ONE)
    do(tracker, f"Restore {ONE}")
    assert {"looked at"} == host(tracker, ONE).keys() & {"looked at", "cmd.sh found", "escalate.sh found"}


def test_restores_and_removes_are_recalled(tracker):
    """With what the last Analyse had found before it; the rich observation has none of it."""
    place = tracker.hosts.index(ONE)
    never = [0, 0, 1, 1, 0]
    assert tracker.recalled_features()[place].tolist() == never
    do(tracker, f"Analyse {ONE}", **{ONE: {"Files": [{"File Name": "escalate.sh"}]}})
    do(tracker, f"Remove {ONE}")
    assert tracker.recalled_features()[place].tolist() == [0, 0, 1, 0, 0]
    do(tracker, f"Restore {ONE}")
    expected = [1, 1, 0, rich.DURATIONS["Restore"] / rich.OLDEST, 0]
    assert tracker.recalled_features()[place] == pytest.approx(expected)
    do(tracker, f"Restore {ONE}", result="FALSE")
    assert tracker.recalled_features()[place][:2].tolist() == [1, 1]
    do(tracker, f"Restore {ONE}")
    assert tracker.recalled_features()[place][:2].tolist() == [1, 0]
    assert tracker.recalled_features()[tracker.hosts.index(TWO)].tolist() == never
    assert not tracker.recalled_features()[tracker.hosts.index(ABSENT)].any()
    stock = np.zeros(5, np.float32)
    vector = tracker.vector(stock, "recall")
    assert (vector[: rich.SIZE] == tracker.vector(stock)).all()
    assert (vector[rich.SIZE :][: rich.RECALLED] == tracker.recalled_features()[0]).all()


def test_where_red_acts_from_is_recalled_since_a_restore(tracker):
    def elsewhere():
        return dict(zip(tracker.hosts, tracker.recalled_features()[:, 4], strict=True))

    def act_from(name):
        login = {"local_address": ADDRESS[ONE], "remote_address": ADDRESS[name], "remote_port": 22}
        tracker.update(told("UNKNOWN", **{ROUTER: connection(**login)}), SLEEP)

    act_from(TWO)
    do(tracker, f"Restore {ONE}")
    act_from(ONE)
    assert not any(elsewhere().values())
    act_from(TWO)
    assert elsewhere() == {ONE: 1, TWO: 0, ABSENT: 0}
    do(tracker, f"Restore {ONE}")
    assert not any(elsewhere().values())


def test_decoys_are_known_until_restore(tracker):
    started = {"Processes": [{"PID": 7, "service_name": "haraka"}]}
    do(tracker, f"DeployDecoy {ONE}", **{ONE: started})
    do(tracker, f"DeployDecoy {ONE}", **{ONE: {"Processes": [{"PID": 8, "service_name": "tomcat"}]}})
    found = host(tracker, ONE)
    assert found["decoy haraka"] == found["decoy tomcat"] == 1
    assert "process with a number" not in found
    do(tracker, f"Restore {ONE}")
    assert not [name for name in host(tracker, ONE) if "decoy" in name]


EVIDENCE = {
    "process with a number": {"Processes": [{"PID": 4711}]},
    "connection of no user to it": connection(
        local_address=IPv4Address(ADDRESS[ONE]),
        local_port=80,
        remote_address=IPv4Address(ABROAD),
        remote_port=50000,
    ),
}


@pytest.mark.parametrize("feature", EVIDENCE)
@pytest.mark.parametrize("cure", ["Remove", "Restore"])
def test_evidence_stays_and_ages_until_it_is_cleared(tracker, feature, cure):
    tracker.update(told("UNKNOWN", **{ONE: EVIDENCE[feature]}), SLEEP)
    assert host(tracker, ONE) == {"exists": 1.0, "age of that": 1.0, feature: 1.0}
    tracker.update(told("UNKNOWN"), SLEEP)
    assert host(tracker, ONE)["age of these"] == np.float32(0.01)
    do(tracker, f"{cure} {ONE}")
    assert feature not in host(tracker, ONE)
    assert host(tracker, ONE)["age of these"] == 1


def test_what_is_reported_when_an_action_ends_counts_after_it(tracker):
    do(tracker, f"Remove {ONE}", **{ONE: {"Processes": [{"PID": 1}]}})
    assert host(tracker, ONE)["process with a number"] == 1


def test_the_source_of_a_connection_is_known_if_it_is_an_own_host(tracker):
    login = {"local_address": ADDRESS[ONE], "remote_address": ADDRESS[TWO], "remote_port": 22}
    tracker.update(told("UNKNOWN", **{ROUTER: connection(**login)}), SLEEP)
    assert host(tracker, TWO)["connection of no user from it"] == 1
    assert "connection of no user to it" not in host(tracker, ONE)  # it was the router that noticed


@pytest.mark.parametrize(
    "harmless",
    [
        connection(local_address=ADDRESS[ONE], local_port=51000),  # of a user's process
        connection(local_address=ADDRESS[ONE], remote_address=ADDRESS[TWO], remote_port=8800),  # blocked
        connection(local_address=ADDRESS[ONE], remote_address=ADDRESS[TWO], remote_port=51000),  # false alarm
    ],
)
def test_what_users_do_is_no_evidence(tracker, harmless):
    tracker.update(told("UNKNOWN", **{ONE: harmless}), SLEEP)
    assert (
        host(tracker, ONE) == host(tracker, TWO) == {"exists": 1.0, "age of that": 1.0, "age of these": 1.0}
    )


def test_a_recorded_observation_says_the_same_as_a_live_one(tracker):
    other = Tracker()
    other.reset(plain(START), LABELS, MASK)
    for one, raw in ((tracker, told), (other, lambda *a, **k: plain(told(*a, **k)))):
        one.update(raw("UNKNOWN", **{ONE: EVIDENCE["connection of no user to it"]}), SLEEP)
    np.testing.assert_array_equal(tracker.vector(np.zeros(92)), other.vector(np.zeros(92)))


def test_plain_makes_json_of_what_cyborg_tells():
    raw = {
        "success": Success.TRUE,
        "host": {"Processes": [{"PID": np.int64(3), "at": IPv4Address("10.0.0.1")}]},
    }
    raw["message"] = [np.array([True, False])]
    assert plain(raw) == {
        "success": "TRUE",
        "host": {"Processes": [{"PID": 3, "at": "10.0.0.1"}]},
        "message": [[True, False]],
    }


def test_wrong_headers_are_refused(tracker):
    with pytest.raises(ValueError, match="2 action labels with a mask of 1"):
        tracker.reset(START, LABELS[:2], MASK[:1])
    with pytest.raises(ValueError, match="no action Analyse among the labels"):
        tracker.reset(START, ["Sleep"], [True])
