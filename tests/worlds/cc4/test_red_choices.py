"""Scripted red chooses hosts, actions, sessions and subnets with the chances of §5."""

from pathlib import Path

import jax
import multiple_tests
import numpy as np
import pytest

from garrison.parity.recording import trace
from garrison.parity.recording.network import from_header
from garrison.worlds.cc4 import draws as D
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import red
from garrison.worlds.cc4.agents.fsm import FsmMemory, initial_memory
from garrison.worlds.cc4.options import default_options
from garrison.worlds.cc4.state import NO_RANK, State, initial_state

RECORDED = Path(__file__).parents[2] / "data" / "fsm-random-1.jsonl.xz"
LEVEL = 0.01 / 40  # tests of chance about draws and networks: at most 40, a family-wise error of 1% over all
NUM_ENVS = 8000
LANE = np.arange(NUM_ENVS)
F, R = T.Fsm, T.Red
ACTIONS = {  # §5.1 and §5.5
    "fsm": {
        F.K: {R.DISCOVER: 0.5, R.AGGRESSIVE: 0.25, R.STEALTH: 0.25},
        F.KD: {R.AGGRESSIVE: 0.5, R.STEALTH: 0.5},
        F.S: {R.DISCOVER: 0.25, R.EXPLOIT: 0.5, R.DECEPTION: 0.25},
        F.SD: {R.EXPLOIT: 0.75, R.DECEPTION: 0.25},
        F.U: {R.DISCOVER: 0.5, R.ESCALATE: 0.5},
        F.UD: {R.ESCALATE: 1},
        F.R: {R.DISCOVER: 0.5, R.DEGRADE: 0.25, R.IMPACT: 0.25},
        F.RD: {R.DEGRADE: 0.5, R.IMPACT: 0.5},
    },
    "discovery": {
        F.K: {R.DISCOVER: 0.25, R.AGGRESSIVE: 0.75},
        F.KD: {R.AGGRESSIVE: 1},
        F.S: {R.DISCOVER: 0.25, R.EXPLOIT: 0.75},
        F.SD: {R.EXPLOIT: 1},
        F.U: {R.ESCALATE: 1},
        F.UD: {R.ESCALATE: 1},
        F.R: {R.DISCOVER: 1},
        F.RD: {R.DEGRADE: 0.5, R.IMPACT: 0.5},
    },
}


@pytest.fixture(scope="module", autouse=True)
def promote_ranks():
    """The engine broadcasts its tables over agents and hosts without saying so each time."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def draws():
    return jax.jit(jax.vmap(D.sample))(jax.random.split(jax.random.key(50), NUM_ENVS))


@pytest.fixture(scope="module")
def decide(draws):
    """``decide(red, fields, per_lane={})``: what the red agents choose in all environments; NumPy leaves.

    Fields are those of the state and of the finite-state red's memory.
    """

    def choose(name):
        def one(draws, options, state, memory):
            return red.choose(name, draws, options, state, red.remember(memory, state))

        return jax.jit(jax.vmap(one, in_axes=(0, None, 0, 0)))

    compiled = {name: choose(name) for name in ("fsm", "discovery", "random_select")}

    def run(name, fields, per_lane=None):
        num_envs = {name: np.broadcast_to(value, (NUM_ENVS, *value.shape)) for name, value in fields.items()}
        num_envs |= per_lane or {}
        known = (field for field, value in vars(initial_memory()).items() if value is not None)
        memory = FsmMemory(**{field: num_envs.pop(field) for field in known})
        return jax.device_get(compiled[name](draws, default_options(), State(**num_envs), memory))

    return run


@pytest.fixture
def fields():
    """Fields at reset, to be written into, with all agents free to decide, not for the first time."""
    network = from_header(trace.read(RECORDED).header)
    parts = vars(initial_state(network)) | vars(initial_memory())
    fields = {name: np.array(value) for name, value in parts.items() if value is not None}
    fields["red_active"][:] = True
    fields["red_known_session"][:, 0] = 0
    fields["calls"][:] = 9
    for name in ("seen_order", "seen_hostname"):
        fields[name][:] = 0
    fields["seen_session"][:] = True  # or red would believe that it lost its shells
    return fields


def know(fields, agent, hosts, named=()):
    """Let a red agent's memory hold ``hosts`` (state by slot), in this order, some by name."""
    for place, (host, state) in enumerate(hosts.items()):
        fields["host_state"][agent, host] = state
        fields["order"][agent, host] = 1 + place
        fields["hostname"][agent, host] = host in named


def fits(values, law):
    """p-value: do ``values`` occur with the chances of ``law`` (by value)? 0 for any other value."""
    values = np.ravel(values)
    options = np.array(list(law))
    if not np.isin(values, options).all():
        return 0.0
    return multiple_tests.fit(np.sum(values == options[:, None], axis=1), np.array(list(law.values()), float))


def evenly(options):
    return dict.fromkeys(options, 1)


def user(number, agent=0):
    return T.user_host(T.RED_SUBNETS[agent][0], number)


def server(number, agent=0):
    return T.server_host(T.RED_SUBNETS[agent][0], number)


