"""A folder with the page and replays, which any web server can serve: no program runs there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from garrison.core import files
from garrison.view.page import BUNDLED, module, served, style
from garrison.view.replay import SUFFIX, read, summary

REPLAYS = "replays"  # folder and list of replays


def make(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write a bundle; returns its files. ``folder`` is there whole or not at all.

    Raises:
        ValueError: for files that are no replays or have the same name.
        FileExistsError: if the folder exists.
    """
    names = [path.name for path in paths]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several files are called {repeated[0]}; rename one")
    for path in paths:
        if not path.name.endswith(SUFFIX):
            raise ValueError(f"{path} does not end in {SUFFIX}")
    rows = [summary(path.name, read(path)) for path in paths]
    if folder.exists():
        raise FileExistsError(f"{folder} exists; give a new folder")
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        (temporary / REPLAYS).mkdir(parents=True)
        (temporary / "ui").mkdir()
        for name in BUNDLED:
            files.write(temporary / "ui" / f"{name}.js", module(name))
        files.write(temporary / "ui" / "style.css", style())
        files.write(temporary / "index.html", served("folder", policy=True))
        files.write(temporary / f"{REPLAYS}.json", files.to_json(rows))
        for path in paths:
            shutil.copyfile(path, temporary / REPLAYS / path.name)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())
