"""``garrison eval``: which policies play, in which world, on which episodes."""

import io
import json
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
import tyro

from garrison.cli import common
from garrison.cli import evaluate as command
from garrison.cli.evaluate import Evaluate
from garrison.judge import specs
from garrison.learn.policy import NetworkPolicy
from garrison.training import loaded as loaded_runs
from garrison.training.config import Training, make_world, parse_options
from garrison.view import read

OPTIONS = {"one": ("steps=5",), "two": ("steps=5", "spread=0.2"), "other": ("steps=6",)}


class Net(eqx.Module):
    linear: eqx.nn.Linear

    def initial_carry(self, num_agents):
        return ()

    def __call__(self, carry, obs, first):
        return carry, (jax.vmap(self.linear)(obs), jnp.zeros(len(obs)))


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """A folder with three runs of two training seeds each; ``loaded`` notes which checkpoints were loaded."""
    for name in OPTIONS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")

    def load(run, which="latest", greedy=False, side=None):
        training = Training(world="toy/network", options=parse_options(OPTIONS[run.path.name]), num_seeds=2)
        world = make_world(training.world, training.options)
        sizes = world.observation_size, world.num_actions
        nets = [Net(eqx.nn.Linear(*sizes, key=jax.random.key(seed))) for seed in range(2)]
        loaded.append((run.path.name, which, greedy))
        return training, world, [NetworkPolicy(net, greedy) for net in nets]

    loaded.clear()
    monkeypatch.setattr(loaded_runs, "load_policies", load)
    monkeypatch.chdir(tmp_path)
    return tmp_path


loaded: list[tuple[str, str, bool]] = []


def figures(capsys, *arguments: str) -> dict:
    assert parse(*arguments, "--json").run() == 0
    return json.loads(capsys.readouterr().out)


def parse(*arguments: str) -> Evaluate:
    return tyro.cli(Evaluate, args=arguments)


def test_without_names_all_scripted_policies_play(capsys):
    found = figures(capsys, "--world", "toy/network", "--episodes", "3")
    assert list(found["policies"]) == ["random"]
    assert (found["versus"], found["episodes"], found["seed"]) == (None, 3, command.SEED)


def test_runs_play_with_all_scripted_policies_or_the_named_ones(runs, capsys):
    found = figures(capsys, "one", "two", "--episodes", "3", "--which", "best", "--greedy")
    assert list(found["policies"]) == ["random", "one", "two"]
    assert found["policies"]["two"]["seeds"] == 2
    assert found["versus"] == "one"
    assert loaded == [("one", "best", True), ("two", "best", True)]
    assert list(figures(capsys, "random", "two", "--episodes", "3")["policies"]) == ["random", "two"]


def test_a_training_seed_of_a_run_plays_alone(runs, capsys):
    found = figures(capsys, "one", "one:1", "random", "--episodes", "3")["policies"]
    assert list(found) == ["one", "one:1", "random"]
    assert (found["one"]["seeds"], found["one:1"]["seeds"]) == (2, 1)
    assert found["one:1"]["return_by_seed"] == pytest.approx(found["one"]["return_by_seed"][1:])


def test_episode_seeds_name_the_episodes(runs, capsys):
    ranged = figures(capsys, "one", "--episode-seeds", "7-9")
    assert (ranged["seed"], ranged["episodes"]) == (7, 3)
    assert ranged == figures(capsys, "one", "--seed", "7", "--episodes", "3")


def test_one_episode_has_no_interval(runs, capsys):
    found = figures(capsys, "random", "--world", "toy/network", "--episode-seeds", "7")
    assert found["episodes"] == 1
    returns = found["policies"]["random"]["return"]
    assert [returns[name] for name in ("sd", "low", "high")] == [None] * 3


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
    assert "decisions" in printed


