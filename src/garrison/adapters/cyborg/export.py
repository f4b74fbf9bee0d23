"""A trained team as a submission to CAGE Challenge 4: a folder that its evaluation script runs unchanged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from garrison.adapters.cyborg.world import CybORGWorld

_HERE = Path(__file__).parent
#: Files of a submission, and those that they are copies of.
_FILES = {
    "submission.py": _HERE / "submission" / "submission.py",
    "garrison_policy.py": _HERE / "submission" / "garrison_policy.py",
    "garrison_rich.py": _HERE / "rich.py",
}


def export(folder: Path, player: Any, world: CybORGWorld, about: Mapping[str, Any]) -> None:
    """Write a submission.

    Args:
        folder: where to; it must not exist, or be empty.
        player: a :class:`~garrison.learn.policy.NetworkPolicy` with a network of :mod:`garrison.learn.nets`.
        world: what it plays in.
        about: JSON-ready; ``name``, ``team`` and ``technique`` are shown by the evaluation.

    Raises:
        ValueError: for a folder with something in it, a player that has no such network, or a world that
            is not the challenge's.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name another folder for the submission")
    if world.steps != 500:
        raise ValueError(f"the challenge's episodes have 500 steps; this team plays {world.steps}")
    arrays, facts = flattened(getattr(player, "net", None))
    facts |= {"greedy": player.greedy, "observation": player.observation or "stock", "busy": world.busy}
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, source in _FILES.items():
        shutil.copyfile(source, unfinished / name)
    (unfinished / "weights.safetensors").write_bytes(safetensors.numpy.save(arrays))
    (unfinished / "team.json").write_text(json.dumps({**about, **facts}, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder)


def flattened(net: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The policy's part of a network, with a leading axis of groups everywhere.

    Returns:
        Arrays and facts as :class:`~garrison.adapters.cyborg.submission.garrison_policy.Team` takes them.

    Raises:
        ValueError: for what is not a network of :mod:`garrison.learn.nets`.
    """
    one = getattr(net, "nets", net)
    if not hasattr(getattr(one, "trunk", None), "layers") or not hasattr(one, "policy"):
        raise ValueError(
            f"{type(net).__name__} cannot be exported; policies of garrison train with an MLP can"
        )
    layers = [*one.trunk.layers, one.policy]
    arrays = {"agent": one.trunk.agent}
    for number, layer in enumerate(layers):
        arrays |= {f"layers/{number}/weight": layer.weight, f"layers/{number}/bias": layer.bias}
    arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    if one is net:
        arrays = {name: array[None] for name, array in arrays.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    agents = arrays["agent"].shape[1]
    groups = [0] * agents if one is net else list(net.groups)
    return arrays, {"groups": groups, "activation": one.trunk.activation}
