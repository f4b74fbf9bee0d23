"""Random draws, and episodes from a seed: for the tests of the interpreter and of the kernel."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from garrison.worlds.soc.tables import hosts, scenarios
from garrison.worlds.soc.tables.scenarios import Scenario
from reference.generator import generate
from reference.world import World, reset


def uniform(rng: random.Random) -> float:
    """A uniform of 24 bits."""
    return rng.getrandbits(24) / 2**24


def array(rng: random.Random, *shape: int) -> Any:
    """Nested lists of uniforms."""
    if not shape:
        return uniform(rng)
    return [array(rng, *shape[1:]) for _ in range(shape[0])]


def row(rng: random.Random, num_hosts: int) -> dict[str, Any]:
    """One row of draws (§2.8)."""
    shapes = {
        "decide": (4,),
        "start": (),
        "first": (2,),
        "chance": (),
        "pick": (),
        "gap": (),
        "token": (3, 2),
    }
    return {name: array(rng, *shape) for name, shape in (shapes | {"host": (num_hosts,), "ot": (3,)}).items()}


def constant(num_hosts: int, value: float = 0.5, **changes: Any) -> dict[str, Any]:
    """A row whose draws are all ``value``, but for ``changes``."""

    class Fixed(random.Random):
        def getrandbits(self, k: int, /) -> int:
            return int(value * 2**24)

    return row(Fixed(), num_hosts) | changes


def generator_draws(rng: random.Random, num_hosts: int) -> dict[str, Any]:
    """The named draws of a network."""
    per_host = dict.fromkeys(("os", "cvss", "phish", "home", "peer"), (num_hosts,))
    shapes = per_host | {"weak": (hosts.NUM_WEAKNESSES, num_hosts), "decoy": (2, num_hosts)}
    shapes |= {"live": (hosts.NUM_ZONES,), "shift": (), "day": (), "plant": (3,), "start": (3,)}
    return {name: array(rng, *shape) for name, shape in shapes.items()}


def options(scenario: Scenario, preset: str = "medium", size: str = "small") -> dict[str, Any]:
    """The options of a scenario and a preset, as plain numbers."""
    rules, level = scenarios.SCENARIOS[scenario], scenarios.PRESETS[preset]
    return {
        "scenario": int(scenario),
        "horizon": rules.horizon_ms,
        "live_range": hosts.LIVE_EASY if preset == "easy" else hosts.LIVE[size],
        "clock_mean": scenarios.clock_means(scenario, preset).tolist(),
        "token_lifetime": scenarios.token_lifetimes(scenario).tolist(),
        "guest_to_ot": rules.guest_to_ot,
        "delay_scale": level.delay_scale,
        "alarm_scale": level.alarm_scale,
        "noise_scale": level.noise_scale,
        "script_slip": level.slip,
        "dwell_scale": level.dwell_scale,
    }


def network(seed: int, scenario: Scenario, preset: str = "medium", size: str = "small") -> dict[str, Any]:
    """A random network."""
    draws = generator_draws(random.Random(seed), sum(hosts.SLOTS[size]))
    return generate(size, options(scenario, preset, size), draws)


def episode(
    seed: int, scenario: Scenario, preset: str = "medium", size: str = "small", reds: int = 1
) -> World:
    """The state at the reset of a random network."""
    gaps = array(random.Random(-seed - 1), 5)
    net = network(seed, scenario, preset, size)
    return reset(net, options(scenario, preset, size), reds, hosts.RING[size], gaps)


def flat(value: Any) -> np.ndarray:
    """A field of :func:`reference.world.fields` as an integer array."""
    return np.asarray(value).astype(np.int64)
