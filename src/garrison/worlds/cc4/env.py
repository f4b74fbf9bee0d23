"""CAGE Challenge 4 as a world: the glue between the engine and the protocol."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.entities import Entities
from garrison.core.policy import Actions, Mask, Obs, Policy
from garrison.core.scene import Happening, Look, Scene
from garrison.core.spaces import check_actions
from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Float32, Int, Integer, PRNGKeyArray, Shaped, UInt16
from garrison.core.world import Restriction, Step, World
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import (
    entities,
    observe,
    recall,
    red_acts,
    reds,
    restrict,
    rich,
    roles,
    topology,
    truth,
)
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue, green, red
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.assets import BLUE as BLUE_ASSETS
from garrison.worlds.cc4.assets import Blue as Assets
from garrison.worlds.cc4.banks import Bank
from garrison.worlds.cc4.behavior import BLUE
from garrison.worlds.cc4.behavior import Blue as Behavior
from garrison.worlds.cc4.diagnosis import BLUE as BLUE_DIAGNOSIS
from garrison.worlds.cc4.diagnosis import Blue as Diagnosis
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.messages import sent
from garrison.worlds.cc4.options import Options, default_options
from garrison.worlds.cc4.recall import Recall
from garrison.worlds.cc4.red_acts import RedActs
from garrison.worlds.cc4.reward import reward_parts
from garrison.worlds.cc4.rich import BlueMemory
from garrison.worlds.cc4.state import State, initial_state
from garrison.worlds.cc4.step import turn
from garrison.worlds.cc4.targets import BLUE as BLUE_TARGETS
from garrison.worlds.cc4.targets import Blue as Targets
from garrison.worlds.cc4.topology import Topology
from garrison.worlds.cc4.topology_checks import check


class Episode(Struct):
    """What travels from step to step: the changing state beside what is fixed for the episode."""

    state: State
    topology: Topology
    options: Options
    blue_memory: BlueMemory | None = None  # what the rich observation adds; None under stock
    red_memory: FsmMemory | None = None  # of scripted reds; None where none plays that remembers
    recall: Recall | None = None  # what the contract recall adds; None below it
    red_acts: RedActs | None = None  # what red's observation "acts" adds; None without it
    #: which entry of each axis of the world's bank was drawn; None where nothing was
    entries: dict[str, UInt16[Array, "*env"]] | None = None


#: each begins with the features of those before it; the last is for critics alone
OBSERVATIONS = ("stock", "rich", "recall", "true")
BUSY = ("free", "masked")
#: what the last step of an episode is: terminated, truncated
ENDS = {"both": (True, True), "terminated": (True, False), "truncated": (False, True)}


def play(
    draws: Draws,
    episode: Episode,
    blue: Int[Array, "blue"],
    red_action: RedAction,
    green_kind: Integer[Array, "green"],
) -> tuple[Episode, Events, dict[str, Float32[Array, ""]], Bool[Array, ""]]:
    """The one door to the engine, whoever decides.

    Args:
        blue: action indices (§7.1).
        red_action: one decision per red agent; invalid ones become InvalidAction (§3.2.3).
        green_kind: of tables.Green.

    Returns:
        The next episode, its events, the parts of blue's reward, and whether the episode is over (§7.7).
    """
    options = episode.options
    state, events = turn(draws, episode.topology, options, episode.state, blue, red_action, green_kind)
    done = state.step >= jnp.asarray(options.steps) - 1
    memory, recalled = episode.blue_memory, episode.recall
    if memory is not None and recalled is not None:
        recalled = recall.remember(recalled, memory, events)
    if memory is not None:
        memory = rich.remember(memory, episode.state, events, state)
    with jax.named_scope("reward"):
        parts = reward_parts(options, state, events)
    return episode.replace(state=state, blue_memory=memory, recall=recalled), events, parts, done


def blue_vectors(
    contract: str, episode: Episode, messages: Shaped[Array, "blue 8"] | None
) -> Float32[Array, "blue feature"]:
    """Blue's observations: 210 features under ``stock``, 892 under ``rich``, 1,132 under ``recall``."""
    if messages is None:
        messages = jnp.zeros((T.NUM_BLUE, T.MESSAGE_BITS), jnp.uint8)
    vectors = observe.blue_vectors(episode.topology, episode.state, messages)
    if contract == "stock":
        return vectors
    state, memory, recalled = episode.state, episode.blue_memory, episode.recall
    assert memory is not None  # as it is under all other contracts
    vectors = rich.rich_vectors(vectors, episode.topology, episode.options, state, memory)
    if contract == "rich":
        return vectors
    assert recalled is not None
    vectors = recall.recall_vectors(vectors, episode.topology, recalled)
    return vectors if contract == "recall" else truth.true_vectors(vectors, state)


