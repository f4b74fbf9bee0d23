import json
import subprocess
import sys
from pathlib import Path

import pytest

from garrison import cli
from garrison.cli.parity.replay import replay_command
from garrison.parity.replay import replay as module
from garrison.parity.replay.compare import ReplayDifference

WRONG = ReplayDifference(3, "/hosts/a/files", ["cmd.sh"], [])


@pytest.fixture
def replays(monkeypatch):
    """Stand-ins for replays by file name: exact ones, and one that differs."""

    def replay(path):
        found = [WRONG] if "wrong" in path.name else []
        return module.ReplayReport(str(path), "fsm", "heavy", 4, 900, 0, 1.25, found)

    monkeypatch.setattr(module, "replay", replay)


def test_exact_episodes(replays, capsys):
    assert replay_command([Path("x/right.jsonl.gz"), Path("x/fine.jsonl.xz")]) == 0
    shown = capsys.readouterr().out
    assert "right.jsonl.gz" in shown
    assert shown.count("exact") == 2


def test_differences_are_shown_and_fail(replays, capsys):
    assert replay_command([Path("right.jsonl.gz"), Path("wrong.jsonl.gz")]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "wrong.jsonl.gz: step 3: /hosts/a/files: garrison ['cmd.sh'], recorded []" in shown


def test_json(replays, capsys):
    assert replay_command([Path("wrong.jsonl.gz")], json=True) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["steps"], report["draws"], report["overflow"], report["exact"]) == (4, 900, 0, False)
    assert report["differences"] == [
        {"step": 3, "path": "/hosts/a/files", "garrison": ["cmd.sh"], "recorded": []},
    ]


def test_what_cannot_be_replayed_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"episode\.txt: a recording ends in \.jsonl\.gz"):
        replay_command([tmp_path / "episode.txt"])
    with pytest.raises(SystemExit, match="at least one recording"):
        replay_command([])


def test_replay_is_a_command(replays, capsys):
    assert cli.main(["parity", "replay", "right.jsonl.gz", "fine.jsonl.xz", "--json"]) == 0
    assert [report["path"] for report in json.loads(capsys.readouterr().out)] == [
        "right.jsonl.gz",
        "fine.jsonl.xz",
    ]
    assert cli.main(["parity", "replay", "wrong.jsonl.gz"]) == 1
    with pytest.raises(SystemExit, match="at least one recording"):
        cli.main(["parity", "replay"])


@pytest.mark.parametrize("command", ["replay", "record", "fuzz", "overflow"])
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["parity", command, "--help"])
    assert end.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_reading_the_command_line_loads_no_engine():
    program = "import sys; from garrison.cli import commands; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = result.stdout.split()
    assert "garrison.cli.parity" in loaded
    assert not {"garrison.parity", "garrison.worlds.cc4", "scipy"} & set(loaded)


# ---------------------------------------------------------------- live


class FakeSession:
    """Stands for CybORG: each episode is replayed as the stand-in says, and saved as an empty file."""

    def __init__(self, red, blue, seed, *_, **__):
        self.name = f"{'wrong' if seed == 4 else 'right'}-{seed}.jsonl.gz"

    def episode(self):
        return self

    def trace(self):
        return Path(self.name)

    def save(self, path):
        path.write_text("")


@pytest.fixture
def live(replays, monkeypatch):
    from garrison.cli.parity import replay
    from garrison.parity.recording import record

    monkeypatch.setattr(record, "RecordingSession", FakeSession)
    monkeypatch.setattr(replay, "print_cyborg_version", lambda: None)


def test_live_episodes_are_kept_if_they_differ(live, tmp_path, capsys):
    keep = tmp_path / "kept"
    assert cli.main(["parity", "replay", "--live", "--episode-seeds", "1-2", "--keep", str(keep)]) == 0
    assert not keep.exists()
    arguments = ["--live", "--episode-seeds", "3-5", "--episodes", "2", "--keep", str(keep), "--json"]
    capsys.readouterr()
    assert cli.main(["parity", "replay", *arguments]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert [report["exact"] for report in reports] == [True, True, False, False, True, True]
    assert [path.name for path in keep.iterdir()] == ["wrong-4.jsonl.gz"]
    assert reports[2]["path"] == str(keep / "wrong-4.jsonl.gz")


def test_recordings_and_live_episodes_are_not_mixed():
    with pytest.raises(SystemExit, match="either recordings or --live"):
        cli.main(["parity", "replay", "a.jsonl.gz", "--live"])


def test_what_happened_before_a_difference_is_shown(monkeypatch, capsys):
    lines = ["step 3, CybORG:", "  red_agent_0: Impact (session 0): TRUE"]
    report = module.ReplayReport("a.jsonl.gz", "fsm", "heavy", 4, differences=[WRONG], around=lines)
    monkeypatch.setattr(module, "replay", lambda path: report)
    assert replay_command([Path("a.jsonl.gz")]) == 1
    assert "  red_agent_0: Impact (session 0): TRUE" in capsys.readouterr().out


def test_record_names_its_files(tmp_path, monkeypatch, capsys):
    from garrison.cli.parity import record as record_command
    from garrison.parity.recording import record

    made = [(tmp_path / "fsm-idle-0.jsonl.gz", False), (tmp_path / "fsm-idle-0-e1.jsonl.gz", True)]
    monkeypatch.setattr(record_command, "print_cyborg_version", lambda: None)
    monkeypatch.setattr(record, "RecordingSession", FakeSession)
    monkeypatch.setattr(record, "files", lambda session, episodes, folder: made[:episodes])
    arguments = ["parity", "record", "--out", str(tmp_path), "--blue", "idle", "--episodes", "2"]
    assert cli.main(arguments) == 0
    assert "2 recordings in" in (shown := " ".join(capsys.readouterr().out.split()))
    assert "(1 of them there already)" in shown
    assert cli.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [str(path) for path, _ in made]
