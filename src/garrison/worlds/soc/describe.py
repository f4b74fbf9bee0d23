"""Readable descriptions of states, actions and events: labels, JSON-ready summaries, sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from garrison.worlds.soc.layout import layout
from garrison.worlds.soc.legal import action_list
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.tables import actions as A
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import laws as L
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import routes
from garrison.worlds.soc.tables import scenarios as S


def host_names(static: Static) -> list[str]:
    """Names of the slots: the zone, and the number within it."""
    lay = layout(static)
    return [f"{T.ZONE_NAMES[z]}_{n}" for z, n in zip(lay.zone.tolist(), lay.place.tolist(), strict=True)]


def agent_names(static: Static) -> list[str]:
    reds = ["red"] if static.reds == 1 else [f"red_{i}" for i in range(static.reds)]
    return [*T.BLUE_AGENTS, *reds]


def action_label(static: Static, red: bool, kind: int, target: int) -> str:
    """Label of an action, such as ``"Isolate corporate_3"`` or ``"RotateKerberos corp_user"``."""
    if kind == (R.Red.CONTINUE if red else B.Blue.CONTINUE):
        return "Continue"
    row = R.ROWS[R.Red(kind)] if red else B.ROWS[B.Blue(kind)]
    if row.target == A.Target.NONE:
        return row.name
    names = {A.Target.HOST: host_names(static), A.Target.ZONE: T.ZONE_NAMES, A.Target.SCOPE: T.SCOPE_NAMES}
    return f"{row.name} {names[row.target][target]}"


def action_labels(static: Static, agent: int) -> list[str]:
    """One label per action in index order."""
    table = action_list(static, agent).tolist()
    return [action_label(static, agent >= T.NUM_BLUE, kind, target) for kind, target in table]


def state_summary(static: Static, episode: Any) -> dict[str, Any]:
    """JSON-ready summary: time, goal, levels, budgets, actions in flight, credentials, and all hosts."""
    episode = jax.tree.map(np.asarray, episode)
    state, options = episode.state, episode.options
    names = agent_names(static)
    held = state.token_epoch >= 0
    return {
        "seconds": int(state.time) / 1000,
        "horizon": int(options.horizon) / 1000,
        "scenario": S.Scenario(int(options.scenario)).name.lower(),
        "network": int(episode.topology.number),
        "over": bool(state.terminated | state.truncated),
        "goal reached": bool(state.terminated),
        "levels": {
            name: routes.Level(int(level)).name.lower()
            for name, level in zip(T.ZONE_NAMES, state.zone_level, strict=False)
        },
        "funds": {
            side: int(amount) // A.FUNDS_UNIT
            for side, amount in zip(("blue", "red"), state.funds, strict=True)
        },
        "energy": {
            name: int(amount) // A.ENERGY_UNIT for name, amount in zip(names, state.energy, strict=True)
        },
        "in flight": {
            name: {"action": label, "seconds left": left / 1000}
            for name, label, _, left in in_flight(static, state)
        },
        "credentials held": [
            [name for name, has in zip(T.SCOPE_NAMES, row, strict=True) if has] for row in held
        ],
        "units exfiltrated": int(state.loot),
        "plant": {v.name.lower(): int(x) / 1000 for v, x in zip(S.Variable, state.plant_value, strict=True)},
        "hosts": {
            name: _host(episode.topology, state, h)
            for h, name in enumerate(host_names(static))
            if state.host_exists[h]
        },
    }


def in_flight(static: Static, state: Any) -> Iterator[tuple[str, str, int, int]]:
    """Actions in flight of a state in NumPy: agent, label, host or ``NO_HOST``, milliseconds left."""
    for agent, name in enumerate(agent_names(static)):
        if state.agent_done[agent] == L.NEVER:
            continue
        kind, target = int(state.agent_kind[agent]), int(state.agent_target[agent])
        host = target if on_host(agent, kind) else T.NO_HOST
        label = action_label(static, agent >= T.NUM_BLUE, kind, target)
        yield name, label, host, int(state.agent_done[agent]) - int(state.time)


def _host(topology: Any, state: Any, h: int) -> dict[str, Any]:
    """What a host is, and what is not ordinary about it."""
    flags = {
        "encrypted": state.host_encrypted[h],
        "implant": state.host_implant[h],
        "sensor killed": state.host_sensor_killed[h],
        "EDR": state.host_edr[h],
        "honeytoken": state.host_honeytoken[h],
    }
    found: dict[str, Any] = {
        "role": T.Role(int(state.host_role[h])).name.lower(),
        "system": T.Os(int(topology.host_os[h])).name.lower(),
        "weight": int(state.host_weight[h]),
        "status": T.Status(int(state.host_status[h])).name.lower(),
        "red": T.Privilege(int(state.host_priv[h])).name.lower(),
        "verdict": B.Verdict(int(state.view_verdict[h])).name.lower(),
    }
    if state.host_decoy[h]:
        found["decoy"] = B.Decoy(int(state.host_decoy[h])).name.lower()
    if state.host_data[h]:
        found["data left"] = int(state.host_data[h]) - int(state.host_taken[h])
    return found | {name: True for name, there in flags.items() if there}


class Changes(NamedTuple):
    """What differs between two states: slots of hosts, numbers of zones, scopes and variables."""

    root: list[int]  # red has root, and had not
    session: list[int]  # red has a user session, and had none
    lost: list[int]  # red has no session, and had one
    encrypted: list[int]
    decrypted: list[int]
    exfiltrated: list[int]  # once per unit of data
    isolated: list[int]
    verdicts: list[int]  # with a new verdict
    off: list[int]  # switched off by its user
    on: list[int]
    arrived: list[int]
    stolen: list[int]  # scopes of which red holds a credential, and held none
    worthless: list[int]  # scopes whose credential red held, which was rotated or expired
    levels: list[int]  # zones with another level
    alarms: list[int]  # variables of the plant whose readings became alarming
    goal: bool  # red reached its goal


def changes(was: Any, now: Any) -> Changes:
    """What differs between two states in NumPy."""
    held, priv = was.host_priv > 0, now.host_priv
    root, both = T.Privilege.ROOT, was.host_exists & now.host_exists
    off = [(state.host_status == T.Status.OFF) & state.host_exists for state in (was, now)]
    good = [((s.token_epoch >= 0) & (s.token_epoch == s.scope_epoch)).any(axis=0) for s in (was, now)]
    alarm = [_alarming(state.plant_value) for state in (was, now)]
    units = np.maximum(now.host_taken.astype(int) - was.host_taken, 0) if now.loot > was.loot else [0]
    judged = (now.view_verdict_time != was.view_verdict_time) | (now.view_verdict != was.view_verdict)
    listed = lambda mask: np.flatnonzero(mask).tolist()  # noqa: E731
    return Changes(
        root=listed((priv == root) & (was.host_priv != root)),
        session=listed((priv > 0) & (priv < root) & ~held),
        lost=listed(held & (priv == 0)),
        encrypted=listed(now.host_encrypted & ~was.host_encrypted),
        decrypted=listed(was.host_encrypted & ~now.host_encrypted),
        exfiltrated=[host for host, count in enumerate(units) for _ in range(int(count))],
        isolated=listed((now.host_status == T.Status.ISOLATED) & (was.host_status != T.Status.ISOLATED)),
        verdicts=listed(judged & (now.view_verdict > 0)),
        off=listed(off[1] & ~off[0] & both),
        on=listed(off[0] & (now.host_status == T.Status.ONLINE) & both),
        arrived=listed(now.host_exists & ~was.host_exists),
        stolen=listed(good[1] & ~good[0]),
        worthless=listed(good[0] & ~good[1]),
        levels=listed(now.zone_level != was.zone_level),
        alarms=listed(alarm[1] & ~alarm[0]),
        goal=bool(now.terminated & ~was.terminated),
    )


def _alarming(value: np.ndarray) -> np.ndarray:
    return (value < S.PLANT_ALARM[:, 0]) | (value > S.PLANT_ALARM[:, 1])


_WAITING = {(False, int(kind)) for kind in (B.Blue.WAIT, B.Blue.WATCH)}
_WAITING |= {(True, int(kind)) for kind in (R.Red.WAIT, R.Red.LIE_LOW)}
_OUTCOMES = {
    A.Outcome.BLOCKED: "blocked, by a rule, a missing credential or resource",
    A.Outcome.GONE: "its target is gone",
    A.Outcome.CAUGHT: "caught by deception",
    A.Outcome.ABORTED: "aborted, as blue interrupted it",
}


def on_host(agent: int, kind: int) -> bool:
    """Whether actions of a kind of an agent have a host as their target; not of agent -1, nobody."""
    if agent < 0:
        return False
    row = R.ROWS[R.Red(kind)] if agent >= T.NUM_BLUE else B.ROWS[B.Blue(kind)]
    return row.target == A.Target.HOST


def event_lines(static: Static, before: Any, after: Any, events: Any) -> list[str]:
    """A step in sentences: actions that ended, waiting left out, with their times, and what changed.

    Changes have the time of the step's end, which is that of the actions that caused them.
    """
    was, now, events = jax.tree.map(np.asarray, (before.state, after.state, events))
    names, lines = agent_names(static), []
    for row, agent in enumerate(events.agent.tolist()):
        kind, red = int(events.kind[row]), agent >= T.NUM_BLUE
        if agent < 0 or (red, kind) in _WAITING:
            continue
        outcome = A.Outcome(int(events.outcome[row]))
        said = _OUTCOMES.get(outcome, outcome.name.lower())
        label = action_label(static, red, kind, int(events.target[row]))
        lines.append(f"{events.time[row] / 1000:.1f} s: {names[agent]}: {label}: {said}")
    time = f"{int(now.time) / 1000:.1f} s"
    lines += [f"{time}: {line}" for line in _consequences(static, was, now)]
    if now.truncated and not was.truncated:
        lines.append(f"{time}: the time is over, and red has not reached its goal")
    return lines


def _consequences(static: Static, was: Any, now: Any) -> Iterator[str]:
    """What changed, red's gains first."""
    names, found = host_names(static), changes(was, now)
    for host in found.root:
        yield f"{names[host]}: red has root" + (" (was a user session)" if was.host_priv[host] else "")
    yield from (f"{names[host]}: red has a user session" for host in found.session)
    yield from (f"{names[host]}: red encrypted it, so it is down" for host in found.encrypted)
    for host in found.exfiltrated:
        yield f"{names[host]}: red took a unit of data, {int(now.loot)} in all"
    yield from (f"red has a credential for {T.SCOPE_NAMES[scope]}" for scope in found.stolen)
    for variable in found.alarms:
        value = int(now.plant_value[variable]) / 1000
        yield f"plant: {S.Variable(variable).name.lower()} is alarming, at {value:.0f}"
    if found.goal:
        yield "red reached its goal, and the episode ends"
    for host in found.verdicts:
        yield f"{names[host]}: blue's verdict is {B.Verdict(int(now.view_verdict[host])).name.lower()}"
    yield from (f"{names[host]}: red is out" for host in found.lost)
    yield from (f"{names[host]}: decrypted from a backup" for host in found.decrypted)
    yield from (
        f"red has no valid credential for {T.SCOPE_NAMES[scope]} any more" for scope in found.worthless
    )
    for zone in found.levels:
        level = routes.Level(int(now.zone_level[zone])).name.lower()
        yield f"{T.ZONE_NAMES[zone]}: inbound traffic is {level}"
    yield from (f"{names[host]}: its user switched it off" for host in found.off)
    yield from (f"{names[host]}: it is online again" for host in found.on)
    yield from (f"{names[host]}: a visitor's device arrived" for host in found.arrived)
