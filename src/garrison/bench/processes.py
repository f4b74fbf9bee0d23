"""Compile times of a process with an empty cache and of a second one that finds it filled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from garrison.bench.stages import Tell


def cold_and_warm(arguments: Sequence[str], tell: Tell) -> list[dict[str, float]]:
    """``seconds`` of the stages in two processes that share a cache which was empty before the first.

    Args:
        arguments: of ``garrison``: a bench of one program that keeps its compiled programs and prints JSON.

    Raises:
        RuntimeError: with the last line of what the process said, if it fails.
    """
    found = []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": cache}
        for cache_state in ("an empty cache", "what the other process compiled"):
            tell(f"compiling in a process of its own, with {cache_state}")
            done = subprocess.run(
                [sys.executable, "-m", "garrison", *arguments],
                env=environment,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise RuntimeError(f"garrison bench failed: {done.stderr.strip().rpartition(chr(10))[2]}")
            (row,) = json.loads(done.stdout)["rows"]
            found.append(row["seconds"])
    return found
