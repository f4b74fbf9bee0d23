"""One update of IPPO by two implementations: the same parameters, the same rollout, the same minibatches.

What an update comes to is a mapping from names to arrays, :data:`Figures`, by :func:`_by_jax` and by
:func:`_by_torch`; the first part of a name says which limit it has to keep. Double precision leaves hardly
any rounding, so that what still differs there is a difference of the rules; single precision is what teams
are trained in.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.algos import ippo
from garrison.algos.ippo import Config
from garrison.core.struct import Struct
from garrison.learn.minibatches import order_of_steps
from garrison.learn.nets import Net
from garrison.learn.ppo import Sample, TrainState
from garrison.learn.rollout import Rollout
from garrison.parity.torch.layers import named_arrays
from garrison.runs import checkpoint
from garrison.training.config import Training

Figures = dict[str, Any]

#: Largest relative error in single and in double precision.
LIMITS = {
    "advantages": (1e-5, 1e-12),
    "losses": (1e-5, 1e-12),
    "gradients": (1e-5, 1e-12),
    "parameters": (1e-4, 1e-7),  # where the learning rate falls, JAX computes it in single precision
    "optimiser": (1e-4, 1e-7),
    "reward scale": (1e-5, 1e-12),
}
#: Kinds that in single precision are judged by :func:`_vector_errors`.
_VECTORS = ("gradients", "optimiser")


@dataclass(frozen=True)
class Agreement:
    """The largest relative error among figures of one kind.

    That is the error of an array, but for gradients and Adam's averages in single precision: they are judged
    as the vectors that they are, see :func:`_vector_errors`.
    """

    iteration: int
    precision: str  # single or double
    kind: str  # one of LIMITS
    arrays: int  # how many were compared
    error: float
    limit: float
    worst: str  # where it was found
    of_array: float  # the largest error of an array, whatever is judged
    worst_array: str

    @property
    def agrees(self) -> bool:
        return self.error <= self.limit  # not so for NaN


def compare(
    training: Training, iterations: int, watch: Callable[[str], None] = lambda doing: None
) -> Iterator[Agreement]:
    """Train for some iterations by JAX; in each, torch makes the same update from the same train state."""
    for number, start, moved in played(training, iterations):
        for precision in ("single", "double"):
            watch(f"iteration {number} of {iterations}, {precision} precision")
            with jax.enable_x64(precision == "double"):
                same: Any = start, moved
                if precision == "double":
                    same = jax.tree.map(_doubled, same)
                jax_side = jax.device_get(_by_jax(training.settings, *same))
                torch_side = _by_torch(training.settings, *same)
            yield from agreements(number, precision, jax_side, torch_side)


_update = jax.jit(ippo.update)


class Start(Struct):
    """What an update begins with."""

    state: TrainState
    rollout: Rollout
    progress: jax.Array  # f32[]: how much of the training is done, 0 to 1


def played(training: Training, iterations: int) -> Iterator[tuple[int, Start, Net]]:
    """Each iteration's number from 1 on, what its update begins with, and the network after it."""
    from garrison.parity.torch import ippo as torch_ippo

    config, world = training.settings, training.make_world()
    torch_ippo.check(config)
    state = jax.jit(ippo.init)(config, world, jax.random.key(training.seed))
    collect = jax.jit(ippo.collect)
    for number in range(1, iterations + 1):
        progress = jnp.asarray((number - 1) / ippo.num_iterations(config, world), jnp.float32)
        state, rollout = collect(config, world, state)
        start = Start(state, rollout, progress)
        state, _ = _update(config, state, rollout, progress)
        yield number, start, state.net


def _doubled(leaf: Any) -> Any:
    return np.asarray(leaf, np.float64) if leaf.dtype == jnp.float32 else leaf


# ---------------------------------------------------------------- what an update comes to


