"""What algorithms that learn from a replay share: settings, global states, networks over sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from garrison.core.policy import Obs
from garrison.core.struct import nbytes, static
from garrison.core.typing import Array, Float32
from garrison.core.world import World
from garrison.learn import experience, nets, replay
from garrison.learn.ranges import COUNT, SHARE, Range
from garrison.learn.replay import Rows, View
from garrison.learn.rollout import Rollout

Collect = Callable[[Any, World, Any], tuple[Any, Rollout]]


class Settings(experience.Settings):
    """Hyperparameters of algorithms that learn from a replay."""

    hidden_sizes: tuple[int, ...] = static(default=(128, 128))
    """Widths of the hidden layers."""
    activation: str = static(default="relu")
    """Activation of the hidden layers: tanh or relu."""
    cell_size: int = static(default=64)
    """Width of the cell of recurrent networks."""
    anneal_lr: bool = static(default=False)
    """Decrease the learning rate linearly to 0."""
    max_grad_norm: float = 10.0
    """Maximum global norm of the gradients."""
    replay_steps: int = static(default=500_000)
    """Environment steps that the replay holds; rounded up to whole iterations."""
    sequence: int | None = static(default=None)
    """Consecutive steps that are sampled together, as recurrent networks and traces need; None: a whole
    rollout of an environment. Recurrent networks begin each with an empty memory."""
    batch_size: int = static(default=32)
    """Sequences per gradient step."""
    updates: int = static(default=16)
    """Gradient steps per iteration."""
    priority: float = static(default=0.0)
    """Exponent α of prioritized replay: sequences are drawn in proportion to their error to this power. 0:
    uniformly."""
    priority_beta: float = 0.4
    """Exponent β of the importance weights of prioritized replay at the start; it reaches 1 at the end,
    linearly."""


#: Ranges of the numbers in :class:`Settings`.
RANGES = {
    **experience.RANGES,
    **dict.fromkeys(("replay_steps", "batch_size", "updates"), COUNT),
    "sequence": Range(1, optional=True),
    **dict.fromkeys(("priority", "priority_beta"), SHARE),
}


def check(config: Settings, world: World) -> None:
    """Raise ``ValueError`` for network options or a ``sequence`` that are not possible."""
    nets.check_options(config)
    nets.check_action_values(config)
    steps = experience.rollout_steps(config, world)
    if config.sequence is not None and config.sequence > steps:
        raise ValueError(f"sequence is {config.sequence}; a rollout has {steps} steps of each environment")


# ---------------------------------------------------------------- experience


def with_replay(config: Settings, world: World, collect: Collect, begun: Callable[..., Any]) -> Any:
    """The first train state, ``begun(replay=...)``, with an empty replay for what ``collect`` plays."""
    batch = jax.eval_shape(lambda state: collect(config, world, state)[1], begun(replay=None))
    rollouts = -(-config.replay_steps // experience.steps_per_iteration(config, world))
    ring = replay.empty(batch, config.sequence, rollouts, config.priority > 0)
    return experience.placed(begun(replay=ring))


def footprint(
    collect: Collect, init: Callable[[Any, World, Array], Any], config: Settings, world: World
) -> int:
    """Bytes of one rollout and of the replay."""
    state = jax.eval_shape(init, config, world, jax.random.key(0))
    return experience.footprint(collect, init, config, world) + nbytes(state.replay)


def pack(world: World) -> Callable[[Obs], Array] | None:
    """What a replay keeps of observations: the smallest type that holds them; None: they stay as they are."""
    exact = jnp.dtype(world.observation_dtype)
    return None if exact == jnp.float32 else lambda obs: obs.astype(exact)


def kept(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of global state that a replay has to keep; observations hold ``concat`` already."""
    return () if kinds == ("concat",) else kinds


def global_state(world: World, view: View) -> Float32[Array, "step sequence number"]:
    """The global state of a view: what the replay kept, else ``concat``."""
    if view.global_state is not None:
        return view.global_state
    concat = jax.vmap(jax.vmap(lambda obs: world.global_state(None, obs, "concat")))
    return concat(view.obs)


# ---------------------------------------------------------------- networks


def outputs(
    net: nets.Net, rows: Rows
) -> tuple[Float32[Array, "step sequence agent action"], Float32[Array, "step sequence agent action"]]:
    """What a network gives at each step, and at what each step led to."""
    now, after = rows.now, rows.after
    carry = _carry(net, rows)
    if after is not None:
        return nets.unroll_after(net, carry, now.obs, now.first, after.obs)
    given, _ = nets.unroll(net, carry, now.obs, now.first)
    return given[:-1], given[1:]


def _carry(net: nets.Net, rows: Rows) -> Any:
    """The empty memory that sequences begin with; None for networks without one."""
    batch, agents = rows.now.obs.shape[1:3]
    memory = net.initial_carry(agents)
    return experience.tile(memory, batch) if jax.tree.leaves(memory) else None


def outputs_now(net: nets.Net, rows: Rows) -> Float32[Array, "step sequence agent action"]:
    """What a network gives at each step."""
    now, _ = rows.views()
    return nets.unroll(net, _carry(net, rows), now.obs, now.first)[0]


def outputs_after(net: nets.Net, rows: Rows) -> Float32[Array, "step sequence agent action"]:
    """What a network gives at what each step led to."""
    if _carry(net, rows) is not None:  # its memory comes from the steps
        return outputs(net, rows)[1]
    _, after = rows.views()
    return nets.unroll(net, None, after.obs, None)[0]
