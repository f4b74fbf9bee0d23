"""The PyTorch learner: the same algorithm in another framework, and beside CybORG."""
