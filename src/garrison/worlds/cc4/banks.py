"""Banks: what episodes of one training draw from (``docs/banks.md``).

    world = garrison.make("cc4", vary=("missions", "starts"))  # each reset draws an entry of each axis

A bank has axes: the attacker, the mission, the starts of phases, the table of rewards, the network. Each is a
stack of entries, and an episode draws one of each, all entries alike and axes independently. Entries are
data: two banks of equal sizes are one program. The draw of an axis depends on the key of the reset and on
that axis alone, so that adding an axis changes no other draw, and banks without networks leave the network
of a key as it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.plugins import did_you_mean
from garrison.core.struct import Struct, static
from garrison.core.typing import Array, Float32, Int16, PRNGKeyArray, Shaped, UInt16
from garrison.worlds.cc4 import reds, topology
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import Options, default_options, phase_starts
from garrison.worlds.cc4.robust import robust
from garrison.worlds.cc4.topology import Topology

#: Axes with entries; the number of one, from 1 on, is folded into the key of a reset to draw its entry.
AXES = ("red", "mission", "phase_start", "reward", "network")
_MOST = 2**16 - 1  # entries of an axis
_NETWORKS = 0x6E657473  # seed of generated networks


class Bank(Struct):
    """Stacks of entries, by axis; None where an axis does not vary."""

    red: dict[str, Shaped[Array, "red_entry ..."]] | None = None  # options in which the reds differ
    mission: Float32[Array, "mission part"] | None = (
        None  # factors of LWF, ASF, RIA in all phases and subnets
    )
    restore: Float32[Array, "mission"] | None = (
        None  # factors of the Restore cost, by the entry of ``mission``
    )
    phase_start: Int16[Array, "start 2"] | None = None  # first steps of phases 1 and 2
    reward: Float32[Array, "table phase subnet part"] | None = None  # before the mission's factors
    network: Topology | None = None  # leaves [entry, ...]
    robust: bool = static(default=False)  # whether options are drawn by :func:`~.robust.robust` at last

    @property
    def sizes(self) -> dict[str, int]:
        """The number of entries of each axis that varies."""
        stacks = {axis: getattr(self, axis) for axis in AXES}
        return {axis: len(jax.tree.leaves(one)[0]) for axis, one in stacks.items() if one is not None}

    def draw(self, key: PRNGKeyArray) -> dict[str, UInt16[Array, ""]]:
        """The entry of each axis in the episode that is reset with ``key``."""
        return {
            axis: jax.random.randint(jax.random.fold_in(key, 1 + AXES.index(axis)), (), 0, size).astype(
                jnp.uint16
            )
            for axis, size in self.sizes.items()
        }

    def sample(self, key: PRNGKeyArray, base: Options) -> Options:
        """The options of an episode, drawn around those of the world."""
        options = self.options_of(self.draw(key), base)
        return robust(jax.random.split(key)[1], options) if self.robust else options

    def options_of(self, entries: Mapping[str, Any], base: Options) -> Options:
        """The options of an episode with these entries."""
        changes: dict[str, Any] = {}
        if self.red is not None:
            changes |= {name: jnp.asarray(stack)[entries["red"]] for name, stack in self.red.items()}
        if self.phase_start is not None:
            changes["phase_start"] = jnp.asarray(self.phase_start)[entries["phase_start"]]
        if self.reward is not None:
            changes["reward"] = jnp.asarray(self.reward)[entries["reward"]]
        if self.mission is not None:
            table = jnp.asarray(changes.get("reward", base.reward))
            changes["reward"] = table * jnp.asarray(self.mission)[entries["mission"]][None, None]
        if self.restore is not None:
            changes["restore_cost"] = base.restore_cost * jnp.asarray(self.restore)[entries["mission"]]
        return base.replace(**changes)

    def network_of(self, entries: Mapping[str, Any]) -> Topology | None:
        """The network of an episode with these entries; None where networks are generated as always."""
        if self.network is None:
            return None
        return jax.tree.map(lambda stack: jnp.asarray(stack)[entries["network"]], self.network)

    def network_key(self, key: PRNGKeyArray) -> PRNGKeyArray:
        """The key of the generated network of an episode."""
        return jax.random.split(key)[0] if self.robust else key

    def without(self, axis: str) -> Bank | None:
        """The bank without an axis; None if nothing else varies."""
        rest = self.replace(**{axis: None})
        return rest if rest.sizes or rest.robust else None

    def __repr__(self) -> str:
        sizes = [f"{axis}: {size}" for axis, size in self.sizes.items()]
        return f"Bank({', '.join([*sizes, *(['robust'] * self.robust)])})"

    def __eq__(self, other: object) -> bool:
        """Whether all entries are equal."""
        if not isinstance(other, Bank):
            return NotImplemented
        (own, tree), (others, others_tree) = jax.tree.flatten(self), jax.tree.flatten(other)
        return tree == others_tree and all(map(np.array_equal, own, others))

    def __hash__(self) -> int:
        leaves, tree = jax.tree.flatten(self)
        return hash((tree, *(np.asarray(leaf).tobytes() for leaf in leaves)))


# ---------------------------------------------------------------- entries

#: Factors of the parts of the reward, LWF, ASF, RIA: of pairs, and of single ones with the same means.
ANTI = [[1, 1, 1], [3, 3, 1], [1, 3, 3], [3, 1, 3]]
SINGLE = [[1, 1, 1], [5, 1, 1], [1, 5, 1], [1, 1, 5]]
MILD = [[1, 1, 1], [3, 1, 1], [1, 3, 1], [1, 1, 3]]
#: First steps of phases 1 and 2 of an episode of 500 steps.
STARTS = [[167, 334], [100, 300], [200, 400], [150, 250]]
#: Entries that no bank holds, to judge with.
HELD_OUT_MISSIONS = [[2, 1, 4], [4, 2, 1], [1, 4, 2]]
HELD_OUT_STARTS = [[120, 380], [180, 280]]
_STOCK_STARTS, _STEPS = STARTS[0], 500


def _jewels() -> list[Any]:
    """Tables of rewards, ``[entry, phase, subnet, part]``, that move the crown jewels of phases 1 and 2."""
    low, zone, jewel, guarded = (-1, -1, -1), (-10, 0, -10), (-5, -2, -5), (-2, -1, -3)
    near = (-1, -3, -3)
    swapped = {1: {T.RZA: low, T.OZA: low, T.RZB: guarded, T.OZB: zone},
               2: {T.RZA: guarded, T.OZA: zone, T.RZB: near, T.OZB: low}}  # fmt: skip
    rotated = {1: {T.OZA: low, T.OZB: zone, T.ADM: jewel}, 2: {T.OZA: zone, T.OZB: low, T.OFF: jewel}}
    changes: list[dict[int, dict[int, tuple[int, int, int]]]] = [
        {}, swapped, {1: {T.ADM: jewel}}, {2: {T.OFF: jewel}}, {1: {T.OZB: zone}}, rotated
    ]  # fmt: skip
    tables = []
    for entry in changes:
        table = T.REWARD.copy()
        for phase, rows in entry.items():
            for subnet, row in rows.items():
                table[phase, subnet] = row
        tables.append(table.tolist())
    return tables


JEWELS = _jewels()

# servers RZA RZB CON ADM OFF PAZ, users RZA RZB OZA OZB CON ADM OFF PAZ of four base networks
_BASE = (
    ((2, 5, 4, 1, 6, 4), (6, 3, 10, 9, 6, 8, 6, 9)),
    ((6, 5, 6, 3, 5, 5), (7, 6, 5, 10, 6, 3, 5, 4)),
    ((4, 6, 5, 1, 5, 1), (7, 6, 8, 6, 10, 5, 10, 8)),
    ((3, 4, 5, 2, 6, 4), (10, 4, 5, 9, 8, 6, 7, 4)),
)
_PATTERNS = ((3, 3), (1, 2), (4, 5), (3, 3))  # servers of OZA and OZB
_SERVER_ZONES = (T.RZA, T.RZB, T.CON, T.ADM, T.OFF, T.PAZ)
_USER_ZONES = (T.RZA, T.RZB, T.OZA, T.OZB, T.CON, T.ADM, T.OFF, T.PAZ)


def _counted(seed: int, pattern: tuple[int, int]) -> dict[str, Any]:
    """The network of a seed with the published numbers of hosts."""
    numbers_of_servers, numbers_of_users = _BASE[seed]
    servers, users = [0] * T.NUM_ZONES, [0] * T.NUM_ZONES
    for zone, number in zip((*_SERVER_ZONES, T.OZA, T.OZB), (*numbers_of_servers, *pattern), strict=True):
        servers[zone] = number
    for zone, number in zip(_USER_ZONES, numbers_of_users, strict=True):
        users[zone] = number
    return {"seed": seed, "users": users, "servers": servers}


TOPO16 = [_counted(seed, pattern) for seed in range(len(_BASE)) for pattern in _PATTERNS]


@dataclasses.dataclass(frozen=True)
class Named:
    """A bank with a name: entries by axis, JSON-ready."""

    about: str
    axes: Mapping[str, Any]


_THREE = {"mission": ANTI, "phase_start": STARTS, "reward": JEWELS}

BANKS: dict[str, Named] = {
    "missions": Named("Two of the three parts of the reward count three times.", {"mission": ANTI}),
    "missions_single": Named(
        "One part counts five times; the factors have the means of `missions`.", {"mission": SINGLE}
    ),
    "missions_mild": Named("One part counts three times.", {"mission": MILD}),
    "flat2": Named(
        "All parts count twice, always: `missions` without diversity, to compare with.",
        {"mission": [[2, 2, 2]]},
    ),
    "miss_priced": Named(
        "`missions` with the Restore cost times the mean factor, so that its relative price stays.",
        {"mission": ANTI, "restore": [float(np.mean(entry)) for entry in ANTI]},
    ),
    "starts": Named("When phases 1 and 2 begin.", {"phase_start": STARTS}),
    "jewels": Named("Which subnets are the most valuable in phases 1 and 2.", {"reward": JEWELS}),
    "topo16": Named(
        "16 networks, four base networks with four numbers of operational servers.", {"network": TOPO16}
    ),
    "topo256": Named("256 networks of the stock generator.", {"network": 256}),
    "cocktail": Named("`missions`, `starts`, `jewels` and `topo16` together.", {**_THREE, "network": TOPO16}),
    "cocktail_no_topology": Named("`missions`, `starts` and `jewels` together.", _THREE),
    "reds": Named(
        "Five reds, four of them of the validation suite.",
        {"red": ["fsm", "cia_c", "aggressive", "target_a", "degrader"]},
    ),
    "robust": Named(
        "No entries: phishing, sizes, scans, false alarms and red's choices, drawn around the world's.",
        {"robust": True},
    ),
}


# ---------------------------------------------------------------- from names to a bank


def axes_of(vary: str | Iterable[str]) -> dict[str, Any]:
    """Entries by axis, JSON-ready, of banks by name and of axes written ``AXIS=JSON``; ``"none"`` adds none.

    Raises:
        ValueError: for an unknown name or axis, text that is not JSON, and an axis that is given twice.
    """
    axes: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for item in (vary,) if isinstance(vary, str) else vary:
        for axis, entries in _item(item).items():
            if axis in axes:
                raise ValueError(f"cc4: vary has the axis {axis} twice, in {origin[axis]!r} and {item!r}")
            axes[axis], origin[axis] = entries, item
    return axes


def _item(item: Any) -> Mapping[str, Any]:
    if item == "none":
        return {}
    if item in BANKS:
        return BANKS[item].axes
    axis, equals, text = str(item).partition("=")
    known = ("none", *BANKS)
    if not equals:
        raise ValueError(
            f"cc4: no bank {item!r}{did_you_mean(item, known)}; banks: {', '.join(known)}; "
            "or an axis with its entries, as in 'mission=[[1, 1, 1], [3, 1, 1]]' or network=16"
        )
    if axis not in _STACKED:
        raise ValueError(f"cc4: no axis {axis!r}{did_you_mean(axis, _STACKED)}; axes: {', '.join(_STACKED)}")
    try:
        return {axis: json.loads(text)}
    except json.JSONDecodeError as error:
        raise ValueError(f"cc4: the entries of vary's axis {axis} are not JSON: {text}") from error


def bank(vary: str | Iterable[str], **options: Any) -> Bank | None:
    """The bank that ``make("cc4", vary=vary, **options)`` draws from; None if nothing varies.

    Raises:
        ValueError: as :func:`axes_of`; for entries that do not fit their axis; and for options that an axis
            would replace.
    """
    axes = axes_of(vary)
    if not axes:
        return None
    if "network" in axes and axes.get("robust"):
        raise ValueError("cc4: vary has both robust, which draws sizes, and networks, which have them")
    stacks = {axis: _STACKED[axis](entries, options) for axis, entries in axes.items() if axis in _STACKED}
    if "restore" in stacks and len(stacks["restore"]) != len(stacks.get("mission", ())):
        raise ValueError("cc4: vary's axis restore needs an entry for each one of mission")
    return Bank(**stacks, robust=axes.get("robust", False))


def red_axis(names: Sequence[str], options: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The axis of reds that are data, without ``options`` that are given.

    Raises ``ValueError`` for a name that is not of :data:`garrison.worlds.cc4.reds.REDS`.
    """
    if not isinstance(names, (list, tuple)) or not names:
        raise ValueError(f"cc4: vary's axis red must be a list of names, not {names!r}")
    stacks = reds.stacked(names, default_options(), options)
    # so that a stack of reds which differ in nothing has its number of entries
    return stacks or {"red_server_preference": np.full(len(names), T.DISCOVERY_SERVER_PREFERENCE, np.float32)}


