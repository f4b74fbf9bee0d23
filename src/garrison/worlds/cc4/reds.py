"""Reds as data: what each changes in the finite-state red, as options (§5.6).

``make("cc4", red="cia_c")`` plays the finite-state red with the options that :data:`REDS` has for that name.
Several of them in one program, one per environment:

    options = reds.options(("fsm", "cia_c", "target_a"))  # leaves [red, ...]
    obs, states = jax.vmap(world.reset)(keys, options)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import OPTIONAL, Options, default_options

_KINDS = {
    "D": T.Red.DISCOVER, "A": T.Red.AGGRESSIVE, "S": T.Red.STEALTH, "C": T.Red.DECEPTION, "E": T.Red.EXPLOIT,
    "P": T.Red.ESCALATE, "I": T.Red.IMPACT, "G": T.Red.DEGRADE, "W": T.Red.WITHDRAW,
}  # fmt: skip


def _table(**rows: str) -> np.ndarray:
    """``float32[state, kind]``: the stock table with other rows, ``"D 1 E 2"`` for weights 1 and 2."""
    table = T.FSM_PROBABILITY.copy()
    for state, row in rows.items():
        words = row.split()
        weights = np.array(words[1::2], float)
        table[T.Fsm[state]] = 0
        table[T.Fsm[state], [_KINDS[letter] for letter in words[::2]]] = weights / weights.sum()
    return table


def _grouped(elsewhere: np.ndarray, target: np.ndarray, unnamed: np.ndarray) -> np.ndarray:
    """One table per group, in the order of tables.Group."""
    return np.stack([elsewhere, target, unnamed])


def _weights(states: Collection[str], weight: float, other: float = 1) -> np.ndarray:
    """``float32[state]``: ``weight`` of hosts in these states, ``other`` of the rest."""
    return np.array([weight if state.name in states else other for state in T.Fsm], np.float32)


# ---------------------------------------------------------------- actions

_AGGRESSIVE = _table(K="D .5 A .5", KD="A 1")
_STEALTHY = _table(K="D .5 S .5", KD="S 1")
_IMPACT = _table(R="D .5 I .5", RD="I 1")
_CIA = _table(R="D .10 I .45 G .45")
_DEGRADER = _table(R="D .5 I .25 G 1", RD="I .5 G 2")
_UNNAMED = _table(K="D .5 A .25 S .5", KD="A .5 S 1")
_TARGET = _table(K="D 2 A .25 S .25", S="D 1 C .25 E 2", SD="C .25 E 3", U="D 2 P .5", R="D 2 I .25 G .25")
_TARGET_A = _grouped(
    _table(U="D .5 P .25 W .2", UD="P .5 W .2", R="D .5 I .25 G .25 W .2", RD="I .5 G .5 W .2"),
    _TARGET,
    _UNNAMED,
)
_TARGET_B = _grouped(
    _table(U="D .5 P .25 W .1", UD="P .5 W .1", R="D .5 I .25 G .25 W .1", RD="I .5 G .5 W .1"),
    _TARGET,
    _UNNAMED,
)
_LOOKING = {"S": "D .25 C .5 E .5", "SD": "C .5 E .75"}
_IMPACTER = _grouped(
    _table(**_LOOKING, R="D .5 G .25", RD="G 1"),
    _table(R="D .5 I 1 G .25", RD="I 2 G .5"),
    _table(**_LOOKING),
)

# ---------------------------------------------------------------- hosts

_ROLES = {
    name: np.array([weight if role.name in roles else 1 for role in T.Role], np.float32)
    for name, (weight, roles) in {
        "cia_c": (10, ("AUTH", "DB")),
        "cia_i": (10, ("AUTH", "WEB")),
        "cia_a": (10, ("AUTH", "DB", "WEB")),
        "resilience": (5, ("AUTH", "DB", "WEB")),
    }.items()
}


def _zones(root: float, *subnets: int) -> dict[str, np.ndarray]:
    """A red of these subnets, in which hosts with root have the weight ``root``."""
    return {
        "red_target": np.isin(np.arange(T.NUM_SUBNETS), subnets).astype(np.uint8),
        "red_host_weight": np.stack(
            [_weights((), 1), _weights(("R", "RD"), root, 100), _weights(("KD", "SD"), 1, 20)]
        ),
    }


#: By name the options of a red that differ from the finite-state red's
REDS: dict[str, dict[str, np.ndarray]] = {
    "fsm": {},
    "aggressive": {"red_probability": _AGGRESSIVE},
    "stealthy": {"red_probability": _STEALTHY},
    "impact": {"red_probability": _IMPACT},
    "cia_c": {"red_probability": _CIA, "red_role_weight": _ROLES["cia_c"]},
    "cia_i": {"red_probability": _CIA, "red_role_weight": _ROLES["cia_i"]},
    "cia_a": {"red_probability": _CIA, "red_role_weight": _ROLES["cia_a"]},
    "resilience": {"red_role_weight": _ROLES["resilience"]},
    "target_a": {"red_probability": _TARGET_A, **_zones(1, T.RZA, T.OZA)},
    "target_a_op": {"red_probability": _TARGET_A, **_zones(2, T.OZA)},
    "target_a_re": {"red_probability": _TARGET_A, **_zones(2, T.RZA)},
    "target_b": {"red_probability": _TARGET_B, **_zones(1, T.RZB, T.OZB)},
    "target_b_op": {"red_probability": _TARGET_B, **_zones(1, T.OZB)},
    "target_b_re": {"red_probability": _TARGET_B, **_zones(1, T.RZB)},
    "impacter": {"red_probability": _IMPACTER, **_zones(100, T.OZA, T.OZB)},
    "degrader": {
        "red_probability": _DEGRADER,
        "red_host_weight": np.tile(_weights(("R", "RD"), 10), (len(T.Group), 1)),
    },
}


def options(names: str | Sequence[str], **changes: Any) -> Options:
    """The options of a red, or of several with an axis of reds before the others.

    Args:
        names: of :data:`REDS`.
        **changes: as those of :func:`default_options`; they hold for all of the reds.

    Raises:
        ValueError: for another name, and whatever ``default_options`` raises it for.
    """
    base = default_options(**changes)
    if isinstance(names, str):
        return of(names, base, changes)
    leaves = stacked(names, base, changes)
    rest = {
        name: np.broadcast_to(value, (len(names), *value.shape))
        for name, value in vars(base).items()
        if value is not None
    }
    return base.replace(**(rest | leaves))


def of(name: str, base: Options, given: Collection[str] = ()) -> Options:
    """``base`` as the red of this name has it; options that are ``given`` stay."""
    return base.replace(**{field: value for field, value in _changes(name).items() if field not in given})


def stacked(names: Sequence[str], base: Options, given: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The options in which these reds differ, without those ``given``; the first axis is that of reds.

    A red without one of them has what ``base`` has, and else what changes nothing.
    """
    fields = dict.fromkeys(field for name in names for field in _changes(name) if field not in given)
    stacks = {}
    for field in fields:
        own: Any = getattr(base, field)
        rows: list[Any] = [REDS[name].get(field, OPTIONAL[field] if own is None else own) for name in names]
        shape = np.broadcast_shapes(*(np.shape(row) for row in rows))  # one table for all groups is enough
        stacks[field] = np.stack([np.broadcast_to(row, shape) for row in rows])
    return stacks


def ask_for_roles(names: Iterable[str]) -> bool:
    """Whether any of these reds, data or not, weighs hosts by their roles."""
    return any("red_role_weight" in REDS.get(name, {}) for name in names)


def _changes(name: str) -> dict[str, np.ndarray]:
    if name not in REDS:
        raise ValueError(
            f"cc4: {name!r} is not a red that is data{did_you_mean(name, REDS)}; those: {', '.join(REDS)}"
        )
    return REDS[name]
