"""Submissions in the challenge's format: what is refused and why, and that they are counted as others are."""

import json
import sys
from types import SimpleNamespace as Fake

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro

from garrison.adapters.cyborg import engine, facts
from garrison.adapters.cyborg import submission_process as process
from garrison.adapters.cyborg.episodes import play_episode
from garrison.adapters.cyborg.export import export
from garrison.adapters.cyborg.submissions import Submission, SubmissionError, is_submission, place
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.algos.ippo import Config
from garrison.cli import evaluate_cyborg
from garrison.cli.compare import Compare
from garrison.cli.evaluate import Evaluate
from garrison.learn import nets
from garrison.learn.policy import NetworkPolicy
from garrison.worlds.cc4 import behavior as judged
from garrison.worlds.cc4 import tables as T

GOOD = """
import helper

class Agent:
    def get_action(self, observation, action_space):
        return 0

class Submission:
    NAME, TEAM, TECHNIQUE = "a", "b", helper.TECHNIQUE
    AGENTS = {f"blue_agent_{number}": Agent() for number in range(5)}

    def wrap(env):
        return env
"""


@pytest.fixture
def folder(tmp_path):
    """``folder(text)``: a submission with this text, and a module ``helper`` beside it."""

    def write(text=GOOD):
        (tmp_path / "submission.py").write_text(text)
        (tmp_path / "helper.py").write_text("TECHNIQUE = 'c'\n")
        return tmp_path

    yield write
    process._forget(tmp_path)


def test_a_submission_is_a_folder_that_is_no_run(folder, tmp_path):
    assert not is_submission(tmp_path)
    assert is_submission(folder())
    (tmp_path / "config.json").write_text("{}")
    assert not is_submission(tmp_path)
    assert not is_submission("guard")


