"""Every `garrison ...` in the documentation is a command with these arguments."""

import re
import shlex
from pathlib import Path

import pytest

from garrison.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "results").rglob("*.md")),
]


def documented() -> list[tuple[str, str]]:
    """Page and command, from programs and from lines of text."""
    found = []
    for page in PAGES:
        text = page.read_text()
        inline = re.findall(r"`(garrison [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        blocks = re.findall(r"^(garrison [^#\n]*)", text, flags=re.MULTILINE)
        found += [(page.name, command.strip()) for command in inline + blocks]
    return sorted(set(found))


def test_there_are_some():
    assert len(documented()) > 12


@pytest.mark.parametrize(("page", "command"), documented(), ids=lambda text: text)
def test_is_a_command(page, command):
    assert callable(commands.parse(shlex.split(command)[1:]).run)
