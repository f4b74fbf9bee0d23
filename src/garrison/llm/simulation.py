"""Games of CC4 as one compiled program that plays any number of ticks.

The keys are those of :mod:`garrison.judge`: an episode of a seed starts in the same network, and chance
draws the same numbers in each step, as in ``garrison eval``. What happens in an environment depends on its
seed, its scenario and its actions alone, not on the environments beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import garrison
from garrison.core.plugins import did_you_mean
from garrison.core.struct import Struct
from garrison.judge.episodes import EpisodeKeys, episode_keys
from garrison.llm.scenarios import Scenario
from garrison.worlds.cc4 import TwoSidedCC4, red_view
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import footholds
from garrison.worlds.cc4.side_rewards import holds_root

#: Scripted reds of the world; all are in one program.
SCRIPTS = ("fsm", "discovery", "random_select")
#: What can play red where no seat does.
REDS = (*SCRIPTS, "sleep")
#: What can play blue agents that no seat has.
BLUES = ("guard", "idle", "random", "reactive", "firewall")
NUM_AGENTS = T.NUM_BLUE + T.NUM_RED
SLEEP = np.array([*T.FIRST_BLUE_ACTION[T.Blue.SLEEP], *(0,) * T.NUM_RED], np.int32)
NEVER = -1  # of ``Tick.held_since``
LONGEST = 512  # ticks of a game
NUM_BLUE = T.NUM_BLUE
NO_MESSAGES = np.zeros((T.NUM_BLUE, T.MESSAGE_BITS), np.uint8)
_BLUE = np.arange(T.NUM_BLUE)


class Env(Struct):
    """What travels from tick to tick; the axis [env] is in front."""

    obs: Any  # f32[agent, feature]
    episode: Any
    memory: Any  # of the policy that plays blue agents without a seat
    keys: EpisodeKeys
    held_since: Any  # int32[host]: step in which red got the host, NEVER: it does not hold it


class Tick(Struct):
    """What the game reads of a tick; the axis [env] is in front."""

    obs: Any  # f32[agent, feature]
    loss: Any  # f32[]
    parts: Any  # of the reward, by name
    events: Any
    blocked: Any  # bool[to, from]
    decoys: Any  # bool[host]: has a decoy
    escalated: Any  # bool[host]: escalate.sh lay there when the tick began
    held: Any  # bool[host]: red has a session
    rooted: Any  # bool[host]
    held_since: Any  # int32[host]: as of Env
    red_root: Any  # bool[red]: the agent held root on its target when the tick began


def tick_of(before: Any, obs: Any, after: Any, result: Any, held_since: Any, t: Any) -> Tick:
    """A step of one environment, number ``t``: the states before and after it, and what the world says."""
    held, rooted = footholds(after)
    events = result.info["events"]
    return Tick(
        obs=obs,
        loss=-result.reward[0],
        parts=result.info["reward_parts"],
        events=events,
        blocked=after.blocked,
        decoys=jnp.any(after.host_decoy != 0, axis=1),
        escalated=before.host_escalate_files > 0,
        held=held,
        rooted=rooted,
        held_since=jnp.where(held, jnp.where(held_since == NEVER, t, held_since), NEVER),
        red_root=holds_root(before, events),
    )


@lru_cache(maxsize=1)
def world() -> TwoSidedCC4:
    """The world in which games are played."""
    made = garrison.make("cc4", side="both", observation="rich", red=SCRIPTS)
    assert isinstance(made, TwoSidedCC4)
    return made


def red_actions(name: str) -> np.ndarray:
    """``int32[red]``: the actions by which the red ``name`` of :data:`REDS` decides for all six agents."""
    check_player("red", name)
    if name == "sleep":
        return SLEEP[T.NUM_BLUE :]
    return np.array(red_view.ACTION_COUNTS, np.int32) + SCRIPTS.index(name)


def check_player(side: str, name: str) -> None:
    """Raise ``ValueError`` for an unknown player of a side, naming those there are."""
    known = {"blue": BLUES, "red": REDS}[side]
    if name not in known:
        raise ValueError(
            f"no {side} player {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}"
        )


@lru_cache(maxsize=16)
def _programs(policy: str) -> tuple[Any, Any, Any]:
    """``reset(seeds, options)``, ``forget`` and ``advance``; ``policy`` plays blue agents without a seat.

    All axes but those of the world are [env]: environments may differ in options.
    """
    both = world()
    player = both.policies("blue")[policy]
    size = max(both.observation_sizes[i] for i in _BLUE)
    actions = max(both.action_counts[i] for i in _BLUE)

    def forget(env: Env) -> Env:
        """With the policy's memory as at the start of an episode."""
        return env.replace(memory=player.init(env.keys.init, T.NUM_BLUE))

    def reset(keys: EpisodeKeys, options: Any) -> Env:
        obs, episode = both.reset(keys.reset, options=options)
        held, _ = footholds(episode.state)
        since = jnp.where(held, 0, NEVER).astype(jnp.int32)
        return Env(obs, episode, player.init(keys.init, T.NUM_BLUE), keys, since)

    def step(env: Env, chosen: Any, given: Any, messages: Any) -> tuple[Env, Tick]:
        before, t = env.episode.state, env.episode.state.step.astype(jnp.int32)
        mask = both.legal(env.episode)[_BLUE, :actions]
        answer, memory = player.act(
            jax.random.fold_in(env.keys.act, t), env.obs[_BLUE, :size], mask, env.memory
        )
        joint = jnp.where(given, chosen, chosen.at[_BLUE].set(answer))
        obs, episode, result = both.step(jax.random.fold_in(env.keys.step, t), env.episode, joint, messages)
        tick = tick_of(before, obs, episode.state, result, env.held_since, t)
        return Env(obs, episode, memory, env.keys, tick.held_since), tick

    def advance(env: Env, count: Any, chosen: Any, given: Any, messages: Any) -> tuple[Env, Any, Any, Tick]:
        """``count`` ticks with the same actions: the environment, the loss, losses by tick, the last tick."""
        nothing = jax.eval_shape(step, env, chosen, given, messages)[1]
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), nothing)

        def one(carry: tuple[Any, Env, Any, Any, Tick]) -> tuple[Any, Env, Any, Any, Tick]:
            done, env, loss, losses, _ = carry
            env, tick = step(env, chosen, given, messages)
            return done + 1, env, loss + tick.loss, losses.at[done].set(tick.loss), tick

        first = (jnp.int32(0), env, jnp.float32(0), jnp.zeros(LONGEST, jnp.float32), nothing)
        _, env, loss, losses, tick = jax.lax.while_loop(lambda carry: carry[0] < count, one, first)
        return env, loss, losses, tick

    def reset_all(seeds: Any, options: Any) -> Env:
        return jax.vmap(reset)(episode_keys(seeds), options)

    return jax.jit(reset_all), jax.jit(jax.vmap(forget)), jax.jit(jax.vmap(advance))


