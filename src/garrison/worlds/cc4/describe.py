"""Readable descriptions of states, actions and events: labels, JSON-ready summaries, sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from garrison.worlds.cc4 import recall, red_acts, red_view, rich, truth
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.events import Events


def blue_action_labels(agent: int) -> list[str]:
    """One label per action in index order; on hosts that do not exist they are masked (§7.1)."""
    rows = T.BLUE_ACTIONS[agent, : T.BLUE_ACTION_COUNTS[agent]]
    return [_blue_action_label(*(int(x) for x in row)) for row in rows]


def _blue_action_label(kind: int, host: int, source: int, target: int) -> str:
    """Label of a decoded blue action, such as ``"Restore office_network_subnet_server_host_0"``."""
    name = T.BLUE_NAMES[kind]
    if host != T.NO_HOST:
        return f"{name} {T.HOST_NAMES[host]}"
    if source != T.NO_SUBNET:
        return f"{name} {T.SUBNETS[target]} <- {T.SUBNETS[source]}"
    return name


def blue_observation_labels(agent: int, contract: str = "stock") -> list[str]:
    """One label per element of an agent's vector, in index order (§7.2, §7.6)."""
    labels = ["mission phase"]
    for subnet in T.BLUE_SUBNETS[agent]:
        own = T.SUBNETS[subnet]
        others = [T.SUBNETS[s] for s in T.ALPHABETICAL]
        hosts = [f"server_host_{i}" for i in range(T.MAX_SERVERS)]
        hosts += [f"user_host_{i}" for i in range(T.MAX_USERS)]
        labels += [f"{own} is {other}" for other in others]
        labels += [f"{own}: traffic from {other} blocked" for other in others]
        labels += [f"{own}: policy forbids {other}" for other in others]
        labels += [f"{own}_{host}: process event" for host in hosts]
        labels += [f"{own}_{host}: network event" for host in hosts]
    for other in range(T.NUM_BLUE):
        if other != agent:
            labels += [f"message of {T.BLUE_AGENTS[other]}, bit {bit}" for bit in range(T.MESSAGE_BITS)]
    if contract != "stock":
        labels += ["padding"] * (rich.START - len(labels)) + rich.labels(agent)
    if contract in recall.CONTRACTS:
        labels += ["padding"] * (recall.START - len(labels)) + recall.labels(agent)
    if contract == "true":
        labels += ["padding"] * (truth.START - len(labels)) + truth.labels(agent)
    return labels


def _red_action_label(kind: int, host: int, subnet: int) -> str:
    """Label of a red action, such as ``"Impact office_network_subnet_server_host_0"``."""
    if kind in (T.Red.SLEEP, T.Red.INVALID):
        return T.RED_NAMES[kind]
    return f"{T.RED_NAMES[kind]} {T.SUBNETS[subnet] if kind == T.Red.DISCOVER else T.HOST_NAMES[host]}"


def red_action_labels(agent: int, scripts: Sequence[str] = ()) -> list[str]:
    """One label per action of a red agent in index order (:mod:`red_view`), scripts last."""
    rows = red_view.ACTIONS[agent, : red_view.ACTION_COUNTS[agent]]
    listed = [_red_action_label(*(int(x) for x in row)) for row in rows]
    return listed + [f"Script {name}" for name in scripts]


def red_observation_labels(agent: int, observation: str = "known") -> list[str]:
    """One label per element of a red agent's vector, in index order (§11)."""
    hosts = [T.HOST_NAMES[h] for h in red_view.targets(agent)]
    labels = red_view.GENERAL + [f"{host}: {name}" for host in hosts for name in red_view.PER_TARGET]
    if observation == "known":
        return labels
    return labels + ["padding"] * (red_acts.START - len(labels)) + red_acts.labels(agent)


def _numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


