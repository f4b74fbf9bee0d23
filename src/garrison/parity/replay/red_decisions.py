"""What red decides at the start of a step, as recorded: the draws of its scripted policies.

What a policy draws follows from what the agent knows, so every draw is expected by site, kind and range,
and a missing draw is as wrong as one too many. Choices with one option are not on the tape.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.parity.recording.trace import Draw
from garrison.parity.replay.step_draws import (
    StepDrawsBuilder,
    TapeError,
    check_chances,
    choice,
    describe,
    interval,
    label,
    rank,
    uniform,
)
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.agents.fsm import FsmMemory
from garrison.worlds.cc4.options import Options

FSM_SITE = "FiniteStateRedAgent.py"
RANDOM_SELECT_SITE = "RandomSelectRedAgent.py"
OWN_SITE = "reds.py"  # garrison.adapters.cyborg.reds: the choice of a host by weights, on whichever line
SITES = (FSM_SITE, RANDOM_SELECT_SITE, OWN_SITE)

_FINISHED = (T.Fsm.NONE, T.Fsm.F)
# actions that have a probability in a state, be it 0 (§5.1, the same in the discovery variant)
_LISTED = {
    T.Fsm.K: {T.Red.DISCOVER, T.Red.AGGRESSIVE, T.Red.STEALTH},
    T.Fsm.KD: {T.Red.AGGRESSIVE, T.Red.STEALTH},
    T.Fsm.S: {T.Red.DISCOVER, T.Red.EXPLOIT, T.Red.DECEPTION},
    T.Fsm.SD: {T.Red.EXPLOIT, T.Red.DECEPTION},
    T.Fsm.U: {T.Red.DISCOVER, T.Red.ESCALATE, T.Red.WITHDRAW},
    T.Fsm.UD: {T.Red.ESCALATE, T.Red.WITHDRAW},
    T.Fsm.R: {T.Red.DISCOVER, T.Red.DEGRADE, T.Red.IMPACT, T.Red.WITHDRAW},
    T.Fsm.RD: {T.Red.DEGRADE, T.Red.IMPACT, T.Red.WITHDRAW},
}
# parameters of RandomSelect's commands in constructor order (§4.1)
_PARAMETERS = {
    T.Red.DISCOVER: ("subnet", "session"),
    T.Red.AGGRESSIVE: ("session", "ip"),
    T.Red.STEALTH: ("session", "ip"),
    T.Red.DECEPTION: ("session", "ip"),
    T.Red.EXPLOIT: ("ip", "session"),
    T.Red.ESCALATE: ("hostname", "session"),
    T.Red.DEGRADE: ("hostname", "session"),
    T.Red.IMPACT: ("hostname", "session"),
    T.Red.WITHDRAW: ("session", "ip", "hostname"),
    T.Red.SLEEP: (),
}
_FIELD = {"subnet": "red_subnet", "session": "red_session", "ip": "red_host", "hostname": "red_host"}


class _Decision:
    """The recorded draws of one agent's decision, read in order."""

    def __init__(self, red: int, draws: list[Draw]):
        self.red, self._draws, self._next = red, draws, 0

    def take(self, site: str) -> Draw:
        """The next draw, which has to be at ``site``: a line of a file, or a file."""
        if self._next == len(self._draws):
            raise TapeError(f"{T.RED_AGENTS[self.red]} should draw at {site}; the tape has nothing more")
        draw = self._draws[self._next]
        if site not in (draw.site, draw.site.partition(":")[0]):
            raise TapeError(f"{describe(draw)}: a draw at {site} was expected")
        self._next += 1
        return draw

    def end(self) -> None:
        if self._next < len(self._draws):
            raise TapeError(f"{describe(self._draws[self._next])}: no draw was expected")


@partial(jax.jit, static_argnames="variant")
def _weights(options: Options, memory: FsmMemory, variant: str) -> tuple[Any, Any]:
    """Weights of hosts, ``float32[red, host]``, None if equal; of actions, ``float32[red, host, kind]``."""

    def on(host: Any) -> Any:
        return fsm.action_weight(options, memory, jnp.full(T.NUM_RED, host), variant)

    kinds = jax.vmap(on, out_axes=1)(jnp.arange(T.NUM_HOSTS, dtype=jnp.int32))
    return fsm.host_weight(options, memory, variant), kinds


def decide_fsm(turn: StepDrawsBuilder, red: int, draws: list[Draw], variant: str) -> None:
    """Lay down a decision of a finite-state red (§5.3), by a variant of :func:`fsm.choose`."""
    decision, state, memory = _Decision(red, draws), turn.state, turn.memory
    if state.red_active[red] and state.red_ticks[red] == 0:
        options = ~np.isin(memory.host_state[red], _FINISHED)
        if not options.any():
            raise TapeError(f"{T.RED_AGENTS[red]} decides but knows no host")
        by_host, by_kind = jax.device_get(_weights(turn.options, memory, variant))
        if variant == "discovery":
            host = _preferred_host(turn, decision, _state_group(turn, decision, options))
        elif by_host is None:
            host = _host(turn, decision, f"{FSM_SITE}:291", options)
        else:
            host = _weighted_host(turn, decision, np.where(options, by_host[red], 0))
        kind = _action(turn, decision, T.Fsm(memory.host_state[red, host]), by_kind[red, host])
        if kind == T.Red.DISCOVER:
            _known_subnet(turn, decision)
        _known_session(turn, decision)
    decision.end()


