"""XLA flags for short compile times: tests compile much and run little.

JAX reads them when it starts its first device.
"""

import os
import subprocess
import sys

LITTLE = "--xla_backend_optimization_level=0"
#: Not in every version of XLA, which ends the process when it does not know a flag.
LESS = "--xla_cpu_use_fusion_emitters=false"


def compile_quickly() -> None:
    """Set ``XLA_FLAGS``, unless it is set. It changes no result but in the rounding of floats."""
    if "XLA_FLAGS" not in os.environ:
        flags = f"{LITTLE} {LESS}"
        probe = [sys.executable, "-c", "import jax; jax.devices()"]
        known = subprocess.run(probe, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True)
        os.environ["XLA_FLAGS"] = LITTLE if known.returncode else flags