@jax.jit
def _by_jax(config: Config, start: Start, moved: Net) -> Figures:
    """By :mod:`garrison.algos.ippo`. Losses and gradients are those of the first epoch's minibatches.

    They are taken at the parameters that the update begins with, where every ratio is 1, and at ``moved``,
    where some are clipped: the same for both implementations.
    """
    state, rollout = start.state, start.rollout
    _, rows, _ = ippo.samples(config, state, rollout)
    _, order = _order(config, state, rollout)
    after, _ = ippo.update(config, state, rollout, start.progress)
    found = {"advantages/advantage": rows.advantage, "advantages/target": rows.target}
    for when, net in (("start", state.net), ("moved", moved)):
        losses, gradients = jax.lax.map(partial(_gradient, config, net, rows), order[: config.minibatches])
        found |= {f"losses/{when}/{name}": x for name, x in losses.items()}
        found |= {f"gradients/{when}/{name}": x for name, x in gradients.items()}
    found |= {f"parameters/{name}": x for name, x in named_arrays(after.net).items()}
    found |= {f"optimiser/mean/{name}": x for name, x in named_arrays(after.opt.mu).items()}
    found |= {f"optimiser/square/{name}": x for name, x in named_arrays(after.opt.nu).items()}
    scale = after.reward_scale
    found |= {f"reward scale/{name}": getattr(scale.moments, name) for name in ("mean", "variance", "count")}
    return found | {"reward scale/running": scale.running}


def _order(config: Config, state: TrainState, rollout: Rollout) -> tuple[jax.Array, jax.Array]:
    """The next key and the minibatches of the update that follows the rollout, int32[update, step, env]."""
    steps, num_envs = rollout.done.shape
    return order_of_steps(state.key, steps, num_envs, config.epochs, config.minibatches)


def _gradient(
    config: Config, net: Net, rows: Sample, steps: jax.Array
) -> tuple[Figures, dict[str, jax.Array]]:
    """Parts of the loss and gradients of one minibatch, ``steps`` int32[step, env]."""
    envs = jnp.arange(steps.shape[1])[None]
    picked = jax.tree.map(lambda x: x[steps, envs], rows)
    whole = jax.value_and_grad(ippo.loss, has_aux=True)
    entropy_coef = jnp.asarray(config.entropy_coef, jnp.float32)  # as the schedule in an update gives it
    (total, parts), gradients = whole(net, config, entropy_coef, picked)
    kept = {name: parts[name] for name in ("policy_loss", "value_loss", "entropy")}
    return {"total": total} | kept, named_arrays(gradients)


def _by_torch(config: Config, start: Start, moved: Net) -> Figures:
    """By :mod:`garrison.parity.torch.ippo`, in the precision of the rollout; otherwise as :func:`_by_jax`."""
    import torch

    from garrison.parity.torch import convert

    state, rollout = start.state, start.rollout
    dtype = torch.float64 if rollout.reward.dtype == np.float64 else torch.float32
    # The schedules of the JAX side are in single precision.
    rounded = {name: float(np.float32(getattr(config, name))) for name in ("learning_rate", "entropy_coef")}
    settings = config.replace(**rounded)
    batch = convert.batch_of(rollout, dtype)
    order = np.array(_order(config, state, rollout)[1])
    learner, elsewhere = (
        convert.learner_of(settings, state.replace(net=net), dtype) for net in (state.net, moved)
    )
    rows = elsewhere.samples(batch)
    found = {"advantages/advantage": rows.advantage, "advantages/target": rows.target}
    for when, one in (("start", learner), ("moved", elsewhere)):
        found |= _torch_gradients(one, rows, order[: config.minibatches], when)
    learner.update(batch, order, float(start.progress))
    for name, parameter in learner.net.named_parameters():
        adam = learner.adam.state[parameter]
        found[f"parameters/{name}"] = parameter.detach()
        found |= {f"optimiser/mean/{name}": adam["exp_avg"], f"optimiser/square/{name}": adam["exp_avg_sq"]}
    scale = vars(learner.reward_scale)
    found |= {f"reward scale/{name}": torch.as_tensor(x, dtype=dtype) for name, x in scale.items()}
    return {name: x.numpy() for name, x in found.items()}


def _torch_gradients(learner: Any, rows: Any, order: np.ndarray, when: str) -> Figures:
    """Parts of the loss and gradients of each minibatch, without a step; axes [minibatch, ...]."""
    import torch

    from garrison.parity.torch import ippo as torch_ippo

    seen = []
    for sample in torch_ippo.minibatches(rows, order):
        learner.net.zero_grad()
        total, parts = torch_ippo.loss(learner.net, learner.config, sample)
        total.backward()
        losses = {"total": total} | {name: parts[name] for name in ("policy_loss", "value_loss", "entropy")}
        seen.append({f"losses/{when}/{name}": x.detach() for name, x in losses.items()})
        gradients = {name: x.grad.clone() for name, x in learner.net.named_parameters()}
        seen[-1] |= {f"gradients/{when}/{name}": x for name, x in gradients.items()}
    return {name: torch.stack([row[name] for row in seen]) for name in seen[0]}


