"""A small world of all scenarios, compiled once for the tests that play it."""

import functools

import jax

import garrison
from garrison.core.wrappers import Vectorize

SHORT = garrison.make("soc", side="both", scenario="all", horizon=30_000)
NUM_ENVS = 2


@functools.cache
def programs():
    world = Vectorize(SHORT, NUM_ENVS)
    return jax.jit(world.reset), jax.jit(jax.vmap(SHORT.step)), jax.jit(world.legal)