def blue_masks(busy: str, traffic: str, idle: str, episode: Episode) -> Bool[Array, "blue action"]:
    """Blue's legal actions, by the options of the world."""
    state = episode.state
    mask = observe.blue_masks(episode.topology)
    if (traffic, idle) != ("free", "free"):
        blocked, wanted = restrict.of_state(state.blocked, state.phase)
        mask = restrict.restricted(mask, state.blue_ticks > 0, blocked, wanted, traffic, idle)
    return mask if busy == "free" else observe.sleep_while_busy(mask, state.blue_ticks > 0)


def blue_restriction(observation: str, busy: str, traffic: str, idle: str) -> Restriction | None:
    """What the options forbid blue, as far as its observations tell."""
    if observation == "stock" or (busy, traffic, idle) == ("free", "free", "free"):
        return None
    return restrict.Restriction(busy, traffic, idle)


def blue_entities(observation: str, traffic: str, messages: str) -> Entities:
    """Blue's entities, by the options of the world."""
    return entities.of_blue(observation, links=traffic != "off", messages=messages != "none")


_SIZES = {
    "stock": T.BLUE_OBSERVATION_SIZES,
    "rich": rich.OBSERVATION_SIZES,
    "recall": recall.OBSERVATION_SIZES,
    "true": truth.OBSERVATION_SIZES,
}


def blue_observation_sizes(contract: str) -> tuple[int, ...]:
    """Lengths of blue's observations without padding at their end."""
    return _SIZES[contract]


