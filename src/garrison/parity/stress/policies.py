"""Blue policies that play on CybORG while it is recorded: the world's own, trained ones, and ones that reach
corners of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison.parity.recording import trace
from garrison.runs import directory
from garrison.training.seeds import load_policies
from garrison.worlds.cc4 import BLUE_PLAYERS, CC4
from garrison.worlds.cc4 import tables as T


@dataclass(frozen=True)
class View:
    """What a policy may look at before a step; NumPy arrays.

    Those that reach corners also look at what no blue agent knows.
    """

    t: int
    obs: np.ndarray  # float32[blue, 210], for those that read the rich observation [blue, 892]
    mask: np.ndarray  # bool[blue, action]
    held: np.ndarray  # bool[host]: red has a session there
    busy: np.ndarray  # bool[blue]: an action is in progress


class Blue(Protocol):
    """A policy: ``begin`` at reset, then ``act`` before each step gives ``int[blue]`` action indices."""

    observation: str  # "stock" or "rich"

    def begin(self, seed: int, episode: int) -> None: ...

    def act(self, view: View) -> np.ndarray: ...


class Playing:
    """A player of :mod:`garrison.core.policy`.

    Args:
        masked: whether Sleep is its one legal action while it is busy, as in a world with ``busy="masked"``.
    """

    def __init__(self, player: Any, masked: bool = False):
        self.observation = getattr(player, "observation", None) or "stock"
        self._masked = masked
        size = getattr(player, "observation_size", None)
        self._init = lambda key: player.init(key, T.NUM_BLUE)
        self._act = jax.jit(lambda key, obs, mask, memory: player.act(key, obs[..., :size], mask, memory))

    def begin(self, seed: int, episode: int) -> None:
        self._key = jax.random.fold_in(jax.random.key(seed), episode)
        self._memory = self._init(self._key)

    def act(self, view: View) -> np.ndarray:
        key = jax.random.fold_in(self._key, view.t)
        mask = view.mask
        if self._masked:
            mask = np.where(view.busy[:, None], mask & (_KIND == T.Blue.SLEEP), mask)
        actions, self._memory = self._act(key, jnp.asarray(view.obs), jnp.asarray(mask), self._memory)
        return np.asarray(actions)


class Drawing:
    """A rule of this module, ``rule(rng, view) -> int[blue]``, with a generator of its own."""

    observation = "stock"

    def __init__(self, rule: Callable[[np.random.Generator, View], np.ndarray]):
        self._rule = rule

    def begin(self, seed: int, episode: int) -> None:
        self._rng = np.random.default_rng([seed, episode, 1])  # CybORG draws from [seed]

    def act(self, view: View) -> np.ndarray:
        return self._rule(self._rng, view)


class Again:
    """The actions of a recording."""

    observation = "stock"

    def __init__(self, path: Path):
        self._actions = [actions_of(step) for step in trace.read(path).steps()]

    def begin(self, seed: int, episode: int) -> None:
        if episode:
            raise ValueError("a recording has the actions of one episode")

    def act(self, view: View) -> np.ndarray:
        return self._actions[view.t]


def actions_of(step: trace.TraceStep) -> np.ndarray:
    """The submitted indices, ``int32[blue]``; agents that submitted nothing slept."""
    sleep = T.FIRST_BLUE_ACTION[T.Blue.SLEEP]
    chosen = [step.actions.get(agent, sleep[b]) for b, agent in enumerate(T.BLUE_AGENTS)]
    return np.array(chosen, np.int32)


# ---------------------------------------------------------------- rules that reach corners

_KIND, _HOST = T.BLUE_ACTIONS[:, :, 0], T.BLUE_ACTIONS[:, :, 1]
_ON_HOST = np.isin(_KIND, (T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY))
_TRAFFIC = np.isin(_KIND, (T.Blue.BLOCK, T.Blue.ALLOW))
_LONG = T.BLUE_DURATION[_KIND] > 1


def _any_of(rng: np.random.Generator, *preferred: np.ndarray) -> np.ndarray:
    """For each agent one action of the first of ``preferred`` (bool[blue, action]) that has any for it."""
    chosen = [next(rows[b] for rows in preferred if rows[b].any()) for b in range(T.NUM_BLUE)]
    return np.array([rng.choice(np.flatnonzero(row)) for row in chosen])


def _on(hosts: np.ndarray) -> np.ndarray:
    """Actions ``bool[blue, action]`` on hosts ``bool[host]``."""
    return np.append(hosts, np.zeros(T.NO_HOST + 1 - len(hosts), bool))[_HOST]


def random(rng: np.random.Generator, view: View) -> np.ndarray:
    """Any unmasked action, busy or not."""
    return _any_of(rng, view.mask)


def heavy(rng: np.random.Generator, view: View) -> np.ndarray:
    """With 0.8 a Remove, Restore or DeployDecoy, where red has a session if it has one; else any action."""
    often = (rng.random(T.NUM_BLUE) < 0.8)[:, None]
    acting = view.mask & _ON_HOST
    return _any_of(rng, acting & _on(view.held) & often, acting & often, view.mask)


def decoys(rng: np.random.Generator, view: View) -> np.ndarray:
    """Decoys over and over on two hosts per agent, with a Remove or Restore of them now and then."""
    first_two = np.cumsum(view.mask & (_KIND == T.Blue.DECOY), axis=1) <= 2
    deploy = view.mask & (_KIND == T.Blue.DECOY) & first_two
    hosts = np.zeros(T.NO_HOST + 1, bool)
    hosts[_HOST[deploy]] = True
    mend = view.mask & np.isin(_KIND, (T.Blue.REMOVE, T.Blue.RESTORE)) & hosts[_HOST]
    rarely = (rng.random(T.NUM_BLUE) < 0.1)[:, None]
    return _any_of(rng, mend & rarely, deploy)


def storm(rng: np.random.Generator, view: View) -> np.ndarray:
    """Blocks and allows, all of them, in every step; a Restore where red is with 0.1."""
    restore = view.mask & (_KIND == T.Blue.RESTORE) & _on(view.held)
    rarely = (rng.random(T.NUM_BLUE) < 0.1)[:, None]
    return _any_of(rng, restore & rarely, view.mask & _TRAFFIC)


def restores(rng: np.random.Generator, view: View) -> np.ndarray:
    """Restore in every step, in the midst of other actions too: of red's hosts with 0.5, else of any."""
    restore = view.mask & (_KIND == T.Blue.RESTORE)
    often = (rng.random(T.NUM_BLUE) < 0.5)[:, None]
    free = ~view.busy[:, None] & (rng.random(T.NUM_BLUE) < 0.5)[:, None]
    other = view.mask & _LONG & free  # something for the restores to come into
    return _any_of(rng, restore & _on(view.held) & often, other, restore)


