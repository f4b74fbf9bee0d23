"""The contract that every world keeps, as one test that anybody can run on theirs.

>>> from garrison.core.testing import check_world
>>> check_world(world, jax.random.key(0))
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import State, World
from garrison.core.wrappers import Vectorize, lane, lane_keys

REPLAYED_STEPS = 8  # how far lanes are compared with single environments


def check_world(
    world: World, key: jax.Array, *, steps: int | None = None, lanes: int = 2, eager: bool = True
) -> None:
    """Raise ``AssertionError``, naming the clause that failed, unless ``world`` keeps the contract.

    Plays ``lanes`` environments with random legal actions for ``steps`` steps (``max_steps`` if None; with
    fewer, that episodes end is not checked). Compiles reset and step twice each: alone and in lanes.
    ``eager`` False leaves out the step without ``jit``, which takes long in large worlds.

    The clauses: the description is frozen, hashable, copied equal, and fits the label lists; shapes and
    dtypes are the protocol's and stay the same from step to step, without weak types, so that steps can be
    scanned; actions of wrong dtype, shape or range raise ``ValueError`` at the boundary; padding is False or
    zero; everything is finite, after legal, illegal and too late actions; an agent always has a legal action;
    ``final_obs`` is the observation while the episode runs; episodes end by ``max_steps``; a key gives one
    trajectory: again, without ``jit``, and in any lane.
    """
    _check_description(world)
    _check_structure(world, key)
    played = _play(Vectorize(world, lanes), key, steps)
    _check_end(world, played[-1]["over"], steps)
    replayed = played[:REPLAYED_STEPS]
    _check_repeat(Vectorize(world, lanes), key, replayed)
    if eager:
        _check_eager(world, key, replayed[0]["actions"][0])
    _check_lanes(world, key, replayed, lanes)
    _check_bad_actions(world, key)


def _require(truth: Any, clause: str, detail: Any = "") -> None:
    if not truth:
        raise AssertionError(f"check_world: {clause}: {detail}")


def _check_description(world: World) -> None:
    _require(
        isinstance(world.version, str) and world.version, "version is a non-empty string", repr(world.version)
    )
    _require(isinstance(world.name, str) and world.name, "name is a non-empty string", repr(world.name))
    _require(world.max_steps >= 1, "max_steps is at least 1", world.max_steps)
    again = copy.deepcopy(world)
    _require(again == world, "a world equals its copy", world.name)
    _require(hash(again) == hash(world), "a world hashes like its copy", world.name)
    try:
        world.name = world.name
        frozen = False
    except AttributeError:
        frozen = True
    _require(frozen, "a world is frozen", f"attributes of {type(world).__name__} can be set")
    _require(len(set(world.agents)) == len(world.agents) > 0, "agents have distinct names", world.agents)
    for labels, sizes, what in (
        (world.action_labels, world.action_counts, "action"),
        (world.observation_labels, world.observation_sizes, "observation"),
    ):
        _require(len(sizes) == world.num_agents, f"one {what} size per agent", sizes)
        for index, agent in enumerate(world.agents):
            _require(labels(agent) == labels(index), f"{what} labels by name are those by index", agent)
            _require(
                len(labels(agent)) == sizes[index],
                f"as many {what} labels as {what}s",
                f"{len(labels(agent))} labels, size {sizes[index]}, agent {agent!r}",
            )


def _check_structure(world: World, key: jax.Array) -> None:
    agents, features = world.num_agents, world.observation_size
    actions = jax.ShapeDtypeStruct((agents,), jnp.int32)
    obs, state = jax.eval_shape(world.reset, key)
    next_obs, next_state, step = jax.eval_shape(world.step, key, state, actions)
    legal = jax.eval_shape(world.legal, state)
    for what, value, shape, dtype in (
        ("observation of reset", obs, (agents, features), jnp.float32),
        ("observation of step", next_obs, (agents, features), jnp.float32),
        ("final_obs", step.final_obs, (agents, features), jnp.float32),
        ("reward", step.reward, (agents,), jnp.float32),
        ("terminated", step.terminated, (), jnp.bool_),
        ("truncated", step.truncated, (), jnp.bool_),
        ("legal", legal, (agents, world.num_actions), jnp.bool_),
    ):
        right = value.shape == shape and value.dtype == dtype
        _require(right, f"{what} is {jnp.dtype(dtype).name}{shape}", f"{value.dtype}{value.shape}")
    _require(
        jax.tree.structure(state) == jax.tree.structure(next_state),
        "the state of step has the structure of the state of reset",
        f"{jax.tree.structure(state)}, {jax.tree.structure(next_state)}",
    )
    before = dict(jax.tree_util.tree_leaves_with_path(state))
    for path, leaf in jax.tree_util.tree_leaves_with_path((next_obs, next_state, step, legal)):
        _require(not leaf.weak_type, "no leaf is weakly typed", f"{_name(path)} {leaf}")
    for path, leaf in jax.tree_util.tree_leaves_with_path(next_state):
        number = not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        _require(number, "no key is in the state, as randomness is an argument", _name(path))
        same = (leaf.shape, leaf.dtype) == (before[path].shape, before[path].dtype)
        _require(
            same, "a step keeps shapes and dtypes of the state", f"{_name(path)}: {before[path]} to {leaf}"
        )
        _require(not before[path].weak_type, "no leaf is weakly typed", f"{_name(path)} {before[path]}")


@partial(jax.jit, static_argnums=0)
def _reset(world: World, key: jax.Array) -> tuple[jax.Array, State, jax.Array]:
    obs, state = world.reset(key)
    return obs, state, world.legal(state)


@partial(jax.jit, static_argnums=0)
def _step(world: World, key: jax.Array, state: State, actions: jax.Array) -> tuple[Any, ...]:
    obs, state, step = world.step(key, state, actions)
    return obs, state, step, world.legal(state)


def _play(world: Vectorize, key: jax.Array, steps: int | None) -> list[dict[str, Any]]:
    """Play random legal actions in lanes; one record per step, the first ones with all that step returned."""
    rng = np.random.default_rng(0)
    obs, state, legal = _reset(world, key)
    _check_values(world, obs, legal)
    over = np.zeros(world.lanes, bool)
    played = []
    for time in range(world.max_steps if steps is None else steps):
        actions = _random_actions(rng, np.asarray(legal))
        before, (obs, state, step, legal) = state, _step(world, jax.random.fold_in(key, time), state, actions)
        _check_values(world, obs, legal, step)
        over |= np.asarray(step.done)
        played.append({"actions": actions, "over": over.copy()})
        if time < REPLAYED_STEPS:
            played[-1] |= {"before": before, "result": (obs, state, step, legal)}
    return played


def _random_actions(rng: np.random.Generator, legal: np.ndarray) -> np.ndarray:
    return np.argmax(rng.random(legal.shape) * legal, axis=-1).astype(np.int32)


def _check_values(world: World, obs: jax.Array, legal: jax.Array, step: Any = None) -> None:
    legal, obs = np.asarray(legal), np.asarray(obs)
    final_obs = obs if step is None else np.asarray(step.final_obs)
    for agent, (actions, features) in enumerate(
        zip(world.action_counts, world.observation_sizes, strict=True)
    ):
        who = f"agent {world.agents[agent]!r}"
        _require(not legal[..., agent, actions:].any(), "the padding of legal is False", who)
        _require(legal[..., agent, :].any(-1).all(), "an agent always has a legal action", who)
        _require((obs[..., agent, features:] == 0).all(), "the padding of observations is zero", who)
        _require((final_obs[..., agent, features:] == 0).all(), "the padding of final_obs is zero", who)
    _check_finite((obs, step))
    running = np.ones(obs.shape[:-2], bool) if step is None else ~np.asarray(step.done)
    _require(
        (obs == final_obs)[running].all(),
        "final_obs is the observation while the episode runs",
        "they differ",
    )


def _check_finite(tree: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            _require(np.isfinite(np.asarray(leaf)).all(), "all numbers are finite", _name(path))


def _check_end(world: World, over: np.ndarray, steps: int | None) -> None:
    if steps is None or steps >= world.max_steps:
        _require(over.all(), "episodes end by max_steps", f"lanes over after {world.max_steps} steps: {over}")


def _check_repeat(world: Vectorize, key: jax.Array, replayed: list[dict[str, Any]]) -> None:
    for time, record in enumerate(replayed):
        again = _step(world, jax.random.fold_in(key, time), record["before"], record["actions"])
        _require_same(again, record["result"], "the same key gives the same step", exact=True)


def _check_eager(world: World, key: jax.Array, actions: np.ndarray) -> None:
    obs, state = world.reset(key)
    _require_same((obs, state, world.legal(state)), _reset(world, key), "reset is the same without jit")
    obs, after, step = world.step(key, state, actions)
    eager = (obs, after, step, world.legal(after))
    _require_same(eager, _step(world, key, state, actions), "step is the same without jit")


def _check_lanes(world: World, key: jax.Array, replayed: list[dict[str, Any]], lanes: int) -> None:
    together = _reset(Vectorize(world, lanes), key)
    for index, lane_key in enumerate(lane_keys(key, lanes)):
        alone = _reset(world, lane_key)
        _require_same(alone, lane(together, index), "a lane resets like a single environment")
    for time, record in enumerate(replayed):
        for index, lane_key in enumerate(lane_keys(jax.random.fold_in(key, time), lanes)):
            alone = _step(world, lane_key, lane(record["before"], index), record["actions"][index])
            _require_same(alone, lane(record["result"], index), "a lane steps like a single environment")


def _check_bad_actions(world: World, key: jax.Array) -> None:
    _, state, legal = _reset(world, key)
    illegal = np.argmin(legal, axis=-1).astype(np.int32)  # of an agent that may do anything, the first action
    beyond = np.asarray(world.action_counts, np.int32)
    for actions in (illegal, beyond, beyond - beyond - 1):
        obs, _, step, _ = _step(world, key, state, actions)
        _check_finite((obs, step))
    good = np.zeros(world.num_agents, np.int32)
    _require_error(world, key, state, good.astype(np.float32), "actions of a wrong dtype raise ValueError")
    _require_error(world, key, state, np.append(good, 0), "actions of a wrong shape raise ValueError")
    for agent, count in enumerate(world.action_counts):
        for value in (-1, count):
            bad = good.copy()
            bad[agent] = value
            _require_error(
                world, key, state, bad, "an action out of range raises ValueError", world.agents[agent]
            )


def _require_error(
    world: World, key: jax.Array, state: State, actions: Any, clause: str, naming: str = ""
) -> None:
    try:
        world.step(key, state, actions)
    except ValueError as error:
        _require(naming in str(error), f"{clause} that names the agent", f"{error}, for actions {actions}")
        return
    _require(False, clause, f"none for {actions}")


def _require_same(a: Any, b: Any, clause: str, exact: bool = False) -> None:
    """Equal leaf by leaf; floats nearly so unless ``exact``, as batching may change the order of a sum."""
    for (path, left), (_, right) in zip(*map(jax.tree_util.tree_leaves_with_path, (a, b)), strict=True):
        left, right = np.asarray(left), np.asarray(right)
        near = not exact and np.issubdtype(left.dtype, np.floating)
        same = np.allclose(left, right, rtol=1e-5, atol=1e-6) if near else np.array_equal(left, right)
        _require(same, clause, f"differ at {_name(path)}: {left} and {right}")


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path)
