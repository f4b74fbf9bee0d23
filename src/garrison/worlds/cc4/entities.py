"""CC4's entities for networks (§7.1, §7.2, §7.6, §11).

Blue's are its hosts and its links from other subnets; red's the hosts of its subnets, the servers of others
that it can come to know, and its subnets.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from garrison.core.entities import NONE, Entities, Kind
from garrison.worlds.cc4 import recall, red_acts, red_view, restrict, rich, truth
from garrison.worlds.cc4 import tables as T

_ZONES = [(agent, k, zone) for agent, zones in enumerate(T.BLUE_SUBNETS) for k, zone in enumerate(zones)]
_SLOTS = T.MAX_SERVERS + T.MAX_USERS
_HOST_VERBS = (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY)
_LINK_VERBS = (T.Blue.BLOCK, T.Blue.ALLOW)
_OWN_VERBS = (T.Blue.SLEEP, T.Blue.MONITOR)
# Offsets within a subnet's block of the stock vector.
_PROCESS, _NETWORK = 27, 43
#: Of ages, which are hundredths of steps: a turn through all hosts of an agent takes 30 to 100 steps.
_AGE_SCALE = 8.0
_AGES = (rich.HostFeature.ANALYZED_AGE, rich.HostFeature.EVIDENCE_AGE)


@lru_cache(maxsize=8)
def of_blue(observation: str, links: bool = True, messages: bool = False) -> Entities:
    """What blue's observations under a contract describe; see :class:`garrison.core.entities.Entities`.

    Hosts: servers, then users of each subnet. Links: from each other subnet into each own one; without
    ``links`` they are left out, as are Allow and Block. With ``messages`` agents read those of the others.
    """
    context = np.zeros((T.NUM_BLUE, 1), np.int32)  # the phase
    levels = (T.NUM_PHASES,)
    parts = []
    if observation != "stock":
        parts.append(rich.START + np.arange(len(rich.OF_AGENT), dtype=np.int32))
    if observation == "true":
        parts.append(np.arange(truth.START, truth.HOSTS, dtype=np.int32))
    rows = [np.tile(part, (T.NUM_BLUE, 1)) for part in parts]
    if messages:  # they end the stock vector
        ends = np.array(T.BLUE_OBSERVATION_SIZES, np.int32)[:, None]
        bits = T.MESSAGE_BITS * (T.NUM_BLUE - 1)
        rows.append(ends - bits + np.arange(bits, dtype=np.int32))
    for row in rows:
        context = np.concatenate([context, row], axis=1)
        levels += (0,) * row.shape[1]
    own = np.array([[T.FIRST_BLUE_ACTION[verb][agent] for verb in _OWN_VERBS] for agent in range(T.NUM_BLUE)])
    return Entities(
        kinds=(_hosts(observation), _links()) if links else (_hosts(observation),),
        context=context,
        levels=levels,
        actions=own.astype(np.int32),
        verbs=tuple(verb.name for verb in _OWN_VERBS),
    )


def _hosts(observation: str) -> Kind:
    features, exists = [], []
    for _, k, _ in _ZONES:
        block = 1 + T.BLOCK_SIZE * k
        flags = block + np.array([_PROCESS, _NETWORK]) + np.arange(_SLOTS)[:, None]
        if observation == "stock":
            features.append(flags)
            exists.append(np.full(_SLOTS, NONE))  # it does not tell
            continue
        slots = (_SLOTS * k + np.arange(_SLOTS))[:, None]
        first = rich.HOSTS + len(rich.OF_HOST) * slots[:, 0]
        parts = [first[:, None] + np.arange(len(rich.OF_HOST)), flags]
        if observation in recall.CONTRACTS:
            parts.append(recall.START + len(recall.OF_HOST) * slots + np.arange(len(recall.OF_HOST)))
        if observation == "true":
            parts.append(truth.HOSTS + len(truth.OF_HOST) * slots + np.arange(len(truth.OF_HOST)))
        features.append(np.concatenate(parts, axis=1))
        exists.append(first + rich.HostFeature.EXISTS)
    server = (np.arange(_SLOTS) < T.MAX_SERVERS)[None, :, None]
    subnet = np.eye(T.NUM_SUBNETS)[[zone for _, _, zone in _ZONES]][:, None]
    shape = (len(_ZONES), _SLOTS)
    constants = [np.broadcast_to(server, (*shape, 1)), np.broadcast_to(subnet, (*shape, T.NUM_SUBNETS))]
    actions = np.full((*shape, len(_HOST_VERBS)), NONE, np.int32)
    for group, (agent, k, _) in enumerate(_ZONES):
        for v, verb in enumerate(_HOST_VERBS):
            actions[group, :, v] = T.FIRST_BLUE_ACTION[verb][agent] + _SLOTS * k + np.arange(_SLOTS)
    scales = np.ones(features[0].shape[1], np.float32)
    if observation != "stock":
        scales[list(_AGES)] = _AGE_SCALE
    if observation in recall.CONTRACTS:
        own = len(rich.OF_HOST) + flags.shape[1]
        scales[[own + age for age in recall.AGES]] = _AGE_SCALE
    return Kind(
        name="host",
        agents=tuple(agent for agent, _, _ in _ZONES),
        features=np.array(features, np.int32),
        constants=np.concatenate(constants, axis=2).astype(np.float32),
        exists=np.array(exists, np.int32),
        actions=actions,
        verbs=tuple(verb.name for verb in _HOST_VERBS),
        scales=scales,
    )


def _links() -> Kind:
    """Traffic from another subnet into an own one: whether it is blocked, and whether the policy says so."""
    others = T.NUM_SUBNETS - 1
    features = np.zeros((len(_ZONES), others, 2), np.int32)
    constants = np.zeros((len(_ZONES), others, 2 * T.NUM_SUBNETS), np.float32)
    actions = np.zeros((len(_ZONES), others, len(_LINK_VERBS)), np.int32)
    for group, (agent, k, zone) in enumerate(_ZONES):
        for v, verb in enumerate(_LINK_VERBS):
            actions[group, :, v] = T.FIRST_BLUE_ACTION[verb][agent] + others * k + np.arange(others)
        blocked = restrict.BLOCKED_BITS[agent, actions[group, :, 0]]
        features[group] = blocked[:, None] + np.array([0, restrict.POLICY_AFTER_BLOCKED])
        source = T.BLUE_ACTIONS[agent, actions[group, :, 0], 2]
        constants[group, :, zone] = 1
        constants[group, np.arange(others), T.NUM_SUBNETS + source.astype(int)] = 1
    return Kind(
        name="link",
        agents=tuple(agent for agent, _, _ in _ZONES),
        features=features,
        constants=constants,
        exists=np.full((len(_ZONES), others), NONE, np.int32),
        actions=actions,
        verbs=tuple(verb.name for verb in _LINK_VERBS),
    )


# ---------------------------------------------------------------- red

_SUBNETS_OF = [(agent, zone) for agent, zones in enumerate(T.RED_SUBNETS) for zone in zones]
_FAR = T.NUM_ZONES - 1  # most servers of other subnets in a list


@lru_cache(maxsize=2)
def of_red(observation: str) -> Entities:
    """What red's observation describes; see :class:`garrison.core.entities.Entities`."""
    own = np.zeros((T.NUM_RED, 1), np.int32)  # Sleep
    general = len(red_view.GENERAL)
    return Entities(
        kinds=(_targets(observation, near=True), _targets(observation, near=False), _subnets()),
        context=np.tile(np.arange(general, dtype=np.int32), (T.NUM_RED, 1)),
        levels=(0,) * general,
        actions=own,
        verbs=(T.Red.SLEEP.name,),
    )


