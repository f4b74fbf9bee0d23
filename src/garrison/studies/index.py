"""The index of all results: ``python -m garrison.studies.index results`` writes ``results/README.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from garrison.core.files import write
from garrison.studies.study import FIGURES, PAGE, read_figures, table

HEAD = """# Results

Each folder is one result: `figures.json`, the page made of it, and its pictures. This index is generated:
`python -m garrison.studies.index results`.
"""


def index(results: Path) -> Iterator[str]:
    """The lines of the index: title, date, finding and command of each folder, by name.

    Raises:
        ValueError: for a folder whose figures cannot be read; names the file.
    """
    yield HEAD
    yield from table(("result", "date", "finding", "command"), rows(results))


def rows(results: Path) -> Iterator[tuple[str, ...]]:
    for path in sorted(results.glob(f"*/{FIGURES}")):
        figures = read_figures(path.parent)
        finding = re.sub(r"\s+", " ", figures["finding"])
        yield (
            f"[{figures['title']}]({path.parent.name}/{PAGE})",
            figures["date"],
            finding,
            f"`{figures['command']}`",
        )


def main(results: Path) -> None:
    write(results / PAGE, "\n".join(index(results)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
