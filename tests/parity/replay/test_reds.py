"""Episodes of the reds of §5.6 and §5.7, which CybORG played by classes written for it, replay exactly.

They are made by ``garrison parity record --brief --steps 260 --green sleep``.
"""

from collections import Counter

import pytest
from recorded_episodes import recorded

from garrison.parity.replay.replay import engine, replay
from garrison.worlds.cc4 import reds
from garrison.worlds.cc4.agents import failures


@pytest.fixture(scope="module")
def episodes():
    """The recordings by red."""
    return recorded("reds.tar.xz")


def test_there_is_an_episode_of_each_red(episodes):
    assert set(episodes) == {*reds.REDS, *failures.POLICIES} - {"fsm"}


def each(quick):
    """All reds; those that are not ``quick`` are slow."""
    names = [*list(reds.REDS)[1:], *failures.POLICIES]
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("red", each(("cia_i", "target_a", "impacter", *failures.POLICIES)))
def test_recorded_episodes_are_exact(episodes, red):
    report = replay(episodes[red])
    assert report.differences == []
    assert (report.red, report.steps, report.overflow) == (red, 260, 0)
    assert report.draws > 300


def test_what_they_exercise(episodes):
    """Withdrawals of finite-state reds, and three failures of an agent on a host."""
    done = {
        red: Counter(
            (action, result)
            for step in episode.steps()
            for agent, (action, _, result, *_) in step.executed.items()
            if agent.startswith("red")
        )
        for red, episode in episodes.items()
    }
    withdrawn = {red for red, counts in done.items() if counts["Withdraw", "TRUE"]}
    assert withdrawn >= {red for red in reds.REDS if red.startswith("target")}
    failed = Counter(
        (agent, parameters.get("ip_address", parameters.get("hostname")))
        for step in episodes["failure_tracker"].steps()
        for agent, (_, parameters, result, *_) in step.executed.items()
        if agent.startswith("red") and result == "FALSE"
    )
    assert max(failed.values()) >= 3


@pytest.mark.parametrize(
    ("recorded", "other"),
    [("target_a", "target_a_re"), ("target_b_re", "target_b"), ("impacter", "target_a_op"),
     ("cia_i", "resilience"), ("impact", "aggressive"), ("degrader", "stealthy")],
)  # fmt: skip
def test_another_red_is_found(episodes, recorded, other):
    """By the chances that CybORG gave to its choices."""
    report = replay(episodes[recorded], engine(other, "sleep"))
    assert report.differences[0].path == "/tape"
    assert "chance of" in report.differences[0].garrison or "we never" in report.differences[0].garrison