def red_sessions(state: Any, agent: int) -> list[dict[str, Any]]:
    """The sessions of one red agent in CybORG's order."""
    slots = np.flatnonzero(state.session_kind[agent])
    slots = slots[np.argsort(state.session_order[agent][slots], kind="stable")]
    return [
        {
            "id": int(state.session_id[agent, k]),
            "host": T.HOST_NAMES[state.session_host[agent, k]],
            "user": T.USER_NAMES[state.session_user[agent, k]],
            "type": T.SESSION_NAMES[state.session_kind[agent, k]],
            "pid": int(state.session_pid[agent, k]),
        }
        for k in slots
    ]


def state_summary(episode: Any) -> dict[str, Any]:
    """JSON-ready summary of an episode's state: time, sessions, blocks, busy agents, hosts that changed."""
    episode = _numpy(episode)
    state, network = episode.state, episode.topology
    hosts = {}
    for h in np.flatnonzero(network.host_exists).tolist():
        entry = _host_summary(state, network, h)
        if entry:
            hosts[T.HOST_NAMES[h]] = entry
    drawn = {axis: int(number) for axis, number in (episode.entries or {}).items()}
    return {
        "step": int(state.step),
        "phase": int(state.phase),
        "hosts": int(network.host_exists.sum()),
        "blocked": [
            {"from": T.SUBNETS[source], "to": T.SUBNETS[target]}
            for target, source in zip(*np.nonzero(state.blocked), strict=True)
        ],
        "red": {
            name: {"active": bool(state.red_active[r]), "sessions": red_sessions(state, r)}
            for r, name in enumerate(T.RED_AGENTS)
        },
        "busy": _busy(state),
        "touched_hosts": hosts,
        **({"drawn": drawn} if drawn else {}),
    }


def _host_summary(state: Any, network: Any, h: int) -> dict[str, Any]:
    """Differences from a clean host; empty if there are none."""
    kinds = network.service_kind[h]
    worn = {
        T.SERVICE_NAMES[kind]: int(state.host_reliability[h, i])
        for i, kind in enumerate(kinds)
        if kind and state.host_reliability[h, i] < 100
    }
    entry = {
        "decoys": [T.DECOY_NAMES[kind] for kind in state.host_decoy[h] if kind],
        "worn_services": worn,
        "ot_stopped": bool(state.host_ot_stopped[h]),
        "network_events": int(state.host_network_events[h]),
        "process_events": int(state.host_process_events[h]),
    }
    return {name: value for name, value in entry.items() if value}


def _busy(state: Any) -> dict[str, Any]:
    return {agent: {"action": label, "ticks_left": ticks} for agent, label, _, ticks in orders(state)}


def orders(state: Any) -> Iterator[tuple[str, str, int, int]]:
    """Actions in progress, of a state in NumPy: agent, label, host or NO_HOST, ticks left."""
    for b in np.flatnonzero(state.blue_ticks):
        kind, host, source, target = (int(x) for x in T.BLUE_ACTIONS[b, state.blue_action[b]])
        label = _blue_action_label(kind, host, source, target)
        yield T.BLUE_AGENTS[b], label, host, int(state.blue_ticks[b])
    for r in np.flatnonzero(state.red_ticks):
        label = _red_action_label(state.red_kind[r], state.red_host[r], state.red_subnet[r])
        yield T.RED_AGENTS[r], label, int(state.red_host[r]), int(state.red_ticks[r])


_OUTCOMES = {T.Outcome.TRUE: "success", T.Outcome.FALSE: "failed", T.Outcome.UNKNOWN: "done"}


def _blue_events(events: Any) -> list[dict[str, Any]]:
    return [
        {
            "agent": name,
            "action": T.BLUE_NAMES[events.blue_kind[b]],
            **_where(events.blue_host[b], events.blue_from[b], events.blue_to[b]),
            "result": _OUTCOMES[events.blue_outcome[b]],
        }
        for b, name in enumerate(T.BLUE_AGENTS)
        if events.blue_kind[b] != T.Blue.SLEEP
    ]


def _where(host: int, source: int, target: int) -> dict[str, str]:
    if host != T.NO_HOST:
        return {"host": T.HOST_NAMES[host]}
    return {"from": T.SUBNETS[source], "to": T.SUBNETS[target]} if source != T.NO_SUBNET else {}


