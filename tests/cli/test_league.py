"""``garrison league``."""

import json
import subprocess
import sys

import pytest

from garrison import cli
from garrison.league.config import Config
from garrison.presets.leagues import LEAGUES

#: A league without learning, in a second.
EXACT = [
    *("league", "train", "league-smoke", "--rounds", "1", "--set", "world=toy/matrix", "options={}"),
    *('rows=["rock"]', 'columns=["rock"]', "held_out_rows=[]", 'held_out_columns=["paper"]', "anchor=null"),
    *("oracle=exact", "payoffs=exact", "training={}", "floor=0", "low=-1", "high=1", "judge_episodes=16"),
]


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    path = tmp_path_factory.mktemp("leagues") / "league"
    assert cli.main([*EXACT, "--out", str(path)]) == 0
    return path


def shown(capsys, *arguments):
    assert cli.main(["league", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_league_is_shown(league, capsys, tmp_path):
    found = shown(capsys, "show", league, "--page", tmp_path / "page.html")
    assert found["mixtures"]["row"] == {"rock": 0.0, "row-0": 1.0}
    assert found["mean"] == [[0.0, -1.0], [1.0, 0.0]]
    assert found["rounds"][0]["held_out"]["row"]["paper"]["mixture"]["mean"] == -1
    assert found["transitive_share"]["value"] == 1
    assert (league / "report" / "league.png").read_bytes().startswith(b"\x89PNG")
    assert "row-0" in (tmp_path / "page.html").read_text()
    assert cli.main(["league", "show", str(league)]) == 0
    printed = capsys.readouterr().out
    assert "row-0" in printed
    assert "no claim about the game" in " ".join(printed.split())


@pytest.mark.slow
@pytest.mark.parametrize("where", ["--jobs=2", "--ray"])
def test_processes_train_the_same_league(league, tmp_path, where):
    if where == "--ray":
        pytest.importorskip("ray", reason="Ray is an extra that is not installed")
    command = [sys.executable, "-m", "garrison", *EXACT, "--out", tmp_path, where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("state.json", "rounds.jsonl", "payoffs.jsonl"):
        assert (tmp_path / name).read_bytes() == (league / name).read_bytes()


def test_more_episodes_are_played(league, capsys):
    found = shown(capsys, "payoff", league, "--episodes", 20)
    assert found["games"] == [[32, 32], [32, 32]]
    assert cli.main(["league", "payoff", str(league), "--episodes", "20"]) == 0
    assert "row-0" in capsys.readouterr().out


def test_a_finished_league_goes_on_as_it_began(league):
    assert cli.main(["league", "train", str(league)]) == 0
    with pytest.raises(SystemExit, match="goes on as it began, without other settings"):
        cli.main(["league", "train", str(league), "--rounds", "2"])


EXPLOIT = "--world toy/matrix --side column --budget 4096 --seeds 2 --episodes 32 --against rock"
SETTINGS = ["--set", "num_envs=32", "hidden_sizes=[8]", "learning_rate=0.03", "minibatches=1"]


def test_a_best_response_is_a_lower_bound(capsys, tmp_path, monkeypatch):
    """Against rock, which loses to paper alone. Responses are kept, for rock alone."""
    command = [*EXPLOIT.split(), "--out", tmp_path / "responses", *SETTINGS]
    found = shown(capsys, "exploit", "rock", *command)
    assert found["bound"] == "lower"
    assert found["return"]["paper"]["mean"] == -1
    assert found["return"]["best response"]["mean"] < -0.9
    assert found["worst_known"] == "paper"
    assert -0.1 < found["loss"]["mean"] <= 0 or found["loss"]["mean"] == pytest.approx(0, abs=0.1)
    assert found["steps"] == 4096
    assert len(found["curves"]["seed 1"]) == 128
    assert found["chosen"] in found["selection"]
    assert found["account"]["best response"]["shares"]["paper"]["value"] > 0.9
    assert found["account"]["paper"]["return_parts"] == {"reward": -1}
    assert json.loads((tmp_path / "responses" / "exploit.json").read_text()) == found
    assert "best response" in (tmp_path / "responses" / "report.html").read_text()
    monkeypatch.setattr("garrison.league.responses.Ippo.respond", None)  # nothing is trained again
    assert shown(capsys, "exploit", "rock", *command) == found
    with pytest.raises(SystemExit, match="response-0 is a response to another policy"):
        cli.main(["league", "exploit", "paper", *map(str, command)])


def test_both_mixtures_of_a_league_are_attacked(league, capsys, tmp_path):
    """Both are paper, and scissors gain 1 on each side."""
    budget = ["--budget", 4096, "--seeds", 1, "--episodes", 32, "--out", tmp_path, *SETTINGS]
    found = shown(capsys, "exploit", league, "--side", "both", *budget)
    assert 1.8 < found["nash_conv"]["mean"] <= 2
    assert found["sides"]["row"]["return"]["mixture"]["mean"] == 0
    assert found["sides"]["column"]["loss"]["mean"] == pytest.approx(0, abs=0.1)  # beyond scissors
    assert json.loads((tmp_path / "exploit.json").read_text()) == found
    assert (tmp_path / "row" / "report.html").exists()


def test_presets_are_listed(capsys):
    found = shown(capsys, "presets")
    assert [one["preset"] for one in found] == list(LEAGUES)
    assert all(one["purpose"] and one["source"] for one in found)
    assert Config.from_json(found[1]["config"]) == LEAGUES["league-small"].config
    assert cli.main(["league", "presets"]) == 0
    assert "league-cc4" in capsys.readouterr().out
    for one in LEAGUES.values():
        one.config.check()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "league-smal"], "did you mean 'league-small'"),
        (["train", "league-smoke", "--set", "totl_steps=3"], "ippo has no hyperparameter 'totl_steps'"),
        (["show", "nowhere"], "nowhere is not a league"),
        (["exploit", "nobody", "--world", "toy/matrix"], "nobody is neither a run"),
        (["exploit", "rock", "--world", "toy/credit"], "has one side only"),
        (["exploit", "rock", "--world", "toy/matrix", "--seeds", "0"], "seeds is 0"),
        (["exploit", "rock", "--world", "toy/matrix", "--side", "both"], "rock is not one; name a side"),
        (["exploit", "guard", "--preset", "cc4-qmix"], "cc4-qmix trains by qmix"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        cli.main(["league", *arguments])


def test_members_of_a_league_are_attacked_by_name(league):
    with pytest.raises(SystemExit, match="has no member 'row-7' of row: rock, row-0"):
        cli.main(["league", "exploit", f"{league}:row-7"])
