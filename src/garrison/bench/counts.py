"""What does not depend on the machine: equations of a program, bytes of a state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import nbytes
from garrison.core.world import World


def equations(jaxpr: Any) -> int:
    """Equations of a traced program, those of inner programs included."""
    return sum(1 + sum(map(equations, _inner(equation.params.values()))) for equation in jaxpr.eqns)


def _inner(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                yield one


def sizes(world: World) -> dict[str, Any]:
    """What one environment holds, what a step of it reads and writes at least, and how long its program is.

    ``bytes_by_part``: of the state, by its first field. ``bytes_changed``: of the leaves that a step gives a
    new value; the others it reads and hands on. ``bytes_seen``: of an observation and a mask of all agents.
    """
    key = jax.random.key(0)
    obs, state = jax.eval_shape(world.reset, key)
    actions = jnp.zeros(world.num_agents, jnp.int32)
    traced = jax.make_jaxpr(lambda state: world.step(key, state, actions)[1])(state).jaxpr
    given = set(map(id, traced.invars))
    changed = [var.aval for var in traced.outvars if id(var) not in given]
    parts: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = jax.tree_util.keystr(path[:1], simple=True) or "state"
        parts[name] = parts.get(name, 0) + nbytes(leaf)
    step = jax.make_jaxpr(world.step)(key, state, actions)
    return {
        "bytes_per_environment": nbytes(state),
        "bytes_by_part": parts,
        "bytes_changed": nbytes(changed),
        "bytes_seen": nbytes((obs, jax.eval_shape(world.legal, state))),
        "equations_in_step": equations(step.jaxpr),
    }
