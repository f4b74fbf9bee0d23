"""How well the guard defends CC4, beside the other scripted players: ``python studies/cc4_guard.py``.

All play the same episodes against each red, the others the first ``--others`` of the guard's ``--episodes``.
A return is the sum of all 499 rewards. ``--out results/cc4_guard`` writes .json and .md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import garrison
from garrison.core.world import observed_by
from garrison.runs import study_files
from garrison.worlds.cc4 import CC4
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents.red import POLICIES

GUARD = "guard"
PARTS = ("LWF", "ASF", "RIA", "action_cost")
REDS = tuple(red for red in POLICIES if red != "sleep")
LANES = 100  # episodes at a time


@partial(jax.jit, static_argnums=(0, 1))
def play(world: CC4, names: tuple[str, ...], keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rewards by part ``float32[player, episode, phase, part]``, and Restores ``int32[player, episode]``."""
    players = [world.policies()[name] for name in names]

    def lane(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        reset, steps, init, act = jax.random.split(key, 4)
        obs, state = jax.tree.map(lambda x: jnp.stack([x] * len(players)), world.reset(reset))
        memories = [player.init(init, world.num_agents) for player in players]

        def one(carry: Any, t: jax.Array) -> tuple[Any, None]:
            obs, state, memories, parts, restores = carry
            at, step_key = jax.random.fold_in(act, t), jax.random.fold_in(steps, t)
            legal = jax.vmap(world.legal)(state)
            chosen = [p.act(at, obs[i], legal[i], memories[i]) for i, p in enumerate(players)]
            actions = jnp.stack([actions for actions, _ in chosen])
            obs, state, step = jax.vmap(world.step, in_axes=(None, 0, 0))(step_key, state, actions)
            now = jnp.stack([step.info["reward_parts"][part] for part in PARTS], axis=-1)
            phase = state.state.phase[:, None] == jnp.arange(T.NUM_PHASES)[None]
            parts = parts + phase[..., None] * now[:, None]
            submitted = step.info["events"].blue_submitted == T.Blue.RESTORE
            restores = restores + jnp.sum(submitted, axis=1, dtype=jnp.int32)
            return (obs, state, [memory for _, memory in chosen], parts, restores), None

        parts = jnp.zeros((len(players), T.NUM_PHASES, len(PARTS)))
        carry = (obs, state, memories, parts, jnp.zeros(len(players), jnp.int32))
        carry, _ = jax.lax.scan(one, carry, jnp.arange(world.max_steps))
        return carry[3:]

    parts, restores = jax.vmap(lane)(keys)
    return jnp.swapaxes(parts, 0, 1), jnp.swapaxes(restores, 0, 1)


def study(red: str, names: Sequence[str], episodes: int, seed: int) -> dict[str, dict[str, Any]]:
    """Figures of each player on the first ``episodes`` episodes of a seed."""
    world = garrison.make("cc4", red=red)
    world = observed_by(world, [world.policies()[name] for name in names])
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.arange(episodes))
    batches = [keys[i : i + LANES] for i in range(0, episodes, LANES)]
    played = [jax.device_get(play(world, tuple(names), batch)) for batch in batches]
    parts, restores = (np.concatenate(x, axis=1) for x in zip(*played, strict=True))
    return {name: figures(parts[i].astype(float), restores[i]) for i, name in enumerate(names)}


def figures(parts: np.ndarray, restores: np.ndarray) -> dict[str, Any]:
    """What is told of a player, from ``[episode, phase, part]`` and ``[episode]``."""
    returns = parts.sum((1, 2))
    spread = returns.std(ddof=1)
    return {
        "episodes": returns.size,
        "mean": returns.mean(),
        "sd": spread,
        "ci95": 1.96 * spread / np.sqrt(returns.size),
        "median": np.median(returns),
        "worst_5_percent": np.percentile(returns, 5),
        "restores": restores.mean(),
        "by_phase": {
            f"phase {phase}": dict(zip(PARTS, parts[:, phase].mean(0).tolist(), strict=True))
            for phase in range(T.NUM_PHASES)
        },
    }


def markdown(report: dict[str, Any]) -> Iterator[str]:
    yield "# CC4: the guard"
    yield ""
    yield study_files.told(report)
    yield ""
    yield (
        "Returns over all 499 rewards, with 95 % confidence intervals of the mean; seed "
        f"{report['seed']}. Every player plays the same episodes, the others the first of the guard's. "
        "How the guard decides stands in `docs/worlds/cc4.md` §13."
    )
    for red, players in report["reds"].items():
        yield ""
        yield f"## Against `{red}`"
        yield ""
        head = ("player", "episodes", "mean", "95 %", "sd", "median", "5th percentile", "Restores")
        yield from study_files.table(
            head,
            [
                [
                    name,
                    str(row["episodes"]),
                    f"{row['mean']:.1f}",
                    f"±{row['ci95']:.1f}",
                    f"{row['sd']:.1f}",
                    f"{row['median']:.0f}",
                    f"{row['worst_5_percent']:.0f}",
                    f"{row['restores']:.1f}",
                ]
                for name, row in players.items()
            ],
        )
        yield ""
        yield "The guard's rewards by phase and part:"
        yield ""
        phases = players[GUARD]["by_phase"]
        rows = [
            [p, *(f"{x[part]:.1f}" for part in PARTS), f"{sum(x.values()):.1f}"] for p, x in phases.items()
        ]
        yield from study_files.table(("phase", *PARTS, "sum"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--others", type=int, default=200, help="episodes of the other players")
    parser.add_argument("--seed", type=int, default=1, help="not 0, on which the guard was tuned")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    arguments = parser.parse_args()
    report = study_files.origin(" ".join(["python studies/cc4_guard.py", *sys.argv[1:]]))
    report |= {"seed": arguments.seed, "reds": {}}
    others = tuple(name for name in garrison.make("cc4").policies() if name != GUARD)
    started = time.perf_counter()
    for red in REDS:
        for names, episodes in (((GUARD,), arguments.episodes), (others, arguments.others)):
            report["reds"].setdefault(red, {}).update(study(red, names, episodes, arguments.seed))
            print(f"{time.perf_counter() - started:6.0f} s  {red}: {', '.join(names)}", file=sys.stderr)
            if arguments.out:  # after each, so that an interrupted run leaves what it found
                study_files.save(arguments.out, report, markdown(report))
    print("\n".join(markdown(report)))


if __name__ == "__main__":
    main()
