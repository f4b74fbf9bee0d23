"""Recordings are written, resumed and read back; what needs CybORG is marked so."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace as Thing

import pytest

from garrison.adapters.cyborg.engine import MissingCybORG, cyborg
from garrison.parity.recording import record, snapshot, trace
from garrison.parity.recording.record import LiveEpisode, RecordingSession, files
from garrison.parity.recording.trace import accumulate
from garrison.parity.replay import compare
from garrison.parity.replay.replay import replay

DATA = Path(__file__).parents[2] / "data"
BESIDE = Path(__file__).parents[4] / "shared" / "traces" / "cc4"  # all recordings, where they are at hand


# ---------------------------------------------------------------- snapshots


def test_a_delta_leads_from_one_snapshot_to_the_next():
    before = {"a": 1, "b": {"c": [1], "d": {"e": 2}, "gone": 3}, "empty": {}, "null": None}
    after = {"a": 1, "b": {"c": [1, 2], "d": {"e": 2}}, "empty": {"x": 1}, "new": {"y": {}}}
    change = snapshot.delta(before, after)
    assert change == {"b": {"c": [1, 2], "gone": None}, "empty": {"x": 1}, "new": {"y": {}}, "null": None}
    assert accumulate(before, change) == after
    assert snapshot.delta(after, after) == {}


def test_deltas_of_a_recording_are_found_again():
    recording = trace.read(DATA / "fsm-heavy-2.jsonl.xz")
    before = recording.header["snapshot"]
    for step, _ in zip(recording.steps(), range(100), strict=False):
        assert accumulate(before, snapshot.delta(before, step.snapshot)) == step.snapshot
        before = step.snapshot


class Impact:
    """An action as CybORG has them."""

    def get_params(self):
        return {"name": "Impact", "session": 0, "agent": "red_agent_0", "hostname": "attic", "subnet": None}


def told(*observations):
    controller = Thing(action={"red_agent_0": [ACTION]}, observation={})
    controller.observation["red_agent_0"] = Thing(observations=[Thing(data=data) for data in observations])
    return snapshot.executed(controller)["red_agent_0"]


ACTION, TRUE, IN_PROGRESS = Impact(), Thing(name="TRUE"), Thing(name="IN_PROGRESS")
PARAMETERS = {"session": "0", "hostname": "attic"}


def test_executed_actions_are_told_from_dropped_ones():
    assert told({"success": TRUE, "action": ACTION}) == ["Impact", PARAMETERS, "TRUE", True, None]
    assert told({"success": IN_PROGRESS}) == ["Impact", PARAMETERS, "IN_PROGRESS", True, None]
    assert told({"success": TRUE, "action": Impact()}) == ["Impact", PARAMETERS, "TRUE", False, None]
    assert told() == ["Impact", PARAMETERS, None, False, None]


def test_the_exploit_that_was_chosen_is_named():
    chosen = Impact()
    chosen.sub_action = Thing(name="SSHBruteForce")
    controller = Thing(
        action={"red_agent_0": [chosen]},
        observation={"red_agent_0": Thing(observations=[Thing(data={"success": TRUE, "action": chosen})])},
    )
    assert snapshot.executed(controller)["red_agent_0"][4] == "SSHBruteForce"


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.123456789, 0.123), (0.0096543219, 0.009654), (0.7500001, 0.75), (0.9999999, 0.999999)],
)
def test_rounded_draws_stay_on_their_side_of_hundredths(value, kept):
    row = ["Portscan.py:49", "red_agent_0", None, "random", None, value, None]
    assert record._brief(row)[5] == kept
    whole = [*row[:3], "integers", [0, 100], 7, None]
    assert record._brief(whole) == whole


# ---------------------------------------------------------------- files


def lines_of(name, count):
    """The header and the first ``count`` steps of a recording, as it is written."""
    header, *steps = (line for _, line in itertools.islice(trace.read(DATA / name).lines(), count + 1))
    return [header | {"steps": count}, *steps]


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_an_episode_is_read_while_it_is_played_and_saved_whole(tmp_path, suffix):
    records, played = lines_of("fsm-heavy-2.jsonl.xz", 12), []
    episode = LiveEpisode("x.jsonl.gz", (played.append(record) or record for record in records))
    recording = episode.trace()
    assert len(played) == 1  # the header
    steps = recording.steps()
    next(steps)
    assert len(played) == 2
    path = tmp_path / f"x.jsonl.{suffix}"
    episode.save(path)
    assert len(played) == 13
    again = trace.read(path)
    assert again.header == recording.header == records[0]
    assert [vars(step) for step in again.steps()] == [vars(step) for step in recording.steps()]
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


def test_an_episode_in_memory_is_replayed_as_its_file():
    report = replay(LiveEpisode("x.jsonl.gz", iter(lines_of("fsm-heavy-2.jsonl.xz", 12))).trace())
    assert (report.path, report.steps, report.differences) == ("x.jsonl.gz", 12, [])


class FakeSession:
    """Episodes of two lines each, made of a generator that is a number."""

    def __init__(self):
        self.number, self.generator, self.played = 0, 100, []

    def file_name(self, number):
        return f"fsm-random-0-e{number}.jsonl.gz"

    def skip_to(self, number, generator):
        self.number, self.generator = number, generator

    def episode(self):
        header = lines_of("fsm-heavy-2.jsonl.xz", 0)[0] | {
            "episode": self.number,
            "generator": self.generator,
        }
        self.played.append(self.number)
        self.number, self.generator = self.number + 1, self.generator + 1
        return LiveEpisode("x", iter([header]))


def test_recording_goes_on_after_the_last_file(tmp_path):
    whole = tmp_path / "whole"
    parts = tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert [fresh for _, fresh in files(FakeSession(), 4, whole)] == [True] * 4
    assert [fresh for _, fresh in files(FakeSession(), 2, parts)] == [True] * 2
    later = FakeSession()
    assert [fresh for _, fresh in files(later, 4, parts)] == [False, False, True, True]
    assert later.played == [1, 2, 3]  # the last one once more, for the generator
    for path in whole.iterdir():
        assert path.read_bytes() == (parts / path.name).read_bytes()
    idle = FakeSession()
    assert [fresh for _, fresh in files(idle, 4, parts)] == [False] * 4
    assert idle.played == []


# ---------------------------------------------------------------- CybORG itself


@pytest.fixture(scope="module")
def _cyborg():
    try:
        cyborg()
    except MissingCybORG as error:
        pytest.skip(str(error))


ADDED = ("raw", "episode", "generator", "sources", "green", "options")  # by which recordings have grown


def facts(record):
    """A line of a recording without what older ones lack; nobody busy is the same as nobody named."""
    record = {key: value for key, value in record.items() if key not in ADDED}
    record["snapshot"] = record["snapshot"] | {
        "busy": {agent: entry for agent, entry in record["snapshot"]["busy"].items() if entry}
    }
    return record


def counted(tape):
    """The draws of a step, with the number of choices where a newer recording has the probability of each."""
    return [one._replace(range=len(one.range)) if one.kind == "choice_p" else one for one in tape]


@pytest.mark.cyborg
@pytest.mark.usefixtures("_cyborg")
@pytest.mark.parametrize(
    "path", sorted(BESIDE.glob("*.gz")) or sorted(DATA.glob("*.xz")), ids=lambda p: p.name
)
def test_a_recording_is_made_again(path):
    """Same seed, red and blue actions: the same recording, field by field."""
    old = trace.read(path)
    new = RecordingSession(old.header["red"], str(path), old.header["seed"]).episode().trace()
    found = list(compare.differences(-1, facts(new.header), facts(old.header)))
    for mine, theirs in zip(new.steps(), old.steps(), strict=True):
        mine, theirs = facts(vars(mine)), facts(vars(theirs))
        theirs["actions"] = theirs["actions"] or mine["actions"]  # nobody named: all slept
        if any(isinstance(one.range, int) and one.kind == "choice_p" for one in theirs["tape"]):
            mine["tape"] = counted(mine["tape"])
        found += compare.differences(mine["t"], mine, theirs)
    assert found == []


@pytest.mark.cyborg
@pytest.mark.usefixtures("_cyborg")
def test_the_second_episode_of_a_seed_is_the_same_after_a_pause():
    through = RecordingSession("sleep", "idle", 3)
    first = through.episode()
    first.finish()
    second = through.episode()
    later = RecordingSession("sleep", "idle", 3)
    later.skip_to(1, second.trace().header["generator"])
    again = later.episode()
    for mine, theirs, _ in zip(again.trace().steps(), second.trace().steps(), range(20), strict=False):
        assert mine == theirs
    assert json.dumps(second.trace().header) != json.dumps(first.trace().header)


@pytest.mark.cyborg
@pytest.mark.usefixtures("_cyborg")
@pytest.mark.parametrize(
    ("red", "blue"), [("fsm", "guard"), ("discovery", "removes"), ("random_select", "storm")]
)
def test_live_episodes_are_exact(red, blue):
    report = replay(RecordingSession(red, blue, 11).episode().trace())
    assert report.differences == []
    assert (report.steps, report.overflow, report.rich) == (499, 0, True)


def test_what_is_wrong_is_told_before_cyborg_is_asked():
    with pytest.raises(ValueError, match=r"no blue policy 'nobody'; there are: idle, random"):
        RecordingSession("fsm", "nobody", 0)
