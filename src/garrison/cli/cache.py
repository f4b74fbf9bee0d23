"""The cache of compiled programs that the command line uses."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def use_compilation_cache() -> None:
    """Keep compiled programs under ``$XDG_CACHE_HOME``, unless JAX is configured to keep them elsewhere."""
    # jax.config makes its attributes at run time.
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "garrison" / "jax"))
