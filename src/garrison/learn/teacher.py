"""A scripted policy whose choices networks learn: in every state that the networks reach, it says its own.

With PPO's objective beside it this is kickstarting (Schmitt et al. 2018, arXiv 1803.03835); without it
(``policy_coef`` 0), imitation on states of the learner's own, as in DAgger (Ross et al. 2011).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core import policy
from garrison.core.policy import Policy
from garrison.core.typing import Array, Float, Float32, Int32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import optim
from garrison.learn.rollout import Seen, Teach

NOTHING = -1  # the teacher's action where it has none that is legal


def of(name: str | None, world: World) -> Policy | None:
    """The teacher of that name; None for None.

    A privileged one reads the state; of others, ``ValueError`` is raised for those that read more than the
    learners see. Likewise for policies that the world does not have.
    """
    if name is None:
        return None
    policies = world.teachers()
    if name not in policies:
        raise ValueError(
            f"teacher is {name!r}; policies of world {world.name!r}: {', '.join(policies) or 'none'}"
        )
    teacher = policies[name]
    reads, order = policy.observation_of(teacher), world.observations
    if reads is None or reads == policy.STATE:
        return teacher
    if reads not in order or world.observation not in order:
        raise ValueError(f"teacher {name!r} reads {reads!r}, which no agent of world {world.name!r} sees")
    if order.index(reads) > order.index(world.observation):
        raise ValueError(
            f"teacher {name!r} reads the observation {reads!r}, the learners {world.observation!r}: train "
            f"with observation={reads}"
        )
    return teacher


def memory(teacher: Policy, key: PRNGKeyArray, world: World, num_envs: int) -> Any:
    """The teacher's memory where episodes begin: leaves [env, ...]."""
    return jax.vmap(lambda key: teacher.init(key, world.num_agents))(jax.random.split(key, num_envs))


def teach(teacher: Policy, world: World) -> Teach:
    """What the teacher would do; :data:`NOTHING` where that is not legal."""

    def choose(key: Array, before: Any, seen: Seen, state: Any) -> tuple[Any, Array]:
        assert seen.mask is not None  # as an action is asked for
        start_key, act_key = jax.random.split(key)
        num_envs = len(seen.first)
        fresh = memory(teacher, start_key, world, num_envs)
        own = jax.tree.map(lambda new, old: jax.vmap(jnp.where)(seen.first, new, old), fresh, before)
        keys = jax.random.split(act_key, num_envs)
        act = partial(policy.act, teacher)
        actions, after = jax.vmap(act)(keys, seen.obs, state, seen.mask, own)
        legal = jnp.take_along_axis(seen.mask, actions[..., None], axis=-1)[..., 0]
        return after, jnp.where(legal, actions, NOTHING)

    return choose


def weights(
    config: Any,
    actions: Int32[Array, "*rows"],
    decides: Float32[Array, "*rows"],
    progress: Float[Array, ""] | float,
) -> Float32[Array, "*rows"]:
    """How much each of the teacher's actions counts; ``progress`` is from 0 to 1."""
    end = config.teacher_coef if config.teacher_end is None else config.teacher_end
    coef = optim.linear(config.teacher_coef, end, jnp.minimum(progress / config.teacher_until, 1.0))
    return jnp.where(actions >= 0, decides * coef, 0.0)
