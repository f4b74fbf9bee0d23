"""Judge policies on the same episodes, compare two of them, and write a report.

A policy is given by a name of the world (``guard``), a run directory (``runs/example``) or as an object.
"""

import garrison

WORLD, EPISODES = "cc4", 50
POLICIES = ["best", "guard", "reactive"]  # "best" is a trained team that comes with Garrison

result = garrison.evaluate(WORLD, POLICIES, episodes=EPISODES, record=POLICIES[0])
print(result)
print(result.compare(POLICIES[0], POLICIES[-1]))  # paired, with the probability of improvement
print(result.episodes(POLICIES[0]).returns.shape)  # NumPy figures of each episode: [seed, episode]
result.report("report.html")  # with a recorded episode of the first policy
