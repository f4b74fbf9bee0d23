"""Recorded CybORG episodes replay without a difference, and a replay that should differ does."""

import copy
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from garrison.parity.recording.rich_observations import RichObserver
from garrison.parity.recording.trace import TraceError, TraceStep, accumulate, actions_of, read
from garrison.parity.replay import garrison_side
from garrison.parity.replay.replay import ReplayEngine, engine, replay
from garrison.parity.replay.view import recorded
from garrison.view.replay import packed
from garrison.worlds import cc4
from garrison.worlds.cc4 import tables as T

DATA = Path(__file__).parents[2] / "data"
EPISODES = sorted(DATA.glob("*.jsonl.xz"))
BESIDE = Path(__file__).parents[4] / "shared" / "traces" / "cc4"  # all recordings, where they are at hand
HEAVY = DATA / "fsm-heavy-2.jsonl.xz"


def assert_exact(path):
    report = replay(path)
    assert report.differences == []
    assert (report.steps, report.overflow) == (499, 0)
    assert report.draws > 60_000
    assert report.rich == ("raw" in read(path).header)
    return report


def test_there_is_an_episode_of_each_red():
    assert {path.name.split("-")[0] for path in EPISODES} == {"fsm", "discovery", "random_select"}


@pytest.mark.parametrize("path", EPISODES, ids=lambda path: path.name.partition(".")[0])
def test_recorded_episodes_are_exact(path):
    report = assert_exact(path)
    if "decoys" in path.name:  # found by fuzzing: more replaced decoys than a list of 64 had room for
        assert report.largest["orphaned decoys on a host, not suspicious"] > 64


@pytest.mark.slow
@pytest.mark.skipif(not BESIDE.is_dir(), reason="the recordings are not beside the repository")
def test_all_recordings_are_exact():
    paths = sorted(BESIDE.glob("*.jsonl.gz"))
    assert len(paths) >= 12
    for path in paths:
        assert_exact(path)


@pytest.mark.slow
def test_a_recording_is_shown(tmp_path):
    replay = recorded(HEAVY)
    assert len(replay.ticks) == 500
    assert (replay.header["policy"], replay.header["against"]) == ("CybORG's heavy", "fsm")
    rewards = [sum(step.reward) for step in read(HEAVY).steps()]
    assert replay.end["return"] == pytest.approx(sum(rewards))
    kinds = {kind for tick in replay.ticks for kind, _ in tick.get("happened", [])}
    assert {"shell", "root"} <= kinds
    assert len(packed(replay)) < 80_000


# ---------------------------------------------------------------- wrong rules


@pytest.mark.parametrize(
    ("option", "value", "where"),
    [
        ("green_work_alarm", 0.02, "/events/process"),
        ("green_access_alarm", 0.02, "/events/network"),
        ("green_phishing", 0.02, "/phished"),
        ("red_scan_detection", [0.5, 0.25], "/events/network"),
        ("red_exploit_detection", 0.5, "/events/network"),
        ("red_deception_rates", [0.0, 0.0], "/host_states"),
        ("restore_cost", -2.0, "/reward/action_cost"),
        ("reward", T.REWARD * 2, "/reward/team"),
        ("phase_start", [167, 333], "/phases"),
    ],
)
def test_a_wrong_number_is_found(option, value, where):
    other = copy.copy(engine("fsm"))  # options are data: nothing is compiled
    other.world = cc4.make(red="fsm", observation="recall", **{option: value})
    report = replay(HEAVY, other)
    assert any(where in difference.path for difference in report.differences)
    assert report.steps < 499


def test_a_wrong_rule_is_found(monkeypatch):
    """Restore that takes four steps instead of five, compiled into an engine of its own."""
    durations = T.BLUE_DURATION.copy()
    durations[T.Blue.RESTORE] = 4
    monkeypatch.setattr(T, "BLUE_DURATION", durations)
    report = replay(HEAVY, ReplayEngine(cc4.make(red="fsm")))
    assert report.steps == 1
    assert [difference[1:] for difference in report.differences] == [("/busy/blue_agent_3/1", 3, 4)]


# ---------------------------------------------------------------- altered recordings


@pytest.fixture(scope="module")
def lines():
    """The header and the first steps of an episode."""
    with lzma.open(HEAVY, "rt") as file:
        return [json.loads(line) for _, line in zip(range(121), file, strict=False)]


def lists_of(snapshot, *keys):
    """Lists in a snapshot by path, below dicts."""
    if not keys:
        return [snapshot] if isinstance(snapshot, list) else []
    below = snapshot.values() if keys[0] == "*" else filter(None, [snapshot.get(keys[0])])
    return [found for part in below for found in lists_of(part, *keys[1:])]


