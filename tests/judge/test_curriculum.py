"""A curriculum goes on when the judge says so, starts from what was learned, and is resumed."""

import json

import pytest

from garrison.judge import curriculum
from garrison.judge.curriculum import Promotion
from garrison.presets import PRESETS

TINY = PRESETS["mlp"].changed(
    world="toy/network", options={"steps": 5}, total_steps=20, num_envs=4, hidden_sizes=(8,)
)
STAGES = [{"steps": 5}, {"steps": 6}]


def test_stages_follow_each_other_and_are_resumed(tmp_path):
    rules = Promotion(episodes=3, control="random", loss=100.0, rounds=2)  # always good enough
    rounds = curriculum.train(TINY, STAGES, tmp_path, rules)
    assert [(one["stage"], one["round"], one["promoted"]) for one in rounds] == [(0, 0, True), (1, 0, True)]
    assert json.loads((tmp_path / curriculum.FILE).read_text()) == rounds
    second = json.loads((tmp_path / "1-0" / "config.json").read_text())
    assert second["options"] == {"steps": 6}
    assert second["start_from"]["run"] == str(tmp_path / "0-0")
    assert curriculum.train(TINY, STAGES, tmp_path, rules) == rounds  # nothing is trained again


def test_a_stage_that_is_too_hard_ends_it(tmp_path):
    rounds = curriculum.train(
        TINY, STAGES, tmp_path, Promotion(episodes=3, control="random", loss=-1.0, rounds=2)
    )
    assert [(one["stage"], one["round"], one["promoted"]) for one in rounds] == [(0, 0, False), (0, 1, False)]


def test_what_cannot_be_done_is_refused(tmp_path):
    with pytest.raises(ValueError, match="stages is empty"):
        curriculum.train(TINY, [], tmp_path)
    with pytest.raises(ValueError, match="rounds is 0"):
        Promotion(rounds=0)
