"""The recorded side in the compared form (see :mod:`garrison.parity.replay.compare`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from garrison.parity.recording.network import HOST_SLOT
from garrison.parity.recording.trace import TraceStep
from garrison.worlds.cc4 import tables as T

_FALSE_ALARM = {
    "GreenLocalWork.py:112": "green_work_alarm",
    "GreenAccessService.py:207": "green_access_alarm",
}


# User, type, decoy and ports of a Vsftpd decoy in CybORG. Not shared with Garrison's side: an
# independent oracle has no constants in common with what it checks.
_VSFTPD = ("ubuntu", "WEBSERVER", True, [80])


class Recorded:
    """Brings recorded snapshots of one episode into the compared form; unchanged hosts are done once.

    Args:
        red: the recorded red, by name.
    """

    def __init__(self, red: str):
        self._counts_calls = red not in ("random_select", "sleep")
        self._hosts: dict[str, tuple[dict, dict]] = {}  # by name: as recorded, as compared

    def snapshot(self, snapshot: dict) -> dict[str, Any]:
        suspicious = _suspicious(snapshot["sessions"])
        return {
            "step": snapshot["step"],
            "phase": snapshot["phase"],
            "overflow": 0,
            "blocks": {to: sorted(sources) for to, sources in snapshot["blocks"].items() if sources},
            "busy": {agent: entry for agent, entry in snapshot["busy"].items() if entry},
            "hosts": {
                name: self._host(name, host, suspicious.get(name, ()))
                for name, host in snapshot["hosts"].items()
            },
            "sessions": {agent: _sessions(agent, table) for agent, table in snapshot["sessions"].items()},
            "session_counts": snapshot["session_counts"],
            "red": {agent: self._knowledge(known) for agent, known in snapshot["red"].items()},
        }

    def _host(self, name: str, host: dict, suspicious: Collection[int]) -> dict[str, Any]:
        """``suspicious``: pids on it that blue knows. Whether they have one changes with the host alone."""
        seen, form = self._hosts.get(name, (None, {}))
        if seen is not host:
            form = _host(name, host, suspicious)
            self._hosts[name] = (host, form)
        return form

    def _knowledge(self, known: dict) -> dict[str, Any]:
        sets = {key: sorted(known[key]) for key in ("known_subnets", "known_ips", "known_hostnames")}
        calls = known["fsm_calls"] if self._counts_calls else 0
        return known | sets | {"fsm_calls": calls}


def _suspicious(sessions: dict[str, list]) -> dict[str, set[int]]:
    """Pids that blue's agents have seen, by host. Only their sessions 0 note them, wherever those stand."""
    known = [session[7] for agent in T.BLUE_AGENTS for session in sessions[agent]]
    return {host: set(pids) for hosts in known for host, pids in hosts.items()}


def _host(name: str, host: dict, suspicious: Collection[int]) -> dict[str, Any]:
    files = Counter(host["files"])
    of_services = {entry[0] for entry in host["services"].values()}
    processes = [_process(*process) for process in host["processes"]]
    orphans = [
        pid
        for pid, *what in processes
        if tuple(what) == _VSFTPD and pid not in of_services and pid not in suspicious
    ]
    return {
        "services": [[key, *entry] for key, entry in host["services"].items()],
        "processes": [process for process in processes if process[0] not in orphans],
        "orphans": [len(orphans), max(orphans, default=0)],
        "sessions": {agent: ids for agent, ids in host["sessions"].items() if ids},
        "events": _events(HOST_SLOT[name], **host["events"]),
        "files": {"cmd.sh": 0, "escalate.sh": 0} | files,
    }


def _process(pid: int, user: str, kind: str | None, decoy: bool, ports: list) -> list:
    return [pid, user, kind if ports else None, decoy, ports]


def _events(host: int, network: int, old_network: int, process: list, old_process: list) -> dict[str, Any]:
    if T.HOST_BLUE[host] == T.NO_AGENT:
        return {"network": [network, old_network], "process": [len(process), len(old_process)]}
    return {"network": [network, old_network], "process": [process, old_process]}


def _sessions(agent: str, table: list) -> list:
    if not agent.startswith("red"):
        return table
    return [
        [*session[:6], {ip: sorted(set(ports)) for ip, ports in session[6].items()}, session[7]]
        for session in table
    ]


def executed(step: TraceStep, options: Any) -> dict[str, dict]:
    """The recorded actions, by agent. ``options`` gives the rates of false alarms."""
    sites = {(draw.agent, draw.site): draw.outcome for draw in step.tape}
    done = {}
    for agent, (action, parameters, result, ran, exploit) in step.executed.items():
        entry = {"action": action, "result": result}
        if agent.startswith("blue"):
            pair = [parameters.get("from_subnet"), parameters.get("to_subnet")]
            entry["target"] = pair if any(pair) else parameters.get("hostname")
        elif agent.startswith("green"):
            entry["target"] = parameters.get("dest_ip", parameters.get("ip_address"))
            entry["alarm"] = any(
                sites.get((agent, site), 1) < getattr(options, rate) for site, rate in _FALSE_ALARM.items()
            )
            entry["phished"] = (agent, "Host.py:200") in sites
        else:
            target = parameters.get("subnet") or parameters.get("ip_address") or parameters.get("hostname")
            worked = (agent, "ExploitAction.py:83") in sites
            entry |= {
                "target": target,
                "session": parameters.get("session"),
                "result": result if ran else None,
                "ran": ran,
                "exploit": exploit if action == "ExploitRemoteService" else None,
                "trapped": worked and result == "FALSE",
            }
        done[agent] = entry
    return done


def event_lines(step: TraceStep) -> list[str]:
    """The actions that CybORG executed in a step, in lines, without Sleep and successful users."""
    lines = []
    for agent, (action, parameters, result, ran, exploit) in step.executed.items():
        if action == "Sleep" or (agent.startswith("green") and result == "TRUE"):
            continue
        words = [f"{name} {value}" for name, value in parameters.items()]
        words += [] if exploit is None else [exploit]
        end = result if ran else "dropped: its session is gone"
        lines.append(f"{agent}: {action} ({', '.join(words)}): {end}")
    return lines


def at_reset(header: dict) -> dict[str, Any]:
    """The header in the compared form, without the first snapshot."""
    return {
        "observations": _padded(header["observations"], T.MAX_BLUE_OBSERVATION),
        "masks": _padded(header["action_mask"], T.MAX_BLUE_ACTIONS),
        "labels": header["action_labels"],
        "phases": header["phases"],
        "green_hosts": header["green_hosts"],
    }


def outputs(step: TraceStep, masks: dict[str, list]) -> dict[str, Any]:
    """Observations and masks with their padding, reward, and whether the episode is over."""
    return {
        "observations": _padded(step.observations, T.MAX_BLUE_OBSERVATION),
        "masks": _padded(masks, T.MAX_BLUE_ACTIONS),
        "reward": {"team": step.reward[0], "action_cost": step.reward[1]},
        "rewards": [sum(step.reward)] * T.NUM_BLUE,
        "done": step.done,
    }


def _padded(rows: dict[str, list], width: int) -> dict[str, list]:
    return {agent: row + [0] * (width - len(row)) for agent, row in rows.items()}
