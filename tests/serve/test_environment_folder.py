"""The folder that OpenEnv's command publishes."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
import yaml

from garrison.llm.scenarios import SPLITS
from garrison.serve.app import create_app
from garrison.serve.settings import Settings
from garrison.serve.tasks import Tasks

FOLDER = Path(__file__).parents[2] / "environments" / "garrison_cc4"


@pytest.fixture
def server(monkeypatch):
    """The folder's module, with settings of the environment's variables."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("GARRISON_SCENARIOS", "small medium")
    monkeypatch.setenv("GARRISON_MAX_SESSIONS", "4")
    monkeypatch.setenv("GARRISON_TOKEN", "secret")
    monkeypatch.delitem(sys.modules, "server", raising=False)
    monkeypatch.delitem(sys.modules, "server.app", raising=False)
    yield importlib.import_module("server.app")
    for name in ("server", "server.app"):
        sys.modules.pop(name, None)


def test_the_application_is_the_server_with_the_given_settings(server):
    made = server.settings()
    assert (made.scenarios, made.max_sessions, made.token) == (("small", "medium"), 4, "secret")
    assert made.compiled == ("idle", "guard")
    routes = {route.path for route in server.app.routes}
    assert routes == {route.path for route in create_app(made).routes}
    assert {"/health", "/reset", "/step", "/ws", "/mcp"} <= routes


def test_the_manifest_and_the_package_name_what_there_is(server):
    manifest = yaml.safe_load((FOLDER / "openenv.yaml").read_text())
    module, _, name = manifest["app"].partition(":")
    assert getattr(importlib.import_module(module), name) is server.app
    package = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    module, _, name = package["scripts"]["server"].partition(":")
    assert getattr(importlib.import_module(module), name) is server.main
    declared = manifest["validation"]
    assert (FOLDER / declared["execution"]["probe_path"]).is_file()
    counts = {split: Tasks(Settings().scenarios).number(split) for split in SPLITS}
    assert declared["capabilities"]["declared_task_count"] == counts
    front = yaml.safe_load((FOLDER / "README.md").read_text().split("---")[1])
    docker = (FOLDER / "Dockerfile").read_text()
    assert front["app_port"] == manifest["port"]
    assert f"EXPOSE {manifest['port']}" in docker
    assert "openenv" in front["tags"]
    assert "USER 1000" in docker