def _targets(observation: str, near: bool) -> Kind:
    """Hosts of each own subnet, or one server of each other subnet, as red lists them."""
    groups: list[tuple[int, list[int]]] = []
    for agent in range(T.NUM_RED):
        listed, zones = red_view.targets(agent), T.RED_SUBNETS[agent]
        if near:
            groups += [(agent, [h for h in listed if T.HOST_SUBNET[h] == zone]) for zone in zones]
        else:
            groups.append((agent, [h for h in listed if T.HOST_SUBNET[h] not in zones]))
    slots = _SLOTS if near else _FAR
    shape = (len(groups), slots)
    size = len(red_view.PER_TARGET) + (len(red_acts.OF_TARGET) if observation == "acts" else 0)
    features = np.full((*shape, size), NONE, np.int32)
    exists = np.full(shape, NONE, np.int32)
    actions = np.full((*shape, len(red_view.HOST_KINDS)), NONE, np.int32)
    constants = np.zeros((*shape, 1 + T.NUM_SUBNETS), np.float32)
    for group, (agent, hosts) in enumerate(groups):
        listed, index = red_view.targets(agent), red_view.ACTIONS[agent]
        for slot, host in enumerate(hosts):
            features[group, slot] = _places_of_target(listed.index(host), size)
            exists[group, slot] = features[group, slot, 0]  # the address is known
            for verb, kind in enumerate(red_view.HOST_KINDS):
                actions[group, slot, verb] = np.flatnonzero((index[:, 0] == kind) & (index[:, 1] == host))[0]
            constants[group, slot, [0, 1 + T.HOST_SUBNET[host]]] = T.IS_SERVER[host], 1
    return Kind(
        name="host" if near else "far server",
        agents=tuple(agent for agent, _ in groups),
        features=features,
        constants=constants,
        exists=exists,
        actions=actions,
        verbs=tuple(kind.name for kind in red_view.HOST_KINDS),
    )


def _places_of_target(number: int, size: int) -> np.ndarray:
    known, acts = len(red_view.PER_TARGET), len(red_acts.OF_TARGET)
    first = len(red_view.GENERAL) + known * number
    places = np.concatenate([first + np.arange(known), red_acts.START + acts * number + np.arange(acts)])
    return places[:size]


def _subnets() -> Kind:
    """Red's own subnets, to be discovered."""
    known = len(red_view.GENERAL) - max(map(len, T.RED_SUBNETS))
    place = [T.RED_SUBNETS[agent].index(zone) for agent, zone in _SUBNETS_OF]
    features = np.array([[[known + number]] for number in place], np.int32)
    constants = np.eye(T.NUM_SUBNETS, dtype=np.float32)[[zone for _, zone in _SUBNETS_OF]][:, None]
    return Kind(
        name="subnet",
        agents=tuple(agent for agent, _ in _SUBNETS_OF),
        features=features,
        constants=constants,
        exists=np.full((len(_SUBNETS_OF), 1), NONE, np.int32),
        actions=np.array([[[1 + number]] for number in place], np.int32),
        verbs=(T.Red.DISCOVER.name,),
    )
