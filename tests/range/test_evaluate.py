"""Evaluation in the range: what is reported, and what is refused."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.policy import Constant
from garrison.core.struct import Struct
from garrison.core.typing import Array
from garrison.range import evaluate as module
from garrison.range.bridge import Played
from garrison.range.evaluate import TooManyVoid, digest_of, digest_of_programs, driver_of, tiers


class Weights(Struct):
    values: Array


def episodes(*returns: float, void: int = 0) -> list[Played]:
    return [*(Played(returned=r) for r in returns), *(Played(void="broken") for _ in range(void))]


def test_the_hash_of_a_policy_is_that_of_its_weights():
    one = digest_of(Weights(jnp.arange(3.0)))
    assert one == digest_of(Weights(jnp.arange(3.0)))
    assert one != digest_of(Weights(jnp.arange(3.0).at[1].set(9)))
    assert digest_of(Constant((1, 2))) != digest_of(Constant((1, 3)))
    assert len(digest_of_programs()) == 64


def test_more_than_five_percent_void_void_the_evaluation():
    assert module._table({"idle": episodes(*range(19), void=1)})["idle"]["episodes"] == 19
    with pytest.raises(TooManyVoid, match="2 of 20 episodes are void, more than 5 %: broken"):
        module._table({"idle": episodes(*range(18), void=2)})


def test_void_episodes_count_for_nobody():
    row = module._row(episodes(-1.0, -3.0, void=1))
    assert row["returned"]["mean"] == -2.0
    assert row["returns"] == [-1.0, -3.0, None]
    assert row["void"] == ["broken"]
    assert module._row(episodes(void=1))["returned"]["mean"] is None
    assert module._row(episodes(-1.0))["returned"]["low"] is None


def played(tier: list[float], tier_idle: list[float], mock: list[float], mock_idle: list[float]) -> dict:
    return {
        "local": {"mine": episodes(*tier), "idle": episodes(*tier_idle)},
        "mock": {"mine": episodes(*mock), "idle": episodes(*mock_idle)},
    }


def test_retention_is_a_ratio_of_gains():
    idle = [-10.0, -12.0, -9.0, -11.0]
    half = played([i + 2 for i in idle], idle, [i + 4 for i in idle], idle)
    found = module._retention(half, "local", ["idle", "mine"])["mine"]
    assert found["ratio"] == pytest.approx(0.5)
    assert found["low"] == pytest.approx(0.5)
    assert found["n"] == 4


def test_retention_says_nothing_without_a_gain():
    idle = [-10.0, -12.0, -9.0, -11.0]
    none = played(idle, idle, [-12.0, -10.0, -10.0, -10.0], idle)
    assert module._retention(none, "local", ["mine"])["mine"]["ratio"] is None
    assert "no clear gain" in module._retention(none, "local", ["mine"])["mine"]["reason"]


def test_retention_leaves_out_pairs_with_a_void_episode():
    found = played([-1.0, -1.0], [-3.0, -3.0], [-1.0, -1.0], [-3.0, -3.0])
    found["local"]["mine"][0].void = "broken"
    assert module._retention(found, "local", ["mine"])["mine"]["n"] == 1


def test_calibration_has_intervals():
    one = Played(latencies={"web": [0.01, 0.03]}, tried={"web": [4, 3]})
    row = module._calibration({"idle": [one]}, 30.0)["web"]
    assert row["soc_chance"] == 0.65
    assert row["measured_chance"]["mean"] == 0.75
    assert row["measured_chance"]["low"] == pytest.approx(0.3006, abs=1e-3)  # Wilson, 3 of 4
    assert row["measured_chance"]["high"] == pytest.approx(0.9544, abs=1e-3)
    assert row["soc_seconds"] == pytest.approx(31.2)
    assert row["measured_seconds"]["median"] == pytest.approx(0.6)
    assert np.isfinite(row["measured_seconds"]["low"])


def test_tiers_say_why_they_are_not_available():
    found = {tier.name: tier for tier in tiers()}
    assert list(found) == ["mock", "local", "netns", "containers"]
    assert found["mock"].reason == ""
    assert "never pulls" in found["containers"].reason
    assert json.dumps(module.as_json(list(found.values())))


@pytest.mark.parametrize("tier", ["containers", "nonsense"])
def test_no_other_tier_takes_the_place_of_one_that_plays_no_episodes(tier):
    with pytest.raises(ValueError, match=f"no episodes are played in tier '{tier}'"):
        driver_of(tier)
