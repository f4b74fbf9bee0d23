"""The wheel, installed into an empty environment outside the repository, and used there.

``make dist`` runs these tests; they install from a package index.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Set
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from small_runs import DEMO

import garrison

pytestmark = pytest.mark.dist

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
#: Tests that read more of the repository than the package, or imports alone: cheap, and enough to notice
#: what an sdist lacks.
TESTS_OF_SDIST = ["tests/docs", "tests/studies", "tests/test_imports.py", "tests/test_words.py"]
LEFT_OUT = {"garrison", "pip", "setuptools"}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder outside the repository, with a virtual environment that has pip alone."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    return folder


@pytest.fixture(scope="module")
def run(elsewhere) -> Run:
    """Runs a program of that environment, in that folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["XDG_CACHE_HOME"] = str(elsewhere / "cache")

    def run(program: str, *arguments: str, cwd: Path = elsewhere) -> subprocess.CompletedProcess[str]:
        command = [str(elsewhere / "venv" / "bin" / program), *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def bare(run, wheel) -> Run:
    """The environment with the wheel and what it requires."""
    install(run, str(wheel))
    return run


@pytest.fixture(scope="module")
def trained(bare, wheel) -> Run:
    """The environment with the extra ``train`` too."""
    install(bare, f"{wheel}[train]")
    return bare


def install(run: Run, *what: str) -> None:
    succeeded(run("pip", "install", "--quiet", "--constraint", str(CONSTRAINTS), *what))


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pinned() -> dict[str, str]:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    return {normalized(name): version for name, _, version in (line.partition("==") for line in lines)}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_without_extras_there_are_worlds(bare, elsewhere):
    program = "import garrison; print(garrison.__file__, garrison.make('cc4', red='fsm').agents)"
    file, _, agents = succeeded(bare("python", "-c", program)).partition(" ")
    assert Path(file).is_relative_to(elsewhere)
    assert "blue_agent_4" in agents


def test_without_extras_the_command_names_the_missing_one(bare):
    assert succeeded(bare("garrison", "--version")) == f"garrison {garrison.__version__}\n"
    done = bare("garrison", "info")
    assert done.returncode == 1
    assert "pip install 'garrison[train]'" in done.stderr


def test_info(trained):
    facts = json.loads(succeeded(trained("garrison", "info", "--json")))
    assert facts["packages"]["garrison"] == garrison.__version__
    assert facts["extras"]["train"] == facts["extras"]["train"] | {"installed": True, "remedy": None}
    assert facts["extras"]["wandb"]["remedy"] == "pip install 'garrison[wandb]'"


def test_demo(trained, elsewhere):
    succeeded(trained("garrison", "demo", *DEMO, "--episodes", "2", "--out", "demo"))
    assert (elsewhere / "demo" / "report" / "report.html").stat().st_size > 10_000


def test_the_packaged_run_plays(trained):
    done = trained("garrison", "eval", "best", "guard", "--episodes", "2", "--json")
    policies = json.loads(succeeded(done))["policies"]
    assert list(policies) == ["best", "guard"]
    # Two episodes tell little: guard scores −97 on the average, best −106, random legal actions −5,000.
    assert all(-1000 < policy["return"]["mean"] <= 0 for policy in policies.values())


def test_the_library(trained):
    program = "import garrison; run = garrison.load_run('best'); print(run.world().name, len(run.policies()))"
    assert succeeded(trained("python", "-c", program)) == "cc4 1\n"


def needed(name: str, extras: Set[str], known: Set[str] = frozenset()) -> dict[str, str]:
    """Installed versions of a distribution, and of all that it needs with its extras, by name."""
    distribution = importlib.metadata.distribution(name)
    found = {normalized(name): distribution.version}
    for line in distribution.requires or ():
        one = Requirement(line)
        wanted = any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in {"", *extras})
        if wanted and normalized(one.name) not in found.keys() | known:
            found |= needed(one.name, one.extras, found.keys() | known)
    return found


def test_constraints_pin_everything(trained):
    """What the tests and the project's tools need here, and all in the environment of the wheel."""
    there = json.loads(succeeded(trained("pip", "list", "--format=json")))
    found = needed("garrison", {"train", "test", "dev"})
    found |= {normalized(one["name"]): one["version"] for one in there}
    assert {
        name: version for name, version in found.items() if name not in LEFT_OUT
    }.items() <= pinned().items()


def test_tests_run_from_the_sdist(trained, sdist, elsewhere):
    install(trained, f"{next(sdist.parent.glob('*.whl'))}[train,test]")
    with tarfile.open(sdist) as archive:
        archive.extractall(elsewhere, filter="data")
    [unpacked] = elsewhere.glob("garrison-*")
    succeeded(trained("python", "-m", "pytest", "--collect-only", "--quiet", cwd=unpacked))
    succeeded(trained("python", "-m", "pytest", "-m", "not slow", *TESTS_OF_SDIST, cwd=unpacked))
