"""What the programs of one host share: its folder, its logs, its sessions (standard library only)."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

CANARY = "canary-"  #: what a decoy answers begins with
CLEARED = 0.25  #: real seconds between heartbeats


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file at once, so that nobody reads half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    part.write_text(text)
    os.chmod(part, mode)
    os.replace(part, path)


class Host:
    """One host as its own programs see it.

    Args:
        spec: of the plan: ``node``, ``services``, ``local``, ``ports``, ``weak``, ``data``, ...
        folder: of the episode.
        program: ``services`` or ``broker``, for the name of the log.
    """

    def __init__(self, spec: dict[str, Any], folder: Path, program: str):
        self.spec, self.node, self.episode = spec, int(spec["node"]), folder
        self.folder = folder / "hosts" / str(self.node)
        self._log = os.open(self.folder / f"{program}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def flag(self, name: str) -> int:
        """A number that was set for the host; 0 where none was."""
        try:
            return int((self.folder / "state" / name).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def set_flag(self, name: str, value: int) -> None:
        write(self.folder / "state" / name, str(value), 0o664)

    def log(self, family: str, text: str) -> None:
        """Write a line to the host's log, unless the sensor that would see it was killed."""
        if family in ("audit", "edr") and self.flag("sensor_killed"):
            return
        if family == "edr" and not self.flag("edr"):
            return
        os.write(self._log, f"{time.monotonic():.6f} {family} {text}\n".encode())

    def open_session(self, privilege: str, how: str) -> str:
        """Start a session, which inspections of the host find; returns its handle."""
        handle = secrets.token_hex(8)
        write(self.folder / "sessions" / handle, f"{privilege} {how}", 0o660)
        return handle

    def session(self, handle: str) -> str:
        """Privilege of a session, empty where there is none."""
        if len(handle) != 16 or not handle.isalnum():
            return ""
        try:
            return (self.folder / "sessions" / handle).read_text().split()[0]
        except FileNotFoundError:
            return ""

    def nonce(self, name: str) -> str:
        """A nonce that the account of this program can read."""
        return (self.folder / name).read_text().strip()

    def reveal(self, how: str) -> str:
        """What a flaw gives away: the user nonce, and a session."""
        self.log("audit", f'type=EXECVE exe="{how}" uid=1000')
        self.log("edr", f"alert process={how}")
        return f"200 {self.nonce('private/user')} {self.open_session('user', how)}"

    def picture(self) -> str:
        """What a scan of the host shows: port classes and weaknesses, decoys among them."""
        ports, weak = int(self.spec["ports"]), int(self.spec["weak"])
        decoy = self.spec["decoys"][self.flag("decoy")]
        return f"ports={ports | decoy['ports']:x} weak={weak | decoy['weak']:x}"


def domain_key(folder: Path) -> bytes:
    return bytes.fromhex((folder / "domain" / "key").read_text())


def mac(folder: Path, text: str) -> str:
    """Signature of the domain, for accounts that can read its key."""
    return hmac.new(domain_key(folder), text.encode(), "sha256").hexdigest()[:32]


def ticket(folder: Path, scope: str, lifetime: float, source: int) -> str:
    """A credential of a scope at its present epoch, stolen on ``source``."""
    epochs = json.loads((folder / "domain" / "epochs").read_text())
    text = f"{scope}.{epochs.get(scope, 0)}.{time.monotonic() + lifetime:.3f}.{source}"
    return f"{text}.{mac(folder, text)}".replace(" ", "")


def valid(folder: Path, credential: str) -> str:
    """The scope of a credential that is signed, of the present epoch and not expired; empty otherwise."""
    text, _, signature = credential.rpartition(".")
    if not hmac.compare_digest(signature, mac(folder, text)):
        return ""
    scope, epoch, rest = text.split(".", 2)
    expiry = float(rest.rpartition(".")[0])
    epochs = json.loads((folder / "domain" / "epochs").read_text())
    return scope if int(epoch) == epochs.get(scope, 0) and time.monotonic() < expiry else ""


def source_of(credential: str) -> str:
    """The host on which a credential was stolen."""
    return credential.split(".")[4] if credential.count(".") >= 5 else ""
