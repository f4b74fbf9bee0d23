"""Limits of one episode in the range (standard library only: the supervisor imports it)."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

MAX_PROCESSES = 64  #: of an episode, the supervisor included
MAX_HOSTS = 24  #: two processes each, beside supervisor, proxy, users and one client
MAX_MEMORY = 512 * 2**20  #: bytes that the processes of an episode may hold together
MAX_SECONDS = 1200.0  #: real time of an episode; the supervisor ends itself after that
MAX_LINE = 4096  #: bytes of a request or an answer
MAX_OPEN_FILES = 256
#: accounts of the processes where the driver runs as root: services, brokers, everything else
SERVICE_ACCOUNT, BROKER_ACCOUNT, CLIENT_ACCOUNT = 64_000, 64_001, 64_002
GROUP = 64_000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send a signal to this process when its parent dies, and exit if it has died already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def restrict() -> None:
    """Limit what this process can use: few files, no core dump, no children, no new privileges."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))


def become(account: int) -> None:
    """Give up root for an account; without effect for a process that is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(GROUP, GROUP, GROUP)
        os.setresuid(account, account, account)


def resident(pid: int) -> int:
    """Bytes of memory that a process shares with no other; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return 1024 * sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
