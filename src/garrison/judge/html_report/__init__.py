"""The report page of a run."""

__all__ = ["page"]
