"""``garrison parity equivalence``: the command; playing and statistics are tested in tests/parity."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from garrison.adapters.cyborg import engine
from garrison.cli.commands import parse
from garrison.cli.parity.equivalence import Equivalence
from garrison.core.processes import WorkerError
from garrison.parity.scores import episodes_file, equivalence_page, stored_episodes, study_plan
from garrison.worlds.cc4.behavior import BLUE

ABOUT = {"version": "4.0", "commit": "8c3c50c" * 5, "sources": "4e1f", "known": True}
KINDS = len(BLUE.axes["action"])
PARTS = ("LWF", "ASF", "RIA", "action_cost")


@pytest.fixture
def cyborg(monkeypatch):
    """Stand-in for playing: episodes of one law; ``bias`` is added to CybORG's scores."""

    class Play:
        bias, failing, played = 0.0, False, 0

        def here(self, plan):
            for subject, missing in plan.here.items():
                yield f"{len(missing)} of {subject.name}"
                plan._keep(subject, "garrison", [(n, self.episode(n)) for n in missing])

        def there(self, plan, workers):
            for subject, n in plan.there:
                if self.failing:
                    raise WorkerError("task 1 failed")
                plan._keep(subject, "cyborg", [(n, self.episode(n, self.bias))])
                self.played += 1
                yield subject

        def episode(self, seed, bias=0.0):
            rng = np.random.default_rng(seed)
            parts = rng.normal(-20, 5, (len(PARTS), 3))
            parts[1] = 0
            return {
                "score": float(parts.sum()) + bias,
                "length": 499,
                "parts": dict(zip(PARTS, parts.tolist(), strict=True)),
                "decisions": rng.multinomial(900, np.full(KINDS, 1 / KINDS)).tolist(),
            }

    play = Play()
    monkeypatch.setattr(engine, "about", lambda: ABOUT)
    monkeypatch.setattr(study_plan.Plan, "play_here", lambda plan: play.here(plan))
    monkeypatch.setattr(study_plan.Plan, "play_there", lambda plan, workers: play.there(plan, workers))
    return play


def command(out, *arguments):
    """The command with these arguments, and others where they do not name them."""
    words = {
        "--policies": ("idle", "guard"),
        "--episodes": ("30",),
        "--garrison-episodes": ("40",),
        "--out": (str(out),),
    }
    others = [word for flag, values in words.items() if flag not in arguments for word in (flag, *values)]
    return parse(["parity", "equivalence", *others, *arguments])


def test_a_study_that_finds_no_gap(cyborg, tmp_path, capsys):
    out = tmp_path / "new" / "equivalence"
    assert command(out, "--seed", "3", "--json").run() == 0
    told = capsys.readouterr()
    assert "CybORG 4.0, commit 8c3c50c" in told.err
    figures = json.loads(told.out)
    assert figures == json.loads((out / "figures.json").read_text())
    assert [(p["policy"], p["margin"], p["episodes"]) for p in figures["pairs"]] == [
        ("guard", 15, {"garrison": 40, "cyborg": 30}),
        ("idle", 84, {"garrison": 40, "cyborg": 30}),
    ]
    assert figures["systematic"] == 0
    text = (out / "README.md").read_text()
    assert figures["command"] == (
        "garrison parity equivalence --policies guard idle --red fsm --episodes 30 --garrison-episodes 40 "
        "--seed 3"
    )
    assert figures["command"] in text
    assert "**0 of 34 tests find a systematic gap at a family-wise level of 5%" in text
    assert "| phase 2 action_cost |" in text
    assert "| phase 1 ASF | 0.00 | 0.00 | 0.00 | 0.00 |  |  |" in text
    assert "(differences.png)" in text
    assert (out / "differences.png").read_bytes().startswith(b"\x89PNG")


def test_a_gap_is_told_by_the_exit_status(cyborg, tmp_path, capsys):
    cyborg.bias = 90.0
    assert command(tmp_path / "equivalence").run() == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 of 34 tests find a systematic gap" in shown
    assert "Scores shown to be equivalent: 0 of 2 policies" in shown
    assert "not shown" in shown


def test_a_study_that_goes_on_is_reported_without_playing(cyborg, monkeypatch, tmp_path, capsys):
    out = tmp_path / "equivalence"
    command(out).run()
    with (out / "guard-fsm.jsonl").open("a") as file:
        file.write('{"policy": "gua')  # being written just now
    monkeypatch.setattr(engine, "about", lambda: pytest.fail("CybORG is asked for"))
    played = cyborg.played
    capsys.readouterr()
    assert Equivalence(report=True, json=True, out=out, margins=("guard=9", "idle=7")).run() == 0
    assert [pair["margin"] for pair in json.loads(capsys.readouterr().out)["pairs"]] == [9, 7]
    assert cyborg.played == played