def restless(rng: np.random.Generator, view: View) -> np.ndarray:
    """Never idle: always an action that takes several steps, on red's hosts with 0.5."""
    long = view.mask & _LONG
    often = (rng.random(T.NUM_BLUE) < 0.5)[:, None]
    return _any_of(rng, long & _on(view.held) & often, long)


def removes(rng: np.random.Generator, view: View) -> np.ndarray:
    """Remove and DeployDecoy where red is, never a Restore: stale process numbers pile up (Q6, Q7)."""
    mend = view.mask & np.isin(_KIND, (T.Blue.REMOVE, T.Blue.DECOY))
    return _any_of(rng, mend & _on(view.held), mend)


CORNERS = {rule.__name__: rule for rule in (random, heavy, decoys, storm, restores, restless, removes)}
NAMES = tuple(dict.fromkeys([*BLUE_PLAYERS, *CORNERS]))


def blue(name: str) -> Blue:
    """A policy by name.

    That is one of :data:`NAMES`, a team of a run directory, as ``RUN`` or ``RUN:3``, or a recording, whose
    actions are taken again.

    Raises:
        ValueError: for a name that nobody has, and a run whose teams do not defend CC4.
        OSError: for a run that has no checkpoint.
    """
    if _is_recording(name):
        return Again(Path(name))
    if name in CORNERS:
        return Drawing(CORNERS[name])
    if name in BLUE_PLAYERS:
        return Playing(BLUE_PLAYERS[name])
    path, number = _of_run(name)
    if not (path / "config.json").exists():
        raise ValueError(
            f"no blue policy {name!r}; there are: {', '.join(NAMES)}, run directories and recordings"
        )
    _, world, teams = load_policies(directory.load(path))
    if not isinstance(world, CC4):
        raise ValueError(f"{path} was trained in {world.name!r}, not as the blue side of cc4")
    if number >= len(teams):
        raise ValueError(f"{path} has {len(teams)} teams, counted from 0: there is no {number}")
    return Playing(teams[number], masked=world.busy == "masked")


def called(name: str) -> str:
    """What files and tables call a policy: a run's team by the last part of its path."""
    if _is_recording(name):
        return trace.read(name).header["blue"]
    if name in NAMES:
        return name
    path, number = _of_run(name)
    return f"{path.name}.{number}"


def _is_recording(name: str) -> bool:
    return ".jsonl." in name


def _of_run(name: str) -> tuple[Path, int]:
    path, _, number = name.rpartition(":")
    return (Path(path), int(number)) if path and number.isdecimal() else (Path(name), 0)
