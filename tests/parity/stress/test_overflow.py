import pytest

from garrison.parity.stress import overflow
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.capacity import CAPACITY


@pytest.mark.slow
def test_nothing_overflows():
    for use in overflow.study(40, seed=5, batch=40):
        assert not any(use.overflowed.values())
        assert all(0 <= use.median[name] <= use.largest[name] < room for name, room in CAPACITY.items())
        assert use.largest["sessions of a red agent"] >= 1
        assert use.largest["orphaned decoys on a host, not suspicious"] >= 1


@pytest.mark.slow
def test_an_overflow_is_found(monkeypatch):
    monkeypatch.setattr(T, "MAX_SESSIONS", 6)
    monkeypatch.setattr(T, "MAX_ORPHANS", 0)
    for use in overflow.study(10, seed=6, batch=10, reds=["fsm"]):
        assert use.overflowed["SESSIONS"] > 0
        assert use.overflowed["ORPHANS"] > 0
        assert use.overflowed["SUSPICIOUS"] == 0
        assert use.largest["sessions of a red agent"] == 6
