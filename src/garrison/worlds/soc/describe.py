"""Readable descriptions of states, actions and events: labels, JSON-ready summaries, sentences."""

from __future__ import annotations

from typing import Any

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
        "in flight": _in_flight(static, state),
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


def _in_flight(static: Static, state: Any) -> dict[str, Any]:
    found = {}
    for agent, name in enumerate(agent_names(static)):
        if state.agent_done[agent] == L.NEVER:
            continue
        kind, target = int(state.agent_kind[agent]), int(state.agent_target[agent])
        found[name] = {
            "action": action_label(static, agent >= T.NUM_BLUE, kind, target),
            "seconds left": (int(state.agent_done[agent]) - int(state.time)) / 1000,
        }
    return found


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


def event_lines(static: Static, events: Any) -> list[str]:
    """One line per completed action of a step, with its time and outcome; waiting is left out."""
    events = jax.tree.map(np.asarray, events)
    names, lines = agent_names(static), []
    for row, agent in enumerate(events.agent.tolist()):
        if agent < 0:
            continue
        kind, red = int(events.kind[row]), agent >= T.NUM_BLUE
        idle = (R.Red.WAIT, R.Red.LIE_LOW) if red else (B.Blue.WAIT, B.Blue.WATCH)
        if kind in (int(one) for one in idle):
            continue
        outcome = A.Outcome(int(events.outcome[row])).name.lower()
        label = action_label(static, red, kind, int(events.target[row]))
        lines.append(f"{events.time[row] / 1000:.1f} s: {names[agent]}: {label}: {outcome}")
    return lines
