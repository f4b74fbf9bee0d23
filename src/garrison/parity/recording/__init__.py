"""CybORG episodes: how they are recorded and read."""

__all__ = ["network", "record", "trace"]
