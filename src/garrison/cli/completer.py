"""Candidates for the next word of a ``garrison`` command line.

``garrison completion`` writes this module into the scripts that it prints. They run it with any ``python3``
whenever the Tab key is pressed, so it needs nothing but the standard library of Python 3.8.

A command is described by a dictionary:

about     one line of help
flags     by name: ``about``, ``values`` (None: the flag takes none), and ``many`` if it takes several
values    of its positional arguments
commands  its subcommands by name

Values are words, except RUNS and FILES.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from typing import Any

#: Stands for the run directories under runs/.
RUNS = "@runs"
#: Stands for paths; the shell completes those itself.
FILES = "@files"


def candidates(command: dict[str, Any], words: list[str]) -> Iterator[str]:
    """Candidates for the last of the words that follow ``garrison``, each with a tab and its help.

    ``FILES`` among them asks the shell for paths too.
    """
    words = split_flags(words)
    current = words[-1]
    expected = None  # the flag whose values come next
    for word in words[:-1]:
        if word.startswith("-"):
            flag = command["flags"].get(word.replace("_", "-"))
            expected = flag if flag and flag["values"] is not None else None
        elif expected:
            expected = expected if expected["many"] else None
        elif word in command["commands"]:
            command = command["commands"][word]
    if current.startswith("-"):
        found = {name: flag["about"] for name, flag in command["flags"].items()}
    elif expected:
        found = values_of(expected["values"])
    else:
        found = {name: one["about"] for name, one in command["commands"].items()}
        found.update(values_of(command["values"]))
    for name, about in found.items():
        if name.startswith(current) or name == FILES:
            yield name + "\t" + about


def split_flags(words: list[str]) -> list[str]:
    """``--flag=value`` as two words, also where bash has made three of it."""
    split = []
    for word in words:
        if word.startswith("--") and "=" in word:
            split += word.split("=", 1)
        elif word != "=":
            split.append(word)
    return split if words[-1] != "=" else [*split, ""]


def values_of(values: list[str]) -> dict[str, str]:
    """Values with their help; run directories in place of RUNS."""
    found = {}
    for value in values:
        if value == RUNS:
            configurations = glob.glob(os.path.join("runs", "*", "config.json"))
            found.update(dict.fromkeys(map(os.path.dirname, sorted(configurations)), "run"))
        else:
            found[value] = ""
    return found


def main(command: dict[str, Any]) -> None:
    """Print candidates for the words of the command line, one a line."""
    for candidate in candidates(command, sys.argv[1:] or [""]):
        print(candidate)
