"""Playing several players on the same episodes.

An episode has a seed: it starts in the same state, and chance has the same numbers, for every player, on
every machine and whatever is played beside it. So differences between players are taken episode by episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy
from garrison.core.struct import struct
from garrison.core.world import State, Step, World, observed_by
from garrison.judge.behavior import Behavior, behavior_of
from garrison.judge.lineup import Group, act, begin, grouped

#: Seeds of episodes must fit into what a random key is made from.
MAX_SEED = 2**31 - 1


@struct
class Episodes:
    """Figures of one player; axes [team, episode, ...]. Rewards are means over the agents."""

    returns: Any  # f32[team, episode]: sum of all rewards
    scores: Any  # f32[team, episode]: sum of the first `world.score_steps` rewards; else of all
    lengths: Any  # int32[team, episode]: steps
    parts: dict[str, Any]  # f32[team, episode, phase, ...]: sums of the rewards' parts; "reward" where untold
    decisions: Any  # int32[team, episode, *axes]: see garrison.judge.behavior


@struct
class Recording:
    """One episode, step by step; axes [step, ...]."""

    state: State  # before the step
    actions: Any  # int32[step, agent]
    after: State
    step: Step


def evaluate(
    world: World,
    players: Mapping[str, Policy | Sequence[Policy]],
    episodes: int,
    seed: int,
    record: str | None = None,
    batch: int = 128,
    watch: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Episodes], Recording | None]:
    """Let each player play the same episodes, those of the seeds ``seed .. seed + episodes - 1``.

    Args:
        players: by name; a list is the teams of one training. Those that differ in their parameters alone are
            compiled as one, and the world is compiled once for all.
        record: player whose first episode is returned step by step as well, if it is named.
        batch: episodes that are played at a time, to bound memory.
        watch: told, after each batch, how many episodes are done.

    Returns:
        NumPy figures by player, and the recording, of the first team.

    Raises:
        ValueError: for no episodes, seeds that do not fit, or an unknown ``record``.
    """
    check_seeds(episodes, seed)
    if record is not None and record not in players:
        raise ValueError(f"cannot record {record!r}; players: {', '.join(players)}")
    teams = {name: tuple(one) if isinstance(one, (list, tuple)) else (one,) for name, one in players.items()}
    lineup = [team for one in teams.values() for team in one]
    world = observed_by(world, lineup)
    groups, places = grouped(lineup)
    numbers = iter(places)
    places_of = {name: [next(numbers) for _ in one] for name, one in teams.items()}
    recorded = None if record is None else places_of[record][0]
    together, recording = _batches(world, groups, episodes, seed, recorded, batch, watch)
    return {
        name: jax.tree.map(lambda x, own=own: x[own], together) for name, own in places_of.items()
    }, recording


def check_seeds(episodes: int, seed: int) -> None:
    """Raise ``ValueError`` if there are no such episodes."""
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; it must be at least 1")
    if not 0 <= seed <= MAX_SEED - episodes:
        raise ValueError(f"seed is {seed}; with {episodes} episodes it must be in 0 .. {MAX_SEED - episodes}")


def _batches(
    world: World,
    groups: tuple[Group, ...],
    episodes: int,
    seed: int,
    recorded: int | None,
    batch: int,
    watch: Callable[[int], None],
) -> tuple[Episodes, Recording | None]:
    batches = -(-episodes // batch)
    size = -(-episodes // batches)
    done, recording = [], None
    for number in range(batches):
        seeds = jnp.arange(seed + number * size, seed + (number + 1) * size, dtype=jnp.uint32)
        figures, first = _play(world, groups, seeds, recorded)
        done.append(jax.device_get(figures))
        recording = jax.device_get(first) if number == 0 else recording
        watch(min(episodes, (number + 1) * size))
    return jax.tree.map(lambda *x: np.concatenate(x, axis=1)[:, :episodes], *done), recording


@eqx.filter_jit
def _play(
    world: World, groups: tuple[Group, ...], seeds: jax.Array, recorded: int | None
) -> tuple[Episodes, Recording | None]:
    """All players at once, so that the world is compiled once; figures have axes [player, episode, ...]."""
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed), 4))(seeds)
    reset_keys, step_keys, init_keys, act_keys = (keys[:, i] for i in range(4))
    count = sum(group.size for group in groups)
    obs, state = jax.vmap(world.reset)(reset_keys)
    obs, state = jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *x.shape)), (obs, state))
    # The same key for all players, and a lane for each player and episode.
    legal = jax.vmap(jax.vmap(world.legal))
    step_world = jax.vmap(jax.vmap(world.step), in_axes=(None, 0, 0))
    score_steps = world.score_steps or world.max_steps
    behavior = behavior_of(world)

    def one(carry: Any, t: jax.Array) -> tuple[Any, Any]:
        obs, state, memories, alive, figures = carry
        at = jax.vmap(jax.random.fold_in, (0, None))
        actions, memories = act(groups, at(act_keys, t), obs, state, legal(state), memories)
        next_obs, after, step = step_world(at(step_keys, t), state, actions)
        account = jax.vmap(jax.vmap(partial(_account, behavior, t < score_steps)))
        figures = account(figures, alive, state, actions, after, step)
        seen = None
        if recorded is not None:
            seen = jax.tree.map(lambda x: x[recorded, 0], Recording(state, actions, after, step))
        return (next_obs, after, memories, alive & ~step.done, figures), seen

    lanes = obs.shape[:2]
    actions = jnp.zeros((*lanes, world.num_agents), jnp.int32)
    step = jax.eval_shape(step_world, step_keys, state, actions)[2]
    carry = (obs, state, begin(groups, init_keys, world.num_agents), jnp.ones(lanes, bool))
    carry, recording = jax.lax.scan(
        one, (*carry, _nothing(behavior, lanes, step)), jnp.arange(world.max_steps)
    )
    return carry[-1], recording


def _parts(step: Step) -> dict[str, Any]:
    """What the world tells of its reward, or all of it; axes [...] of one lane."""
    return step.info.get("reward_parts") or {"reward": jnp.mean(step.reward, axis=-1)}


def _nothing(behavior: Behavior, lanes: tuple[int, int], step: Step) -> Episodes:
    """Figures before the first step; ``step`` tells shapes [*lanes, ...]."""
    phases = len(behavior.phases)
    axes = tuple(map(len, behavior.axes.values()))
    parts = jax.eval_shape(jax.vmap(jax.vmap(_parts)), step)
    return Episodes(
        returns=jnp.zeros(lanes),
        scores=jnp.zeros(lanes),
        lengths=jnp.zeros(lanes, jnp.int32),
        parts={name: jnp.zeros((*lanes, phases, *x.shape[2:])) for name, x in parts.items()},
        decisions=jnp.zeros((*lanes, *axes), jnp.int32),
    )


def _account(
    behavior: Behavior,
    scored: jax.Array,
    figures: Episodes,
    alive: jax.Array,
    state: State,
    actions: jax.Array,
    after: State,
    step: Step,
) -> Episodes:
    """Count a step of one lane, if it is still in its first episode."""
    reward = jnp.where(alive, jnp.mean(step.reward), 0.0)
    phase = behavior.phase(state, after)
    decided, places = behavior.decisions(state, actions, after, step)
    return Episodes(
        returns=figures.returns + reward,
        scores=figures.scores + jnp.where(scored, reward, 0.0),
        lengths=figures.lengths + alive,
        parts={
            name: figures.parts[name].at[phase].add(jnp.where(alive, part, 0))
            for name, part in _parts(step).items()
        },
        decisions=figures.decisions.at[places].add((decided & alive).astype(jnp.int32)),
    )


def length_of(recording: Recording) -> int:
    """Steps of the recorded episode; what the recording holds after them is not part of it."""
    ends = np.flatnonzero(recording.step.terminated | recording.step.truncated)
    return int(ends[0]) + 1 if ends.size else len(recording.actions)
