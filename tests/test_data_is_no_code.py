"""Files that the package reads cannot run code: no module reads what Python would execute."""

import ast
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import garrison
from garrison.llm import calls, clients
from garrison.runs import directory
from garrison.view import replay

ROOT = Path(garrison.__file__).parent
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
CALLS = {"eval", "exec", "compile"}
METHODS = {("np", "load"), ("jnp", "load"), ("numpy", "load"), ("torch", "load")}


def found(source: str) -> Iterator[str]:
    """What could run code from a file, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            used = {alias.name.partition(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            used = {(node.module or "").partition(".")[0]} & MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            used = {node.func.id} & CALLS
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            used = {".".join(pair) for pair in {(owner, node.func.attr)} & METHODS}
        else:
            continue
        yield from (f"line {node.lineno}: {name}" for name in sorted(used))


def test_no_module_reads_what_python_would_execute():
    broken = {str(path.relative_to(ROOT)): list(found(path.read_text())) for path in ROOT.rglob("*.py")}
    assert {path: lines for path, lines in broken.items() if lines} == {}


@pytest.mark.parametrize("source", ["import pickle", "from yaml import load", "eval(text)", "np.load(path)"])
def test_it_is_noticed(source):
    assert list(found(source))


def test_a_run_cannot_name_a_function_that_is_no_world(tmp_path):
    run, written = tmp_path / "run", tmp_path / "written"
    shutil.copytree(directory.PACKAGED / "best", run)
    config = json.loads((run / "config.json").read_text())
    config |= {"world": "subprocess:run", "options": {"args": f"touch {written}", "shell": True}}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="'subprocess:run' is neither a subclass"):
        garrison.load_run(run).policies()
    assert not written.exists()


def test_limits_are_those_that_the_policy_names():
    [replays] = (line for line in policy() if line.startswith("| replays"))
    megabytes = replay.MAX_BYTES >> 20, replay.MAX_LINE >> 20
    assert f"{megabytes[0]} MB unpacked, {replay.MAX_TICKS:,} ticks, {megabytes[1]} MB a line" in replays
    [replies] = (line for line in policy() if line.startswith("| replies"))
    assert f"{clients.MAX_REPLY >> 20} MB a reply, {calls.MAX_CALLS} calls" in replies


def test_limits_of_the_server_are_those_that_the_policy_names():
    pytest.importorskip("fastapi")
    from garrison.serve.settings import Limits, Settings

    [requests] = (line for line in policy() if line.startswith("| requests"))
    server, limits = Settings(), Limits()
    kilobytes = limits.frame_bytes >> 10
    assert f"{kilobytes} KB a frame, {limits.depth} levels, {limits.nodes:,} values" in requests
    assert f"{limits.frames_per_second:.0f} frames a second, {server.max_sessions} sessions" in requests


def policy() -> list[str]:
    return (Path(__file__).parents[1] / "SECURITY.md").read_text().splitlines()
