"""``garrison range``."""

from __future__ import annotations

import json

import pytest

from garrison.cli.commands import run
from garrison.cli.common import out
from garrison.cli.range import _show
from garrison.range import evaluate
from garrison.range.bridge import Played


def test_check_lists_the_tiers(capsys):
    assert run(["range", "check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {tier["name"]: tier["label"] for tier in found}["mock"] == "simulated"
    assert all(tier["available"] is not bool(tier["reason"]) for tier in found)


def test_nothing_runs_without_a_tier(capsys):
    with pytest.raises(SystemExit):
        run(["range", "run", "analyst"])
    assert "--tier" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyst", "--tier", "containers"], "no episodes are played in tier 'containers'"),
        (["nobody", "--tier", "mock"], "nobody is neither a run directory nor a policy"),
        (["analyst", "--tier", "mock", "--red", "nobody"], "no red policy 'nobody'"),
        (["analyst", "--tier", "mock", "--minutes", "0"], "minutes is 0"),
        (["analyst", "--tier", "mock", "--episodes", "0"], "episodes is 0"),
        (["analyst", "--tier", "mock", "--scenario", "peace"], "no scenario 'peace'"),
    ],
)
def test_errors_name_what_is_wrong(arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(["range", "run", *arguments])


@pytest.mark.slow
def test_run_prints_and_writes_a_result(tmp_path, capsys):
    target = tmp_path / "result.json"
    flags = ["--tier", "mock", "--episodes", "2", "--minutes", "2", "--out", str(target), "--json"]
    assert run(["range", "run", "analyst", *flags]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(target.read_text())
    assert found["label"] == "simulated"
    assert set(found["tiers"]["mock"]) == {"idle", "random", "analyst"}
    assert all(len(digest) == 64 for digest in found["policies_sha256"].values())


def test_tables_say_why_there_is_no_retention(capsys, monkeypatch):
    monkeypatch.setattr(out, "width", 200)
    players = {"mine": [Played(returned=-1.0)] * 2, "idle": [Played(returned=-3.0)] * 2}
    found = evaluate.report({"mock": players, "local": players}, "local", 30.0)
    _show({**found, "tier": "local", "label": "local processes", "policies_sha256": {}})
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "local" in line and "mine" in line]
    assert "2 of at least 10 episodes" in row
