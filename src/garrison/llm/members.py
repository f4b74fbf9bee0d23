"""Players of seats as members of a league of ``cc4``, so that language models are in its matrix.

    league = create(path, config, {"host:model": lambda game: Chat(client, game)})
    league.run()

The configuration names them among its first or held-out members, such as ``rows=("guard", "host:model")``. A
player decides for all agents of its side, by tools and from its texts, in the episodes that all cells play;
without a recovery plan, which has no part in the world's reward. It takes part in payoffs and mixtures, and
not in trainings: a training runs in one compiled program, which cannot ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Policy, act
from garrison.core.world import World, observed_by
from garrison.judge.episodes import episode_keys
from garrison.judge.lineup import with_jax_arrays
from garrison.league import run
from garrison.league.config import Config
from garrison.league.members import Member
from garrison.league.responses import Oracle
from garrison.league.run import League
from garrison.llm.game import Game
from garrison.llm.play import MakePlayer
from garrison.llm.scenarios import Scenario
from garrison.llm.seat import SEATS
from garrison.llm.simulation import NEVER, Roles, Tick, tick_of
from garrison.worlds.cc4 import TwoSidedCC4
from garrison.worlds.cc4.behavior import footholds

Players = Mapping[str, MakePlayer]


def create(path: Path, config: Config, players: Players, oracle: Oracle | None = None) -> League:
    """As :func:`garrison.league.run.create`, with players by the names of their members, ``host:NAME``.

    Raises ``ValueError`` for a member without a player, and a world whose agents have no seats.
    """
    hosts = _Hosts(config, players)
    return hosts.of(run.create(path, config, oracle, hosts))


def load(path: Path, players: Players, oracle: Oracle | None = None) -> League:
    """As :func:`garrison.league.run.load`, with players as of :func:`create`."""
    hosts = _Hosts(None, players)
    league = run.load(path, oracle, hosts)
    _check(league.config, players)
    return hosts.of(league)


def _check(config: Config, players: Players) -> None:
    names = (*config.rows, *config.columns, *config.held_out_rows, *config.held_out_columns)
    missing = [name for name in names if name.startswith("host:") and name not in players]
    if missing:
        raise ValueError(f"{missing[0]} has no player; players: {', '.join(players) or 'none'}")
    if config.world != "cc4":
        raise ValueError(f"world is {config.world!r}; seats and their tools are those of cc4")
    if config.options.get("red_observation", "known") != "known" and any(
        name.startswith("host:") for name in (*config.columns, *config.held_out_columns)
    ):
        raise ValueError("red_observation: a red seat reads 'known'; leave the option out")


class _Hosts:
    """Plays cells in which a member is a player."""

    def __init__(self, config: Config | None, players: Players) -> None:
        if config is not None:
            _check(config, players)
        self.players = players
        self._league: League | None = None

    def of(self, league: League) -> League:
        """The league whose cells these are."""
        self._league = league
        return league

    def __call__(self, row: Member, column: Member, seed: int, episodes: int) -> np.ndarray:
        """As of :data:`~garrison.league.members.HostPlay`."""
        league = self._league
        assert league is not None
        made = {
            side: self.players[one.id]
            for side, one in zip(league.sides, (row, column), strict=True)
            if one.kind == "host"
        }
        policies = {
            side: league.policy(one)
            for side, one in zip(league.sides, (row, column), strict=True)
            if one.kind != "host"
        }
        return play(league.world, made, policies, range(seed, seed + episodes))


def play(world: World, players: Players, policies: Mapping[str, Policy], seeds: range) -> np.ndarray:
    """Returns of blue, ``f64[episode]``, in the episodes of these seeds.

    The episodes, and the draws of policies, are those of :func:`garrison.judge.evaluate.evaluate` with blue
    in the world in which red is the opponent.

    Args:
        world: ``cc4`` with both sides.
        players: by side; fresh ones are made for each episode.
        policies: of the sides that have no player.
    """
    assert isinstance(world, TwoSidedCC4)
    [(side, policy)] = policies.items() if policies else [("", None)]
    if "blue" in players:
        world = _cc4(world.observe_as("rich"))
    elif policy is not None:
        world = _cc4(observed_by(world, [policy]))
    cell = with_jax_arrays((world, policy))
    keys = episode_keys(jnp.asarray(list(seeds), jnp.uint32))
    env = _begin(cell, side, keys)
    games = _games(world, tuple(players), seeds, jax.device_get((env[0], env[3])))
    asked = [{one: players[one](game) for one in players} for game in games]
    own = {one: list(SEATS[one]) for one in players}
    for t in range(world.max_steps):
        given = np.zeros((len(games), world.num_agents), np.int32)
        rows = np.asarray(env[0])
        for number, (game, by_side) in enumerate(zip(games, asked, strict=True)):
            for one, player in by_side.items():
                while game.outcome is None and game.seats[one].deciding:
                    game.act(player.act(game.seats[one], rows[number, own[one]]), one)
            given[number] = game.joint()[0]
        env, ticks = _step(cell, side, keys, np.int32(t), env, given)
        ticks = jax.device_get(ticks)
        for number, game in enumerate(games):
            game.played(jax.tree.map(lambda x, number=number: x[number], ticks))
    return np.array([-game.loss for game in games])


def _cc4(world: World) -> TwoSidedCC4:
    assert isinstance(world, TwoSidedCC4)
    return world


def _games(world: TwoSidedCC4, seats: tuple[str, ...], seeds: range, start: Any) -> list[Game]:
    size = Scenario(
        "league", world.max_steps, warm_up=0, instructions=0, stride=0, threshold=None, smoothing=100.0
    )
    roles = Roles(tuple(agent for one in seats for agent in SEATS[one]))
    return [
        Game(size, seats, roles, seed, f"league-{seed}", obs, 0.0, since, plan=False)
        for seed, obs, since in zip(seeds, *start, strict=True)
    ]


# ---------------------------------------------------------------- the world, with the policy of one side


@eqx.filter_jit
def _begin(cell: Any, side: str, keys: Any) -> Any:
    """Observations, episodes, memories of the policy, and since when red holds hosts; axis [env]."""
    world, policy = cell

    def one(reset: Any, init: Any) -> Any:
        key, opponent = jax.random.split(reset)
        obs, episode = world.reset(key)
        number = len(world.sides[side]) if side else 0
        memory = policy.init(opponent if side == "red" else init, number) if side else ()
        held, _ = footholds(episode.state)
        return obs, episode, memory, jnp.where(held, 0, NEVER).astype(jnp.int32)

    return jax.vmap(one)(keys.reset, keys.init)


@eqx.filter_jit
def _step(cell: Any, side: str, keys: Any, t: Any, env: Any, given: Any) -> tuple[Any, Tick]:
    """One step, in which the policy decides for its side, and ``given`` says what the others do."""
    world, policy = cell

    def one(keys: Any, env: Any, joint: Any) -> Any:
        obs, episode, memory, since = env
        key, opponent = jax.random.split(jax.random.fold_in(keys.step, t))
        if side:
            agents = np.array(world.sides[side])
            seen = obs[agents, : max(world.observation_sizes[i] for i in agents)]
            mask = world.legal(episode)[agents, : max(world.action_counts[i] for i in agents)]
            draw = opponent if side == "red" else jax.random.fold_in(keys.act, t)
            answer, memory = act(policy, draw, seen, episode, mask, memory)
            joint = joint.at[agents].set(answer)
        before = episode.state
        obs, episode, result = world.step(key, episode, joint)
        tick = tick_of(before, obs, episode.state, result, since, t)
        return (obs, episode, memory, tick.held_since), tick

    return jax.vmap(one)(keys, env, given)
