"""One module per tier; see :mod:`garrison.range.protocol`."""

__all__ = [
    "containers",
    "local",
    "mock",
    "netns",
]
