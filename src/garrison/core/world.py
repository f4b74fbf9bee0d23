"""The world protocol: what every simulator in Garrison offers.

A world is a set of pure functions over arrays. It holds nothing but a frozen description of itself;
everything that changes travels in ``state``. The names are those that JaxMARL users know.

    obs, state = world.reset(key)
    obs, state, step = world.step(key, state, actions)
    mask = world.legal(state)

One call is one environment; use ``jax.vmap`` for many. Agents are an array axis, padded to the largest agent
where they differ. Nothing resets by itself: see :mod:`garrison.core.wrappers`.

A world is a pytree. Most have no leaves, are hashable, and may be closed over by ``jit`` or passed to it as
an argument. A world that holds arrays, such as one whose opponent is a network (:mod:`garrison.core.sides`),
names their fields in ``leaf_fields`` and must be passed as an argument.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp

from garrison.core.picture import Picture, picture
from garrison.core.policy import (
    STATE,
    Actions,
    Constant,
    Mask,
    Obs,
    Policy,
    Random,
    members_of,
    observation_of,
)
from garrison.core.scene import Happening, Look, Scene
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Integer, PRNGKeyArray

if TYPE_CHECKING:
    from garrison.core.entities import Entities, Graph

State = Any
#: observations and legal actions -> those of them that are left
Restriction = Callable[[Obs, Mask], Mask]


class Step(Struct):
    """What a step returns beside the observation and the next state."""

    reward: Float32[Array, "*env agent"]
    terminated: Bool[Array, "*env"]  # the episode is over by the rules of the world
    truncated: Bool[Array, "*env"]  # the episode was cut by its time limit
    final_obs: Float32[Array, "*env agent feature"]  # the observation before any automatic reset
    #: what else the world reports: ``reward_parts``, ``events``; ``team_reward`` where the rewards of agents
    #: are split or shaped, in a world of two sides ``true_reward``, with the axis agent
    info: dict[str, Any]
    #: time that passed, in the world's ``time_unit``; None where each step takes 1
    elapsed: Float32[Array, "*env"] | None = None
    #: legal actions at ``final_obs``; None where nothing resets within the step, so that they are
    #: ``legal(state)``
    final_mask: Bool[Array, "*env agent action"] | None = None

    @property
    def done(self) -> Bool[Array, "*env"]:
        return self.terminated | self.truncated

    @property
    def team_reward(self) -> Float32[Array, "*env"]:
        """The reward that judges count; the mean over agents where the world reports no other."""
        if "team_reward" in self.info:
            return self.info["team_reward"]
        return jnp.mean(self.reward, axis=-1)


class World(ABC):
    """Base class of all worlds. Subclasses are frozen dataclasses."""

    # ------------------------------------------------------------ required

    #: registered name, e.g. ``"cc4"``
    name: str
    #: changes exactly when trajectories for a given key change
    version: str
    #: names of the agents that act, in the order of the agent axis
    agents: tuple[str, ...]
    #: actions of each agent, without padding
    action_counts: tuple[int, ...]
    #: observation length of each agent, without padding
    observation_sizes: tuple[int, ...]
    #: steps after which an episode is over at the latest
    max_steps: int

    # ------------------------------------------------------------ with defaults

    #: whether all episodes have exactly ``max_steps`` steps
    fixed_horizon: bool = False
    #: number of rewards that the official score counts; None: all
    score_steps: int | None = None
    #: the action of each agent that does nothing; None: there is none
    idle_actions: tuple[int, ...] | None = None
    #: whether one side's gain is the other's loss; only for worlds with two sides
    zero_sum: bool = False
    #: unit of ``Step.elapsed``
    time_unit: str = "step"
    #: whether an agent may have a single legal action for a while, because it is busy
    asynchronous: bool = False
    #: name of the observation contract; None where there is only one
    observation: str | None = None
    #: names of the observation contracts, each beginning with the features of those before it
    observations: tuple[str, ...] = ()
    #: NumPy's name of the smallest type that holds every number of an observation exactly; replays use it
    observation_dtype: str = "float32"
    #: what :meth:`global_state` can give
    global_state_kinds: tuple[str, ...] = ("concat",)

    #: dataclass fields that hold arrays or worlds; all other fields are static
    leaf_fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_node(cls, _flatten, partial(_unflatten, cls))

    @property
    def num_agents(self) -> int:
        return len(self.agents)

    @property
    def typical_steps(self) -> int:
        """Steps of an ordinary episode, which learners take for rollouts; ``max_steps`` by default."""
        return self.max_steps

    @property
    def num_actions(self) -> int:
        """Size of the padded action axis."""
        return max(self.action_counts)

    @property
    def observation_size(self) -> int:
        """Size of the padded observation axis."""
        return max(self.observation_sizes)

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        """Agents of each side, by position on the agent axis; one side with all agents by default."""
        return {"agents": tuple(range(self.num_agents))}

    @abstractmethod
    def reset(self, key: PRNGKeyArray) -> tuple[Obs, State]:
        """Start an episode."""

    @abstractmethod
    def step(self, key: PRNGKeyArray, state: State, actions: Actions) -> tuple[Obs, State, Step]:
        """Advance one step.

        Implementations take any ``actions`` and begin with
        :func:`~garrison.core.spaces.check_actions`, which raises ``ValueError`` for what is not these.
        """

    @abstractmethod
    def legal(self, state: State) -> Mask:
        """Which actions may be chosen; False in the padding."""

    @abstractmethod
    def action_labels(self, agent: int | str) -> list[str]:
        """One line of text per action of an agent, in index order."""

    @abstractmethod
    def observation_labels(self, agent: int | str) -> list[str]:
        """One line of text per feature of an agent's observation, in index order."""

    def global_state_size(self, kind: str = "concat") -> int:
        """Length of :meth:`global_state`. Raises ``ValueError`` for an unknown kind."""
        self._check_kind(kind)
        return sum(self.observation_sizes)

    def global_state(self, state: State, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        """What a centralized critic sees: :meth:`global_state_size` numbers.

        Args:
            state: the state of one environment.
            obs: the observations of all agents in that state.
            kind: one of ``global_state_kinds``. ``"concat"``: the unpadded observations, one after another;
                it is made from ``obs`` alone, and ``state`` may be None.

        Raises:
            ValueError: for an unknown kind.
        """
        self._check_kind(kind)
        return jnp.concatenate([obs[i, :size] for i, size in enumerate(self.observation_sizes)])

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        """Fixed policies by name, for the agents of a side (of the whole world where it has one side).

        By default ``random``, and ``idle`` where the world has ``idle_actions``. Raises ``ValueError`` for an
        unknown side, and where a world of several sides is asked without one.
        """
        rows = self.side_agents(side)
        idle = {}
        if self.idle_actions is not None:
            idle = {"idle": Constant(tuple(self.idle_actions[i] for i in rows))}
        return {**idle, "random": Random()}

    def named_policy(self, name: str, side: str | None = None) -> Policy | None:
        """A fixed policy of a side by name; None for an unknown name.

        By default one of :meth:`policies`. A world may know names of more than it lists there.
        """
        return self.policies(side).get(name)

    def teachers(self, side: str | None = None) -> dict[str, Policy]:
        """Policies by name whose choices learners of a side can be taught; by default :meth:`policies`.

        They may be privileged, as only training asks them.
        """
        return self.policies(side)

    def entities(self, side: str | None = None) -> Entities | None:
        """What observations and actions of a side are about; None, the default, where that is not said.

        Equal worlds give equal descriptions. Raises ``ValueError`` for an unknown side.
        """
        self.side_agents(side)
        return None

    def graph(self, side: str | None = None) -> Graph | None:
        """Observations and actions of a side as a graph; None, the default, where there is none.

        Equal worlds give equal graphs. Raises ``ValueError`` for an unknown side.
        """
        self.side_agents(side)
        return None

    def restriction(self, side: str | None = None) -> Restriction | None:
        """How this world narrows a wider mask, by what the agents of a side observe; None: it does not.

        Policies that learn in it keep that, and so play by its rules where more is legal. It is hashable,
        and leaves the world's own masks as they are. Raises ``ValueError`` for an unknown side.
        """
        self.side_agents(side)
        return None

    def behavior(self, side: str | None = None) -> Any:
        """How decisions of a side are counted (:class:`garrison.judge.behavior.Behavior`).

        None, the default, counts by action label.
        """
        return None

    def diagnosis(self, side: str | None = None) -> Any:
        """What is counted to tell where a side loses (:class:`garrison.judge.diagnosis.Diagnosis`).

        None, the default, counts nothing.
        """
        return None

    def targets(self, side: str | None = None) -> Any:
        """What actions of a side are aimed at, and its states (:class:`garrison.judge.targets.Targets`).

        None, the default: the world does not describe them.
        """
        return None

    def assets(self, side: str | None = None) -> Any:
        """The hosts that show how resilient a side's defense is (:class:`garrison.judge.assets.Assets`).

        None, the default: the world does not describe them.
        """
        return None

    def observations_of(self, side: str) -> tuple[str, ...]:
        """The observation contracts of one side; all of the world's by default."""
        return self.observations

    def observe_as(self, name: str) -> Self:
        """This world under the observation contract ``name``: same keys, same trajectories.

        A world of several contracts has its own in the field ``observation``.

        Raises ``ValueError`` for a contract that the world does not have.
        """
        if name not in self.observations:
            raise ValueError(
                f"world {self.name!r} has no observation contract {name!r}; it has: "
                + (", ".join(self.observations) or "a single one without a name")
            )
        if name == self.observation:
            return self
        world: Any = self  # a dataclass with this field
        return dataclasses.replace(world, observation=name)

    def native_policies(self, side: str) -> tuple[str, ...]:
        """Names of the policies of a side that the world's own code plays; none by default."""
        return ()

    def with_native(self, side: str, policy: str) -> World:
        """The world of the other side, in which the world's own code decides for ``side`` by ``policy``.

        Raises ``ValueError`` for a policy that is not one of ``native_policies(side)``.
        """
        raise ValueError(
            f"world {self.name!r} has no native policy {policy!r} of side {side!r}; it has: "
            + (", ".join(self.native_policies(side)) or "none")
        )

    def with_scripts(self, side: str, policies: Iterable[str]) -> World:
        """This two-sided world with native policies of ``side`` among its ``policies(side)``.

        Raises ``ValueError`` for policies that the world cannot add.
        """
        if missing := sorted(set(policies) - set(self.policies(side))):
            raise ValueError(
                f"world {self.name!r} plays {', '.join(missing)} of side {side!r} as an opponent only"
            )
        return self

    def during(self, progress: Float32[Array, ""] | float) -> Self:
        """This world as learners meet it when a fraction (0-1) of the training is done.

        Only rewards may differ. Itself by default.
        """
        return self

    def two_sided(self) -> World | None:
        """The world with both sides of which this is one side; None where that does not exist."""
        return self if len(self.sides) == 2 else None

    def drawn(self, state: State) -> dict[str, Integer[Array, ""]]:
        """What the reset of an episode drew, as whole numbers by name, for infos; nothing by default."""
        return {}

    def describe(self, state: State) -> dict[str, Any]:
        """The state of one environment as JSON-ready data, for people."""
        raise NotImplementedError(f"world {self.name!r} has no description of its state")

    def narrate(self, state: State, actions: Any, after: State, step: Step) -> list[str]:
        """What happened in one step of one environment, a line per event, for people."""
        raise NotImplementedError(f"world {self.name!r} does not narrate its steps")

    def logs(self, state: State, after: State, format: str = "native") -> list[str]:
        """Lines of log that reached the defenders in one step, in NumPy, of one environment; none by default.

        Args:
            format: of the lines, one that the world has.
        """
        return []

    def scene(self, state: State) -> Scene:
        """Places and hosts of the episode of a state, in NumPy, of one environment, for viewers."""
        raise NotImplementedError(f"world {self.name!r} cannot be drawn")

    def look(self, state: State) -> Look:
        """What can be seen in a state, in NumPy, of one environment, for viewers."""
        raise NotImplementedError(f"world {self.name!r} cannot be drawn")

    def happenings(self, state: State, actions: Any, after: State, step: Step) -> list[Happening]:
        """What viewers point out in one step, in NumPy, of one environment; nothing by default."""
        return []

    # ------------------------------------------------------------ derived

    def render(self, state: State, view: str | None = None) -> Picture:
        """A picture of the state of one environment as SVG, which notebooks show.

        Args:
            view: of ``scene(state).views``; the first by default, which shows what is true.

        Raises:
            ValueError: for an unknown view.
            NotImplementedError: for a world that cannot be drawn.
        """
        state = jax.device_get(state)
        return picture(self.scene(state), self.look(state), view)

    def agent_index(self, agent: int | str) -> int:
        """Position of an agent on the agent axis; raises ``ValueError`` naming what is possible."""
        if isinstance(agent, str) and agent in self.agents:
            return self.agents.index(agent)
        if not isinstance(agent, (str, bool)) and 0 <= int(agent) < self.num_agents:
            return int(agent)
        raise ValueError(
            f"no agent {agent!r} in world {self.name!r}; agents: {', '.join(self.agents)} "
            f"(or an index below {self.num_agents})"
        )

    def side_agents(self, side: str | None) -> tuple[int, ...]:
        """Positions of a side's agents; None stands for the only side.

        Raises ``ValueError`` for an unknown side, and for None where there are several.
        """
        sides = self.sides
        if side is None and len(sides) == 1:
            return next(iter(sides.values()))
        if side is None or side not in sides:
            asked = f"no side {side!r} in world {self.name!r}" if side else f"name a side of {self.name!r}"
            raise ValueError(f"{asked}; sides: {', '.join(sides)}")
        return sides[side]

    def _check_kind(self, kind: str) -> None:
        if kind not in self.global_state_kinds:
            raise ValueError(
                f"world {self.name!r} has no global state {kind!r}; it has: "
                f"{', '.join(self.global_state_kinds)}"
            )


def observed_by(world: World, policies: Iterable[Any]) -> World:
    """``world`` under the smallest observation contract that serves its own learners and all ``policies``.

    Contracts begin with the features of those before them, so a policy of an earlier one reads the first
    features. Raises ``ValueError`` for a policy whose contract the world does not have.
    """
    contracts = {observation_of(one) for policy in policies for one in members_of(policy)}
    read = {name for name in contracts if name is not None and name != STATE}
    if unknown := read - set(world.observations):
        world.observe_as(min(unknown))
    if not read:
        return world
    order = world.observations
    return world.observe_as(max({*read, world.observation or order[0]}, key=order.index))


def _flatten(world: World) -> tuple[tuple[Any, ...], Any]:
    if not world.leaf_fields:
        return (), world
    made: Any = world  # a dataclass, as all worlds are that have fields
    static = tuple(
        (field.name, getattr(world, field.name))
        for field in dataclasses.fields(made)
        if field.name not in world.leaf_fields
    )
    return tuple(getattr(world, name) for name in world.leaf_fields), static


def _unflatten(cls: type[World], static: Any, leaves: tuple[Any, ...]) -> World:
    if not cls.leaf_fields:
        return static
    world = object.__new__(cls)  # without __post_init__: JAX unflattens with placeholders too
    for name, value in (*static, *zip(cls.leaf_fields, leaves, strict=True)):
        object.__setattr__(world, name, value)
    return world
