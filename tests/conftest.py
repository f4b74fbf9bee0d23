"""Settings of all tests: strict shapes, checked calls, and compiled programs kept from one run to the next.

JAX writes entries of its compilation cache in place, so that processes which share a folder can read half
of one, and a run that is killed leaves half of one behind. Here each process has a folder of its own, filled
with hard links to the entries that are there already. After each file of tests its new ones are linked back
and those of the other processes taken.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for modules that tests share

import jax
import pytest
from array_types import check_calls
from quick_xla import compile_quickly

from garrison.core.programs import make_room

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
    session.stash[own_cache].cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After a file of tests: share its compiled programs, and forget all of them once they are many."""
    yield
    if nextitem is not None and nextitem.path == item.path:
        return
    own = Path(item.session.stash[own_cache].name)
    _link_all(own, CACHE)
    _link_all(CACHE, own)
    make_room()


def _link_all(source: Path, target: Path) -> None:
    for name in set(os.listdir(source)) - set(os.listdir(target)):
        with contextlib.suppress(FileExistsError):  # just now, by another process
            os.link(source / name, target / name)
