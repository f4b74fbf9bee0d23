"""Training by the PyTorch learner, on either engine, in the same run directories as JAX.

An iteration takes train states to train states, and its randomness follows from the seed and the iteration's
number alone, so that a run resumes from its last checkpoint as if it had not been stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.core.world import World
from garrison.learn import rollout
from garrison.parity.torch import ippo as torch_ippo
from garrison.parity.torch.convert import learner_of, state_of
from garrison.parity.torch.layers import with_arrays
from garrison.parity.torch.vector_envs import VectorEnvs
from garrison.training import seeds
from garrison.training.config import Training


def check(training: Training, world: World) -> None:
    """Raise ``ValueError`` for a training that the PyTorch learner cannot do."""
    torch_ippo.check(training.settings)
    if not world.fixed_horizon:
        raise ValueError(
            f"the PyTorch IPPO plays whole episodes of one length; those of world {world.name!r} differ"
        )
    steps = training.settings.rollout_steps
    if steps is not None and not rollout.whole_episodes(world, steps):
        raise ValueError(f"the PyTorch IPPO plays whole episodes; rollout_steps is {steps}, it must be None")


def init(training: Training, world: World) -> ippo.TrainState:
    """The first train states, stacked as :func:`garrison.training.seeds.init` does; networks are torch's."""
    states = seeds.init(training, world)
    started = []
    for number in range(training.num_seeds):
        state = seeds.select(states, number)
        kinds = world.observation_size, world.num_agents, world.num_actions
        learner = torch_ippo.Learner(
            training.settings,
            *kinds,
            training.settings.num_envs,
            seed=_numbers(training.seed + number, 0, 1)[0],
        )
        arrays = {name: x.detach().numpy() for name, x in learner.net.named_parameters()}
        started.append(state.replace(net=with_arrays(state.net, arrays)))
    return _stacked(started)


def iteration(
    training: Training,
    world: World,
    envs: VectorEnvs,
    states: ippo.TrainState,
    watch: Callable[[float], None] = lambda share: None,
) -> tuple[ippo.TrainState, dict[str, Any]]:
    """One iteration of each seed, one after the other; metrics are lists with a number per seed."""
    after, rows = [], []
    for number in range(training.num_seeds):
        state = seeds.select(states, number)
        state, row = _of_one(
            training.settings,
            training.seed + number,
            world,
            envs,
            state,
            lambda share, number=number: watch((number + share) / training.num_seeds),
        )
        after.append(state)
        rows.append(row)
    return _stacked(after), {name: [row[name] for row in rows] for name in rows[0]}


def _of_one(
    config: Config,
    seed: int,
    world: World,
    envs: VectorEnvs,
    state: ippo.TrainState,
    watch: Callable[[float], None],
) -> tuple[ippo.TrainState, dict[str, float]]:
    done = int(state.iteration)
    learner = learner_of(config, state)
    *episodes, acting, shuffling = _numbers(seed, done + 1, config.num_envs + 2)
    generator = torch.Generator().manual_seed(acting)
    batch = torch_ippo.play(
        learner.net, envs, episodes, world.max_steps, generator, lambda step: watch(step / world.max_steps)
    )
    rng = np.random.default_rng(shuffling)
    steps, num_envs = batch.done.shape
    settings: Any = config
    order = torch_ippo.minibatch_order(rng, steps, num_envs, settings)
    metrics = learner.update(batch, order, done / ippo.num_iterations(config, world))
    about = {
        "return": batch.reward.sum(dim=0).mean().item(),
        "episodes": config.num_envs,
        "nonfinite_inputs": int((~batch.obs.isfinite()).sum() + (~batch.reward.isfinite()).sum()),
    }
    return state_of(learner, state).replace(iteration=state.iteration + 1), about | metrics


def _numbers(seed: int, iteration: int, count: int) -> list[int]:
    """Seeds below 2**31 that follow from a training seed and an iteration, of which 0 is the beginning."""
    return (np.random.SeedSequence([seed, iteration]).generate_state(count) >> 1).tolist()


def _stacked(states: list[ippo.TrainState]) -> ippo.TrainState:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
