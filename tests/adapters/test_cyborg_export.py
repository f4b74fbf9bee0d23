"""A submission: NumPy says what JAX says, and in CybORG the folder plays as the team does."""

import importlib
import json
import shutil
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg.export import export, flattened
from garrison.adapters.cyborg.submission.garrison_policy import TEAMS, read
from garrison.adapters.cyborg.world import CybORGWorld
from garrison.algos.ippo import Config
from garrison.core.policy import Constant
from garrison.learn import dists, nets
from garrison.learn.policy import NetworkPolicy
from garrison.worlds.cc4 import tables as T

GROUPS = {"shared": (0,) * 5, "grouped": (0, 0, 0, 0, 1), "separate": (0, 1, 2, 3, 4)}
KEY = jax.random.key(0)
ABOUT = {"name": "A", "team": "B", "technique": "C"}


def network(
    sharing="grouped", activation="tanh", separate_critic=False, features=30, actions=12, layer_norm=False
):
    """A network whose numbers are drawn here: no need to compile how they are drawn for training."""
    options = Config(hidden_sizes=(16, 8), activation=activation, layer_norm=layer_norm)
    make = partial(nets.make, separate_critic=separate_critic)
    return drawn(lambda key: make(key, GROUPS[sharing], features, actions, options), 1)


def drawn(make, seed):
    like = jax.eval_shape(make, KEY)
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 0.4, leaf.shape), jnp.float32), like)


def exported(folder, net, greedy=False, **world):
    world = CybORGWorld(**world)
    export(folder, NetworkPolicy(net, greedy, world.observation, net_size(net)), world, ABOUT)
    about = json.loads((folder / "team.json").read_text())
    return TEAMS[about["network"]](read((folder / "weights.safetensors").read_bytes()), about), about


def net_size(net):
    return getattr(net, "nets", net).trunk.layers[0].weight.shape[-2]


@pytest.mark.parametrize("sharing", GROUPS)
@pytest.mark.parametrize(("activation", "layer_norm"), [("tanh", False), ("relu", False), ("relu", True)])
def test_numpy_gives_the_logits_of_jax(tmp_path, sharing, activation, layer_norm):
    net = network(sharing, activation, separate_critic=True, layer_norm=layer_norm)
    team, _ = exported(tmp_path / "team", net)
    obs = np.random.default_rng(0).uniform(0, 2, (5, 30)).astype(np.float32)
    logits = np.stack([team.logits(agent, obs[agent]) for agent in range(5)])
    np.testing.assert_allclose(logits, net((), obs, False)[1][0], rtol=1e-5, atol=1e-5)
    assert np.ptp(logits) > 0.1


def test_a_network_reads_the_first_features_alone(tmp_path):
    team, _ = exported(tmp_path / "team", network())
    obs = np.ones(40, np.float32)
    np.testing.assert_array_equal(team.logits(4, obs), team.logits(4, obs[:30]))


def test_actions_are_legal_and_follow_the_logits(tmp_path):
    net = network()
    team, _ = exported(tmp_path / "team", net)
    obs = np.full((5, 30), 0.5, np.float32)
    mask = np.arange(10) % 3 == 0  # an agent with fewer actions than the network has
    generator = np.random.default_rng(0)
    drawn = np.bincount([team.act(4, obs[4], mask, generator) for _ in range(4000)], minlength=10) / 4000
    padded = np.append(mask, [False, False])
    odds = np.exp(dists.masked_categorical(net((), obs, False)[1][0][4], padded))[:10]
    assert not drawn[~mask].any()
    assert np.abs(drawn - odds).max() < 4 * np.sqrt(0.25 / 4000)
    greedy, about = exported(tmp_path / "greedy", net, greedy=True)
    assert about["greedy"]
    assert greedy.act(4, obs[4], mask, generator) == np.argmax(odds)


def test_the_folder_says_what_it_plays(tmp_path):
    options = {"observation": "rich", "busy": "masked", "messages": "state2"}
    _, about = exported(tmp_path / "team", network("shared"), **options)
    assert {name: about[name] for name in ("observation", "busy", "messages", "groups", "team")} == {
        "messages": "state2",
        "observation": "rich",
        "busy": "masked",
        "groups": [0, 0, 0, 0, 0],
        "team": "B",
    }
    assert sorted(path.name for path in (tmp_path / "team").iterdir()) == [
        "garrison_messages.py",
        "garrison_policy.py",
        "garrison_rich.py",
        "submission.py",
        "team.json",
        "weights.safetensors",
    ]


