"""What network sensors saw, as Suricata's EVE or Zeek's logs, and lines of all other sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.tables.hosts import Port
from garrison.worlds.soc.tables.tokens import Token

if TYPE_CHECKING:
    from garrison.worlds.soc.text.render import Line

_APPS = {
    Token.FLOW_HTTP: "http",
    Token.FLOW_SMB: "smb",
    Token.FLOW_RDP: "rdp",
    Token.FLOW_SSH: "ssh",
    Token.FLOW_KERB: "krb5",
    Token.FLOW_OT: "s7comm",
    Token.FLOW_LARGE: "http",
    Token.DNS: "dns",
    Token.OT_WRITE: "s7comm",
}


def _ends(line: Line) -> tuple[str, str]:
    """Source and destination: flows come to the host where they are recorded; large ones and dns leave it."""
    if line.entry.type in (Token.FLOW_LARGE, Token.DNS):
        return line.address, line.other_address
    return line.other_address, line.address


def _app(line: Line) -> str:
    return "modbus" if line.entry.port == Port.MODBUS else _APPS.get(Token(line.entry.type), "failed")


def eve(line: Line) -> str:
    """The event in Suricata's EVE JSON."""
    type, (source, target) = Token(line.entry.type), _ends(line)
    event: dict[str, Any] = {
        "timestamp": line.time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+0000",
        "flow_id": line.record * 65_536 + line.pid,
        "src_ip": source,
        "src_port": line.source_port,
        "dest_ip": target,
        "dest_port": 53 if type == Token.DNS else line.port,
        "proto": "UDP" if type == Token.DNS else "TCP",
    }
    if type == Token.DNS:
        event |= {"event_type": "dns", "dns": {"type": "query", "rrname": _query(line), "rrtype": "A"}}
    elif type == Token.IDS:
        alert = {"signature_id": 2_000_000 + line.choice, "signature": "suspicious exploit attempt"}
        event |= {"event_type": "alert", "alert": {**alert, "severity": 2, "action": "allowed"}}
    elif type == Token.OT_WRITE:
        event |= {"event_type": "s7comm", "s7comm": {"function": "write_var", "area": "DB"}}
    elif type == Token.FLOW_SCAN:
        flow = {"pkts_toserver": 100 + line.choice, "pkts_toclient": line.choice // 8, "state": "new"}
        event |= {"event_type": "flow", "app_proto": "failed", "flow": flow}
    else:
        flow = {"bytes_toserver": line.bytes, "bytes_toclient": line.bytes // 3, "state": "closed"}
        event |= {"event_type": "flow", "app_proto": _app(line), "flow": flow}
    return json.dumps(event, separators=(",", ":"))


def zeek(line: Line) -> str:
    """The line of Zeek's log in JSON: ``conn``, ``dns``, ``modbus``, ``s7comm`` or ``notice``."""
    type, (source, target) = Token(line.entry.type), _ends(line)
    uid = f"C{line.record:05d}{line.pid:05d}"
    event: dict[str, Any] = {
        "ts": round(line.time.timestamp(), 3),
        "uid": uid,
        "id.orig_h": source,
        "id.orig_p": line.source_port,
        "id.resp_h": target,
        "id.resp_p": 53 if type == Token.DNS else line.port,
    }
    if type == Token.DNS:
        log, more = "dns", {"proto": "udp", "query": _query(line), "qtype_name": "A"}
    elif type == Token.IDS:
        log, more = "notice", {"note": "Signatures::Sensitive_Signature", "msg": "suspicious exploit attempt"}
    elif type in (Token.OT_WRITE, Token.FLOW_OT):
        log = "modbus" if line.entry.port == Port.MODBUS else "s7comm"
        more = {"func": "write" if type == Token.OT_WRITE else "read"}
    else:
        state = "S0" if type == Token.FLOW_SCAN else "SF"
        log, more = "conn", {"proto": "tcp", "service": _app(line), "conn_state": state}
        more |= {"orig_bytes": line.bytes, "resp_bytes": line.bytes // 3}
    return json.dumps({"_path": log, **event, **more}, separators=(",", ":"))


def _query(line: Line) -> str:
    return f"host-{line.record % 97}.example"


def other(line: Line) -> str:
    """A line of EDR, deception, the historian, the mailbox for reports, or monitoring."""
    type = Token(line.entry.type)
    event: dict[str, Any] = {"time": line.time.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": line.host}
    event |= {
        Token.EDR_ALERT: {
            "source": "edr",
            "alert": "suspicious behavior",
            "process": line.process,
            "pid": line.pid,
            "user": line.user,
        },
        Token.DECOY_TOUCH: {
            "source": "deception",
            "alert": "decoy service touched",
            "peer": line.other_address,
        },
        Token.HONEYTOKEN_USE: {
            "source": "deception",
            "alert": "honeytoken used",
            "account": line.user,
            "peer": line.other_address,
        },
        Token.OT_ALARM: {"source": "historian", "alert": "process value out of range"},
        Token.MAIL_REPORT: {"source": "mail", "alert": "suspicious mail reported", "by": line.user},
        Token.HOST_DOWN: {"source": "monitoring", "alert": "host is down", "address": line.address},
    }[type]
    return json.dumps(event | {"severity": int(K.SEVERITY[type])}, separators=(",", ":"))
