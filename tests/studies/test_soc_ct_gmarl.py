"""The study of CT-GMARL in soc: what it compares, its curves, and its page from figures that are made up."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from doc_pages import ROOT, script

from garrison.judge.stats import holm, paired_p_value
from garrison.studies.study import ORIGIN, page, save

sys.path.append(str(ROOT / "studies"))  # it uses the study of soc's learners
study = script("studies/soc_ct_gmarl.py")


def test_every_method_is_trained_in_every_scenario_on_its_training_split():
    found = study.trainings("medium", "small", 1_000, 2)
    assert len(found) == 2 * len(study.METHODS) == 2 * len(study.WHAT)
    assert {one.options["split"] for one in found.values()} == {"train"}
    assert {one.options["size"] for one in study.trainings("hard", "50", 1, 1).values()} == {"50"}
    assert {one.settings.total_steps for one in found.values()} == {1_000}
    assert len({str(one.to_json()) for one in found.values()}) == len(found)


@pytest.mark.slow
def test_policies_have_equally_many_parameters():
    counts = {name: study.parameters(one) for name, one in study.METHODS.items() if name != "qmix"}
    ours = counts["ct-gmarl"]
    assert all(0.9 * ours < count < 1.1 * ours for count in counts.values()), counts


def test_curves_count_decisions_and_hours():
    rows = [
        {"env_steps": 10, "return": None, "decisions": 4, "elapsed": 360.0},
        {"env_steps": 20, "return": [-2.0, -4.0], "decisions": [6, 8], "elapsed": [180.0, 180.0]},
    ]
    rows[0]["return"] = [None, None]
    found = study.curve(SimpleNamespace(metrics=lambda: rows))
    assert found == {"steps": [20], "return": [-3.0], "decisions": [11.0], "elapsed": [1.5]}


def player(returns, contained=None):
    mean = {"mean": float(np.mean(returns)), "low": -4.0, "high": -2.0}
    middle = {"value": 1.0, "low": 0.5, "high": 1.5}
    return {
        "return": mean,
        "interquartile_mean": dict.fromkeys(("return", study.SLA, study.CLEAN), middle),
        "contained": contained,
        "diagnosis": {"numbers": {study.GOAL: mean, "nothing": None}},
        "returns": np.asarray(returns).tolist(),
    }


def figures(policies, seeds, episodes):
    curve = {"steps": [5, 10], "return": [-4.0, -3.0], "decisions": [3, 6], "elapsed": [0.1, 0.2]}
    none = {name: [] for name in curve}  # no episode ended
    found = dict.fromkeys(ORIGIN, "-") | {"parameters": {"decay": 86_126, "ct-gmarl": 84_325}}
    found |= {"steps": 10, "seeds": seeds, "episodes": episodes, "preset": "medium", "size": "small"}
    found |= {"games": {"ransomware": {"constants": {}, "policies": policies}}, "trainings": {}}
    return found | {"curves": {"ransomware-decay": curve, "ransomware-ct-gmarl": none}}


def test_the_page_has_every_policy_and_says_that_there_are_few_episodes():
    times = {"count": 5, "censored": 2, "mean": {"value": 7.0, "low": 6.0, "high": 8.0}}
    policies = {"idle": player([[-9.0, -8.0]]), "decay": player([[-5.0, -6.0]], times)}
    made = study.study(figures({**policies, "ct-gmarl": player([[-3.0, -3.0]])}, seeds=1, episodes=2))
    assert list(made.figures["games"]["ransomware"]["policies"]) == ["ct-gmarl", "decay", "idle"]
    text = "\n".join(page(made))
    assert text.index("| ct-gmarl | 84,325 |") < text.index("| decay | 86,126 |")
    assert "| ct-gmarl | −3.00 [−4.00, −2.00] | 1.00 [0.50, 1.50] | 1.00 [0.50, 1.50] | −3.00" in text
    assert "| 7.00 [6.00, 8.00]; 3 of 5 |" in text
    assert "| decay | 2.50 [2.00, 3.00] | – | – |" in text
    assert "No p-values with fewer than 10 episodes or 2 seeds" in text
    assert "Only 2 episodes: intervals are rough" in text
    assert "single training seed" in text
    assert "Holm, 5%" not in text
    assert "| nothing | – | – | – |" in text
    assert made.pictures[study.PICTURE].startswith(b"\x89PNG")


def test_claims_are_corrected_for_all_scenarios_together():
    generator = np.random.default_rng(0)
    means = {"ct-gmarl": 0, "decay": -3, "idle": 3}, {"ct-gmarl": 0, "decay": 0}
    one, other = ({name: generator.normal(mean, 1, (5, 20)) for name, mean in own.items()} for own in means)
    games = {
        key: {"policies": {name: player(returns) for name, returns in game.items()}}
        for key, game in (("ransomware", one), ("ot_stuxnet", other))
    }
    found = study.claims(games)
    p = [paired_p_value(game["ct-gmarl"], game[name]) for game, name in ((one, "decay"), (one, "idle"))]
    p.append(paired_p_value(other["ct-gmarl"], other["decay"]))
    assert [claim["p"] for claim in found] == p
    assert [claim["adjusted"] for claim in found] == list(holm(dict(enumerate(p))).values())
    assert max(p[:2]) * 3 < 0.05 < p[2]
    made = figures({}, seeds=5, episodes=20) | {"games": games}
    assert "ct-gmarl is better than decay; worse than idle (Holm, 5%)" in study.study(made).finding
    assert "ct-gmarl is not told from decay (Holm, 5%)" in study.study(made).finding


def test_a_folder_goes_on_with_the_same_settings_alone(tmp_path):
    settings = {"steps": 10, "seeds": 5, "episodes": 20, "preset": "medium", "size": "small"}
    assert study.begun(tmp_path, settings)["games"] == {}
    save(tmp_path, study.study(figures({"decay": player(np.zeros((5, 20)))}, seeds=5, episodes=20)))
    found = study.begun(tmp_path, settings)
    assert set(found["games"]["ransomware"]["policies"]) == {"decay"}
    with pytest.raises(SystemExit, match="was made with another episodes"):
        study.begun(tmp_path, settings | {"episodes": 21})
    said = "--steps 10 --seeds 5 --episodes 20 --preset medium --size small --scenarios ransomware"
    assert study.command(found).endswith(f"RUNS {said} --methods ct-gmarl decay")
