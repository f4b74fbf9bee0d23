"""Options of the game, as data: every leaf can vary per environment without compiling again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.core.struct import Struct
from garrison.core.typing import Array, Float32, Int16, UInt8
from garrison.worlds.cc4 import tables as T


def phase_starts(steps: int) -> tuple[int, int]:
    """First steps of phases 1 and 2 when an episode of ``steps`` is cut in three (§6.1)."""
    third, rest = divmod(steps, 3)
    return third + (rest > 0), 2 * third + (rest > 0) + (rest > 1)


class Options(Struct):
    """Numbers of the game. The defaults are CybORG's; one set per environment."""

    steps: Int16[Array, "*env"]  # episode length as CybORG counts it; done after step ``steps - 1``
    phase_start: Int16[Array, "*env 2"]  # first steps of phases 1 and 2
    users: UInt8[Array, "*env zone 2"]  # least and most user hosts per subnet, within 1..10
    servers: UInt8[Array, "*env zone 2"]  # least and most server hosts per subnet, within 1..6
    green_work_alarm: Float32[Array, "*env"]  # chance that local work raises a process event
    green_access_alarm: Float32[Array, "*env"]  # chance that a service access raises a network event
    green_phishing: Float32[Array, "*env"]  # chance that local work opens a phishing mail
    red_scan_detection: Float32[Array, "*env 2"]  # aggressive, stealth
    red_exploit_detection: Float32[Array, "*env"]  # per node of an SSH route, and the SQL process event
    red_deception_rates: Float32[Array, "*env 2"]  # true and false positives of DiscoverDeception
    #: weights of actions in the finite-state red's choice; all groups may share one table
    red_probability: Float32[Array, "*env_and_group state kind"]
    red_discovery_probability: Float32[Array, "*env state kind"] | None  # the same of its discovery variant
    red_priority: Float32[Array, "*env state"]  # weights of the discovery variant's choice of a state
    red_server_preference: Float32[Array, "*env"]  # the discovery variant's preference for servers
    # what a finite-state red need not have, None where it does not (§5.6)
    red_target: UInt8[Array, "*env subnet"] | None  # 1: hosts known by name there are of group 1
    red_host_weight: Float32[Array, "*env group state"] | None  # weights of hosts in its choice
    red_role_weight: Float32[Array, "*env role"] | None  # times these, by tables.Role
    red_sees_roles: UInt8[Array, "*env"] | None  # 1: also of hosts that it does not know by name
    red_duration: UInt8[Array, "*env action"] | None  # steps of each action; None: tables.RED_DURATION
    reward: Float32[Array, "*env phase subnet part"]  # LWF, ASF, RIA (§6.3)
    restore_cost: Float32[Array, "*env"]  # reward for each Restore submitted


#: least and largest value of each option
_FLOAT = float(np.finfo(np.float32).max)
RANGES = {
    "steps": (4, 32_000),
    "phase_start": (0, 32_000),
    "users": (1, T.MAX_USERS),
    "servers": (1, T.MAX_SERVERS),
    "green_work_alarm": (0, 1),
    "green_access_alarm": (0, 1),
    "green_phishing": (0, 1),
    "red_scan_detection": (0, 1),
    "red_exploit_detection": (0, 1),
    "red_deception_rates": (0, 1),
    "red_probability": (0, _FLOAT),
    "red_discovery_probability": (0, _FLOAT),
    "red_priority": (0, _FLOAT),
    "red_server_preference": (0, 1),
    "red_target": (0, 1),
    "red_host_weight": (0, _FLOAT),
    "red_role_weight": (0, _FLOAT),
    "red_sees_roles": (0, 1),
    "red_duration": (1, 100),
    "reward": (-_FLOAT, _FLOAT),
    "restore_cost": (-_FLOAT, _FLOAT),
}

#: options that are None unless they are given, with values of their shape that change nothing
OPTIONAL: dict[str, Any] = {
    "red_target": np.zeros(T.NUM_SUBNETS, np.uint8),
    "red_host_weight": np.ones((len(T.Group), len(T.Fsm)), np.float32),
    "red_role_weight": np.ones(len(T.Role), np.float32),
    "red_sees_roles": np.uint8(0),
    "red_duration": T.RED_DURATION,
}
_OPERATIONAL = (T.OZA, T.OZB)


