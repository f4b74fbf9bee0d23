"""An opponent of your own: an attacker who always takes the most advanced legal action."""

import jax
import jax.numpy as jnp

import garrison
from garrison.core.policy import Memoryless
from garrison.core.struct import struct

WORLD, OWN, OTHER = "cc4", "blue", "red"
DEFENDERS, EPISODES = ["guard", "reactive"], 20
KINDS = ("Sleep", "Discover", "Aggressive", "Exploit", "Privilege", "Degrade", "Impact")  # the last is best

both = garrison.make(WORLD) if WORLD != "cc4" else garrison.make(WORLD, side="both")


@struct
class Ambitious(Memoryless):
    rank: jax.Array  # f32[agent, action]

    def act(self, key, obs, mask, memory):
        chance = jax.random.uniform(key, mask.shape)  # ties are broken at random
        return jnp.argmax(jnp.where(mask, self.rank + chance, -1.0), axis=1).astype(jnp.int32), memory


def ranks(agent):
    labels = both.action_labels(agent)
    known = [max((i for i, kind in enumerate(KINDS) if label.startswith(kind)), default=0) for label in labels]
    return jnp.pad(jnp.array(known, jnp.float32), (0, both.num_actions - len(known)))


attackers = both.sides[OTHER]
width = max(both.action_counts[agent] for agent in attackers)
ambitious = Ambitious(jnp.stack([ranks(agent) for agent in attackers])[:, :width])
against = {"ambitious": ambitious, "random": "random"}
print(garrison.evaluate(both, DEFENDERS, side=OWN, against=against, episodes=EPISODES))
