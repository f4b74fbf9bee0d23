"""Train two seeds of a preset, look at the metrics, and use what was learned.

Ctrl-C stops after the running iteration; ``garrison.resume(OUT)`` continues.
"""

import jax

import garrison

PRESET, OUT = "quick", "runs/example"
CHANGES = {"num_seeds": 2}  # any field of the preset

run = garrison.train(PRESET, out=OUT, **CHANGES)
last = run.metrics()[-1]
print(f"{last['env_steps']:,} steps per seed; mean return of the last iteration by seed: {last['return']}")

world, policy = run.world(), run.policies("best")[0]  # one policy per seed
obs, state = world.reset(jax.random.key(0))
memory = policy.init(jax.random.key(1), world.num_agents)
actions, memory = policy.act(jax.random.key(2), obs, world.legal(state), memory)
for agent, action in zip(world.agents, actions, strict=True):
    print(f"{agent}: {world.action_labels(agent)[int(action)]}")
