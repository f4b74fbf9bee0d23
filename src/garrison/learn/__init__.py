"""What every learning algorithm is made of. Each piece exists once; none knows a world."""

__all__ = [
    "cells",
    "decisions",
    "dists",
    "encoders",
    "entity",
    "gae",
    "minibatches",
    "nets",
    "norm",
    "optim",
    "policy",
    "ppo",
    "ranges",
    "rollout",
    "shard",
    "teacher",
]
