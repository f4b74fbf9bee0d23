"""Self-play: both sides of a world learn at once, each by the same algorithm from its own rewards.

One program plays a rollout and updates two train states. Environments are in three parts: in the middle one
the present networks of both sides meet and both learn; in the first the second side's present networks meet
past ones of the first, and learn alone; in the last it is the other way round. So with ``past_share`` p a
side meets the present opponent in a share 1 - p of its environments.

The last networks of self-play may cycle, with gains and losses that come back; a side is to be judged against
opponents that it did not learn with. ``docs/red.md`` says more.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from garrison.algos import ippo, mappo
from garrison.core import opponents
from garrison.core.policy import Policy
from garrison.core.sides import OneSide
from garrison.core.struct import Struct, nbytes, static
from garrison.core.typing import Array, Float32, Int32, PRNGKeyArray
from garrison.core.world import World
from garrison.learn import experience, rollout, shard
from garrison.learn.ppo import Metrics, Player
from garrison.learn.ranges import COUNT, Range, check_choice
from garrison.learn.ranges import check as check_ranges
from garrison.learn.rollout import Position, Rollout, Seen

SCHEDULES = ("simultaneous", "alternate")


class Settings(Struct):
    """Hyperparameters of self-play; the others are those of its algorithm."""

    schedule: str = static(default="simultaneous")
    """Which side learns in an iteration: simultaneous (both), or alternate (one after the other)."""
    alternate_every: int = static(default=10)
    """With schedule alternate: iterations for which a side learns."""
    past_share: float = static(default=0.5)
    """Part of a side's environments in which it meets past networks of the other side."""
    snapshot_every: int = static(default=10)
    """Iterations between the networks that are kept as past ones."""
    snapshots: int = static(default=16)
    """Past networks of each side to keep; a new one takes the place of the oldest."""
    other: tuple[str, ...] = static(default=())
    """Hyperparameters in which the second side differs, written NAME=VALUE, as in network=mlp."""
    other_learning_rate: float | None = None
    """Step size of the second side; None: that of the first. 0: it does not learn."""


class IppoConfig(ippo.Config, Settings):
    """Hyperparameters of self-play by IPPO."""


class MappoConfig(mappo.Config, Settings):
    """Hyperparameters of self-play by MAPPO."""


class TrainState(Struct):
    """All that changes during training."""

    learners: tuple[Any, Any]  # train states of the two sides
    past: tuple[Any, Any] | None  # their past networks, leaves [snapshot, ...]; None where none are met
    key: PRNGKeyArray
    iteration: Int32[Array, ""]  # completed iterations


@dataclass(frozen=True)
class _Side:
    """One of the two sides: who it is, how it learns, and where."""

    name: str
    view: World  # its agents, actions and observations; not for playing
    rows: tuple[int, ...]  # on the agent axis
    config: Any  # of the algorithm
    learns: slice  # environments
    repeats: slice  # those in which its past networks play


