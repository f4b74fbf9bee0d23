"""What a benchmark runs on, and what that can do: bandwidth of memory, operations per second."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from garrison.learn import shard

#: Numbers in each of the three arrays of the triad: far more than caches hold.
CPU_SIZE, ACCELERATOR_SIZE = 1 << 25, 1 << 28
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def facts() -> dict[str, Any]:
    """Hardware and versions, JSON-ready."""
    return {
        "cpu": cpu_model(),
        "cores": shard.cores(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "platform": jax.devices()[0].platform,
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def peak_bytes() -> dict[str, int]:
    """The most memory that this process has held so far, and its accelerators, where they tell."""
    told = [device.memory_stats() or {} for device in jax.local_devices()]
    devices = sum(one.get("peak_bytes_in_use", 0) for one in told)
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
    return {"process": process} | ({"devices": devices} if devices else {})


def bandwidth(devices: int, size: int | None = None, repeats: int = 5) -> float:
    """Bytes per second of a triad, a = b + s c, over all devices: the best of some runs (McCalpin 1995)."""
    size = size or (CPU_SIZE if jax.devices()[0].platform == "cpu" else ACCELERATOR_SIZE)
    with shard.devices(devices, devices):
        fill = shard.map_lanes(lambda x: jnp.broadcast_to(x[:, None], (len(x), size // devices)))
        b, c = (jax.jit(fill)(jnp.full(devices, value, jnp.float32)) for value in (1, 2))
        seconds = _best(jax.jit(shard.map_lanes(lambda b, c: b + 3 * c)), (b, c), repeats)
    return 3 * b.size * b.dtype.itemsize / seconds


def operations(devices: int, repeats: int = 5) -> float:
    """Operations per second on numbers that need not be fetched, over all devices: the best of some runs."""
    width, steps, unrolled = (4096 if jax.devices()[0].platform == "cpu" else 1 << 20), 500, 64

    def work(x: jax.Array) -> jax.Array:
        def one(x: jax.Array, _: None) -> tuple[jax.Array, None]:
            for _ in range(unrolled):
                x = x * 0.999 + 0.5
            return x, None

        return jax.lax.scan(one, x, None, length=steps)[0]

    with shard.devices(devices, devices):
        start = jnp.ones((devices, width), jnp.float32)
        seconds = _best(jax.jit(shard.map_lanes(work)), (start,), repeats)
    return 2 * start.size * steps * unrolled / seconds


def _best(function: Any, arguments: tuple[Any, ...], repeats: int) -> float:
    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - start)
    return min(found)
