"""A vector per kind of log line: tables that the observation ``text`` looks up (``soc-rules.md §6.1``).

A kind is a type of token on an operating system with a port class; process and user follow from these. Its
*template* is the line with all values masked. A table has a vector for each template, is made beforehand, and
is a file of numbers alone, float16 in little-endian order, vector by vector: its SHA-256 is part of the
version of worlds that read it. The table that comes with Garrison is made of character n-grams:

    python -m garrison.llm.log_table FILE
    python -m garrison.llm.log_table FILE --transformer sentence-transformers/all-MiniLM-L6-v2

The second needs the extra ``text``, and the model.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from garrison.core import files
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.text.delivered import Entry
from garrison.worlds.soc.text.render import PORT_NUMBERS, template

WIDTH = 128
NGRAMS = (3, 4, 5)
DEFAULT = "tfidf"  #: the table that comes with Garrison
_KIND = np.dtype("<f2")

Embed = Callable[[Sequence[str]], np.ndarray]


class Table(NamedTuple):
    """Vectors by kind, and where they are from."""

    vectors: np.ndarray  # f32[kind, WIDTH]
    sha256: str  # of the file


def kinds() -> Iterator[tuple[int, int, int]]:
    """Type, operating system and port class of each kind, in the order of tables."""
    for type in range(1, K.NUM_TOKENS):
        flows = np.flatnonzero(K.PORT_FLOW == type).tolist()
        for system in range(T.NUM_OS):
            for port in sorted({int(K.PORT_OF[type]), *flows}):
                yield type, system, port


@cache
def index() -> np.ndarray:
    """Number of each kind, ``int32[type, system, port]``; 0 of what never occurs."""
    numbers = np.zeros((K.NUM_TOKENS, T.NUM_OS, len(PORT_NUMBERS) + 1), np.int32)
    for number, kind in enumerate(kinds()):
        numbers[kind] = number
    return numbers


def templates() -> list[str]:
    """The masked line of each kind."""
    found = []
    for type, system, port in kinds():
        process, user = K.FIELDS[type, K.OS_FAMILY[system]].tolist()
        found.append(template(Entry(type, process, user, port, 0, T.NO_HOST, 0, 0), system))
    return found


def ngrams(line: str) -> Iterator[str]:
    """Character n-grams within words, each word with a space around it."""
    for word in line.lower().split():
        padded = f" {word} "
        for n in NGRAMS:
            yield from (padded[i : i + n] for i in range(max(1, len(padded) - n + 1)))


def tfidf(lines: Sequence[str]) -> np.ndarray:
    """Vectors of lines by TF-IDF of :func:`ngrams`, normalized, by a singular value decomposition."""
    counts = [Counter(ngrams(line)) for line in lines]
    words = sorted(set().union(*counts))
    place = {word: i for i, word in enumerate(words)}
    matrix = np.zeros((len(lines), len(words)))
    for row, own in zip(matrix, counts, strict=True):
        for word, count in own.items():
            row[place[word]] = 1 + np.log(count)
    matrix *= np.log((1 + len(lines)) / (1 + (matrix > 0).sum(axis=0))) + 1
    return reduced(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def reduced(matrix: np.ndarray) -> np.ndarray:
    """The first :data:`WIDTH` principal directions of rows, each with its largest entry positive."""
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    found = (left * values)[:, :WIDTH]
    found = found * np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return np.pad(found, ((0, 0), (0, WIDTH - found.shape[1]))).astype(np.float32)


def write(path: Path, embed: Embed = tfidf) -> None:
    """Make a table and write it."""
    files.write(path, embed(templates()).astype(_KIND).tobytes())


@lru_cache(maxsize=4)
def load(name: str = DEFAULT) -> Table:
    """The table that comes with Garrison, or the one of a file.

    Raises:
        ValueError: for a file that is not a table of this version; names it and the remedy.
    """
    try:
        if name == DEFAULT:
            data = resources.files("garrison.worlds.soc").joinpath("data", f"{name}.f16").read_bytes()
        else:
            data = Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"soc: table {name!r} cannot be read: {error}; {_REMEDY}") from error
    shape = (len(list(kinds())), WIDTH)
    if len(data) != _KIND.itemsize * shape[0] * shape[1]:
        raise ValueError(f"soc: table {name!r} has {len(data)} bytes; it must be float16 {shape}; {_REMEDY}")
    vectors = np.frombuffer(data, _KIND).reshape(shape)
    if not np.isfinite(vectors).all():
        raise ValueError(f"soc: table {name!r} has numbers that are not finite; {_REMEDY}")
    return Table(vectors.astype(np.float32), hashlib.sha256(data).hexdigest())


_REMEDY = "make it with python -m garrison.llm.log_table FILE"