@dataclass(frozen=True)
class SelfPlay:
    """An algorithm of :mod:`garrison.algos.base` for worlds with two sides.

    Args:
        base: the algorithm of each side: a module with ``Config``, ``check``, ``init``, ``player``,
            ``update`` and ``policy``.
        Config: hyperparameters: those of ``base`` and :class:`Settings`.
    """

    base: ModuleType
    Config: type

    LEARNS_BOTH_SIDES = True
    steps_per_iteration = staticmethod(experience.steps_per_iteration)
    num_iterations = staticmethod(experience.num_iterations)
    holds_environments = staticmethod(experience.holds_environments)

    def check(self, config: Any, world: World) -> None:
        """Raise ``ValueError`` for settings out of range, or that do not fit together or to the world."""
        _check(config, world)
        for side in self._sides(config, world):
            try:
                self.base.check(side.config, side.view)
            except ValueError as error:
                raise ValueError(f"side {side.name}: {error}") from error
            for name in ("teacher", "novelty"):
                if getattr(side.config, name) is not None:
                    raise ValueError(f"{name} is {getattr(side.config, name)!r}; self-play has none")
            if getattr(side.config, "critic_observation", None) is not None:
                raise ValueError("critic_observation is set; in self-play critics see what the policy sees")
            if getattr(side.config, "critic_memory", False):
                raise ValueError("critic_memory is on; in self-play critics see no memories: turn it off")

    def init(self, config: Any, world: World, key: jax.Array) -> TrainState:
        """A fresh train state. Raises ``ValueError`` for settings that :meth:`check` refuses."""
        self.check(config, world)
        key, *keys = jax.random.split(key, 3)
        sides = self._sides(config, world)
        learners = [
            self.base.init(side.config, side.view, own) for side, own in zip(sides, keys, strict=True)
        ]
        past = None
        if sides[0].repeats.stop:
            past = tuple(experience.tile(learner.net, config.snapshots) for learner in learners)
        state = TrainState((learners[0], learners[1]), past, key, jnp.zeros((), jnp.int32))
        return self.placed(state)

    def collect(
        self, config: Any, world: World, state: TrainState
    ) -> tuple[TrainState, tuple[Rollout, Rollout]]:
        """Play one rollout; what each side learns from."""
        sides = self._sides(config, world)
        steps = experience.rollout_steps(config, world)
        key, reset_key, play_key, draw_key = jax.random.split(state.key, 4)
        met = self._past(config, state, sides, draw_key)
        players = [
            _Both(self.base, side, learner.net, past)
            for side, learner, past in zip(sides, state.learners, met, strict=True)
        ]
        envs = rollout.envs_of(world, config.num_envs, steps)
        obs, envs_state = envs.reset(reset_key)
        memory = tuple(one.memory for one in players)
        begun = Position(obs, envs_state, jnp.ones(config.num_envs, bool), memory)
        _, batch = rollout.play(
            envs,
            partial(_act, players),
            partial(_value, players),
            play_key,
            shard.over_envs(begun),
            steps,
            chunk=config.chunk,
            pack=lambda obs: tuple(one.packed(obs) for one in players),
        )
        first, second = (one.of_rollout(number, batch) for number, one in enumerate(players))
        return state.replace(key=key), (first, second)

    def iteration(self, config: Any, world: World, state: TrainState) -> tuple[TrainState, Metrics]:
        """Play and learn once. Metrics of each side are named after it; ``return`` is the first side's."""
        done = experience.progress(config, world, state.iteration)
        sides = self._sides(config, world)
        state = _remembered(config, state)
        state, batches = self.collect(config, world.during(done), state)
        learners, metrics = [], {}
        for number, (side, learner, batch) in enumerate(zip(sides, state.learners, batches, strict=True)):
            update = partial(self._updated, side, batch, done)
            if config.schedule == "alternate":
                turn = (state.iteration // config.alternate_every) % 2 == number
                update = partial(_if, turn, update)
            learner, own = update(learner)
            mean_return, episodes = rollout.mean_return(batch)
            own |= {"return": mean_return, "episodes": episodes}
            learners.append(learner)
            metrics |= {f"{side.name}/{name}": value for name, value in own.items()}
        names = [side.name for side in sides]
        both = {name: [metrics[f"{one}/{name}"] for one in names] for name in _OF_BOTH}
        metrics |= {
            "return": metrics[f"{names[0]}/return"],
            "episodes": jnp.int32(config.num_envs),
            "grad_norm": sum(both["grad_norm"]) / 2,
            "finite_updates": jnp.minimum(*both["finite_updates"]),
            "nonfinite_inputs": sum(both["nonfinite_inputs"]),
        }
        after = TrainState((learners[0], learners[1]), state.past, state.key, state.iteration + 1)
        return self.placed(after), metrics

    def policy(self, state: TrainState, world: World, greedy: bool = False) -> Policy:
        """What a side learned. ``world`` is that side's (:func:`garrison.core.sides.one_side`)."""
        both = world.two_sided()
        if both is None or len(world.sides) != 1:
            raise ValueError(f"both sides of {world.name!r} learned: ask for the policy in the world of one")
        number = list(both.sides).index(next(iter(world.sides)))
        return self.base.policy(state.learners[number], world, greedy)

    def footprint(self, config: Any, world: World) -> int:
        """Bytes of one rollout."""

        def played(config: Any, world: World, key: Array) -> Any:
            return self.collect(config, world, self.init(config, world, key))[1]

        return nbytes(jax.eval_shape(played, config, world, jax.random.key(0)))

    def placed(self, state: TrainState) -> TrainState:
        """``state`` on each of the devices; it holds no environments."""
        return shard.everywhere(state)

    def _updated(
        self, side: _Side, batch: Rollout, progress: Array, learner: Any
    ) -> tuple[Any, dict[str, Any]]:
        learner, metrics = self.base.update(side.config, learner, batch, progress)
        rows = jax.tree.leaves((batch.obs, batch.reward))
        inputs = sum(rollout.count(lambda x: ~jnp.isfinite(x), one) for one in rows)
        return learner.replace(iteration=learner.iteration + 1), metrics | {"nonfinite_inputs": inputs}

    def _sides(self, config: Any, world: World) -> tuple[_Side, _Side]:
        apart, count = _apart(config), config.num_envs
        own = _own(self.base.Config, config, count - apart)
        places = (
            (slice(apart, count), slice(0, apart)),
            (slice(0, count - apart), slice(count - apart, count)),
        )
        configs = (own, _changed(own, config))
        found = [
            _Side(name, OneSide(world, name, None), world.side_agents(name), settings, *where)
            for name, settings, where in zip(world.sides, configs, places, strict=True)
        ]
        return found[0], found[1]

    def _past(
        self, config: Any, state: TrainState, sides: tuple[_Side, _Side], key: PRNGKeyArray
    ) -> tuple[Any, Any]:
        """Past networks that groups of environments meet, of each side: leaves [group, ...]."""
        if state.past is None:
            return None, None
        kept = jnp.minimum(state.iteration // config.snapshot_every + 1, config.snapshots)
        weights = (jnp.arange(config.snapshots) < kept).astype(jnp.float32)
        groups = opponents.groups_of(_apart(config))
        found = []
        for past, own in zip(state.past, jax.random.split(key), strict=True):
            index = opponents.drawn(own, weights, groups)
            found.append(jax.tree.map(lambda x, index=index: x[index], past))
        return found[0], found[1]


IPPO = SelfPlay(ippo, IppoConfig)
MAPPO = SelfPlay(mappo, MappoConfig)

_OF_BOTH = ("grad_norm", "finite_updates", "nonfinite_inputs")


# ---------------------------------------------------------------- settings


def _check(config: Any, world: World) -> None:
    if len(world.sides) != 2:
        raise ValueError(
            f"self-play needs a world with two sides; {world.name!r} has {', '.join(world.sides)}"
        )
    check_choice(config, "schedule", SCHEDULES)
    check_ranges(
        config,
        {
            **experience.RANGES,
            **dict.fromkeys(("alternate_every", "snapshot_every", "snapshots"), COUNT),
            "past_share": Range(0, 1),
            "other_learning_rate": Range(0, optional=True),
        },
    )
    if experience.holds_environments(config, world):
        raise ValueError(
            f"rollout_steps is {config.rollout_steps}; self-play needs rollouts of whole episodes: leave it "
            "out, in a world with episodes of one length"
        )
    if 2 * _apart(config) > config.num_envs or (config.past_share and not _apart(config)):
        raise ValueError(
            f"num_envs is {config.num_envs}; it must be larger to be shared with past_share "
            f"{config.past_share}"
        )


def _apart(config: Any) -> int:
    """Environments in which one side's past networks play."""
    return round(config.num_envs * config.past_share / (1 + config.past_share))


def _own(kind: type, config: Any, num_envs: int) -> Any:
    """The hyperparameters of the first side."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(kind)}
    return kind(**values | {"num_envs": num_envs})


def _changed(own: Any, config: Any) -> Any:
    """Those of the second side. Raises ``ValueError`` for what ``other`` cannot set."""
    changes: dict[str, Any] = {}
    known = {field.name for field in dataclasses.fields(own)} - {"total_steps", "num_envs", "rollout_steps"}
    for text in config.other:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise ValueError(f"other has {text!r}; write NAME=VALUE with one of {', '.join(sorted(known))}")
        changes[name] = _parsed(value)
    if config.other_learning_rate is not None:
        changes["learning_rate"] = config.other_learning_rate
    return own.replace(**changes)


def _parsed(text: str) -> Any:
    if text in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[text]
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value


# ---------------------------------------------------------------- playing


@dataclass(frozen=True)
class _Both:
    """How a side plays: its present networks where it learns, its past ones where the other side learns."""

    base: ModuleType
    side: _Side
    net: Any
    past: Any  # networks of groups; None where they are not met

    @property
    def present(self) -> Player:
        return self.base.player(self.side.config, self.side.view, self.net)

    @property
    def groups(self) -> int:
        return len(jax.tree.leaves(self.past)[0])

    @property
    def memory(self) -> tuple[Any, Any]:
        """At the start of episodes: of the present networks and of the past ones, leaves [env, ...]."""
        one, count = self.present.memory, self.side.config.num_envs
        apart = self.side.repeats.stop - self.side.repeats.start
        return experience.tile(one, count), experience.tile(one, apart if self.past is not None else 0)

    def seen(self, seen: Seen, where: slice) -> Seen:
        rows = jnp.array(self.side.rows)
        view = self.side.view
        obs = seen.obs[where, rows, : view.observation_size]
        mask = None if seen.mask is None else seen.mask[where, rows, : view.num_actions]
        return Seen(obs, mask, seen.first[where], self._global_state(obs))

    def _global_state(self, obs: Float32[Array, "*env agent feature"]) -> Any:
        kinds = self.present.global_states
        if not kinds:
            return None
        of_one = partial(rollout.global_state, self.side.view, None, kinds=kinds)
        for _ in range(obs.ndim - 2):
            of_one = jax.vmap(of_one)
        return of_one(obs)

    def act(
        self, key: PRNGKeyArray, memory: tuple[Any, Any], seen: Seen
    ) -> tuple[tuple[Any, Any], tuple[Array, Array, Array]]:
        """Next memories; actions, log-probabilities and values of all environments, 0 for past networks."""
        own, before = memory
        key, past_key = jax.random.split(key)
        own, *acted = self.present.act(key, own, self.seen(seen, self.side.learns))
        if self.past is None:
            return (own, before), (acted[0], acted[1], acted[2])
        before, actions = self._repeat(past_key, before, self.seen(seen, self.side.repeats))
        nothing = jnp.zeros(actions.shape, jnp.float32)
        parts = zip(acted, (actions, nothing, nothing), strict=True)
        joined = [self._joined(own, other) for own, other in parts]
        return (own, before), (joined[0], joined[1], joined[2])

    def _repeat(self, key: PRNGKeyArray, memory: Any, seen: Seen) -> tuple[Any, Array]:
        """Next memory and actions of the past networks, group by group."""

        def of_group(net: Any, key: Array, memory: Any, seen: Seen) -> tuple[Any, Array]:
            player = self.base.player(self.side.config, self.side.view, net)
            return player.act(key, memory, seen)[:2]

        split = jax.tree.map(lambda x: x.reshape(self.groups, -1, *x.shape[1:]), (memory, seen))
        found = jax.vmap(of_group)(self.past, jax.random.split(key, self.groups), *split)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)

    def value(self, memory: tuple[Any, Any], seen: Seen) -> Array:
        values = self.present.value(memory[0], self.seen(seen, self.side.learns))
        if self.past is None:
            return values
        apart = self.side.repeats.stop - self.side.repeats.start
        return self._joined(values, jnp.zeros((apart, *values.shape[1:]), values.dtype))

    def _joined(self, own: Array, other: Array) -> Array:
        """Environments in their order: where the side learns, and where its past networks play."""
        order = (own, other) if self.side.learns.start == 0 else (other, own)
        return jnp.concatenate(order)

    def packed(self, obs: Float32[Array, "agent feature"]) -> Any:
        own = obs[jnp.array(self.side.rows), : self.side.view.observation_size]
        return own if self.present.pack is None else self.present.pack(own)

    def of_rollout(self, number: int, batch: Rollout) -> Rollout:
        """What the side learns from: its agents, in the environments where its present networks play."""
        where, rows = self.side.learns, jnp.array(self.side.rows)

        def own(x: Any) -> Any:
            return None if x is None else x[:, where]

        def of_agents(x: Any) -> Any:
            return None if x is None else x[:, where, rows]

        memory = None if batch.memory is None else batch.memory[number][0]
        obs = jax.tree.map(own, batch.obs[number])
        states = self._global_state(obs) if self.present.global_states else None
        return Rollout(
            obs=obs,
            mask=of_agents(batch.mask)[..., : self.side.view.num_actions],
            action=of_agents(batch.action),
            log_prob=of_agents(batch.log_prob),
            value=of_agents(batch.value),
            next_value=of_agents(batch.next_value),
            reward=of_agents(batch.reward),
            terminated=own(batch.terminated),
            done=own(batch.done),
            episode_return=of_agents(batch.episode_return),
            elapsed=own(batch.elapsed),
            global_state=states,
            first=own(batch.first) if jax.tree.leaves(memory) else None,
            memory=memory if jax.tree.leaves(memory) else None,
        )


def _act(players: list[_Both], key: PRNGKeyArray, memory: Any, seen: Seen) -> tuple[Any, Array, Array, Array]:
    """What all agents do, see :data:`garrison.learn.rollout.Act`."""
    keys = jax.random.split(key)
    acted = [one.act(own, before, seen) for one, own, before in zip(players, keys, memory, strict=True)]
    parts = [_in_rows(players, values) for values in zip(*(found for _, found in acted), strict=True)]
    return tuple(after for after, _ in acted), parts[0], parts[1], parts[2]


def _value(players: list[_Both], memory: Any, seen: Seen) -> Array:
    return _in_rows(players, [one.value(own, seen) for one, own in zip(players, memory, strict=True)])


def _in_rows(players: list[_Both], values: Any) -> Array:
    """Arrays [env, agent of the side] of both sides as one over all agents."""
    rows = [row for one in players for row in one.side.rows]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return jnp.concatenate(values, axis=1)[:, jnp.array(order)]


# ---------------------------------------------------------------- learning


def _remembered(config: Any, state: TrainState) -> TrainState:
    """The state with the present networks among the past ones, where it is time for that."""
    if state.past is None:
        return state
    due = state.iteration % config.snapshot_every == 0
    slot = (state.iteration // config.snapshot_every) % config.snapshots

    def keep(past: Array, now: Array) -> Array:
        return past.at[slot].set(jnp.where(due, now, past[slot]))

    nets = tuple(learner.net for learner in state.learners)
    return state.replace(past=jax.tree.map(keep, state.past, nets))


def _if(turn: Array, update: Any, learner: Any) -> tuple[Any, dict[str, Any]]:
    """``update(learner)`` if it is the side's turn; else the learner as it was, and metrics of 0."""

    def wait(learner: Any) -> tuple[Any, dict[str, Any]]:
        shapes = jax.eval_shape(update, learner)[1]
        return learner, jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), shapes)

    return jax.lax.cond(turn, update, wait, learner)
