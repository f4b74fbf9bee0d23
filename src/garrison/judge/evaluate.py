"""Several policies on the same episodes.

An episode has a seed: it starts in the same state, and chance draws the same numbers, for every policy, on
every machine, and whichever other policies are evaluated with it. So differences between policies are taken
episode by episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy
from garrison.core.programs import make_room
from garrison.core.recording import Recording
from garrison.core.struct import Struct
from garrison.core.world import State, Step, World, observed_by
from garrison.judge.assets import Harm
from garrison.judge.behavior import Behavior, behavior_of
from garrison.judge.diagnosis import Diagnosis
from garrison.judge.episodes import Transition, episode_keys, scan
from garrison.judge.lineup import Lineup, grouped, with_jax_arrays
from garrison.judge.targets import Aims, Targets, count

#: Seeds of episodes must fit into what a random key is made from.
_MAX_SEED = 2**31 - 1


class Accounts(NamedTuple):
    """What is recorded of an evaluation besides its figures."""

    analyze: bool = False
    resilience: bool = False


class Episodes(Struct):
    """Figures of one policy; axes [seed, episode, ...]. Rewards are means over the agents."""

    returns: Any  # f32[seed, episode]: sum of all rewards
    scores: Any  # f32[seed, episode]: sum of the first `world.score_steps` rewards; else of all
    lengths: Any  # int32[seed, episode]: steps
    #: f32[seed, episode, phase, ...]: reward parts summed per phase; "reward" if the world reports none
    parts: dict[str, Any]
    decisions: Any  # int32[seed, episode, *axes]: see garrison.judge.behavior
    #: int32[seed, episode]: actions that are no index of an agent's list; None: not counted
    invalid: Any = None
    #: counters of the world's diagnosis, leaves [seed, episode, ...]; None where there is none
    diagnosis: Any = None
    #: counts of decisions by their targets, leaves [seed, episode, ...]; None where they were not asked for
    targets: Any = None
    #: :class:`garrison.judge.assets.Harm`, leaves [seed, episode, step, ...]; None where it was not asked for
    harm: Any = None


def evaluate(
    world: World,
    policies: Mapping[str, Policy | Sequence[Policy]],
    episodes: int,
    seed: int,
    record: str | None = None,
    analyze: bool = False,
    resilience: bool = False,
    batch: int = 128,
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Episodes], Recording | None]:
    """Play the episodes with the seeds ``seed .. seed + episodes - 1`` with each policy.

    Args:
        policies: by name; a list holds one policy per training seed. Policies that differ in their arrays
            alone are compiled once, and the world is compiled once for all policies. A world that is called
            again with other arrays, such as the parameters of an opponent, is not compiled again.
        record: name of the policy whose first episode, with its first seed, is recorded.
        analyze: whether decisions are counted by their targets too, where the world describes those.
        resilience: whether the harm to the world's assets is recorded, step by step.
        batch: episodes per call of the compiled program, to bound memory.
        on_progress: called after each batch with the number of finished episodes.

    Returns:
        NumPy figures by policy, and the recording.

    Raises:
        ValueError: for no policies, no episodes, seeds out of range, an unknown ``record``, or
            ``resilience`` in a world without assets.
    """
    make_room()
    by_name = {name: seeds_of(one) for name, one in policies.items()}
    check_seeds(episodes, seed)
    check_policies(by_name)
    if record is not None and record not in by_name:
        raise ValueError(f"cannot record {record!r}; policies: {', '.join(by_name)}")
    everyone = [one for seeds in by_name.values() for one in seeds]
    lineup, rows = grouped(everyone)
    world = with_jax_arrays(observed_by(world, everyone))
    numbers = iter(rows)
    rows_of = {name: [next(numbers) for _ in seeds] for name, seeds in by_name.items()}
    recorded = None if record is None else rows_of[record][0]
    asked = Accounts(analyze, resilience)
    if resilience:
        check_assets(world)
    together, recording = _batches(world, lineup, episodes, seed, recorded, asked, batch, on_progress)
    return {
        name: jax.tree.map(lambda x, own=own: x[own], together) for name, own in rows_of.items()
    }, recording


def check_seeds(episodes: int, seed: int) -> None:
    """Raise ``ValueError`` if there are no such episodes."""
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; it must be at least 1")
    if not 0 <= seed <= _MAX_SEED - episodes:
        raise ValueError(
            f"seed is {seed}; with {episodes} episodes it must be in 0 .. {_MAX_SEED - episodes}"
        )


def check_assets(world: World) -> None:
    """Raise ``ValueError`` if the world does not describe the assets of its only side."""
    if world.assets() is None:
        raise ValueError(
            f"world {world.name!r} does not describe assets of this side, by which resilience is measured; "
            "cc4 does with side=blue"
        )


def seeds_of(policy: Policy | Sequence[Policy]) -> tuple[Policy, ...]:
    """What a name stands for: a policy of each training seed, or a single one."""
    several: Any = policy
    return tuple(several) if isinstance(policy, (list, tuple)) else (several,)


def check_policies(policies: Mapping[str, Sequence[Policy]]) -> None:
    """Raise ``ValueError`` if there is nothing to evaluate."""
    if not policies:
        raise ValueError("policies is empty; give at least one policy by name")
    if empty := [name for name, seeds in policies.items() if not seeds]:
        raise ValueError(f"policies[{empty[0]!r}] is an empty list; give one policy per training seed")


def _batches(
    world: World,
    lineup: Lineup,
    episodes: int,
    seed: int,
    recorded: int | None,
    asked: Accounts,
    batch: int,
    on_progress: Callable[[int], None],
) -> tuple[Episodes, Recording | None]:
    batches = -(-episodes // batch)
    size = -(-episodes // batches)
    done, recording = [], None
    targets = world.targets() if asked.analyze else None
    for number in range(batches):
        seeds = jnp.arange(seed + number * size, seed + (number + 1) * size, dtype=jnp.uint32)
        figures, (first, aims, harm) = _play(world, lineup, seeds, recorded, asked)
        figures = jax.device_get(figures)
        if harm is not None:
            harm = jax.tree.map(lambda x: np.moveaxis(x, 0, 2), jax.device_get(harm))
            figures = figures.replace(harm=harm)
        if targets is not None:
            counts = _counted(targets, jax.device_get(aims), figures.lengths, seed + number * size)
            figures = figures.replace(targets=counts)
        done.append(figures)
        recording = jax.device_get(first) if number == 0 else recording
        on_progress(min(episodes, (number + 1) * size))
    return jax.tree.map(lambda *x: np.concatenate(x, axis=1)[:, :episodes], *done), recording


@eqx.filter_jit
def _play(
    world: World, lineup: Lineup, seeds: jax.Array, recorded: int | None, asked: Accounts
) -> tuple[Episodes, tuple[Recording | None, Aims | None, Harm | None]]:
    """All policies at once, so that the world is compiled once; figures have axes [policy, episode, ...].

    What is recorded for the accounts that are asked for has axes [step, policy, episode, ...].
    """
    behavior, diagnosis = behavior_of(world), world.diagnosis()
    targets = world.targets() if asked.analyze else None
    assets = world.assets() if asked.resilience else None

    def fold(carry: tuple[Episodes, Any], now: Transition) -> tuple[Any, Any]:
        figures, fixed = carry
        account = jax.vmap(jax.vmap(partial(_account, world, behavior, diagnosis, now.t)))
        figures = account(figures, now.alive, now.state, now.actions, now.after, now.step)
        seen = aims = harm = None
        if targets is not None:
            aims = Aims(*jax.vmap(jax.vmap(targets.aims))(now.state, now.actions, now.after, now.step))
        if assets is not None:
            found = jax.vmap(jax.vmap(assets.harm))(fixed, now.state, now.actions, now.after, now.step)
            harm = Harm(*found, phase=jax.vmap(jax.vmap(behavior.phase))(now.state, now.after))
        if recorded is not None:
            seen = Recording(now.state, now.actions, now.after, now.step)
            seen = jax.tree.map(lambda x: x[recorded, 0], seen)
        return (figures, fixed), (seen, aims, harm)

    rows = (lineup.size, len(seeds))

    def start(state: State, step: Step) -> tuple[Episodes, Any]:
        fixed = None if assets is None else jax.vmap(jax.vmap(assets.start))(state)
        return _no_figures(behavior, diagnosis, rows, state, step), fixed

    (figures, _), outputs = scan(world, lineup, episode_keys(seeds), fold, start)
    return figures, outputs


def _counted(targets: Targets, aims: Aims, lengths: np.ndarray, seed: int) -> Any:
    """Counts of decisions by their targets, leaves [policy, episode, ...].

    Args:
        lengths: of the episodes, ``int[policy, episode]``; ``seed`` is that of the first.
    """

    def one(policy: int, episode: int) -> Any:
        steps = slice(0, int(lengths[policy, episode]))
        return count(targets, jax.tree.map(lambda x: x[steps, policy, episode], aims), seed + episode)

    policies, episodes = lengths.shape
    rows = [[one(policy, episode) for episode in range(episodes)] for policy in range(policies)]
    return jax.tree.map(lambda *x: np.stack(x).reshape(*lengths.shape, *x[0].shape), *sum(rows, []))


def _parts(step: Step) -> dict[str, Any]:
    """Reward parts of one environment; the whole reward where the world reports none."""
    return step.info.get("reward_parts") or {"reward": step.team_reward}


def _no_figures(
    behavior: Behavior, diagnosis: Diagnosis | None, rows: tuple[int, int], state: State, step: Step
) -> Episodes:
    """Figures before the first step; ``state`` and the shapes of ``step`` are [*rows, ...]."""
    phases = len(behavior.phases)
    axes = tuple(map(len, behavior.axes.values()))
    parts = jax.eval_shape(jax.vmap(jax.vmap(_parts)), step)
    return Episodes(
        returns=jnp.zeros(rows, jnp.float32),
        scores=jnp.zeros(rows, jnp.float32),
        lengths=jnp.zeros(rows, jnp.int32),
        parts={name: jnp.zeros((*rows, phases, *x.shape[2:]), jnp.float32) for name, x in parts.items()},
        decisions=jnp.zeros((*rows, *axes), jnp.int32),
        invalid=jnp.zeros(rows, jnp.int32),
        diagnosis=None if diagnosis is None else jax.vmap(jax.vmap(diagnosis.start))(state),
    )


def _account(
    world: World,
    behavior: Behavior,
    diagnosis: Diagnosis | None,
    t: jax.Array,
    figures: Episodes,
    alive: jax.Array,
    state: State,
    actions: jax.Array,
    after: State,
    step: Step,
) -> Episodes:
    """Add one step of one episode, if it belongs to it."""
    reward = jnp.where(alive, step.team_reward, 0.0)
    scored = t < (world.score_steps or world.max_steps)
    phase = behavior.phase(state, after)
    decided, places = behavior.decisions(state, actions, after, step)
    counters = figures.diagnosis
    if diagnosis is not None:
        added = diagnosis.add(counters, state, actions, after, step)
        counters = jax.tree.map(lambda new, old: jnp.where(alive, new, old), added, counters)
    invalid = (actions < 0) | (actions >= jnp.asarray(world.action_counts))
    return Episodes(
        returns=figures.returns + reward,
        scores=figures.scores + jnp.where(scored, reward, 0.0),
        lengths=figures.lengths + alive,
        parts={
            name: figures.parts[name].at[phase].add(jnp.where(alive, part, 0))
            for name, part in _parts(step).items()
        },
        decisions=figures.decisions.at[places].add((decided & alive).astype(jnp.int32)),
        invalid=figures.invalid + jnp.where(alive, jnp.sum(invalid, dtype=jnp.int32), 0),
        diagnosis=counters,
    )
