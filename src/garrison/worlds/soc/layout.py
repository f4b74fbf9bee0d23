"""What the size alone determines: zones and owners of slots, and roles that fill them (``§3.1``)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import hosts as T


class Layout(NamedTuple):
    """NumPy arrays over host slots."""

    zone: np.ndarray  # uint8[host]
    owner: np.ndarray  # uint8[host], blue agent
    place: np.ndarray  # int32[host], number within the zone
    role: np.ndarray  # uint8[2, 2, host]: without and with OT; else and in iot_grid
    spare: np.ndarray  # bool[host], guest slots where BYOD devices arrive


@cache
def layout(static: Static) -> Layout:
    """The slots of a size."""
    slots = static.zone_slots
    zone = np.repeat(np.arange(T.NUM_ZONES), slots)
    place = np.concatenate([np.arange(n) for n in slots])
    spare = (zone == T.Zone.GUEST) & (place >= slots[T.Zone.GUEST] - T.SPARES[static.size])
    role = np.stack([[_roles(static, ot, grid) for grid in (False, True)] for ot in (False, True)])
    role = np.where(spare, T.Role.BYOD, role)
    return Layout(zone.astype(np.uint8), T.ZONE_OWNER[zone], place, role.astype(np.uint8), spare)


def _roles(static: Static, has_ot: bool, iot_grid: bool) -> np.ndarray:
    roles: list[T.Role] = []
    for zone, slots in zip(T.FIRST_ROLES, static.zone_slots, strict=True):
        begin, then = list(T.FIRST_ROLES[zone]), T.NEXT_ROLES[zone]
        if zone == T.Zone.SECURE and has_ot:
            begin += [T.Role.ENGINEERING_WORKSTATION] * T.ENGINEERING[static.size]
        if zone == T.Zone.OT and iot_grid:
            then = T.OT_ROLES_IOT_GRID
        begin += [then[i % len(then)] for i in range(slots)]
        roles += begin[:slots]
    return np.array(roles)