def test_episodes_of_another_machine_are_merged(cyborg, tmp_path, capsys):
    here, there = tmp_path / "here", tmp_path / "there"
    command(there, "--seed", "500").run()
    capsys.readouterr()
    assert command(here, "--merge", str(there), "--json").run() == 0
    told = capsys.readouterr()
    assert "140 new episodes from" in told.err
    figures = json.loads(told.out)
    assert figures["pairs"][0]["episodes"] == {"garrison": 80, "cyborg": 60}


def test_what_was_played_is_kept_when_a_process_fails(cyborg, tmp_path):
    cyborg.failing = True
    with pytest.raises(SystemExit, match="on CybORG, task 1 failed\nWhat was played is kept"):
        command(tmp_path / "equivalence").run()
    assert len(episodes_file.read(tmp_path / "equivalence" / "idle-fsm.jsonl")) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workers", "0"), "workers is 0; it must be at least 1"),
        (("--episodes", "1"), "40 episodes here and 1 on CybORG"),
        (("--red", "blue"), "no red 'blue'; there are: fsm"),
        (("--policies", "nobody"), "nobody is neither a run directory"),
        (("--margins", "guard"), "margins are guard; write them as in guard=15"),
        (("--margin", "-1"), "a margin must be more than 0"),
        (("--report",), "has no episodes; play some first"),
        (("--merge", "/nowhere"), "/nowhere has no episodes"),
    ],
)
def test_what_makes_no_sense_is_refused(cyborg, tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        command(tmp_path / "equivalence", *arguments).run()
    assert not cyborg.played


REFERENCE = Path(__file__).parents[2] / "data" / "cc4_returns"


@pytest.fixture
def on_garrison(monkeypatch):
    """Stand-in for playing: CybORG's stored episodes; ``bias`` is added to red's impact in phase 1."""
    stored = stored_episodes.read_folder(REFERENCE)

    class Play:
        bias = 0.0

        def __call__(self, world, policies, seeds):
            self.seeds = seeds
            return {one: [self.episode(one.name, seed) for seed in seeds] for one in policies}

        def episode(self, policy, seed):
            row = copy.deepcopy(stored[policy][seed % 100])
            row["parts"]["RIA"][1] += self.bias
            return {"seed": seed, "parts": row["parts"]}

    play = Play()
    monkeypatch.setattr(study_plan, "play_on_garrison", play)
    return play


def test_stored_episodes_take_the_place_of_cyborg(on_garrison, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(engine, "about", lambda: pytest.fail("CybORG is asked for"))
    words = [
        "parity",
        "equivalence",
        "--reference",
        str(REFERENCE),
        "--garrison-episodes",
        "90",
        "--out",
        str(tmp_path),
    ]
    assert parse([*words, "--json"]).run() == 0
    assert len(on_garrison.seeds) == 90
    figures = json.loads(capsys.readouterr().out)
    assert [pair["policy"] for pair in figures["pairs"]] == ["idle", "random", "reactive", "firewall"]
    assert {pair["episodes"]["cyborg"] for pair in figures["pairs"]} == {100}
    quantities = [gap["quantity"] for gap in figures["pairs"][0]["gaps"]]
    assert (quantities[0], len(quantities)) == ("return", 20)
    assert all(pair["behavior"] is None for pair in figures["pairs"])
    assert f"--reference {REFERENCE}" in figures["command"]
    assert "## Behavior" not in (tmp_path / "README.md").read_text()
    on_garrison.bias = -80
    assert parse([*words, "--policies", "idle"]).run() == 1
    figures = json.loads((tmp_path / "figures.json").read_text())
    gaps = {gap["quantity"]: gap["adjusted"] for gap in figures["pairs"][0]["gaps"]}
    assert gaps["phase 1 RIA"] < 0.05
    assert gaps["phase 0 RIA"] > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policies", "guard"), "has no guard; it has: idle, random, reactive, firewall"),
        (("--red", "discovery"), "--reference needs --red fsm"),
        (("--garrison-episodes", "1"), "--garrison-episodes of at least 2"),
        (("--margin", "nan"), "a margin must be more than 0"),
    ],
)
def test_what_stored_episodes_lack_is_named(on_garrison, tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(
            ["parity", "equivalence", "--reference", str(REFERENCE), "--out", str(tmp_path), *arguments]
        ).run()


def test_numbers_have_as_many_digits_as_matter():
    assert [equivalence_page.number(x) for x in (-6750.4, 108.26, -0.004)] == ["-6,750", "108.3", "-0.00"]
