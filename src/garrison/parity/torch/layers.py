"""The numbers of a network as a PyTorch module holds them, and back; needs no torch.

A layer of torch has ``weight[out, in]``; Garrison's has ``weight[in, out]``, and the rows of the first one
that the agent's one-hot index selects are kept apart, as ``Trunk.agent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from garrison.learn.encoders import Dense


def _layers(net: Any) -> dict[str, Dense]:
    hidden = {f"trunk.{number}": layer for number, layer in enumerate(net.trunk.layers)}
    return hidden | {"policy": net.policy, "value": net.value}


def named_arrays(net: Any) -> dict[str, jax.Array]:
    """The arrays of an ``ActorCritic``, or of anything of its structure, by the names of torch's."""
    found = {}
    for name, layer in _layers(net).items():
        weight = layer.weight
        if name == "trunk.0":
            weight = jax.numpy.concatenate([weight, net.trunk.agent])
        found |= {f"{name}.weight": weight.T, f"{name}.bias": layer.bias}
    return found


def with_arrays(net: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """``net`` with the numbers that :func:`named_arrays` would give; the inverse of it."""
    features = len(net.trunk.layers[0].weight)
    first = arrays["trunk.0.weight"].T
    found = [first[features:]]
    for name in _layers(net):
        weight = first[:features] if name == "trunk.0" else arrays[f"{name}.weight"].T
        found += [weight, arrays[f"{name}.bias"]]

    def places(net: Any) -> list[jax.Array]:
        dense = _layers(net).values()
        return [net.trunk.agent, *(array for layer in dense for array in (layer.weight, layer.bias))]

    return eqx.tree_at(places, net, [jax.numpy.asarray(array) for array in found])
