"""A recurrent cell for decisions at irregular times: what its memory does in between.

``h = cell(h, x, elapsed)``: first the memory flows for ``elapsed`` units of time, then a GRU takes in ``x``.
De Brouwer et al. 2019, "GRU-ODE-Bayes", and Rubanova et al. 2019, "Latent ordinary differential equations for
irregularly-sampled time series", put an ordinary differential equation between observations.
"""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.learn.cells import GRU
from garrison.learn.encoders import Dense

LONGEST = 32.0  #: units of time after which nothing changes any more
SUBSTEPS = 8  #: steps of the solver
FASTEST = 1 / 8  #: upper bound of rates, per unit of time
_SLOWEST = 1 / 512  # of the rates at the start
_FLOWS = ("ode", "decay")
TIMES = (*_FLOWS, "feature", "none")


class Ode(eqx.Module):
    """``dh/dt = r * (tanh(W2 tanh(W1 h)) - h)``, with a rate of each unit between 0 and :data:`FASTEST`.

    So ``h`` stays within -1 and 1.
    """

    first: Dense
    second: Dense
    rate: Float32[Array, "width"]  # before the sigmoid

    def __init__(self, key: PRNGKeyArray, width: int):
        first_key, second_key = jax.random.split(key)
        self.first = Dense(first_key, width, width, 1.0)
        self.second = Dense(second_key, width, width, 1.0)
        rates = jnp.geomspace(_SLOWEST, 0.9 * FASTEST, width, dtype=jnp.float32)
        self.rate = jnp.log(rates / (FASTEST - rates))

    def drift(self, h: Float32[Array, "width"]) -> Float32[Array, "width"]:
        """The change of ``h`` per unit of time."""
        toward = jnp.tanh(self.second(jnp.tanh(self.first(h))))
        return FASTEST * jax.nn.sigmoid(self.rate) * (toward - h)

    def __call__(
        self, h: Float32[Array, "width"], elapsed: Float32[Array, ""], substeps: int = SUBSTEPS
    ) -> Float32[Array, "width"]:
        """``h`` after ``elapsed`` units, by ``substeps`` equal steps of the classical Runge-Kutta method."""
        step = elapsed / substeps

        def one(h: Array, _: None) -> tuple[Array, None]:
            k1 = self.drift(h)
            k2 = self.drift(h + step / 2 * k1)
            k3 = self.drift(h + step / 2 * k2)
            k4 = self.drift(h + step * k3)
            return h + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        return jax.lax.scan(one, h, length=substeps)[0]


class Decay(eqx.Module):
    """Exponential decay with one rate."""

    rate: Float32[Array, ""]  # before the softplus

    def __init__(self):
        self.rate = jnp.full((), math.log(math.expm1(1 / 32)), jnp.float32)

    def __call__(self, h: Float32[Array, "width"], elapsed: Float32[Array, ""]) -> Float32[Array, "width"]:
        return h * jnp.exp(-jax.nn.softplus(self.rate) * elapsed)


class TimedGRU(eqx.Module):
    """A GRU that knows how much time has passed; see the module's description."""

    gru: GRU
    flow: Ode | Decay | None
    reads_time: bool = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, inputs: int, width: int, time: str):
        """``time``: what tells the time, one of :data:`TIMES`.

        ``"ode"`` and ``"decay"`` let the memory flow; ``"feature"`` gives the GRU the time beside its input;
        with ``"none"`` nothing tells it.
        """
        gru_key, flow_key = jax.random.split(key)
        self.reads_time = time == "feature"
        self.gru = GRU(gru_key, inputs + 2 * self.reads_time, width)
        self.flow = {"ode": lambda: Ode(flow_key, width), "decay": Decay}.get(time, lambda: None)()

    def initial_carry(self) -> Float32[Array, "width"]:
        return self.gru.initial_carry()

    def __call__(
        self, h: Float32[Array, "width"], x: Float32[Array, "input"], elapsed: Float32[Array, ""]
    ) -> Float32[Array, "width"]:
        """The next memory; ``elapsed`` counts up to :data:`LONGEST`."""
        elapsed = jnp.clip(elapsed, 0.0, LONGEST)
        if self.flow is not None:
            h = self.flow(h, elapsed)
        if self.reads_time:
            x = jnp.concatenate([x, jnp.stack([jnp.log1p(elapsed), elapsed / LONGEST])])
        return self.gru(h, x)[0]
