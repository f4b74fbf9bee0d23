"""Trainings with opponents: scripts and runs with weights, copies of their networks, resuming."""

import json
import shutil

import jax
import numpy as np
import pytest
from bitwise import assert_equal

import garrison
from garrison.algos.ippo import Config
from garrison.core.sides import one_side
from garrison.runs import checkpoint
from garrison.training import opponents, seeds
from garrison.training.config import Training
from garrison.training.opponents import parsed

SMALL = Config(
    total_steps=48, num_envs=8, minibatches=2, epochs=1, hidden_sizes=(4,), anneal_lr=False, learning_rate=0.1
)


def chase(side="chaser"):
    return one_side(garrison.make("toy/pursuit"), side, "idle")


@pytest.fixture(scope="module", autouse=True)
def world():
    garrison.register("toy/one_sided", f"{__name__}:chase")


@pytest.fixture(scope="module")
def evader(tmp_path_factory):
    training = Training(world="toy/one_sided", options={"side": "evader"}, num_seeds=2, settings=SMALL)
    return garrison.train(training, out=tmp_path_factory.mktemp("runs") / "evader")


def chaser(*names, **changes):
    return Training(world="toy/one_sided", opponents=names, settings=SMALL.replace(**changes))


def load(run):
    return seeds.load_state(run, run.training, run.world())


def test_a_run_meets_its_opponents_and_resumes_bit_by_bit(evader, tmp_path):
    names = ("right=2", str(evader.path), "idle=1")
    whole = garrison.train(chaser(*names), out=tmp_path / "whole")
    part = garrison.train(chaser(*names, total_steps=24), out=tmp_path / "part")
    assert_equal(load(whole), load(garrison.resume(part.path, total_steps=48)))
    rows = whole.metrics()
    assert len(rows) == 2
    for row in rows:
        labels = ["right", "evader:0", "evader:1", "idle"]
        shares = {name: row[f"share/{name}"][0] for name in labels}
        assert shares == {"right": 0.5, "idle": 0.25, "evader:0": 0.125, "evader:1": 0.125}
        mean = sum(row[f"return/{name}"][0] * share for name, share in shares.items())
        assert row["return"][0] == pytest.approx(mean)
    copies = sorted(whole.path.glob("opponents/*"))
    assert [copy.name for copy in copies] == ["1"]
    kept, original = (checkpoint.arrays(path / "checkpoint" / "latest") for path in (copies[0], evader.path))
    nets = {name for name in original if name.startswith("net/")}
    assert all(np.array_equal(kept[name], original[name]) for name in nets)
    assert not any(name.startswith("opt/") for name in kept)
    # what is judged is the world without them
    assert garrison.load_run(whole.path).policies()[0] is not None
    assert seeds.load_policies(whole)[1] == chase()


def test_one_seed_of_a_run_and_a_single_script(evader):
    world = opponents.world(chaser(f"{evader.path}:1", "right=0.5"))
    assert world.opponent.names == ("right", "evader:1")
    np.testing.assert_allclose(world.opponent.weights, [0.5, 1.0])
    networks = evader.policies()
    stacked = jax.tree.leaves(world.opponent.stacks)
    assert_equal([x[0] for x in stacked], jax.tree.leaves(networks[1]))
    assert world.sides == {"chaser": (0,)}


def test_a_missing_copy_is_named(evader, tmp_path):
    run = garrison.train(chaser(str(evader.path), "idle", total_steps=24), out=tmp_path / "run")
    shutil.rmtree(run.path / "opponents")
    with pytest.raises(FileNotFoundError, match="keeps the networks of opponent .* is missing: restore it"):
        garrison.resume(run.path, total_steps=48)


def test_weights_are_read_and_checked():
    assert parsed(("guard=2", "idle", "runs/a:0=0.5", "a=b/c")) == {
        "guard": 2.0,
        "idle": 1.0,
        "runs/a:0": 0.5,
        "a=b/c": 1.0,
    }
    wrong = {("idle", "idle=2"): "given twice", ("idle=-1",): "at least 0", ("idle=nan",): "weight nan"}
    for texts, words in wrong.items():
        with pytest.raises(ValueError, match=words):
            parsed(texts)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        (chaser("lefft", "right"), "opponent 'lefft' is neither a run directory nor a policy of side evader"),
        (chaser("idle=0", "right=0"), "one above 0"),
        (Training(world="toy/credit", opponents=("random",)), "has one side only"),
        (Training(world="toy/pursuit", opponents=("random",)), "has both sides as learners"),
    ],
)
def test_what_does_not_fit_is_refused(training, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        garrison.train(training, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_the_own_side_is_refused(evader, tmp_path):
    training = Training(world="toy/one_sided", options={"side": "evader"}, settings=SMALL)
    with pytest.raises(ValueError, match="cannot play"):
        opponents.world(training.changed(opponents=(str(evader.path), "idle")))


def test_configurations_of_format_6_have_none():
    data = json.loads(json.dumps(chaser().to_json()))
    del data["opponents"]
    assert Training.from_json(data | {"format": 6}) == chaser()
