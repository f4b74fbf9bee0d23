"""How fast worlds and learners are, how long they compile, what they hold, and what limits them."""

__all__ = ["machine", "programs", "study"]
