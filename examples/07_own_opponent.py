"""An opponent of your own: an attacker who always takes the most advanced legal action."""

import jax
import jax.numpy as jnp

import garrison
from garrison.core.policy import Memoryless
from garrison.core.struct import struct

WORLD, OPTIONS, OWN, OTHER = "cc4", {"side": "both"}, "blue", "red"
DEFENDERS, EPISODES = ["guard", "reactive"], 20
KINDS = ("Sleep", "Discover", "Aggressive", "Exploit", "Privilege", "Degrade", "Impact")  # the last is best

both = garrison.make(WORLD, **OPTIONS)


@struct
class Ambitious(Memoryless):
    """Takes the legal action with the highest rank."""

    rank: jax.Array  # f32[agent, action]

    def act(self, key, obs, mask, memory):
        chance = jax.random.uniform(key, mask.shape)  # ties are broken at random
        return jnp.argmax(jnp.where(mask, self.rank + chance, -1.0), axis=1).astype(jnp.int32), memory


def ranks(agent, width):
    """The place in KINDS of each action of an agent, padded to ``width`` actions."""
    starts = [[label.startswith(kind) for kind in KINDS] for label in both.action_labels(agent)]
    return [row.index(True) if any(row) else 0 for row in starts] + [0] * (width - len(starts))


attackers = both.sides[OTHER]
width = max(both.action_counts[agent] for agent in attackers)
ambitious = Ambitious(jnp.array([ranks(agent, width) for agent in attackers], jnp.float32))
against = {"ambitious": ambitious, "random": "random"}
print(garrison.evaluate(both, DEFENDERS, side=OWN, against=against, episodes=EPISODES))
