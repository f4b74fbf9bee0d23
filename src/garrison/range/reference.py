"""Episodes of ``soc`` itself on the networks of the range, and whether the tier ``mock`` draws like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from garrison.core.policy import Policy, act
from garrison.range.bridge import Played, fixed, times_of
from garrison.worlds.soc.diagnosis import Metrics
from garrison.worlds.soc.env import Soc
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables.scenarios import HOUR_POINTS

_STEPS = 64  #: of one call
LEAST = 8  #: actions of a kind on each side, below which nothing is compared
LEVEL = 0.01  #: family-wise


def play(world: Soc, blue: Policy, red: Policy, numbers: Sequence[int], seed: int) -> list[Played]:
    """Episodes of ``soc`` with the clocks of the range, one on each network.

    Args:
        world: with ``side="both"``, one scenario and one red agent.

    Returns:
        Played episodes. They have neither outcomes by technique nor latencies: nothing was launched.
    """
    options = fixed(jax.tree.map(lambda leaf: np.asarray(leaf)[0], world.options))
    start, go, metrics = _programs(world)
    keys = jax.random.split(jax.random.key(seed), len(numbers))
    carry = start(options, blue, red, keys, jnp.asarray(numbers, jnp.uint32))
    seen = []
    while not bool(jnp.all(carry[-1])):
        carry, rows = go(blue, red, carry)
        seen.append(jax.device_get(rows))
    _, _, _, _, counters, returned, _ = jax.device_get(carry)
    rows = [np.concatenate([one[i] for one in seen], axis=1) for i in range(4)]
    return [_played(metrics, counters, returned, rows, lane) for lane in range(len(numbers))]


def _played(metrics: Metrics, counters: Any, returned: Any, rows: list[np.ndarray], lane: int) -> Played:
    of = jax.tree.map(lambda leaf: np.asarray(leaf)[lane], counters)
    seconds = max(int(of.time), 1) / 1000
    kind, took, outcome, there = (one[lane] for one in rows)
    names = [
        (R.Red(int(k)).name.lower(), int(t) / 1000, A.Outcome(int(o)).name.lower())
        for k, t, o in zip(kind[there], took[there], outcome[there], strict=True)
    ]
    return Played(
        returned=float(returned[lane]),
        goal=bool(of.goal),
        sla=1 + float(of.availability) / (seconds / 3600) / HOUR_POINTS,
        owned=float(of.owned) / 1000,
        false_isolation=float(of.isolated) / 1000,
        seconds=seconds,
        times=times_of(metrics, of),
        ended=names,
    )


def _programs(world: Soc) -> tuple[Callable[..., Any], Callable[..., Any], Metrics]:
    metrics = world.diagnosis("blue")
    counts = world.action_counts
    cuts = {"blue": slice(0, T.NUM_BLUE), "red": slice(T.NUM_BLUE, None)}
    sizes, widths = world.observation_sizes, {side: max(counts[cut]) for side, cut in cuts.items()}

    def start(options: Any, blue: Policy, red: Policy, key: Any, number: Any) -> Any:
        keys = jax.random.split(key, 4)
        obs, state = world.reset(keys[0], options, number)
        memories = blue.init(keys[1], T.NUM_BLUE), red.init(keys[2], 1)
        zero, no = jnp.zeros((), jnp.float32), jnp.zeros((), bool)
        return keys[3], obs, state, memories, metrics.start(state), zero, no

    def step(blue: Policy, red: Policy, carry: Any, _: None) -> Any:
        key, obs, state, memories, counters, returned, over = carry
        key, step_key, *act_keys = jax.random.split(key, 4)
        mask = world.legal(state)
        chosen, after_memories = [], []
        for side, policy, memory, act_key in zip(cuts, (blue, red), memories, act_keys, strict=True):
            cut = cuts[side]
            seen = obs[cut, : max(sizes[cut])]
            action, memory = act(policy, act_key, seen, None, mask[cut, : widths[side]], memory)
            chosen.append(action)
            after_memories.append(memory)
        actions = jnp.concatenate(chosen)
        next_obs, after, one = world.step(step_key, state, actions)
        events = one.info["events"]
        mine = (events.agent[0] >= T.NUM_BLUE) & ~over
        took = events.time[0] - after.state.agent_start[T.NUM_BLUE]
        row = events.kind[0], took, events.outcome[0], mine
        new = (
            key, next_obs, after, tuple(after_memories),
            metrics.add(counters, state, actions, after, one),
            returned + sum(one.info["reward_parts"].values()),
            over | one.terminated | one.truncated,
        )  # fmt: skip
        kept = jax.tree.map(lambda a, b: jnp.where(over, a, b), carry[1:], new[1:])
        return (key, *kept), row

    def go(blue: Policy, red: Policy, carry: Any) -> Any:
        return jax.lax.scan(partial(step, blue, red), carry, None, _STEPS)

    lanes = jax.jit(jax.vmap(start, (None, None, None, 0, 0)))
    return lanes, jax.jit(jax.vmap(go, (None, None, 0))), metrics


def compare(first: Sequence[Played], second: Sequence[Played]) -> dict[str, dict[str, Any]]:
    """Durations and chances of red's actions in two sets of episodes, by kind.

    Durations by the two-sample test of Kolmogorov and Smirnov, successes among those that met chance
    (``success`` or ``failed``) by Fisher's exact test. Each p is multiplied by the number of tests
    (Bonferroni).

    Returns:
        By kind: ``n`` of both, ``seconds`` (medians), ``distance`` of the distribution functions and ``p``;
        ``chance`` of both and ``chance_p``. None where one side has fewer than :data:`LEAST` actions.
    """
    sides = [[one for played in of if not played.void for one in played.ended] for of in (first, second)]
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({name for of in sides for name, _, _ in of}):
        seconds = [np.array([s for name, s, o in of if name == kind and o != "aborted"]) for of in sides]
        met = [[o == "success" for name, _, o in of if name == kind and o in _CHANCE] for of in sides]
        row: dict[str, Any] = {"n": [len(one) for one in seconds], "p": None, "chance_p": None}
        if min(row["n"]) >= LEAST:
            test: Any = stats.ks_2samp(seconds[0], seconds[1])
            row |= {"distance": float(test.statistic), "p": float(test.pvalue)}
            row["seconds"] = [float(np.median(one)) for one in seconds]
        if min(map(len, met)) >= LEAST:
            table = [[sum(one), len(one) - sum(one)] for one in met]
            row["chance"] = [sum(one) / len(one) for one in met]
            exact: Any = stats.fisher_exact(table)
            row["chance_p"] = float(exact[1])
        found[kind] = row
    keys = ("p", "chance_p")
    count = sum(row[key] is not None for row in found.values() for key in keys)
    for row in found.values():
        row |= {key: min(row[key] * count, 1.0) for key in keys if row[key] is not None}
    return found


_CHANCE = ("success", "failed")


def differ(found: dict[str, dict[str, Any]], level: float = LEVEL) -> list[str]:
    """What :func:`compare` found to differ, family-wise at this level."""
    names = {"p": "durations", "chance_p": "chances"}
    return [
        f"{kind}: {what}"
        for kind, row in found.items()
        for key, what in names.items()
        if row[key] is not None and row[key] < level
    ]
