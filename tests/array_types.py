"""Calls are checked against the annotations of arrays: dtypes, axes, and that equal names are equal sizes.

What else functions are annotated with is checked by pyright (``make lint``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, get_args

import jax
import jaxtyping
import numpy as np
from beartype import BeartypeConf, beartype

#: Packages whose functions are checked.
CHECKED = ("garrison.core", "garrison.learn", "garrison.worlds")

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))  # where a float is taken, so is an int


def check_calls() -> None:
    """Check all calls of functions in modules that are imported from now on."""
    jaxtyping.install_import_hook(CHECKED, f"{__name__}.check")
    from garrison.core import typing

    for name in typing.__all__:
        setattr(typing, name, getattr(jaxtyping, name))
    typing.Array = jax.Array | np.ndarray | np.generic  # functions of JAX take NumPy's too


@contextmanager
def unchecked() -> Iterator[None]:
    """No call in the block is checked."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def check(function: Callable) -> Callable:
    """The function with its calls checked, as far as annotations speak of arrays."""
    hints = {name: hint for name, hint in function.__annotations__.items() if _of_arrays(hint)}
    if not hints:
        return function
    function.__annotations__ = hints
    return _beartype(function)


def _of_arrays(hint: Any) -> bool:
    parts = list(_parts(hint))
    arrays = any(isinstance(part, type) and issubclass(part, jaxtyping.AbstractArray) for part in parts)
    return arrays and Self not in parts  # which beartype takes in whole classes alone


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)
