"""How differently the reds of the suites act from the stock one, ``fsm``.

    python studies/cc4_red_distances.py --episodes 200 --out results/cc4_red_distances --data

Each red plays the same episodes against idle and guard. Counted is what its agents execute, by kind, subnet
and outcome; compared are the shares (Jensen-Shannon distance). ``--data`` also writes the file that tables of
suites show; ``--json`` prints the figures in place of the page. With ``--out`` it goes on from the counts
there.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.files import to_json, write
from garrison.core.world import World, observed_by
from garrison.judge import suites
from garrison.judge.episodes import Transition, episode_keys, scan
from garrison.judge.lineup import Lineup, grouped, with_jax_arrays
from garrison.judge.suites import distances
from garrison.studies.study import Section, Study, origin, parser, prepare, save, show
from garrison.worlds.cc4 import make
from garrison.worlds.cc4.behavior import EXECUTED, red_executed
from garrison.worlds.cc4.given import as_data

DEFENDERS = ("idle", "guard")
STOCK, SEED, EPISODES, BATCH = "fsm", 16_000_000, 200, 100
COUNTS = "counts.npz"


def reds() -> tuple[str, ...]:
    """The reds of all suites, the stock one first."""
    named = [entry.red for suite in suites.SUITES.values() for entry in suite.entries]
    return tuple(dict.fromkeys([STOCK, *(name for name in named if name is not None)]))


def counts(red: str, episodes: int) -> np.ndarray:
    """``int32[defender, episode, cell]``: what a red executed, by the cells of ``EXECUTED``."""
    world = as_data(make(red=red))
    players = [world.policies()[name] for name in DEFENDERS]
    lineup, rows = grouped(players)
    world = with_jax_arrays(observed_by(world, players))
    size = min(BATCH, episodes)
    starts = range(SEED, SEED + episodes, size)
    found = [_counted(world, lineup, jnp.arange(start, start + size, dtype=jnp.uint32)) for start in starts]
    whole = np.concatenate([np.asarray(one) for one in found], axis=1)[rows, :episodes]
    return whole.reshape(*whole.shape[:2], -1)


@eqx.filter_jit
def _counted(world: World, lineup: Lineup, seeds: jax.Array) -> jax.Array:
    def add(counts: jax.Array, alive: jax.Array, events: Any) -> jax.Array:
        executed, places = red_executed(events)
        return counts.at[places].add((executed & alive).astype(jnp.int32))

    def fold(counts: jax.Array, now: Transition) -> tuple[jax.Array, None]:
        return jax.vmap(jax.vmap(add))(counts, now.alive, now.step.info["events"]), None

    blank = jnp.zeros((lineup.size, len(seeds), *map(len, EXECUTED.values())), jnp.int32)
    return scan(world, lineup, episode_keys(seeds), fold, blank)[0]


def measured(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The figures of counts by red, ``int[defender, episode, cell]``.

    A red is distinguishable if it is beyond the noise against every defender; its distance is the least one.
    """
    stock = found[STOCK]
    noise = {name: distances.noise(stock[row]) for row, name in enumerate(DEFENDERS)}
    lines = [one["line"] for one in noise.values()]
    rows: dict[str, Any] = {}
    for red, own in found.items():
        if red != STOCK:
            apart = distances.jensen_shannon(own.sum(axis=1), stock.sum(axis=1)).tolist()
            rows[red] = {
                "distance": min(apart),
                "distinguishable": all(one > line for one, line in zip(apart, lines, strict=True)),
                **dict(zip(DEFENDERS, apart, strict=True)),
            }
    return {"noise": noise, "reds": rows, "episodes": stock.shape[1], "seed": SEED}


def study(figures: Mapping[str, Any]) -> Study:
    rows, noise = figures["reds"], figures["noise"]
    near = [red for red, one in rows.items() if not one["distinguishable"]]
    ranked = sorted(rows, key=lambda red: rows[red]["distance"])
    nearest = f"The nearest is `{ranked[0]}` with {rows[ranked[0]]['distance']:.3f}, "
    nearest += f"the farthest `{ranked[-1]}` with {rows[ranked[-1]]['distance']:.3f}."
    apart = ", ".join(f"`{red}`" for red in near)
    return Study(
        title="CC4: distances of the reds from the stock one",
        figures=figures,
        finding=f"Not distinguishable from `fsm`: {apart or 'none'}. {nearest}",
        method=(
            f"{figures['episodes']} episodes of each red against each defender, on the same networks (seeds "
            f"from {figures['seed']:,} on). Counted are the actions that red's agents executed, by kind, "
            "subnet of the target and outcome. The distance of two shares is Jensen-Shannon's, the square "
            "root of the divergence to base 2: 0 equal, 1 disjoint. Noise: the same between random halves of "
            "the episodes of `fsm`, 1,000 times; the line is its 95% quantile. Halves have half of the "
            "episodes, and other networks, so the line is higher than it has to be."
        ),
        sections=[
            Section(
                "",
                ("red", *(f"against {name}" for name in DEFENDERS), "distinguishable"),
                [
                    *(
                        (
                            red,
                            *(f"{rows[red][name]:.3f}" for name in DEFENDERS),
                            "yes" if rows[red]["distinguishable"] else "no",
                        )
                        for red in ranked
                    ),
                    ("noise, mean", *(f"{noise[name]['mean']:.3f}" for name in DEFENDERS), ""),
                    ("noise, 95% line", *(f"{noise[name]['line']:.3f}" for name in DEFENDERS), ""),
                ],
            )
        ],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=EPISODES, help="against each defender")
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments.add_argument("--data", action="store_true", help=f"write {distances.FILE.name} too")
    asked = arguments.parse_args()
    prepare(asked.out)
    file = None if asked.out is None else asked.out / COUNTS
    found = known(file, asked.episodes)
    for red in reds():
        if red not in found:
            found[red] = counts(red, asked.episodes)
            keep(file, found)
    command = f"python studies/cc4_red_distances.py --episodes {asked.episodes}"
    figures = origin(f"{command} --out results/cc4_red_distances --data")
    figures |= measured(found)
    page = study(figures)
    if asked.data:
        data = {name: figures[name] for name in ("command", "noise", "reds")}
        write(distances.FILE, to_json(data, indent=1) + "\n")
    if asked.json:
        if asked.out is not None:
            save(asked.out, page)
        print(to_json(page.to_json()))
    else:
        show(page, asked.out)


def known(file: Path | None, episodes: int) -> dict[str, np.ndarray]:
    """The counts of a file that has as many episodes, by red."""
    if file is None or not file.exists():
        return {}
    with np.load(file) as arrays:
        return {red: array for red, array in arrays.items() if array.shape[1] == episodes}


def keep(file: Path | None, found: Mapping[str, np.ndarray]) -> None:
    if file is not None:
        packed, arrays = io.BytesIO(), dict[str, Any](found)
        np.savez_compressed(packed, **arrays)
        write(file, packed.getvalue())


if __name__ == "__main__":
    main()