def default_options(**changes: Any) -> Options:
    """CybORG's numbers with ``changes``.

    Args:
        **changes: fields of :class:`Options`; scalars and nested lists are converted. ``steps`` moves
            the phases along unless ``phase_start`` is given too. ``op_zone_servers=n`` is not a field: it
            sets ``servers`` to exactly n in the two operational zones.

    Raises:
        ValueError: for an unknown field, a wrong shape, a number that is not whole where whole numbers are
            needed, or a value outside its range; names the option, the value and the range.
    """
    steps = int(_convert("steps", changes.pop("steps", 500), np.int16(0)))
    operational = changes.pop("op_zone_servers", None)
    values: dict[str, Any] = {
        "steps": np.int16(steps),
        "phase_start": np.asarray(phase_starts(steps), np.int16),
        "users": np.tile(np.array([3, T.MAX_USERS], np.uint8), (T.NUM_ZONES, 1)),
        "servers": np.tile(np.array([1, T.MAX_SERVERS], np.uint8), (T.NUM_ZONES, 1)),
        "green_work_alarm": np.float32(0.01),
        "green_access_alarm": np.float32(0.01),
        "green_phishing": np.float32(0.01),
        "red_scan_detection": np.array([0.75, 0.25], np.float32),
        "red_exploit_detection": np.float32(0.95),
        "red_deception_rates": np.array([0.5, 0.1], np.float32),
        "red_probability": T.FSM_PROBABILITY,
        "red_discovery_probability": T.DISCOVERY_PROBABILITY,
        "red_priority": T.DISCOVERY_PRIORITY,
        "red_server_preference": np.float32(T.DISCOVERY_SERVER_PREFERENCE),
        **dict.fromkeys(OPTIONAL),
        "reward": T.REWARD,
        "restore_cost": np.float32(T.RESTORE_COST),
    }
    for name, value in changes.items():
        if name not in values:
            known = (*values, "op_zone_servers")
            raise ValueError(
                f"cc4: no option {name!r}{did_you_mean(name, known)}; options: {', '.join(known)}"
            )
        values[name] = _convert(name, value, np.asarray(OPTIONAL.get(name, values[name])))
    if operational is not None:
        number = _convert("servers", operational, np.uint8(0))
        values["servers"] = np.array(values["servers"])
        values["servers"][list(_OPERATIONAL)] = number
    for name in ("users", "servers", "phase_start"):
        _check_rising(name, values[name])
    arrays: dict[str, Any] = {
        name: None if value is None else np.asarray(value) for name, value in values.items()
    }
    return Options(**arrays)


def _convert(name: str, value: Any, like: np.ndarray | np.generic) -> np.ndarray:
    """An option as an array with the shape and dtype of ``like``, checked before it is cast."""
    try:
        array = np.asarray(value)
    except ValueError:  # nested lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"cc4: option {name!r} must be numbers, not {value!r}")
    low, high = RANGES[name]
    whole = like.dtype.kind in "iu"
    wrong = ~((array >= low) & (array <= high)) | (whole & (array != np.floor(array)))
    if np.any(wrong):
        kind = "whole numbers" if whole else "numbers"
        bounds = f"in {low:g}..{high:g}"
        raise ValueError(f"cc4: option {name!r} must be {kind} {bounds}, not {array[wrong].flat[0]}")
    if (
        name in ("users", "servers") and array.ndim < like.ndim == 2
    ):  # one range (or one number) for all subnets
        array = np.broadcast_to(array if array.ndim else np.repeat(array, 2), like.shape)
    if name == "red_duration" and array.ndim == 0:  # one number for all kinds
        array = np.broadcast_to(array, like.shape)
    if name == "red_probability" and array.ndim == like.ndim + 1:  # a table per group
        like = np.broadcast_to(like, (len(T.Group), *like.shape))
    if array.shape != like.shape:
        raise ValueError(f"cc4: option {name!r} must have shape {like.shape}, not {array.shape}")
    return array.astype(like.dtype)


def _check_rising(name: str, value: np.ndarray) -> None:
    low, high = np.moveaxis(np.asarray(value, int), -1, 0)
    if np.any(low > high):
        what = "two steps in rising order" if name == "phase_start" else "[least, most]"
        raise ValueError(f"cc4: option {name!r} must be {what}, not {np.asarray(value).tolist()}")


FIELDS = tuple(f.name for f in dataclasses.fields(Options))
