"""What the tests of replays share: a recorded network, its first state, and small recordings to write."""

import gzip
import json
import lzma
import sys
from pathlib import Path

import jax
import pytest

from garrison.parity.recording import trace
from garrison.parity.recording.network import Names, from_header
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import initial_state

DATA = Path(__file__).parents[1] / "data"
sys.path.append(str(Path(__file__).parent))  # for the package ``mutations``


@pytest.fixture(scope="session")
def header():
    return trace.read(DATA / "fsm-heavy-2.jsonl.xz").header


@pytest.fixture(scope="session")
def network(header):
    return from_header(header)


@pytest.fixture(scope="session")
def names(network):
    return Names(network)


@pytest.fixture(scope="session")
def options():
    return default_options()


@pytest.fixture(scope="session")
def first_state(network):
    """The state at reset, NumPy leaves; replace fields, do not write into them."""
    return jax.device_get(initial_state(network))


@pytest.fixture
def write_recording(tmp_path):
    """Write lines (dicts, or text as it is) as a recording; returns its path."""

    def write(lines, name="small.jsonl.gz"):
        text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
        path = tmp_path / name
        path.write_bytes((lzma if name.endswith("xz") else gzip).compress(text.encode()))
        return path

    return write
