"""The range reaches nothing but itself, and leaves nothing behind."""

from __future__ import annotations

import ast
import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from range_network import WEB, Episode, network

from garrison import range as package
from garrison.range import net
from garrison.range.drivers.local import Local
from garrison.range.drivers.processes import PREFIX, processes_of
from garrison.range.protocol import InfrastructureError
from garrison.range.supervisor import CLIENTS

ROOT = Path(package.__file__).parent
OWN_PROGRAMS = ("services", "clients")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the range needs Linux")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "10.0.0.1", "192.168.1.1", "0.0.0.0", "::1", "localhost", "", "128.0.0.1"]
)
def test_no_address_outside_the_loopback(address):
    with pytest.raises(net.AddressRefused, match="is not an address of the range"):
        net.connect(address, 80, 1.0)
    with pytest.raises(net.AddressRefused):
        net.listen(address, 0)
    with pytest.raises(net.AddressRefused):
        net.connect("127.0.0.1", 80, 1.0, source=address)


def test_only_processes_in_a_namespace_get_other_addresses():
    with pytest.raises(net.AddressRefused, match="in no namespace"):
        net.confine()


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_sockets_are_in_one_module():
    users = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for name in imports(path) - {"urllib.parse"}  # which only writes and reads text
        if name.split(".")[0] in ("socket", "socketserver", "asyncio", "http", "urllib", "ssl", "requests")
    }
    assert users == {"net.py"}


def test_targets_and_techniques_run_no_program():
    for path in [path for name in OWN_PROGRAMS for path in (ROOT / name).glob("*.py")]:
        tops = {name.split(".")[0] for name in imports(path)}
        assert not tops & {"subprocess", "ctypes", "pty", "importlib", "code", "pickle", "shutil"}, path
        calls = {
            node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        forbidden = {"eval", "exec", "compile", "__import__", "system", "popen", "fork", "execv", "spawnv"}
        assert not calls & forbidden, path


def test_the_programs_are_short_and_need_nothing():
    for path in [path for name in OWN_PROGRAMS for path in (ROOT / name).glob("*.py")]:
        tops = {name.split(".")[0] for name in imports(path)} - {"garrison", "__future__"}
        assert tops <= sys.stdlib_module_names, path
        limit = 220 if path.name == "programs.py" else 150
        assert len(path.read_text().splitlines()) <= limit, path


def test_clients_take_nodes_and_no_addresses():
    for name, client in CLIENTS.items():
        parameters = inspect.signature(client, eval_str=True).parameters
        assert list(parameters) == ["dial", "target", "task"], name
        assert parameters["target"].annotation is int, name


def left() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}


@pytest.fixture
def own_temporary_folder(monkeypatch):
    """Others may play episodes meanwhile. Its name is short, for sockets; programs have other accounts."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield


@linux
def test_nothing_is_left_after_an_error_in_provision(own_temporary_folder):
    services = network().host(WEB).services * 2  # two programs on one port
    with pytest.raises(InfrastructureError, match=f"services {WEB} did not start"):
        Episode(Local(), network().with_host(WEB, services=services))
    assert left() == set()


@linux
def test_nothing_is_left_after_an_exception_and_teardown_may_be_repeated():
    with pytest.raises(ZeroDivisionError), Episode(Local()) as episode:
        raise ZeroDivisionError
    assert Local().teardown(episode.handle).none
    assert not processes_of(episode.handle.state["folder"])


_PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
sys.path.insert(0, {tests!r})
from range_network import Episode
from garrison.range.drivers.local import Local
try:
    with Episode(Local()) as episode:
        print(episode.handle.state["folder"], flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    pass
"""


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_nothing_is_left_when_the_driver_is_stopped(number):
    program = _PROGRAM.format(tests=str(Path(__file__).parents[1]))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            folder = Path(driver.stdout.readline().strip())
            assert folder.exists()
            assert processes_of(folder)
            os.kill(driver.pid, number)
            driver.wait(20)
        finally:
            driver.kill()
    deadline = time.monotonic() + 10
    while (folder.exists() or processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    assert not processes_of(folder)


@linux
def test_a_killed_supervisor_takes_everything_with_it():
    episode = Episode(Local())
    pids = dict(Local().health(episode.handle) and episode.handle.state["pids"])
    episode.handle.state["process"].kill()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids.values()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert Local().teardown(episode.handle).none


@linux
def test_programs_are_not_root():
    with Episode(Local()) as episode:
        assert Local().health(episode.handle).privileged == ()
        if os.geteuid() == 0:
            pid = episode.handle.state["pids"][f"services {WEB}"]
            assert os.stat(f"/proc/{pid}").st_uid not in (0, os.getuid())


@linux
@pytest.mark.slow
def test_nothing_is_left_after_a_hundred_episodes():
    before, descriptors = left(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        with Episode(Local()) as episode:
            assert episode.outcome("web", WEB, 0).value == "success"
    assert left() <= before
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
