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
from garrison.worlds.cc4 import restrict

_HERE = Path(__file__).parent
#: Files of a submission, and those that they are copies of.
_FILES = {
    "submission.py": _HERE / "submission" / "submission.py",
    "garrison_policy.py": _HERE / "submission" / "garrison_policy.py",
    "garrison_rich.py": _HERE / "rich.py",
    "garrison_messages.py": _HERE / "messages.py",
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
    facts |= {"greedy": player.greedy, "observation": player.observation or "stock"}
    facts |= {name: getattr(world, name) for name in ("busy", "traffic", "idle", "messages")}
    facts["policy_after_blocked"] = restrict.POLICY_AFTER_BLOCKED
    arrays["blocked_bits"] = restrict.BLOCKED_BITS.astype(np.int32)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, source in _FILES.items():
        shutil.copyfile(source, unfinished / name)
    (unfinished / "weights.safetensors").write_bytes(safetensors.numpy.save(arrays))
    (unfinished / "team.json").write_text(json.dumps({**about, **facts}, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder)


def flattened(net: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The policy's part of a network.

    Returns:
        Arrays and facts as the classes of :mod:`garrison.adapters.cyborg.submission.garrison_policy` take
        them; ``network`` says which.

    Raises:
        ValueError: for another network than ``mlp`` or ``entity``.
    """
    trunk = getattr(getattr(net, "nets", net), "trunk", None)
    if hasattr(net, "entities"):
        arrays, facts = _entity(net)
    elif hasattr(trunk, "layers"):
        arrays, facts = _mlp(net, trunk)
    else:
        raise ValueError(
            f"{type(net).__name__} cannot be exported; policies with the network 'mlp' or 'entity' can"
        )
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts


def _mlp(net: Any, trunk: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """With a leading axis of groups everywhere."""
    one = getattr(net, "nets", net)
    arrays = {"agent": trunk.agent}
    for number, layer in enumerate((*trunk.layers, one.policy)):
        arrays |= _dense(f"layers/{number}", layer)
    for number, layer in enumerate(trunk.norms):
        arrays |= _dense(f"norms/{number}", layer)
    arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    if one is net:
        arrays = {name: array[None] for name, array in arrays.items()}
    groups = [0] * arrays["agent"].shape[1] if one is net else list(net.groups)
    return arrays, {"network": "mlp", "groups": groups, "activation": trunk.activation}


def _entity(net: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    weights, places = _dense("pooled", net.pooled), {"context": net.entities.context}
    for number, layer in enumerate(net.contexts):
        weights |= _dense(f"contexts/{number}", layer)
    for number, (layers, kind) in enumerate(zip(net.kinds, net.entities.kinds, strict=True)):
        name = f"kinds/{number}"
        weights |= {f"{name}/{part}": getattr(layers, part) for part in ("constants", "bias")}
        weights |= {f"{name}/features": net.feature_weights(number)}
        weights |= {f"{name}/fixed": kind.constants} | _dense(f"{name}/verbs", layers.verbs)
        for layer_number, layer in enumerate(layers.layers):
            weights |= _dense(f"{name}/layers/{layer_number}", layer)
        places |= {f"{name}/places": kind.features, f"{name}/exists": kind.exists}
        places |= {f"{name}/actions": kind.actions, f"{name}/agents": kind.agents}
    if net.verbs is not None:
        weights |= _dense("verbs", net.verbs)
        places["actions"] = net.entities.actions
    arrays = {name: np.asarray(array, np.float32) for name, array in weights.items()}
    arrays |= {name: np.asarray(array, np.int32) for name, array in places.items()}
    return arrays, {
        "network": "entity",
        "kinds": len(net.kinds),
        "levels": list(net.entities.levels),
        "actions": net.num_actions,
        "activation": net.activation,
    }


def _dense(name: str, layer: Any) -> dict[str, Any]:
    return {f"{name}/weight": layer.weight, f"{name}/bias": layer.bias}
