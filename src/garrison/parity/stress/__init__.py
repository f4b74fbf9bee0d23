"""Play that fills the engine's bounded lists, and checksums of trajectories."""

__all__ = ["checksums", "overflow", "policies"]
