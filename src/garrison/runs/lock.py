"""A lock on an open file, which goes with the process and can be tested without being taken."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from typing import IO

# Linux has locks that belong to an open file and can be tested. Elsewhere testing takes a shared lock for a
# moment, which whoever wants the lock waits out.
_TESTABLE = hasattr(fcntl, "F_OFD_GETLK") and struct.calcsize("hhqqi") == 28
_PATIENCE_S = 0.0 if _TESTABLE else 1.0


def acquire(file: IO) -> bool:
    """Lock a file until it is closed; False if it is locked already."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if _TESTABLE:
                fcntl.fcntl(file, fcntl.F_OFD_SETLK, _write_lock())
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except (BlockingIOError, PermissionError):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)


def is_held(file: IO) -> bool:
    """Whether any process, this one included, holds the lock of a file."""
    if _TESTABLE:
        kind, *_ = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_OFD_GETLK, _write_lock()))
        return kind != fcntl.F_UNLCK
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _write_lock() -> bytes:
    """A ``struct flock`` that asks to write the whole file."""
    return struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
