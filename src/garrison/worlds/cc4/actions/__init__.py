"""The actions, each as ``(context, state) -> (state, effect)`` for all agents of a side at once.

Blue's actions are independent of each other, as agents own different hosts. What one of red's actions does to
another in the same step is said in :class:`.red.RedContext`.
"""

__all__ = ["blue", "red"]
