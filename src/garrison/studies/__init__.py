"""Results for people: figures, the page that shows them, and the index of all pages."""

__all__ = ["study"]
