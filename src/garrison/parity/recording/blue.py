"""Blue policies that play on CybORG while it is recorded: the world's, stress policies, trained, recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import STATE, is_privileged, observation_of, observation_size_of
from garrison.parity.recording import trace
from garrison.parity.stress.policies import STRESS, Known
from garrison.training import run as runs
from garrison.worlds.cc4 import BLUE_POLICIES, CC4
from garrison.worlds.cc4 import tables as T

NAMES = tuple(dict.fromkeys([*BLUE_POLICIES, *STRESS]))


@dataclass(frozen=True)
class BlueView:
    """What a policy may look at before a step; NumPy arrays."""

    t: int
    obs: np.ndarray  # float32[blue, 210], [blue, 892] or [blue, 1132], as the policy reads them
    mask: np.ndarray  # bool[blue, action]
    held: np.ndarray  # bool[host]: red has a session there; for privileged policies
    busy: np.ndarray  # bool[blue]: an action is in progress


class BluePlayer(Protocol):
    """A policy that plays: ``begin`` at reset, then ``act`` before each step gives ``int[blue]`` indices."""

    observation: str  # "stock", "rich" or "recall"

    def begin(self, seed: int, episode: int) -> None: ...

    def act(self, view: BlueView) -> np.ndarray: ...


class PolicyAdapter:
    """A policy of :mod:`garrison.core.policy`.

    Args:
        masked: whether Sleep is its one legal action while it is busy, as in a world with ``busy="masked"``.
    """

    def __init__(self, policy: Any, masked: bool = False):
        contract = observation_of(policy)
        self.observation = "stock" if contract in (None, STATE) else contract
        self._privileged, self._masked = is_privileged(policy), masked
        self._size = observation_size_of(policy)
        self._init = lambda key: policy.init(key, T.NUM_BLUE)
        self._act = jax.jit(policy.act)

    def begin(self, seed: int, episode: int) -> None:
        self._key = jax.random.fold_in(jax.random.key(seed), episode)
        self._memory = self._init(self._key)

    def act(self, view: BlueView) -> np.ndarray:
        key = jax.random.fold_in(self._key, view.t)
        mask = view.mask
        if self._masked:
            mask = np.where(view.busy[:, None], mask & (T.BLUE_ACTIONS[:, :, 0] == T.Blue.SLEEP), mask)
        held: Any = view.held
        busy: Any = view.busy
        seen = Known(held, busy) if self._privileged else view.obs[..., : self._size]
        actions, self._memory = self._act(key, seen, jnp.asarray(mask), self._memory)
        return np.asarray(actions)


class ReplayedActions:
    """The actions of a recording."""

    observation = "stock"

    def __init__(self, path: Path):
        self._actions = [trace.actions_of(step) for step in trace.read(path).steps()]

    def begin(self, seed: int, episode: int) -> None:
        if episode:
            raise ValueError("a recording has the actions of one episode")

    def act(self, view: BlueView) -> np.ndarray:
        return self._actions[view.t]


def blue(name: str) -> BluePlayer:
    """A policy by name: one of :data:`NAMES`, a seed of a run as ``RUN`` or ``RUN:3``, or a recording.

    Raises:
        ValueError: for an unknown name, and a run whose policies do not defend CC4.
        OSError: for a run without a checkpoint.
    """
    if _is_recording(name):
        return ReplayedActions(Path(name))
    if name in NAMES:
        return PolicyAdapter(STRESS.get(name) or BLUE_POLICIES[name])
    path, number = _of_run(name)
    if not (path / "config.json").exists():
        raise ValueError(
            f"no blue policy {name!r}; there are: {', '.join(NAMES)}, run directories and recordings"
        )
    run = runs.load(path)
    world, policies = run.world(), run.policies()
    if not isinstance(world, CC4):
        raise ValueError(f"{path} was trained in {world.name!r}, not as the blue side of cc4")
    if number >= len(policies):
        raise ValueError(f"{path} has {len(policies)} seeds, counted from 0: there is no {number}")
    return PolicyAdapter(policies[number], masked=world.busy == "masked")


def called(name: str) -> str:
    """The name of a policy in files and tables: of a run, the last part of its path and the seed's number."""
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