def test_what_cannot_be_exported_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    policy = NetworkPolicy(network())
    with pytest.raises(ValueError, match="is not empty; name another folder"):
        export(tmp_path, policy, CybORGWorld(), ABOUT)
    with pytest.raises(ValueError, match="is not empty; name another folder"):
        export(tmp_path / "file", policy, CybORGWorld(), ABOUT)
    with pytest.raises(ValueError, match="have 500 steps; this team plays 60"):
        export(tmp_path / "team", policy, CybORGWorld(steps=60), ABOUT)
    with pytest.raises(ValueError, match="Constant cannot be exported|NoneType cannot be exported"):
        export(tmp_path / "team", Constant((0,) * 5), CybORGWorld(), ABOUT)
    assert not (tmp_path / "team").exists()


def test_only_float32_is_read():
    header = json.dumps({"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    with pytest.raises(ValueError, match="'a' has dtype F64"):
        read(len(header).to_bytes(8, "little") + header + bytes(8))


def test_a_heads_metadata_is_no_array():
    arrays, _ = flattened(network())
    data = safetensors.numpy.save(arrays, metadata={"made": "here"})
    again = read(data)
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)


# ---------------------------------------------------------------- with CybORG


@pytest.fixture
def submission(tmp_path, monkeypatch):
    """``submission(policy, world, zipped)``: the exported class, imported as the evaluation does."""
    try:
        engine.cyborg()
    except engine.MissingCybORG as error:
        pytest.skip(str(error))

    def load(policy, world, zipped=False):
        export(tmp_path / "submission", policy, world, ABOUT)
        if not zipped:
            monkeypatch.syspath_prepend(tmp_path / "submission")
            return importlib.import_module("submission").Submission
        monkeypatch.syspath_prepend(
            shutil.make_archive(str(tmp_path / "team"), "zip", tmp_path, "submission")
        )
        return importlib.import_module("submission.submission").Submission

    yield load
    for name in list(sys.modules):
        if name.partition(".")[0] in ("submission", "garrison_policy", "garrison_rich", "garrison_messages"):
            del sys.modules[name]


@pytest.mark.cyborg
@pytest.mark.parametrize(
    ("options", "kind", "zipped"),
    [
        ({}, "mlp", False),
        ({"observation": "rich", "busy": "masked"}, "mlp", True),
        ({"observation": "rich", "busy": "masked", "traffic": "policy"}, "entity", False),
        ({"observation": "rich", "traffic": "off", "idle": "off"}, "entity", True),
        ({"messages": "action8"}, "mlp", True),
        ({"observation": "recall", "busy": "masked", "messages": "state8"}, "entity", False),
    ],
)
def test_the_submission_plays_as_the_team_does(submission, options, kind, zipped):
    world = CybORGWorld(**options)
    net = network(features=world.observation_size, actions=T.MAX_BLUE_ACTIONS)
    if kind == "entity":
        net = drawn(lambda key: nets.of_world(key, world, Config(network=kind, hidden_sizes=(8, 8))), 2)
    policy = NetworkPolicy(net, True, world.observation, world.observation_size)
    team = submission(policy, world, zipped)
    wrapped = team.wrap(engine.CybORGSession(seed=4).cyborg)
    theirs, _ = wrapped.reset()
    obs, state = world.reset(4)
    legal_logits = jax.jit(lambda obs, mask: jnp.where(mask, net((), obs, False)[1][0], -jnp.inf))
    for _ in range(40):
        actions = {
            name: agent.get_action(theirs[name], wrapped.action_space(name))
            for name, agent in team.AGENTS.items()
        }
        ours = np.array(list(actions.values()))
        logits = np.asarray(legal_logits(obs, world.legal(state)))
        # The most probable action. Hosts that look the same have the same logits, up to rounding.
        best = np.max(logits, axis=1) - np.take_along_axis(logits, ours[:, None], axis=1)[:, 0]
        np.testing.assert_allclose(best, 0, atol=1e-4)
        for number, name in enumerate(team.AGENTS):
            np.testing.assert_array_equal(theirs[name]["observation"], obs[number])
        theirs, rewards, *_ = wrapped.step(actions)
        obs, state, step = world.step(None, state, ours)
        assert list(rewards.values()) == step.reward.tolist()
