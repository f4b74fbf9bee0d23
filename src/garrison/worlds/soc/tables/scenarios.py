"""Scenarios, rewards, presets and the plant (``soc-rules.md §3.6, §7.1-7.4``).

Chosen where the text is silent:

* Friction of a strict zone is 3 % of its weight: in twentieths ``3 * weight // 5``. Weights of a zone are
  those of its live hosts.
* The logon clock of the easy preset is that of medium. Clocks that a scenario sets hold in every preset.
* The plant's setpoints are uniform in their nominal range, in thousandths. OverloadPLC adds to the setpoint
  of the temperature with the draw ``ot[0]``, multiplies that of the pressure with ``ot[1]``, and sets that of
  the flow. It starts from the nominal setpoints, so that a second write adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from garrison.worlds.soc.tables.hosts import NUM_ZONES, TOKEN_LIFETIME_S, Privilege, Zone
from garrison.worlds.soc.tables.laws import BATCH_MS, Clock


class Scenario(IntEnum):
    RANSOMWARE, APT_ESPIONAGE, CLOUD_HYBRID, IOT_GRID, OT_STUXNET = range(5)


class Start(IntEnum):
    """Red's footholds at reset; hosts are drawn among those that fit, without repetition."""

    INTERNET = 0
    CORPORATE_WORKSTATION = 1  #: corporate, role workstation
    CORPORATE_HOST = 2  #: corporate, any role but a domain controller
    GUEST_IOT = 3
    ENGINEERING_OR_ADMIN = 4  #: an engineering workstation or an admin workstation


class Goal(IntEnum):
    ENCRYPT_SERVERS, EXFILTRATE, OWN_SECURE, OWN_CONTROLLERS, PLANT_CRITICAL = range(5)


@dataclass(frozen=True)
class Rules:
    """One scenario.

    Attributes:
        horizon_ms: length of an episode.
        start: where red has its footholds.
        footholds: how many of them, each a User session of the first red agent.
        implant: the footholds have implants.
        goal: what red wants.
        need: of the goal: thousandths of the weight, or units of data; 0 where it has no amount.
        hold_ms: how long the goal has to hold without a break.
        terminal: points that blue loses at the goal beside all that could be lost to the horizon (§7.2, G).
        needs_ot: the network has at least two OT hosts.
        guest_to_ot: guest reaches ot (§3.3), and the gate there is open.
        lifetime_scale: thousandths of the lifetimes of stolen tokens.
        clocks: means in seconds that replace those of the preset.
    """

    horizon_ms: int
    start: Start
    footholds: int
    implant: bool
    goal: Goal
    need: int
    hold_ms: int
    terminal: int
    needs_ot: bool = False
    guest_to_ot: bool = False
    lifetime_scale: int = 1000
    clocks: tuple[tuple[Clock, int], ...] = ()


HOUR_MS = 3_600_000
SCENARIOS: dict[Scenario, Rules] = {
    Scenario.RANSOMWARE: Rules(
        HOUR_MS, Start.CORPORATE_WORKSTATION, 1, False, Goal.ENCRYPT_SERVERS, 500, 0, 30
    ),
    Scenario.APT_ESPIONAGE: Rules(2 * HOUR_MS, Start.CORPORATE_HOST, 2, True, Goal.EXFILTRATE, 8, 0, 30),
    Scenario.CLOUD_HYBRID: Rules(
        3 * HOUR_MS // 2,
        Start.INTERNET,
        0,
        False,
        Goal.OWN_SECURE,
        500,
        300_000,
        30,
        lifetime_scale=500,
        clocks=((Clock.MIGRATE, 600),),
    ),
    Scenario.IOT_GRID: Rules(
        HOUR_MS,
        Start.GUEST_IOT,
        1,
        False,
        Goal.OWN_CONTROLLERS,
        0,
        120_000,
        40,
        needs_ot=True,
        guest_to_ot=True,
        clocks=((Clock.CHURN, 500), (Clock.ARRIVE, 2_000)),
    ),
    Scenario.OT_STUXNET: Rules(
        3 * HOUR_MS // 2, Start.ENGINEERING_OR_ADMIN, 1, False, Goal.PLANT_CRITICAL, 0, 0, 100, needs_ot=True
    ),
}

# ---------------------------------------------------------------- rewards (§7.2, §7.3)

