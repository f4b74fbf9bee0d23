"""The study of CT-GMARL in soc: what it compares, its curves, and its page from figures that are made up."""

import sys
from types import SimpleNamespace

import pytest
from doc_pages import ROOT, script

from garrison.studies.study import ORIGIN, page

sys.path.append(str(ROOT / "studies"))  # it uses the study of soc's learners
study = script("studies/soc_ct_gmarl.py")


def test_every_method_is_trained_in_every_scenario_on_its_training_split():
    found = study.trainings("medium", 1_000, 2)
    assert len(found) == 2 * len(study.METHODS) == 2 * len(study.WHAT)
    assert {one.options["split"] for one in found.values()} == {"train"}
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


def test_the_page_has_every_policy():
    one = {"return": {"mean": -3.0, "low": -4.0, "high": -2.0, "sd": 1.0}}
    one["diagnosis"] = {"numbers": {"SLA": one["return"], "nothing": None}}
    other = one | {"advantage_of_ct-gmarl": {"mean": 1.0, "low": 0.5, "high": 1.5}}
    figures = dict.fromkeys(ORIGIN, "-") | {"parameters": {"ct-gmarl": 84_325, "decay": 86_126}}
    figures |= {"steps": 10, "seeds": 2, "episodes": 3, "preset": "medium"}
    judged = {"versus": "ct-gmarl", "policies": {"ct-gmarl": one, "decay": other, "idle": other}}
    figures["games"] = {"ransomware": {"figures": judged}}
    curve = {"steps": [5, 10], "return": [-4.0, -3.0], "decisions": [3, 6], "elapsed": [0.1, 0.2]}
    figures["curves"] = {"ransomware-decay": curve}
    made = study.study(figures)
    text = "\n".join(page(made))
    assert "| ct-gmarl | 84,325 |" in text
    assert "| ct-gmarl | −3.00 [−4.00, −2.00] | – |" in text
    assert "| decay | −3.00 [−4.00, −2.00] | 1.00 [0.50, 1.50] |" in text
    assert "| nothing | – | – | – |" in text
    assert made.pictures[study.PICTURE].startswith(b"\x89PNG")
