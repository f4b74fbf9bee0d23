"""The second world as others see it: the kernel behind the world protocol (``§2.5, §2.7, §6``)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.entities import Entities, Graph
from garrison.core.policy import Mask, Obs, Policy
from garrison.core.scene import Happening, Look, Scene
from garrison.core.spaces import check_actions, stacked
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Integer, PRNGKeyArray, UInt32
from garrison.core.world import Step, World
from garrison.worlds.soc import encoders, entities, graph, laws, legal, observe_red, reward, truth
from garrison.worlds.soc.agents import analyst, constant, killchain
from garrison.worlds.soc.blocks import UNIT_MS
from garrison.worlds.soc.choose import below, packed
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.diagnosis import Metrics
from garrison.worlds.soc.draws import Draws, sample
from garrison.worlds.soc.encoders import Recent
from garrison.worlds.soc.generate import draw_number, generate
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.options import Options, Static, default_options
from garrison.worlds.soc.reset import initial_state
from garrison.worlds.soc.state import State
from garrison.worlds.soc.step import Sums, step_with
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.text import table
from garrison.worlds.soc.topology import Topology

SIDES = ("blue", "red")
VERSION = "2"  #: changes exactly when trajectories do


class Episode(Struct):
    """What travels from step to step: the changing state beside what is fixed for the episode."""

    state: State
    topology: Topology
    options: Options
    recent: Recent | None = None  # log entries that blue keeps; None where its observation has none


@dataclasses.dataclass(frozen=True)
class Soc(World):
    """Three blue agents defend an enterprise against one or two red agents; see ``docs/worlds/soc-rules.md``.

    Jitted code treats an action that is out of range or not legal as ``wait``, and ignores what a busy agent
    chooses.
    """

    static: Static = dataclasses.field(default_factory=Static)
    scenarios: tuple[str, ...] = ("ransomware",)  # each episode draws one
    preset: str = "medium"
    split: str = "train"
    overrides: tuple[tuple[str, Any], ...] = ()  # of Options
    observation: str = "counters"  # of blue
    table: str = table.DEFAULT  # of vectors of log lines, for the observation "text"
    zero_sum: bool = False  # red's reward is exactly minus blue's
    shaping: bool = False  # red is paid for the first Root on each host
    account: str = "blue"  # the side whose reward parts are reported
    name: str = "soc"

    time_unit = "10 s"
    asynchronous = True
    observations = encoders.CONTRACTS
    global_state_kinds = ("concat", "truth")

    @property
    def version(self) -> str:
        """With the beginning of the table's SHA-256 where observations depend on it."""
        return VERSION if self.observation != "text" else f"{VERSION}.{table.load(self.table).sha256[:12]}"

    @property
    def agents(self) -> tuple[str, ...]:
        reds = self.static.reds
        return (*T.BLUE_AGENTS, *(("red",) if reds == 1 else tuple(f"red_{i}" for i in range(reds))))

    @property
    def sides(self) -> Mapping[str, tuple[int, ...]]:
        numbers = tuple(range(self.static.num_agents))
        return {"blue": numbers[: T.NUM_BLUE], "red": numbers[T.NUM_BLUE :]}

    @property
    def action_counts(self) -> tuple[int, ...]:
        return legal.action_counts(self.static)

    @property
    def observation_sizes(self) -> tuple[int, ...]:
        red = observe_red.size(self.static)
        return (*encoders.sizes(self.static, self.observation), *(red,) * self.static.reds)

    @property
    def idle_actions(self) -> tuple[int, ...]:
        return (legal.WAIT,) * self.static.num_agents

    @property
    def options(self) -> Options:
        """Numbers of the game; leaves have a leading axis scenario."""
        return _options(self.static.size, self.scenarios, self.preset, self.split, self.overrides)

    @property
    def max_steps(self) -> int:
        """More steps than an episode can have; see :func:`most_steps`."""
        return most_steps(self.static, self.options)

    @property
    def typical_steps(self) -> int:
        """About one step in seven seconds."""
        return int(np.max(self.options.horizon)) // 7_000

    # ------------------------------------------------------------ the protocol

    def reset(
        self, key: PRNGKeyArray, options: Options | None = None, number: UInt32[Array, ""] | None = None
    ) -> tuple[Obs, Episode]:
        """Start an episode on a network drawn from ``key``.

        Args:
            options: replaces the world's own; its leaves may differ per environment under ``vmap``.
            number: of the network, in place of a drawn one.
        """
        scenario_key, number_key, clock_key = jax.random.split(key, 3)
        mine = self._drawn_options(scenario_key) if options is None else jax.tree.map(jnp.asarray, options)
        if number is None:
            number = draw_number(number_key, mine)
        topology = generate(self.static, mine, number)
        game = Game(self.static, mine, topology)
        words = jax.random.bits(clock_key, (L.NUM_CLOCKS,), jnp.uint32) >> 8
        state = initial_state(game, words.astype(jnp.float32) * jnp.float32(2.0**-24))
        recent = encoders.none() if encoders.keeps(self.observation) else None
        episode = Episode(state, topology, mine, recent)
        return self.observe(episode), episode

    def _drawn_options(self, key: PRNGKeyArray) -> Options:
        """The options of one of the scenarios."""
        chosen = below(jax.random.uniform(key, dtype=jnp.float32), len(self.scenarios))
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], self.options)

    def step(
        self,
        key: PRNGKeyArray,
        state: Episode,
        actions: Array,
        messages: Integer[Array, "blue 8"] | None = None,
    ) -> tuple[Obs, Episode, Step]:
        """One step with the random numbers of ``key``; see :meth:`step_with`."""
        with jax.named_scope("draws"):
            draws = sample(key, self.static)
        return self.step_with(draws, state, actions, messages)

    def step_with(
        self,
        draws: Draws,
        state: Episode,
        actions: Array,
        messages: Integer[Array, "blue 8"] | None = None,
    ) -> tuple[Obs, Episode, Step]:
        """One step with given random numbers: deterministic.

        Args:
            actions: of all agents; see :meth:`World.step`.
            messages: bits that blue's agents send, delivered at the next batch; None: what they sent before.

        Raises:
            ValueError: outside jit, for actions of a wrong shape or dtype or out of range.
        """
        actions = check_actions(self, actions)
        game, before = self.game(state), state.state
        if messages is not None:
            before = before.replace(message_sent=packed(jnp.asarray(messages).T > 0).astype(jnp.uint8))
        after, sums, events = step_with(game, draws, before, actions)
        recent = state.recent
        if recent is not None:
            recent = encoders.remember(self.static, recent, before, after)
        episode = state.replace(state=after, recent=recent)
        with jax.named_scope("observe"):
            obs = self.observe(episode)
        with jax.named_scope("reward"):
            rewards, info = self._rewards(game, sums, before, after)
        step = Step(
            reward=rewards,
            terminated=after.terminated,
            truncated=after.truncated,
            final_obs=obs,
            info={"events": events, "rows": sums.rows, **info},
            elapsed=sums.elapsed.astype(jnp.float32) / UNIT_MS,
        )
        return obs, episode, step

    def _rewards(
        self, game: Game, sums: Sums, before: State, after: State
    ) -> tuple[Float32[Array, "agent"], dict[str, Any]]:
        """Rewards of the agents, and what ``info`` says of them."""
        parts = {"blue": reward.blue(game, sums), "red": reward.red(game, sums)}
        blue, red = (sum(parts[side].values(), jnp.zeros((), jnp.float32)) for side in SIDES)
        if self.zero_sum:
            red = -blue
        elif self.account == "red":
            parts["blue"] = parts["red"]
        info: dict[str, Any] = {"reward_parts": parts["blue"]}
        sides = [jnp.broadcast_to(blue, T.NUM_BLUE), jnp.broadcast_to(red, self.static.reds)]
        rewards = jnp.concatenate(sides)
        if self.shaping:
            info["true_reward"] = rewards
            shaped = sides[1] + reward.shaping(before, after)
            rewards = jnp.concatenate([sides[0], shaped])
        return rewards, info

    def legal(self, state: Episode) -> Mask:
        with jax.named_scope("legal"):
            return legal.legal(self.game(state), state.state)

    def game(self, episode: Episode) -> Game:
        """What the kernel takes of an episode beside its state."""
        return Game(self.static, episode.options, episode.topology)

    def observe(self, episode: Episode) -> Obs:
        """Observations: blue's, then red's."""
        game = self.game(episode)
        rows = (
            encoders.vectors(game, episode.state, self.observation, episode.recent, self.table),
            observe_red.vectors(game, episode.state),
        )
        return stacked(rows, self.observation_size)

    def global_state_size(self, kind: str = "concat") -> int:
        return super().global_state_size(kind) if kind != "truth" else truth.size(self.static)

    def global_state(self, state: Episode, obs: Obs, kind: str = "concat") -> Float32[Array, "number"]:
        """``"concat"``: the observations; ``"truth"``: the state itself (``§6.4``)."""
        if kind != "truth":
            return super().global_state(state, obs, kind)
        return truth.vector(self.game(state), state.state)

    def observations_of(self, side: str) -> tuple[str, ...]:
        self.side_agents(side)
        return encoders.CONTRACTS if side == "blue" else ()

    def policies(self, side: str | None = None) -> dict[str, Policy]:
        self.side_agents(side)
        assert side is not None  # there are two
        scripted = analyst.policies(self.static)
        if side == "red":
            scripted = killchain.policies(self.static, int(np.max(self.options.script_slip)) / 1000)
        return {**super().policies(side), **scripted}

    def named_policy(self, name: str, side: str | None = None) -> Policy | None:
        """Also the players of one kind of action, such as ``always-Restore``."""
        known = super().named_policy(name, side)
        assert side is not None  # there are two
        return known if known is not None else constant.named(self.static, side, name)

    def entities(self, side: str | None = None) -> Entities | None:
        """Blue's own hosts, zones and credentials; all hosts and zones for red; None for both together."""
        self.side_agents(side)
        if side == "blue":
            return entities.of_blue(self.static, self.observation)
        return entities.of_red(self.static) if side == "red" else None

    def graph(self, side: str | None = None) -> Graph | None:
        """Blue's: hosts and zones, adjacent where traffic may pass, and credentials; None for red."""
        self.side_agents(side)
        open_to_guest = bool(np.any(self.options.guest_to_ot))
        return graph.of_blue(self.static, self.observation, open_to_guest) if side == "blue" else None

    def diagnosis(self, side: str | None = None) -> Metrics:
        """Incidents and how soon they end, availability, verdicts, deception, and red's techniques."""
        self.side_agents(side)
        lay = layout(self.static)
        return Metrics(self.static, tuple(lay.owner.tolist()), tuple(lay.zone.tolist()), side or "blue")

    def drawn(self, state: Episode) -> dict[str, Integer[Array, ""]]:
        return {"scenario": state.options.scenario, "network": state.topology.number}

    def action_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.soc import describe

        return describe.action_labels(self.static, self.agent_index(agent))

    def observation_labels(self, agent: int | str) -> list[str]:
        index = self.agent_index(agent)
        if index < T.NUM_BLUE:
            return encoders.labels(self.static, index, self.observation)
        return observe_red.labels(self.static)

    def describe(self, state: Episode) -> dict[str, Any]:
        from garrison.worlds.soc import describe

        return describe.state_summary(self.static, state)

    def narrate(self, state: Episode, actions: Any, after: Episode, step: Step) -> list[str]:
        from garrison.worlds.soc import describe

        return describe.event_lines(self.static, state, after, step.info["events"])

    def logs(self, state: Episode, after: Episode, format: str = "native") -> list[str]:
        """Lines of the tokens that were delivered; formats are those of :mod:`garrison.worlds.soc.text`."""
        from garrison.worlds.soc import text

        found = text.delivered(self.static, state.state, after.state)
        return text.render(found, text.place_of(self.static, after), format)

    def scene(self, state: Episode) -> Scene:
        from garrison.worlds.soc import scene

        return scene.scene(self.static, state)

    def look(self, state: Episode) -> Look:
        from garrison.worlds.soc import scene

        return scene.look(self.static, state)

    def happenings(self, state: Episode, actions: Any, after: Episode, step: Step) -> list[Happening]:
        from garrison.worlds.soc import scene

        return scene.happenings(self.static, state, after, step.info["events"])


