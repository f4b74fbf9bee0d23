"""Whether red can win in the networks of ``soc``: ``python studies/soc_networks.py``.

For each scenario and size many networks are generated, and two searches say whether red can reach its goal
in each (§3.7): that of the kernel in all of them, that of the reference interpreter in some. ``--out
results/soc_networks`` writes the study's folder after each scenario and size.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "worlds/soc")]

import jax
import jax.numpy as jnp
import numpy as np
from reference import compare
from reference.generator import solvable as reference

from garrison.studies.study import Section, Study, origin, parser, prepare, save, show
from garrison.worlds.soc import SCENARIOS, default_options
from garrison.worlds.soc.generate import draw_number, generate
from garrison.worlds.soc.options import Options, Static
from garrison.worlds.soc.solvable import solvable
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables.scenarios import Scenario

BATCH = 500


@partial(jax.jit, static_argnums=0)
def made(static: Static, options: Options, keys: Any) -> Any:
    """Networks drawn from keys, and whether each is solvable."""

    def one(key: Any) -> Any:
        topology = generate(static, options, draw_number(key, options))
        return topology, solvable(static, options, topology)

    return jax.vmap(one)(keys)


def measure(size: str, scenario: str, preset: str, networks: int, searched: int) -> dict[str, Any]:
    """Figures of a scenario and size."""
    options = jax.tree.map(jnp.asarray, default_options(size, scenario, preset))
    fine, agree, looked, numbers, hosts = 0, 0, 0, set[int](), np.zeros(2, int)
    for begin in range(0, networks, BATCH):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(0), begin), BATCH)
        topology, found = jax.device_get(made(Static(size), options, keys))
        fine += int(found.sum())
        numbers |= set(topology.number.tolist())
        live = topology.start_exists.sum(axis=1)
        hosts = np.array([min(hosts[0] or live.min(), live.min()), max(hosts[1], live.max())])
        for i in range(min(BATCH, searched - looked)):
            net = compare.network_of(size, jax.tree.map(lambda x, i=i: x[i], topology))
            agree += reference(net, Scenario[scenario.upper()]) == bool(found[i])
            looked += 1
    return {
        "size": size, "scenario": scenario, "preset": preset, "networks": networks, "distinct": len(numbers),
        "solvable": fine, "searched": looked, "agree": agree, "hosts": hosts.tolist(),
    }  # fmt: skip


def study(figures: Mapping[str, Any]) -> Study:
    groups = figures["groups"]
    total, fine, looked, agree = (
        sum(one[key] for one in groups) for key in ("networks", "solvable", "searched", "agree")
    )
    header = ("scenario", "size", "preset", "networks", "hosts", "solvable", "also searched", "agree")
    table = [
        (
            one["scenario"], one["size"], one["preset"], f"{one['networks']:,}",
            "-".join(map(str, dict.fromkeys(one["hosts"]))), f"{one['solvable']:,}", str(one["searched"]),
            str(one["agree"]),
        )
        for one in groups
    ]  # fmt: skip
    return Study(
        title="soc: networks that red can win in",
        figures=figures,
        finding=(
            f"{fine:,} of {total:,} networks are solvable. A second search agrees in {agree:,} of the "
            f"{looked:,} that it was asked of."
        ),
        method=(
            "Solvable: some course of events leads red from its footholds to the goal of the scenario "
            "([§3.7](../../docs/worlds/soc-rules.md#37-networks-that-can-be-won)). The second search is that "
            "of the interpreter in tests/worlds/soc/reference, breadth first."
        ),
        sections=[Section("Networks", header, table)],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--networks", type=int, default=10_000, help="of each scenario and size")
    arguments.add_argument("--searched", type=int, default=100, help="of these by the second search")
    asked = arguments.parse_args()
    prepare(asked.out)
    figures: dict[str, Any] = origin(shlex.join(["python", "studies/soc_networks.py", *sys.argv[1:]]))
    figures["groups"] = []
    for size in T.SIZES:
        for scenario in SCENARIOS:
            figures["groups"].append(measure(size, scenario, "medium", asked.networks, asked.searched))
            print(figures["groups"][-1], file=sys.stderr, flush=True)
            if asked.out:  # after each, so that an interrupted run leaves its figures
                save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
