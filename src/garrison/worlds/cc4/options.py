"""What may differ from CybORG, as data: every leaf can vary per lane without compiling again."""

from __future__ import annotations

import dataclasses
import difflib

import jax
import numpy as np

from garrison.core.struct import struct
from garrison.worlds.cc4 import tables as T


def phase_starts(steps: int) -> tuple[int, int]:
    """First steps of phases 1 and 2 when an episode of ``steps`` is cut in three (§6.1)."""
    third, rest = divmod(steps, 3)
    return third + (rest > 0), 2 * third + (rest > 0) + (rest > 1)


@struct
class Options:
    """Numbers of the game. The defaults are CybORG's; shapes as commented, one set per lane."""

    steps: jax.Array  # int16[]: episode length as CybORG counts it; done after step ``steps - 1``
    phase_start: jax.Array  # int16[2]: first steps of phases 1 and 2
    users: jax.Array  # uint8[zone, 2]: least and most user hosts per subnet, within 1..10
    servers: jax.Array  # uint8[zone, 2]: least and most server hosts per subnet, within 1..6
    green_work_alarm: jax.Array  # float32[]: chance that local work raises a process event
    green_access_alarm: jax.Array  # float32[]: chance that a service access raises a network event
    green_phishing: jax.Array  # float32[]: chance that local work opens a phishing mail
    red_scan_detection: jax.Array  # float32[2]: aggressive, stealth
    red_exploit_detection: jax.Array  # float32[]: per node of an SSH route, and the SQL process event
    red_deception_rates: jax.Array  # float32[2]: true and false positives of DiscoverDeception
    red_probability: jax.Array  # float32[state, kind]: how the finite-state red picks an action
    red_discovery_probability: jax.Array | None  # float32[state, kind]: the same of its discovery variant
    red_priority: jax.Array  # float32[state]: weights of the discovery variant's choice of a state
    red_server_preference: jax.Array  # float32[]: the discovery variant's taste for servers
    reward: jax.Array  # float32[phase, subnet, part]: LWF, ASF, RIA (§6.3)
    restore_cost: jax.Array  # float32[]: reward for each Restore submitted


def default_options(**changes) -> Options:
    """CybORG's numbers with ``changes``.

    Args:
        **changes: fields of :class:`Options`; scalars and nested lists are converted. ``steps`` moves
            the phases along unless ``phase_start`` is given too.

    Raises:
        ValueError: for an unknown field, a wrong shape, or a value outside its range; names it.
    """
    steps = int(changes.pop("steps", 500))
    if not 4 <= steps <= 32_000:
        raise ValueError(f"cc4: steps must lie in 4..32000, not {steps}")
    values = {
        "steps": np.int16(steps),
        "phase_start": np.asarray(phase_starts(steps), np.int16),
        "users": np.tile(np.uint8([3, T.MAX_USERS]), (T.NUM_ZONES, 1)),
        "servers": np.tile(np.uint8([1, T.MAX_SERVERS]), (T.NUM_ZONES, 1)),
        "green_work_alarm": np.float32(0.01),
        "green_access_alarm": np.float32(0.01),
        "green_phishing": np.float32(0.01),
        "red_scan_detection": np.float32([0.75, 0.25]),
        "red_exploit_detection": np.float32(0.95),
        "red_deception_rates": np.float32([0.5, 0.1]),
        "red_probability": T.FSM_PROBABILITY,
        "red_discovery_probability": T.DISCOVERY_PROBABILITY,
        "red_priority": T.DISCOVERY_PRIORITY,
        "red_server_preference": np.float32(T.DISCOVERY_SERVER_PREFERENCE),
        "reward": T.REWARD,
        "restore_cost": np.float32(T.RESTORE_COST),
    }
    for name, value in changes.items():
        if name not in values:
            close = difflib.get_close_matches(name, values, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"cc4: no option {name!r}{hint} Options: {', '.join(values)}")
        values[name] = _convert(name, value, np.asarray(values[name]))
    _check_ranges(values)
    return Options(**{k: np.asarray(v) for k, v in values.items()})


def _convert(name: str, value, like: np.ndarray) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object or not np.issubdtype(array.dtype, np.number):
        raise ValueError(f"cc4: option {name!r} must be numbers, not {value!r}")
    if np.issubdtype(like.dtype, np.integer) and np.any(array != np.floor(array)):
        raise ValueError(f"cc4: option {name!r} must be whole numbers, not {value!r}")
    if name in ("users", "servers") and array.ndim < 2:  # one range (or one number) for all subnets
        array = np.broadcast_to(array if array.ndim else np.repeat(array, 2), like.shape)
    if array.shape != like.shape:
        raise ValueError(f"cc4: option {name!r} must have shape {like.shape}, not {array.shape}")
    return array.astype(like.dtype)


def _check_ranges(values: dict) -> None:
    for name, most in (("users", T.MAX_USERS), ("servers", T.MAX_SERVERS)):
        low, high = np.asarray(values[name], int).T
        if np.any(low < 1) or np.any(high > most) or np.any(low > high):
            raise ValueError(f"cc4: {name} must be [least, most] within 1..{most}, not {values[name]!r}")
    for name in ("green_work_alarm", "green_access_alarm", "green_phishing", "red_scan_detection",
                 "red_exploit_detection", "red_deception_rates", "red_server_preference"):  # fmt: skip
        if np.any(values[name] < 0) or np.any(values[name] > 1):
            raise ValueError(f"cc4: {name} must lie in 0..1, not {values[name]!r}")
    for name in ("red_probability", "red_discovery_probability", "red_priority"):
        if np.any(~np.isfinite(values[name])) or np.any(values[name] < 0):
            raise ValueError(f"cc4: {name} must be finite and not negative")
    starts = np.asarray(values["phase_start"])
    if not 0 <= starts[0] <= starts[1]:
        raise ValueError(f"cc4: phase_start must be two steps in rising order, not {starts.tolist()}")


FIELDS = tuple(f.name for f in dataclasses.fields(Options))
