"""Make a table of vectors of log lines: ``python -m garrison.worlds.soc.text FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from garrison.worlds.soc.text import table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m garrison.worlds.soc.text", description=__doc__)
    parser.add_argument("file", type=Path, help="file to write")
    parser.add_argument("--transformer", help="name or folder of a sentence transformer; default: TF-IDF")
    asked = parser.parse_args()
    try:
        embed = table.tfidf if asked.transformer is None else table.transformer(asked.transformer)
        table.write(asked.file, embed)
    except (ValueError, OSError) as error:
        raise SystemExit(f"{asked.file} was not made: {error}") from error
    print(f"{asked.file}: SHA-256 {table.load(str(asked.file)).sha256}")


if __name__ == "__main__":
    main()
