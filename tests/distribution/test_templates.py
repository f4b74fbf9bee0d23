"""The forge's forms for issues: they have the parts that the forge asks for, and name commands that exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from garrison.cli import commands

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
TEXTS = [*FORMS, ROOT / ".github/pull_request_template.md"]
KINDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def body(form: Path) -> list[dict]:
    return yaml.safe_load(form.read_text())["body"]


def test_there_is_a_form_for_each_kind_of_report():
    assert [form.stem for form in FORMS] == ["bug", "feature", "wrong_rule"]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_is_as_the_forge_takes_it(form):
    whole = yaml.safe_load(form.read_text())
    assert whole.keys() == {"name", "description", "title", "body"}
    fields = [part for part in body(form) if part["type"] != "markdown"]
    assert {part["type"] for part in body(form)} <= KINDS
    names = [part["id"] for part in fields]
    assert len(names) == len(set(names))
    assert all(part["attributes"]["label"] for part in fields)
    for part in body(form):
        allowed = {"type", "attributes"} | ({"id", "validations"} if part in fields else set())
        assert part.keys() <= allowed
        assert isinstance(part["attributes"].get("options", []), list)


@pytest.mark.parametrize("name", ["bug", "wrong_rule"])
def test_reports_come_with_versions(name):
    [versions] = (
        part for part in body(ROOT / f".github/ISSUE_TEMPLATE/{name}.yml") if part.get("id") == "versions"
    )
    assert versions["validations"]["required"]
    assert "`garrison info --json`" in versions["attributes"]["description"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_commands_and_files_exist(path):
    text = path.read_text()
    for command in re.findall(r"`garrison ([^`]*)`", text):
        assert callable(commands.parse(shlex.split(command)).run)
    for file in re.findall(r"\b(?:docs/[\w/.-]+|[A-Z]+)\.md", text):
        assert (ROOT / file).exists(), file