@jax.jit
def _replaced(chosen: Any, new: Env, old: Env) -> Env:
    """``new`` in the environments that are ``chosen``, ``old`` in the others."""
    return jax.vmap(lambda here, *both: jax.tree.map(lambda x, y: jnp.where(here, x, y), *both))(
        chosen, new, old
    )


@dataclass(frozen=True)
class Roles:
    """Who decides for the agents of a game: its seats, a blue policy and a red one."""

    agents: tuple[int, ...]  # of the seats, by position on the world's agent axis
    blue: str = "idle"  # of BLUES; plays blue agents without a seat
    red: str = "fsm"  # of REDS; plays red agents without a seat

    def __post_init__(self) -> None:
        check_player("blue", self.blue)
        check_player("red", self.red)

    @property
    def given(self) -> np.ndarray:
        """``bool[agent]``: agents whose actions are given; the policy decides for the other blue ones."""
        given = np.arange(NUM_AGENTS) >= T.NUM_BLUE
        given[list(self.agents)] = True
        return given

    @property
    def actions(self) -> np.ndarray:
        """``int32[agent]``: what agents without a seat do; agents of seats sleep."""
        actions = np.append(SLEEP[: T.NUM_BLUE], red_actions(self.red)).astype(np.int32)
        actions[list(self.agents)] = SLEEP[list(self.agents)]
        return actions


@dataclass(frozen=True)
class Start:
    """The episode that an environment is to play."""

    scenario: Scenario
    roles: Roles
    seed: int


class Beginning(NamedTuple):
    """An episode after its warm-up."""

    obs: np.ndarray  # f32[agent, feature]
    reference: float  # the loss with blue seats asleep and fsm on red ones; all else is the same
    held_since: np.ndarray  # int32[host]: as of Tick
    losses: np.ndarray  # f32[tick]: of the reference


