"""Settings of all tests: strict shapes, checked calls, and compiled programs kept from one run to the next.

JAX writes entries of its compilation cache in place, so that processes which share a folder can read half
of one, and a run that is killed leaves half of one behind. Here each process has a folder of its own, filled
with hard links to the entries that are there already; its new ones are linked back when it ends in order.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for modules that tests share

import jax
import pytest
from array_types import check_calls
from quick_xla import compile_quickly

compile_quickly()
check_calls()

CACHE = Path(__file__).parents[1] / ".cache" / "jax"
own_cache = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_sessionstart(session: pytest.Session) -> None:
    jax.config.update("jax_numpy_rank_promotion", "raise")
    CACHE.mkdir(parents=True, exist_ok=True)
    session.stash[own_cache] = tempfile.TemporaryDirectory(dir=CACHE.parent, prefix="jax-")
    own = Path(session.stash[own_cache].name)
    _link_all(CACHE, own)
    jax.config.update("jax_compilation_cache_dir", str(own))
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")  # its path would be part of each key
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def pytest_sessionfinish(session: pytest.Session) -> None:
    _link_all(Path(session.stash[own_cache].name), CACHE)
    session.stash[own_cache].cleanup()


def _link_all(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        with contextlib.suppress(FileExistsError):  # there already, or just now by another process
            os.link(entry, target / entry.name)
