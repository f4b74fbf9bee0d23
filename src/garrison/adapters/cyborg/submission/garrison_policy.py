"""A trained team in NumPy: its networks, read from a safetensors file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

ILLEGAL = -1e9
_ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}
_LEAST_VARIANCE = 1e-5  # of layer normalization
_DTYPES = {"F32": np.float32, "I32": np.int32}


def read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file: eight bytes that tell the length of a JSON header, it, then numbers.

    Raises ``ValueError`` for arrays that are neither float32 nor int32.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise ValueError(f"array {name!r} has dtype {entry['dtype']}; F32 or I32 is expected")
        first, end = entry["data_offsets"]
        flat = np.frombuffer(data[start + first : start + end], _DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays


class Team:
    """The policies of all agents; a derived class has the logits of a kind of network.

    Args:
        about: ``greedy``: whether to take the most probable action instead of a sample.
    """

    def __init__(self, about: dict[str, Any]):
        self.greedy = about["greedy"]

    def logits(self, agent: int, obs: np.ndarray) -> np.ndarray:
        """``f32[action]`` of one agent, from as many of ``obs`` (``f32[feature]``) as its network reads."""
        raise NotImplementedError

    def act(self, agent: int, obs: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> int:
        """An action that ``mask`` (``bool[action]`` of this agent) allows."""
        logits = np.where(mask, self.logits(agent, obs)[: len(mask)].astype(np.float64), ILLEGAL)
        if self.greedy:
            return int(np.argmax(logits))
        odds = np.exp(logits - logits.max())
        return int(generator.choice(len(odds), p=odds / odds.sum()))


class MLPTeam(Team):
    """Hidden layers on the whole observation.

    Args:
        arrays: ``agent`` ``f32[group, agent, width]``, what a number of an agent adds to the first layer;
            ``layers/0/weight`` ``f32[group, in, out]`` and ``layers/0/bias`` ``f32[group, out]``, and so on;
            the last layer gives the logits. With layer normalization ``norms/0/weight`` and
            ``norms/0/bias`` ``f32[group, out]`` of each layer but the last.
        about: ``groups``, the group of each agent; ``activation``; ``greedy``.
    """

    def __init__(self, arrays: dict[str, np.ndarray], about: dict[str, Any]):
        super().__init__(about)
        self.groups = about["groups"]
        self._activate = _ACTIVATIONS[about["activation"]]
        self._agent = arrays["agent"]
        self._layers, self._norms = (_numbered(arrays, kind) for kind in ("layers", "norms"))

    def logits(self, agent: int, obs: np.ndarray) -> np.ndarray:
        group = self.groups[agent]
        (weight, bias), *others = self._layers
        hidden = obs[: weight.shape[1]] @ weight[group] + bias[group] + self._agent[group, agent]
        for number, (weight, bias) in enumerate(others):
            hidden = self._activate(self._normalized(number, group, hidden)) @ weight[group] + bias[group]
        return hidden

    def _normalized(self, number: int, group: int, hidden: np.ndarray) -> np.ndarray:
        if not self._norms:
            return hidden
        weight, bias = self._norms[number]
        scale = np.sqrt(hidden.var() + _LEAST_VARIANCE)
        return (hidden - hidden.mean()) / scale * weight[group] + bias[group]


def _numbered(arrays: dict[str, np.ndarray], kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of ``kind/0``, ``kind/1`` and so on."""
    count = sum(name.startswith(f"{kind}/") and name.endswith("/weight") for name in arrays)
    return [(arrays[f"{kind}/{i}/weight"], arrays[f"{kind}/{i}/bias"]) for i in range(count)]


class EntityTeam(Team):
    """The same weights for all entities of a kind, such as hosts.

    Args:
        arrays: as :func:`garrison.adapters.cyborg.export.flattened` names them. Places are those of features
            in an observation; -1 reads as 0.
        about: ``kinds``, the number of kinds of entities; ``levels``, how many values a feature of the agent
            takes that is read one-hot, else 0; ``activation``; ``actions``, their number; ``greedy``.
    """

    def __init__(self, arrays: dict[str, np.ndarray], about: dict[str, Any]):
        super().__init__(about)
        self._arrays, self._kinds, self._levels = arrays, about["kinds"], about["levels"]
        self._actions = about["actions"]
        self._activate = _ACTIVATIONS[about["activation"]]

    def logits(self, agent: int, obs: np.ndarray) -> np.ndarray:
        arrays, obs = self._arrays, np.append(obs, np.float32(0))
        context = self._context(obs[arrays["context"][agent]])
        told = np.tanh(self._dense("contexts/0", context))
        hidden, pooled, actions = [], [told], []
        for k in range(self._kinds):
            kind = f"kinds/{k}"
            own = arrays[f"{kind}/agents"] == agent
            places = arrays[f"{kind}/exists"][own]
            exists = ((obs[places] > 0) | (places < 0))[..., None].astype(np.float32)
            fixed = arrays[f"{kind}/fixed"][own] @ arrays[f"{kind}/constants"] + arrays[f"{kind}/bias"]
            features = obs[arrays[f"{kind}/places"][own]]
            entity = self._activate(features @ arrays[f"{kind}/features"] + fixed + told)
            pooled += [(entity * exists).sum((0, 1)) / exists.shape[1], (entity * exists).max((0, 1))]
            hidden.append(entity)
            actions.append(arrays[f"{kind}/actions"][own].reshape(-1))
        whole = np.tanh(self._dense("pooled", np.concatenate(pooled)))
        scores = []
        for k, entity in enumerate(hidden):
            layer = 0
            while f"kinds/{k}/layers/{layer}/weight" in arrays:
                added = self._dense(f"contexts/{layer + 1}", whole)
                entity = self._activate(self._dense(f"kinds/{k}/layers/{layer}", entity) + added)
                layer += 1
            scores.append(self._dense(f"kinds/{k}/verbs", entity).reshape(-1))
        if "verbs/weight" in arrays:
            scores.append(self._dense("verbs", whole))
            actions.append(arrays["actions"][agent])
        index = np.concatenate(actions)
        logits = np.full(self._actions, ILLEGAL, np.float32)
        logits[index[index >= 0]] = np.concatenate(scores)[index >= 0]
        return logits

    def _dense(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self._arrays[f"{name}/weight"] + self._arrays[f"{name}/bias"]

    def _context(self, features: np.ndarray) -> np.ndarray:
        parts = [
            np.eye(level, dtype=np.float32)[int(x)] if level else np.array([x], np.float32)
            for x, level in zip(features, self._levels, strict=True)
        ]
        return np.concatenate(parts)


TEAMS = {"mlp": MLPTeam, "entity": EntityTeam}
