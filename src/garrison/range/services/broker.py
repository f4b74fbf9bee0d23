"""Broker of a host, on a local socket: a confused deputy that believes the role its caller names (CWE-441).

It alone reads the root nonce.
"""

from __future__ import annotations

import secrets

from garrison.range.net import Stream
from garrison.range.services.host import Host, mac, source_of, ticket, valid

GRANTS = {"GRANT": "grant", "IMPERSONATE": "impersonate", "DRIVER": "driver"}
EDR_STOPS = 600  #: thousandths of encryptions that a watcher stops
#: what a user of the host does -> its line
NOTES = {
    "proc_create": ("audit", 'type=EXECVE exe="office" uid=1000'),
    "proc_access": ("audit", 'type=PTRACE exe="backup agent" uid=0'),
    "net_connect": ("audit", 'type=CONNECT exe="browser" uid=1000'),
    "file_burst": ("audit", 'type=RENAME exe="archiver" count=200 uid=0'),
    "priv_assign": ("audit", 'type=SETUID exe="sudo" uid=0'),
    "svc_change": ("audit", 'type=SERVICE unit="update" uid=0'),
    "auth_ok": ("auth", "Accepted password for user"),
    "auth_fail": ("auth", "Failed password for user"),
    "auth_explicit": ("auth", "Accepted explicit credentials for admin"),
    "kerb_tgt": ("kdc", "AS_REQ ISSUE user"),
    "ntlm": ("kdc", "NTLM validated admin"),
    "edr_alert": ("edr", "alert process=office"),
    "ot_write": ("plant", "write setpoints from engineering client"),
    "mail_report": ("mail", "report: suspicious message"),
    "decoy_touch": ("trap", "decoy touched from 255"),
    "dns": ("dns", "query[A] news.example from localhost"),
    "ids": ("ids", "signature user agent"),
}


def handle(host: Host, stream: Stream) -> None:
    """Answer one request."""
    verb, _, words = stream.line().partition(" ")
    stream.send(_answer(host, verb, words))


def _answer(host: Host, verb: str, words: str) -> str:
    first, _, rest = words.partition(" ")
    if verb == "NOTE":
        if first in NOTES:
            host.log(*NOTES[first])
        return "200"
    if verb == "ADMIT":
        return _admit(host, first, rest)
    if verb in GRANTS:
        return _grant(host, GRANTS[verb], first, rest)
    if host.session(first) != "root":
        return "401"
    if verb == "DUMP":
        return _dump(host)
    if verb == "ENCRYPT":
        return _encrypt(host)
    if verb == "KILL":
        host.log("audit", 'type=SERVICE unit="sensor" uid=0')
        host.set_flag("sensor_killed", 1)
        return f"200 {host.nonce('root/root')}"
    if verb == "FORGE" and host.spec["controller"]:
        text = f"hash.{host.spec['zone']}.{rest}"
        return f"200 {text}.{mac(host.episode, text)}"
    return "400"


def _grant(host: Host, kind: str, role: str, session: str) -> str:
    if not host.session(session):
        return "401"
    host.log("audit", 'type=EXECVE exe="broker client" uid=1000')
    host.log("edr", "alert process=broker client")
    # the flaw: the role is the caller's word for it
    if kind not in host.spec["local"] or role != "admin":
        return "403"
    host.log("audit", 'type=SETUID exe="broker" uid=0')
    return f"200 {host.nonce('root/root')} {host.open_session('root', kind)}"


def _dump(host: Host) -> str:
    host.log("audit", 'type=PTRACE exe="memory reader" uid=0')
    host.log("audit", 'type=EXECVE exe="memory reader" uid=0')
    host.log("edr", "alert process=memory reader")
    cached = [name for bit, name in enumerate(host.spec["scopes"]) if host.flag("cached") >> bit & 1]
    stolen = [ticket(host.episode, name, host.spec["lifetimes"][name], host.node) for name in cached]
    if host.flag("honeytoken"):
        stolen.append(ticket(host.episode, "honey", 1e6, host.node))
    return " ".join(["200", host.nonce("root/root"), *stolen])


def _encrypt(host: Host) -> str:
    host.log("audit", 'type=RENAME exe="archiver" count=900 uid=0')
    watched = host.flag("edr") and not host.flag("sensor_killed")
    if watched and secrets.randbelow(1000) < EDR_STOPS:
        host.log("edr", "alert process=archiver")
        return "403"
    host.log("audit", 'type=SERVICE unit="volume" uid=0')
    host.set_flag("encrypted", 1)
    return f"200 {host.nonce('root/root')}"


def _admit(host: Host, verb: str, credential: str) -> str:
    """Logon by a ticket of the zone's scope, or by a hash that a controller of the zone gave away."""
    if verb == "HASH":
        host.log("kdc", "NTLM validated admin")
        text, _, signature = credential.rpartition(".")
        zone = text.split(".")[1] if text.count(".") == 2 else ""
        good = (
            signature == mac(host.episode, text) and zone == str(host.spec["zone"]) and host.spec["windows"]
        )
        if not good:
            return "401"
        host.log("auth", "Accepted hash for admin")
        return f"200 {host.nonce('root/root')} {host.open_session('root', 'hash')}"
    if credential.startswith("honey."):
        host.log("trap", f"honeytoken used from {source_of(credential)}")
        return "499"
    host.log("kdc", "AS_REQ ISSUE admin")
    scope = valid(host.episode, credential) if credential.count(".") >= 5 else ""
    if scope not in (host.spec["admin_scope"], host.spec["person_scope"]) or not scope:
        return "401"
    host.log("auth", "Accepted explicit credentials for admin")
    host.log("kdc", "NTLM validated admin")
    if scope != host.spec["admin_scope"]:
        return "202"
    return f"200 {host.nonce('root/root')} {host.open_session('root', 'ticket')}"
