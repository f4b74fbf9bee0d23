"""The study of soc's learners: its constant players, and its page from figures that are made up."""

from doc_pages import script

import garrison
from garrison.studies.study import ORIGIN, page

learners = script("studies/soc_learners.py")


def test_every_training_is_of_a_preset_and_a_training_split():
    found = learners.trainings("medium", 1_000, 2)
    assert len(found) == 2 * 6
    assert {one.options["split"] for one in found.values()} == {"train"}
    assert {one.settings.total_steps for one in found.values()} == {1_000}


def test_there_is_a_constant_player_of_each_kind_of_action():
    players = learners.constants(garrison.make("soc"))
    assert {"Restore", "Watch", "RotateKerberos"} <= set(players)
    assert not {"Wait", "Continue"} & set(players)
    assert "PrivilegeEscalate" in learners.constants(garrison.make("soc", side="red"))


def test_the_page_has_every_policy():
    one = {"return": {"mean": -3.0, "low": -4.0, "high": -2.0, "sd": 1.0}, "reward_parts": {"goal": [-1.0]}}
    one["diagnosis"] = {"numbers": {"SLA": one["return"], "nothing": None}}
    figures = dict.fromkeys(ORIGIN, "-") | {"trainings": {"ransomware-blue-ippo": {}}}
    figures |= {"steps": 10, "seeds": 2, "episodes": 3, "preset": "medium"}
    figures["games"] = {"ransomware, blue": {"figures": {"policies": {"ippo": one, "idle": one}}}}
    figures["curves"] = {"ransomware-blue-ippo": {"steps": [5, 10], "return": [-4.0, -3.0]}}
    text = "\n".join(page(learners.study(figures)))
    assert "| ippo | −3.00 [−4.00, −2.00] | −1.00 |" in text
    assert "| nothing | – | – |" in text
    assert "Returns in ransomware, blue: ippo −3.00" in text