def test_each_load_is_anew(folder):
    path, before = folder(), list(sys.path)
    first = process.load(path)
    assert (first.NAME, first.TECHNIQUE) == ("a", "c")
    sys.modules["helper"].TECHNIQUE = "changed"
    second = process.load(path)
    assert second is not first
    assert second.TECHNIQUE == "c"
    assert sys.path == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import helper", "import no_such_module", "it needs the module no_such_module, which .* --python"),
        (
            "import helper",
            "1 / 0",
            r"importing submission.py failed: ZeroDivisionError: .*submission.py, line",
        ),
        ("import helper", "raise SystemExit", "importing submission.py failed: SystemExit"),
        ("class Submission", "class Submissions", "submission.py has no class Submission"),
        ("TECHNIQUE = ", "METHOD = ", "has no TECHNIQUE; it needs NAME, TEAM, TECHNIQUE, AGENTS, wrap"),
        ("AGENTS = {", "AGENTS = 3  # {", "AGENTS is a int; it must be a dict"),
        ("range(5)", "range(1, 5)", "AGENTS has no blue_agent_0, but blue_agent_1, .*give each of the five"),
        ("get_action", "choose", r"AGENTS\['blue_agent_0'\] has no method get_action"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_the_remedy(folder, old, new, message):
    path, before = folder(GOOD.replace(old, new)), list(sys.path)
    with pytest.raises(process.Failed, match=message):
        process.load(path)
    assert sys.path == before


def test_an_interpreter_that_is_none_is_named(folder):
    with pytest.raises(SubmissionError, match="python is /no/such/python, which cannot be run"):
        Submission(str(folder()), "/no/such/python").about()
    with pytest.raises(SubmissionError, match=r"submission .*: its process ended with status 1"):
        Submission(str(folder()), "/bin/false").about()


# ---------------------------------------------------------------- what is counted


def controller():
    """What is read of CybORG's controller: agent 0 restores, agent 1 was refused; a green fails to work."""

    def action(kind, **attributes):
        return type(kind, (), attributes)()

    work = action("GreenLocalWork", ip_address="ip")
    made = Fake(
        actions_in_progress={"blue_agent_2": {"action": action("Analyse", hostname="h")}},
        action={
            "blue_agent_1": [action("InvalidAction")],
            "blue_agent_3": [action("BlockTrafficZone", to_subnet="restricted_zone_b_subnet")],
            "blue_agent_4": [action("Sleep")],
            "green_agent_0": [work],
        },
        observation={"green_agent_0": Fake(observations=[Fake(data={"success": Fake(name="FALSE")})])},
        reward={"Blue": {"BlueRewardMachine": -1, "action_cost": 0}},
        state=Fake(
            mission_phase=2,
            ip_addresses={"ip": "h"},
            hostname_subnet_map={"h": Fake(value="admin_network_subnet")},
            sessions={
                "green_agent_0": {0: Fake(active=True)},
                "red_agent_0": {0: Fake(hostname="h", username="root")},
            },
        ),
    )

    def step(actions):
        made.actions_in_progress["blue_agent_0"] = {"action": action("Restore", hostname="h")}
        made.state.sessions["red_agent_0"] = {}

    made.step = step
    return made


def test_each_step_is_noted_with_what_red_held_before_it():
    listened = controller()
    told = process.listen(listened)
    listened.step({})
    assert json.loads(json.dumps(told)) == [
        {
            "phase": 2,
            "rewards": {"BlueRewardMachine": -1.0, "action_cost": 0.0},
            "costs": [["LWF", "admin_network_subnet"]],
            "actions": [
                {"kind": "Restore", "host": "h", "hold": facts.ROOT, "subnet": None},
                {"kind": "InvalidAction", "host": None, "hold": None, "subnet": None},
                None,
                {
                    "kind": "BlockTrafficZone",
                    "host": None,
                    "hold": None,
                    "subnet": "restricted_zone_b_subnet",
                },
                {"kind": "Sleep", "host": None, "hold": None, "subnet": None},
            ],
        }
    ]


def test_decisions_are_placed_as_the_judges_count_them():
    def taken(kind, host=None, hold=None, subnet=None):
        return {"kind": kind, "host": host, "hold": hold, "subnet": subnet}

    nowhere = len(judged.DEFENDED)
    sleep = (T.Blue.SLEEP, nowhere, judged.NO_TARGET)
    host = T.HOST_NAMES[T.user_host(T.ADM, 0)]
    assert place(None) == place(taken("InvalidAction")) == place(taken("Sleep")) == sleep
    assert place(taken("Monitor")) == (T.Blue.MONITOR, nowhere, judged.NO_TARGET)
    assert place(taken("DeployDecoy", host, judged.USER_SHELL)) == (
        T.Blue.DECOY,
        judged.DEFENDED.index(T.ADM),
        judged.USER_SHELL,
    )
    blocked = place(taken("BlockTrafficZone", subnet=T.SUBNETS[T.RZB]))
    assert blocked == (T.Blue.BLOCK, judged.DEFENDED.index(T.RZB), judged.NO_TARGET)
    assert (facts.USER_SHELL, facts.ROOT) == (judged.USER_SHELL, judged.ROOT)


def told(reward=-1.0, **changed):
    step = {"phase": 1, "rewards": {"BlueRewardMachine": -1.0, "action_cost": 0.0}}
    step |= {"costs": [["LWF", "admin_network_subnet"]], "actions": [None] * 5}
    return {"reward": reward, "steps": [step]} | changed


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([told(steps=[])], "step 0 of its wrapper made 0 steps in CybORG; it must make one"),
        ([told(), told(reward=-0.5)], "in step 1 its wrapper gives a mean reward of -0.5, and CybORG -1.0"),
        ([told()], "ended the episode after 1 steps; the episode has 2"),
    ],
)
def test_a_wrapper_that_changes_the_task_is_refused(monkeypatch, messages, message):
    monkeypatch.setattr(
        "garrison.adapters.cyborg.submissions._running",
        lambda *_: Fake(play=lambda task, decide: iter(messages)),
    )
    with pytest.raises(SubmissionError, match=f"submission mine: .*{message}"):
        play_episode(CybORGWorld(steps=3), Submission("mine"), 0)


def test_an_episode_is_counted_as_of_other_players(monkeypatch):
    monkeypatch.setattr(
        "garrison.adapters.cyborg.submissions._running",
        lambda *_: Fake(play=lambda task, decide: asked.append(task) or iter([told(), told()])),
    )
    asked: list = []
    played = play_episode(CybORGWorld("discovery", steps=3), Submission("mine"), 7)
    nothing = {"generator": {}, "actions": {"green": {}, "red": {}}}
    game = {"red": "discovery", "green": "enterprise", "attributes": nothing}
    assert asked == [{"seed": 7, "steps": 3} | game]
    assert (played["returns"], played["scores"], played["lengths"]) == (-2, -1, 2)
    assert played["parts"]["LWF"].tolist() == [0, -2, 0]
    assert not played["decisions"].any()


