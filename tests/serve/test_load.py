"""Many sessions over several processes: apart, and without a trace in memory."""

import os

import pytest
from doc_pages import script

pytest.importorskip("fastapi", reason="the extra serve is not installed")

load = script("studies/llm_server.py")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def paths(monkeypatch):
    """Server processes find the package where this one does."""
    import garrison

    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(garrison.__file__)))


def test_sessions_over_two_processes_are_as_alone_and_sigterm_lets_them_end():
    found = load.apart(64)
    assert found["sessions"] == found["distinct"] == 64
    assert found["frames"] == 64 * 12
    assert found["different"] == 0
    assert (found["refused_while_draining"], found["exit_codes"], found["errors"]) == (2, [0, 0], 0)


def test_memory_is_flat_over_a_thousand_sessions():
    found = load.memory(1_000, 200)
    assert found["growth"] <= load.GROWTH
    assert found["after_settled"] > 100  # MiB: it is the server that was looked at
