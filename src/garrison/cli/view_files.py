"""``garrison view verify``, ``list`` and ``bundle``: what replay files are, and a folder that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from garrison.cli.common import out, print_json, user_input, waiting
from garrison.view import read
from garrison.view.bundle import make as make_bundle
from garrison.view.replay import COLUMNS, SUFFIX, summary


def verify(names: Sequence[str], json: bool) -> int:
    """Check files and play them again; returns 1 if one is not what it says."""
    with user_input():
        if not names:
            raise ValueError(f"name replay files to verify, FILE{SUFFIX}")
        paths = [Path(name) for name in names]
        for path in paths:
            if not path.is_file():
                raise ValueError(f"{path} is not a file")
    problems = {}
    for path in paths:
        with waiting(f"Playing {path.name} again"):
            problems[str(path)] = _problem(path)
    if json:
        print_json([{"file": name, "problem": problem} for name, problem in problems.items()])
    else:
        for name, problem in problems.items():
            out.print(Text(f"{name}: {problem or 'the same when it is played again'}"), soft_wrap=True)
    return 1 if any(problems.values()) else 0


def _problem(path: Path) -> str | None:
    from garrison.judge.replays import difference, ticks_again

    try:
        replay = read(path)
        if "game" in replay.header:
            from garrison.llm import truth

            again = truth.ticks_again(replay)
        else:
            again = ticks_again(replay)
    except (ValueError, KeyError) as error:
        return str(error) if isinstance(error, ValueError) else f"its header has no {error}"
    return difference(replay.ticks, again)


def bundle(names: Sequence[str], folder: Path | None, json: bool) -> int:
    """Make a folder with the page and replays, for any web server."""
    with user_input():
        if not names or folder is None:
            raise ValueError(
                f"name replay files and a new folder: garrison view bundle FILE{SUFFIX} --out DIR"
            )
        written = make_bundle([Path(name) for name in names], folder)
    if json:
        print_json({"folder": str(folder), "files": [str(path) for path in written]})
    else:
        out.print(
            Text(f"{folder}: {len(written)} files; open its index.html by a web server"), soft_wrap=True
        )
    return 0


def show_list(names: Sequence[str], json: bool) -> int:
    """Print the replays of a directory."""
    with user_input():
        if len(names) != 1:
            raise ValueError(f"name one directory to list, not {len(names)}")
        folder = Path(names[0])
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a directory")
        rows = [_row(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        if not rows:
            raise ValueError(f"{folder} has no replays (*{SUFFIX})")
    if json:
        print_json(rows)
        return 0
    table = Table(*COLUMNS, "problem")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(
            *(Text("" if row[name] is None else f"{row[name]}") for name in COLUMNS), row["problem"]
        )
    out.print(table)
    return 0


def _row(path: Path) -> dict[str, Any]:
    try:
        return summary(path.name, read(path)) | {"problem": None}
    except ValueError as error:
        return dict.fromkeys(COLUMNS) | {"file": path.name, "problem": str(error)}
