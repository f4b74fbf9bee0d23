"""What the wheel and the sdist contain, and how large they are."""

import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import garrison

ROOT = Path(__file__).parents[2]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
IN_SDIST = [pattern.removeprefix("/") for pattern in BUILD["sdist"]["include"]]
BUDGET = {"wheel": 1_700_000, "sdist": 9_000_000}  # bytes; the sdist has the runs of a study
RUN = r"garrison/runs/packaged/[^/]+/"
DATA = RUN + r"(README\.md|\w+\.jsonl?|checkpoint/latest/(checkpoint\.json|arrays-\d{8}\.safetensors))"
TABLE = r"garrison/judge/suites/distances\.json|garrison/worlds/soc/data/\w+\.f16"
PAGE = r"garrison/view/ui/\w+\.(js|css)"
MODULE = r"garrison/([a-z_0-9]+/)*[a-z_0-9]+\.pyi?|garrison/py\.typed"


@pytest.fixture(scope="module")
def in_wheel(wheel) -> dict[str, bytes]:
    """Contents of the wheel's files by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def in_sdist(sdist) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers()}


def on_disk(folder: str) -> set[str]:
    """Files below a folder of the repository, except hidden ones and compiled modules."""
    files = (path for path in (ROOT / folder).rglob("[!.]*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}


def metadata_of(in_wheel: dict[str, bytes]) -> bytes:
    return in_wheel[f"garrison-{garrison.__version__}.dist-info/METADATA"]


def test_the_wheel_has_the_package_and_nothing_else(in_wheel):
    info = f"garrison-{garrison.__version__}.dist-info/"
    package = {name for name in in_wheel if not name.startswith(info)}
    assert package == {name.removeprefix("src/") for name in on_disk("src")}
    kinds = "|".join((MODULE, DATA, TABLE, PAGE))
    assert [name for name in sorted(package) if not re.fullmatch(kinds, name)] == []
    assert {name.removeprefix(info) for name in in_wheel.keys() - package} == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"),
    }


def test_the_wheel_has_the_packaged_run_and_the_command(in_wheel):
    run = "garrison/runs/packaged/best/"
    index = in_wheel[run + "checkpoint/latest/checkpoint.json"].decode()
    [arrays] = re.findall(r"arrays-\d{8}\.safetensors", index)
    for name in ("config.json", "system.json", "metrics.jsonl", f"checkpoint/latest/{arrays}"):
        assert in_wheel[run + name] == (ROOT / "src" / run / name).read_bytes()
    [entry_points] = (text for name, text in in_wheel.items() if name.endswith("entry_points.txt"))
    assert entry_points.decode().splitlines() == ["[console_scripts]", "garrison = garrison.cli:main"]


@pytest.mark.parametrize("name", IN_SDIST)
def test_the_sdist_has_what_building_and_testing_need(in_sdist, name):
    files = on_disk(name) if (ROOT / name).is_dir() else {name}
    assert files
    assert files <= in_sdist


def test_the_sdist_has_nothing_else(in_sdist):
    always = {"pyproject.toml", ".gitignore", "PKG-INFO"}
    assert {name.partition("/")[0] for name in in_sdist} == {*IN_SDIST, *always}
    assert [name for name in in_sdist if name.endswith(".pyc")] == []


def test_sizes_are_within_their_budgets(wheel, sdist):
    assert wheel.stat().st_size < BUDGET["wheel"]
    assert sdist.stat().st_size < BUDGET["sdist"]


def test_metadata_follow_their_specification(in_wheel, sdist):
    found = Metadata.from_email(metadata_of(in_wheel), validate=True)
    assert found.name == "garrison"
    assert str(found.version) == garrison.__version__
    assert found.license_expression == "Apache-2.0"
    assert found.description_content_type == "text/markdown"
    with tarfile.open(sdist) as archive:
        [member] = (member for member in archive.getmembers() if member.name.endswith("/PKG-INFO"))
        assert archive.extractfile(member).read() == metadata_of(in_wheel)


def test_the_version_is_the_same_everywhere():
    version = re.escape(garrison.__version__)
    assert re.search(f"^version: {version}$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)
    newest = re.search(r"^## .*", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert re.fullmatch(rf"## (\[Unreleased\] {version}|\[{version}\] - \d{{4}}-\d\d-\d\d)", newest[0])
