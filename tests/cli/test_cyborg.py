"""``garrison eval --on cyborg`` and ``garrison export``, with CybORG's part played by stand-ins."""

import json
import sys

import jax
import numpy as np
import pytest
import tyro

from garrison import cli
from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.submission.garrison_policy import MLPTeam, read
from garrison.algos.ippo import Config
from garrison.cli import evaluate_cyborg, evaluate_suite
from garrison.cli.evaluate import Evaluate
from garrison.core.processes import WorkerError
from garrison.judge import specs, suites
from garrison.judge.assets import Harm
from garrison.judge.evaluate import Episodes
from garrison.learn import nets
from garrison.learn.policy import NetworkPolicy
from garrison.training import loaded as loaded_runs
from garrison.training.config import Training, make_world
from garrison.worlds.cc4.behavior import BLUE
from garrison.worlds.cc4.columns import COLUMNS

ABOUT = {"version": "4.0", "commit": engine.KNOWN_COMMIT, "sources": engine.KNOWN_SOURCES, "known": True}


@pytest.fixture
def cyborg(monkeypatch):
    """Stand-in for playing there; ``asked`` notes what for."""

    def play(world, policies, episodes, seed, workers, watch, resilience=False):
        asked.append((world, sorted(policies), episodes, seed, workers))
        watch(episodes)
        shape, axes = (1, episodes), tuple(map(len, BLUE.axes.values()))
        figures = Episodes(
            returns=np.full(shape, -3.0, np.float32),
            scores=np.full(shape, -2.0, np.float32),
            lengths=np.full(shape, 499),
            parts={"LWF": np.full((*shape, 3), -1.0)},
            decisions=np.ones((*shape, *axes), np.int32),
            harm=one_outage(episodes) if resilience else None,
        )
        return dict.fromkeys(policies, figures)

    monkeypatch.setattr(engine, "about", lambda: ABOUT)
    monkeypatch.setattr(evaluate_cyborg, "evaluate", play)
    asked.clear()


asked: list = []


def one_outage(episodes):
    """Of the database, from step 10 to 19 of 499."""
    impacted = np.zeros((1, episodes, 499, 3), bool)
    impacted[:, :, 10:20, 1] = True
    zeros = np.zeros((1, episodes, 499, 6))
    return Harm(impacted, impacted, zeros[..., :2], zeros.reshape(1, episodes, 499, 2, 3), zeros[..., 0])


def parse(*arguments: str) -> Evaluate:
    return tyro.cli(Evaluate, args=("--on", "cyborg", *arguments))


def test_policies_are_judged_there_as_here_and_the_commit_is_named(cyborg, capsys):
    arguments = ("idle", "guard", "--red", "discovery", "--episodes", "4", "--seed", "9", "--workers", "2")
    assert parse(*arguments, "--json").run() == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert "CybORG 4.0, commit 8c3c50c, the known sources" in told.err
    assert found["cyborg"] == ABOUT
    assert (found["world"], found["episodes"], found["score_steps"]) == ("cyborg", 4, 498)
    assert found["world_version"].startswith("4.0 8c3c50c")
    assert found["policies"]["guard"]["score"]["mean"] == -2
    (world, names, *numbers), *_ = asked
    assert (world.red, names, numbers) == ("discovery", ["guard", "idle"], [4, 9, 2])
    assert parse(*arguments).run() == 0
    assert "the first 498 of 499 rewards" in " ".join(capsys.readouterr().out.split())


def test_resilience_is_measured_there_too(cyborg, capsys):
    assert parse("idle", "--episodes", "3", "--resilience", "--json").run() == 0
    found = json.loads(capsys.readouterr().out)["policies"]["idle"]["resilience"]
    assert found["degraded"]["mean"] == pytest.approx(10 / 499)
    assert (found["recovery"]["median"]["value"], found["outages"]) == (10, 1)
    assert list(found["attacks"]) == ["Impact", "DegradeServices"]


