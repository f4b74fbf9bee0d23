"""CAGE Challenge 4 as a world: the glue between the engine and the protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

import jax
import jax.numpy as jnp

from garrison.core.policy import Policy
from garrison.core.spaces import check_actions
from garrison.core.struct import struct
from garrison.core.world import Step, World
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import observe, rich, topology
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue as blue_players
from garrison.worlds.cc4.agents import green, red
from garrison.worlds.cc4.behavior import BLUE
from garrison.worlds.cc4.behavior import Blue as Behavior
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options, default_options
from garrison.worlds.cc4.reward import reward_parts
from garrison.worlds.cc4.rich import BlueMemory
from garrison.worlds.cc4.state import State, initial_state
from garrison.worlds.cc4.step import turn
from garrison.worlds.cc4.topology import Topology
from garrison.worlds.cc4.topology_checks import check


@struct
class Episode:
    """What travels from step to step: the changing state beside what is fixed for the episode."""

    state: State
    topology: Topology
    options: Options
    blue_memory: BlueMemory | None = None  # what the rich observation adds; None under stock


OBSERVATIONS = ("stock", "rich")
BUSY = ("free", "masked")


def play(
    draws: Draws, episode: Episode, blue: jax.Array, red_action: RedAction, green_kind: jax.Array
) -> tuple[Episode, Events, dict[str, jax.Array], jax.Array]:
    """The one door to the engine, whoever decides.

    Args:
        blue: action indices ``int[blue]`` (§7.1).
        red_action: one decision per red agent; invalid ones become InvalidAction (§3.2.3).
        green_kind: tables.Green ``uint8[green]``.

    Returns:
        The next episode, its events, the parts of blue's reward, and whether the episode is over (§7.7).
    """
    options = episode.options
    state, events = turn(draws, episode.topology, options, episode.state, blue, red_action, green_kind)
    done = state.step >= jnp.asarray(options.steps) - 1
    memory = episode.blue_memory
    if memory is not None:
        memory = rich.remember(memory, episode.state, events, state)
    with jax.named_scope("reward"):
        parts = reward_parts(options, state, events)
    return episode.replace(state=state, blue_memory=memory), events, parts, done


class BlueSide(World):
    """What a world of CC4 with blue as the learning side says of itself, whichever engine it plays on.

    A dataclass that is derived from it has the field ``observation``, the contract's name.
    """

    observation: str

    observations = OBSERVATIONS
    agents = T.BLUE_AGENTS
    action_counts = T.BLUE_ACTION_COUNTS
    idle_actions = blue_players.SLEEP  # what the field calls idle: each agent's Sleep

    @property
    def observation_sizes(self) -> tuple[int, ...]:  # type: ignore[override]
        return T.BLUE_OBSERVATION_SIZES if self.observation == "stock" else rich.OBSERVATION_SIZES

    @property
    def score_steps(self) -> int:
        """Rewards that the official score counts: the last one is dropped (§8, Q28)."""
        return self.max_steps - 1

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"blue": tuple(range(T.NUM_BLUE))}

    def observe_as(self, name: str) -> Self:
        """This world under another contract. Rich observations begin with the stock ones."""
        if name not in self.observations:
            return super().observe_as(name)
        return dataclasses.replace(self, observation=name)

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        return dict(blue_players.PLAYERS)

    def behavior(self, side: str | None = None) -> Behavior:
        self.side_agents(side)
        return BLUE

    def action_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.blue_action_labels(self.agent_index(agent))

    def observation_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.blue_observation_labels(self.agent_index(agent), self.observation)


@dataclasses.dataclass(frozen=True)
class CC4(BlueSide):
    """CAGE Challenge 4 with blue as the learning side. See ``docs/worlds/cc4.md``.

    Jitted code treats an action index outside an agent's list, or on a host that does not exist, as Sleep.
    """

    red: str = "fsm"
    green: str = "enterprise"
    overrides: tuple[tuple[str, Any], ...] = ()
    observation: str = "stock"  # "rich" adds what CybORG tells beside the vector (§7.6)
    busy: str = "free"  # "masked" leaves an agent Sleep alone while its action is in progress

    name = "cc4"
    version = "1"
    fixed_horizon = True  # all lanes end together, so resets can stay outside the step graph

    @property
    def max_steps(self) -> int:  # type: ignore[override]
        return int(self.options.steps) - 1

    @property
    def options(self) -> Options:
        return _options(self.red, self.overrides)

    # ------------------------------------------------------------ the protocol

    def reset(
        self, key: jax.Array, options: Options | None = None, network: Topology | None = None
    ) -> tuple[jax.Array, Episode]:
        """Start an episode on a network drawn from ``key``, or on the given one.

        ``options`` replaces the world's own; its leaves may differ per lane under ``vmap``.
        """
        options = self.options if options is None else options
        if network is None:
            network = topology.generate(key, options)
        episode = self.begin(network, options)
        return self.observe(episode), episode

    def begin(self, network: Topology, options: Options | None = None) -> Episode:
        """The first state of an episode on a given network.

        Raises:
            ValueError: outside jit, when it is not a network of CC4; names the field.
        """
        check(network)
        options = self.options if options is None else options
        memory = rich.initial_memory() if self.observation == "rich" else None
        episode = Episode(initial_state(network), network, options, memory)
        return jax.tree.map(jnp.asarray, episode)

    def step(
        self, key: jax.Array, state: Episode, actions: jax.Array, messages: jax.Array | None = None
    ) -> tuple[jax.Array, Episode, Step]:
        """One step with the random numbers of ``key``; see :meth:`step_with`."""
        with jax.named_scope("draws"):
            draws = draw.sample(key)
        return self.step_with(draws, state, actions, messages)

    def step_with(
        self, draws: Draws, state: Episode, actions: jax.Array, messages: jax.Array | None = None
    ) -> tuple[jax.Array, Episode, Step]:
        """One step with given random numbers: deterministic.

        Args:
            actions: ``int32[blue]``. ``messages``: bits ``[blue, 8]`` that the agents send, delivered in
                the observation returned here (§7.5); zeros by default.

        Raises:
            ValueError: outside jit, for actions of a wrong shape or dtype or out of range.
        """
        check_actions(self, actions)
        with jax.named_scope("red_decide"):
            red_action, memory = red.decide(self.red, draws, state.options, state.state)
        green_kind = green.decide(self.green, draws)
        episode, events, parts, done = play(
            draws, state.replace(state=memory), jnp.asarray(actions), red_action, green_kind
        )
        with jax.named_scope("observe"):
            obs = self.observe(episode, messages)
        reward = sum(parts.values())
        return (
            obs,
            episode,
            Step(
                reward=jnp.broadcast_to(reward, (T.NUM_BLUE,)),
                terminated=done,
                truncated=done,
                final_obs=obs,
                info={"events": events, "reward_parts": parts},
            ),
        )

    def observe(self, episode: Episode, messages: jax.Array | None = None) -> jax.Array:
        """Blue's observations ``float32[blue, 210]``, under the rich contract ``float32[blue, 892]``."""
        if messages is None:
            messages = jnp.zeros((T.NUM_BLUE, T.MESSAGE_BITS), jnp.uint8)
        vectors = observe.blue_vectors(episode.topology, episode.state, messages)
        if self.observation == "stock":
            return vectors
        return rich.rich_vectors(
            vectors, episode.topology, episode.options, episode.state, episode.blue_memory
        )

    def legal(self, state: Episode) -> jax.Array:
        mask = observe.blue_masks(state.topology)
        if self.busy == "free":
            return mask
        return observe.sleep_while_busy(mask, state.state)

    def describe(self, state: Episode) -> dict[str, Any]:
        from garrison.worlds.cc4 import describe

        return describe.state_summary(state)

    def narrate(self, state: Episode, actions: Any, after: Episode, step: Step) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.event_lines(state, after, step.info["events"])


@lru_cache(maxsize=64)
def _options(red_policy: str, overrides: tuple[tuple[str, Any], ...]) -> Options:
    return default_options(red_policy, **dict(overrides))
