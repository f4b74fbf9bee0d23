"""The contract that every world keeps, as one test that anybody can run on theirs.

>>> from garrison.core.testing import check_world
>>> check_world(world, jax.random.key(0))
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core import entities
from garrison.core.policy import act
from garrison.core.typing import Array, PRNGKeyArray
from garrison.core.world import State, World, observed_by
from garrison.core.wrappers import Vectorize, Wrapper, env_keys, env_slice

_REPLAYED_STEPS = 8  # how far environments of many are compared with single ones


def check_world(
    world: World, key: PRNGKeyArray, *, steps: int | None = None, num_envs: int = 2, eager: bool = True
) -> None:
    """Raise ``AssertionError``, naming the clause that failed, unless ``world`` keeps the contract.

    Plays ``num_envs`` environments with random legal actions for ``steps`` steps (``max_steps`` if None; with
    fewer, that episodes end is not checked). Compiles reset and step twice each: alone and vectorized.
    ``eager`` False leaves out the step without ``jit``, which takes long in large worlds.

    The clauses: the description is frozen, copied equal and hashable (unless it holds arrays), and fits
    the label lists; sides, contracts, fixed policies, behavior, diagnosis, targets, entities and global
    states fit it; a restriction leaves its masks as they are; a wrapper forwards every member of the
    protocol; shapes and dtypes are the protocol's and stay the same from step to step, without weak types,
    so that steps can be scanned; actions of wrong dtype, shape or range raise ``ValueError`` at the boundary;
    padding is False or zero; everything is finite, after legal, illegal and too late actions; an agent
    always has a legal action; ``final_obs`` is the observation while the episode runs; episodes end by
    ``max_steps``, and exactly there under ``fixed_horizon``; elapsed time is not below zero, and where it is
    reported no time passes after the end; rewards of a zero-sum world sum to zero; a key gives one
    trajectory: again, without ``jit``, and among any number of environments.
    """
    _check_description(world)
    _check_optional(world)
    _check_forwarding(world)
    shapes = _shapes(world, key)
    _check_structure(world, shapes)
    _check_accounts(world, key, shapes)
    played = _play(Vectorize(world, num_envs), key, steps)
    _check_end(world, played[-1]["over"], steps)
    replayed = played[:_REPLAYED_STEPS]
    _check_repeat(Vectorize(world, num_envs), key, replayed)
    if eager:
        _check_eager(world, key, replayed[0]["actions"][0])
    _check_environments(world, key, replayed, num_envs)
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
    if not jax.tree.leaves(world):
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


def _check_optional(world: World) -> None:
    rows = sorted(row for side in world.sides.values() for row in side)
    _require(rows == list(range(world.num_agents)), "each agent is on one side", dict(world.sides))
    _require(all(world.sides.values()), "each side has an agent", dict(world.sides))
    _require(not world.zero_sum or len(world.sides) == 2, "a zero-sum world has two sides", dict(world.sides))
    _require(isinstance(world.time_unit, str) and world.time_unit, "time_unit is a string", world.time_unit)
    scored = world.score_steps
    _require(scored is None or 1 <= scored <= world.max_steps, "score_steps is in 1 .. max_steps", scored)
    typical = world.typical_steps
    _require(1 <= typical <= world.max_steps, "typical_steps is in 1 .. max_steps", typical)
    idle = world.idle_actions
    if idle is not None:
        fits = len(idle) == world.num_agents and all(map(_inside, idle, world.action_counts))
        _require(fits, "idle_actions has an action of each agent", idle)
    named = world.observation is None or world.observation in world.observations
    _require(named, "observation is one of observations", f"{world.observation!r}, {world.observations}")
    for name in world.observations:
        other = world.observe_as(name)
        same = (other.observation, other.agents, other.action_counts, type(other))
        wanted = (name, world.agents, world.action_counts, type(world))
        _require(same == wanted, "observe_as changes the observations alone", f"{same}, not {wanted}")
    for side in world.sides:
        fits = set(world.observations_of(side)) <= set(world.observations)
        _require(fits, "the contracts of a side are among the world's", world.observations_of(side))
    if len(world.sides) == 1:
        only = next(iter(world.sides))
        same = world.policies().keys() == world.policies(only).keys()
        _require(same, "policies of the only side need no name of it", only)


def _inside(action: int, count: int) -> bool:
    return 0 <= action < count


#: What a wrapper forwards unless it changes it; methods are called where that needs no state.
_MEMBERS = (
    *("name", "version", "agents", "action_counts", "observation_sizes", "max_steps", "typical_steps"),
    *(
        "fixed_horizon",
        "score_steps",
        "idle_actions",
        "zero_sum",
        "time_unit",
        "asynchronous",
        "observation",
        "observations",
    ),
    *("observation_dtype", "global_state_kinds", "sides"),
)


def _check_forwarding(world: World) -> None:
    if isinstance(world, Vectorize):
        return
    wrapped = Wrapper(world)
    for member in _MEMBERS:
        same = getattr(wrapped, member) == getattr(world, member)
        _require(same, "a wrapper forwards what it does not change", member)
    for side in world.sides:
        for member in ("policies", "teachers"):
            names = [getattr(one, member)(side).keys() for one in (wrapped, world)]
            _require(names[0] == names[1], "a wrapper forwards what it does not change", member)
        native = wrapped.native_policies(side) == world.native_policies(side)
        _require(native, "a wrapper forwards what it does not change", "native_policies")
        for member in ("behavior", "diagnosis", "targets", "assets", "entities", "graph", "restriction"):
            none = [getattr(x, member)(side) is None for x in (wrapped, world)]
            _require(none[0] == none[1], "a wrapper forwards what it does not change", member)
    for name in world.observations:
        other = wrapped.observe_as(name)
        _require(isinstance(other, Wrapper), "observe_as of a wrapped world is wrapped", type(other))


class _Shapes(NamedTuple):
    """Shapes and dtypes of what a world returns: traced once, as that takes long in large worlds."""

    obs: Any
    state: Any
    legal: Any
    next_obs: Any
    next_state: Any
    step: Any


def _shapes(world: World, key: Array) -> _Shapes:
    obs, state = jax.eval_shape(world.reset, key)
    actions = jax.ShapeDtypeStruct((world.num_agents,), jnp.int32)
    return _Shapes(
        obs, state, jax.eval_shape(world.legal, state), *jax.eval_shape(world.step, key, state, actions)
    )


def _check_accounts(world: World, key: Array, shapes: _Shapes) -> None:
    """Global states, fixed policies and the counting of decisions, by shapes alone."""
    seen = {world.observation: (shapes.obs, shapes.state)}  # by observation contract
    for kind in world.global_state_kinds:
        state = None if kind == "concat" else shapes.state
        given = jax.eval_shape(partial(world.global_state, kind=kind), state, shapes.obs)
        shape = (world.global_state_size(kind),)
        right = given.shape == shape and given.dtype == jnp.float32 and not given.weak_type
        _require(right, f"the global state {kind!r} is float32{shape}", f"{given.dtype}{given.shape}")
    for name, number in jax.eval_shape(world.drawn, shapes.state).items():
        right = number.shape == () and jnp.issubdtype(number.dtype, jnp.integer)
        _require(right, "what a reset drew are whole numbers by name", f"{name} is {number}")
    for side, rows in world.sides.items():
        for name, policy in world.policies(side).items():
            reads = observed_by(world, [policy])
            if reads.observation not in seen:
                seen[reads.observation] = jax.eval_shape(reads.reset, key)
            _check_policy(key, rows, f"{name!r} of {side!r}", policy, *seen[reads.observation], shapes.legal)
        behavior = world.behavior(side)
        if behavior is not None:
            _check_behavior(behavior, shapes, len(rows))
        if (diagnosis := world.diagnosis(side)) is not None:
            _check_diagnosis(diagnosis, shapes, len(rows))
        if (targets := world.targets(side)) is not None:
            _check_targets(targets, shapes, len(rows))
        if (assets := world.assets(side)) is not None:
            _check_assets(assets, shapes, len(rows))
        if (described := world.entities(side)) is not None and len(world.sides) == 1:
            _check_entities(described, world)
        if (graph := world.graph(side)) is not None and len(world.sides) == 1:
            _check_graph(graph, world)


def _check_policy(
    key: Array, rows: tuple[int, ...], who: str, policy: Any, obs: Any, state: Any, legal: Any
) -> None:
    def decide(key: Array, obs: Array, state: State, legal: Array) -> tuple[Any, Any, Any]:
        memory = policy.init(key, len(rows))
        return memory, *act(policy, key, obs[np.array(rows)], state, legal[np.array(rows)], memory)

    memory, actions, after = jax.eval_shape(decide, key, obs, state, legal)
    right = (actions.shape, actions.dtype) == ((len(rows),), jnp.int32)
    _require(right, "a policy gives int32[agent]", f"{who} gives {actions}")
    same = jax.tree.map(lambda x: (x.shape, x.dtype), memory) == jax.tree.map(
        lambda x: (x.shape, x.dtype), after
    )
    _require(same, "a policy keeps the shapes of its memory", who)


def _check_behavior(behavior: Any, shapes: _Shapes, agents: int) -> None:
    own, after = jax.ShapeDtypeStruct((agents,), jnp.int32), shapes.next_state
    decided, places = jax.eval_shape(behavior.decisions, shapes.state, own, after, shapes.step)
    right = decided.shape == (agents,) and decided.dtype == jnp.bool_ and len(places) == len(behavior.axes)
    _require(right, "behavior says who decided, and a place on each axis", f"{decided}, {places}")
    _require(jax.eval_shape(behavior.phase, shapes.state, after).shape == (), "the phase is a scalar", "")
    _require(behavior.phases, "behavior names a phase", behavior.phases)


def _check_diagnosis(diagnosis: Any, shapes: _Shapes, agents: int) -> None:
    own, after = jax.ShapeDtypeStruct((agents,), jnp.int32), shapes.next_state
    start = jax.eval_shape(diagnosis.start, shapes.state)
    then = jax.eval_shape(diagnosis.add, start, shapes.state, own, after, shapes.step)
    same = jax.tree.map(lambda x: (x.shape, x.dtype), start) == jax.tree.map(
        lambda x: (x.shape, x.dtype), then
    )
    _require(same, "diagnosis keeps the shapes of its counters", then)


def _check_targets(targets: Any, shapes: _Shapes, agents: int) -> None:
    own, after = jax.ShapeDtypeStruct((agents,), jnp.int32), shapes.next_state
    decided, kind, target, states = jax.eval_shape(targets.aims, shapes.state, own, after, shapes.step)
    right = decided.shape == kind.shape == target.shape == (agents,) and decided.dtype == jnp.bool_
    _require(right, "targets says who decided, the kind and the target", f"{decided}, {kind}, {target}")
    _require(np.all(targets.owners < agents), "owners of targets are agents of the side", targets.owners)
    seen = [view.shape for view in states]
    _require(seen == [(len(targets.owners),)] * len(targets.views), "each view has a state per target", seen)
    _require(targets.severity in targets.views, "severity is a view", targets.severity)


def _check_assets(assets: Any, shapes: _Shapes, agents: int) -> None:
    own, after = jax.ShapeDtypeStruct((agents,), jnp.int32), shapes.next_state
    fixed = jax.eval_shape(assets.start, shapes.state)
    found = jax.eval_shape(assets.harm, fixed, shapes.state, own, after, shapes.step)
    attacks = ((len(assets.attacks), 3), jnp.uint8)
    expected = [((3,), jnp.bool_), ((3,), jnp.bool_), ((2,), jnp.float32), attacks]
    right = [(one.shape, one.dtype) for one in found] == expected
    _require(right, "assets gives two flags of three roles, two expected shares, and attacks", found)


def _check_entities(described: Any, world: World) -> None:
    try:
        entities.check(described, world)
    except ValueError as error:
        _require(False, "entities describe the world", error)
    again = copy.deepcopy(world).entities()
    _require(again == described and hash(again) == hash(described), "equal worlds describe the same", "")


def _check_graph(graph: Any, world: World) -> None:
    try:
        entities.check(graph, world)
    except ValueError as error:
        _require(False, "a graph describes the world", error)
    again = copy.deepcopy(world).graph()
    _require(again == graph and hash(again) == hash(graph), "equal worlds have the same graph", "")
    told = set() if graph.clock is None else set(graph.clock.places)
    _require(not told & set(graph.context.flat), "a graph's context leaves out what the clock tells", told)
    like = jax.ShapeDtypeStruct((world.observation_size,), jnp.float32)
    for agent in range(world.num_agents):
        groups = [np.array(kind.agents) == agent for kind in graph.kinds]
        nodes = sum(int(np.prod(k.exists[own].shape)) for k, own in zip(graph.kinds, groups, strict=True))
        found = jax.eval_shape(lambda obs, agent=agent: graph.adjacency(agent, obs), like)
        right = (found.shape, found.dtype) == ((nodes, nodes), jnp.bool_)
        _require(right, "adjacency has a flag for each pair of nodes of an agent", found)


def _check_structure(world: World, shapes: _Shapes) -> None:
    agents, features = world.num_agents, world.observation_size
    obs, state, legal, next_obs, next_state, step = shapes
    clauses: tuple[tuple[str, Any, tuple[int, ...], Any], ...] = (
        ("observation of reset", obs, (agents, features), jnp.float32),
        ("observation of step", next_obs, (agents, features), jnp.float32),
        ("final_obs", step.final_obs, (agents, features), jnp.float32),
        ("reward", step.reward, (agents,), jnp.float32),
        ("terminated", step.terminated, (), jnp.bool_),
        ("truncated", step.truncated, (), jnp.bool_),
        ("legal", legal, (agents, world.num_actions), jnp.bool_),
        ("elapsed", step.elapsed, (), jnp.float32),
        ("final_mask", step.final_mask, (agents, world.num_actions), jnp.bool_),
    )
    for what, value, shape, dtype in clauses:
        if what in ("elapsed", "final_mask") and value is None:
            continue
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


@jax.jit
def _reset(world: World, key: Array) -> tuple[Array, State, Array]:
    obs, state = world.reset(key)
    return obs, state, world.legal(state)


@jax.jit
def _step(world: World, key: Array, state: State, actions: Array) -> tuple[Any, ...]:
    obs, state, step = world.step(key, state, actions)
    return obs, state, step, world.legal(state)


def _play(world: Vectorize, key: Array, steps: int | None) -> list[dict[str, Any]]:
    """Play random legal actions; one record per step, the first ones with all that the step returned."""
    rng = np.random.default_rng(0)
    obs, state, legal = _reset(world, key)
    _check_values(world, obs, legal)
    over = np.zeros(world.num_envs, bool)
    played = []
    for time in range(world.max_steps if steps is None else steps):
        actions = _random_actions(rng, np.asarray(legal))
        before, (obs, state, step, legal) = state, _step(world, jax.random.fold_in(key, time), state, actions)
        _check_values(world, obs, legal, step)
        _check_step(world, step, legal, fresh=over, last=time == world.max_steps - 1)
        over |= np.asarray(step.done)
        played.append({"actions": actions, "over": over.copy()})
        if time < _REPLAYED_STEPS:
            played[-1] |= {"before": before, "result": (obs, state, step, legal)}
    return played


def _check_step(world: Vectorize, step: Any, legal: Array, fresh: np.ndarray, last: bool) -> None:
    """Clauses on what a step of several environments returns; ``fresh`` is False in their first episodes."""
    if step.elapsed is not None:
        elapsed = np.asarray(step.elapsed)
        _require((elapsed >= 0).all(), "elapsed is not below 0", elapsed)
        if step.final_mask is None:  # nothing resets within the step
            moved = (elapsed != 0) | (np.asarray(step.reward) != 0).any(-1) | ~np.asarray(step.done)
            _require(not moved[fresh].any(), "where time is reported, an ended episode stands still", moved)
    if step.final_mask is not None:
        mask = np.asarray(step.final_mask)
        _require(mask.any(-1).all(), "final_mask allows an action of each agent", mask)
        running = ~np.asarray(step.done)
        _require((mask == legal)[running].all(), "final_mask is legal while the episode runs", "they differ")
    if world.zero_sum:
        sides = [np.asarray(step.reward)[:, list(rows)].mean(-1) for rows in world.sides.values()]
        _require(np.allclose(sides[0], -sides[1], atol=1e-4), "rewards of two sides sum to zero", sides)
    if world.fixed_horizon:
        early = np.asarray(step.done)[~fresh] & (not last)
        _require(not early.any(), "no episode of a fixed horizon ends before max_steps", early)


def _random_actions(rng: np.random.Generator, legal: np.ndarray) -> np.ndarray:
    return np.argmax(rng.random(legal.shape) * legal, axis=-1).astype(np.int32)


@partial(jax.jit, static_argnames="restriction")
def _narrowed(restriction: Any, obs: Array, legal: Array) -> Array:
    return jax.vmap(restriction)(obs, legal)


def _check_restriction(world: World, obs: Array, legal: Array) -> None:
    restriction = world.restriction() if len(world.sides) == 1 else None
    if restriction is None:
        return
    same = np.asarray(_narrowed(restriction, obs, legal)) == np.asarray(legal)
    _require(same.all(), "a restriction leaves the world's own masks as they are", np.argwhere(~same))


def _check_values(world: World, obs: Any, legal: Any, step: Any = None) -> None:
    _check_restriction(world, obs, legal)
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
    exact = (obs.astype(world.observation_dtype) == obs).all()
    _require(exact, "observation_dtype holds every observation exactly", world.observation_dtype)
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
        _require(
            over.all(),
            "episodes end by max_steps",
            f"environments over after {world.max_steps} steps: {over}",
        )


def _check_repeat(world: Vectorize, key: Array, replayed: list[dict[str, Any]]) -> None:
    for time, record in enumerate(replayed):
        again = _step(world, jax.random.fold_in(key, time), record["before"], record["actions"])
        _require_same(again, record["result"], "the same key gives the same step", exact=True)


def _check_eager(world: World, key: Array, actions: Any) -> None:
    obs, state = world.reset(key)
    _require_same((obs, state, world.legal(state)), _reset(world, key), "reset is the same without jit")
    obs, after, step = world.step(key, state, actions)
    eager = (obs, after, step, world.legal(after))
    _require_same(eager, _step(world, key, state, actions), "step is the same without jit")


def _check_environments(world: World, key: Array, replayed: list[dict[str, Any]], num_envs: int) -> None:
    together = _reset(Vectorize(world, num_envs), key)
    for index, env_key in enumerate(env_keys(key, num_envs)):
        alone = _reset(world, env_key)
        _require_same(
            alone, env_slice(together, index), "an environment of many resets like a single environment"
        )
    for time, record in enumerate(replayed):
        for index, env_key in enumerate(env_keys(jax.random.fold_in(key, time), num_envs)):
            alone = _step(world, env_key, env_slice(record["before"], index), record["actions"][index])
            _require_same(
                alone,
                env_slice(record["result"], index),
                "an environment of many steps like a single environment",
            )


def _check_bad_actions(world: World, key: Array) -> None:
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
    world: World, key: Array, state: State, actions: Any, clause: str, naming: str = ""
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
