"""The wheel and the sdist: those in the folder that ``GARRISON_DIST`` names, or built for these tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A folder with one wheel and one sdist."""
    if given := os.environ.get("GARRISON_DIST"):
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("dist")
    # An sdist from the checkout, then a wheel from that sdist; by the installed hatchling, without a network.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(built) -> Path:
    [path] = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(built) -> Path:
    [path] = built.glob("*.tar.gz")
    return path
