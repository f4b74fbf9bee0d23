"""Train with an algorithm of your own, here the one in ``evolution.py``, and compare it with IPPO."""

import evolution

import garrison
from garrison import algos
from garrison.training.config import Training

WORLD, STEPS, EPISODES = "toy/network", 500_000, 200

algos.register("evolution", "evolution")  # the name of the algorithm, and of its module
training = Training(world=WORLD, algorithm="evolution", settings=evolution.Config(total_steps=STEPS))
run = garrison.train(training, out="runs/evolution")
ippo = garrison.train("mlp", world=WORLD, total_steps=STEPS, hidden_sizes=(64,), out="runs/ippo")
print(garrison.evaluate(WORLD, {"evolution": run, "ippo": ippo, "random": "random"}, episodes=EPISODES))