class Simulation:
    """``size`` environments that advance together. Each starts afresh while the others wait.

    Args:
        blue: of :data:`BLUES`; plays blue agents without a seat, in all environments.
        size: number of environments; each size is compiled once.
    """

    def __init__(self, blue: str = "idle", size: int = 1) -> None:
        check_player("blue", blue)
        self.blue, self.size = blue, size
        self._reset, self._forget, self._advance = _programs(blue)
        self._env: Any = None
        self._obs = np.zeros((size, 0, 0), np.float32)
        self._given = np.ones((size, NUM_AGENTS), bool)

    def begin(self, starts: Mapping[int, Start]) -> dict[int, Beginning]:
        """Start episodes in some environments, by number, and play their warm-ups.

        Raises:
            ValueError: for a number that is out of range, another blue policy than this simulation's, or a
                game that is too long.
        """
        for number, start in starts.items():
            if start.scenario.ticks > LONGEST:
                raise ValueError(f"{start.scenario.ticks} ticks; at most {LONGEST} are played")
            if not 0 <= number < self.size:
                raise ValueError(f"environment {number}; there are 0..{self.size - 1}")
            if start.roles.blue != self.blue:
                raise ValueError(f"blue is played by {self.blue!r} here, not by {start.roles.blue!r}")
        some = next(iter(starts.values()))
        filled = [starts.get(number, some) for number in range(self.size)]
        given = np.stack([start.roles.given for start in filled])
        env = self._reset(np.array([start.seed for start in filled], np.uint32), _options(filled))
        env = self._play(env, starts, "warm_up", np.stack([_warm(s.roles) for s in filled]), None)[0]
        env = self._forget(env)  # what the policy chose in the warm-up was not carried out
        asleep = np.stack([_reference(s.roles) for s in filled])
        _, loss, losses, _ = self._play(env, starts, "ticks", asleep, given)
        chosen = np.isin(np.arange(self.size), list(starts))
        self._given = np.where(chosen[:, None], given, self._given)
        self._env = env if chosen.all() or self._env is None else _replaced(chosen, env, self._env)
        obs, loss, losses, since = jax.device_get((self._env.obs, loss, losses, self._env.held_since))
        self._obs = np.array(obs)
        return {
            i: Beginning(self._obs[i].copy(), float(loss[i]), since[i], losses[i, : start.scenario.ticks])
            for i, start in starts.items()
        }

    def observations(self, number: int) -> np.ndarray:
        """The observations of all agents of an environment: ``f32[agent, feature]``."""
        return self._obs[number]

    def episode(self, number: int) -> Any:
        """The world's state of an environment, which no seat sees."""
        return jax.tree.map(lambda x: np.array(x[number]), jax.device_get(self._env.episode))

    def tick(self, moves: np.ndarray, actions: np.ndarray, messages: np.ndarray) -> list[Tick | None]:
        """Play one tick where ``moves`` says so: ``bool[env]``.

        Args:
            actions: ``int32[env, agent]``; those of blue agents without a seat are ignored.
            messages: bits ``uint8[env, blue, 8]`` that blue agents send.

        Returns:
            For each environment what happened; None for one that did not move.
        """
        self._env, _, _, ticks = self._advance(
            self._env, moves.astype(np.int32), actions, self._given, messages
        )
        ticks = jax.device_get(ticks)
        self._obs[moves] = ticks.obs[moves]
        return [jax.tree.map(lambda x, i=i: x[i], ticks) if moves[i] else None for i in range(self.size)]

    def _play(
        self, env: Env, starts: Mapping[int, Start], length: str, actions: np.ndarray, given: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Play the environments that start for a length of their scenarios, with the same actions."""
        counts = np.zeros(self.size, np.int32)
        for number, start in starts.items():
            counts[number] = getattr(start.scenario, length)
        given = np.ones((self.size, NUM_AGENTS), bool) if given is None else given
        silent = np.zeros((self.size, *NO_MESSAGES.shape), NO_MESSAGES.dtype)
        return self._advance(env, counts, actions, given, silent)


def _options(starts: Sequence[Start]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *(start.scenario.options for start in starts))


def _warm(roles: Roles) -> np.ndarray:
    """``int32[agent]``: blue asleep, red by its policy."""
    return np.append(SLEEP[: T.NUM_BLUE], red_actions(roles.red)).astype(np.int32)


def _reference(roles: Roles) -> np.ndarray:
    """``int32[agent]``: blue seats asleep, ``fsm`` on red ones."""
    actions = roles.actions
    red = [agent for agent in roles.agents if agent >= T.NUM_BLUE]
    actions[red] = np.append(SLEEP[: T.NUM_BLUE], red_actions("fsm"))[red]
    return actions
