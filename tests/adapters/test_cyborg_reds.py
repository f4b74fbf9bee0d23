"""The reds written for CybORG have the weights and chances of Garrison's (§5.6, §5.7), host by host."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.adapters.cyborg import engine
from garrison.adapters.cyborg import reds as twins
from garrison.worlds.cc4 import reds
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import failures, fsm
from garrison.worlds.cc4.agents import red as policies
from garrison.worlds.cc4.state import NO_RANK, initial_state

STATES = [state for state in T.Fsm if state not in (T.Fsm.NONE, T.Fsm.F)]
KINDS = list(T.Red)[1:10]  # columns of CybORG's tables
NAMES = [name for name, own in engine.REDS.items() if own is None]


class Base:
    """What the classes use of CybORG's finite-state red; the actions are classes by their numbers."""

    def __init__(self, name=None, np_random=None, agent_subnets=None):
        self.host_states: dict = {}
        self.np_random: Any = np_random
        self.action_list = [type(kind.name, (), {}) for kind in KINDS]
        setattr(self, "state_transitions_probability", self.state_transitions_probability())  # noqa: B010

    def state_transitions_probability(self):
        entries = (T.FSM_PROBABILITY > 0)[:, 1:]
        entries[[T.Fsm.U, T.Fsm.UD, T.Fsm.R, T.Fsm.RD], -1] = True  # Withdraw, with a chance of 0
        return {
            state.name: [float(p) if has else None for p, has in zip(row, entry, strict=True)]
            for state, row, entry in zip(T.Fsm, T.FSM_PROBABILITY[:, 1:], entries, strict=True)
        }

    def get_action(self, observation, action_space):
        chooser: Any = self
        chooser._choose_host(list(self.host_states))


class First:
    """Chooses the host that it is told to, and keeps the chances."""

    wanted: str

    def choice(self, options, p):
        self.p = dict(zip(options, p, strict=True))
        return self.wanted


def with_hosts(name):
    """A twin that knows a host of each zone and role in each state, with and without its name."""
    twin = twins.classes(Base)[name](np_random=First())
    hosts = [T.server_host(zone, 0) for zone in range(8)]
    roles = {"AUTH": T.HOST_NAMES[hosts[T.OZA]], "DB": T.HOST_NAMES[hosts[T.OZB]], "WEB": "elsewhere"}
    twin.hosts_by_role = roles
    return twin, hosts


@jax.jit
def garrisons(options, memory):
    """Weights of hosts, and of actions on each, of the first agent."""
    hosts = jnp.arange(T.NUM_HOSTS, dtype=jnp.int32)
    by_kind = jax.vmap(lambda host: fsm.action_weight(options, memory, jnp.full(T.NUM_RED, host))[0])(hosts)
    weight: Any = fsm.host_weight(options, memory)
    return weight[0], by_kind


def test_there_is_a_class_for_each_red_that_cyborg_lacks():
    assert list(engine.REDS)[:4] == list(policies.POLICIES)[:4]
    assert set(engine.REDS) == set(policies.POLICIES)
    assert set(twins.classes(Base)) == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name in reds.REDS])
def test_weights_and_chances_are_garrisons(name):
    twin, hosts = with_hosts(name)
    options = jax.tree.map(lambda leaf: leaf[list(reds.REDS).index(name)], reds.options(tuple(reds.REDS)))
    role = np.zeros(T.NUM_HOSTS, np.uint8)
    role[hosts[T.OZA]], role[hosts[T.OZB]] = T.Role.AUTH, T.Role.DB
    for state in STATES:
        for named in (True, False):
            at = np.zeros((T.NUM_RED, T.NUM_HOSTS), np.uint8)
            at[0, hosts] = state
            memory = fsm.initial_memory().replace(
                host_state=jnp.asarray(at), hostname=jnp.asarray((at > 0) & named), role=jnp.asarray(role)
            )
            weights, chances = jax.device_get(garrisons(options, memory))
            for host in hosts:
                hostname = T.HOST_NAMES[host] if named else None
                twin.host_states[str(host)] = {"state": state.name, "hostname": hostname}
            for host in hosts:
                twin.np_random.wanted = str(host)
                twin._choose_host([str(host) for host in hosts])
                p = [twin.np_random.p[str(host)] for host in hosts]
                np.testing.assert_allclose(p, weights[hosts] / weights[hosts].sum(), rtol=1e-6)
                row = np.array([p or 0 for p in twin.state_transitions_probability[state.name]])
                np.testing.assert_allclose(row, chances[host, 1:] / chances[host].sum(), atol=1e-6)


@pytest.mark.parametrize("name", failures.POLICIES)
def test_memories_of_failures_are_garrisons(name):
    """The same results, one after another, on two hosts."""
    generator = np.random.default_rng(4)
    twin, hosts = twins.classes(Base)[name](np_random=First()), [20, 21]
    memory, state = failures.initial_memory(), _any_state()
    for host in hosts:
        twin.host_states[str(host)] = {"state": "S", "hostname": T.HOST_NAMES[host]}
    twin.chosen = None
    for _ in range(60):
        host, kind = int(generator.choice(hosts)), T.Red(int(generator.integers(1, 10)))
        result = T.Outcome[generator.choice(["TRUE", "FALSE", "IN_PROGRESS", "UNKNOWN"])]
        at = T.Fsm(int(generator.choice(STATES)))
        twin.chosen, twin.np_random.wanted = str(host), str(host)
        twin.host_states[str(host)]["state"] = at.name
        action = twin.action_list[KINDS.index(kind)]()
        twin.get_action({"success": result, "action": action}, {})
        seen = {"seen_outcome": result, "seen_kind": kind, "seen_host": host}
        state = state.replace(**{k: jnp.full(T.NUM_RED, v, jnp.uint8) for k, v in seen.items()})
        memory = failures.remember(memory, state)
        weights = np.asarray(failures.host_weight(memory))[0, hosts]
        p = [twin.np_random.p[str(h)] for h in hosts]
        np.testing.assert_allclose(p, weights / weights.sum(), rtol=1e-5)
        stock = jnp.broadcast_to(jnp.asarray(T.FSM_PROBABILITY[at]), (T.NUM_RED, 10))
        where, states = jnp.full(T.NUM_RED, host), jnp.full(T.NUM_RED, at, jnp.uint8)
        chances = np.asarray(failures.action_weight(name, stock, memory, where, states))[0]
        row = np.array([p or 0 for p in twin.state_transitions_probability[at.name]])
        np.testing.assert_allclose(row, chances[1:] / chances.sum(), atol=1e-6)
    assert int(memory.hosts.max()) > 3


def _any_state():
    import garrison

    _, episode = garrison.make("cc4").reset(jax.random.key(0))
    assert int(episode.state.red_known_session.max()) == NO_RANK
    return initial_state(episode.topology).replace(red_active=jnp.ones(T.NUM_RED, bool))
