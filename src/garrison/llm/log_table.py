"""Make a table of vectors of log lines for the world ``soc``: ``python -m garrison.llm.log_table FILE``.

See :mod:`garrison.worlds.soc.text.table`. A table of a sentence transformer needs the extra ``text``, and the
model: its name on a hub, or its folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from garrison.core import extras
from garrison.worlds.soc.text import table


def transformer(model: str) -> table.Embed:
    """Vectors by a sentence transformer. Raises ``ValueError`` where the extra ``text`` is missing."""
    extras.require("text")
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(model)
    return lambda lines: table.reduced(np.asarray(encoder.encode(list(lines), normalize_embeddings=True)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m garrison.llm.log_table", description=__doc__)
    parser.add_argument("file", type=Path, help="file to write")
    parser.add_argument("--transformer", help="name or folder of a sentence transformer; default: TF-IDF")
    asked = parser.parse_args()
    try:
        embed = table.tfidf if asked.transformer is None else transformer(asked.transformer)
        table.write(asked.file, embed)
    except (ValueError, OSError) as error:
        raise SystemExit(f"{asked.file} was not made: {error}") from error
    print(f"{asked.file}: SHA-256 {table.load(str(asked.file)).sha256}")


if __name__ == "__main__":
    main()