def reverse(*keys):
    """Turn round the first list with two different entries."""

    def alter(step, full):
        for found in lists_of(step["snapshot"], *keys):
            if found != found[::-1]:
                return found.reverse() or True

    return alter


def add_to_first_process(index, amount):
    def alter(step, full):
        for found in lists_of(step["snapshot"], "hosts", "*", "processes"):
            found[-1][index] = found[-1][index] + amount
            return True

    return alter


def duplicate_suspicion(step, full):
    for session in lists_of(step["snapshot"], "sessions", "*"):
        for pids in session[0][7].values() if session else ():
            return pids.append(pids[-1]) or True


def observe(step, full):
    if step["t"] == 50:
        step["observations"]["blue_agent_4"][100] = 1 - step["observations"]["blue_agent_4"][100]
        return True


def shift(key, index, by, t):
    def alter(step, full):
        if step["t"] == t:
            step[key][index] += by
            return True

    return alter


def finish(step, full):
    step["done"] = True
    return True


def tick(step, full):
    for entry in lists_of(step["snapshot"], "busy", "*"):
        entry[1] += 1
        return True


def succeed(step, full):
    for agent, entry in step["executed"].items():
        if agent.startswith("red") and entry[2] == "FALSE":
            entry[2] = "TRUE"
            return True


def act_otherwise(step, full):
    if step["actions"]:
        agent = next(iter(step["actions"]))
        step["actions"][agent] = 0 if step["actions"][agent] else 1
        return True


def drop(site):
    def alter(step, full):
        rows = [row for row in step["tape"] if row[0] != site]
        found = len(rows) < len(step["tape"])
        step["tape"] = rows
        return found

    return alter


