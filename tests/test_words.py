"""Docstrings, help texts and messages are plain English: a short list of words that they do without."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import garrison

ROOT = Path(garrison.__file__).parent

#: Private or literary words, and what to write instead.
BANNED = {
    r"\btold\b": "say what is given, shown or reported",
    r"\bwhom\b": "name the thing",
    r"\bwhence|whither|thereof|herein\b": "plain English",
    r"\banew\b": "again",
    r"\bhaunt|\bdoomed\b": "say what the state is",
    r"\bcrews?\b|\bmates?\b": "workers, processes",
    r"\blanes?\b": "environments",
    r"(?<!there )\bis no [a-z]": "is not a",
    r"\bso many at a time\b": "at most N at a time",
    r"\bteams? of (a|the|one) (run|training)\b": "seeds",
    r"behaviour|normalis|neighbour|colour|initialis|generalis|optimis|centralis": "American spelling",
}
QUOTED = re.compile(r"``[^`]*``|`[^`]*`")  # code within text keeps its names


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, field description and message in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def found(source: str) -> list[str]:
    """The banned words in a module's texts, with their lines."""
    return [
        f"line {line}: {match[0]!r} in {text.strip()[:60]!r}: {remedy}"
        for line, text in texts(source)
        for banned, remedy in BANNED.items()
        if (match := re.search(banned, QUOTED.sub("", text)))
    ]


def test_no_module_uses_banned_words():
    files = sorted(ROOT.rglob("*.py"))
    broken = {str(file.relative_to(ROOT)): words for file in files if (words := found(file.read_text()))}
    assert not broken


@pytest.mark.parametrize(
    "source",
    [
        '"""What is told of each iteration."""',
        'x = f"{path} is no run directory"',
        '"""Behaviour of a lane."""',
    ],
)
def test_the_list_finds(source):
    assert found(source)


@pytest.mark.parametrize(
    "source", ['"""The field ``told`` of old files."""', "told = 1", '"""Blue agents of a team."""']
)
def test_the_list_allows(source):
    assert not found(source)