@pytest.mark.parametrize("name", ["fsm", "discovery"])
def test_actions_by_state(decide, fields, name):
    """Each environment's agents know one host, whose state goes through all eight."""
    state = (1 + LANE % 8).astype(np.uint8)
    memory = np.zeros((NUM_ENVS, T.NUM_RED, T.NUM_HOSTS), np.uint8)
    for agent in range(T.NUM_RED):
        know(fields, agent, {user(0, agent): F.K}, {user(0, agent)})
        memory[:, agent, user(0, agent)] = state
    kind = decide(name, fields, {"host_state": memory}).kind
    p = {f"{at.name}": fits(kind[state == at], law) for at, law in ACTIONS[name].items()}
    assert not multiple_tests.rejected(p, LEVEL)
    other = ACTIONS["discovery" if name == "fsm" else "fsm"]
    changed = [at for at in other if other[at] != ACTIONS[name][at]]
    assert all(fits(kind[state == at], other[at]) < LEVEL for at in changed)
    off_by_little = {R.EXPLOIT: 0.72, R.DECEPTION: 0.28} if name == "fsm" else None
    assert off_by_little is None or fits(kind[state == F.SD], off_by_little) < LEVEL


def test_host_session_and_subnet(decide, fields):
    """All known hosts but finished ones, all sessions ever seen (Q10), any known subnet (Q13)."""
    states = [F.K, F.S, F.F, F.U, F.RD, F.KD, F.R]
    hosts = {user(3 - i) if i < 4 else server(i - 4): state for i, state in enumerate(states)}
    know(fields, 0, hosts)
    open_ = [host for host, state in hosts.items() if state != F.F]
    sessions = {7: 0, 0: 1, 3: 2, 12: 3}
    fields["red_known_session"][0, list(sessions)] = list(sessions.values())
    know(fields, 5, {user(0, 5): F.K})
    fields["red_known_subnet"][5] = np.isin(np.arange(T.NUM_SUBNETS), [T.PAZ, T.OFF])
    chosen = decide("fsm", fields)
    host, session = chosen.host[:, 0], chosen.session[:, 0]
    pair = host.astype(int) * 100 + session
    pairs = [h * 100 + s for h in open_ for s in sessions]
    p = {
        "host": fits(host, evenly(open_)),
        "session": fits(session, evenly(sessions)),
        "both": fits(pair, evenly(pairs)),
        "subnet": fits(chosen.subnet[:, 5], evenly([T.PAZ, T.OFF])),
    }
    assert not multiple_tests.rejected(p, LEVEL)
    assert fits(host, {h: 2 if hosts[h] == F.K else 1 for h in open_}) < LEVEL


def test_discovery_looks_for_what_it_knows_least(decide, fields):
    """First a state by its weight, then servers known by name before the others (§5.5)."""
    names = {user(0), server(0), server(2), server(3)}
    known = {user(0): F.K, user(1): F.K, server(0): F.K, server(1): F.K, user(2): F.S, server(2): F.UD,
             server(3): F.UD, user(3): F.R, user(4): F.F}  # fmt: skip
    know(fields, 0, known, names)
    know(fields, 1, {user(0, 1): F.R, user(1, 1): F.RD, user(2, 1): F.R, server(0, 1): F.F})
    host = decide("discovery", fields).host
    by_name = {server(0): 0.4 * 0.75} | dict.fromkeys([user(0), user(1), server(1)], 0.4 * 0.25 / 3)
    rest = {user(2): 0.4, server(2): 0.1, server(3): 0.1}
    p = {
        "weights": fits(host[:, 0], by_name | rest),
        "no weight left": fits(host[:, 1], {user(0, 1): 0.25, user(1, 1): 0.5, user(2, 1): 0.25}),
    }
    assert not multiple_tests.rejected(p, LEVEL)
    all_servers = dict.fromkeys([server(0), server(1)], 0.4 * 0.75 / 2) | dict.fromkeys(
        [user(0), user(1)], 0.05
    )
    weighed_by_host = {h: {F.UD: 10, F.R: 0, F.F: 0}.get(state, 20) for h, state in known.items()}
    assert fits(host[:, 0], all_servers | rest) < LEVEL
    assert fits(host[:, 0], weighed_by_host) < LEVEL
    assert fits(host[:, 1], evenly([user(0, 1), user(1, 1), user(2, 1)])) < LEVEL


def test_random_select_takes_anything_it_knows(decide, fields):
    ips, names, sessions = [user(0), user(2), server(0)], [user(1), server(0)], {4: 0, 0: 1}
    for what, hosts in (("ip", ips), ("hostname", names)):
        fields[f"red_known_{what}"][0] = np.isin(np.arange(T.NUM_HOSTS), hosts)
    fields["red_known_session"][0] = NO_RANK
    fields["red_known_session"][0, list(sessions)] = list(sessions.values())
    fields["red_known_session"][1] = NO_RANK
    chosen = decide("random_select", fields)
    kind, host = chosen.kind[:, 0], chosen.host[:, 0]
    by_name = np.isin(kind, [R.ESCALATE, R.IMPACT, R.DEGRADE])
    withdraw = kind == R.WITHDRAW
    with_host = ~np.isin(kind, [R.SLEEP, R.DISCOVER])
    p = {
        "command": fits(kind, evenly([k for k in R if k != R.INVALID])),
        "nothing possible": fits(chosen.kind[:, 1], {R.SLEEP: 1}),
        "host by name": fits(host[by_name], evenly(names)),
        "host by address": fits(host[with_host & ~by_name], evenly(ips)),
        "the name beside an address": fits(chosen.hostname[withdraw, 0], evenly(names)),
        "session": fits(chosen.session[:, 0], evenly(sessions)),
        "address and name": fits(
            host[withdraw].astype(int) * 1000 + chosen.hostname[withdraw, 0],
            evenly([ip * 1000 + name for ip in ips for name in names]),
        ),
    }
    assert not multiple_tests.rejected(p, LEVEL)