def test_a_suite_is_played_entry_by_entry(cyborg, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_suite, "evaluate", evaluate_cyborg.evaluate)
    assert parse("idle", "guard", "--suite", "competition", "--episodes", "3", "--json").run() == 0
    found = json.loads(capsys.readouterr().out)
    assert [world.name for world, *_ in asked] == [
        "cyborg",
        *(f"cyborg/{name}" for name in list(COLUMNS)[1:]),
    ]
    assert {(tuple(who), episodes, seed) for _, who, episodes, seed, _ in asked} == {
        (("guard", "idle"), 3, suites.get("competition").seed)
    }
    assert dict(asked[2][0].overrides) == COLUMNS["phishing"]
    assert (found["simulator"], found["cyborg"]) == ("cyborg", ABOUT)
    assert found["policies"]["guard"]["mean"]["mean"] == -2
    with pytest.raises(
        SystemExit, match="entry 'mission 3-3-1' of the suite train: CybORG has no option reward"
    ):
        parse("idle", "--suite", "train").run()
    with pytest.raises(SystemExit, match="name the policies to evaluate on the suite train"):
        parse("--suite", "train").run()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the policies to evaluate on CybORG"),
        (("idle", "--workers", "0"), "workers is 0; it must be at least 1"),
        (("idle", "--options", "restore_cost=0"), "CybORG has no option restore_cost"),
        (("random", "--world", "toy/network"), "world 'toy/network' is not on CybORG"),
    ],
)
def test_what_makes_no_sense_is_refused(cyborg, arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(*arguments).run()
    assert not asked


def test_without_cyborg_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "CybORG", None)
    monkeypatch.setattr(engine, "about", engine.about.__wrapped__)
    monkeypatch.setattr(engine, "cyborg", engine.cyborg.__wrapped__)
    with pytest.raises(SystemExit, match="garrison: CybORG is not installed"):
        parse("idle").run()


def test_a_process_that_fails_ends_it_with_a_message(cyborg, monkeypatch):
    def fail(*_):
        raise WorkerError("task 3 failed")

    monkeypatch.setattr(evaluate_cyborg, "evaluate", fail)
    with pytest.raises(SystemExit, match="garrison: on CybORG, task 3 failed"):
        parse("idle").run()


# ---------------------------------------------------------------- export


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The path of a run of two training seeds whose networks share nothing."""

    options = Config(hidden_sizes=(4,), activation="relu")
    made = [nets.make(jax.random.key(seed), (0,) * 5, 892, 242, options) for seed in (0, 1)]

    def load(run, which, greedy, side=None):
        training = Training(world="cc4", options={"observation": "rich", "busy": "masked"}, num_seeds=2)
        world = make_world("cc4", training.options)
        return training, world, [NetworkPolicy(net, greedy, "rich", 892) for net in made]

    monkeypatch.setattr(loaded_runs, "load_policies", load)
    path = tmp_path / "mine"
    path.mkdir()
    (path / "config.json").write_text("{}")
    return path


def test_a_policy_becomes_a_submission(run, tmp_path, capsys):
    folder = tmp_path / "my submission"
    assert cli.main(["export", f"{run}:1", "--submission", str(folder), "--greedy"]) == 0
    assert f"evaluation.py '{folder}' RESULTS" in capsys.readouterr().out.replace("\n", "")
    about = json.loads((folder / "team.json").read_text())
    assert (about["team"], about["technique"], about["greedy"]) == ("mine, seed 1", "IPPO", True)
    assert (about["observation"], about["busy"], about["training"]["num_seeds"]) == ("rich", "masked", 2)
    team = MLPTeam(read((folder / "weights.safetensors").read_bytes()), about)
    policies = specs.load_run(str(run), "latest", True).policies
    obs = np.linspace(0, 1, 892, dtype=np.float32)
    expected = policies[1].net((), np.tile(obs, (5, 1)), False)[1][0][2]
    np.testing.assert_allclose(team.logits(2, obs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([":2"], "mine has 2 training seeds, counted from 0; there is no 2"),
        ([""], "is not empty; name another folder for the submission"),
    ],
)
def test_what_cannot_be_exported_is_refused(run, arguments, message):
    with pytest.raises(SystemExit, match=message):
        cli.main(["export", f"{run}{arguments[0]}", "--submission", str(run)])