def _missions(entries: Any, options: Mapping[str, Any]) -> np.ndarray:
    return _numbers("mission", entries, (len(T.Part),), least=0)


def _restore(entries: Any, options: Mapping[str, Any]) -> np.ndarray:
    return _numbers("restore", entries, (), least=0)


def _starts(entries: Any, options: Mapping[str, Any]) -> np.ndarray:
    """Entries of 500 steps in an episode of the world; the stock entry is that of its length."""
    _refuse("phase_start", options, ("phase_start",))
    given = _numbers("phase_start", entries, (2,), least=0)
    if np.any(given != np.floor(given)) or np.any(given > _STEPS) or np.any(given[:, 0] > given[:, 1]):
        raise ValueError(
            f"cc4: vary's axis phase_start must be two steps of {_STEPS} in rising order, not {entries}"
        )
    steps = int(default_options(**options).steps)
    stock = (given == _STOCK_STARTS).all(axis=1, keepdims=True)
    return np.where(stock, phase_starts(steps), np.round(given * steps / _STEPS)).astype(np.int16)


def _rewards(entries: Any, options: Mapping[str, Any]) -> np.ndarray:
    _refuse("reward", options, ("reward",))
    return _numbers("reward", entries, T.REWARD.shape)


def _networks(entries: Any, options: Mapping[str, Any]) -> Topology:
    """A number of networks of the stock generator, or one per seed with the sizes that its entry gives."""
    if isinstance(entries, int) and not isinstance(entries, bool) and 1 <= entries <= _MOST:
        entries = [{"seed": seed} for seed in range(entries)]
    if not isinstance(entries, list) or not entries or not all(map(_is_network, entries)):
        raise ValueError(
            f"cc4: vary's axis network must be a number of networks in 1..{_MOST}, or a list of objects with "
            f"seed and, where they are fixed, users and servers by subnet; not {json.dumps(entries)}"
        )
    for entry in entries:
        _refuse(
            "network", options, (*(entry.keys() - {"seed"}), *(["op_zone_servers"] * ("servers" in entry)))
        )
    games = []
    for entry in entries:
        sizes = {name: [[n, n] for n in entry[name]] for name in entry if name != "seed"}
        games.append(default_options(**{**options, **sizes}))
    users, servers = (np.stack([getattr(game, name) for game in games]) for name in ("users", "servers"))
    seeds = np.array([entry["seed"] for entry in entries], np.uint32)
    return jax.device_get(_generated(seeds, users, servers))


