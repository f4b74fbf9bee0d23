"""Arguments of a training that takes a second, for tests of commands."""

SMALL = ["--world", "toy/network", "--options", "steps=5", "--num-envs", "4", "--hidden-sizes", "8"]
THREE_ITERATIONS = [*SMALL, "--total-steps", "60"]
#: The same for the demo, whose preset is made for cc4.
DEMO = [
    *THREE_ITERATIONS,
    *("--network", "mlp", "--minibatches", "4", "--no-decisions-only", "--decision-share", "None"),
    *("--critic-observation", "None"),
]
