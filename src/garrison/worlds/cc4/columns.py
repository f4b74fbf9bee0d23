"""The game of CAGE Challenge 4 and four variants of it, the columns of its follow-up (``docs/diversity.md``).

``make("cc4/phishing")`` is ``make("cc4", column="phishing")``. They are variants of the game, not reds: the
reds ``stealthy`` and ``aggressive`` of :mod:`~garrison.worlds.cc4.reds` are something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: By name the options that differ from the challenge's; Kiely et al., AAAI 39(28):28907. How seldom scans are
#: noticed in ``stealthy`` is not published: 0.01 is our reading.
COLUMNS: dict[str, dict[str, Any]] = {
    "base": {},
    "constant": {"users": 10, "servers": 6},
    "phishing": {"green_phishing": 0.75},
    "stealthy": {"green_work_alarm": 0.75, "green_access_alarm": 0.75, "red_scan_detection": [0.01, 0.01]},
    "aggressive": {"red_duration": 1},
}


def with_column(column: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` with those of a column of :data:`COLUMNS`.

    Raises ``ValueError`` for options that the column sets itself.
    """
    own = COLUMNS[column]
    if twice := [name for name in options if name in own]:
        raise ValueError(
            f"cc4: column={column!r} sets {', '.join(twice)} itself; leave that out, or play without a column"
        )
    return {**own, **options}
