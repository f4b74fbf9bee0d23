"""The index of all results: ``python -m garrison.studies.index results`` writes ``results/README.md``.

``index.toml`` beside it has the order: ``[claims]``, questions and the folder that answers each, and
``[parts]``, headings and their folders. Without it all folders are in one part.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from garrison.core.files import write
from garrison.studies.study import FIGURES, PAGE, read_figures, table

ORDER = "index.toml"
REST = "Others"  # heading of the folders that no part names
HEAD = """# Results

Each folder is one result: `figures.json`, the page made of it, and its pictures. A page has the command that
repeats it, the machine and the date; intervals are 95% and in brackets. This index is generated:
`python -m garrison.studies.index results`."""


@dataclass(frozen=True)
class Result:
    """What the index says of a folder.

    Attributes:
        command: that repeats the study, and its ``date``; empty for a page without figures, which is one that
            is not finished.
    """

    folder: str
    title: str
    finding: str
    command: str = ""
    date: str = ""

    @property
    def link(self) -> str:
        return f"[{self.title}]({self.folder}/{PAGE})"


def index(results: Path) -> Iterator[str]:
    """The lines of the index: claims, then each part with a table of its folders, then all commands.

    Raises:
        ValueError: for a folder whose figures or page cannot be read, and for one that the order names twice;
            names the file.
    """
    found = {one.folder: one for one in read_all(results)}
    order = _order(results)
    yield HEAD
    if claims := order.get("claims"):
        rows = (_claim(question, found.get(name)) for question, name in claims.items())
        yield from _section("The main ones", ("question", "answer", "result"), rows)
    for heading, names in parts(order.get("parts", {}), list(found)).items():
        rows = ((found[name].link, found[name].finding, found[name].date) for name in names)
        yield from _section(heading, ("result", "finding", "date"), rows)
    commands = ((f"[{x.folder}]({x.folder}/{PAGE})", f"`{x.command}`") for x in found.values() if x.command)
    yield from _section("Commands", ("folder", "repeated by"), commands)


def _section(heading: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = table(header, rows)
    lines[1] = "|" + " --- |" * len(header)  # words in all columns
    yield from ["", f"## {heading}", "", *lines]


def _claim(question: str, one: Result | None) -> tuple[str, str, str]:
    return (question, "Not measured yet.", "") if one is None else (question, one.finding, one.link)


def read_all(results: Path) -> Iterator[Result]:
    """The results in the folders, by name of the folder."""
    for folder in sorted({path.parent for name in (FIGURES, PAGE) for path in results.glob(f"*/{name}")}):
        yield _read(folder) if (folder / FIGURES).exists() else _unfinished(folder)


def _read(folder: Path) -> Result:
    figures = read_figures(folder)
    return Result(
        folder.name, figures["title"], _line(figures["finding"]), figures["command"], figures["date"]
    )


def _unfinished(folder: Path) -> Result:
    """A page that people wrote: its heading, and its first paragraph in bold."""
    text = (folder / PAGE).read_text(encoding="utf-8")
    title, finding = (re.search(form, text, re.M | re.S) for form in (r"^# ([^\n]+)$", r"^\*\*(.+?)\*\*$"))
    if title is None or finding is None:
        raise ValueError(
            f"{folder / PAGE} has no {FIGURES} beside it; it needs a heading and a finding in bold"
        )
    return Result(folder.name, title[1], _line(finding[1]))


def parts(order: Mapping[str, Sequence[str]], folders: Sequence[str]) -> dict[str, list[str]]:
    """The folders of each part; those that none names are in the last.

    Names without a folder are left out: a result may be in the order before it is there.

    Raises:
        ValueError: for a folder in two parts.
    """
    named = [name for names in order.values() for name in names]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise ValueError(f"{ORDER}: in two parts: {', '.join(twice)}")
    known = {heading: [name for name in names if name in folders] for heading, names in order.items()}
    rest = {REST if order else "All": [name for name in folders if name not in named]}
    return {heading: names for heading, names in (known | rest).items() if names}


def _order(results: Path) -> dict[str, dict]:
    path = results / ORDER
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def main(results: Path) -> None:
    write(results / PAGE, "\n".join(index(results)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
