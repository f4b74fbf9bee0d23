"""Runs that come with Garrison: they load, decide what is legal, are small, and name no place on a disk."""

import json

import jax
import numpy as np
import pytest

import garrison
from garrison.core.world import observed_by
from garrison.judge import specs
from garrison.runs import directory

NAMES = directory.packaged()


def test_there_is_a_best_one():
    assert "best" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_plays_and_is_small(name):
    files = [path for path in (directory.PACKAGED / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    facts = json.loads((directory.PACKAGED / name / "system.json").read_text())
    assert not any(word.startswith(("/", "~")) for word in facts["command"])
    run = specs.load_run(name)
    obs, state = run.world.reset(jax.random.key(0))
    mask = np.asarray(run.world.legal(state))
    for policy in run.policies:
        assert observed_by(run.world, [policy]) == run.world
        actions, _ = policy.act(jax.random.key(1), obs, mask, policy.init(jax.random.key(2), len(obs)))
        assert np.take_along_axis(mask, np.asarray(actions)[:, None], axis=1).all()


@pytest.mark.slow
def test_the_best_one_is_nearly_as_good_as_the_guard():
    result = garrison.evaluate("cc4", ["best", "guard"], episodes=100, seed=5_000_000)
    best, guard = (result.figures["policies"][name]["return"]["mean"] for name in ("best", "guard"))
    assert best > guard - 30
