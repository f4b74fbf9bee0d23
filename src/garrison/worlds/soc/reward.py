"""Rewards of both sides from what a step added up (``soc-rules.md §7.2, §7.3``).

The unit is one point: 1 % of the network's value lost for one hour. Parts sum to the reward.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from garrison.core.typing import Array, Float32
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.integrate import PARTS
from garrison.worlds.soc.state import State
from garrison.worlds.soc.step import Sums
from garrison.worlds.soc.tables import scenarios as S

_TERMINAL = np.array([S.SCENARIOS[scenario].terminal for scenario in S.Scenario], np.int32)
BLUE, RED = 0, 1


def blue(game: Game, sums: Sums) -> dict[str, Float32[Array, ""]]:
    """Parts of blue's reward, none above 0."""
    lost = dict(zip(PARTS, _points(sums), strict=True))
    return {
        "availability": -(lost["encryption"] + lost["downtime"]),
        "ownership": -lost["ownership"],
        "friction": -lost["friction"],
        "goal": -_goal(game, sums),
        "exfiltration": -_taken(sums),
        "cost": -_cost(sums, BLUE),
    }


def red(game: Game, sums: Sums) -> dict[str, Float32[Array, ""]]:
    """Parts of red's reward without shaping: what it inflicts on blue, less its own costs."""
    lost = dict(zip(PARTS, _points(sums), strict=True))
    return {
        "encryption": lost["encryption"],
        "ownership": lost["ownership"],
        "goal": _goal(game, sums),
        "exfiltration": _taken(sums),
        "cost": -_cost(sums, RED),
    }


def shaping(before: State, after: State) -> Float32[Array, ""]:
    """What the first Root on a host adds to red's reward, for at most ``SHAPING_MOST`` hosts an episode."""
    counts = [jnp.sum(state.host_rooted, dtype=jnp.int32) for state in (before, after)]
    new = jnp.minimum(counts[1], S.SHAPING_MOST) - jnp.minimum(counts[0], S.SHAPING_MOST)
    return S.SHAPING_POINTS * new.astype(jnp.float32)


def _points(sums: Sums) -> Float32[Array, "part"]:
    return sums.loss.astype(jnp.float32) / S.LOSS_PER_POINT


def _goal(game: Game, sums: Sums) -> Float32[Array, ""]:
    """All that could still be lost to the horizon, and the scenario's own points."""
    to_lose = sums.left.astype(jnp.float32) * (S.HOUR_POINTS / S.HOUR_MS)
    return to_lose + (sums.reached * jnp.asarray(_TERMINAL)[game.options.scenario]).astype(jnp.float32)


def _taken(sums: Sums) -> Float32[Array, ""]:
    return S.EXFILTRATION_POINTS * sums.exfiltrated.astype(jnp.float32)


def _cost(sums: Sums, side: int) -> Float32[Array, ""]:
    return sums.spent[side].astype(jnp.float32) / S.FUNDS_PER_POINT