def test_figures_are_written_to_a_file_before_they_are_printed(runs, monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr(command, "print_json", broken)
    with pytest.raises(BrokenPipeError):
        parse("random", "--world", "toy/network", "--episodes", "2", "--out", "found.json", "--json").run()
    assert json.loads(Path("found.json").read_text())["episodes"] == 2


def test_a_file_that_cannot_be_written_is_found_out_before_playing(runs, monkeypatch):
    monkeypatch.setattr(command.Match, "evaluate", lambda *_, **__: pytest.fail("played"))
    with pytest.raises(SystemExit, match=r"nowhere/found.json cannot be written: No such file"):
        parse("random", "--world", "toy/network", "--out", "nowhere/found.json").run()


def test_the_first_episode_of_the_first_policy_is_recorded(runs, capsys):
    for names, first in ((("random", "one"), "random"), (("one",), "one")):
        found = figures(capsys, *names, "--episodes", "2", "--seed", "7", "--record", "one.replay.jsonl.gz")
        replay = read(Path("one.replay.jsonl.gz"))
        assert (replay.header["policy"], replay.header["seed"], replay.end["steps"]) == (first, 7, 5)
        assert first in found["policies"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_streams_without_the_characters_of_tables_get_plain_ones(runs, monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    common.print_in_any_encoding()
    assert parse("one", "--episodes", "1").run() == 0
    stream.flush()
    printed = stream.buffer.getvalue().decode(encoding)
    row = next(line for line in printed.splitlines() if line.startswith("one")).replace("|", " ")
    assert row.split()[0] == "one"
    assert row.split()[1] == ("x2" if encoding == "ascii" else "×2")
    assert float(row.split()[2]) < 0
    assert row.split()[3:5] == ["[-]", "-"]
    assert "?" not in printed


# ---------------------------------------------------------------- two sides


PURSUIT = ("--world", "toy/pursuit", "--side", "chaser", "--episodes", "2")


def test_every_policy_plays_every_opponent(capsys):
    found = figures(capsys, "right", "idle", *PURSUIT, "--against", "right", "idle", "random")
    assert list(found["against"]) == ["right", "idle", "random"]
    assert (found["world"], found["side"]) == ("toy/pursuit", "chaser")
    means = {
        (name, opponent): one["policies"][name]["return"]["mean"]
        for opponent, one in found["against"].items()
        for name in ("right", "idle")
    }
    assert [means[key] for key in (("right", "right"), ("right", "idle"))] == [3, -3]
    assert [means[key] for key in (("idle", "right"), ("idle", "idle"))] == [-3, 3]


def test_either_side_can_be_judged(capsys):
    found = figures(capsys, "right", *PURSUIT, "--side", "evader", "--against", "right")
    assert found["side"] == "evader"
    assert found["against"]["right"]["policies"]["right"]["return"]["mean"] == -3
    assert found["against"]["right"]["policies"]["right"]["reward_parts"] == {"caught": -3}


def test_the_matrix_is_a_table(capsys):
    assert parse("right", "idle", *PURSUIT, "--against", "right", "idle").run() == 0
    printed = capsys.readouterr().out
    assert "chaser against" in printed
    assert next(line for line in printed.splitlines() if line.startswith("right")).count("3.00 [") == 2


def test_without_names_all_scripted_policies_of_the_side_play(capsys):
    found = figures(capsys, *PURSUIT, "--against", "right")
    assert list(found["against"]["right"]["policies"]) == ["idle", "random", "right"]


@pytest.fixture
def pursuers(tmp_path, monkeypatch):
    """A run whose policies of two training seeds go right and left, for either side of a pursuit."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")

    def load(run, which="latest", greedy=False, side=None):
        world = specs.side_view(make_world("toy/pursuit", ()), "evader")
        return Training(world="toy/pursuit", num_seeds=2), world, [Steady(jnp.int32(i)) for i in (1, 0)]

    monkeypatch.setattr(loaded_runs, "load_policies", load)
    monkeypatch.chdir(tmp_path)


class Steady(eqx.Module):
    action: jax.Array

    def init(self, key, num_agents):
        return ()

    def act(self, key, obs, mask, memory):
        return jnp.full(len(obs), self.action, jnp.int32), memory


def test_trained_runs_are_opponents(pursuers, capsys):
    found = figures(capsys, "right", *PURSUIT, "--against", "run:0", "run:1")["against"]
    assert [one["policies"]["right"]["return"]["mean"] for one in found.values()] == [3, -3]
    assert list(found) == ["run:0", "run:1"]


def test_a_run_as_an_opponent_plays_one_of_its_seeds_in_each_episode(pursuers, capsys):
    found = figures(capsys, "right", "idle", *PURSUIT[:-1], "40", "--against", "run")["against"]["run"]
    right, idle = (found["policies"][name]["return"]["mean"] for name in ("right", "idle"))
    assert -2 < right < 2
    assert right == -idle  # the same seed of the opponent for both


# ---------------------------------------------------------------- names and mistakes


def test_red_is_an_option_of_the_world():
    contest = parse("--red", "discovery", "--options", "steps=9")
    world, _, options = contest.opened()
    assert (world.name, world.red, world.max_steps) == ("cc4", "discovery", 8)
    assert options == ("steps=9", "red=discovery")


def test_options_are_merged_by_name():
    assert command.overridden(("a=1", "b=2"), ("b=3", "c=4")) == ("a=1", "b=3", "c=4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nowhere"],
            "nowhere is neither a run directory nor a policy of world 'cc4'.*its policies: idle, rand",
        ),
        (["gaurd"], r"did you mean 'guard'\?"),
        (["one", "nobody"], "nobody is neither a run directory nor a policy of world 'toy/network'"),
        (["one", "--policies", "nobody"], "nobody is neither a run directory nor a policy of world"),
        (["one:2"], "one has 2 training seeds, counted from 0; there is no 2"),
        (["one", "other"], "different worlds .one: toy/network steps=5; other: toy/network steps=6."),
        (["one", "--world", "toy/credit"], "cannot play 'toy/credit': it has 1 agents"),
        (["one", "--red", "fsm"], "has no option 'red'"),
        (["one", "--episode-seeds", "9-7"], "--episode-seeds is '9-7'; write it as FIRST-LAST"),
        (["one", "--episode-seeds", "a"], "--episode-seeds is 'a'"),
        (["one", "--episode-seeds", "0-9", "--seed", "3"], "give either --episode-seeds"),
        (["one", "--episodes", "0"], "episodes is 0"),
        (["--record", "a.replay.jsonl.gz"], "--record keeps an episode of the first policy; name one"),
        (["one", "--record", "a.json"], "a.json does not end in .replay.jsonl.gz"),
        (["guard", "--record", "a.replay.jsonl.gz", "--suite", "train"], "--record is not possible with"),
        (["one", "--against", "random"], "world 'toy/network' has one side only"),
        (["one", "--side", "red"], "no side 'red' in world 'toy/network'; sides: agents"),
        (["right", "--world", "toy/pursuit"], "has the sides chaser, evader; name the opponents"),
        (["right", "--world", "toy/pursuit", "--against", "idle"], "name a side of 'toy/pursuit'; sides"),
        (["right", *PURSUIT, "--against", "rigth"], r"rigth is neither .*evader.*did you mean 'right'\?"),
        (["rigth", *PURSUIT, "--against", "right"], r"rigth is neither .*chaser.*did you mean 'right'\?"),
        (["one", *PURSUIT, "--against", "right"], "the policies of one cannot play 'toy/pursuit' as chaser"),
        (["right", *PURSUIT, "--against", "one"], "the policies of one cannot play 'toy/pursuit' as evader"),
        (["right", *PURSUIT, "--against", "idle", "--on", "cyborg"], "world 'toy/pursuit' is not on CybORG"),
    ],
)
def test_mistakes_end_with_a_message(runs, arguments, message):
    with pytest.raises(SystemExit, match=message):
        parse(*arguments).run()