def most_steps(static: Static, options: Options) -> int:
    """More steps than an episode can have.

    A step ends at a decision or has used up its events. An agent that decides pays energy, or waits for at
    least the shortest time of ``lie_low``, ``wait`` or ``watch``; a ``watch`` is shorter than a batch only
    after another action. Events are completions, clocks, batches, and for each action that was paid for at
    most two that it causes later.
    """
    seconds = math.ceil(int(np.max(options.horizon)) / 1000)
    paid = math.ceil((A.ENERGY_CAP + 1000 * seconds * A.ENERGY_RATE) / A.ENERGY_UNIT)
    dwell = int(laws.quantiles()[L.RED_LAW[R.Red.LIE_LOW], 0]) * int(np.min(options.dwell_scale)) // 1000
    shortest = min(L.BATCH_MS, max(dwell, L.LEAST_MS)) / 1000
    decisions = static.num_agents * (2 * paid + math.ceil(seconds / shortest) + 2)
    clocks = int(np.max(np.sum(np.asarray(options.clock_mean) > 0, axis=-1)))
    events = decisions + clocks * math.ceil(1000 * seconds / L.CLOCK_LEAST_MS)
    events += math.ceil(1000 * seconds / L.BATCH_MS) + 2 * static.num_agents * paid
    return decisions + math.ceil(events / static.events)


@lru_cache(maxsize=64)
def _options(
    size: str, scenarios: tuple[str, ...], preset: str, split: str, overrides: tuple[tuple[str, Any], ...]
) -> Options:
    each = [
        default_options(size, scenario, preset, split).replace(**_typed(overrides)) for scenario in scenarios
    ]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


def _typed(overrides: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Overrides with the dtypes of the options."""
    like = default_options()
    return {name: np.asarray(value, np.asarray(getattr(like, name)).dtype) for name, value in overrides}
