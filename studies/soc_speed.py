"""How fast ``soc`` runs: ``python studies/soc_speed.py``.

The scripted attacker plays inside the world against defenders that take random legal actions, with all logs
and noise. Each size runs with several numbers of environments and of events per step; episodes that ended
start anew every 32 steps. CPU time is measured, so that other work on the machine changes little.
``--out results/soc_speed`` writes the study's folder after each row; the same command goes on where an
interrupted one stopped.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import garrison
from garrison.core.policy import Mask
from garrison.core.struct import Struct
from garrison.core.typing import Array, PRNGKeyArray
from garrison.core.world import World
from garrison.studies.study import FIGURES, Section, Study, origin, parser, prepare, read_figures, save, show
from garrison.worlds.soc import Episode, Soc, Static
from garrison.worlds.soc import step as kernel
from garrison.worlds.soc.actions.context import completing
from garrison.worlds.soc.agents import killchain
from garrison.worlds.soc.draws import sample

CHUNK = 32  # steps between resets
#: size, events of a step, environments
CASES = (
    *(("small", 4, envs) for envs in (1, 4, 16, 64, 256, 1024)),
    *(("small", events, 256) for events in (1, 2, 8)),
    *((size, 4, envs) for size in ("50", "100") for envs in (64, 256)),
)
#: decisions per second of two cores (§10)
TARGETS = {"small": 25_000, "50": 15_000, "100": 8_000}
EQUATIONS, COMPILE_S = 2_500, 20.0  # §10


class Counts(Struct):
    """What happened in a run; axis env."""

    decisions: Array  # steps that began with a decision of the defenders
    events: Array
    milliseconds: Array
    episodes: Array


def play(world: World, carry: Any, key: PRNGKeyArray) -> Any:
    """``CHUNK`` steps of all environments, then new episodes where the old ones ended."""
    envs = len(carry[1].decisions)

    def one(carry: Any, key: PRNGKeyArray) -> tuple[Any, None]:
        state, counts = carry
        mask = world.legal(state)
        choose_key, step_key = jax.random.split(key)
        _, state, step = world.step(step_key, state, _random(choose_key, mask))
        assert step.elapsed is not None
        counts = Counts(
            counts.decisions + jnp.any(~mask[:, 0]),
            counts.events + step.info["rows"],
            counts.milliseconds + jnp.round(step.elapsed * 10_000).astype(jnp.int32),
            counts.episodes + step.terminated + step.truncated,
        )
        return (state, counts), None

    def lane(state: Any, counts: Counts, key: PRNGKeyArray) -> Any:
        step_key, reset_key = jax.random.split(key)
        zero = counts.replace(episodes=jnp.zeros_like(counts.episodes))
        (state, found), _ = jax.lax.scan(one, (state, zero), jax.random.split(step_key, CHUNK))
        ended = found.episodes > 0
        _, fresh = world.reset(reset_key)
        state = jax.tree.map(lambda new, old: jnp.where(ended, new, old), fresh, state)
        return state, found.replace(episodes=counts.episodes + ended)

    state, counts = carry
    return jax.vmap(lane)(state, counts, jax.random.split(key, envs))


def _random(key: PRNGKeyArray, mask: Mask) -> Array:
    return jnp.argmax(jax.random.uniform(key, mask.shape) * mask, axis=1).astype(jnp.int32)


def equations(jaxpr: Any) -> int:
    """Equations of a traced program, bodies of loops counted once."""
    found = 0
    for eqn in jaxpr.eqns:
        found += 1
        for value in jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda x: hasattr(x, "jaxpr")):
            inner = getattr(value, "jaxpr", value)
            found += equations(inner) if hasattr(inner, "eqns") else 0
    return found


def static_figures(size: str) -> dict[str, Any]:
    """Bytes of an environment and equations of the kernel's step, whose agents all act."""
    world = Soc(static=Static(size))
    _, episode = jax.eval_shape(world.reset, jax.random.key(0))
    nbytes = lambda tree: sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))  # noqa: E731
    actions = jnp.zeros(world.num_agents, jnp.int32)
    traced = jax.make_jaxpr(world.step)(jax.random.key(0), episode, actions)
    return {
        "size": size,
        "state_bytes": nbytes(episode.state),
        "topology_bytes": nbytes(episode.topology),
        "equations": equations(traced.jaxpr),
        "parts": parts(size),
    }


def parts(size: str) -> dict[str, int]:
    """Equations of the parts of a step against the scripted attacker."""
    world, own = Soc(static=Static(size)), garrison.make("soc", size=size)
    key = jax.random.key(0)
    (_, episode), (_, state) = (jax.eval_shape(one.reset, key) for one in (world, own))
    draws = jax.eval_shape(lambda key: sample(key, world.static), key)
    row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), draws.rows)
    agent, flag = jax.ShapeDtypeStruct((), jnp.uint32), jax.ShapeDtypeStruct((), bool)
    actions, joint = (jax.ShapeDtypeStruct((one.num_agents,), jnp.int32) for one in (own, world))
    game, red = world.game, killchain.Killchain(world.static)
    seen = jax.ShapeDtypeStruct((1, world.observation_sizes[-1]), jnp.float32)
    mask = jax.ShapeDtypeStruct((1, world.action_counts[-1]), bool)
    memory = jax.eval_shape(lambda key: red.init(key, 1), key)

    def ended(episode: Episode, row: Any, agent: Array, when: Array) -> Any:
        return kernel.complete(completing(game(episode), row, episode.state, agent, when), when)

    traced = {
        "the step": (own.step, key, state, actions),
        "starts of actions": (
            lambda e, d, a: kernel.begin(game(e), d, e.state, a), episode, draws, joint,
        ),
        "an event": (lambda e, r: kernel.advance(game(e), r, e.state), episode, row),
        "of it, the end of an action": (ended, episode, row, agent, flag),
        "legal actions": (world.legal, episode),
        "observations": (world.observe, episode),
        "the attacker": (red.act, key, seen, mask, memory),
    }  # fmt: skip
    return {name: equations(jax.make_jaxpr(part)(*given).jaxpr) for name, (part, *given) in traced.items()}


