"""The teams of a training: one per seed, an array axis of the train state."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.algos import ippo
from garrison.core.world import World
from garrison.learn.policy import NetworkPolicy
from garrison.runs import checkpoint, hosts, sinks
from garrison.runs.run import Run
from garrison.train.config import Training, make_world

#: The share of the memory that rollouts may fill, and how many times a rollout's own size learning from it
#: needs: minibatches, gradients, copies (cc4-ippo: 186 MB for rollouts of 134 MB).
SHARE, COPIES = 0.5, 2.0


def world_of(training: Training) -> World:
    """The world to train in, made after all that can be checked before anything is computed.

    Raises ``ValueError`` for settings that do not fit together or to the world, and for a sink whose package
    is missing.
    """
    training.check()
    sinks.check(training.sinks)
    world = make_world(training.world, training.options)
    start = jax.eval_shape(partial(ippo.init, training.ippo, world), jax.random.key(0))
    hosts.check(training.ippo.lanes, whole_episodes=start.world is None)
    return world


def opened(run: Run) -> tuple[Training, World]:
    """What a run trains, and in which world. Raises ``ValueError`` if its configuration does not fit."""
    training = Training.from_json(run.config())
    return training, make_world(training.world, training.options)


def init(training: Training, world: World) -> ippo.TrainState:
    """The first train states, stacked: leaves [team, ...]."""
    keys = jax.vmap(jax.random.key)(training.seed + jnp.arange(training.seeds))
    start = jax.jit(lambda config, keys: jax.lax.map(partial(ippo.init, config, world), keys))
    return start(training.ippo, keys)


def iteration(
    config: ippo.IPPO, world: World, at_once: int, states: ippo.TrainState
) -> tuple[ippo.TrainState, ippo.Metrics]:
    """One iteration of each team, ``at_once`` of them side by side; states and metrics have a [team] axis."""
    step = partial(ippo.iteration, config, world)
    if at_once == 1:
        return jax.lax.map(step, states)
    return jax.lax.map(step, states, batch_size=at_once)


def at_once(training: Training, world: World) -> int:
    """How many teams to train side by side: as many as was asked for, else as fit into memory."""
    if training.at_once is not None:
        return training.at_once
    one = jax.eval_shape(
        lambda key: ippo.collect(training.ippo, world, ippo.init(training.ippo, world, key))[1],
        jax.random.key(0),
    )
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one))
    return max(1, min(training.seeds, int(SHARE * memory() / (COPIES * size))))


def memory() -> int:
    """Bytes of memory of the first device; on a CPU, of the machine."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def about(training: Training, world: World, done: int) -> dict[str, Any]:
    """What a checkpoint says of itself."""
    steps = done * ippo.steps_per_iteration(training.ippo, world)
    return {
        "iteration": done,
        "env_steps": steps,
        "world_version": world.version,
        "training": training.to_json(),
    }


def load_state(run: Run, training: Training, world: World, which: str = "latest") -> ippo.TrainState:
    """The train states of one of a run's checkpoints, stacked.

    Raises ``FileNotFoundError`` if there is no such checkpoint, and ``ValueError`` if it is of another
    version of the world or of another architecture.
    """
    directory = run.checkpoint(which)
    version = checkpoint.about(directory).get("world_version")
    if version != world.version:
        raise ValueError(
            f"the checkpoint in {directory} is of version {version} of world {world.name!r}, now at version "
            f"{world.version}: train again, or use the release of Garrison that "
            f"{run.path / 'system.json'} names"
        )
    return checkpoint.load(directory, jax.eval_shape(partial(init, training, world)))


def placed(states: ippo.TrainState) -> ippo.TrainState:
    """Loaded states on the devices of the block that :func:`garrison.learn.shard.devices` opened."""
    return jax.jit(jax.vmap(ippo.placed))(states)


def team(states: ippo.TrainState, number: int) -> ippo.TrainState:
    """The train state of one team."""
    return jax.tree.map(lambda leaf: leaf[number], states)


def load_teams(
    run: Run, which: str = "latest", greedy: bool = False
) -> tuple[Training, World, list[NetworkPolicy]]:
    """What a run trained, the world it trained in, and a player for each of its teams.

    ``which`` names a checkpoint: "latest", "best", or one kept for good, such as "step-00000100".
    """
    training, world = opened(run)
    states = load_state(run, training, world, which)
    players = [ippo.player(team(states, number), world, greedy) for number in range(training.seeds)]
    return training, world, players


def progress(run: Run) -> tuple[int, int]:
    """Iterations that the latest checkpoint has done, and how many there are in all."""
    training, world = opened(run)
    return iterations_done(run), ippo.num_iterations(training.ippo, world)


def iterations_done(run: Run) -> int:
    """Iterations that the latest checkpoint has done; 0 if there is none."""
    try:
        return checkpoint.about(run.checkpoint())["iteration"]
    except FileNotFoundError:
        return 0
