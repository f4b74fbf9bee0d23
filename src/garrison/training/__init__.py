"""Training: configurations, seeds, learners, the loop, and runs with their policies."""
