"""What a researcher varies: :class:`Static` compiles, the leaves of :class:`Options` do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from garrison.core.struct import Struct
from garrison.core.typing import Array, Bool, Int32, UInt8
from garrison.worlds.soc.tables import hosts, scenarios

MAX_EVENTS = 8


@dataclass(frozen=True)
class Static:
    """Sizes that compiled programs depend on.

    Attributes:
        size: ``"small"``, ``"50"`` or ``"100"`` hosts.
        events: event rows of a step, 1-8 (``§2.1``): a setting of speed, not of the game.
        reds: red agents, 1 or 2.

    Raises:
        ValueError: for a value that is none of these.
    """

    size: str = "small"
    events: int = 4
    reds: int = 1

    def __post_init__(self) -> None:
        for name, possible in (
            ("size", hosts.SIZES),
            ("events", tuple(range(1, MAX_EVENTS + 1))),
            ("reds", (1, 2)),
        ):
            value = getattr(self, name)
            if type(value) is bool or value not in possible:
                raise ValueError(
                    f"soc: {name} is {value!r}; it must be one of {', '.join(map(str, possible))}"
                )

    @property
    def zone_slots(self) -> tuple[int, ...]:
        """Host slots of each zone, which lie one after another."""
        return hosts.SLOTS[self.size]

    @property
    def hosts(self) -> int:
        return sum(self.zone_slots)

    @property
    def ring(self) -> int:
        return hosts.RING[self.size]

    @property
    def num_agents(self) -> int:
        """Blue 0-2, then the red agents."""
        return hosts.NUM_BLUE + self.reds


class Options(Struct):
    """Numbers of the game, one set per environment (``§7.4``)."""

    scenario: UInt8[Array, "*env"]  # tables.scenarios.Scenario
    test_split: Bool[Array, "*env"]  # networks of the test split instead of the training split
    horizon: Int32[Array, "*env"]  # milliseconds
    live_range: UInt8[Array, "*env zone 2"]  # least and most live hosts of each zone at reset
    clock_mean: Int32[Array, "*env 5"]  # seconds: logon, dhcp, churn, migrate, arrive; 0: never
    token_lifetime: Int32[Array, "*env scope"]  # seconds from the theft
    guest_to_ot: Bool[Array, "*env"]  # modbus and http are open from guest to ot, and not gated (iot_grid)
    delay_scale: Int32[Array, "*env"]  # thousandths of the delays of tokens
    alarm_scale: Int32[Array, "*env"]  # thousandths of the severe part of the noise
    noise_scale: Int32[Array, "*env"]  # thousandths of the rate of the noise
    script_slip: Int32[Array, "*env"]  # chance that the scripted red takes its second rule, thousandths
    dwell_scale: Int32[Array, "*env"]  # thousandths of lie_low


def default_options(
    size: str = "small", scenario: str = "ransomware", preset: str = "medium", split: str = "train"
) -> Options:
    """Numbers of a scenario under a preset.

    Args:
        size: of :class:`Static`, for the number of hosts.
        scenario: ``"ransomware"``, ``"apt_espionage"``, ``"cloud_hybrid"``, ``"iot_grid"``, ``"ot_stuxnet"``.
        preset: ``"easy"`` (of the small size), ``"medium"``, ``"hard"``.
        split: ``"train"`` or ``"test"``: networks of the two splits are never the same (``§7.4``).

    Raises:
        ValueError: for a name that is none of these, and for the easy preset in another size than small.
    """
    names = tuple(one.name.lower() for one in scenarios.Scenario)
    for what, value, possible in (
        ("size", size, hosts.SIZES),
        ("scenario", scenario, names),
        ("preset", preset, tuple(scenarios.PRESETS)),
        ("split", split, ("train", "test")),
    ):
        if value not in possible:
            raise ValueError(f"soc: {what} is {value!r}; it must be one of {', '.join(possible)}")
    if preset == "easy" and size != "small":
        raise ValueError(f"soc: the preset 'easy' has networks of size 'small', not {size!r}")
    number = scenarios.Scenario(names.index(scenario))
    rules, level = scenarios.SCENARIOS[number], scenarios.PRESETS[preset]
    live = hosts.LIVE_EASY if preset == "easy" else hosts.LIVE[size]
    values: dict[str, Any] = {
        "scenario": np.uint8(number),
        "test_split": np.bool_(split == "test"),
        "horizon": np.int32(rules.horizon_ms),
        "live_range": np.array(live, np.uint8),
        "clock_mean": scenarios.clock_means(number, preset),
        "token_lifetime": scenarios.token_lifetimes(number).astype(np.int32),
        "guest_to_ot": np.bool_(rules.guest_to_ot),
        "delay_scale": np.int32(level.delay_scale),
        "alarm_scale": np.int32(level.alarm_scale),
        "noise_scale": np.int32(level.noise_scale),
        "script_slip": np.int32(level.slip),
        "dwell_scale": np.int32(level.dwell_scale),
    }
    return Options(**values)