def _is_network(entry: Any) -> bool:
    """Whether an entry of networks has a seed, and nothing else but lists of sizes."""
    if not isinstance(entry, dict) or not isinstance(seed := entry.get("seed"), int):
        return False
    sizes = {name: value for name, value in entry.items() if name != "seed"}
    lists = all(isinstance(value, list) for value in sizes.values())
    return 0 <= seed < 2**32 and sizes.keys() <= {"users", "servers"} and lists


@jax.jit
@jax.vmap
def _generated(seed: Any, users: Any, servers: Any) -> Topology:
    key = jax.random.fold_in(jax.random.key(_NETWORKS), seed)
    return topology.generate(key, default_options().replace(users=users, servers=servers))


_STACKED: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "red": red_axis,
    "mission": _missions,
    "restore": _restore,
    "phase_start": _starts,
    "reward": _rewards,
    "network": _networks,
}


def _numbers(axis: str, entries: Any, shape: tuple[int, ...], least: float = -np.inf) -> np.ndarray:
    """Entries as ``f32[entry, *shape]``, checked."""
    try:
        array = np.asarray(entries)
    except ValueError:  # nested lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "if" or array.shape[1:] != shape or not 1 <= array.shape[0] <= _MOST:
        found = "other values" if array.dtype.kind not in "if" else f"shape {list(array.shape)}"
        raise ValueError(
            f"cc4: vary's axis {axis} must be a list of 1..{_MOST} entries of shape {list(shape)}, "
            f"not {found}"
        )
    if not (np.isfinite(array) & (array >= least)).all():
        bound = "finite" if least == -np.inf else f"finite and at least {least:g}"
        raise ValueError(f"cc4: numbers of vary's axis {axis} must be {bound}")
    return array.astype(np.float32)


def _refuse(axis: str, options: Mapping[str, Any], replaced: Iterable[str]) -> None:
    """Raise ``ValueError`` for an option that the axis would replace."""
    for name in replaced:
        if name in options:
            raise ValueError(
                f"cc4: vary draws {axis}, which replaces the option {name}; leave one of them out"
            )
