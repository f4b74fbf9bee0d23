"""Both engines' episodes into files, with the players of episodes played by stand-ins."""

import numpy as np
import pytest

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.world import CybORGWorld, on_cyborg
from garrison.core import processes
from garrison.judge.evaluate import Episodes
from garrison.parity.scores import episodes_file, study_plan
from garrison.parity.scores.study_plan import APART, Plan, StudiedPolicy, studied_policies
from garrison.worlds import cc4
from garrison.worlds.cc4.agents.blue import POLICIES
from garrison.worlds.cc4.behavior import BLUE

ABOUT = {"version": "4.0", "commit": "8c3c50c" * 5, "sources": "4e1f", "known": True}
AXES = tuple(map(len, BLUE.axes.values()))


def episodes(n, score):
    shape = (1, n)
    return Episodes(
        returns=np.full(shape, score),
        scores=score + np.arange(n, dtype=np.float32)[None],
        lengths=np.full(shape, 499),
        parts={"LWF": np.full((*shape, 3), -1.0)},
        decisions=np.ones((*shape, *AXES), int),
    )


@pytest.fixture
def asked(monkeypatch):
    """Notes what was played; ``asked["stop"]`` is after how many of CybORG's episodes a kill comes."""
    asked = {"here": [], "there": [], "stop": 99, "about": dict(ABOUT)}

    def here(world, players, n, seed):
        asked["here"].append((on_cyborg(world).red, sorted(players), n, seed - APART))
        return {name: episodes(n, -10.0) for name in players}, None

    def there(function, tasks, workers):
        assert function is play_episode
        for number, (world, _, seed) in list(enumerate(tasks))[::-1]:
            if len(asked["there"]) == asked["stop"]:
                raise KeyboardInterrupt
            asked["there"].append((world, seed))
            parts = {"LWF": np.full(3, -1.0)}
            figures = {"returns": -9.0, "scores": -9.0, "lengths": 499, "parts": parts}
            yield number, figures | {"decisions": np.ones(AXES, int)}

    monkeypatch.setattr(engine, "about", lambda: asked["about"])
    monkeypatch.setattr(study_plan, "evaluate", here)
    monkeypatch.setattr(processes, "finished", there)
    return asked


def subjects(*names, **options):
    return [StudiedPolicy(name, POLICIES[name], cc4.make(**options)) for name in names]


def play(folder, players, here, there, seed=0):
    plan = Plan(players, folder, here, there, seed)
    told = list(plan.play_here())
    return told, [subject.name for subject in plan.play_there(workers=1)]


def kept(path):
    return [(row["engine"], row["seed"]) for row in episodes_file.read(path)]


def test_a_killed_study_goes_on_and_is_extended(tmp_path, asked):
    asked["stop"] = 3
    with pytest.raises(KeyboardInterrupt):
        play(tmp_path, subjects("idle", "guard"), here=4, there=2)
    assert asked["here"] == [("fsm", ["guard", "idle"], 4, 0)]
    assert kept(tmp_path / "guard-fsm.jsonl")[4:] == [("cyborg", 1), ("cyborg", 0)]
    asked["stop"] = 99
    told, played = play(tmp_path, subjects("idle", "guard"), here=4, there=2)
    assert (told, played) == ([], ["idle"])
    told, played = play(tmp_path, subjects("idle", "guard"), here=6, there=3)
    assert told == ["2 episodes against fsm: idle, guard"]
    assert asked["here"][1:] == [("fsm", ["guard", "idle"], 2, 4)]
    assert sorted(played) == ["guard", "idle"]
    rows = episodes_file.read(tmp_path / "idle-fsm.jsonl")
    ours = [(row["seed"] - APART, row["score"]) for row in rows if row["engine"] == "garrison"]
    assert ours == [(0, -10), (1, -9), (2, -8), (3, -7), (4, -10), (5, -9)]
    assert sorted(row["seed"] for row in rows if row["engine"] == "cyborg") == [0, 1, 2]
    assert play(tmp_path, subjects("idle", "guard"), here=6, there=3) == ([], [])


