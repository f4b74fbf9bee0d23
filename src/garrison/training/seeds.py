"""The seeds of a training: an array axis of the train states."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.algos import Algorithm
from garrison.core.policy import Policy
from garrison.core.sides import OneSide
from garrison.core.world import World
from garrison.runs import checkpoint, hosts, sinks
from garrison.runs.directory import RunDirectory
from garrison.training.config import Training, read

#: The fraction of memory that rollouts may fill, and how many times a rollout's size learning from it needs:
#: minibatches, gradients, copies (cc4-ippo: 186 MB for rollouts of 134 MB).
_SHARE, _COPIES = 0.5, 2.0

#: Settings that may differ between a run's configuration and its checkpoints.
_CHANGEABLE = {"parallel_seeds", "keep_every", "sinks", "learner_options", "start_from", "extended"}


def check(training: Training) -> World:
    """The world to train in, made after all checks that need no computation.

    Raises ``ValueError`` for settings that do not fit together or to the world, and for a sink whose package
    is missing.
    """
    training.check()
    sinks.check(training.sinks)
    world = world_of(training)
    training.algo.check(training.settings, world)
    hosts.check(training.settings.num_envs, training.algo.holds_environments(training.settings, world))
    return world


def world_of(training: Training, run: RunDirectory | None = None) -> World:
    """The world of a training, with its opponents; see :func:`garrison.training.opponents.world`."""
    if not training.opponents:
        return training.make_world()
    from garrison.training import opponents

    return opponents.world(training, run)


def init(training: Training, world: World) -> Any:
    """The first train states, stacked: leaves [seed, ...]."""
    numbers = training.seed + np.arange(training.num_seeds, dtype=np.uint64)
    keys = jax.vmap(jax.random.key)(jnp.asarray(numbers.astype(np.uint32)))
    algorithm = training.algo
    start = jax.jit(lambda config, world, keys: jax.lax.map(partial(algorithm.init, config, world), keys))
    return start(training.settings, world, keys)


def iteration(
    algorithm: Algorithm, config: Any, world: World, states: Any, parallel: int
) -> tuple[Any, dict[str, jax.Array]]:
    """One iteration of each seed, ``parallel`` of them side by side; results have a [seed] axis."""
    if parallel == 1:
        return jax.lax.map(partial(algorithm.iteration, config, world), states)
    # Apart from arrays without numbers, such as weights of no inputs, which a map in batches cannot divide.
    full, empty = eqx.partition(states, _has_numbers)
    one = jax.tree.map(lambda x: x[0], empty)

    def step(own: Any) -> tuple[Any, dict[str, jax.Array]]:
        state, metrics = algorithm.iteration(config, world, eqx.combine(own, one))
        return eqx.filter(state, _has_numbers), metrics

    full, metrics = jax.lax.map(step, full, batch_size=parallel)
    return eqx.combine(full, empty), metrics


def _has_numbers(x: jax.Array) -> bool:
    return x.size > 0


def parallel(training: Training, world: World) -> int:
    """The number of seeds to train side by side: the configured one, else as many as fit in memory."""
    if training.parallel_seeds is not None:
        return training.parallel_seeds
    size = training.algo.footprint(training.settings, world)
    return max(1, min(training.num_seeds, int(_SHARE * memory() / (_COPIES * max(1, size)))))


def memory() -> int:
    """Bytes of memory of the first device; on a CPU, of the machine."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def about(training: Training, world: World, done: int) -> dict[str, Any]:
    """The description stored in a checkpoint."""
    steps = done * training.algo.steps_per_iteration(training.settings, world)
    return {
        "iteration": done,
        "env_steps": steps,
        "world_version": world.version,
        "training": training.to_json(),
    }


def load_state(
    run: RunDirectory, training: Training, world: World, which: str = "latest", resumable: bool = False
) -> Any:
    """The train states of a checkpoint of a run, stacked; None for what it left out.

    Raises ``FileNotFoundError`` for a missing checkpoint, and ``ValueError`` if a file of it is
    damaged, naming the newest sound checkpoint, if it is of another version of the world or of another
    configuration, or if it is to be ``resumable`` and left out what that needs.
    """
    directory = run.checkpoint(which)
    try:
        left_out = _left_out(directory)
        if left_out and resumable:
            raise ValueError(
                f"the checkpoint in {directory} lacks {', '.join(left_out)}, so training cannot go on from "
                f"it; start a new one from its networks: garrison train ... --from {run.path}"
            )
        return _load_state(run, directory, training, world, left_out)
    except checkpoint.Damaged as error:
        sound = run.newest_sound()
        remedy = "the run has no other checkpoint that is sound"
        if sound is not None:
            remedy = f"the newest sound checkpoint is {sound!r}: use it"
            if not _left_out(run.checkpoint(sound)):
                remedy += f", or copy {run.checkpoint(sound)} over it"
        raise checkpoint.Damaged(f"{error}; {remedy}") from error


