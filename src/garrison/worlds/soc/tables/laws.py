"""Duration and delay laws, clocks and other times (``soc-rules.md §2, §3.5``).

:func:`garrison.worlds.soc.laws.quantiles` builds the table ``Q[law, 65]`` of these laws. Each kind of action
has its own law, so that measured durations can replace one of them; further laws follow.

Chosen where the text is silent: the delays "gamma" have cv ½ and no least value; ``exp`` is in thousandths
of its mean, so that a clock's gap is its mean in seconds times the quantile, in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables import blue, red
from garrison.worlds.soc.tables.actions import Family, Row
from garrison.worlds.soc.tables.tokens import NUM_TOKENS, SENSOR, Sensor

NEVER = 2**31 - 1  #: time of what is not pending
BATCH_MS = 5_000  #: Δ
CLOCK_LEAST_MS = 2_000  #: from an occurrence of a clock to its next one
LEAST_MS, GREATEST_MS = 2_000, 600_000  #: of durations, enforced in the table
NUM_QUANTILES = 65
QUANTILE_RANGE = (0.005, 0.995)  #: of the first and the last quantile; the others lie evenly between


class Shape(IntEnum):
    """Shapes of distributions."""

    FIXED, GAMMA, LOGNORMAL, EXPONENTIAL = range(4)


#: shape and coefficient of variation of each family of durations (§2.4)
FAMILIES: dict[Family, tuple[Shape, float]] = {
    Family.FIXED: (Shape.FIXED, 0.0),
    Family.SCAN: (Shape.GAMMA, 1 / 3),
    Family.ADMIN: (Shape.GAMMA, 1 / 2),
    Family.EXPLOIT: (Shape.LOGNORMAL, 1 / 2),
    Family.HUMAN: (Shape.LOGNORMAL, 1.0),
}


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
        shape: of the distribution.
        mean: in milliseconds.
        sd: standard deviation in milliseconds, before the tails are cut.
        least: least value in the table.
        greatest: greatest value in the table.
    """

    shape: Shape
    mean: float
    sd: float
    least: float = LEAST_MS
    greatest: float = GREATEST_MS


def _duration(row: Row, seconds: float | None = None) -> Law:
    """The law of a row: sd² = (cv of the family × duration without latency)² + σ²."""
    shape, cv = FAMILIES[row.family]
    mean = row.seconds if seconds is None else seconds
    latency, sigma = row.latency
    return Law(shape, 1000 * mean, 1000 * float(np.hypot(cv * (mean - latency), sigma)))


def _delay(shape: Shape, seconds: float, cv: float) -> Law:
    return Law(shape, 1000 * seconds, 1000 * cv * seconds, least=0)


#: laws in the order of the table; the numbers below are indices into it
LAWS: list[Law] = []
#: law of each kind, ``[kind]``; that of NONE is not used
BLUE_LAW = np.zeros(blue.NUM_KINDS, np.uint8)
RED_LAW = np.zeros(red.NUM_KINDS, np.uint8)
for _numbers, _rows in ((BLUE_LAW, blue.ROWS), (RED_LAW, red.ROWS)):
    for _kind, _row in sorted(_rows.items()):
        _numbers[_kind] = len(LAWS)
        LAWS.append(_duration(_row))
#: law of each kind on a PLC, ``[kind]``
BLUE_LAW_PLC = BLUE_LAW.copy()
for _kind, _seconds in blue.PLC_SECONDS.items():
    BLUE_LAW_PLC[_kind] = len(LAWS)
    LAWS.append(_duration(blue.ROWS[_kind], _seconds))
#: delay law of each sensor, ``[sensor]``; that of NONE is not used (§5.1, medium)
SENSOR_LAW = np.zeros(len(Sensor), np.uint8)
for _sensor, _law in {
    Sensor.NETWORK: _delay(Shape.GAMMA, 10, 0.5),
    Sensor.HOST: _delay(Shape.GAMMA, 20, 0.5),
    Sensor.DIRECTORY: _delay(Shape.GAMMA, 20, 0.5),
    Sensor.EDR: _delay(Shape.GAMMA, 5, 0.5),
    Sensor.DECEPTION: _delay(Shape.GAMMA, 5, 0.5),
    Sensor.OT: _delay(Shape.FIXED, BATCH_MS / 1000, 0),
    Sensor.PEOPLE: _delay(Shape.LOGNORMAL, 60, 1),
    Sensor.HEALTH: _delay(Shape.FIXED, BATCH_MS / 1000, 0),
}.items():
    SENSOR_LAW[_sensor] = len(LAWS)
    LAWS.append(_law)
TOKEN_LAW = SENSOR_LAW[SENSOR]  #: delay law of each type of token, ``[type]``
EXP_LAW = len(LAWS)  #: in thousandths of the mean
LAWS.append(Law(Shape.EXPONENTIAL, 1000, 1000, least=0))
NUM_LAWS = len(LAWS)
assert TOKEN_LAW.shape == (NUM_TOKENS,)


class Clock(IntEnum):
    """What changes by itself (§3.5), in order of precedence."""

    LOGON, DHCP, CHURN, MIGRATE, ARRIVE = range(5)


NUM_CLOCKS = len(Clock)
DHCP_CHANCE = 500  #: of each host of the zone to get a new address
ARRIVE_SESSION_CHANCE = 200  #: that a BYOD device brings a User session of red


def event_slots(num_agents: int) -> dict[str, int]:
    """Numbers of the event slots in order of precedence at equal times (§2.2): blue 0-2, then red."""
    names = ["horizon", *(f"agent_{a}" for a in range(num_agents)), "expiry", "timer", "hold"]
    names += [clock.name.lower() for clock in Clock] + ["batch"]
    return {name: number for number, name in enumerate(names)}