class BlueSide(World):
    """What a world of CC4 with blue as the only side says of itself, whichever engine it plays on.

    A dataclass that is derived from it has these fields; ``observation`` is the contract's name.
    """

    observation: str
    busy: str
    traffic: str
    idle: str
    messages: str

    observations = OBSERVATIONS
    agents = T.BLUE_AGENTS
    action_counts = T.BLUE_ACTION_COUNTS
    idle_actions = blue.SLEEP  # what the field calls idle: each agent's Sleep
    global_state_kinds = ("concat", "compact")

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        return blue_observation_sizes(self.observation)

    @property
    def observation_dtype(self) -> str:
        return "uint8" if self.observation == "stock" else "float32"  # bits, and a phase of 0 to 2

    @property
    def asynchronous(self) -> bool:
        return self.busy == "masked"

    @property
    def score_steps(self) -> int:
        """Rewards that the official score counts: the last one is dropped (§8, Q28)."""
        return self.max_steps - 1

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        return {"blue": tuple(range(T.NUM_BLUE))}

    def global_state_size(self, kind: str = "concat") -> int:
        self._check_kind(kind)
        stock = sum(T.BLUE_OBSERVATION_SIZES) if kind == "concat" else observe.COMPACT_SIZE
        if self.observation == "stock":
            return stock
        return stock + sum(size - rich.START for size in self.observation_sizes)

    def global_state(self, state: Any, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        """What a centralized critic sees: :meth:`global_state_size` numbers.

        ``"concat"``: the observations one after another, without padding, also within rich ones.
        ``"compact"``: the same numbers, but each once: the phase, the seven subnets' blocks, each agent's
        message; then what rich observations add.
        """
        self._check_kind(kind)
        stock = observe.concatenated(obs) if kind == "concat" else observe.compact(obs)
        if self.observation == "stock":
            return stock
        sizes = enumerate(self.observation_sizes)
        return jnp.concatenate([stock, *(obs[agent, rich.START : size] for agent, size in sizes)])

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        return dict(blue.POLICIES)

    def entities(self, side: str | None = None) -> Entities:
        self.side_agents(side)
        return blue_entities(self.observation, self.traffic, self.messages)

    def restriction(self, side: str | None = None) -> Restriction | None:
        """None under the stock contract, too: it does not tell who is busy."""
        self.side_agents(side)
        return blue_restriction(self.observation, self.busy, self.traffic, self.idle)

    def behavior(self, side: str | None = None) -> Behavior:
        self.side_agents(side)
        return BLUE

    def diagnosis(self, side: str | None = None) -> Diagnosis | None:
        self.side_agents(side)
        return BLUE_DIAGNOSIS

    def assets(self, side: str | None = None) -> Assets:
        self.side_agents(side)
        return BLUE_ASSETS

    def action_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.blue_action_labels(self.agent_index(agent))

    def observation_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.blue_observation_labels(self.agent_index(agent), self.observation)


@dataclasses.dataclass(frozen=True)
class Simulation(World):
    """CAGE Challenge 4 on Garrison's engine, whichever sides act. States are :class:`Episode`."""

    green: str = "enterprise"
    overrides: tuple[tuple[str, Any], ...] = ()  # of Options
    observation: str = "stock"  # of blue; "rich" and "recall" add to the vector (§7.6), "true" is all
    busy: str = "free"  # "masked" leaves a blue agent Sleep alone while its action is in progress
    traffic: str = "free"  # which Allow and Block are legal (restrict.TRAFFIC)
    idle: str = "free"  # "off": no Monitor, and no Sleep unless busy
    end: str = "both"  # what the last step is: "terminated", "truncated", or both, as in CybORG
    messages: str = "none"  # what blue agents send to each other (messages.MESSAGES)
    name: str = "cc4"  # "cc4/phishing" in that column
    bank: Bank | None = None  # what episodes draw; None: all are of the same game

    leaf_fields = ("bank",)
    version = "1"
    fixed_horizon = True  # all environments end together, so resets can stay outside the step graph

    @property
    def max_steps(self) -> int:
        return int(self.options.steps) - 1

    @property
    def options(self) -> Options:
        return _options(self.overrides, "discovery" in self.scripts)

    @property
    def settings(self) -> dict[str, Any]:
        """What worlds of the same game with other sides have in common, by field."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(Simulation)}

    def _asks_for_roles(self, options: Options) -> bool:
        """Whether a red may decide that looks for roles."""
        return options.red_role_weight is not None or reds.ask_for_roles(self.scripts)

    @property
    @abstractmethod
    def scripts(self) -> tuple[str, ...]:
        """Scripted reds that may decide."""

    # ------------------------------------------------------------ the protocol

    def reset(
        self, key: PRNGKeyArray, options: Options | None = None, network: Topology | None = None
    ) -> tuple[Obs, Episode]:
        """Start an episode on a network drawn from ``key``, or on the given one.

        ``options`` replaces the world's own and its bank; its leaves may differ per environment under
        ``vmap``. ``network`` replaces the bank's networks.
        """
        bank, entries = self.bank, None
        if options is None:
            options = self.options
            if bank is not None:
                entries, options = bank.draw(key), bank.sample(key, options)
                network = bank.network_of(entries) if network is None else network
                key = bank.network_key(key)
        if network is None:
            network = topology.generate(key, options)
        episode = self.begin(network, options).replace(entries=entries)
        return self.observe(episode), episode

    def begin(self, network: Topology, options: Options | None = None) -> Episode:
        """The first state of an episode on a given network.

        Raises:
            ValueError: outside jit, when it is not a network of CC4; names the field.
        """
        check(network)
        options = self.options if options is None else options
        blue_memory = None if self.observation == "stock" else rich.initial_memory()
        recalled = recall.initial() if self.observation in recall.CONTRACTS else None
        red_memory = red.initial_memory(self.scripts)
        if red_memory is not None and self._asks_for_roles(options):
            red_memory = red_memory.replace(role=roles.by_host(network))
        episode = Episode(initial_state(network), network, options, blue_memory, red_memory, recalled)
        return jax.tree.map(jnp.asarray, episode)

    def step(
        self,
        key: PRNGKeyArray,
        state: Episode,
        actions: Array,
        messages: Shaped[Array, "blue 8"] | None = None,
    ) -> tuple[Obs, Episode, Step]:
        """One step with the random numbers of ``key``; see :meth:`step_with`."""
        with jax.named_scope("draws"):
            draws = draw.sample(key)
        return self.step_with(draws, state, actions, messages)

    def step_with(
        self, draws: Draws, state: Episode, actions: Array, messages: Shaped[Array, "blue 8"] | None = None
    ) -> tuple[Obs, Episode, Step]:
        """One step with given random numbers: deterministic.

        Args:
            actions: of all agents; see :meth:`World.step`.
            messages: bits that the blue agents send, delivered in the observation returned here
                (§7.5); by default what the option ``messages`` makes of the step, else zeros.

        Raises:
            ValueError: outside jit, for actions of a wrong shape or dtype or out of range.
        """
        actions = check_actions(self, actions)
        with jax.named_scope("red_decide"):
            memory = red.remember(state.red_memory, state.state)
            red_action = self.red_action(draws, state.replace(red_memory=memory), actions)
        green_kind = green.decide(self.green, draws)
        episode, events, parts, done = play(
            draws, state.replace(red_memory=memory), actions[: T.NUM_BLUE], red_action, green_kind
        )
        if episode.red_acts is not None:
            episode = episode.replace(red_acts=red_acts.remember(episode.red_acts, episode.state))
        with jax.named_scope("observe"):
            if messages is None and self.messages != "none":
                messages = sent(self.messages, state.topology, state.state, episode.state)
            obs = self.observe(episode, messages)
        terminated, truncated = self.ending(done)
        team: Any = sum(parts.values())
        return (
            obs,
            episode,
            Step(
                reward=self.rewards(team),
                terminated=terminated,
                truncated=truncated,
                final_obs=obs,
                info={"events": events, "reward_parts": parts},
            ),
        )

    def ending(self, done: Bool[Array, ""]) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
        """``terminated`` and ``truncated`` of a step, given whether the episode is over."""
        terminated, truncated = (done if told else jnp.zeros_like(done) for told in ENDS[self.end])
        return terminated, truncated

    def drawn(self, state: Episode) -> dict[str, UInt16[Array, ""]]:
        """The entry of each axis of the bank."""
        return state.entries or {}

    def describe(self, state: Episode) -> dict[str, Any]:
        from garrison.worlds.cc4 import describe

        return describe.state_summary(state)

    def narrate(self, state: Episode, actions: Any, after: Episode, step: Step) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.event_lines(state, after, step.info["events"])

    def scene(self, state: Episode) -> Scene:
        from garrison.worlds.cc4 import scene

        return scene.scene(state)

    def look(self, state: Episode) -> Look:
        from garrison.worlds.cc4 import scene

        return scene.look(state)

    def happenings(self, state: Episode, actions: Any, after: Episode, step: Step) -> list[Happening]:
        from garrison.worlds.cc4 import scene

        return scene.happenings(state, after, step.info["events"])

    # ------------------------------------------------------------ what differs by the sides that act

    @abstractmethod
    def red_action(self, draws: Draws, episode: Episode, actions: Actions) -> RedAction:
        """Red's decisions, with its memory up to date."""

    @abstractmethod
    def observe(self, episode: Episode, messages: Shaped[Array, "blue 8"] | None = None) -> Obs:
        """Observations of the agents that act."""

    @abstractmethod
    def rewards(self, team: Float32[Array, ""]) -> Float32[Array, "agent"]:
        """Rewards of the agents, given blue's."""


@dataclasses.dataclass(frozen=True)
class CC4(BlueSide, Simulation):
    """CAGE Challenge 4 with blue as the only side, against a scripted red. See ``docs/worlds/cc4.md``.

    Jitted code treats an action index outside an agent's list, or on a host that does not exist, as Sleep.
    """

    red: str = "fsm"

    @property
    def scripts(self) -> tuple[str, ...]:
        return (self.red,)

    @property
    def options(self) -> Options:
        return _options_of(self.overrides, self.red)

    def red_action(self, draws: Draws, episode: Episode, actions: Actions) -> RedAction:
        return red.choose(self.red, draws, episode.options, episode.state, episode.red_memory)

    def observe(self, episode: Episode, messages: Shaped[Array, "blue 8"] | None = None) -> Obs:
        """Blue's observations; see :func:`blue_vectors`."""
        return blue_vectors(self.observation, episode, messages)

    def rewards(self, team: Float32[Array, ""]) -> Float32[Array, "agent"]:
        return jnp.broadcast_to(team, (T.NUM_BLUE,))

    def legal(self, state: Episode) -> Mask:
        return blue_masks(self.busy, self.traffic, self.idle, state)

    def targets(self, side: str | None = None) -> Targets | None:
        """None against a red without a finite-state machine."""
        self.side_agents(side)
        return BLUE_TARGETS if red.remembers(self.scripts) else None

    def two_sided(self) -> World:
        """The same game with red as a side too, of which the red of this one is a script.

        Red observes all that it can, so that every network of that side can play.
        """
        from garrison.worlds.cc4.two_sided import TwoSidedCC4

        bank = None if self.bank is None else self.bank.without("red")
        settings: dict[str, Any] = {**self.settings, "bank": bank}
        return TwoSidedCC4(**settings, scripts=self.scripts, red_observation="acts")


@lru_cache(maxsize=64)
def _options(overrides: tuple[tuple[str, Any], ...], discovery: bool) -> Options:
    """The world's options; without the table of the discovery variant where that cannot decide."""
    options = default_options(**dict(overrides))
    return options if discovery else options.replace(red_discovery_probability=None)


@lru_cache(maxsize=64)
def _options_of(overrides: tuple[tuple[str, Any], ...], name: str) -> Options:
    """The options of a world against this red."""
    options = _options(overrides, name == "discovery")
    return reds.of(name, options, dict(overrides)) if name in reds.REDS else options
