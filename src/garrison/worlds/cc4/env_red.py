"""CC4 with red as the learning side: six attackers against a scripted blue."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.spaces import check_actions
from garrison.core.struct import struct
from garrison.core.world import Step, World
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import observe, red_view
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import blue as blue_players
from garrison.worlds.cc4.agents import green
from garrison.worlds.cc4.env import CC4, Episode, play
from garrison.worlds.cc4.options import Options
from garrison.worlds.cc4.topology import Topology


@struct
class RedEpisode:
    """The game, and what its scripted blue sees and remembers."""

    episode: Episode
    blue_obs: jax.Array  # float32[blue, 210], float32[blue, 892] where the player reads rich ones
    blue_memory: Any


@dataclasses.dataclass(frozen=True)
class CC4Red(World):
    """CAGE Challenge 4 with red as the learning side; its reward is blue's with the sign turned.

    Actions and observations are those of :mod:`~garrison.worlds.cc4.red_view`.
    """

    game: CC4
    blue: str = "idle"

    name = "cc4"
    version = CC4.version
    agents = T.RED_AGENTS
    action_counts = red_view.ACTION_COUNTS
    observation_sizes = red_view.OBSERVATION_SIZES
    fixed_horizon = True
    idle_actions = (0,) * T.NUM_RED

    @property
    def max_steps(self) -> int:  # type: ignore[override]
        return self.game.max_steps

    @property
    def score_steps(self) -> int:
        return self.game.score_steps

    def reset(
        self, key: jax.Array, options: Options | None = None, network: Topology | None = None
    ) -> tuple[jax.Array, RedEpisode]:
        key, blue_key = jax.random.split(key)
        blue_obs, episode = self.game.reset(key, options, network)
        memory = blue_players.PLAYERS[self.blue].init(blue_key, T.NUM_BLUE)
        state = RedEpisode(episode=episode, blue_obs=blue_obs, blue_memory=memory)
        return red_view.vectors(episode.state), state

    def step(
        self, key: jax.Array, state: RedEpisode, actions: jax.Array
    ) -> tuple[jax.Array, RedEpisode, Step]:
        check_actions(self, actions)
        key, blue_key = jax.random.split(key)
        draws, before = draw.sample(key), state.episode
        masks = observe.blue_masks(before.topology)
        player = blue_players.PLAYERS[self.blue]
        blue, memory = player.act(blue_key, state.blue_obs, masks, state.blue_memory)
        episode, events, parts, done = play(
            draws,
            before,
            blue,
            red_view.resolve(before.state, jnp.asarray(actions)),
            green.decide(self.game.green, draws),
        )
        obs = red_view.vectors(episode.state)
        blue_obs = self.game.observe(episode)
        return (
            obs,
            RedEpisode(episode=episode, blue_obs=blue_obs, blue_memory=memory),
            Step(
                reward=jnp.broadcast_to(-sum(parts.values()), (T.NUM_RED,)),
                terminated=done,
                truncated=done,
                final_obs=obs,
                info={"events": events, "reward_parts": {name: -value for name, value in parts.items()}},
            ),
        )

    def legal(self, state: RedEpisode) -> jax.Array:
        return red_view.masks(state.episode.state)

    def action_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.red_action_labels(self.agent_index(agent))

    def observation_labels(self, agent: int | str) -> list[str]:
        from garrison.worlds.cc4 import describe

        return describe.red_observation_labels(self.agent_index(agent))

    def describe(self, state: RedEpisode) -> dict[str, Any]:
        return self.game.describe(state.episode)

    def narrate(self, state: RedEpisode, actions: Any, after: RedEpisode, step: Step) -> list[str]:
        return self.game.narrate(state.episode, actions, after.episode, step)