#: loss points are twentieths of weight, so 20 per thousandth of the network that is down
LOSS_DOWN = 20
LOSS_OWNED = np.array([0, 2, 4], np.int32)  #: per thousandth of weight, ``[privilege]``
LOSS_ROOT_CONTROLLER = 40  #: of a domain controller in iot_grid
LOSS_ROOT_SECURE = 20  #: of a host of secure in cloud_hybrid
assert len(LOSS_OWNED) == len(Privilege)
#: of a zone by its level, as a fraction: weight * numerator // denominator
LOSS_LEVEL = np.array([[0, 1], [3, 5], [5, 1]], np.int32)
LOSS_REAUTH = 1  #: per thousandth of weight of the zones of a scope in its re-logon phase
LOSS_CAP = 40_000
LOSS_PER_POINT = 20 * 36_000_000  #: loss points times milliseconds per point of reward (§2.6)
HOUR_POINTS = 100  #: everything lost for one hour
EXFILTRATION_POINTS = 4  #: per unit
FUNDS_PER_POINT = 5_000
SHAPING_POINTS, SHAPING_MOST = 0.5, 10  #: red, first Root on each host (§7.3)

# ---------------------------------------------------------------- presets (§7.4)


@dataclass(frozen=True)
class Preset:
    """One difficulty.

    Attributes:
        clock_s: mean of each clock in seconds, 0 for never, ``[clock]``.
        delay_scale: thousandths of the delays of tokens.
        alarm_scale: thousandths of the severe part of the noise.
        noise_scale: thousandths of the rest of the noise.
        slip: chance in thousandths that the scripted red takes its second rule.
        dwell_scale: thousandths of red's ``lie_low``.
    """

    clock_s: tuple[int, int, int, int, int]
    delay_scale: int
    alarm_scale: int
    noise_scale: int
    slip: int
    dwell_scale: int


PRESETS: dict[str, Preset] = {
    "easy": Preset((60, 0, 0, 0, 0), 0, 500, 500, 300, 2_000),
    "medium": Preset((60, 800, 1_000, 0, 0), 1_000, 1_000, 1_000, 100, 1_000),
    "hard": Preset((40, 400, 500, 1_000, 2_000), 2_000, 2_000, 1_500, 0, 500),
}


def clock_means(scenario: Scenario, preset: str) -> np.ndarray:
    """Mean of each clock in seconds, 0 for never, ``int32[clock]``."""
    means = np.array(PRESETS[preset].clock_s, np.int32)
    for clock, seconds in SCENARIOS[scenario].clocks:
        means[clock] = seconds
    return means


def token_lifetimes(scenario: Scenario) -> np.ndarray:
    """Lifetime of a stolen token of each scope in seconds, ``int32[scope]``."""
    return TOKEN_LIFETIME_S * SCENARIOS[scenario].lifetime_scale // 1_000


# ---------------------------------------------------------------- plant (§3.6)


class Variable(IntEnum):
    TEMPERATURE, PRESSURE, FLOW = range(3)


PLANT_NOMINAL = np.array(
    [[40_000, 60_000], [90_000, 110_000], [40_000, 60_000]], np.int32
)  #: ``[variable, 2]``
PLANT_TAU_S = np.array([200, 100, 50])
PLANT_SIGMA = np.array([300, 600, 900])  #: thousandths, in the long run
#: alarm and critical outside of these, ``[variable, 2]`` in thousandths; no lower bound for the temperature
_NO = -(2**30)
PLANT_ALARM = np.array([[_NO, 80_000], [70_000, 130_000], [20_000, 90_000]], np.int32)
PLANT_CRITICAL = np.array([[_NO, 120_000], [30_000, 180_000], [5_000, 150_000]], np.int32)
#: relaxation per batch in 1/65536: x += (setpoint - x) * k >> 16
PLANT_K = np.rint(65_536 * -np.expm1(-BATCH_MS / 1000 / PLANT_TAU_S)).astype(np.int32)
#: sd of the noise per batch in thousandths; the noise is (sd * z) >> 10 with z of ``laws.normal``
PLANT_NOISE = np.rint(PLANT_SIGMA * np.sqrt(-np.expm1(-2 * BATCH_MS / 1000 / PLANT_TAU_S))).astype(np.int32)
OVERLOAD_TEMPERATURE = (80_000, 150_000)  #: added to the setpoint, uniform
OVERLOAD_PRESSURE = (1_500, 2_000)  #: thousandths by which it is multiplied, uniform
OVERLOAD_FLOW = 3_000
assert NUM_ZONES == Zone.INTERNET
