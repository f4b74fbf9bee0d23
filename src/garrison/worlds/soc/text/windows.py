"""Events of Windows: the security log and Sysmon, as XML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from garrison.worlds.soc.tables.tokens import Token

if TYPE_CHECKING:
    from garrison.worlds.soc.text.render import Line

_SECURITY, _SYSMON = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Sysmon"
_MANAGER = "Service Control Manager"
_CHANNEL = {
    _SECURITY: "Security",
    _SYSMON: "Microsoft-Windows-Sysmon/Operational",
    _MANAGER: "System",
}
_FLOWS = (
    *(Token.FLOW_HTTP, Token.FLOW_SMB, Token.FLOW_RDP, Token.FLOW_SSH, Token.FLOW_KERB, Token.FLOW_OT),
    *(Token.FLOW_SCAN, Token.FLOW_LARGE),
)
NETWORK = frozenset((*_FLOWS, Token.DNS))  #: what Sysmon sees of the network
#: provider and number of the events that a token can be, by type
EVENTS: dict[Token, tuple[tuple[str, int], ...]] = {
    Token.PROC_CREATE: ((_SYSMON, 1), (_SECURITY, 4688)),
    Token.PROC_ACCESS: ((_SYSMON, 10),),
    Token.NET_CONNECT: ((_SYSMON, 3), (_SECURITY, 5156)),
    Token.FILE_BURST: ((_SYSMON, 11),),
    Token.PRIV_ASSIGN: ((_SECURITY, 4672),),
    Token.SVC_CHANGE: ((_MANAGER, 7036),),
    Token.AUTH_OK: ((_SECURITY, 4624),),
    Token.AUTH_FAIL: ((_SECURITY, 4625),),
    Token.AUTH_EXPLICIT: ((_SECURITY, 4648),),
    Token.KERB_TGT: ((_SECURITY, 4768),),
    Token.NTLM: ((_SECURITY, 4776),),
    Token.DNS: ((_SYSMON, 22),),
    **dict.fromkeys(_FLOWS, ((_SYSMON, 3),)),
}
_FOLDER = r"C:\Windows\System32"
_DOMAIN = "CORP"


def line(line: Line) -> str:
    """The event as XML on one line."""
    events = EVENTS[Token(line.entry.type)]
    provider, number = events[line.choice % len(events)]
    data = "".join(f'<Data Name="{name}">{escape(str(value))}</Data>' for name, value in _data(line, number))
    time = line.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{line.time.microsecond // 1000:03d}Z"
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        f'<Provider Name="{provider}"/><EventID>{number}</EventID><TimeCreated SystemTime="{time}"/>'
        f"<EventRecordID>{line.record}</EventRecordID><Channel>{_CHANNEL[provider]}</Channel>"
        f"<Computer>{line.host}</Computer></System><EventData>{data}</EventData></Event>"
    )


def _data(line: Line, number: int) -> list[tuple[str, object]]:
    image, user = rf"{_FOLDER}\{line.process}", rf"{_DOMAIN}\{line.user}"
    account: list[tuple[str, object]] = [("TargetUserName", line.user), ("TargetDomainName", _DOMAIN)]
    origin: list[tuple[str, object]] = [
        ("IpAddress", line.other_address),
        ("IpPort", 0 if line.other_address == "-" else line.source_port),
    ]
    flow: list[tuple[str, object]] = [
        ("SourceIp", line.address),
        ("SourcePort", line.source_port),
        ("DestinationIp", line.other_address),
        ("DestinationPort", line.port),
    ]
    return {
        1: [("ProcessId", line.pid), ("Image", image), ("User", user), ("ParentProcessId", line.parent)],
        3: [("ProcessId", line.pid), ("Image", image), ("User", user), ("Protocol", "tcp"), *flow],
        10: [
            ("SourceProcessId", line.pid),
            ("TargetImage", image),
            ("GrantedAccess", "0x1410"),
            ("SourceUser", user),
        ],
        11: [("ProcessId", line.pid), ("Image", image), ("TargetFilename", rf"D:\share\{line.record}.docx")],
        22: [("ProcessId", line.pid), ("QueryName", f"host-{line.record % 97}.example"), ("QueryStatus", 0)],
        4624: [*account, ("LogonType", 3), ("LogonProcessName", line.process), *origin],
        4625: [*account, ("LogonType", 3), ("Status", "0xc000006d"), *origin],
        4648: [("SubjectUserName", line.user), *account, ("ProcessName", image), *origin],
        4672: [("SubjectUserName", line.user), ("PrivilegeList", "SeDebugPrivilege SeTcbPrivilege")],
        4688: [("SubjectUserName", line.user), ("NewProcessName", image), ("NewProcessId", hex(line.pid))],
        4768: [*account, ("ServiceName", "krbtgt"), ("TicketEncryptionType", "0x12"), *origin],
        4776: [("PackageName", "NTLM"), *account, ("Workstation", line.other_host or line.host)],
        5156: [("ProcessID", line.pid), ("Application", image), ("Direction", "outbound"), *flow],
        7036: [("param1", line.process), ("param2", "running" if line.choice & 1 else "stopped")],
    }[number]
