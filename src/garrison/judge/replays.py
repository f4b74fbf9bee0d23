"""Replays that are played again, to see whether they are what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.struct import Struct
from garrison.core.world import World
from garrison.judge import match, specs
from garrison.judge.evaluate import evaluate
from garrison.training.config import make_world
from garrison.view.record import record
from garrison.view.replay import Replay


class Recorded(Struct):
    """Takes the actions of an episode again, whatever it sees."""

    actions: jax.Array  # int32[step, agent]

    def init(self, key: Any, num_agents: int) -> jax.Array:
        """The number of the next step."""
        return jnp.int32(0)

    def act(self, key: Any, obs: Any, mask: Any, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The actions of the step."""
        return self.actions[jnp.minimum(memory, len(self.actions) - 1)], memory + 1


def ticks_again(replay: Replay) -> list[dict[str, Any]]:
    """The ticks of an episode when its actions are played again from its seed.

    Raises:
        ValueError: for a replay of another version of the world, without a seed or actions, or of a world or
            an opponent that cannot be made.
    """
    header = replay.header
    if header.get("seed") is None or not all("actions" in tick for tick in replay.ticks[1:]):
        raise ValueError("it has no seed or no actions, so that it cannot be played again")
    world = _world(header)
    if world.version != header["world_version"]:
        raise ValueError(
            f"it is of version {header['world_version']} of {world.name}; this is version {world.version}"
        )
    actions = jnp.asarray([tick["actions"] for tick in replay.ticks[1:]], jnp.int32)
    _, recording = evaluate(world, {"recorded": Recorded(actions)}, 1, header["seed"], record="recorded")
    assert recording is not None
    return list(record(world, recording, "recorded").ticks)


def difference(ticks: Sequence[dict[str, Any]], again: Sequence[dict[str, Any]]) -> str | None:
    """Where ticks differ from those that were played again; None: nowhere."""
    for one, other in zip(ticks, again, strict=False):
        names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        if names:
            return f"tick {one['t']} is another one when it is played again: {', '.join(names)}"
    if len(ticks) != len(again):
        return f"it has {len(ticks)} ticks, and {len(again)} when it is played again"
    return None


def _world(header: dict[str, Any]) -> World:
    """The world of a replay, against its opponent."""
    world, against = make_world(header["world"], header["options"]), header["against"]
    if against is None:
        return world
    both = match.two_sided(world)
    agents = {side: [both.agents[i] for i in numbers] for side, numbers in both.sides.items()}
    side = next((side for side, names in agents.items() if names == header["agents"]), None)
    if side is None:
        raise ValueError(f"its agents are of no side of {world.name}: {', '.join(header['agents'])}")
    return match.worlds_against(both, side, {against: specs.opponent(against, both, side)})[against]
