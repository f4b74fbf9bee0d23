"""The commands around the studies; the studies themselves are tested in tests/parity."""

import json

import pytest

from garrison.cli.parity.overflow import Overflow
from garrison.parity.stress import overflow
from garrison.worlds.cc4.capacity import CAPACITY


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
    figures = json.loads((tmp_path / "overflow" / "figures.json").read_text())
    assert figures["episodes"] == 108  # 6 for each of eighteen pairs
    assert (
        figures["largest"]["sessions of a red agent"] == figures["capacity"]["sessions of a red agent"] // 4
    )
    text = (tmp_path / "overflow" / "README.md").read_text()
    assert "| discovery, heavy |" in text
    assert "| overflow flags set | 0 |  |  |" + " 0 |" * 18 in text


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
