import gzip

import pytest

from garrison.parity.recording import trace

HEADER = {
    "format": "cc4-trace/1", "red": "fsm", "blue": "sleep", "steps": 2, "phases": [1, 1, 1], "hosts": [],
    "subnets": {}, "blue_parent": {}, "green_hosts": {}, "action_labels": {}, "action_mask": {},
    "observations": {}, "tape_fields": list(trace.Draw._fields),
    "snapshot": {"step": 0, "hosts": {"a": {"files": []}, "b": {"files": []}}, "busy": {}},
}  # fmt: skip


def step(t, **changes):
    record = {"t": t, "actions": {}, "tape": [], "executed": {}, "snapshot": {}, "observations": {},
              "reward": [0.0, 0.0], "done": False}  # fmt: skip
    return record | changes


def without(record, key):
    return {k: v for k, v in record.items() if k != key}


FIRST = step(
    0,
    tape=[["Portscan.py:49", "red_agent_0", None, "random", None, 0.5, None]],
    snapshot={"step": 1, "hosts": {"a": {"files": ["cmd.sh"]}}, "busy": {"red_agent_0": ["x", 1]}},
)
SECOND = step(1, snapshot={"step": 2, "busy": {"red_agent_0": None}}, done=True)


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_snapshots_are_accumulated(write_recording, suffix):
    recording = trace.read(write_recording([HEADER, FIRST, SECOND], f"small.jsonl.{suffix}"))
    first, second = recording.steps()
    hosts = {"a": {"files": ["cmd.sh"]}, "b": {"files": []}}
    assert first.snapshot == {"step": 1, "hosts": hosts, "busy": {"red_agent_0": ["x", 1]}}
    assert second.snapshot == {"step": 2, "hosts": hosts, "busy": {}}
    assert recording.header["snapshot"] == HEADER["snapshot"]
    assert [draw.outcome for draw in first.tape] == [0.5]
    assert (first.done, second.done) == (False, True)


def test_unchanged_parts_are_shared():
    before = {"a": {"x": [1]}, "b": {"y": [2]}}
    after = trace.accumulate(before, {"a": {"x": [3], "z": None}, "c": {"new": 1}})
    assert after == {"a": {"x": [3]}, "b": {"y": [2]}, "c": {"new": 1}}
    assert after["b"] is before["b"]
    assert before["a"] == {"x": [1]}


def test_steps_are_read_when_they_are_asked_for(write_recording):
    steps = trace.read(write_recording([HEADER, FIRST, "not JSON\n"])).steps()
    assert next(steps).t == 0
    with pytest.raises(trace.TraceError, match=r"small\.jsonl\.gz:3: not JSON"):
        next(steps)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], ":1: format is None"),
        ([HEADER | {"format": "cc4-trace/9"}], ":1: format is 'cc4-trace/9', not 'cc4-trace/1'"),
        ([without(HEADER, "phases")], ":1: header without phases"),
        ([HEADER | {"tape_fields": ["site"]}], ":1: tape fields"),
        (["[1, 2]\n"], ":1: not a JSON object"),
        ([HEADER, without(FIRST, "tape")], ":2: step without tape"),
        ([HEADER, SECOND], ":2: step 1 where 0 is due"),
        ([HEADER, FIRST, FIRST], ":3: step 0 where 1 is due"),
        ([HEADER, FIRST], ": 1 steps where the header says 2"),
        ([HEADER, FIRST, SECOND, step(2)], ": 3 steps where the header says 2"),
        ([HEADER, FIRST | {"tape": [["Portscan.py:49"]]}], ":2: a draw does not have the fields site"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(write_recording, lines, message):
    path = write_recording(lines)
    with pytest.raises(trace.TraceError) as error:
        list(trace.read(path).steps())
    assert str(error.value).startswith(f"{path}{message}")


def test_damaged_and_missing_files_are_named(tmp_path, write_recording):
    whole = write_recording([HEADER, FIRST, SECOND])
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole.read_bytes()[:-20])
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_bytes(gzip.decompress(whole.read_bytes()))
    for path, message in ((cut, "unreadable"), (plain, "unreadable"), (tmp_path / "no.jsonl.gz", "no such")):
        with pytest.raises(trace.TraceError, match=rf"{path.name}.*{message}"):
            list(trace.read(path).steps())
    with pytest.raises(trace.TraceError, match=r"ends in \.jsonl\.gz or \.jsonl\.xz"):
        trace.read(tmp_path / "episode.json")