def _state_group(turn: StepDrawsBuilder, decision: _Decision, options: np.ndarray) -> np.ndarray:
    """The hosts among ``options`` that are in the state that the discovery variant chose."""
    red, states = decision.red, turn.memory.host_state[decision.red]
    in_order = sorted(np.flatnonzero(options), key=lambda h: turn.memory.order[red, h])
    present = list(dict.fromkeys(int(states[h]) for h in in_order))
    chosen = present[0]
    if len(present) > 1:
        ranked = sorted(present)  # our order of picking
        weights = np.asarray(turn.options.red_priority)[ranked]
        weighted = weights.sum() > 0
        draw = decision.take(f"{FSM_SITE}:{269 if weighted else 271}")
        chosen = present[choice(draw, len(present), "choice_p" if weighted else "choice")]
        label(draw, T.Fsm(chosen).name)
        weights = weights if weighted else np.ones(len(ranked))
        turn.put(draw, "red_group", red, interval(ranked.index(chosen), weights))
    return options & (states == chosen)


def _preferred_host(turn: StepDrawsBuilder, decision: _Decision, group: np.ndarray) -> int:
    red = decision.red
    servers = group & turn.memory.hostname[red] & T.IS_SERVER
    if group.sum() == 1:
        return int(np.argmax(group))
    if not servers.any():
        return _host(turn, decision, f"{FSM_SITE}:289", group)
    draw = decision.take(f"{FSM_SITE}:278")
    turn.put(draw, "red_server", red, uniform(draw))
    if draw.outcome <= turn.options.red_server_preference:
        return _host(turn, decision, f"{FSM_SITE}:280", servers)
    if np.array_equal(servers, group):
        return _host(turn, decision, f"{FSM_SITE}:287", servers)
    return _host(turn, decision, f"{FSM_SITE}:285", group & ~servers)


def _host(turn: StepDrawsBuilder, decision: _Decision, site: str, options: np.ndarray) -> int:
    """CybORG chooses in order of first sight, we in order of slots: the host is the same."""
    red, slots = decision.red, np.flatnonzero(options).tolist()
    if len(slots) == 1:
        return slots[0]
    draw = decision.take(site)
    in_order = sorted(slots, key=lambda h: turn.memory.order[red, h])
    host = in_order[choice(draw, len(slots))]
    label(draw, turn.names.ip[host])
    turn.put(draw, "red_host", red, rank(slots.index(host), len(slots)))
    return host


def _weighted_host(turn: StepDrawsBuilder, decision: _Decision, weights: np.ndarray) -> int:
    """As :func:`_host`, of hosts with weights: those of 0 are no options."""
    red, slots = decision.red, np.flatnonzero(weights).tolist()
    if len(slots) == 1:
        return slots[0]
    draw = decision.take(OWN_SITE)
    in_order = sorted(slots, key=lambda h: turn.memory.order[red, h])
    host = in_order[choice(draw, len(slots), "choice_p")]
    label(draw, turn.names.ip[host])
    check_chances(draw, weights[in_order])
    turn.put(draw, "red_host", red, interval(host, weights))
    return host


def _action(turn: StepDrawsBuilder, decision: _Decision, host_state: T.Fsm, weights: np.ndarray) -> T.Red:
    options = [kind for kind in T.RED_ORDER if kind in _LISTED[host_state]]
    draw = decision.take(f"{FSM_SITE}:311")
    kind = options[choice(draw, len(options), "choice_p")]
    label(draw, T.RED_NAMES[kind])
    if weights[kind] == 0:
        raise TapeError(f"{describe(draw)}: we never choose {T.RED_NAMES[kind]} in {host_state.name}")
    check_chances(draw, weights[options])
    position = T.RED_ORDER.index(kind)
    turn.put(draw, "red_action", decision.red, interval(position, weights[list(T.RED_ORDER)]))
    return kind


def _known_subnet(turn: StepDrawsBuilder, decision: _Decision) -> None:
    known = np.flatnonzero(turn.state.red_known_subnet[decision.red]).tolist()
    if len(known) > 1:
        draw = decision.take(f"{FSM_SITE}:330")
        index = choice(draw, len(known))
        label(draw, turn.names.cidr[known[index]])
        turn.put(draw, "red_subnet", decision.red, rank(index, len(known)))


def _known_session(turn: StepDrawsBuilder, decision: _Decision) -> None:
    known = turn.known_sessions(decision.red)
    if len(known) > 1:
        draw = decision.take(f"{FSM_SITE}:330")
        index = choice(draw, len(known))
        label(draw, str(known[index]))
        turn.put(draw, "red_session", decision.red, rank(index, len(known)))


def decide_random(turn: StepDrawsBuilder, red: int, draws: list[Draw]) -> None:
    """Lay down a decision of the random red, which also draws while it is busy (§5.5)."""
    decision, state = _Decision(red, draws), turn.state
    if state.red_active[red]:
        known = {
            "session": len(turn.known_sessions(red)),
            "subnet": int(state.red_known_subnet[red].sum()),
            "ip": int(state.red_known_ip[red].sum()),
            "hostname": int(state.red_known_hostname[red].sum()),
        }
        possible = [k for k in (*T.RED_ORDER, T.Red.SLEEP) if all(known[p] for p in _PARAMETERS[k])]
        kind = possible[0]
        if len(possible) > 1:
            draw = decision.take(f"{RANDOM_SELECT_SITE}:68")
            index = choice(draw, len(possible), "integers")
            kind = possible[index]
            turn.put(draw, "red_action", red, rank(index, len(possible)))
        for parameter in _PARAMETERS[kind]:
            if known[parameter] > 1:
                draw = decision.take(f"{RANDOM_SELECT_SITE}:81")
                index = choice(draw, known[parameter], "integers")
                named = kind == T.Red.WITHDRAW and parameter == "hostname"  # beside the address it draws too
                field = "red_group" if named else _FIELD[parameter]
                turn.put(draw, field, red, rank(index, known[parameter]))
    decision.end()
