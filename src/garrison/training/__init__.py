"""Training: configurations, seeds, learners, the loop, and runs with their policies."""

__all__ = ["config", "loop", "run", "train"]
