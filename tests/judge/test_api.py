"""The evaluation in one call: policies given in every form, opponents, tables, JSON and pages."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import garrison
from garrison import compare, evaluate, policies
from garrison.core.policy import Constant, Random
from garrison.core.wrappers import Wrapper
from garrison.runs.directory import RunDirectory
from garrison.training import loaded
from garrison.training.config import Training
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Pursuit

WORLD = Network(steps=6)
IDLE, RESTORE = Constant((0, 0)), Constant((2, 4))


@pytest.fixture(scope="module")
def result():
    given = {"idle": IDLE, "mine": [RESTORE, Constant((1, 3))], "random": "random"}
    return evaluate(WORLD, given, episodes=5, seed=7, record="mine")


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A run of two training seeds."""
    path = tmp_path / "base"
    path.mkdir()
    (path / "config.json").write_text("{}")
    monkeypatch.setattr(
        loaded, "load_policies", lambda *_: (Training(world="toy/network"), WORLD, [IDLE, RESTORE])
    )
    return path


def test_figures_are_json_ready_and_named_by_policy(result):
    figures = json.loads(result.to_json())
    assert figures == result.figures
    assert list(figures["policies"]) == ["idle", "mine", "random"]
    assert (figures["versus"], figures["seed"], figures["episodes"]) == ("mine", 7, 5)
    assert [one["seeds"] for one in figures["policies"].values()] == [1, 2, 1]
    assert figures["policies"]["mine"]["return"]["mean"] == pytest.approx(
        result.episodes("mine").returns.mean()
    )


def test_it_shows_itself_as_tables(result):
    for text in (str(result), repr(result), result._repr_html_()):
        assert "mine ×2" in text
        assert "entropy" in text
    assert result._repr_html_().startswith("<pre")


def test_pairs_are_compared_in_the_same_episodes(result):
    found = result.compare("idle", "random")
    (pair,) = found.figures["pairs"]
    difference = result.episodes("idle").returns - result.episodes("random").returns
    assert pair["difference"]["mean"] == pytest.approx(difference.mean())
    assert "idle − random" in str(found)
    for names, message in ((("idle", "nobody"), "no policy 'nobody'"), (("idle", "idle"), "with itself")):
        with pytest.raises(ValueError, match=message):
            result.compare(*names)


def test_the_page_is_about_the_recorded_policy(result, tmp_path):
    page = result.report(tmp_path / "page.html").read_text()
    assert "<h1>mine</h1>" in page
    assert "One episode, step by step" in page
    page = result.report(tmp_path / "other.html", policy="idle").read_text()
    assert "<h1>idle</h1>" in page
    assert "One episode, step by step" not in page


def test_runs_and_their_paths_are_policies(base):
    for given in ([str(base)], [base], [RunDirectory(base)], str(base), RunDirectory(base)):
        found = evaluate(WORLD, given, episodes=2)
        assert list(found.figures["policies"]) == ["base"]
        assert found.figures["policies"]["base"]["seeds"] == 2
    alone = evaluate(WORLD, {"second": f"{base}:1", "idle": IDLE}, episodes=2).figures
    assert (
        alone["policies"]["second"]["return_by_seed"]
        == found.figures["policies"]["base"]["return_by_seed"][1:]
    )
    assert alone["versus"] == "second"


def test_compare_gives_all_pairs():
    found = compare(WORLD, {"idle": IDLE, "restore": RESTORE, "random": Random()}, episodes=3)
    assert [(pair["first"], pair["second"]) for pair in found.figures["pairs"]] == [
        ("idle", "restore"),
        ("idle", "random"),
        ("restore", "random"),
    ]
    with pytest.raises(ValueError, match="at least two different policies"):
        compare(WORLD, {"idle": IDLE}, episodes=3)


def test_policies_of_a_side():
    assert list(policies("toy/pursuit", "evader")) == ["idle", "random", "right"]
    assert list(policies("toy/network")) == ["random"]
    with pytest.raises(ValueError, match="no side 'blue'"):
        policies(Pursuit(), "blue")


def test_every_policy_plays_every_opponent(tmp_path):
    done = []
    found = evaluate(
        "toy/pursuit",
        ["right", "idle"],
        side="evader",
        against={"right": "right", "left": Constant((0,))},
        episodes=3,
        on_progress=lambda *now: done.append(now),
    )
    assert done == [(3, 6), (6, 6)]
    against = found.figures["against"]
    assert against["right"]["policies"]["right"]["return"]["mean"] == -3
    assert against["left"]["policies"]["right"]["return"]["mean"] == 3
    assert found.compare("right", "idle", against="left").figures["pairs"][0]["difference"]["mean"] == 6
    with pytest.raises(ValueError, match="no opponent None in this evaluation; opponents: right, left"):
        found.compare("right", "idle")
    assert "Returns against left" in found.report(tmp_path / "page.html").read_text()


@dataclass(frozen=True)
class TenTimes(Wrapper):
    def step(self, key, state, actions):
        obs, state, step = self.world.step(key, state, actions)
        return obs, state, step.replace(reward=10 * step.reward)


def test_wrapped_worlds_are_judged_wrapped_against_opponents_too():
    plain, wrapped = (
        evaluate(world, {"x": IDLE}, episodes=4).episodes("x").returns for world in (WORLD, TenTimes(WORLD))
    )
    np.testing.assert_allclose(wrapped, 10 * plain, rtol=1e-6)
    found = evaluate(TenTimes(Pursuit()), ["right"], side="chaser", against=["right"], episodes=2)
    assert found.episodes("right").returns.tolist() == [[30, 30]]


@pytest.mark.slow
def test_guard_is_judged_in_the_wrapped_world():
    """Guard reads another observation contract than the world gives by default."""
    plain, wrapped = (
        evaluate(world, ["guard"], episodes=2).episodes("guard").returns
        for world in (garrison.make("cc4", steps=30), TenTimes(garrison.make("cc4", steps=30)))
    )
    assert plain.any()
    np.testing.assert_allclose(wrapped, 10 * plain, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policies": {}}, "policies is empty"),
        ({"policies": []}, "policies is empty"),
        ({"policies": {"x": []}}, r"policies\['x'\] is an empty list"),
        ({"policies": [IDLE]}, "policies has a policy without a name; write {'mine': policy}"),
        ({"policies": ["random", "random"]}, "policies has the same name twice: random, random"),
        ({"policies": ["radnom"]}, r"did you mean 'random'\?"),
        ({"policies": {"x": IDLE}, "versus": "y"}, "no policy 'y' to compare with; policies: x"),
        ({"policies": {"x": IDLE}, "record": "y"}, "cannot record 'y'; policies: x"),
        ({"policies": {"x": IDLE}, "episodes": 0}, "episodes is 0"),
        ({"policies": {"x": IDLE}, "against": ["random"]}, "has one side only"),
        ({"policies": {"x": IDLE}, "side": "red"}, "no side 'red'"),
        ({"world": "toy/pursuit", "policies": ["right"]}, "name the opponents"),
        (
            {"world": "toy/pursuit", "policies": ["right"], "against": [], "side": "chaser"},
            "against is empty",
        ),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(**{"world": WORLD, **arguments})
