"""Train with several learning rates in one program: hyperparameters are arrays, so ``vmap`` sweeps them.

``garrison sweep`` does the same with run directories, for any field.
"""

import jax
import jax.numpy as jnp

import garrison
from garrison import algos

RATES, STEPS = jnp.array([1e-4, 1e-3, 1e-2]), 40_000

world = garrison.make("toy/network")
ippo = algos.get("ippo")
config = ippo.Config(total_steps=STEPS, hidden_sizes=(32,), anneal_lr=False)
configs = jax.vmap(lambda rate: config.replace(learning_rate=rate))(RATES)

states = jax.vmap(lambda config: ippo.init(config, world, jax.random.key(0)))(configs)
step = jax.jit(jax.vmap(lambda config, state: ippo.iteration(config, world, state)))
for _ in range(ippo.num_iterations(config, world)):
    states, metrics = step(configs, states)
for rate, mean in zip(RATES, metrics["return"], strict=True):
    print(f"learning rate {rate:g}: return {mean:.2f}")
