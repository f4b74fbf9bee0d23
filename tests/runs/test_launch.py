"""Processes at the same time, and how they are stopped."""

import os
import signal
import sys
import threading
import time

import pytest

from garrison.runs import launch
from garrison.runs.launch import Local, last_lines, work

SLEEP = "import time; time.sleep(60)"
#: Says that it is there, then sleeps until SIGINT, and ends in order, as a training does.
ORDERLY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
    sys.exit(130)
"""
STUBBORN = ORDERLY.replace("    print", "    time.sleep(60)\n    print")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(launch, "POLL", 0.02)


def wait(job, seconds=20):
    """The exit status of a job."""
    deadline = time.monotonic() + seconds
    while job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return job.poll()


class Programs:
    """Runs programs, and remembers how each ended and how many ran at a time."""

    def __init__(self, folder, programs, jobs=1):
        self.folder, self.programs, self.jobs = folder, programs, jobs
        self.ends, self.most, self.started = {}, 0, {}

    def start(self, name):
        self.started[name] = Local(["-c", self.programs[name]], self.folder / name)
        return self.started[name]

    def look(self, running):
        self.most = max(self.most, len(running))

    def work(self):
        return work(list(self.programs), self.jobs, self.start, self.ends.__setitem__, self.look)


def when(condition, action):
    """Do something in another thread once a condition holds."""

    def wait():
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_the_terminals_ctrl_c_does_not_reach_a_process(tmp_path):
    assert wait(Local(["-c", "import os; print(os.getpgrp() == os.getpid())"], tmp_path / "log")) == 0
    assert (tmp_path / "log").read_text() == "True\n"


def test_a_process_can_be_interrupted_even_where_sigint_is_blocked(tmp_path):
    """As it is in a Ray worker."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        job = Local(["-c", ORDERLY], tmp_path / "log")
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    when((tmp_path / "log").read_text, job.interrupt).join()
    assert wait(job) == 130


def test_every_task_is_run_and_told_how_it_ended(tmp_path):
    programs = Programs(tmp_path, {"a": "print('hello')", "b": "raise SystemExit(3)", "c": ""})
    assert programs.work() is True
    assert programs.ends == {"a": 0, "b": 3, "c": 0}
    assert (tmp_path / "a").read_text() == "hello\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_so_many_run_at_a_time(tmp_path, jobs):
    programs = Programs(tmp_path, dict.fromkeys("abc", "import time; time.sleep(0.2)"), jobs)
    programs.work()
    assert programs.most == jobs
    assert len(programs.ends) == 3


def test_ctrl_c_lets_those_that_run_end_and_starts_no_more(tmp_path):
    programs = Programs(tmp_path, dict.fromkeys("abc", ORDERLY), jobs=2)

    def both_ready():
        return all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab")

    thread = when(both_ready, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert programs.work() is False
    thread.join()
    assert programs.ends == {"a": 130, "b": 130}
    assert (tmp_path / "a").read_text() == "ready\nstopped\n"


def test_a_second_ctrl_c_kills_them(tmp_path):
    programs = Programs(tmp_path, {"a": STUBBORN})

    def ready():
        return (tmp_path / "a").exists() and (tmp_path / "a").read_text()

    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = when(ready, twice)
    with pytest.raises(KeyboardInterrupt):
        programs.work()
    thread.join()
    assert programs.started["a"].poll() == -signal.SIGKILL


def test_nothing_is_left_running_after_an_error(tmp_path):
    programs = Programs(tmp_path, {"a": SLEEP, "b": SLEEP}, jobs=2)
    start = programs.start

    def refuse(name):
        if name == "b":
            raise OSError("no space left")
        return start(name)

    programs.start = refuse
    with pytest.raises(OSError, match="no space left"):
        programs.work()
    assert programs.started["a"].poll() == -signal.SIGKILL


def test_logs_are_appended_to(tmp_path):
    for word in ("first", "second"):
        wait(Local(["-c", f"print({word!r})"], tmp_path / "log"))
    assert last_lines(tmp_path / "log") == "first\nsecond"


def test_the_end_of_a_log_is_what_is_shown(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {i}\n\n" for i in range(100)))
    lines = last_lines(tmp_path / "log").splitlines()
    assert len(lines) == launch.SHOWN
    assert lines[-1] == "line 99"
    assert last_lines(tmp_path / "none") == ""


def test_ray_that_is_not_installed_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"not installed: ray; install with: pip install 'garrison\[ray\]'"):
        launch.Ray()


@pytest.mark.slow
# Ray's processes are forked from this one, where other tests may have started JAX; they do not use it.
@pytest.mark.filterwarnings("ignore:os.fork", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_runs_and_interrupts_processes(tmp_path):
    pytest.importorskip("ray", reason="Ray is an extra that is not installed")
    ray = launch.Ray()
    try:
        assert ray.slots() >= 1
        hello = ray(["-c", "print('hello'); raise SystemExit(3)"], tmp_path / "hello")
        assert wait(hello, 60) == 3
        assert (tmp_path / "hello").read_text() == "hello\n"
        orderly = ray(["-c", ORDERLY], tmp_path / "orderly")
        log = tmp_path / "orderly"
        when(lambda: log.exists() and log.read_text(), orderly.interrupt).join()
        assert wait(orderly, 60) in (130, -signal.SIGINT)
        assert log.read_text() == "ready\nstopped\n"
    finally:
        ray.close()