def test_cyborg_plays_what_the_player_reads_in_the_same_world(tmp_path, asked):
    play(tmp_path, subjects("idle", "guard", red="discovery", busy="masked", steps=100), 2, 2)
    expected = CybORGWorld("discovery", busy="masked", steps=100)
    rich = CybORGWorld("discovery", observation="rich", busy="masked", steps=100)
    assert [world for world, seed in asked["there"] if seed == 0] == [rich, expected]
    row = episodes_file.read(tmp_path / "guard-discovery.jsonl")[0]
    assert row["world"] == "green=enterprise busy=masked steps=100"
    assert (row["cc4"], row["version"]) == (cc4.make().version, cc4.make().version)


def test_teams_play_by_the_rules_of_their_training(tmp_path, asked):
    """Their rewards are for learning alone; CybORG's world has none of that."""
    play(tmp_path, subjects("idle", traffic="off", rewards="cause", contractor="leave_out"), 2, 2)
    assert asked["here"] == [("fsm", ["idle"], 2, 0)]
    assert asked["there"][-1][0] == CybORGWorld(traffic="off")
    row = episodes_file.read(tmp_path / "idle-fsm.jsonl")[0]
    assert row["world"] == "green=enterprise busy=free steps=500 traffic=off"


def test_another_cyborg_world_or_policy_is_refused(tmp_path, asked):
    play(tmp_path, subjects("idle"), 2, 2)
    asked["about"]["sources"] = "beef"
    with pytest.raises(
        ValueError, match="different version of cyborg: 4.0 8c3c50c 4e1f and 4.0 8c3c50c beef"
    ):
        Plan(subjects("idle"), tmp_path, 2, 2, 0)
    asked["about"]["sources"] = "4e1f"
    with pytest.raises(ValueError, match="different world: .* and green=enterprise busy=free steps=50"):
        Plan(subjects("idle", steps=50), tmp_path, 2, 2, 0)
    with pytest.raises(ValueError, match="different player: "):
        Plan([StudiedPolicy("idle", POLICIES["guard"], cc4.make())], tmp_path, 2, 2, 0)


def test_numbers_that_make_no_sense_are_refused(tmp_path, asked):
    with pytest.raises(ValueError, match="9 episodes here and 1 on CybORG; there must be at least 2 of each"):
        Plan(subjects("idle"), tmp_path, 9, 1, 0)
    with pytest.raises(ValueError, match="seed is"):
        Plan(subjects("idle"), tmp_path, 9, 9, 2**31)


def test_policies_of_one_name_are_refused(tmp_path, asked):
    with pytest.raises(ValueError, match="several policies are called idle"):
        Plan(subjects("idle", "guard", "idle"), tmp_path, 2, 2, 0)


def test_policies_are_named_as_people_do():
    world, guard = cc4.make(), POLICIES["guard"]
    known = {"guard": {"guard": guard}, "runs/base": {"base": ["first", "second"]}}

    def opened(name):
        return world, known[name]

    found = studied_policies(["guard", "runs/base", "guard"], opened)
    assert [(one.name, one.policy) for one in found] == [
        ("guard", guard), ("base:0", "first"), ("base:1", "second"),
    ]  # fmt: skip
    assert [one.policy for one in studied_policies(["runs/base:1"], opened)] == ["second"]
    with pytest.raises(ValueError, match="runs/base has 2 training seeds; there is no seed 2"):
        studied_policies(["runs/base:2"], opened)
    with pytest.raises(ValueError, match="guard is a single policy and has no seed 0"):
        studied_policies(["guard:0"], opened)


@pytest.mark.cyborg
def test_a_small_study_with_cyborg(tmp_path):
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))
    plan = Plan(subjects("idle", "guard", steps=20), tmp_path, 2, 2, 0)
    assert list(plan.play_here()) == ["2 episodes against fsm: idle, guard"]
    assert sorted(subject.name for subject in plan.play_there(workers=2)) == [
        "guard",
        "guard",
        "idle",
        "idle",
    ]
    for rows in episodes_file.read_folder(tmp_path).values():
        assert len({(row["engine"], row["seed"]) for row in rows}) == 4
        for row in rows:
            assert row["length"] == 19
            assert set(row["parts"]) == {"LWF", "ASF", "RIA", "action_cost"}
            assert len(row["decisions"]) == len(BLUE.axes["action"])
            assert 0 < sum(row["decisions"]) <= 5 * 19
