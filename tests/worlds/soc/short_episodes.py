"""A small world of all scenarios, compiled once for the tests that play it."""

import functools

import jax
import numpy as np

import garrison
from garrison.core.wrappers import Vectorize, env_slice

SHORT = garrison.make("soc", side="both", scenario="all", horizon=30_000)
NUM_ENVS = 2


@functools.cache
def programs():
    world = Vectorize(SHORT, NUM_ENVS)
    return jax.jit(world.reset), jax.jit(jax.vmap(SHORT.step)), jax.jit(world.legal)


#: actions that random players of :func:`played` take more often
OFTEN = ("PrivilegeEscalate", "Exploit", "V4L2", "DumpLSASS", "Restrict", "Relax", "Decoy", "Monitor")
STEPS, SEED = 260, 5


@functools.cache
def played():
    """Before, after and step of each step and environment: random legal actions, some more often."""
    reset, step, legal = programs()
    rng = np.random.default_rng(SEED)
    labels = [SHORT.action_labels(agent) for agent in range(SHORT.num_agents)]
    weight = np.ones((SHORT.num_agents, SHORT.num_actions))
    for row, own in zip(weight, labels, strict=True):
        row[: len(own)] += [9 * label.startswith(OFTEN) for label in own]
    _, state = reset(jax.random.key(SEED))
    longer = jax.numpy.full(NUM_ENVS, 3_600_000, state.options.horizon.dtype)
    state = state.replace(options=state.options.replace(horizon=longer))
    bits = jax.numpy.zeros((NUM_ENVS, 3, 8), jax.numpy.uint8)
    found = []
    for number in range(STEPS):
        mask = np.asarray(legal(state))
        actions = (rng.random(mask.shape) ** (1 / weight) * mask).argmax(-1).astype(np.int32)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), number), NUM_ENVS)
        before = state
        _, state, result = step(keys, state, actions, bits)
        row = jax.device_get((before, state, result))
        found += [env_slice(row, lane) for lane in range(NUM_ENVS)]
    return found
