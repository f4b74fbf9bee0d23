"""Evaluation in the range: what is reported, and what is refused."""

from __future__ import annotations

import json
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
import pytest

from garrison.core.policy import Constant
from garrison.core.struct import Struct
from garrison.core.typing import Array
from garrison.range import evaluate as module
from garrison.range.bridge import Played
from garrison.range.drivers.mock import Mock
from garrison.range.evaluate import TooManyVoid, digest_of, digest_of_programs, driver_of, tiers
from garrison.range.reference import compare


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


IDLE = [-10.0, -12.0, -9.0, -11.0, -10.5] * 2  # as many as retention needs


def test_retention_is_a_ratio_of_gains():
    half = played([i + 2 for i in IDLE], IDLE, [i + 4 for i in IDLE], IDLE)
    found = module._retention(half, "local", ["idle", "mine"])["mine"]
    assert found == pytest.approx({"ratio": 0.5, "low": 0.5, "high": 0.5, "n": 10})


def test_retention_says_nothing_without_a_gain():
    none = played(IDLE, IDLE, IDLE[1:] + IDLE[:1], IDLE)
    assert module._retention(none, "local", ["mine"])["mine"]["ratio"] is None
    assert "no clear gain" in module._retention(none, "local", ["mine"])["mine"]["reason"]


def test_retention_says_nothing_of_few_episodes():
    """Nor with ten of which one is void."""
    two = played([-1.0, -2.0], [-3.0, -4.0], [-1.0, -1.5], [-3.0, -3.0])
    found = module.report(two, "local", 30.0)["retention"]["mine"]
    assert found == {
        "ratio": None, "low": None, "high": None, "n": 2, "reason": "2 of at least 10 episodes"
    }  # fmt: skip
    ten = played([i + 2 for i in IDLE], IDLE, [i + 4 for i in IDLE], IDLE)
    ten["local"]["mine"][0].void = "broken"
    assert module._retention(ten, "local", ["mine"])["mine"]["reason"] == "9 of at least 10 episodes"


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


def measurable(tries: int, successes: int, seconds: float = 0.1) -> Played:
    return Played(tried={"web": [tries, successes]}, latencies={"web": [seconds] * tries, "kill": [0.2]})


def test_what_a_tier_measured_can_be_given_to_the_mock():
    episodes_ = {"idle": [measurable(8, 2), measurable(12, 8), Played(void="broken", tried={"web": [90, 0]})]}
    chances, durations = module.measured(episodes_, 30.0)
    assert chances == {"web": 500}
    assert list(durations) == ["web"]  # kill was launched too seldom
    assert durations["web"] == pytest.approx([3.0] * 20)
    assert Mock(chances=chances).chances["web"] == 500
    assert Mock(chances=chances).chances["kill"] == Mock().chances["kill"]


def test_incidents_that_were_not_contained_are_censored():
    one = Played(times={"contained": [(100, True), (300, False)]})
    found = module._row([one, Played(times={"contained": [(300, False)]}), Played(void="broken")])["times"]
    assert (found["contained"]["count"], found["contained"]["censored"]) == (3, 2)
    assert found["contained"]["mean"]["value"] == pytest.approx((100 + 300 + 300) / 3)
    assert module._row([Played(times={"contained": []})])["times"]["contained"] is None


def test_two_runs_with_the_same_seeds_are_the_noise_floor():
    players = played([-1.0, -2.0], [-3.0, -4.0], [-1.0, -1.0], [-3.0, -3.0])
    players["again"] = {"mine": episodes(-2.0, -1.0), "idle": [Played(returned=-3.0), Played(void="x")]}
    players["again"]["mine"][0].goal = True
    noise = module._noise(players["local"], players["again"])
    assert noise["mine"]["difference"]["mean"] == 0.0
    assert noise["mine"]["absolute"]["mean"] == 1.0
    assert noise["mine"]["same_goal"]["mean"] == 0.5
    assert noise["idle"]["absolute"] == {"mean": 0.0, "low": None, "high": None, "n": 1}


def test_a_report_sets_tiers_beside_each_other():
    players = played([i + 2 for i in IDLE], IDLE, [i + 4 for i in IDLE], IDLE)
    found = module.report(players, "local", 30.0)
    assert found["difference"]["mock"]["mine"]["mean"] == pytest.approx(-2.0)
    assert found["difference"]["mock"]["idle"]["mean"] == 0.0
    assert found["noise"] is None
    assert found["retention"]["mine"]["ratio"] == pytest.approx(0.5)
    assert json.dumps(found)


def test_episodes_side_by_side_are_those_that_one_after_the_other_plays():
    class Bridge:
        def play(self, blue, red, number, seed):
            return Played(returned=float(number * 100 + seed))

    seen: list[int] = []
    bridge, nobody = cast(Any, Bridge()), cast(Any, None)
    found = module.play_all(bridge, nobody, nobody, [3, 1, 2], [5, 6, 7], 4, lambda i, _: seen.append(i))
    assert [one.returned for one in found] == [305.0, 106.0, 207.0]
    assert sorted(seen) == [0, 1, 2]
    assert found == module.play_all(bridge, nobody, nobody, [3, 1, 2], [5, 6, 7])


def test_an_episode_survives_being_written_down():
    one = measurable(3, 1)
    one.tokens.update(["dns", "dns"])
    one.times, one.ended = {"contained": [(3, True)]}, [("impact", 2.0, "success")]
    again = Played(**json.loads(json.dumps(one.plain())))
    assert module._row([again]) == module._row([one])
    assert module._calibration({"idle": [again]}, 30.0) == module._calibration({"idle": [one]}, 30.0)
    assert compare([again], [again]) == compare([one], [one])
    assert again.tokens == one.tokens


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
