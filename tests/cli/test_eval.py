"""``garrison eval``: who plays, in which world, on which episodes."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
import tyro

from garrison.cli import evaluate as command
from garrison.cli.evaluate import Evaluate
from garrison.learn.policy import NetworkPolicy
from garrison.training.config import Training, make_world, parse_options

OPTIONS = {"one": ("steps=5",), "two": ("steps=5", "spread=0.2"), "other": ("steps=6",)}


class Net(eqx.Module):
    linear: eqx.nn.Linear

    def initial_carry(self, num_agents):
        return ()

    def __call__(self, carry, obs, first):
        return carry, (jax.vmap(self.linear)(obs), jnp.zeros(len(obs)))


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """A folder with three runs of two teams each; ``asked`` notes which checkpoints were loaded."""
    for name in OPTIONS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")

    def load(run, which="latest", greedy=False):
        training = Training(world="toy/network", options=parse_options(OPTIONS[run.path.name]), num_seeds=2)
        world = make_world(training.world, training.options)
        sizes = world.observation_size, world.num_actions
        nets = [Net(eqx.nn.Linear(*sizes, key=jax.random.key(seed))) for seed in range(2)]
        asked.append((run.path.name, which, greedy))
        return training, world, [NetworkPolicy(net, greedy) for net in nets]

    asked.clear()
    monkeypatch.setattr(command, "load_policies", load)
    monkeypatch.chdir(tmp_path)
    return tmp_path


asked: list[tuple[str, str, bool]] = []


def figures(capsys, *arguments: str) -> dict:
    assert parse(*arguments, "--json").run() == 0
    return json.loads(capsys.readouterr().out)


def parse(*arguments: str) -> Evaluate:
    return tyro.cli(Evaluate, args=arguments)


def test_without_names_all_scripted_players_play(capsys):
    found = figures(capsys, "--world", "toy/network", "--episodes", "3")
    assert list(found["players"]) == ["random"]
    assert (found["versus"], found["episodes"], found["seed"]) == (None, 3, command.SEED)


def test_runs_play_beside_all_scripted_players_or_those_named(runs, capsys):
    found = figures(capsys, "one", "two", "--episodes", "3", "--which", "best", "--greedy")
    assert list(found["players"]) == ["random", "one", "two"]
    assert found["players"]["two"]["teams"] == 2
    assert found["versus"] == "one"
    assert asked == [("one", "best", True), ("two", "best", True)]
    assert list(figures(capsys, "random", "two", "--episodes", "3")["players"]) == ["random", "two"]


def test_seeds_name_the_episodes(runs, capsys):
    ranged = figures(capsys, "one", "--num-seeds", "7-9")
    assert (ranged["seed"], ranged["episodes"]) == (7, 3)
    assert ranged == figures(capsys, "one", "--seed", "7", "--episodes", "3")
    assert figures(capsys, "random", "--world", "toy/network", "--num-seeds", "7")["episodes"] == 1


def test_options_replace_those_of_the_run(runs, capsys):
    as_trained = figures(capsys, "one", "--episodes", "1")
    assert (as_trained["max_steps"], as_trained["options"]) == (5, ["steps=5"])
    assert figures(capsys, "one", "--episodes", "1", "--options", "steps=8")["max_steps"] == 8
    assert figures(capsys, "one", "other", "--episodes", "1", "--options", "steps=8")["max_steps"] == 8
    named = figures(capsys, "one", "--episodes", "1", "--world", "toy/network")
    assert (named["max_steps"], named["options"]) == (30, [])


def test_a_table_for_people(runs, capsys):
    assert parse("one", "--episodes", "3").run() == 0
    printed = capsys.readouterr().out
    assert "one ×2" in printed
    assert "what the players decide" in printed


def test_red_is_an_option_of_the_world():
    contest = parse("--red", "discovery", "--options", "steps=9")
    world, _, options = contest.opened()
    assert (world.name, world.red, world.max_steps) == ("cc4", "discovery", 8)
    assert options == ("steps=9", "red=discovery")


def test_runs_are_called_by_what_tells_them_apart():
    assert command.labels(["a/x", "a/y/"]) == {"a/x": "x", "a/y/": "y"}
    assert command.labels(["a/x", "b/x"]) == {"a/x": "a/x", "b/x": "b/x"}
    assert command.labels(["a/idle", "idle"], ["idle"]) == {"a/idle": "a/idle", "idle": "./idle"}


def test_options_are_merged_by_name():
    assert command.overridden(("a=1", "b=2"), ("b=3", "c=4")) == ("a=1", "b=3", "c=4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is no run directory, and no player of world 'cc4'; its players: idle, random"),
        (["one", "nobody"], "nobody is no run directory, and no player of world 'toy/network'"),
        (["one", "--players", "nobody"], "nobody is no run directory, and no player of world 'toy/network'"),
        (["one", "other"], "different worlds .one: toy/network steps=5; other: toy/network steps=6."),
        (["one", "--world", "toy/credit"], "cannot play 'toy/credit': it has 1 agents"),
        (["one", "--red", "fsm"], "has no option 'red'"),
        (["one", "--num-seeds", "9-7"], "seeds is '9-7'; write it as FIRST-LAST"),
        (["one", "--num-seeds", "a"], "seeds is 'a'"),
        (["one", "--num-seeds", "0-9", "--seed", "3"], "give either --seeds"),
        (["one", "--episodes", "0"], "episodes is 0"),
    ],
)
def test_mistakes_end_with_a_message(runs, arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(*arguments).run()
