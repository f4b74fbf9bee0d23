"""Recorded episodes replayed through Garrison and compared step by step."""

__all__ = ["fuzz", "replay"]
