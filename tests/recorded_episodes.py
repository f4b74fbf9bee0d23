"""Recorded episodes in an archive of ``tests/data``."""

import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

from garrison.parity.recording import trace

DATA = Path(__file__).parent / "data"


def recorded(archive):
    """The recordings in a ``.tar.xz``, by the part of their names before the first ``-``."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress((DATA / archive).read_bytes()))) as files:
        parts: dict[str, Any] = {member.name: files.extractfile(member) for member in files}
        texts = {name: file.read().decode() for name, file in parts.items()}

    def opened(name, text):
        lines = text.splitlines()
        return trace.opened(Path(name), lambda: ((i, json.loads(line)) for i, line in enumerate(lines, 1)))

    return {name.partition("-")[0]: opened(name, text) for name, text in texts.items()}
