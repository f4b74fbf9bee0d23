"""Recorded episodes of the columns, which CybORG played with other numbers, replay exactly.

They are the first steps of what ``garrison parity record --column NAME --brief --blue random`` makes. The
base game has recordings of its own (``test_replay.py``).
"""

import pytest
from recorded_episodes import recorded

from garrison.parity.replay.replay import engine, replay
from garrison.worlds.cc4.columns import COLUMNS

STEPS = {"constant": 40, "phishing": 80, "stealthy": 80, "aggressive": 100}


@pytest.fixture(scope="module")
def episodes():
    """The recordings by column."""
    return recorded("columns.tar.xz")


def test_there_is_an_episode_of_each_column(episodes):
    assert {"base", *episodes} == set(COLUMNS)
    for name, episode in episodes.items():
        assert episode.header["options"] == COLUMNS[name]


# the options of aggressive make another program
@pytest.mark.parametrize(
    "column", ["constant", "phishing", "stealthy", pytest.param("aggressive", marks=pytest.mark.slow)]
)
def test_recorded_episodes_are_exact(episodes, column):
    report = replay(episodes[column])
    assert report.differences == []
    assert (report.steps, report.overflow) == (STEPS[column], 0)
    assert report.draws > 9_000


@pytest.mark.parametrize("column", ["phishing", "stealthy", "aggressive"])
def test_the_base_game_is_another_one(episodes, column):
    report = replay(episodes[column], engine("fsm"))
    assert report.differences


def test_what_they_exercise(episodes):
    done = {name: list(episode.steps()) for name, episode in episodes.items()}
    red = [
        (action, result)
        for step in done["aggressive"]
        for agent, (action, _, result, *_) in step.executed.items()
        if agent.startswith("red")
    ]
    assert "IN_PROGRESS" not in {result for _, result in red}
    assert {"ExploitRemoteService", "StealthServiceDiscovery", "PrivilegeEscalate"} <= {
        kind for kind, _ in red
    }
    assert len(episodes["constant"].header["hosts"]) == 137
    mails = [
        draw.outcome < 0.75
        for step in done["phishing"]
        for draw in step.tape
        if draw.site == "GreenLocalWork.py:118"
    ]
    assert sum(mails) > 500
