"""Self-play: both sides learn in one program, and neither by what is the other's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bitwise import assert_equal, raw

import garrison
from garrison import algos
from garrison.algos import ippo
from garrison.judge import specs
from garrison.training import seeds
from garrison.training.config import Training
from garrison.training.loaded import load_run

WORLD = garrison.make("toy/pursuit")
SELF = algos.get("self-ippo")
SMALL = SELF.Config(
    total_steps=144, num_envs=12, minibatches=2, epochs=1, hidden_sizes=(8,), snapshot_every=2, snapshots=3
)
METRICS = {"return", "episodes", "grad_norm", "nonfinite_inputs", "finite_updates"}


@pytest.fixture(scope="module")
def start():
    """The state after two iterations: optimizers, scales and past networks are not fresh."""
    state = jax.jit(SELF.init)(SMALL, WORLD, jax.random.key(0))
    for _ in range(2):
        state, _ = iteration(SMALL, state)
    return state


@jax.jit
def iteration(config, state):
    return SELF.iteration(config, WORLD, state)


@partial(jax.jit, static_argnames="number")
def one_sided(config, state, number):
    """An iteration of one side alone, against networks that stay as they are: IPPO on its own rollout."""
    after, batches = SELF.collect(config, WORLD, state)
    side = SELF._sides(config, WORLD)[number]
    done = state.iteration / SELF.num_iterations(config, WORLD)
    learner, _ = ippo.update(side.config, state.learners[number], batches[number], done)
    return learner.replace(iteration=learner.iteration + 1), after.key


def test_a_side_learns_as_it_does_alone_when_the_other_does_not(start):
    """What one side earns and how its rewards are scaled changes nothing for the other, bit by bit."""
    joint, metrics = iteration(SMALL, start)
    assert metrics.keys() >= METRICS | {"chaser/policy_loss", "evader/return", "evader/approx_kl"}
    assert all(np.shape(value) == () and np.isfinite(value) for value in metrics.values())
    np.testing.assert_allclose(metrics["chaser/return"], metrics["return"])
    frozen = SMALL.replace(other_learning_rate=0.0)  # the second side
    rate_0 = SMALL.replace(learning_rate=0.0, other_learning_rate=SMALL.learning_rate)  # the first
    for config, number in ((frozen, 0), (rate_0, 1)):
        after, _ = iteration(config, start)
        alone, key = one_sided(SMALL, start, number)
        assert_equal(after.key, key)
        for left, right in zip(jax.tree.leaves(after.learners[number]), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(raw(left), raw(right), rtol=1e-4, atol=1e-6)  # of two programs
        assert_equal(after.learners[number].net, joint.learners[number].net)
        assert_equal(after.learners[1 - number].net, start.learners[1 - number].net)
    nets = [jax.tree.leaves([learner.net for learner in state.learners]) for state in (joint, start)]
    assert not any(np.array_equal(after, before) for after, before in zip(*nets, strict=True))


def test_past_networks_play_where_they_should(start):
    """A third of the environments each: the present ones of both, and each side against past ones."""
    first, second = SELF._sides(SMALL, WORLD)
    assert (first.learns, first.repeats) == (slice(4, 12), slice(0, 4))
    assert (second.learns, second.repeats) == (slice(0, 8), slice(8, 12))
    _, (own, other) = jax.jit(partial(SELF.collect, SMALL, WORLD))(start)
    assert own.obs.shape == other.obs.shape == (3, 8, 1, 2)
    np.testing.assert_array_equal(own.reward[:, :4], -other.reward[:, 4:])  # zero-sum, where both learn
    kept = jax.tree.leaves(start.past[0])[0]
    assert not np.array_equal(kept[0], jax.tree.leaves(start.learners[0].net)[0])  # it has learned since


@pytest.mark.slow
def test_sides_take_turns(start):
    config = SMALL.replace(schedule="alternate", alternate_every=1)
    step = jax.jit(partial(SELF.iteration, config, WORLD))
    state = start
    for turn in (0, 1):
        after, metrics = step(state)
        assert_equal(after.learners[1 - turn], state.learners[1 - turn])
        assert metrics[f"{('chaser', 'evader')[1 - turn]}/policy_loss"] == 0
        assert int(after.learners[turn].iteration) == int(state.learners[turn].iteration) + 1
        state = after


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"past_share": 0.0}, {"network": "recurrent", "cell_size": 4, "chunk": 3}, {}]
)
def test_mappo_and_recurrent_networks_too(changes):
    algorithm = algos.get("self-mappo")
    config = algorithm.Config(total_steps=72, num_envs=12, minibatches=2, epochs=1, hidden_sizes=(8,))
    config = config.replace(**changes)
    state = jax.jit(algorithm.init)(config, WORLD, jax.random.key(0))
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), state)
    step = jax.jit(algorithm.iteration)
    for _ in range(2):
        state, metrics = step(config, WORLD, state)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == shapes
    assert all(np.isfinite(value) for value in metrics.values())
    assert algorithm.footprint(config, WORLD) > 12 * 3 * 2 * 2 * 4


@pytest.mark.slow
def test_a_run_resumes_bit_by_bit_and_gives_the_policies_of_both_sides(tmp_path):
    settings = SMALL.replace(anneal_lr=False)  # so that shorter trainings begin alike
    training = Training(world="toy/pursuit", algorithm="self-ippo", settings=settings)
    whole = garrison.train(training, out=tmp_path / "whole")
    part = garrison.train(training.changed(total_steps=72), out=tmp_path / "part")
    assert (part.iterations_done, whole.iterations_done) == (2, 4)
    assert_equal(*(load_state(run) for run in (whole, garrison.resume(part.path, total_steps=144))))
    chaser, evader = (load_run(whole.path, side=side) for side in ("chaser", "evader"))
    assert chaser.world.agents == ("chaser",)
    assert evader.world.agents == ("evader",)
    assert not np.array_equal(*(jax.tree.leaves(run.policies[0])[0] for run in (chaser, evader)))
    with pytest.raises(ValueError, match="both sides learned .chaser, evader.; judge one"):
        load_run(whole.path)
    assert specs.side_of(chaser.world) == "chaser"


@pytest.mark.slow
def test_each_side_of_a_run_is_judged_against_the_other(tmp_path):
    training = Training(world="toy/pursuit", algorithm="self-ippo", settings=SMALL)
    path = str(garrison.train(training.changed(total_steps=36), out=tmp_path / "run").path)
    found = garrison.evaluate(WORLD, {"own": path}, side="evader", against=[path, "right"], episodes=4)
    assert list(found.figures["against"]) == ["run", "right"]


def load_state(run):
    return seeds.load_state(run, run.training, run.world())


@pytest.mark.parametrize(
    ("changes", "world", "words"),
    [
        ({}, "toy/coordination", "needs a world with two sides; 'toy/coordination' has agents"),
        ({"schedule": "never"}, "toy/pursuit", "schedule is 'never'"),
        ({"past_share": 1.5}, "toy/pursuit", "past_share is 1.5"),
        ({"num_envs": 1}, "toy/pursuit", "num_envs is 1; it must be larger"),
        ({"rollout_steps": 2}, "toy/pursuit", "whole episodes"),
        ({"snapshots": 0}, "toy/pursuit", "snapshots is 0"),
        ({"other": ("gamma",)}, "toy/pursuit", "other has 'gamma'; write NAME=VALUE"),
        ({"other": ("num_envs=3",)}, "toy/pursuit", "other has 'num_envs=3'"),
        ({"other": ("gamma=2",)}, "toy/pursuit", "side evader: gamma is 2"),
        ({"teacher": "right"}, "toy/pursuit", "teacher is 'right'; self-play has none"),
        ({"clip_eps": 0.0}, "toy/pursuit", "side chaser: clip_eps is 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, world, words):
    with pytest.raises(ValueError, match=words):
        SELF.check(SMALL.replace(**changes), garrison.make(world))


def test_the_second_side_may_differ():
    config = SMALL.replace(other=("hidden_sizes=[4, 4]", "activation=relu", "target_kl=None"))
    first, second = SELF._sides(config.replace(other_learning_rate=0.1), WORLD)
    assert (first.config.hidden_sizes, first.config.activation) == ((8,), "tanh")
    assert (second.config.hidden_sizes, second.config.activation) == ((4, 4), "relu")
    assert (first.config.learning_rate, second.config.learning_rate) == (3e-4, 0.1)
    shapes = jax.eval_shape(partial(SELF.init, config, WORLD), jax.random.key(0))
    assert len(jax.tree.leaves(shapes.learners[1].net)) > len(jax.tree.leaves(shapes.learners[0].net))
    assert jnp.shape(shapes.learners[0].iteration) == ()
