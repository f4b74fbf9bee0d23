"""Options of ``cc4`` with which CybORG can be played too.

CybORG keeps these numbers in the attributes of its scenario generator and of the actions that agents choose:
:func:`garrison.adapters.cyborg.engine.build` sets them there, and all else is CybORG's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import default_options

#: Options that CybORG can be played with, besides ``steps``.
OPTIONS = (
    "users",
    "servers",
    "green_work_alarm",
    "green_access_alarm",
    "green_phishing",
    "red_scan_detection",
    "red_duration",
)
_OF_GENERATOR = {"users": "USER", "servers": "SERVER"}
_SCANS = (T.Red.AGGRESSIVE, T.Red.STEALTH)  # in the order of red_scan_detection


def attributes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of ``cc4`` as attributes in CybORG; JSON-ready.

    Args:
        options: as ``default_options`` takes them, of :data:`OPTIONS`.

    Returns:
        What :func:`garrison.adapters.cyborg.engine.build` takes: ``generator``, its attributes, and
        ``actions``, those of the actions by team and class.

    Raises:
        ValueError: for other options, and for sizes that differ by subnet.
    """
    if foreign := [name for name in options if name not in OPTIONS]:
        raise ValueError(f"CybORG has no option {', '.join(foreign)}; leave it out, or evaluate on Garrison")
    values = default_options(**options)
    generator: dict[str, int] = {}
    for option, kind in _OF_GENERATOR.items():
        if option in options:
            least, most = _of_all_subnets(option, getattr(values, option))
            generator |= {f"MIN_{kind}_HOSTS": least, f"MAX_{kind}_HOSTS": most}
    green: dict[str, dict[str, float]] = {"GreenLocalWork": {}, "GreenAccessService": {}}
    red: dict[str, dict[str, float]] = {name: {} for name in T.RED_NAMES}
    for option, kind, attribute in (
        ("green_work_alarm", "GreenLocalWork", "fp_detection_rate"),
        ("green_access_alarm", "GreenAccessService", "fp_detection_rate"),
        ("green_phishing", "GreenLocalWork", "phishing_error_rate"),
    ):
        if option in options:
            green[kind][attribute] = float(options[option])
    if "red_scan_detection" in options:
        for kind, rate in zip(_SCANS, options["red_scan_detection"], strict=True):
            red[T.RED_NAMES[kind]]["detection_rate"] = float(rate)
    if values.red_duration is not None:
        for name, duration in zip(T.RED_NAMES, values.red_duration.tolist(), strict=True):
            red[name]["duration"] = duration
    actions = {"green": green, "red": red}
    actions = {team: {name: own for name, own in kinds.items() if own} for team, kinds in actions.items()}
    return {"generator": generator, "actions": actions}


def _of_all_subnets(option: str, ranges: Any) -> tuple[int, int]:
    """The one range of all subnets, which CybORG's generator has."""
    least, most = np.asarray(ranges, int)[0].tolist()
    if np.any(ranges != (least, most)):
        raise ValueError(
            f"CybORG has one range of {option} for all subnets, not {np.asarray(ranges).tolist()}; "
            "give one range, or evaluate on Garrison"
        )
    return least, most
