# For type checks without PyTorch, which is not installed for development.
from typing import Any

def __getattr__(name: str) -> Any: ...
