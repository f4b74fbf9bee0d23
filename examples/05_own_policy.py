"""A policy of your own: restores hosts that were found infected, and analyses those with alerts."""

import jax.numpy as jnp
import numpy as np

import garrison
from garrison.core.policy import Memoryless
from garrison.core.struct import static, struct

EPISODES = 200

world = garrison.make("toy/network")


def rules(agent):
    """Pairs of a feature and the action that it calls for, the most urgent first."""
    features, actions = world.observation_labels(agent), world.action_labels(agent)
    hosts = [label.removeprefix("alert on ") for label in features if label.startswith("alert on ")]
    found = [(features.index(f"{host} found infected"), actions.index(f"restore {host}")) for host in hosts]
    alerts = [(features.index(f"alert on {host}"), actions.index(f"analyse {host}")) for host in hosts]
    return found + alerts


@struct
class Rules(Memoryless):
    """Each agent takes the first legal action whose feature is set, else action 0: sleep."""

    rules: tuple = static()  # per agent

    def act(self, key, obs, mask, memory):
        chosen = []
        for agent, pairs in enumerate(self.rules):
            feature, action = np.array(pairs).T
            wanted = (obs[agent, feature] > 0) & mask[agent, action]
            chosen.append(jnp.where(wanted.any(), jnp.array(action)[jnp.argmax(wanted)], 0))
        return jnp.stack(chosen).astype(jnp.int32), memory


mine = Rules(tuple(tuple(rules(agent)) for agent in world.agents))
result = garrison.evaluate(world, {"rules": mine, "random": "random"}, episodes=EPISODES)
print(result)
print(result.compare("rules", "random"))
