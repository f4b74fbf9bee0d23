"""Options drawn around those of the world: the bank ``robust`` (``docs/banks.md``)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from garrison.core.typing import Array, Float32, PRNGKeyArray
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.options import Options

_PHISHING = (0.003, 0.75)  # log-uniform
_ALARMS = 5.0  # most false alarms of users, as a multiple of the world's
_NEAR = 20.0  # concentration of the Dirichlet distribution around a row of red's table; more is closer


def robust(key: PRNGKeyArray, options: Options) -> Options:
    """Five things change, each in half of the episodes and independently of the others.

    - Phishing: a chance from 0.003 to 0.75, log-uniform.
    - Sizes: every subnet has the same number of users, 3 to 10, and of servers, 1 to 6.
    - Scans: the chance that red's scans are aggressive, the rest being stealthy, is Beta(½, ½).
    - False alarms of users: up to five times as frequent.
    - Red's choices: each row of its table is drawn around the world's.
    """
    chosen, phishing, sizes, scans, alarms, choices = jax.random.split(key, 6)
    change = jax.random.bernoulli(chosen, 0.5, (5,))
    low, high = jnp.log(jnp.asarray(_PHISHING))
    users_key, servers_key = jax.random.split(sizes)
    users = jax.random.randint(users_key, (), 3, T.MAX_USERS + 1)
    servers = jax.random.randint(servers_key, (), 1, T.MAX_SERVERS + 1)
    more = jax.random.uniform(alarms, (2,), minval=0.0, maxval=_ALARMS)
    table = jnp.asarray(options.red_probability)
    table = jnp.where(change[4], _near(choices, table), table)
    table = jnp.where(change[2], _scans(scans, table), table)
    new = {
        "green_phishing": (change[0], jnp.exp(jax.random.uniform(phishing, (), minval=low, maxval=high))),
        "users": (change[1], users),
        "servers": (change[1], servers),
        "green_work_alarm": (change[3], jnp.minimum(more[0] * options.green_work_alarm, 1.0)),
        "green_access_alarm": (change[3], jnp.minimum(more[1] * options.green_access_alarm, 1.0)),
        "red_probability": (True, table),
    }
    changes = {}
    for name, (here, value) in new.items():
        old = jnp.asarray(getattr(options, name))
        changes[name] = jnp.where(here, value.astype(old.dtype), old)
    return options.replace(**changes)


def _scans(key: PRNGKeyArray, table: Float32[Array, "*state kind"]) -> Float32[Array, "*state kind"]:
    """``table`` with the weights of both scans divided again, in the same way in all states."""
    both = table[..., T.Red.AGGRESSIVE] + table[..., T.Red.STEALTH]
    share = jax.random.beta(key, 0.5, 0.5)
    table = table.at[..., T.Red.AGGRESSIVE].set(share * both)
    return table.at[..., T.Red.STEALTH].set((1 - share) * both)


def _near(key: PRNGKeyArray, table: Float32[Array, "*state kind"]) -> Float32[Array, "*state kind"]:
    """Rows drawn around those of ``table``; what red never does there it never does."""
    total = jnp.sum(table, axis=-1, keepdims=True)
    weight = jnp.where(table > 0, _NEAR * table / jnp.maximum(total, 1e-6), 1.0)
    gamma = jnp.where(table > 0, jax.random.gamma(key, weight), 0.0)
    return total * gamma / jnp.maximum(jnp.sum(gamma, axis=-1, keepdims=True), 1e-6)
