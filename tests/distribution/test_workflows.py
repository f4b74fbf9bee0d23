"""The forge's workflows: they parse, call targets that exist, and may do no more than they need."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, *sorted((FORGE / "actions").glob("*/action.yml"))]


def parsed(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return parsed(path)["jobs"]


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """All steps of a workflow or an action."""
    if path in WORKFLOWS:
        for job in jobs(path).values():
            yield from job["steps"]
    else:
        yield from parsed(path)["runs"]["steps"]


def called_targets(path: Path) -> set[str]:
    """Targets of make, those of a matrix too."""
    matrices = [job["strategy"]["matrix"] for job in jobs(path).values() if "strategy" in job]
    found = {one["target"] for matrix in matrices for one in matrix.get("include", [])}
    for step in steps(path):
        for line in re.findall(r"^make (.*)$", step.get("run", ""), flags=re.MULTILINE):
            found |= {word for word in line.split() if re.fullmatch(r"[a-z-]+", word)}
    return found


def test_there_are_checks_and_a_release():
    assert {path.stem for path in WORKFLOWS} == {"checks", "release"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_targets_exist(path):
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert called_targets(path)
    assert called_targets(path) <= {*phony.split()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FORGE)))
def test_actions_have_a_version(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    pinned = r"(actions/[a-z-]+@v\d+|pypa/gh-action-pypi-publish@release/v1|\./\.github/actions/setup)"
    assert [name for name in used if not re.fullmatch(pinned, name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_the_least(path):
    assert parsed(path)["permissions"] == {"contents": "read"}
    rights = {name: job["permissions"] for name, job in jobs(path).items() if "permissions" in job}
    assert rights == ({"publish": {"id-token": "write"}} if path.stem == "release" else {})
    assert "secrets" not in path.read_text()
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout")]
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_end(path):
    assert all(job["timeout-minutes"] <= 60 for job in jobs(path).values())
    assert "concurrency" in parsed(path)


def test_releases_are_made_for_tags_alone():
    on = parsed(FORGE / "workflows" / "release.yml")[True]  # YAML reads the key `on` as true
    assert on == {"push": {"tags": ["v*"]}}


def test_every_python_of_the_project_is_tested():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    matrix = jobs(FORGE / "workflows" / "checks.yml")["test"]["strategy"]["matrix"]
    assert matrix["python"] == declared
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]
