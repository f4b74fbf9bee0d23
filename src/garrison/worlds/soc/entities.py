"""Entities: blue's hosts, its zones, and the credentials that it rotates; red's hosts and zones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from garrison.core.entities import NONE, Entities, Kind
from garrison.worlds.soc import observe_blue, observe_red
from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.legal import action_list
from garrison.worlds.soc.observe_blue import HOST_FEATURES, HOSTS_START, ZONE_LABELS, ZONES_START
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables.actions import Target

_BLUE = tuple(range(T.NUM_BLUE))
Rows = Mapping[Any, Any]  #: a side's actions by kind


@cache
def of_blue(static: Static, contract: str) -> Entities:
    """The entities of blue's three agents, one group each.

    Args:
        contract: of the observations; all but ``"counters"`` add the slow counters to hosts. Single log
            entries, of ``"tokens"`` and ``"text"``, are part of no entity, and not read.
    """
    own = observe_blue.own_slots(static)
    slots = own.slot.shape[1]
    there = np.arange(slots)[None] < own.count[:, None]
    features = np.broadcast_to(
        HOSTS_START + np.arange(slots * HOST_FEATURES).reshape(slots, HOST_FEATURES),
        (T.NUM_BLUE, slots, HOST_FEATURES),
    )
    if contract != "counters":
        start, groups = HOSTS_START + slots * HOST_FEATURES, observe_blue.GROUPS
        slow = start + np.arange(slots * groups).reshape(1, slots, groups)
        features = np.concatenate([features, np.broadcast_to(slow, (T.NUM_BLUE, slots, groups))], axis=2)
    features = np.where(there[..., None], features, NONE)
    zones = [np.flatnonzero(agent == T.ZONE_OWNER) for agent in _BLUE]
    scopes = [np.flatnonzero(agent == T.SCOPE_OWNER) for agent in _BLUE]
    context = np.arange(HOSTS_START)
    return Entities(
        kinds=(
            Kind(
                name="host",
                agents=_BLUE,
                features=features.astype(np.int32),
                constants=np.zeros((T.NUM_BLUE, slots, 0), np.float32),
                exists=np.where(there, features[..., 0], observe_blue.ALWAYS_ZERO).astype(np.int32),
                actions=_actions(
                    static, B.ROWS, Target.HOST, [own.slot[a, : own.count[a]] for a in _BLUE], slots
                ),
                verbs=_verbs(B.ROWS, Target.HOST),
            ),
            _numbered(static, "zone", Target.ZONE, zones, ZONES_START, len(ZONE_LABELS), T.NUM_ZONES),
            _numbered(static, "credential", Target.SCOPE, scopes, observe_blue.SCOPES_START, 2, T.NUM_SCOPES),
        ),
        context=np.broadcast_to(context, (T.NUM_BLUE, HOSTS_START)).astype(np.int32),
        levels=(0,) * HOSTS_START,
        actions=np.stack([_general(static, B.ROWS, agent) for agent in _BLUE]),
        verbs=("continue", *_verbs(B.ROWS, Target.NONE)),
    )


@cache
def every_zone(static: Static) -> Kind:
    """All zones as entities of each of blue's agents, which acts on its own ones alone."""
    zones = [np.arange(observe_blue.NUM_ZONES)] * T.NUM_BLUE
    return _numbered(
        static, "zone", Target.ZONE, zones, ZONES_START, len(ZONE_LABELS), observe_blue.NUM_ZONES
    )


@cache
def of_red(static: Static) -> Entities:
    """The entities of red's agents: all hosts, of which those that it knows count, and all zones."""
    reds, zones = static.reds, np.eye(T.NUM_ZONES, dtype=np.float32)

    def same(x: np.ndarray) -> np.ndarray:
        return np.repeat(x[None], reds, axis=0)

    def kind(name: str, target: Target, start: int, width: int, constants: np.ndarray, known: bool) -> Kind:
        count = len(constants)
        features = same(start + np.arange(count * width).reshape(count, width)).astype(np.int32)
        return Kind(
            name=name,
            agents=tuple(range(reds)),
            features=features,
            constants=same(constants),
            exists=features[..., 0] if known else np.full((reds, count), NONE, np.int32),
            actions=_actions(static, R.ROWS, target, [np.arange(count)] * reds, count),
            verbs=_verbs(R.ROWS, target),
        )

    hosts = zones[layout(static).zone]
    context = np.arange(observe_red.ZONES_START)
    return Entities(
        kinds=(
            kind("host", Target.HOST, observe_red.HOSTS_START, observe_red.HOST_FEATURES, hosts, True),
            kind("zone", Target.ZONE, observe_red.ZONES_START, observe_red.ZONE_FEATURES, zones, False),
        ),
        context=same(context).astype(np.int32),
        levels=(0,) * len(context),
        actions=np.stack([_general(static, R.ROWS, T.NUM_BLUE + agent) for agent in range(reds)]),
        verbs=("continue", *_verbs(R.ROWS, Target.NONE)),
    )


def _kinds(rows: Rows, target: Target) -> list[Any]:
    return [kind for kind, row in rows.items() if row.target == target]


def _verbs(rows: Rows, target: Target) -> tuple[str, ...]:
    return tuple(rows[kind].name for kind in _kinds(rows, target))


def _general(static: Static, rows: Rows, agent: int) -> np.ndarray:
    """Actions without a target, ``continue`` first."""
    table = action_list(static, agent)
    kinds = [table[0, 0], *_kinds(rows, Target.NONE)]
    return np.array([np.flatnonzero(table[:, 0] == kind)[0] for kind in kinds], np.int32)


def _actions(static: Static, rows: Rows, target: Target, members: list[np.ndarray], slots: int) -> np.ndarray:
    """Index of each verb on each member of an agent's group, ``int32[agent, slot, verb]``.

    NONE for those that are not the agent's own.
    """
    kinds, first = _kinds(rows, target), 0 if rows is B.ROWS else T.NUM_BLUE
    found = np.full((len(members), slots, len(kinds)), NONE, np.int32)
    for agent, own in enumerate(members):
        table = action_list(static, first + agent)
        place = {pair: i for i, pair in enumerate(map(tuple, table.tolist()))}
        for slot, member in enumerate(own.tolist()):
            found[agent, slot] = [place.get((int(kind), member), NONE) for kind in kinds]
    return found


def _numbered(
    static: Static, name: str, target: Target, members: list[np.ndarray], start: int, width: int, count: int
) -> Kind:
    """Entities of blue's whose features stand one after another for all ``count`` of them."""
    slots = max(map(len, members))
    features = np.full((T.NUM_BLUE, slots, width), NONE, np.int32)
    constants = np.zeros((T.NUM_BLUE, slots, count), np.float32)  # which one it is
    exists = np.full((T.NUM_BLUE, slots), observe_blue.ALWAYS_ZERO, np.int32)
    for agent, own in enumerate(members):
        for slot, member in enumerate(own.tolist()):
            features[agent, slot] = start + member * width + np.arange(width)
            constants[agent, slot, member], exists[agent, slot] = 1, NONE
    return Kind(
        name=name,
        agents=_BLUE,
        features=features,
        constants=constants,
        exists=exists,
        actions=_actions(static, B.ROWS, target, members, slots),
        verbs=_verbs(B.ROWS, target),
    )
