"""Watch the beginning of an episode: what the agents did and what changed, step by step."""

import jax

import garrison
from garrison.core.policy import act
from garrison.core.world import observed_by

WORLD, POLICY, STEPS = "cc4", "guard", 40

world = garrison.make(WORLD)
policy = world.policies()[POLICY]
world = observed_by(world, [policy])  # with the observations that this policy reads


@jax.jit
def play(key, obs, state, memory):
    act_key, step_key = jax.random.split(key)
    actions, memory = act(policy, act_key, obs, state, world.legal(state), memory)
    obs, after, step = world.step(step_key, state, actions)
    return actions, obs, after, step, memory


obs, state = jax.jit(world.reset)(jax.random.key(7))
memory = policy.init(jax.random.key(8), world.num_agents)
for t, key in enumerate(jax.random.split(jax.random.key(9), STEPS)):
    actions, obs, after, step, memory = play(key, obs, state, memory)
    print(f"step {t}: reward {step.team_reward:g}")
    for line in world.narrate(state, actions, after, step):
        print(f"  {line}")
    state = after
