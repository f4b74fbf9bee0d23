"""Arguments of a training that takes a second, for tests of commands."""

SMALL = ["--world", "toy/network", "--options", "steps=5", "--num-envs", "4", "--hidden-sizes", "8"]
THREE_ITERATIONS = [*SMALL, "--total-steps", "60"]