def _red_events(events: Any) -> list[dict[str, Any]]:
    records = []
    for r, name in enumerate(T.RED_AGENTS):
        kind = events.red_kind[r]
        if kind == T.Red.SLEEP:
            continue
        place = T.SUBNETS[events.red_subnet[r]] if kind == T.Red.DISCOVER else None
        place = place or (T.HOST_NAMES[events.red_host[r]] if kind != T.Red.INVALID else None)
        record = {"agent": name, "action": T.RED_NAMES[kind], "session": int(events.red_session[r])}
        if place:
            record["subnet" if kind == T.Red.DISCOVER else "host"] = place
        if events.red_exploit[r]:
            record["exploit"] = T.EXPLOIT_NAMES[events.red_exploit[r]]
        if events.red_trapped[r]:
            record["trapped_by_decoy"] = True
        dropped = not events.red_ran[r]
        record["result"] = "dropped: its session is gone" if dropped else _OUTCOMES[events.red_outcome[r]]
        records.append(record)
    return records


def event_lines(before: Any, after: Any, events: Events) -> list[str]:
    """A step in sentences: actions of the agents, and hosts that red gained or lost."""
    events = _numpy(events)
    lines = [_sentence(record) for record in _blue_events(events)] + _users_in_short(events)
    lines += [_sentence(record) for record in _red_events(events)]
    held_before, held_after = _footholds(before), _footholds(after)
    lines += [
        f"{host}: red has {held_after[host]}" + (f" (was {held_before[host]})" if host in held_before else "")
        for host in sorted(held_after)
        if held_after[host] != held_before.get(host)
    ]
    lines += [f"{host}: red is out" for host in sorted(held_before.keys() - held_after.keys())]
    phase = int(np.asarray(after.state.phase))
    if phase != int(np.asarray(before.state.phase)):
        lines.insert(0, f"mission phase {phase} begins")
    return lines


def _users_in_short(events: Any) -> list[str]:
    """Users' failures, false alarms and phishing, one line per kind: a step has dozens of such events."""
    failed = events.green_outcome == T.Outcome.FALSE
    kinds = {
        "could not do their work": failed & (events.green_kind == T.Green.WORK),
        "could not reach a server": failed & (events.green_kind == T.Green.ACCESS),
        "raised a false alarm": events.green_alarm,
        "opened a phishing mail that let red in": events.green_phished,
    }
    lines = []
    for what, mask in kinds.items():
        zones = T.HOST_SUBNET[T.GREEN_HOST[np.flatnonzero(mask)]]
        if zones.size:
            places = [f"{np.sum(zones == s)} of {T.SUBNETS[s]}" for s in np.unique(zones)]
            lines.append(f"users: {', '.join(places)} {what}")
    return lines


def _sentence(record: dict[str, Any]) -> str:
    where = record.get("host") or record.get("subnet") or ""
    if "from" in record:
        where = f"{record['from']} -> {record['to']}"
    notes = [record["exploit"]] if "exploit" in record else []
    notes += ["trapped by a decoy"] if record.get("trapped_by_decoy") else []
    detail = f" ({', '.join(notes)})" if notes else ""
    return f"{record['agent']}: {record['action']}{' ' + where if where else ''}{detail}: {record['result']}"


def _footholds(episode: Any) -> dict[str, str]:
    """Hosts with red sessions: "root" or "a shell"."""
    root, shell = footholds(_numpy(episode.state))
    return {T.HOST_NAMES[h]: "root" if root[h] else "a shell" for h in np.flatnonzero(root | shell)}


def footholds(state: Any) -> tuple[np.ndarray, np.ndarray]:
    """Hosts where red has root, and where it has a shell and no root, ``bool[host]``, of a state in NumPy."""
    held = sessions_at(state) & (state.session_kind > 0)[..., None]
    root = (held & (state.session_user == T.User.ROOT)[..., None]).any(axis=(0, 1))
    return root, held.any(axis=(0, 1)) & ~root


def sessions_at(state: Any) -> np.ndarray:
    """The host of each slot of a session, used or not, ``bool[red, session, host]``."""
    return state.session_host[..., None] == np.arange(T.NUM_HOSTS)
