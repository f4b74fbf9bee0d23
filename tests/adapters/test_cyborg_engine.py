"""Finding CybORG and telling which one it is, without it; and what it does where it is installed."""

import sys

import numpy as np
import pytest

from garrison.adapters.cyborg import engine

FAKE = {
    "__init__.py": "import pygame\nCYBORG_VERSION = '4.0'\n",
    "Agents/__init__.py": "class EnterpriseGreenAgent: pass\n",
    "Agents/Wrappers.py": (
        "import matplotlib.pyplot as plt\n"
        "from matplotlib.widgets import Slider, Button\n"
        "from ray.rllib.env.multi_agent_env import MultiAgentEnv\n"
    ),
    "Simulator/__init__.py": "",
    "Simulator/Scenarios.py": "",
    "Evaluation/evaluation.py": "",
}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """``fake(changes) -> folder``: a package CybORG on the path, of the files above with changes."""
    before = dict(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "CybORG"]:
        monkeypatch.delitem(sys.modules, name)

    def make(changes=None):
        folder = tmp_path / "CybORG"
        for name, text in {**FAKE, **(changes or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "CybORG"]:
        del sys.modules[name]
    sys.modules.update(before)


def test_without_cyborg_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "CybORG", None)
    with pytest.raises(engine.MissingCybORG, match=r"CybORG is not installed: clone .*garrison\[cyborg\]"):
        engine.cyborg.__wrapped__()


def test_what_cyborg_needs_is_named_when_it_is_missing(fake):
    fake({"Simulator/__init__.py": "import gym_that_nobody_has.utils\n"})
    with pytest.raises(engine.MissingCybORG, match="CybORG needs gym_that_nobody_has, which is not"):
        engine.cyborg.__wrapped__()


def test_another_challenges_cyborg_is_refused(fake):
    fake({"Agents/__init__.py": ""})
    with pytest.raises(engine.MissingCybORG, match="is not that of CAGE Challenge 4"):
        engine.cyborg.__wrapped__()


def test_unused_packages_need_not_be_installed_and_are_not_left_behind(fake, monkeypatch):
    for name in ("pygame", "ray", "matplotlib"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    absent = [name for name in ("pygame", "ray") if not engine._importable(name)]
    fake()
    package = engine.cyborg.__wrapped__()
    assert package.Agents.Wrappers.MultiAgentEnv
    assert not [name for name in absent if name in sys.modules]


def test_a_changed_source_is_noticed_and_a_submission_is_not(fake):
    folder = fake()
    before = engine.source_hash(folder)
    fake({"Evaluation/mine.py": "1"})
    assert engine.source_hash(folder) == before
    fake({"Simulator/Scenarios.py": "1"})
    assert engine.source_hash(folder) != before


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path):
    assert engine._commit(tmp_path) is None
    about = {"version": "4.0", "commit": None, "sources": "ab", "known": False}
    assert engine.described(about) == "CybORG 4.0, no git checkout, NOT the sources of commit 8c3c50c (ab)"


def test_an_unknown_red_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no red 'bold' on CybORG; there are: fsm, discovery, random_select"):
        engine.CybORGSession("bold")


def test_cyborg_runs_as_it_is_where_the_environment_says_so(monkeypatch):
    about = {"version": "4.0", "commit": None, "sources": "ab", "known": True}
    assert not engine.always_as_is()
    monkeypatch.setenv(engine.AS_IS, "1")
    assert engine.always_as_is()
    assert engine.described(about) == "CybORG 4.0, no git checkout, the known sources (ab), run as they are"
    monkeypatch.setenv(engine.AS_IS, "yes")
    with pytest.raises(ValueError, match="GARRISON_CYBORG_AS_IS is 'yes'; it must be 0 or 1"):
        engine.always_as_is()


# ---------------------------------------------------------------- with CybORG


@pytest.fixture(scope="module")
def installed():
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))


@pytest.mark.cyborg
@pytest.mark.parametrize("red", engine.REDS)
def test_a_seed_gives_one_episode_and_the_raw_observations_are_those_of_the_step(installed, red):
    def play():
        running = engine.CybORGSession(red, seed=5, steps=20)
        vectors = [running.reset()]
        done = False
        while not done:
            actions = {agent: running.wrapper.action_labels(agent).index("Monitor") for agent in running.raw}
            step, rewards, done = running.step(actions)
            assert {str(raw["action"]) for raw in running.raw.values()} == {"Monitor"}
            vectors.append(step)
        assert len(vectors) == 20
        return vectors

    first, second = play(), play()
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[agent], other[agent]) for agent in engine.BLUE_AGENTS)


@pytest.mark.cyborg
@pytest.mark.parametrize("red", ["fsm", "discovery", "random_select"])
def test_rewards_without_the_true_state_change_nothing(installed, red, monkeypatch):
    """Vectors, raw observations, rewards and draws are those of CybORG as it is; the short way is taken."""
    asked = []
    state_class = type(engine.CybORGSession(red, seed=5, steps=40).controller.state)
    whole = state_class.get_true_state
    monkeypatch.setattr(state_class, "get_true_state", lambda *args: asked.append(1) or whole(*args))

    def play(as_is):
        rng, running = np.random.default_rng(1), engine.CybORGSession(red, seed=5, steps=40, as_is=as_is)
        vectors, told, done = running.reset(), [], False
        asked.clear()
        while not done:
            masks = {agent: running.wrapper.action_mask(agent) for agent in engine.BLUE_AGENTS}
            actions = {agent: int(rng.choice(np.flatnonzero(mask))) for agent, mask in masks.items()}
            vectors, rewards, done = running.step(actions)
            lists = {agent: vector.tolist() for agent, vector in vectors.items()}
            draws = running.controller.np_random.bit_generator.state
            told.append((lists, rewards, done, draws, str(running.raw)))
        return told, len(asked)

    (short, few), (long, many) = play(False), play(True)
    assert short == long
    assert many - few == 3 * 39
