"""Run directories: what one training leaves on disk, and what reads it back."""

__all__ = ["checkpoint", "curves", "directory"]
