"""The worlds that come with Garrison; :func:`garrison.available_worlds` lists the names of all."""

__all__ = ["cc4", "toy"]
