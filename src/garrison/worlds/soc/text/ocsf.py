"""Events in the Open Cybersecurity Schema Framework, https://schema.ocsf.io, version 1.3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.tables.tokens import Token

if TYPE_CHECKING:
    from garrison.worlds.soc.text.render import Line

_NETWORK, _DNS, _AUTH = (4001, 4003, 3002)
_PROCESS, _FILE, _FINDING, _DEVICE = (1007, 1001, 2004, 5001)
#: class, activity and name of each type
CLASSES: dict[Token, tuple[int, int]] = {
    **dict.fromkeys(
        (
            *(Token.FLOW_HTTP, Token.FLOW_SMB, Token.FLOW_RDP, Token.FLOW_SSH, Token.FLOW_KERB),
            *(Token.FLOW_OT, Token.FLOW_LARGE, Token.OT_WRITE),
        ),
        (_NETWORK, 6),  # traffic
    ),
    Token.FLOW_SCAN: (_NETWORK, 4),  # fail
    Token.NET_CONNECT: (_NETWORK, 1),  # open
    Token.DNS: (_DNS, 1),  # query
    Token.IDS: (_FINDING, 1),  # create, as of the findings below
    Token.PROC_CREATE: (_PROCESS, 1),  # launch
    Token.PROC_ACCESS: (_PROCESS, 3),  # open
    Token.SVC_CHANGE: (_PROCESS, 2),  # terminate
    Token.FILE_BURST: (_FILE, 3),  # update
    Token.PRIV_ASSIGN: (_AUTH, 99),
    Token.AUTH_OK: (_AUTH, 1),  # logon
    Token.AUTH_FAIL: (_AUTH, 1),
    Token.AUTH_EXPLICIT: (_AUTH, 1),
    Token.KERB_TGT: (_AUTH, 3),  # authentication ticket
    Token.NTLM: (_AUTH, 1),
    **dict.fromkeys(
        (Token.EDR_ALERT, Token.DECOY_TOUCH, Token.HONEYTOKEN_USE, Token.OT_ALARM, Token.MAIL_REPORT),
        (_FINDING, 1),
    ),
    Token.HOST_DOWN: (_DEVICE, 1),
}
_SENSORS = ("", "network sensor", "host sensor", "directory", "EDR", "deception", "OT", "mail", "monitoring")


def severity(type: int) -> int:
    """OCSF's severity of a type: 1 informational to 5 critical."""
    return (1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)[int(K.SEVERITY[type])]


def line(line: Line) -> str:
    """The event as JSON."""
    type = Token(line.entry.type)
    class_uid, activity = CLASSES[type]
    event: dict[str, Any] = {
        "activity_id": activity,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "type_uid": 100 * class_uid + activity,
        "severity_id": severity(type),
        "status_id": 2 if type == Token.AUTH_FAIL else 1,
        "time": int(line.time.timestamp() * 1000),
        "metadata": {
            "version": "1.3.0",
            "uid": f"{line.record}-{line.pid}",
            "product": {"name": _SENSORS[K.SENSOR[type]], "vendor_name": "Garrison"},
            "log_name": type.name.lower(),
        },
        "device": {"hostname": line.host, "ip": line.address, "type_id": 0},
    }
    if class_uid in (_NETWORK, _DNS):
        event["src_endpoint"] = {"ip": line.other_address, "port": line.source_port}
        event["dst_endpoint"] = {"ip": line.address, "port": 53 if type == Token.DNS else line.port}
    if class_uid == _DNS:
        event["query"] = {"hostname": f"host-{line.record % 97}.example", "type": "A"}
    if class_uid == _NETWORK:
        event["traffic"] = {"bytes": line.bytes}
    if class_uid == _AUTH:
        event["user"] = {"name": line.user}
        event["src_endpoint"] = {"ip": line.other_address, "port": line.source_port}
    if class_uid == _PROCESS:
        event["process"] = {"name": line.process, "pid": line.pid}
        event["actor"] = {"user": {"name": line.user}}
    if class_uid == _FILE:
        event["file"] = {"name": f"{line.record}.docx", "type_id": 1}
        event["actor"] = {"process": {"name": line.process, "pid": line.pid}, "user": {"name": line.user}}
    if class_uid == _FINDING:
        event["finding_info"] = {"title": type.name.lower().replace("_", " "), "uid": f"{line.record}"}
    return json.dumps(event, separators=(",", ":"))
