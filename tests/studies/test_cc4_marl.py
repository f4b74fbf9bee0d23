"""The verdicts of the comparison of MARL methods, on made-up results."""

import numpy as np
import pytest
from doc_pages import script


@pytest.fixture(scope="module")
def marl():
    return script("studies/cc4_marl.py")


def a_method(level, seeds=3, early=-400.0):
    """Training seeds that return ``level`` on average, and ``early`` in the first half of the training."""
    rng = np.random.default_rng(round(-level))
    return {
        str(seed): {
            "minutes": 1.0,
            "steps": [100, 200, 300, 400],
            "return": [early + seed, early - seed, level, level],
            "returns": (level + rng.normal(0, 2, 50)).tolist(),
            "targets": {
                "view": "red's state",
                "dependence": 0.001 * (seed - 1),
                "shares": {"RD": {"Analyse": 0.75, "Remove": 0.25}},
            },
        }
        for seed in range(seeds)
    }


@pytest.mark.parametrize(
    ("other", "verdicts"),
    [
        (-200.0, ["supported", "refuted"]),  # IPPO is better
        (-100.3, ["undecided", "supported"]),  # the same, as far as 150 episodes can tell
        (-50.0, ["refuted", "refuted"]),
    ],
)
def test_verdicts_follow_from_where_the_interval_lies(marl, other, verdicts):
    results = marl.Results({"IPPO": a_method(-100.0), "MAPPO": a_method(other)})
    claims = [marl.better("P1", "IPPO", "MAPPO"), marl.equal("P7", "MAPPO", "IPPO")]
    assert [claim.verdict(results)[-1] for claim in claims] == verdicts


def test_no_verdict_without_runs_or_with_few_seeds(marl):
    claim = marl.better("P1", "IPPO", "MAPPO")
    assert claim.verdict(marl.Results({"IPPO": a_method(-100.0)}))[-1] == "not run"
    assert claim.verdict(marl.Results({"MAPPO": a_method(-100.0)}))[-1] == "not run"
    few = marl.Results({"IPPO": a_method(-100.0), "MAPPO": a_method(-200.0, seeds=2)})
    assert claim.verdict(few)[1:] == ("2", "too few seeds")


def test_differences_are_in_percent_of_ippos_loss(marl):
    results = marl.Results({"IPPO": a_method(-100.0), "MAPPO": a_method(-200.0)})
    shown, seeds, _ = marl.better("P1", "IPPO", "MAPPO").verdict(results)
    assert float(shown.split()[0]) == pytest.approx(100, abs=2)
    assert seeds == "3"


def test_the_start_is_compared_by_training_curves(marl):
    results = marl.Results({"IPPO": a_method(-100.0), "MAPPO": a_method(-100.0, early=-200.0)})
    assert results.early("MAPPO", 0.5).tolist() == [-200.0] * 3
    claim = marl.Claim("P7", "", marl.at_start("MAPPO", "IPPO", 0.5), low=0)
    assert claim.verdict(results)[-1] == "supported"


def test_a_loss_is_compared_with_half_of_another(marl):
    """Against the mean of base and hybrid: above it, less than half of what hybrid loses is lost."""
    results = marl.Results(
        {"IPPO": a_method(-100.0), "IPPO hybrid": a_method(-200.0), "IPPO NGU 0.1": a_method(-120.0)}
    )
    claim = marl.Claim("P6", "", marl.at_end("IPPO NGU 0.1", "IPPO", "IPPO hybrid"), low=0)
    assert claim.verdict(results)[-1] == "supported"


def test_all_claims_are_of_methods_that_exist(marl):
    everything = marl.Results({name: a_method(-100.0 - 10 * i) for i, name in enumerate(marl.ALL)})
    assert {claim.verdict(everything)[-1] for claim in marl.CLAIMS} <= {"supported", "refuted", "undecided"}
    figures = {"methods": everything.methods, "share": 1.0}
    study = marl.study(marl.origin("python studies/cc4_marl.py") | figures)
    claims, methods, dependence = study.sections
    assert len(claims.rows) == len(marl.CLAIMS)
    assert len(methods.rows) == len(marl.ALL)
    assert {row[2:4] for row in dependence.rows} == {("supported", "Analyse")}


def test_every_method_is_another_training(marl):
    trainings = [training.to_json() for training in marl.ALL.values()]
    same = [training for training in trainings if trainings.count(training) > 1]
    assert not [training for training in same if training["settings"]["total_steps"] != 700_000]
