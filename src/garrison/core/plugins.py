"""Parts by name: built in, registered by code, or provided by other packages as entry points.

A name stands for ``"module"`` or ``"module:attribute"``, which is imported when it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import Any


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """What a message about an unknown name ends with: the closest known name in parentheses, or nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class Plugins:
    """The parts of one kind.

    Args:
        kind: what a part is called in messages, such as ``"algorithm"``.
        group: entry-point group in which other packages provide theirs.
        built_in: targets by name; they take precedence.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str]):
        self.kind, self.group = kind, group
        self._built_in, self._registered = dict(built_in), dict[str, str]()

    def names(self) -> tuple[str, ...]:
        """All known names, sorted."""
        return tuple(sorted(self._targets()))

    def get(self, name: str) -> Any:
        """The part called ``name``, or the one at ``"module:attribute"``.

        Raises ``ValueError`` for an unknown name, naming the closest one, and for a module or attribute that
        does not exist.
        """
        targets = self._targets()
        if name not in targets and not all(name.partition(":")):
            raise ValueError(
                f"no {self.kind} {name!r}{did_you_mean(name, targets)}; "
                f"{self.kind}s: {', '.join(sorted(targets))}; others by 'module:attribute'"
            )
        if name not in targets:
            return self._imported(name)
        module, _, attribute = targets[name].partition(":")
        part = importlib.import_module(module)
        return getattr(part, attribute) if attribute else part

    def _imported(self, target: str) -> Any:
        """The part at ``"module:attribute"``, which has no name."""
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module exists, and needs one that does not
            raise ValueError(
                f"{self.kind} {target!r}: no module {error.name!r}; install it, or put it on PYTHONPATH"
            ) from error
        except AttributeError as error:
            raise ValueError(f"{self.kind} {target!r}: module {module!r} has no {attribute!r}") from error

    def register(self, name: str, target: str) -> None:
        """Let ``name`` stand for ``target``, written ``"module"`` or ``"module:attribute"``.

        Raises ``ValueError`` if the name belongs to another target, or if ``target`` is not so written.
        """
        module, colon, attribute = target.partition(":")
        if not module or (colon and not attribute):
            raise ValueError(
                f"target of {self.kind} {name!r} is {target!r}; write it as 'module' or 'module:attribute'"
            )
        taken = self._targets().get(name, target)
        if taken != target:
            raise ValueError(f"{self.kind} {name!r} is registered already, as {taken!r}; not as {target!r}")
        self._registered[name] = target

    def _targets(self) -> dict[str, str]:
        installed = {point.name: point.value for point in importlib.metadata.entry_points(group=self.group)}
        return {**installed, **self._registered, **self._built_in}
