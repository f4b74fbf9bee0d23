"""Every clause of ``check_world`` is broken by some world here, and named when it is."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from array_types import unchecked

from garrison.core.policy import Constant
from garrison.core.testing import check_world
from garrison.core.world import World
from garrison.worlds.toy.network import Network
from garrison.worlds.toy.probes import Credit, Discount, Pursuit
from garrison.worlds.toy.timed import Timer

KEY = jax.random.key(0)
calls = itertools.count()


def broken(base: type[World], **attributes) -> World:
    """``base`` with some of its methods and attributes replaced."""
    return dataclass(frozen=True)(type("Broken", (base,), attributes))()


def stepping(change, base: type[World] = Credit) -> World:
    """A world whose ``step`` returns ``change(obs, state, step)`` of what it should."""

    def step(self, key, state, actions):
        return change(*base.step(self, key, state, actions))

    return broken(base, step=step)


def endless(obs, state, step):
    return obs, state, step.replace(terminated=jnp.zeros((), bool))


def rewarding(reward) -> World:
    return stepping(lambda obs, state, step: (obs, state, step.replace(reward=reward(step.reward))))


def resetting(change) -> World:
    """A world whose ``reset`` returns ``change(obs, state)`` of what it should."""
    return broken(Credit, reset=lambda self, key: change(*Credit.reset(self, key)))


def taking(change) -> World:
    """A world that does ``change(actions)`` before it checks them."""
    return broken(
        Credit, step=lambda self, key, state, actions: Credit.step(self, key, state, change(actions))
    )


def from_outside(function):
    """A scalar that ``function`` computes outside of JAX; its array has one element per environment."""
    scalar = jax.ShapeDtypeStruct((), jnp.float32)
    return lambda x: jax.pure_callback(function, scalar, jnp.sum(x), vmap_method="expand_dims")


counted = from_outside(lambda x: np.full_like(x, next(calls)))
dimensions = from_outside(lambda x: np.full_like(x, x.ndim))


def reset_with_key(self, key):
    obs, state = Credit.reset(self, key)
    return obs, (state, key)


def step_with_key(self, key, state, actions):
    obs, inner, step = Credit.step(self, key, state[0], actions)
    return obs, (inner, key), step


def rude_step(self, key, state, actions):
    try:
        return Credit.step(self, key, state, actions)
    except ValueError:
        raise ValueError("no") from None


class ByNobody:
    axes, phases = {"action": ("left", "right")}, ("all",)

    def decisions(self, state, actions, after, step):
        return jnp.ones(2, bool), (actions,)


class AtNothing:
    kinds, graph, severity, owners = ("look",), None, "state", np.zeros(3, int)
    views = {"state": ("good", "bad")}

    def aims(self, state, actions, after, step):
        none = jnp.zeros(1, jnp.int32)
        return jnp.ones(1, bool), none, none, (jnp.zeros(2, jnp.int32),)


class OfNobody:
    """Assets without flags."""

    attacks = ("attack",)

    def start(self, state):
        return ()

    def harm(self, fixed, state, actions, after, step):
        return (jnp.zeros(3),)


class Thawed(Credit):
    """A subclass of a frozen dataclass is frozen only if it is one itself."""


BROKEN = {
    "version is a non-empty string": broken(Credit, version=""),
    "name is a non-empty string": broken(Credit, name=None),
    "max_steps is at least 1": broken(Credit, max_steps=0),
    "a world equals its copy": broken(
        Credit, __eq__=lambda self, other: self is other, __hash__=lambda self: 0
    ),
    "a world hashes like its copy": broken(Credit, __hash__=lambda self: id(self)),
    "a world is frozen": Thawed(),
    "agents have distinct names": broken(Credit, agents=("a", "a")),
    "one action size per agent": broken(Credit, action_counts=(2, 2)),
    "as many action labels as actions": broken(Credit, action_labels=lambda self, agent: ["left"]),
    "observation labels by name are those by index": broken(
        Credit, observation_labels=lambda self, agent: [str(agent)] * 2
    ),
    "observation of reset is float32(1, 2)": resetting(lambda obs, state: (obs[0], state)),
    "observation of step is float32(1, 2)": stepping(lambda obs, state, step: (obs > 0, state, step)),
    "final_obs is float32(1, 2)": stepping(
        lambda obs, state, step: (obs, state, step.replace(final_obs=obs[0]))
    ),
    "reward is float32(1,)": rewarding(lambda reward: reward > 0),
    "truncated is bool()": stepping(
        lambda obs, state, step: (obs, state, step.replace(truncated=state.time))
    ),
    "legal is bool(1, 2)": broken(Credit, legal=lambda self, state: jnp.ones((1, 2))),
    "the state of step has the structure of the state of reset": stepping(
        lambda obs, state, step: (obs, (state,), step)
    ),
    "no leaf is weakly typed": rewarding(lambda reward: jnp.where(reward > 0, 1.0, 0.0)),
    "a step keeps shapes and dtypes of the state": stepping(
        lambda obs, state, step: (obs, state.replace(time=state.time.astype(jnp.int8)), step)
    ),
    "no key is in the state": broken(Credit, reset=reset_with_key, step=step_with_key),
    "the padding of legal is False": broken(Network, legal=lambda self, state: jnp.ones((2, 7), bool)),
    "an agent always has a legal action": broken(Credit, legal=lambda self, state: jnp.zeros((1, 2), bool)),
    "the padding of observations is zero": stepping(lambda obs, state, step: (obs + 1, state, step), Network),
    "the padding of final_obs is zero": stepping(
        lambda obs, state, step: (obs, state, step.replace(final_obs=obs + 1)), Network
    ),
    "all numbers are finite": rewarding(lambda reward: reward / 0),
    "final_obs is the observation while the episode runs": stepping(
        lambda obs, state, step: (obs, state, step.replace(final_obs=obs + 1)), Discount
    ),
    "episodes end by max_steps": stepping(endless),
    "the same key gives the same step": rewarding(lambda reward: reward + counted(reward)),
    "reset is the same without jit": resetting(lambda obs, state: (obs + next(calls), state)),
    "step is the same without jit": rewarding(lambda reward: reward + next(calls)),
    "an environment of many resets like a single environment": resetting(
        lambda obs, state: (obs + dimensions(obs), state)
    ),
    "an environment of many steps like a single environment": rewarding(
        lambda reward: reward + dimensions(reward)
    ),
    "each agent is on one side": broken(Pursuit, sides={"chaser": (0,), "evader": (0,)}),
    "a zero-sum world has two sides": broken(Credit, zero_sum=True),
    "score_steps is in 1 .. max_steps": broken(Credit, score_steps=2),
    "idle_actions has an action of each agent": broken(Credit, idle_actions=(2,)),
    "observation is one of observations": broken(Credit, observation="rich"),
    "observe_as changes the observations alone": broken(
        Credit, observation="a", observations=("a", "b"), observe_as=lambda self, name: self
    ),
    "the contracts of a side are among the world's": broken(
        Credit, observations_of=lambda self, side: ("none",)
    ),
    "the global state 'concat' is float32(2,)": broken(
        Credit, global_state=lambda self, state, obs, kind="concat": obs
    ),
    "a policy gives int32[agent]": broken(Credit, policies=lambda self, side=None: {"two": Constant((0, 1))}),
    "behavior says who decided": broken(Credit, behavior=lambda self, side=None: ByNobody()),
    "each view has a state per target": broken(Credit, targets=lambda self, side=None: AtNothing()),
    "assets gives two flags of three roles": broken(Credit, assets=lambda self, side=None: OfNobody()),
    "elapsed is float32()": stepping(lambda obs, state, step: (obs, state, step.replace(elapsed=obs))),
    "elapsed is not below 0": stepping(
        lambda obs, state, step: (obs, state, step.replace(elapsed=-jnp.ones(())))
    ),
    "where time is reported, an ended episode stands still": stepping(
        lambda obs, state, step: (obs, state, step.replace(terminated=jnp.ones((), bool))),
        type(broken(Timer, fixed_horizon=False)),
    ),
    "typical_steps is in 1 .. max_steps": broken(Credit, typical_steps=2),
    "final_mask allows an action of each agent": stepping(
        lambda obs, state, step: (obs, state, step.replace(final_mask=jnp.zeros((1, 2), bool)))
    ),
    "final_mask is legal while the episode runs": stepping(
        lambda obs, state, step: (obs, state, step.replace(final_mask=jnp.eye(2, dtype=bool)[:1])), Discount
    ),
    "rewards of two sides sum to zero": stepping(
        lambda obs, state, step: (obs, state, step.replace(reward=step.reward + 1)), Pursuit
    ),
    "no episode of a fixed horizon ends before max_steps": stepping(
        lambda obs, state, step: (obs, state, step.replace(terminated=jnp.ones((), bool))), Discount
    ),
    "actions of a wrong dtype raise ValueError": taking(lambda actions: jnp.asarray(actions, jnp.int32)),
    "actions of a wrong shape raise ValueError": taking(lambda actions: actions[:1]),
    "an action out of range raises ValueError": taking(lambda actions: actions.clip(0, 1)),
    "an action out of range raises ValueError that names the agent": broken(Credit, step=rude_step),
}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_clause_is_found_and_named(clause):
    with unchecked(), pytest.raises(AssertionError) as error:  # as for a world outside of Garrison
        check_world(BROKEN[clause], KEY)
    assert str(error.value).startswith(f"check_world: {clause}")


def test_fewer_steps_leave_the_end_unchecked():
    check_world(stepping(endless, Discount), KEY, steps=2)
    with pytest.raises(AssertionError, match="episodes end by max_steps"):
        check_world(stepping(endless, Discount), KEY, steps=3)
