"""Replays for tests: a short episode of the toy network, played without compiling a judge."""

import jax
import numpy as np

import garrison
from garrison.core.recording import Recording
from garrison.view import record


def toy_episode(steps=12, seed=0):
    """The world ``toy/network`` and a recording of random play in it, all of it in NumPy."""
    world = garrison.make("toy/network", steps=steps)
    generator = np.random.default_rng(seed)
    _, state = world.reset(jax.random.key(seed))
    step, rows = jax.jit(world.step), []
    for t in range(steps):
        actions = generator.integers(0, world.action_counts).astype(np.int32)
        _, after, result = step(jax.random.key(t), state, actions)
        rows.append(Recording(state, actions, after, result))
        state = after
    return world, jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *rows)


def toy_replay(**more):
    world, recording = toy_episode(**more)
    return record(world, recording, "random", seed=0, options=[f"steps={len(recording.actions)}"])
