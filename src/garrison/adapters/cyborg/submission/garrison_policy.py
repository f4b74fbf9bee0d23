"""A trained team in NumPy: its networks, read from a safetensors file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

ILLEGAL = -1e9
_ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}
_DTYPES = {"F32": np.float32}


def read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file: eight bytes that tell the length of a JSON header, it, then numbers.

    Raises ``ValueError`` for arrays that are no float32.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise ValueError(f"array {name!r} has dtype {entry['dtype']}; F32 is expected")
        first, end = entry["data_offsets"]
        flat = np.frombuffer(data[start + first : start + end], _DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays


class Team:
    """The policies of all agents.

    Args:
        arrays: ``agent`` ``f32[group, agent, width]``, what a number of an agent adds to the first layer;
            ``layers/0/weight`` ``f32[group, in, out]`` and ``layers/0/bias`` ``f32[group, out]``, and so on;
            the last layer gives the logits.
        about: ``groups``, the group of each agent; ``activation``; ``greedy``, whether to take the most
            probable action instead of a sample.
    """

    def __init__(self, arrays: dict[str, np.ndarray], about: dict[str, Any]):
        self.groups, self.greedy = about["groups"], about["greedy"]
        self._activate = _ACTIVATIONS[about["activation"]]
        self._agent = arrays["agent"]
        count = sum(name.endswith("/weight") for name in arrays)
        self._layers = [(arrays[f"layers/{i}/weight"], arrays[f"layers/{i}/bias"]) for i in range(count)]

    def logits(self, agent: int, obs: np.ndarray) -> np.ndarray:
        """``f32[action]`` of one agent, from as many of ``obs`` (``f32[feature]``) as its network reads."""
        group = self.groups[agent]
        (weight, bias), *others = self._layers
        hidden = obs[: weight.shape[1]] @ weight[group] + bias[group] + self._agent[group, agent]
        for weight, bias in others:
            hidden = self._activate(hidden) @ weight[group] + bias[group]
        return hidden

    def act(self, agent: int, obs: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> int:
        """An action that ``mask`` (``bool[action]`` of this agent) allows."""
        logits = np.where(mask, self.logits(agent, obs)[: len(mask)].astype(np.float64), ILLEGAL)
        if self.greedy:
            return int(np.argmax(logits))
        odds = np.exp(logits - logits.max())
        return int(generator.choice(len(odds), p=odds / odds.sum()))