def measure(size: str, events: int, envs: int, seconds: float) -> dict[str, Any]:
    """Figures of a case: rates per second of CPU time, of the best of three runs."""
    world = garrison.make("soc", size=size, events=events)
    keys = jax.random.split(jax.random.key(0), envs)
    state = jax.jit(jax.vmap(world.reset))(keys)[1]
    zero = Counts(*(jnp.zeros(envs, jnp.int32) for _ in range(4)))
    begun = time.process_time()
    program = jax.jit(partial(play, world)).lower((state, zero), keys[0]).compile()
    compiled, carry = time.process_time() - begun, (state, zero)
    runs: list[dict[str, float]] = []
    for number in range(3):
        chunks, clock, wall = 0, time.process_time(), time.perf_counter()
        before = jax.device_get(carry[1])
        while time.process_time() - clock < seconds:
            carry = program(carry, jax.random.fold_in(keys[0], 1_000_000 * number + chunks))
            jax.block_until_ready(carry)
            chunks += 1
        spent, passed = time.process_time() - clock, time.perf_counter() - wall
        found = jax.tree.map(lambda x, y: np.sum(x, dtype=float) - np.sum(y, dtype=float), carry[1], before)
        rates = {name: float(value) / spent for name, value in vars(found).items()}
        runs.append({**rates, "steps": CHUNK * envs * chunks / spent, "wall": passed / spent})
    best = max(runs, key=lambda run: run["decisions"])
    slowest = min(run["decisions"] for run in runs)
    return {
        "size": size, "events_of_a_step": events, "envs": envs, "compile_s": compiled, "slowest": slowest,
        **best,
    }  # fmt: skip


def study(figures: Mapping[str, Any]) -> Study:
    rows = figures["cases"]
    words = []
    for size, target in TARGETS.items():
        if found := [row["decisions"] for row in rows if row["size"] == size]:
            words.append(f"{size}: {2 * max(found):,.0f} of {target:,}")
    header = ("size", "events of a step", "environments", "decisions/s", "slowest run", "steps/s", "events/s")
    table = [
        (
            row["size"], str(row["events_of_a_step"]), f"{row['envs']:,}", f"{row['decisions']:,.0f}",
            f"{row['slowest']:,.0f}", f"{row['steps']:,.0f}", f"{row['events']:,.0f}",
            f"{row['milliseconds'] / 1000:,.0f}", f"{row['events'] / row['decisions']:.2f}",
            f"{row['decisions'] / row['steps']:.2f}", f"{row['compile_s']:.0f}", f"{row['wall']:.1f}",
        )
        for row in rows
    ]  # fmt: skip
    more = ("simulated s/s", "events per decision", "decisions per step", "compile, CPU s", "wall/CPU")
    sizes = [
        (
            one["size"], f"{one['state_bytes']:,}", f"{one['topology_bytes']:,}", f"{one['equations']:,}",
            f"{EQUATIONS:,}",
        )
        for one in figures["sizes"]
    ]  # fmt: skip
    by_part = [(one["size"], *(f"{n:,}" for n in one["parts"].values())) for one in figures["sizes"]]
    return Study(
        title="soc: speed",
        figures=figures,
        finding=(
            "Decisions per second of two cores, as twice those of a core, and §10's targets: "
            f"{', '.join(words)}. A step has {figures['sizes'][0]['equations']:,} equations; the target is "
            f"{EQUATIONS:,}."
        ),
        method=(
            "The attacker `killchain` acts inside the world, with all logs and noise, against defenders "
            f"that take random legal actions. Episodes that ended start anew every {CHUNK} steps, on a "
            "new network. A decision is a step that begins with a choice of a defender. Rates are per "
            "second of CPU time of one core, the best of three runs; other programs used the machine "
            "meanwhile, which the last column shows: 1.0 would be a core for this one alone. The "
            f"compile time is that of this program, resets included; the target is {COMPILE_S:.0f} s."
        ),
        sections=[
            Section("Rates", (*header, *more), table),
            Section("Sizes", ("size", "bytes of a state", "of a network", "equations", "target"), sizes),
            Section("Equations by part", ("size", *figures["sizes"][0]["parts"]), by_part),
        ],
    )


def todo(figures: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """The cases that are not measured yet."""
    done = {(row["size"], row["events_of_a_step"], row["envs"]) for row in figures["cases"]}
    yield from (case for case in CASES if case not in done)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seconds", type=float, default=4.0, help="of CPU time of each run")
    asked = arguments.parse_args()
    prepare(asked.out)
    figures: dict[str, Any] = origin(shlex.join(["python", "studies/soc_speed.py", *sys.argv[1:]]))
    earlier: Path | None = asked.out / FIGURES if asked.out else None
    figures["cases"] = read_figures(asked.out)["cases"] if earlier and earlier.exists() else []
    figures["sizes"] = [static_figures(size) for size in TARGETS]
    for case in todo(figures):
        figures["cases"].append(measure(*case, asked.seconds))
        print(figures["cases"][-1], file=sys.stderr, flush=True)
        if asked.out:  # after each, so that an interrupted run leaves its figures
            save(asked.out, study(figures))
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
