"""Programs that come from the cache of the command line compute what those that were just compiled do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
from small_runs import SMALL

# Trains by the command line; prints how often the cache helped, and all that was learned.
PROGRAM = """
import hashlib, json, sys
import jax
from jax import monitoring

hits = []
monitoring.register_event_listener(
    lambda name, **_: hits.append(1) if name == "/jax/compilation_cache/cache_hits" else None
)
from garrison import cli

assert cli.main(sys.argv[2:] + ["--out", sys.argv[1]]) == 0
from pathlib import Path
[arrays] = Path(sys.argv[1]).glob("checkpoint/latest/*.safetensors")
rows = [json.loads(line) for line in (Path(sys.argv[1]) / "metrics.jsonl").read_text().splitlines()]
for row in rows:
    del row["seconds"]
print(json.dumps({"hits": len(hits), "arrays": hashlib.sha256(arrays.read_bytes()).hexdigest(), "rows": rows,
                  "cache": jax.config.jax_compilation_cache_dir}))
"""
TRAIN = ["train", "mlp", *SMALL]


def trained(path: Path, cache_home: Path) -> dict:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache_home), "JAX_PLATFORMS": jax.default_backend()}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-c", PROGRAM, str(path), *TRAIN, "--total-steps", "60"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_cached_learns_what_is_compiled_bit_by_bit(tmp_path):
    fresh = trained(tmp_path / "fresh", tmp_path / "cache")
    cached = trained(tmp_path / "cached", tmp_path / "cache")
    assert fresh["cache"] == cached["cache"] == str(tmp_path / "cache" / "garrison" / "jax")
    assert cached["hits"] > fresh["hits"] + 5  # the programs of training, from the first array on
    assert cached["arrays"] == fresh["arrays"]
    assert cached["rows"] == fresh["rows"]
    assert len(fresh["rows"]) == 3
