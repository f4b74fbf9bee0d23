"""Playing several players on the same episodes.

Episode ``i`` of a seed starts in the same state for every player, on every machine and whatever the batch:
differences between players are taken episode by episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.struct import struct
from garrison.core.world import State, Step, World
from garrison.learn.players import Constant, Player, Random


@struct
class Episodes:
    """Figures of one player; axes [episode, ...]. Rewards are means over the agents."""

    returns: Any  # f32[episode]: sum of all rewards
    scores: (
        Any  # f32[episode]: sum of the first `world.score_steps` rewards; all, where a world has no such rule
    )
    lengths: Any  # int32[episode]: steps
    parts: dict[str, Any]  # f32[episode, ...]: sums of the rewards' parts, where the world tells them


@struct
class Recording:
    """One episode, step by step; axes [step, ...]."""

    state: State  # before the step
    actions: Any  # int32[step, agent]
    after: State
    step: Step


def known_players(world: World) -> dict[str, Player]:
    """The players every world has, and those it brings along (``world.players()``), by name.

    ``idle`` needs the world to say which actions do nothing (``world.idle_actions``, one per agent).
    """
    players: dict[str, Player] = {}
    if hasattr(world, "idle_actions"):
        players["idle"] = Constant(tuple(world.idle_actions))
    players["random"] = Random()
    if hasattr(world, "players"):
        players |= world.players()
    return players


def evaluate(
    world: World,
    players: Mapping[str, Player],
    episodes: int,
    seed: int,
    record: str | None = None,
    batch: int = 128,
) -> tuple[dict[str, Episodes], Recording | None]:
    """Let each player play the same ``episodes`` episodes; at most ``batch`` at a time, to bound memory.

    Returns numpy figures by player, and the first episode of the player called ``record``, if one is named.
    """
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; it must be at least 1")
    if record is not None and record not in players:
        raise ValueError(f"cannot record {record!r}; players: {', '.join(players)}")
    batches = -(-episodes // batch)
    size = -(-episodes // batches)
    recorded = None if record is None else list(players).index(record)
    key = jax.random.key(seed)
    done, recording = [], None
    for number in range(batches):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(number * size, (number + 1) * size))
        figures, first = _play(world, tuple(players.values()), keys, recorded)
        done.append(jax.device_get(figures))
        recording = jax.device_get(first) if number == 0 else recording
    together = jax.tree.map(lambda *x: np.concatenate(x, axis=1)[:, :episodes], *done)
    return {name: jax.tree.map(lambda x, i=i: x[i], together) for i, name in enumerate(players)}, recording


@eqx.filter_jit
def _play(
    world: World, players: tuple[Player, ...], keys: jax.Array, recorded: int | None
) -> tuple[Episodes, Recording | None]:
    """All players at once, so that the world is compiled once; figures have axes [player, episode, ...]."""
    keys = jax.vmap(lambda key: jax.random.split(key, 4))(keys)
    reset_keys, step_keys, init_keys, act_keys = (keys[:, i] for i in range(4))
    obs, state = jax.vmap(world.reset)(reset_keys)
    obs, state = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(players), *x.shape)), (obs, state))
    memories = tuple(jax.vmap(lambda key, p=p: p.init(key, world.num_agents))(init_keys) for p in players)
    # The same key for all players, and a lane for each player and episode.
    legal = jax.vmap(jax.vmap(world.legal))
    step_world = jax.vmap(jax.vmap(world.step), in_axes=(None, 0, 0))
    score_steps = getattr(world, "score_steps", world.max_steps)

    def one(carry: Any, t: jax.Array) -> tuple[Any, Any]:
        obs, state, memories, alive, figures = carry
        at = jax.vmap(jax.random.fold_in, (0, None))
        actions, memories = _act(players, at(act_keys, t), obs, legal(state), memories)
        next_obs, after, step = step_world(at(step_keys, t), state, actions)
        figures = _add(figures, step, alive, t < score_steps)
        seen = None
        if recorded is not None:
            seen = jax.tree.map(lambda x: x[recorded, 0], Recording(state, actions, after, step))
        return (next_obs, after, memories, alive & ~step.done, figures), seen

    lanes = obs.shape[:2]
    parts = _parts(
        jax.eval_shape(step_world, step_keys, state, jnp.zeros((*lanes, world.num_agents), jnp.int32))[2]
    )
    start = Episodes(
        jnp.zeros(lanes),
        jnp.zeros(lanes),
        jnp.zeros(lanes, jnp.int32),
        {k: jnp.zeros(v.shape) for k, v in parts.items()},
    )
    carry = (obs, state, memories, jnp.ones(lanes, bool), start)
    carry, recording = jax.lax.scan(one, carry, jnp.arange(world.max_steps))
    return carry[-1], recording


def _act(
    players: tuple[Player, ...], keys: jax.Array, obs: jax.Array, mask: jax.Array, memories: tuple[Any, ...]
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Each player decides in its own lanes: ``int32[player, episode, agent]``, and the new memories."""
    chosen = [
        jax.vmap(player.act)(keys, obs[i], mask[i], memory)
        for i, (player, memory) in enumerate(zip(players, memories, strict=True))
    ]
    return jnp.stack([actions for actions, _ in chosen]), tuple(memory for _, memory in chosen)


def _parts(step: Step) -> dict[str, Any]:
    return step.info.get("reward_parts", {})


def _add(figures: Episodes, step: Step, alive: jax.Array, scored: jax.Array) -> Episodes:
    """Count a step in the lanes that are still in their first episode."""
    reward = jnp.where(alive, jnp.mean(step.reward, axis=-1), 0.0)

    def part(total: jax.Array, value: jax.Array) -> jax.Array:
        return total + jnp.where(alive.reshape(alive.shape + (1,) * (value.ndim - alive.ndim)), value, 0)

    return Episodes(
        returns=figures.returns + reward,
        scores=figures.scores + jnp.where(scored, reward, 0.0),
        lengths=figures.lengths + alive,
        parts=jax.tree.map(part, figures.parts, _parts(step)),
    )


def length_of(recording: Recording) -> int:
    """Steps of the recorded episode; what the recording holds after them is not part of it."""
    ends = np.flatnonzero(recording.step.terminated | recording.step.truncated)
    return int(ends[0]) + 1 if ends.size else len(recording.actions)
