"""Train both sides, each against a scripted opponent, and let everybody play everybody."""

import garrison

WORLD, OWN = "cc4", "blue"
BLUE = {"world": "cc4", "options": {"red": "fsm"}}
RED = {"world": "cc4", "options": {"side": "red", "blue": "reactive"}}
CHANGES = {}  # such as total_steps=100_000
POLICIES, OPPONENTS, EPISODES = ["guard", "reactive"], ["fsm", "random"], 50

blue = garrison.train("mlp", out="runs/blue", **BLUE, **CHANGES)
red = garrison.train("mlp", out="runs/red", **RED, **CHANGES)

result = garrison.evaluate(
    WORLD, [*POLICIES, "runs/blue"], side=OWN, against=[*OPPONENTS, "runs/red"], episodes=EPISODES
)
print(result)
print(result.compare("blue", POLICIES[-1], against="red"))
