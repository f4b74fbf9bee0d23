"""Training: configurations, seeds and the loop."""
