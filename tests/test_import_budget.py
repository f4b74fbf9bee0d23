"""What importing Garrison costs, measured in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import garrison

SOURCE = str(Path(garrison.__file__).parents[1])
BUDGET_S = 0.3
LOADED = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"


def fresh_python(program: str) -> str:
    """What a new process prints for ``program``."""
    path = os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def import_seconds(module: str, runs: int = 3) -> float:
    program = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return min(float(fresh_python(program)) for _ in range(runs))


def test_import_costs_little_more_than_jax():
    assert import_seconds("garrison") <= import_seconds("jax") + BUDGET_S


def test_import_alone_loads_nothing_heavy():
    loaded = set(fresh_python(f"import garrison; {LOADED}").split())
    heavy = {"jax", "numpy", "scipy", "equinox", "optax", "matplotlib", "rich", "tyro", "safetensors"}
    assert "garrison" in loaded
    assert not loaded & heavy


def test_worlds_need_jax_and_numpy_alone():
    with_jax = set(fresh_python(f"import jax.numpy; {LOADED}").split())
    make_all = "[garrison.make(name) for name in garrison.available_worlds()]"
    with_worlds = set(fresh_python(f"import garrison; {make_all}; {LOADED}").split())
    assert with_worlds - with_jax - set(sys.stdlib_module_names) == {"garrison"}