def _left_out(directory: Path) -> list[str]:
    """Fields of the train states that a checkpoint lacks, see :class:`garrison.runs.retention`."""
    return checkpoint.about(directory).get("left_out", [])


def _load_state(
    run: RunDirectory, directory: Path, training: Training, world: World, left_out: list[str]
) -> Any:
    facts = checkpoint.about(directory)
    version = facts.get("world_version")
    if version != world.version:
        raise ValueError(
            f"the checkpoint in {directory} is of version {version} of world {world.name!r}, now at version "
            f"{world.version}: train again, or use the release of Garrison that "
            f"{run.path / 'system.json'} names"
        )
    like = jax.eval_shape(partial(init, training), world)
    states = checkpoint.load(directory, without(like, left_out))
    if "training" in facts:
        _check_same(run, directory, training, Training.from_json(facts["training"]))
    return states


def without(states: Any, names: Iterable[str]) -> Any:
    """Stacked train states without some fields, which are None."""
    copy = object.__new__(type(states))  # fields are checked when one is made: they have an axis more here
    vars(copy).update(vars(states) | dict.fromkeys(names))
    return copy


def _check_same(run: RunDirectory, directory: Path, training: Training, saved: Training) -> None:
    """Raise ``ValueError`` if config.json is not that of the checkpoint; it may have been altered."""
    have, want = _compared(training), _compared(saved)
    wrong = [f"{name} is {have[name]}, not {want[name]}" for name in have if have[name] != want.get(name)]
    if wrong:
        raise ValueError(
            f"{run.path / 'config.json'} does not match the checkpoint in {directory}: {'; '.join(wrong)}; "
            "restore that file from a copy of the run"
        )


def _compared(training: Training) -> dict[str, Any]:
    data = {name: value for name, value in training.to_json().items() if name not in _CHANGEABLE}
    settings = {f"settings.{name}": value for name, value in data.pop("settings").items()}
    settings.pop("settings.total_steps", None)
    return data | settings


def placed(training: Training, states: Any) -> Any:
    """Loaded states on the devices of the block that :func:`garrison.learn.shard.devices` opened."""
    return jax.jit(jax.vmap(training.algo.placed))(states)


def select(states: Any, index: int) -> Any:
    """The train state of one seed, by its index from 0."""
    return jax.tree.map(lambda leaf: leaf[index], states)


def load_policies(
    run: RunDirectory, which: str = "latest", greedy: bool = False, side: str | None = None
) -> tuple[Training, World, list[Policy]]:
    """The configuration of a run, its world without banks and opponents, and each seed's policy.

    Args:
        which: a checkpoint: "latest", "best", or one that was kept, such as "step-00000100".
        side: whose policies, where both sides learned; then the world is that side's, not for playing.
    """
    training = read(run)
    world = training.usual_world()
    states = load_state(run, training, world_of(training, run), which)
    if getattr(training.algo, "LEARNS_BOTH_SIDES", False):
        if side is None:
            sides = ", ".join(world.sides)
            raise ValueError(
                f"in {run.path} both sides learned ({sides}); judge one of them, as in: garrison eval "
                f"{run.path} --side {next(iter(world.sides))} --against OPPONENT"
            )
        world.side_agents(side)
        world = OneSide(world, side, None)
    numbers = range(training.num_seeds)
    return training, world, [training.algo.policy(select(states, one), world, greedy) for one in numbers]


def progress(run: RunDirectory) -> tuple[int, int]:
    """Completed iterations of the latest checkpoint, and the number of iterations of the training."""
    training = read(run)
    return iterations_done(run), training.algo.num_iterations(training.settings, training.usual_world())


def iterations_done(run: RunDirectory) -> int:
    """Completed iterations of the latest checkpoint; 0 if there is none."""
    directory = run.checkpoint()
    try:
        done = checkpoint.about(directory).get("iteration")
    except FileNotFoundError:
        return 0
    if not isinstance(done, int) or done < 0:
        raise checkpoint.Damaged(f"{directory / checkpoint.INDEX} is damaged (iteration is {done!r})")
    return done
