"""Policy specs: which policy a name stands for."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from garrison.core.policy import Constant, Pool
from garrison.core.sides import one_side
from garrison.core.world import World
from garrison.core.wrappers import AutoReset
from garrison.judge import specs
from garrison.judge.specs import Source
from garrison.runs import directory
from garrison.training import loaded
from garrison.training.config import Training
from garrison.training.loaded import LoadedRun
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Pursuit

WORLD, BOTH = Network(), Pursuit()


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The path of a run of three training seeds."""
    path = tmp_path / "base"
    path.mkdir()
    (path / "config.json").write_text("{}")
    policies = [Constant((i, 0)) for i in range(3)]
    monkeypatch.setattr(loaded, "load_policies", lambda *_: (Training(world="toy/network"), WORLD, policies))
    return str(path)


def test_a_run_is_a_list_and_a_seed_of_it_a_list_of_one(base):
    assert specs.resolve(base, WORLD) == [Constant((0, 0)), Constant((1, 0)), Constant((2, 0))]
    assert specs.resolve(f"{base}:2", WORLD) == [Constant((2, 0))]
    with pytest.raises(ValueError, match="has 3 training seeds, counted from 0; there is no 3"):
        specs.resolve(f"{base}:3", WORLD)


def test_names_of_the_world(base):
    assert specs.resolve("random", WORLD) == WORLD.policies()["random"]
    with pytest.raises(ValueError, match=r"'toy/network' \(did you mean 'random'\?\); its policies: random"):
        specs.resolve("radnom", WORLD)


def test_a_colon_in_a_path_is_part_of_it(base, tmp_path):
    odd = tmp_path / "base:1"
    odd.mkdir()
    (odd / "config.json").write_text("{}")
    assert specs.run_of(str(odd)) == (odd, None)
    assert specs.run_of(f"{base}:x") is None
    assert specs.run_of("nowhere:1") is None


def test_runs_that_come_with_garrison_have_names_and_directories_come_first(base, tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    (packaged / "best").mkdir(parents=True)
    (packaged / "best" / "config.json").write_text("{}")
    monkeypatch.setattr(directory, "PACKAGED", packaged)
    monkeypatch.chdir(tmp_path)
    assert specs.run_of("best") == (packaged / "best", None)
    assert specs.run_of("best:1") == (packaged / "best", 1)
    assert specs.resolve("best:1", WORLD) == [Constant((1, 0))]
    assert specs.labels(["best"]) == {"best": "best"}
    with pytest.raises(ValueError, match="runs that come with Garrison: best"):
        specs.resolve("worst", WORLD)
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "config.json").write_text("{}")
    assert specs.run_of("best") == (Path("best"), None)


def test_runs_are_called_by_their_directory_where_that_is_unique(base):
    assert specs.labels(["a/x", "a/y/"]) == {"a/x": "x", "a/y/": "y"}
    assert specs.labels(["a/x", "b/x"]) == {"a/x": "a/x", "b/x": "b/x"}
    assert specs.labels(["a/idle", "idle"], ["idle"]) == {"a/idle": "a/idle", "idle": "./idle"}
    assert specs.labels([base, f"{base}:1"]) == {base: "base", f"{base}:1": "base:1"}


def test_sources_know_more_names(base):
    heavy = Source(lambda spec, world: Constant((1, 1)) if spec == "heavy" else None, lambda world: ["heavy"])
    assert specs.resolve("heavy", WORLD, [heavy]) == Constant((1, 1))
    assert specs.resolve("random", WORLD, [heavy]) == WORLD.policies()["random"]
    with pytest.raises(ValueError, match=r"did you mean 'heavy'.*its policies: random, heavy"):
        specs.resolve("haevy", WORLD, [heavy])


def test_opponents():
    assert specs.opponent("right", BOTH, "chaser") == Constant((1,))
    assert specs.opponent(Constant((0,)), BOTH, "chaser") == Constant((0,))
    pool = specs.opponent([Constant((0,)), Constant((1,))], BOTH, "chaser")
    assert isinstance(pool, Pool)
    assert pool.weights.tolist() == [1, 1]


def test_policies_of_one_side_do_not_fit_another_world():
    run = LoadedRun("base", Training(world="toy/network"), WORLD, ())
    specs.check_fit(run, WORLD)
    with pytest.raises(
        ValueError, match="the policies of base cannot play 'toy/pursuit' as evader: it has 1 ag"
    ):
        specs.check_fit(run, specs.side_view(BOTH, "evader"))


@dataclass(frozen=True)
class Scripted(Pursuit):
    """A pursuit whose own code plays "left" for either side; as a script it is the third action."""

    scripts: tuple[str, ...] = ()

    @property
    def action_counts(self):
        return (2 + len(self.scripts),) * 2

    def action_labels(self, agent):
        return [*super().action_labels(agent), *self.scripts]

    def native_policies(self, side):
        return ("left",)

    def policies(self, side=None):
        return super().policies(side) | {name: Constant((2,)) for name in self.scripts}

    def with_scripts(self, side, policies):
        return replace(self, scripts=tuple(policies))


def test_native_policies_are_judged_as_scripts():
    assert specs.with_scripts(Scripted(), "chaser", ["right", "left", Constant((0,))]).scripts == ("left",)
    assert specs.with_scripts(AutoReset(Scripted()), "chaser", ["left"]).world.scripts == ("left",)
    assert specs.with_scripts(Scripted(), "chaser", ["right"]) == Scripted()
    assert specs.opponent("left", Scripted(), "chaser") == "left"
    with pytest.raises(ValueError, match="plays left of side 'chaser' as an opponent only"):
        World.with_scripts(Scripted(), "chaser", ["left", "right"])


def test_a_side_with_an_opponent_of_its_own_gets_its_native_policies_too():
    world = one_side(Scripted(), "chaser", "right")
    assert "left" not in world.policies()
    assert specs.controls(world) == ("left",)
    beside = specs.playable(world, ["right", *specs.controls(world), Constant((0,))])
    assert beside.policies()["left"] == Constant((2,))
    assert (beside.opponent, beside.num_actions) == (world.opponent, 3)
    assert specs.playable(beside, ["left"]) == beside
    for other in (WORLD, Scripted()):  # one side only, and both
        assert specs.controls(other) == ()
        assert specs.playable(other, ["left"]) == other


def test_policies_play_where_scripts_are_behind_their_actions():
    trained_in = specs.side_view(Scripted(), "evader")
    run = LoadedRun("base", Training(world="toy/pursuit"), trained_in, ())
    specs.check_fit(run, specs.side_view(Scripted(scripts=("left",)), "evader"))
    more = LoadedRun("base", run.training, specs.side_view(Scripted(scripts=("left",)), "evader"), ())
    with pytest.raises(ValueError, match=r"it has 1 agents with \(2,\) actions.*1 with \(3,\)"):
        specs.check_fit(more, trained_in)
