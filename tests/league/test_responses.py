"""Responses of IPPO: they learn, go on from checkpoints, begin with parents, and differ or do not."""

import jax
import numpy as np
import pytest

import garrison
from garrison.core.policy import Constant
from garrison.core.sides import one_side
from garrison.league import responses
from garrison.league.behavior import distance
from garrison.league.members import digest_of
from garrison.league.responses import Ippo, Task
from garrison.learn import nets
from garrison.worlds.toy.tabular import table_of

WORLD = garrison.make("toy/matrix")
ROCK, PAPER = Constant((0,)), Constant((1,))


@pytest.fixture(scope="module")
def oracle():
    settings = {"num_envs": 32, "hidden_sizes": (8,), "learning_rate": 0.03, "minibatches": 1}
    return Ippo(checkpoint_every=4, total_steps=1_280, **settings)


class Stopped(BaseException):
    pass


def stop_at(iteration):
    def on_progress(done, total):
        assert total == 40
        if done == iteration:
            raise Stopped

    return on_progress


@pytest.mark.slow
def test_an_interrupted_training_gives_the_same_response(oracle, tmp_path):
    """It mixes rock and paper, of which one is drawn per episode; best is paper."""
    whole = oracle.respond(Task(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], seed=3))
    folder = tmp_path / "training"
    for iteration in (6, 9, 30):
        with pytest.raises(Stopped):
            oracle.respond(
                Task(*(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], 3), None, folder, stop_at(iteration))
            )
        assert folder.exists()
    again = oracle.respond(Task(*(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], 3), None, folder))
    assert not folder.exists()
    assert digest_of(again.policy) == digest_of(whole.policy)
    assert again.curve == whole.curve
    assert len(whole.curve) == 40
    assert whole.steps == 1_280
    assert table_of(whole.policy, np.ones((1, 3), bool))[0, 1] > 0.9
    assert whole.curve[-1] > 0.6 > 0.4 > np.mean(whole.curve[:3])
    other = oracle.respond(Task(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], seed=4))
    assert digest_of(other.policy) != digest_of(whole.policy)


def test_training_begins_with_the_parent(oracle):
    parent = oracle.respond(Task(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], seed=3)).policy
    child = oracle.respond(Task(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], seed=5, parent=parent))
    assert child.curve[0] > 0.6  # which a fresh network does not have
    assert jax.tree.structure(child.policy) == jax.tree.structure(oracle.like(WORLD, "row"))
    with pytest.raises(ValueError, match="cannot begin with the network of a Constant"):
        oracle.respond(Task(WORLD, "row", [ROCK, PAPER], [0.8, 0.2], seed=3, parent=ROCK))


def test_a_critic_that_sees_more_stays_fresh(oracle):
    """Members are kept without it."""
    parent, other = (oracle.respond(Task(WORLD, "row", [ROCK], [1.0], seed=seed)).policy for seed in (3, 4))
    fresh = nets.Asymmetric(other.net, other.net, 1)
    begun = responses._network(parent, fresh)
    assert digest_of(begun.actor) == digest_of(parent.net) != digest_of(other.net)
    assert digest_of(begun.critic) == digest_of(other.net)
    assert jax.tree.structure(begun) == jax.tree.structure(fresh)


def test_a_teacher_is_for_fresh_networks_of_its_side(oracle):
    """Without a reward to learn from, the teacher decides; a response that begins with paper keeps it."""
    own = {"row": {"teacher": "rock", "policy_coef": 0.0, "entropy_coef": 0.0}}
    shared = {"num_envs": 32, "hidden_sizes": (8,), "learning_rate": 0.03, "minibatches": 1}
    taught = Ippo(total_steps=1_280, sides=own, **shared)
    taught.check(WORLD, WORLD.sides)

    def first_choices(**task):
        response = taught.respond(Task(WORLD, "row", [ROCK], [1.0], seed=3, **task))
        return table_of(response.policy, np.ones((1, 3), bool))[0]

    assert first_choices()[0] > 0.9
    paper = oracle.respond(Task(WORLD, "row", [ROCK], [1.0], seed=3)).policy
    assert first_choices(parent=paper)[1] > 0.9
    column = taught.respond(Task(WORLD, "column", [ROCK], [1.0], seed=3))
    assert table_of(column.policy, np.ones((1, 3), bool))[0, 1] > 0.9  # learns from reward


def test_sides_of_settings_must_exist():
    with pytest.raises(ValueError, match="red"):
        Ippo(sides={"red": {"teacher": "fsm"}}).check(WORLD, WORLD.sides)
    with pytest.raises(ValueError, match="ippo has no hyperparameter 'techer'"):
        Ippo(sides={"row": {"techer": "rock"}})


def test_distances_of_behavior():
    world = one_side(WORLD, "row", ROCK)
    assert distance(world, ROCK, ROCK, 16, 0) == 0
    assert distance(world, ROCK, PAPER, 16, 0) == 2
    random = WORLD.policies("row")["random"]
    assert distance(world, random, random, 16, 0) == 0  # the same random numbers
    assert 1.2 < distance(world, ROCK, random, 256, 0) < 1.5


def test_decisions_without_a_choice_do_not_count():
    """In Kuhn poker a player passes while the other decides; these two differ where the second may bet."""
    world = garrison.make("toy/kuhn")
    policies = world.policies("second")
    view = one_side(world, "second", world.policies("first")["bold"])
    assert distance(view, policies["bold"], policies["honest"], 1024, 0) == pytest.approx(2 * 2 / 3, abs=0.1)