ALTERATIONS = {
    "/hosts process order": reverse("hosts", "*", "processes"),
    "/hosts pid": add_to_first_process(0, 1),
    "/hosts user": add_to_first_process(1, "s"),
    "/sessions order": reverse("sessions", "red_agent_0"),
    "/sessions suspicious": duplicate_suspicion,
    "/red host_states": reverse("red", "red_agent_0", "host_states"),
    "/red known_sessions": reverse("red", "*", "known_sessions"),
    "/observations": observe,
    "/reward team": shift("reward", 0, -1.0, 40),
    "/reward cost": shift("reward", 1, -1.0, 41),
    "/done": finish,
    "/busy": tick,
    "/executed": succeed,
    "/busy action": act_otherwise,
    "/tape": drop("FiniteStateRedAgent.py:311"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_recording_is_found(write_recording, lines, name):
    altered, full = copy.deepcopy(lines), lines[0]["snapshot"]
    altered[0]["steps"] = len(lines) - 1
    for step in altered[1:]:
        full = accumulate(full, step["snapshot"])
        if ALTERATIONS[name](step, full):
            break
    else:
        raise AssertionError("nothing to alter")
    report = replay(write_recording(altered))
    assert report.differences[0].step == step["t"]
    assert any(difference.path.startswith(name.split()[0]) for difference in report.differences)


def test_a_replay_ends_at_a_difference_or_goes_on(write_recording, lines):
    short = write_recording([lines[0] | {"steps": 20}, *lines[1:21]])
    assert (replay(short).steps, replay(short).differences) == (20, [])
    other = copy.copy(engine("fsm"))
    other.world = cc4.make(red="fsm", observation="recall", restore_cost=-2.0)
    assert replay(short, other).steps == 1
    report = replay(short, other, keep_going=True)
    assert report.steps == 20
    assert {difference.path.split("/")[1] for difference in report.differences} == {"reward", "rewards"}
    assert len({difference.step for difference in report.differences}) > 1


# ---------------------------------------------------------------- bad input


def test_headers_that_cannot_be_replayed_are_named(write_recording, lines):
    with pytest.raises(TraceError, match=r"small\.jsonl\.gz:1: red is 'verbose'; known: fsm, discovery"):
        replay(write_recording([lines[0] | {"red": "verbose"}]))
    with pytest.raises(TraceError, match=r"small\.jsonl\.gz:1: not a CC4 episode header: 'printer'"):
        replay(write_recording([lines[0] | {"hosts": [["printer", "office", "10.0.0.1", True, []]]}]))


def test_other_labels_are_found_at_reset(write_recording, lines):
    labels = copy.deepcopy(lines[0]["action_labels"])
    labels["blue_agent_4"][7] = "Analyse nothing"
    report = replay(write_recording([lines[0] | {"action_labels": labels, "steps": 0}]))
    (only,) = report.differences
    assert (only.step, only.path) == (-1, "/labels/blue_agent_4/7")


def test_actions_that_nobody_submitted_are_sleep():
    assert [T.BLUE_ACTIONS[b, i, 0] for b, i in enumerate(_sleep())] == [T.Blue.SLEEP] * T.NUM_BLUE
    assert np.array_equal(_sleep(), [49, 49, 49, 49, 145])


def _sleep():
    return actions_of(TraceStep(0, {}, [], {}, {}, {}, [0, 0], False))


# ---------------------------------------------------------------- what happened around a difference


def test_what_happened_on_both_sides_is_told(write_recording, lines):
    altered = copy.deepcopy(lines[:41])
    altered[0]["steps"] = 40
    altered[34]["reward"][0] -= 1.0
    report = replay(write_recording(altered))
    (first, *_) = report.differences
    assert str(first).startswith("step 33: /reward/team: garrison ")
    heads = [line for line in report.around if line.startswith("step ")]
    assert heads == [f"step {t}, {side}:" for t in (31, 32, 33) for side in ("CybORG", "Garrison")]
    acted = [agent for agent, entry in altered[34]["executed"].items() if entry[0] == "Restore"]
    for agent in acted:
        assert sum(line.startswith(f"  {agent}: Restore") for line in report.around) >= 2  # on each side
    assert any(line.startswith("  red_agent_") for line in report.around)
    assert replay(write_recording([lines[0] | {"steps": 3}, *lines[1:4]])).around == []


def test_a_step_that_cannot_be_done_is_told(write_recording, lines):
    altered = copy.deepcopy(lines[:6])
    altered[0]["steps"] = 5
    altered[3]["tape"].append(["Elsewhere.py:1", "red_agent_0", None, "random", None, 0.5, None])
    report = replay(write_recording(altered))
    assert report.differences[0][:2] == (2, "/tape")
    assert [line for line in report.around if line.startswith("step ")][-2:] == [
        "step 1, Garrison:",
        "step 2, CybORG:",
    ]


# ---------------------------------------------------------------- the rich observation


def test_recordings_of_what_blue_was_told_cover_it():
    """Enough happens in them: each bit of the rich observation is seen set and not set somewhere."""
    seen = {}
    for path in EPISODES:
        for agent, values in _rich(path):
            for label, value in values.items():
                name = label.partition(": ")[2] or label
                seen.setdefault((agent == "blue_agent_4", name), set()).add(value > 0)
    assert len(seen) == 2 * 29
    assert {name for (_, name), values in seen.items() if values == {True, False}} >= set(BITS)


BITS = (
    "last action succeeded", "last action failed", "busy", "busy with Analyse", "busy with Remove",
    "busy with Restore", "busy with DeployDecoy", "exists", "looked at", "cmd.sh found", "escalate.sh found",
    "process with a number", "connection of no user to it", "connection of no user from it",
    "decoy apache2", "decoy tomcat", "decoy haraka", "decoy vsftpd", "restored",
    "had root when it was restored", "red acted elsewhere since it was restored",
)  # fmt: skip


def _rich(path):
    """The observations ``recall`` of a recording with ``raw``, of every tenth step, by agent and label."""
    recording = read(path)
    if "raw" not in recording.header:
        return
    observer = RichObserver(recording.header)
    for step in recording.steps():
        observer.update(step.raw, actions_of(step))
        if step.t % 10 == 0:
            yield from garrison_side.rich(observer.observe(step.observations, "recall")).items()


@pytest.fixture(scope="module")
def told():
    """The header and the first steps of an episode in which blue looks and is told much."""
    with lzma.open(DATA / "fsm-random-1.jsonl.xz", "rt") as file:
        return [json.loads(line) for _, line in zip(range(121), file, strict=False)]


def fail(raw):
    if raw["success"] == "TRUE":
        raw["success"] = "FALSE"
        return "last action"


def forget_connections(raw):
    for host in raw.values():
        for process in host.get("Processes", ()) if isinstance(host, dict) else ():
            if any("local_port" in one and "remote_port" in one for one in process.get("Connections", ())):
                host["Processes"] = []
                return "connection of no user to it"


def hide_decoy(raw):
    for host in raw.values():
        for process in host.get("Processes", ()) if isinstance(host, dict) else ():
            if "service_name" in process:
                del process["service_name"]
                return "decoy"


def hide_files(raw):
    for host in raw.values():
        if isinstance(host, dict) and host.pop("Files", None):
            return "found"


@pytest.mark.parametrize("alter", [fail, forget_connections, hide_decoy, hide_files])
def test_altered_words_to_blue_are_found(write_recording, told, alter):
    altered = copy.deepcopy(told)
    altered[0]["steps"] = len(told) - 1
    where = next(
        (step["t"], agent, part)
        for step in altered[1:]
        for agent, raw in step["raw"].items()
        if (part := alter(raw))
    )
    report = replay(write_recording(altered))
    assert report.rich
    assert report.differences[0].step == where[0]
    assert any(
        difference.path.startswith(f"/rich/{where[1]}/") and where[2] in difference.path
        for difference in report.differences
    )
