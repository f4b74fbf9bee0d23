"""Every `garrison ...` in the documentation is a command with these arguments."""

import re
import shlex

import pytest
from doc_pages import all_pages, name, prose

from garrison.cli import commands


def documented() -> list[tuple[str, str]]:
    """Page and command, from programs and from lines of text."""
    found = []
    for page in all_pages():
        if page.name == "CHANGELOG.md":
            continue  # names commands without their arguments
        text = page.read_text().replace("\\\n", " ")  # a command over several lines is one
        inline = re.findall(r"`(garrison [^`]*)`", prose(text))
        blocks = re.findall(r"^(garrison [^#\n]*)", text, flags=re.MULTILINE)
        found += [(name(page), command.strip()) for command in inline + blocks]
    return sorted(set(found))


def test_there_are_some():
    assert len(documented()) > 12


@pytest.mark.parametrize(("page", "command"), documented(), ids=lambda text: text)
def test_is_a_command(page, command):
    assert callable(commands.parse(shlex.split(command)[1:]).run)
