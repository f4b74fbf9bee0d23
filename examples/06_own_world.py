"""A world of your own: one server, an intruder who digs in, and a defender who pays for each cleanup."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

import garrison
from garrison.core.spaces import check_actions
from garrison.core.struct import struct
from garrison.core.testing import check_world
from garrison.core.world import Step, World

STEPS = 20_000


@struct
class ServerState:
    time: jax.Array  # int32[]: steps taken
    depth: jax.Array  # int32[]: 0 clean .. 3 root


@dataclass(frozen=True)
class Server(World):
    """The intruder gains a level with probability ``skill``; each costs 1 per step, a cleanup ``price``."""

    skill: float = 0.3
    price: float = 2.0

    name = "server"
    version = "1"
    agents = ("defender",)
    action_counts = (2,)
    observation_sizes = (4,)
    max_steps = 20
    fixed_horizon = True
    idle_actions = (0,)

    def reset(self, key):
        zero = jnp.zeros((), jnp.int32)
        return self._see(zero), ServerState(time=zero, depth=zero)

    def step(self, key, state, actions):
        clean = check_actions(self, actions)[0] == 1
        deeper = jax.random.bernoulli(key, self.skill).astype(jnp.int32)
        depth = jnp.minimum(jnp.where(clean, 0, state.depth) + deeper, 3)
        after = ServerState(time=state.time + 1, depth=depth)
        parts = {"intruder": -depth.astype(jnp.float32), "cleanup": -self.price * clean.astype(jnp.float32)}
        obs, never, over = self._see(depth), jnp.zeros((), bool), after.time >= self.max_steps
        return obs, after, Step(sum(parts.values())[None], never, over, obs, {"reward_parts": parts})

    def legal(self, state):
        return jnp.ones((1, 2), bool)

    def action_labels(self, agent):
        self.agent_index(agent)  # raises for an unknown agent
        return ["watch", "clean"]

    def observation_labels(self, agent):
        self.agent_index(agent)
        return ["clean", "shell", "foothold", "root"]

    def _see(self, depth):
        return jax.nn.one_hot(depth, 4)[None]


check_world(Server(), jax.random.key(0))  # the contract that every world keeps
garrison.register("server", f"{__name__}:Server")
run = garrison.train("mlp", world="server", total_steps=STEPS, hidden_sizes=(32,), out="runs/server")
print(garrison.evaluate("server", {"learned": run, "idle": "idle", "random": "random"}, episodes=100))
