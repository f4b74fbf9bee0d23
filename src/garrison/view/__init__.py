"""Episodes to look at: recordings of what happened, and a page that shows them."""

from garrison.view.page import page
from garrison.view.record import record
from garrison.view.replay import Replay, read, write

__all__ = ["Replay", "page", "read", "record", "write"]