# ---------------------------------------------------------------- how far two of them are apart


def agreements(iteration: int, precision: str, jax_side: Figures, torch_side: Figures) -> Iterator[Agreement]:
    """One per kind. Raises ``ValueError`` if one side lacks an array that the other one has."""
    if odd := sorted(jax_side.keys() ^ torch_side.keys()):
        raise ValueError(f"only one of the two implementations has: {', '.join(odd)}")
    for kind, limits in LIMITS.items():
        names = [name for name in jax_side if name.startswith(f"{kind}/")]
        of_arrays = {name.partition("/")[2]: error(name, jax_side[name], torch_side[name]) for name in names}
        judged = of_arrays
        if precision == "single" and kind in _VECTORS:
            judged = _vector_errors(kind, names, jax_side, torch_side)
        (where, found), (array, largest) = _worst(judged), _worst(of_arrays)
        limit = limits[precision == "double"]
        yield Agreement(iteration, precision, kind, len(names), found, limit, where, largest, array)


def _worst(found: dict[str, float]) -> tuple[str, float]:
    where = max(found, key=lambda name: (np.isnan(found[name]), found[name]))
    return where, found[where]


def _vector_errors(kind: str, names: list[str], jax_side: Figures, torch_side: Figures) -> dict[str, float]:
    """The distance of two vectors relative to their length, each vector put together from all layers.

    That is what rounding has a bound for. The gradient of a bias is a sum of thousands of numbers that may
    cancel to nearly nothing: its rounding is small beside the numbers, not beside the sum. Gradients are a
    vector per minibatch, of which the worst counts.
    """
    found = {}
    for group in dict.fromkeys(name.rpartition("/")[0] for name in names):
        pairs = [(jax_side[name], torch_side[name]) for name in names if name.rpartition("/")[0] == group]
        rows = len(pairs[0][0]) if kind == "gradients" else 1
        a, b = (
            np.concatenate([np.asarray(x, np.float64).reshape(rows, -1) for x in side], axis=1)
            for side in zip(*pairs, strict=True)
        )
        length = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
        distance = np.linalg.norm(a - b, axis=1)
        relative = np.divide(distance, length, out=np.zeros(rows), where=distance != 0)
        found[group.partition("/")[2]] = float(relative.max())
    return found


def error(name: str, jax_side: np.ndarray, torch_side: np.ndarray) -> float:
    """The largest difference between two arrays, relative to the largest number in them.

    Policy losses are means of terms of size 1 that cancel, as advantages are normalized; they, and the total
    of which they are a part, are taken relative to 1 where they are smaller.
    """
    jax_side, torch_side = np.asarray(jax_side, np.float64), np.asarray(torch_side, np.float64)
    size = max(np.abs(jax_side).max(), np.abs(torch_side).max())
    if name.endswith(("/policy_loss", "/total")):
        size = max(size, 1.0)
    difference = np.abs(jax_side - torch_side).max()
    return float(difference / size) if difference else 0.0


# ---------------------------------------------------------------- torch's side, recorded


def record(directory: Path, training: Training, iterations: int) -> None:
    """Save what torch makes of the last of ``iterations``, and of what: to check JAX by without torch."""
    *_, (number, start, moved) = played(training, iterations)
    figures = _by_torch(training.settings, start, moved)
    about = {
        "made_by": "garrison parity update with this training, --iterations and --record",
        "iterations": iterations,
        "torch": importlib.metadata.version("torch"),
        "training": training.to_json(),
    }
    checkpoint.save(directory, {"start": start, "moved": moved, "torch": figures}, number, about)


def against_recorded(directory: Path) -> list[Agreement]:
    """How well JAX agrees with what :func:`record` saved; needs no torch.

    Raises ``FileNotFoundError`` if nothing was, and ``ValueError`` if it does not fit.
    """
    training = Training.from_json(checkpoint.about(directory)["training"])
    config, world = training.settings, training.make_world()

    def shapes() -> dict[str, Any]:
        state, rollout = ippo.collect(config, world, ippo.init(config, world, jax.random.key(0)))
        start = Start(state, rollout, jnp.zeros((), jnp.float32))
        return {"start": start, "moved": state.net, "torch": _by_jax(config, start, state.net)}

    saved = checkpoint.load(directory, jax.eval_shape(shapes))
    jax_side = jax.device_get(_by_jax(config, saved["start"], saved["moved"]))
    return list(agreements(1, "single", jax_side, saved["torch"]))
