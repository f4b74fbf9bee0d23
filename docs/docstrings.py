"""Docstrings as the site shows them: an extension of Griffe, which reads the source for the API reference.

Comments beside fields (``reward: jax.Array  # f32[agent]``) and above them (``#: registered name``) become
their docstrings, and Sphinx roles, such as ``:func:`make```, become links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc):`(?P<short>~?)(?P<name>[^`]+)`")


class Docstrings(griffe.Extension):
    """Corrects all docstrings of a package, once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for thing in _all(pkg):
            if thing.is_attribute and thing.docstring is None and (comment := _comment(thing)):
                thing.docstring = griffe.Docstring(comment, parent=thing)
            if thing.docstring is not None:
                text = thing.docstring.value
                thing.docstring.value = ROLE.sub(lambda match, thing=thing: _link(thing, match), text)


def _all(thing: griffe.Object) -> Iterator[griffe.Object]:
    yield thing
    for member in thing.members.values():
        if not member.is_alias:
            yield from _all(member)


def _comment(attribute: griffe.Object) -> str:
    """What the source says of a field: lines ``#: ...`` above it, else the comment at the end of its line."""
    if attribute.lineno is None or attribute.endlineno is None:
        return ""
    lines = attribute.lines_collection[attribute.filepath]
    above = []
    for line in reversed(lines[: attribute.lineno - 1]):
        if not line.strip().startswith("#:"):
            break
        above.insert(0, line.strip().removeprefix("#:").strip())
    if above:
        return " ".join(above)
    last = lines[attribute.endlineno - 1]
    return last.rpartition("  # ")[2].strip() if "  # " in last else ""


def _link(thing: griffe.Object, match: re.Match[str]) -> str:
    """A link to the named object; its name as code if there is none."""
    name = match["name"]
    shown = name.rpartition(".")[2] if match["short"] else name
    try:
        path = name if name.startswith("garrison.") else thing.resolve(name)
    except griffe.NameResolutionError:
        return f"`{shown}`"
    return f'<autoref identifier="{path}" optional>`{shown}`</autoref>'
