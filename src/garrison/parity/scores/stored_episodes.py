"""Episodes of CybORG that are stored with their returns by phase and part, and nothing else.

A folder has a file per policy, ``<name>.json``: an object with ``engine``, ``policy``, ``red``,
``steps_scored`` and ``episodes``, each of them with ``seed``, ``return`` and ``by_phase_lwf_asf_ria_cost``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from garrison.parity.scores.episodes_file import Row

#: File names by Garrison's names of the policies.
FILES = {"idle": "sleep", "random": "random", "reactive": "reactive", "firewall": "firewall"}
_PARTS = ("LWF", "ASF", "RIA", "action_cost")
RED, _STEPS = "fsm", 499


def read_folder(folder: Path) -> dict[str, list[Row]]:
    """CybORG's episodes by policy, as lines of :mod:`~garrison.parity.scores.episodes_file`.

    They lack the score, which leaves out the last reward, and the decisions.

    Raises:
        ValueError: when a file is not such a record; names it and what is wrong.
        OSError: when one cannot be read.
    """
    return {policy: _read(folder / f"{name}.json", name) for policy, name in FILES.items()}


def _read(path: Path, name: str) -> list[Row]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record["policy"], record["red"], record["steps_scored"]) != (name, RED, _STEPS):
            raise ValueError(f"it is not {_STEPS} steps of {name!r} against red {RED!r}")
        return [_row(record["engine"], episode) for episode in record["episodes"]]
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]!r} is missing") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _row(version: str, episode: dict[str, Any]) -> Row:
    by_phase = np.array(episode["by_phase_lwf_asf_ria_cost"], float)  # [phase, part]
    if by_phase.shape != (3, len(_PARTS)):
        raise ValueError(f"seed {episode['seed']}: parts have shape {by_phase.shape}, not (3, {len(_PARTS)})")
    if by_phase.sum() != episode["return"]:
        raise ValueError(f"seed {episode['seed']}: the parts do not add up to the return")
    return {
        "engine": "cyborg",
        "version": version.removeprefix("CybORG "),
        "seed": episode["seed"],
        "parts": dict(zip(_PARTS, by_phase.T.tolist(), strict=True)),
    }
