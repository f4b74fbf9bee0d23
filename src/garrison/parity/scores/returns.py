"""Returns under four fixed blue policies, ours beside CybORG's, quantity by quantity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.world import Step
from garrison.parity.scores import multiple_tests
from garrison.parity.stress.episodes import Player, memoryless
from garrison.worlds.cc4 import CC4, Episode, sessions
from garrison.worlds.cc4 import tables as T

#: policies by the names of the reference files, and what the judge calls them
POLICIES = {"sleep": "idle", "random": "random", "reactive": "reactive", "firewall": "firewall"}
LEVEL = 0.01  # family-wise, over all quantities of all policies
PARTS = ("LWF", "ASF", "RIA", "action_cost")
LOOKS = range(49, 450, 50)  # steps, from 0, after which red's hosts are counted

#: ``f[episode]`` of each quantity by name
Sample = dict[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """One quantity of one policy, ours and CybORG's."""

    policy: str
    quantity: str
    mean: float
    sd: float
    reference_mean: float
    reference_sd: float
    z: float | None  # ours minus CybORG's in standard errors; None where neither side varies
    p: float  # Welch's t-test
    adjusted: float  # by Holm, over all quantities of all policies

    @property
    def agrees(self) -> bool:
        return self.adjusted >= LEVEL


def player(world: CC4, batch: int) -> Player:
    """Plays the four policies; figures as :func:`sample_of` takes them. CybORG's world is ``cc4.make()``."""
    known = world.policies()
    policies = {name: memoryless(known[ours]) for name, ours in POLICIES.items()}
    return Player(world, policies, _start, _fold, batch)


def _start(episode: Episode) -> dict[str, jax.Array]:
    exists = episode.topology.host_exists
    lanes = exists.shape[0]
    return {
        "parts": jnp.zeros((lanes, T.NUM_PHASES, len(PARTS))),
        "infected": jnp.zeros((lanes, len(LOOKS)), jnp.int32),
        "rooted": jnp.zeros((lanes, len(LOOKS)), jnp.int32),
        "hosts": jnp.sum(exists, axis=1),
        "greens": jnp.sum(exists[:, T.GREEN_HOST], axis=1),
    }


def _fold(figures: dict[str, jax.Array], t: jax.Array, episode: Episode, step: Step) -> dict[str, jax.Array]:
    parts = jnp.stack([step.info["reward_parts"][part] for part in PARTS], axis=-1)
    now = (
        episode.state.phase[:, None] == jnp.arange(T.NUM_PHASES)[None]
    )  # the phase in which the step was done
    figures = figures | {"parts": figures["parts"] + now[:, :, None] * parts[:, None, :]}
    look = jnp.asarray(LOOKS) == t
    return jax.lax.cond(jnp.any(look), _look, lambda figures, *_: figures, figures, look, episode)


def _look(figures: dict[str, jax.Array], look: jax.Array, episode: Episode) -> dict[str, jax.Array]:
    live = jax.vmap(sessions.live)(episode.state)
    rooted = live & (episode.state.session_user == T.User.ROOT)
    hosts = episode.state.session_host
    counts = {"infected": _count_hosts(hosts, live), "rooted": _count_hosts(hosts, rooted)}
    return figures | {name: jnp.where(look[None], n[:, None], figures[name]) for name, n in counts.items()}


def _count_hosts(hosts: jax.Array, where: jax.Array) -> jax.Array:
    """``int32[lane]``: how many different hosts there are among ``hosts[lane, red, session]``."""
    lanes = hosts.shape[0]
    flags = jnp.zeros((lanes, T.NUM_HOSTS), bool)
    place = jnp.where(where, hosts, T.NUM_HOSTS).reshape(lanes, -1)
    return jnp.sum(
        flags.at[jnp.arange(lanes)[:, None], place].set(True, mode="drop"), axis=1, dtype=jnp.int32
    )


def sample_of(figures: Mapping[str, Any]) -> Sample:
    """The quantities that are compared, from ``parts[episode, phase, part]``, ``infected`` and ``rooted``
    ``[episode, look]``, ``hosts`` and ``greens`` ``[episode]``."""
    figures = {name: np.asarray(value, float) for name, value in figures.items()}
    sample = {"return": figures["parts"].sum(axis=(1, 2))}
    for phase, part in np.ndindex(T.NUM_PHASES, len(PARTS)):
        sample[f"phase {phase} {PARTS[part]}"] = figures["parts"][:, phase, part]
    for name in ("infected", "rooted"):
        sample |= {f"{name} after {t}": figures[name][:, i] for i, t in enumerate(LOOKS)}
    return sample | {name: figures[name] for name in ("hosts", "greens")}


def read_reference(folder: Path) -> dict[str, Sample]:
    """CybORG's episodes by policy, from ``<policy>.json`` each.

    Raises:
        ValueError: when a file is not such a record; names it and what is wrong.
        OSError: when one cannot be read.
    """
    return {policy: _read(folder / f"{policy}.json", policy) for policy in POLICIES}


def _read(path: Path, policy: str) -> Sample:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record["policy"], record["red"], record["steps_scored"]) != (policy, "fsm", 499):
            raise ValueError(f"it is not 499 steps of {policy!r} against the stock red")
        columns = {
            name: np.array([episode[key] for episode in record["episodes"]]) for name, key in _KEYS.items()
        }
        sample = sample_of(columns)
        if not np.array_equal(sample["return"], columns["return"]):
            raise ValueError("the parts do not add up to the returns")
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]!r} is missing") from error
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: {error}") from error
    return sample


_KEYS = {
    "return": "return",
    "parts": "by_phase_lwf_asf_ria_cost",
    "infected": "infected_every_50",
    "rooted": "rooted_every_50",
    "hosts": "hosts",
    "greens": "greens",
}


def compare(ours: Mapping[str, Sample], reference: Mapping[str, Sample]) -> list[Comparison]:
    """All quantities of all policies. They agree, save for a chance of ``LEVEL``, where none is rejected."""
    pairs = {
        (policy, name): (x, reference[policy][name]) for policy in ours for name, x in ours[policy].items()
    }
    tests = {pair: multiple_tests.welch(*samples) for pair, samples in pairs.items()}
    adjusted = multiple_tests.adjusted({pair: p for pair, (_, p) in tests.items()})
    return [
        Comparison(*pair, *_moments(mine), *_moments(theirs), *tests[pair], adjusted[pair])
        for pair, (mine, theirs) in pairs.items()
    ]


def _moments(sample: np.ndarray) -> tuple[float, float]:
    return float(np.mean(sample)), float(np.std(sample, ddof=1))
