import json
import subprocess
import sys
from pathlib import Path

import pytest

from garrison import cli
from garrison.cli.parity import replay_command
from garrison.parity import replay as module
from garrison.parity.compare import Difference

WRONG = Difference(3, "/hosts/a/files", ["cmd.sh"], [])


@pytest.fixture
def replays(monkeypatch):
    """Stand-ins for replays by file name: exact ones, and one that differs."""

    def replay(path):
        found = [WRONG] if "wrong" in path.name else []
        return module.Report(str(path), "fsm", "heavy", 4, 900, 0, 1.25, found)

    monkeypatch.setattr(module, "replay", replay)


def test_exact_episodes(replays, capsys):
    assert replay_command([Path("x/right.jsonl.gz"), Path("x/fine.jsonl.xz")]) == 0
    shown = capsys.readouterr().out
    assert "right.jsonl.gz" in shown
    assert shown.count("exact") == 2


def test_differences_are_shown_and_fail(replays, capsys):
    assert replay_command([Path("right.jsonl.gz"), Path("wrong.jsonl.gz")]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "wrong.jsonl.gz: step 3: /hosts/a/files: ours ['cmd.sh'], recorded []" in shown


def test_json(replays, capsys):
    assert replay_command([Path("wrong.jsonl.gz")], json=True) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["steps"], report["draws"], report["overflow"], report["exact"]) == (4, 900, 0, False)
    assert report["differences"] == [
        {"step": 3, "path": "/hosts/a/files", "ours": ["cmd.sh"], "recorded": []},
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


@pytest.mark.parametrize("command", ["replay", "returns", "overflow"])
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
