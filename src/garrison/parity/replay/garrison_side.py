"""Actions and results of Garrison in the compared form (see :mod:`garrison.parity.replay.compare`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from garrison.core.world import Step
from garrison.parity.recording.network import Names
from garrison.worlds.cc4 import recall
from garrison.worlds.cc4 import rich as contract
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.options import Options

_OUTCOMES = (None, "TRUE", "UNKNOWN", "FALSE", "IN_PROGRESS")  # by tables.Outcome


def executed(events: Events, names: Names) -> dict[str, dict]:
    """The events of a step, by agent."""
    done = {agent: _blue(events, b) for b, agent in enumerate(T.BLUE_AGENTS)}
    done |= {agent: _green(events, slot, names) for agent, slot in names.green_slot.items()}
    return done | {agent: _red(events, r, names) for r, agent in enumerate(T.RED_AGENTS)}


def _blue(events: Events, b: int) -> dict[str, Any]:
    kind, host, target = int(events.blue_kind[b]), int(events.blue_host[b]), None
    if kind in (T.Blue.BLOCK, T.Blue.ALLOW):
        target = [T.SUBNETS[events.blue_from[b]], T.SUBNETS[events.blue_to[b]]]
    elif host != T.NO_HOST:
        target = T.HOST_NAMES[host]
    return {"action": T.BLUE_NAMES[kind], "target": target, "result": _OUTCOMES[events.blue_outcome[b]]}


def _green(events: Events, slot: int, names: Names) -> dict[str, Any]:
    kind = int(events.green_kind[slot])
    return {
        "action": T.GREEN_NAMES[kind],
        "target": None if kind == T.Green.SLEEP else names.ip[events.green_target[slot]],
        "result": _OUTCOMES[events.green_outcome[slot]],
        "alarm": bool(events.green_alarm[slot]),
        "phished": bool(events.green_phished[slot]),
    }


def _red(events: Events, r: int, names: Names) -> dict[str, Any]:
    kind, ran = int(events.red_kind[r]), bool(events.red_ran[r])
    acts = kind not in (T.Red.SLEEP, T.Red.INVALID)
    host, target = int(events.red_host[r]), None
    if kind == T.Red.DISCOVER:
        target = names.cidr[events.red_subnet[r]]
    elif acts:
        target = T.HOST_NAMES[host] if T.RED_TARGET_BY_NAME[kind] else names.ip[host]
    return {
        "action": T.RED_NAMES[kind],
        "target": target,
        "session": str(events.red_session[r]) if acts else None,
        "result": _OUTCOMES[events.red_outcome[r]] if ran else None,
        "ran": ran,
        "exploit": T.EXPLOIT_NAMES[events.red_exploit[r]] or None,
        "trapped": bool(events.red_trapped[r]),
    }


def at_reset(names: Names, options: Options, obs: np.ndarray, legal: np.ndarray) -> dict[str, Any]:
    """The start of an episode in the compared form, without its state; NumPy leaves."""
    phases = np.diff([0, *options.phase_start.tolist(), int(options.steps)])
    return {
        "observations": dict(zip(T.BLUE_AGENTS, _stock(obs), strict=True)),
        "masks": dict(zip(T.BLUE_AGENTS, _masks(legal), strict=True)),
        "labels": {agent: _labels(b, legal[b], names) for b, agent in enumerate(T.BLUE_AGENTS)},
        "phases": phases.tolist(),
        "green_hosts": {agent: T.HOST_NAMES[host] for host, agent in names.green_agent.items()},
    }


def _stock(obs: np.ndarray) -> list[list[float]]:
    """The wrapper's vectors, with which rich observations begin; of blue, whose agents are the first."""
    return obs[: T.NUM_BLUE, : T.MAX_BLUE_OBSERVATION].tolist()


def _masks(legal: np.ndarray) -> list[list[bool]]:
    return legal[: T.NUM_BLUE, : T.MAX_BLUE_ACTIONS].tolist()


def listed(obs: np.ndarray, legal: np.ndarray) -> dict[str, Any]:
    """Observations and legal actions of red's agents by its list: the elements that are not 0, by index.

    Args:
        obs: ``float32[red, feature]`` under ``acts``. To six places, see :func:`rich`.
        legal: ``bool[red, action]``.
    """
    values = np.round(obs.astype(float), 6)
    return {
        "red_observations": {
            agent: {str(i): float(row[i]) for i in np.flatnonzero(row)}
            for agent, row in zip(T.RED_AGENTS, values, strict=True)
        },
        "red_masks": {
            agent: np.flatnonzero(row).tolist() for agent, row in zip(T.RED_AGENTS, legal, strict=True)
        },
    }


def rich(obs: np.ndarray) -> dict[str, dict[str, float]]:
    """What observations ``float32[blue, 1132]`` under ``recall`` add to the vectors, by agent and label.

    To six places: a compiled division by a constant may be off by the last bit, and the values are fractions
    with denominators up to 500.
    """
    values = np.round(obs.astype(float), 6)
    return {
        agent: dict(zip(names, values[b, places].tolist(), strict=True))
        for b, (agent, (names, places)) in enumerate(zip(T.BLUE_AGENTS, _ADDED, strict=True))
    }


def _added(blue: int) -> tuple[list[str], np.ndarray]:
    """Labels of what an agent's observation adds to the vector, and their indices."""
    parts = [(contract.START, contract.labels(blue)), (recall.START, recall.labels(blue))]
    places = [start + np.arange(len(labels)) for start, labels in parts]
    return [label for _, labels in parts for label in labels], np.concatenate(places)


_ADDED = [_added(b) for b in range(T.NUM_BLUE)]


def _labels(blue: int, legal: np.ndarray, names: Names) -> list[str]:
    """The action list of an agent in the words of CybORG's wrapper."""
    return [_label(blue, index, legal[index], names) for index in range(T.BLUE_ACTION_COUNTS[blue])]


def _label(blue: int, index: int, legal: bool, names: Names) -> str:
    kind, host, source, target = T.BLUE_ACTIONS[blue, index].tolist()
    words = [T.BLUE_NAMES[kind]] if legal else ["[Invalid]", T.BLUE_NAMES[kind]]
    if host != T.NO_HOST:
        words.append(T.HOST_NAMES[host])
    elif source != T.NO_SUBNET:
        words.append(" <- ".join(f"{T.SUBNETS[s]} ({names.cidr[s]})" for s in (target, source)))
    return " ".join(words)


def outputs(obs: np.ndarray, legal: np.ndarray, step: Step) -> dict[str, Any]:
    """Observations, masks, reward, and whether the episode is over.

    Args:
        step: a :class:`~garrison.core.world.Step` with NumPy leaves.
    """
    parts = {name: float(value) for name, value in step.info["reward_parts"].items()}
    cost = parts.pop("action_cost")
    return {
        "observations": dict(zip(T.BLUE_AGENTS, _stock(obs), strict=True)),
        "masks": dict(zip(T.BLUE_AGENTS, _masks(legal), strict=True)),
        "reward": {"team": sum(parts.values()), "action_cost": cost},
        "rewards": step.reward[: T.NUM_BLUE].tolist(),
        "done": bool(step.done),
    }
