"""Studies on the terminal and in their folders."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from garrison.cli.common import out, print_json
from garrison.studies.study import Section, Study, save


def publish(study: Study, folder: Path | None = None, json: bool = False) -> None:
    """Save a study in ``folder``, if one is given, and then print it, so that printing cannot lose it."""
    if folder is not None:
        save(folder, study)
    if json:
        print_json(study.to_json())
        return
    for section in study.sections:
        out.print(_table(section.for_terminal()))
    out.print(study.finding, markup=False, highlight=False)


def _table(section: Section) -> Table:
    view = Table(
        title=section.title or None,
        caption=section.note or None,
        box=None,
        padding=(0, 1),
        title_justify="left",
        caption_justify="left",
    )
    for number, name in enumerate(section.header):
        view.add_column(name, justify="right" if number else "left", no_wrap=not number)
    for row in section.rows:
        view.add_row(*row)
    return view
