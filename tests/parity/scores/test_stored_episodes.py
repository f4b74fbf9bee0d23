import json
from pathlib import Path

import numpy as np
import pytest

from garrison.parity.scores import equivalence, stored_episodes
from garrison.parity.scores.stored_episodes import FILES
from garrison.parity.scores.study_plan import StudiedPolicy, play_on_garrison
from garrison.worlds import cc4

DATA = Path(__file__).parents[2] / "data" / "cc4_returns"


def test_the_episodes_of_the_repository():
    stored = stored_episodes.read_folder(DATA)
    assert list(stored) == ["idle", "random", "reactive", "firewall"]
    assert {len(rows) for rows in stored.values()} == {100}
    sample = equivalence.sample_of(stored["idle"], scored=False)
    assert len(sample) == 1 + 4 + 3 + 12
    assert sample["return"].mean() == pytest.approx(-6490.66)
    assert np.all(sample["phase 0 action_cost"] == 0)
    assert sample["phase 2 LWF"][0] == -4897


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda r: r.pop("red"), "'red' is missing"),
        (lambda r: r["episodes"][3].pop("return"), "'return' is missing"),
        (lambda r: r.update(policy="random"), "not 499 steps of 'reactive'"),
        (lambda r: r.update(steps_scored=500), "not 499 steps"),
        (lambda r: r["episodes"][0]["by_phase_lwf_asf_ria_cost"].pop(), r"seed 0: parts have shape \(2, 4\)"),
        (lambda r: r["episodes"][9].update({"return": 1.0}), "seed 9: the parts do not add up"),
        (lambda r: r.update(episodes=7), "not iterable"),
    ],
)
def test_a_bad_file_is_named(tmp_path, change, complaint):
    for name in FILES.values():
        record = json.loads((DATA / f"{name}.json").read_text())
        if name == "reactive":
            change(record)
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"reactive\.json: .*{complaint}"):
        stored_episodes.read_folder(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OSError, match=r"sleep\.json"):
        stored_episodes.read_folder(tmp_path)


def gaps(world, policies, episodes):
    """The quantities with a systematic gap between the stored episodes and those of ``world``."""
    stored, known = stored_episodes.read_folder(DATA), world.policies()
    studied = [StudiedPolicy(name, known[name], world) for name in policies]
    played = play_on_garrison(world, studied, range(77, 77 + episodes))
    rows = {
        (one.name, "fsm"): [*(one.origin("garrison") | row for row in played[one]), *stored[one.name]]
        for one in studied
    }
    pairs = equivalence.study(rows, {}, 84.0)["pairs"]
    return {
        (pair["policy"], gap["quantity"])
        for pair in pairs
        for gap in pair["gaps"]
        if not gap["constant"] and gap["adjusted"] < 0.01
    }


@pytest.mark.slow
def test_garrison_has_no_gap():
    assert gaps(cc4.make(), tuple(FILES), 150) == set()


@pytest.mark.slow
def test_a_slightly_different_world_is_found(monkeypatch):
    """Users who open twice as many phishing mails."""
    world = cc4.make(green_phishing=0.02)
    monkeypatch.setattr(
        StudiedPolicy,
        "origin",
        lambda self, engine: {"engine": engine, "version": "1", "player": "", "world": ""},
    )
    assert ("idle", "RIA") in gaps(world, ("idle",), 100)
