"""``garrison suites``, and suites in ``garrison eval``."""

import json

import pytest
import tyro

from garrison.cli.evaluate import Evaluate
from garrison.cli.suites import Suites
from garrison.judge import suites

ENTRIES = tuple(
    suites.Entry(f"spread {spread}", family, {"steps": 5, "spread": spread}, "toy/network")
    for spread, family in ((0.2, "one"), (0.8, None))
)
TOY = suites.Suite("toy", 1, "a test", 40, 6, ENTRIES)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(suites.SUITES, "toy", TOY)


def test_all_suites_are_listed(capsys):
    assert tyro.cli(Suites, args=[]).run() == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in suites.SUITES)
    assert tyro.cli(Suites, args=["--json"]).run() == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(found) == list(suites.SUITES)
    assert found["heldout"]["hash"] == suites.get("heldout").hash
    assert found["competition"]["published"]["teams"]["cybermonic"]["phishing"] == {"mean": -350, "sd": 182}


def test_the_entries_of_a_suite(capsys):
    assert tyro.cli(Suites, args=["competition"]).run() == 0
    shown = capsys.readouterr().out
    assert "column=stealthy" in "".join(shown.split())
    assert tyro.cli(Suites, args=["heldout", "--json"]).run() == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["entries"][0]["weight"] == pytest.approx(0.05)
    with pytest.raises(SystemExit, match="no suite 'held'.*suites: train, "):
        tyro.cli(Suites, args=["held"]).run()


def test_policies_play_a_suite(toy, tmp_path, capsys):
    """Without names all scripted policies of its worlds."""
    file = tmp_path / "figures.json"
    assert tyro.cli(Evaluate, args=["--suite", "toy", "--episodes", "2", "--out", str(file)]).run() == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "suite toy (version 1" in shown
    assert "2 of 6 episodes" in shown
    found = json.loads(file.read_text())
    assert (found["suite"]["hash"], found["simulator"], found["seed"]) == (TOY.hash, "garrison", 40)
    assert list(found["entries"]) == ["spread 0.2", "spread 0.8"]
    assert list(found["policies"]) == ["random"]
    assert (
        found["policies"]["random"]["mean"] == found["entries"]["spread 0.2"]["policies"]["random"]["score"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "tiy"], r"no suite 'tiy' \(did you mean 'toy'\?\); suites: train, validation, heldout"),
        (["--suite", "toy", "--episodes", "7"], "episodes is 7; the suite toy has 1 .. 6"),
        (["--suite", "toy", "--world", "cc4", "--episode-seeds", "0-3"],
         "the suite toy decides its games and episodes itself; leave out --world, --episode-seeds"),
        (["--suite", "toy", "--red", "fsm"], "leave out --red"),
        (["--suite", "toy", "guard"], "guard is neither a run directory nor a policy of world 'toy/network'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(toy, arguments, message):
    with pytest.raises(SystemExit, match=message):
        tyro.cli(Evaluate, args=arguments).run()
