"""The machine of a benchmark, and its limits: memory bandwidth, operations per second."""

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

#: Numbers in an array that is far larger than caches.
_CPU_SIZE, _ACCELERATOR_SIZE = 1 << 25, 1 << 28
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def facts() -> dict[str, Any]:
    """Hardware and versions, JSON-ready."""
    return {
        "cpu": _cpu_model(),
        "cores": shard.cores(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "platform": jax.devices()[0].platform,
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def _cpu_model() -> str:
    """The processor's name, if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def peak_bytes() -> dict[str, int]:
    """The most memory that this process has held so far, and its accelerators, if they report it."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    devices = sum(one.get("peak_bytes_in_use", 0) for one in stats)
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    return {"process": process} | ({"devices": devices} if devices else {})


def bandwidth(devices: int, size: int | None = None, rounds: int = 10) -> float:
    """Bytes per second read and written by a = s a + t, over all devices: the best of some runs."""
    size = size or (_CPU_SIZE if jax.devices()[0].platform == "cpu" else _ACCELERATOR_SIZE)

    def scale(start: jax.Array) -> jax.Array:
        a = jnp.broadcast_to(start[:, None], (len(start), size // devices))
        # In place and in a loop: otherwise it is the first touch of new pages that is measured.
        return jnp.max(jax.lax.fori_loop(0, rounds, lambda _, a: 0.5 * a + 1, a), axis=1)

    with shard.devices(devices, devices):
        seconds = _best(jax.jit(shard.map_envs(scale)), (jnp.ones(devices, jnp.float32),))
    return 2 * 4 * (size // devices) * devices * rounds / seconds


def operations(devices: int) -> float:
    """Operations per second on numbers that need not be fetched, over all devices: the best of some runs."""
    width, steps, unrolled = (4096 if jax.devices()[0].platform == "cpu" else 1 << 20), 500, 64

    def work(x: jax.Array) -> jax.Array:
        def one(x: jax.Array, _: None) -> tuple[jax.Array, None]:
            for _round in range(unrolled):
                x = x * 0.999 + 0.5
            return x, None

        return jax.lax.scan(one, x, None, length=steps)[0]

    with shard.devices(devices, devices):
        start = jnp.ones((devices, width), jnp.float32)
        seconds = _best(jax.jit(shard.map_envs(work)), (start,))
    return 2 * start.size * steps * unrolled / seconds


def _best(function: Any, arguments: tuple[Any, ...], repeats: int = 5) -> float:
    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - start)
    return min(found)
