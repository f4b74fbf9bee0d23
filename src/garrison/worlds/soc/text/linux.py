"""Lines of Linux hosts and controllers: syslog of sshd, sudo, systemd and krb5kdc, and auditd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garrison.worlds.soc.tables.tokens import Token

if TYPE_CHECKING:
    from garrison.worlds.soc.text.render import Line


def line(line: Line) -> str:
    """The line, in the format of syslog."""
    stamp = f"{line.time:%b} {line.time.day:2d} {line.time:%H:%M:%S}"
    program, text = _said(line)
    return f"{stamp} {line.host} {program}[{line.pid}]: {text}"


def _said(line: Line) -> tuple[str, str]:
    audit = f"audit({line.time.timestamp():.3f}:{line.record}):"
    remote = f"from {line.other_address} port {line.source_port}"
    origin = "from localhost" if line.other_address == "-" else remote
    program = f'comm="{line.process}" exe="/usr/bin/{line.process}"'
    by = f"ppid={line.parent} pid={line.pid} auid={line.user} {program}"
    said = {
        Token.PROC_CREATE: ("auditd", f"type=EXECVE msg={audit} argc=1 a0={line.process} {by}"),
        Token.PROC_ACCESS: ("auditd", f"type=SYSCALL msg={audit} syscall=ptrace success=yes {by}"),
        Token.NET_CONNECT: (
            "auditd",
            f"type=SYSCALL msg={audit} syscall=connect success=yes {by} "
            f"laddr={line.other_address} lport={line.port}",
        ),
        Token.FILE_BURST: (
            "auditd",
            f'type=PATH msg={audit} syscall=rename {by} name="/srv/share/{line.record}.odt" nametype=DELETE',
        ),
        Token.PRIV_ASSIGN: ("sudo", f"{line.user} : TTY=pts/0 ; USER=root ; COMMAND=/usr/bin/id"),
        Token.SVC_CHANGE: ("systemd", f"app-{line.record % 31}.service: Main process exited, restarting"),
        Token.AUTH_OK: ("sshd", f"Accepted publickey for {line.user} {origin} ssh2"),
        Token.AUTH_FAIL: ("sshd", f"Failed password for {line.user} {origin} ssh2"),
        Token.AUTH_EXPLICIT: ("su", f"(to {line.user}) session opened, {origin}"),
        Token.KERB_TGT: ("krb5kdc", f"AS_REQ {line.address}: ISSUE: {line.user}@CORP for krbtgt/CORP@CORP"),
        Token.NTLM: ("winbindd", f"NTLM CRAP authentication for user [CORP]\\[{line.user}], {origin}"),
    }
    return said[Token(line.entry.type)]