# ---------------------------------------------------------------- the command


def test_without_cyborg_it_is_said_where_submissions_play(folder):
    path = str(folder())
    for command in (Evaluate, Compare):
        with pytest.raises(SystemExit, match=f"plays on CybORG only: garrison eval {path} --on cyborg"):
            tyro.cli(command, args=(path, "idle")).run()


def test_submissions_stand_in_one_table_with_others(folder, monkeypatch, capsys):
    def play(world, players, episodes, seed, workers, watch, resilience):
        asked.update(players)
        raise evaluate_cyborg.WorkerError("enough")

    asked: dict = {}
    path = folder()
    monkeypatch.setattr(
        engine, "about", lambda: {"version": "4", "commit": None, "sources": "", "known": True}
    )
    monkeypatch.setattr(Submission, "about", lambda self: {"name": "a", "team": "b", "technique": "c"})
    monkeypatch.setattr(evaluate_cyborg, "evaluate", play)
    with pytest.raises(SystemExit, match="enough"):
        tyro.cli(Evaluate, args=(str(path), "guard", "--on", "cyborg", "--python", "other")).run()
    assert list(asked) == ["guard", path.name]
    assert asked[path.name] == Submission(str(path), "other")


# ---------------------------------------------------------------- with CybORG


@pytest.fixture
def cyborg():
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))


def network(features, actions):
    like = jax.eval_shape(
        lambda key: nets.make(key, (0, 0, 0, 0, 1), features, actions, Config(hidden_sizes=(16,))),
        jax.random.key(0),
    )
    generator = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 0.4, leaf.shape), jnp.float32), like)


@pytest.mark.cyborg
def test_an_exported_team_has_the_figures_of_the_team(cyborg, tmp_path):
    policy = NetworkPolicy(network(210, T.MAX_BLUE_ACTIONS), True, "stock", 210)
    export(tmp_path / "team", policy, CybORGWorld(), {"name": "a", "team": "b", "technique": "c"})
    submission = Submission(str(tmp_path / "team"))
    assert submission.about() == {"name": "a", "team": "b", "technique": "c"}
    world = CybORGWorld(steps=120)
    for seed in (5, 6):
        ours, theirs = play_episode(world, policy, seed), play_episode(world, submission, seed)
        assert ours["returns"] < 0
        assert np.count_nonzero(ours["decisions"].sum(axis=(1, 2))) > 2
        for name in ("returns", "scores", "lengths"):
            assert theirs[name] == ours[name]
        np.testing.assert_array_equal(theirs["decisions"], ours["decisions"])
        for part, values in ours["parts"].items():
            np.testing.assert_array_equal(theirs["parts"][part], values)


ODD = """
import random
import numpy as np
from CybORG.Agents.Wrappers import BlueFlatWrapper

class Agent:
    done = 0

    def get_action(self, observation, action_space):
        self.done += 1
        if self.done == 9 and LATE:
            return action_space.n
        return random.randrange(self.done) + np.random.randint(40)

class Submission:
    NAME, TEAM, TECHNIQUE = "a", "b", "c"
    AGENTS = {f"blue_agent_{number}": Agent() for number in range(5)}

    def wrap(env):
        print("what a submission prints is no message")
        return BlueFlatWrapper(env)
"""


@pytest.mark.cyborg
def test_an_episode_depends_on_its_seed_alone(cyborg, folder):
    submission, world = Submission(str(folder(ODD.replace("LATE", "False")))), CybORGWorld(steps=40)
    first, _, again = (play_episode(world, submission, seed) for seed in (3, 4, 3))
    assert first["returns"] == again["returns"]
    np.testing.assert_array_equal(first["decisions"], again["decisions"])


@pytest.mark.cyborg
def test_a_wrong_action_is_named_with_its_step(cyborg, folder):
    submission = Submission(str(folder(ODD.replace("LATE", "True"))))
    message = r"step 8 of its wrapper, .* {'blue_agent_0': .*82.* failed: IndexError"
    with pytest.raises(SubmissionError, match=message):
        play_episode(CybORGWorld(steps=40), submission, 3)
