"""Compiled programs, and how many of them a process can hold.

Linux allows a process a number of memory mappings (65,530 by default). XLA uses some for each program that it
compiles for the CPU, large ones take thousands, and it ends the process when there are none left. So whoever
compiles many large programs one after the other asks for room before the next.
"""

from __future__ import annotations

import gc
from pathlib import Path

import jax

_MAPPINGS = Path("/proc/self/maps")
_LIMIT = Path("/proc/sys/vm/max_map_count")


def make_room() -> bool:
    """Forget all compiled programs where half of the process's memory mappings are used; whether it was so.

    Programs that are called again are compiled again, or loaded from the compilation cache. On systems
    without ``/proc`` nothing happens.
    """
    try:
        limit = int(_LIMIT.read_text())
        with _MAPPINGS.open("rb") as mappings:
            used = sum(1 for _ in mappings)
    except (OSError, ValueError):
        return False
    if used <= limit // 2:
        return False
    jax.clear_caches()
    gc.collect()
    return True
