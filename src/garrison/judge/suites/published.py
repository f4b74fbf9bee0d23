"""Published scores beside which a suite shows those that it measures."""

from __future__ import annotations

from typing import Any

#: Scores of teams of the challenge by column; ``sd`` is the published one, of episodes. ``best published`` is
#: the best score of any team in each column. Read in notes that others made of the paper, not in the paper.
COMPETITION: dict[str, Any] = {
    "source": "Kiely et al., AAAI 39(28):28907 (2025), as others restate it",
    "teams": {
        "best published": {
            "base": {"mean": -113, "sd": 35},
            "constant": {"mean": -71},
            "phishing": {"mean": -205},
            "stealthy": {"mean": -153},
            "aggressive": {"mean": -508},
        },
        "cybermonic": {
            "base": {"mean": -193, "sd": 84},
            "constant": {"mean": -176, "sd": 51},
            "phishing": {"mean": -350, "sd": 182},
            "stealthy": {"mean": -996, "sd": 482},
            "aggressive": {"mean": -654, "sd": 244},
        },
        "PUNCH-Cyber": {
            "base": {"mean": -142},
            "constant": {"mean": -94},
            "phishing": {"mean": -205},
            "stealthy": {"mean": -158},
            "aggressive": {"mean": -837},
        },
    },
}
