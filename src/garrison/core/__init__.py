"""What every world, policy and learner is made of; it needs JAX and NumPy alone."""

__all__ = [
    "entities",
    "policy",
    "registry",
    "sides",
    "spaces",
    "struct",
    "testing",
    "typing",
    "world",
    "wrappers",
]
