"""The commands around the studies; the studies themselves are tested in tests/parity."""

import json
from pathlib import Path

import numpy as np
import pytest

from garrison.cli.parity.overflow import Overflow
from garrison.cli.parity.returns import Returns
from garrison.parity.scores import returns
from garrison.parity.stress import overflow
from garrison.worlds.cc4.capacity import CAPACITY

DATA = Path(__file__).parents[2] / "data" / "cc4_returns"


@pytest.fixture
def played(monkeypatch):
    """Stand-in for our episodes: CybORG's, over and over; ``played.bias`` is added to red's impact."""
    record = {policy: json.loads((DATA / f"{policy}.json").read_text()) for policy in returns.POLICIES}

    class Player:
        bias = 0

        def all(self, policy, episodes, seed):
            rows = [record[policy]["episodes"][(seed + i) % 100] for i in range(episodes)]
            figures = {
                name: np.array([row[key] for row in rows], float)
                for name, key in (
                    ("parts", "by_phase_lwf_asf_ria_cost"),
                    ("infected", "infected_every_50"),
                    ("rooted", "rooted_every_50"),
                    ("hosts", "hosts"),
                    ("greens", "greens"),
                )
            }
            figures["parts"][:, 1, 2] += self.bias
            return figures

    player = Player()
    monkeypatch.setattr(returns, "player", lambda world, batch: player)
    return player


def test_returns_that_agree(played, tmp_path, capsys):
    assert Returns(episodes=90, seed=3, reference=DATA, save=tmp_path / "new" / "returns").run() == 0
    shown = capsys.readouterr().out
    assert all(policy in shown for policy in returns.POLICIES)
    assert "0 of 132 quantities differ at a family-wise level of 1%" in " ".join(shown.split())
    figures = json.loads((tmp_path / "new" / "returns.json").read_text())
    assert figures["command"] == "garrison parity returns --episodes 90 --seed 3"
    assert (figures["episodes"], figures["differ"], len(figures["comparisons"])) == (90, 0, 132)
    text = (tmp_path / "new" / "returns.md").read_text()
    assert "| phase 2 ASF | " in text
    assert figures["command"] in text


def test_returns_that_differ(played, capsys):
    played.bias = -80
    assert Returns(episodes=100, reference=DATA, json=True).run() == 1
    figures = json.loads(capsys.readouterr().out)
    wrong = {one["quantity"] for one in figures["comparisons"] if one["adjusted"] < figures["level"]}
    assert wrong == {"phase 1 RIA"}
    assert figures["differ"] == 4


def test_returns_need_a_reference_and_episodes(played, tmp_path):
    with pytest.raises(SystemExit, match=r"sleep\.json"):
        Returns(reference=tmp_path).run()
    with pytest.raises(SystemExit, match="episodes is 1; it must be at least 2"):
        Returns(episodes=1, reference=DATA).run()


@pytest.fixture
def used(monkeypatch):
    """Stand-in for the study; ``used`` are its uses."""
    uses = []

    def study(episodes, seed, batch):
        for red in overflow.REDS:
            for blue in overflow.POLICIES:
                largest = {name: room // 4 for name, room in CAPACITY.items()}
                use = overflow.Use(red, blue, episodes, dict.fromkeys(overflow.FLAGS, 0), largest, largest)
                uses.append(use)
                yield use

    monkeypatch.setattr(overflow, "study", study)
    return uses


def test_lists_with_room(used, tmp_path, capsys):
    assert Overflow(episodes=100, save=tmp_path / "overflow").run() == 0
    assert "Overflow flags set: 0. Fullest:" in " ".join(capsys.readouterr().out.split())
    figures = json.loads((tmp_path / "overflow.json").read_text())
    assert figures["episodes"] == 108  # 6 for each of eighteen pairs
    assert (
        figures["largest"]["sessions of a red agent"] == figures["capacity"]["sessions of a red agent"] // 4
    )
    text = (tmp_path / "overflow.md").read_text()
    assert "| discovery, heavy |" in text
    assert "| overflow flags set |  |  |" + " 0 |" * 18 in text


def test_lists_that_overflow(used, monkeypatch, capsys):
    study = overflow.study

    def worse(*arguments):
        for use in study(*arguments):
            if (use.red, use.blue) == ("fsm", "heavy"):
                use.overflowed["SCANS"] = 2
                use.largest["scans remembered by a red agent"] = 64
            yield use

    monkeypatch.setattr(overflow, "study", worse)
    assert Overflow(episodes=6, json=True).run() == 1
    figures = json.loads(capsys.readouterr().out)
    assert figures["overflowed"] == 2
    assert figures["largest"]["scans remembered by a red agent"] == 64


def test_the_overflow_study_needs_episodes():
    with pytest.raises(SystemExit, match="episodes is 0; it must be at least 1"):
        Overflow(episodes=0).run()
