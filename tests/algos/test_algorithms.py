"""What every algorithm has to keep: the interface, checked settings, files of its own."""

import ast
import difflib
import itertools
from dataclasses import fields, is_dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison import algos

# those for worlds with one side; tests/algos/test_self_play.py has the others
ALGORITHMS = tuple(name for name in algos.names() if not hasattr(algos.get(name), "LEARNS_BOTH_SIDES"))
METRICS = {"return", "episodes", "grad_norm", "nonfinite_inputs", "finite_updates"}
SMALL = {"total_steps": 64, "num_envs": 2, "minibatches": 1, "epochs": 1, "hidden_sizes": (8,)}
SMALL |= {"replay_steps": 64, "updates": 2, "batch_size": 2, "mixer_size": 4, "hyper_size": 4}


def small(algorithm, **changes):
    """A small configuration: those of the settings that the algorithm has."""
    known = {x.name for x in fields(algorithm.Config)}
    return algorithm.Config(**{name: x for name, x in (SMALL | changes).items() if name in known})


def checked_iterations(algorithm, config, world) -> None:
    """Two iterations by the members of the protocol alone."""
    algorithm.check(config, world)
    init = jax.jit(algorithm.init)
    state = algorithm.placed(init(config, world, jax.random.key(0)))
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), state)
    step = jax.jit(algorithm.iteration, donate_argnames="state")
    for _ in range(2):
        state, metrics = step(config, world, state)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == shapes
    assert metrics.keys() >= METRICS
    assert any(name.endswith("_loss") for name in metrics)
    assert all(np.shape(value) == () for value in metrics.values())
    assert metrics["nonfinite_inputs"] == 0
    steps = algorithm.steps_per_iteration(config, world)
    assert steps % config.num_envs == 0
    assert algorithm.num_iterations(config, world) == -(-config.total_steps // steps)
    observed = steps * world.num_agents * world.observation_size * 4
    assert algorithm.footprint(config, world) >= observed
    policy = algorithm.policy(state, world, greedy=True)
    obs, world_state = world.reset(jax.random.key(1))
    memory = policy.init(jax.random.key(2), world.num_agents)
    actions, _ = policy.act(jax.random.key(3), obs, world.legal(world_state), memory)
    assert actions.dtype == np.int32
    assert actions.shape == (world.num_agents,)


@pytest.mark.parametrize("network", ["mlp", "recurrent"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_keeps_the_interface(name, network):
    algorithm, world = algos.get(name), garrison.make("toy/coordination")
    config = small(algorithm, network=network, cell_size=4)
    assert is_dataclass(config)
    checked_iterations(algorithm, config, world)
    assert not algorithm.holds_environments(config, world)
    assert algorithm.holds_environments(config.replace(rollout_steps=3), world)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"), [*((x, {}) for x in ALGORITHMS), ("mappo", {"state": "compact"})]
)
def test_every_algorithm_keeps_the_interface_on_cc4(name, changes):
    algorithm = algos.get(name)
    checked_iterations(algorithm, small(algorithm, **changes), garrison.make("cc4", steps=20))


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("total_steps", 0),
        ("num_envs", 0),
        ("rollout_steps", -1),
        ("epochs", 0),
        ("minibatches", 0),
        ("chunk", 0),
        ("network", "cnn"),
        ("cell", "rnn"),
        ("cell_size", 0),
        ("activation", "swish"),
        ("hidden_sizes", ()),
        ("sharing", "none"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "fast"),
        ("gamma", 1.5),
        ("gamma", float("nan")),
        ("gae_lambda", -0.1),
        ("clip_eps", 0.0),
        ("value_coef", -1.0),
        ("entropy_coef", float("inf")),
        ("entropy_end", -0.1),
        ("target_kl", 0.0),
        ("max_grad_norm", 0.0),
        ("max_grad_norm", None),
    ],
)
def test_settings_out_of_range_are_refused(name, field, wrong):
    algorithm, world = algos.get(name), garrison.make("toy/coordination")
    known = {x.name for x in fields(algorithm.Config)}
    if field not in known:
        pytest.skip(f"{name} has no {field}")
    network = {"network": "recurrent"} if field.startswith("cell") else {}
    config = small(algorithm, **{**network, field: wrong})
    word = "network" if field == "network" else f"{field} is {wrong}"
    with pytest.raises(
        ValueError, match=word.replace("(", r"\(").replace(")", r"\)").replace(f" {wrong}", "")
    ):
        algorithm.check(config, world)


def test_a_sweep_is_checked_as_a_whole():
    algorithm, world = algos.get("ippo"), garrison.make("toy/coordination")
    algorithm.check(small(algorithm, gamma=jnp.array([0.9, 1.0])), world)
    with pytest.raises(ValueError, match="gamma is"):
        algorithm.check(small(algorithm, gamma=jnp.array([0.9, 1.1])), world)


def code_lines(path: Path) -> list[str]:
    """Lines without blanks, comments and docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                x for x in body if not (isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree).splitlines()


def test_siblings_differ():
    """What two algorithms share is in learn/, once."""
    files = sorted(Path(algos.__file__).parent.glob("*.py"))
    assert len(files) >= 4
    for one, other in itertools.combinations(files, 2):
        matcher = difflib.SequenceMatcher(None, code_lines(one), code_lines(other), autojunk=False)
        assert matcher.ratio() < 0.5, (one.name, other.name, matcher.ratio())
