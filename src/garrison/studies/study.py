"""A study as data: its figures, and the same in tables for a page and a terminal.

Every result in ``results/`` is a folder that :func:`save` wrote: ``figures.json``, the page ``README.md``
that is made of it, and its pictures.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from garrison.core.files import to_json, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES, PAGE = "figures.json", "README.md"
TITLE_AND_FINDING = ("title", "finding")
ORIGIN = ("command", "date", "cores", "machine", "device", "python", "jax")


@dataclass(frozen=True)
class Section:
    """A table with its title.

    Attributes:
        rows: cells of words in the first column, of numbers in the others.
        note: a line below the table.
        brief: columns that a terminal has room for; empty: all.
        brief_rows: number of rows that a terminal shows; None: all.
    """

    title: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    note: str = ""
    brief: tuple[str, ...] = ()
    brief_rows: int | None = None

    def for_terminal(self) -> Section:
        """The section with the columns and rows that a terminal shows."""
        columns = [self.header.index(name) for name in self.brief or self.header]
        rows = [[row[column] for column in columns] for row in self.rows[: self.brief_rows]]
        return Section(self.title, tuple(self.header[column] for column in columns), rows, self.note)


@dataclass(frozen=True)
class Study:
    """What was measured, how, and what was found.

    Attributes:
        figures: JSON-ready, with those of :func:`origin`.
        finding: the result in a sentence or two of Markdown.
        method: what was measured and how the tables are read; paragraphs of Markdown.
        pictures: PNG images by file name.
    """

    title: str
    figures: Mapping[str, Any]
    finding: str
    method: str
    sections: Sequence[Section]
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What ``figures.json`` holds. Figures that were read from one have the title and finding of then."""
        own = {"title": self.title, "finding": self.finding}
        return own | dict(self.figures) | own


def origin(command: str) -> dict[str, Any]:
    """The command that repeats a study, the date, and the machine and versions it ran on; JSON-ready."""
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "device": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def _origin_line(figures: Mapping[str, Any]) -> str:
    """:func:`origin` as a line of Markdown."""
    return (
        f"`{figures['command']}` on {figures['cores']} cores ({figures['machine']}, {figures['device']}), "
        f"Python {figures['python']}, jax {figures['jax']}, {figures['date']}."
    )


def prepare(folder: Path | None) -> None:
    """Make the folder of a study before its long work; None: nothing is to be saved.

    Raises ``OSError`` if it cannot be made or written.
    """
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable")


def save(folder: Path, study: Study) -> None:
    """Write a study into its folder, which is created if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / FIGURES, to_json(study.to_json(), indent=1) + "\n")
    for name, picture in study.pictures.items():
        write(folder / name, picture)
    write(folder / PAGE, "\n".join(page(study)) + "\n")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The arguments of a script that makes a study: its docstring as help, and ``--out``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for figures.json, README.md and the pictures")
    return parser


def show(study: Study, folder: Path | None = None) -> None:
    """Save a study, if a folder is given, and then print its page, so that printing cannot lose it."""
    if folder is not None:
        save(folder, study)
    print("\n".join(page(study)))


def png(figure: Figure) -> bytes:
    """A figure as a PNG image."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def read_figures(folder: Path) -> dict[str, Any]:
    """The figures of a folder.

    Raises:
        ValueError: when the folder has no such file, or it is damaged or lacks what every study has; names
            the file.
    """
    path = folder / FIGURES
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file; the folder of a study has one") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; restore it, or run the study again") from error
    wanted = (*TITLE_AND_FINDING, *ORIGIN)
    missing = [key for key in wanted if key not in figures] if isinstance(figures, dict) else wanted
    if missing:
        raise ValueError(f"{path} holds no study: {', '.join(missing)} missing; run the study again")
    return figures


def page(study: Study) -> Iterator[str]:
    """The lines of the page."""
    yield from [f"# {study.title}", "", f"**{study.finding}**", ""]
    yield from [_origin_line(study.figures), "", study.method]
    for name in study.pictures:
        yield from ["", f"![{study.title}]({name})"]
    for section in study.sections:
        if section.title:
            yield from ["", f"## {section.title}"]
        yield from ["", *table(section.header, section.rows)]
        yield from ["", section.note] if section.note else []


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table: the first column of words, the others of numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return ["| " + " | ".join(_escaped(row)) + " |" for row in (header, rule, *rows)]


def _escaped(row: Sequence[str]) -> Iterator[str]:
    return (cell.replace("|", "\\|") for cell in row)
