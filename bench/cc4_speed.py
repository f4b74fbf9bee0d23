"""How fast CC4 is, how long it compiles and how much it holds: ``python bench/cc4_speed.py``.

The rollout is what training needs of the simulator: stock red and green, random legal blue actions, vectors,
masks and rewards computed and used, 499 steps from reset. Compile times are those of a fresh process without
a compilation cache. Prints a table; ``--out results/cc4_speed`` writes .json and .md beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import garrison


def build(world: Any, lanes: int) -> tuple[Any, Any]:
    """Reset and rollout of ``lanes`` environments, to be jitted."""

    def reset(key: jax.Array) -> Any:
        return jax.vmap(world.reset)(jax.random.split(key, lanes))[1]

    def rollout(key: jax.Array, episode: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        def one(episode: Any, key: jax.Array) -> tuple[Any, Any]:
            act_key, step_key = jax.random.split(key)
            mask = jax.vmap(world.legal)(episode)
            score = jax.random.bits(act_key, mask.shape, jnp.uint16)
            action = jnp.argmax(jnp.where(mask, 1 + score.astype(jnp.int32), 0), axis=-1)
            keys = jax.random.split(step_key, lanes)
            obs, episode, step = jax.vmap(world.step)(keys, episode, action.astype(jnp.int32))
            return episode, (step.reward[:, 0], jnp.sum(obs, axis=(1, 2)))

        episode, (rewards, seen) = jax.lax.scan(one, episode, jax.random.split(key, world.max_steps))
        return jnp.sum(rewards, axis=0), jnp.sum(seen), episode.state.overflow

    return reset, rollout


def measure(world: Any, lanes: int, repeats: int) -> dict[str, Any]:
    """Compile and run both at one batch size."""
    reset, rollout = build(world, lanes)
    key = jax.random.key(0)
    started = time.perf_counter()
    reset = jax.jit(reset).lower(key).compile()
    reset_compile = time.perf_counter() - started
    episode = jax.block_until_ready(reset(key))
    started = time.perf_counter()
    rollout = jax.jit(rollout).lower(key, episode).compile()
    rollout_compile = time.perf_counter() - started

    seconds = []
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        returns, _, overflow = jax.block_until_ready(rollout(jax.random.key(repeat), episode))
        seconds.append(time.perf_counter() - started)
    if int(jnp.max(overflow)):
        raise RuntimeError(f"overflow flags {int(jnp.max(overflow))} were set")
    median = statistics.median(seconds[1:])
    return {
        "lanes": lanes,
        "steps_per_second": lanes * world.max_steps / median,
        "steps_per_second_range": [lanes * world.max_steps / s for s in (max(seconds[1:]), min(seconds[1:]))],
        "reset_compile_seconds": reset_compile,
        "rollout_compile_seconds": rollout_compile,
        "mean_return": float(jnp.mean(returns)),
    }


def equations(jaxpr: Any) -> int:
    """Equations of a traced program, those of inner programs included."""
    total = 0
    for equation in jaxpr.eqns:
        total += 1
        for value in equation.params.values():
            for inner in value if isinstance(value, (list, tuple)) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                total += equations(inner) if hasattr(inner, "eqns") else 0
    return total


def sizes(world: Any) -> dict[str, Any]:
    """Bytes of one environment, and the size of the traced step."""
    episode = jax.eval_shape(world.reset, jax.random.key(0))[1]

    def total(tree: Any) -> int:
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))

    traced = jax.make_jaxpr(world.step)(jax.random.key(0), episode, jnp.zeros(world.num_agents, jnp.int32))
    return {
        "bytes": {name: total(getattr(episode, name)) for name in ("state", "topology", "options")},
        "bytes_per_environment": total(episode),
        "equations_in_step": equations(traced.jaxpr),
    }


def system() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
    }


def markdown(result: dict[str, Any], command: str) -> str:
    rows = [
        f"| {r['lanes']} | {r['steps_per_second']:,.0f} | {r['steps_per_second_range'][0]:,.0f}–"
        f"{r['steps_per_second_range'][1]:,.0f} | {r['reset_compile_seconds']:.1f} | "
        f"{r['rollout_compile_seconds']:.1f} |"
        for r in result["rollouts"]
    ]
    held = ", ".join(f"{name} {size:,}" for name, size in result["bytes"].items())
    return "\n".join(
        [
            "# CC4: speed, compile time, size",
            "",
            f"`{command}` on {result['system']['cores']} cores ({result['system']['machine']}, "
            f"{result['system']['device']}), jax {result['system']['jax']}, {result['date']}.",
            "",
            "A rollout is 499 steps against the stock red and green with random legal blue actions; vectors, "
            f"masks and rewards are computed and used. Median and range of {result['repeats']} runs after a "
            "warm-up. Compile times are cold: no compilation cache.",
            "",
            "| lanes | steps/s | range | reset compiles, s | rollout compiles, s |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"One environment holds {result['bytes_per_environment']:,} bytes ({held}). "
            f"The traced step has {result['equations_in_step']:,} equations.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 16, 64, 256, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    world = garrison.make("cc4")
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "system": system(),
        "repeats": args.repeats,
        **sizes(world),
        "rollouts": [measure(world, lanes, args.repeats) for lanes in args.lanes],
    }
    command = "python bench/cc4_speed.py" + "".join(f" {a}" for a in sys.argv[1:])
    print(markdown(result, command))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        for suffix, text in ((".json", json.dumps(result, indent=1)), (".md", markdown(result, command))):
            draft = args.out.with_suffix(suffix + ".tmp")
            draft.write_text(text)
            os.replace(draft, args.out.with_suffix(suffix))


if __name__ == "__main__":
    main()
