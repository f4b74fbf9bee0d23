"""Any actions from any side keep the state valid: hypothesis chooses them, each step is checked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from garrison.worlds.cc4 import play, processes, sessions
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.draws import sample
from garrison.worlds.cc4.state import NO_RANK

STEPS, NUM_ENVS = 40, 4


def _ranks_are_dense(ranks: jax.Array, none: int) -> jax.Array:
    """Per row, the values other than ``none`` are 0, 1, 2, … each once."""
    used = ranks != none
    count = jnp.sum(used, axis=1)
    hits = used[:, :, None] & (ranks[:, :, None] == jnp.arange(ranks.shape[1])[None, None])
    wanted = jnp.arange(ranks.shape[1])[None] < count[:, None]
    return jnp.all(jnp.sum(hits, axis=1) == wanted)


def _all_different(mask: jax.Array, values: jax.Array) -> jax.Array:
    """On the last axis, no two marked entries are equal."""
    others = -1 - jnp.arange(values.shape[-1])  # differ from each other, and from all values
    ordered = jnp.sort(jnp.where(mask, values.astype(jnp.int32), others), axis=-1)
    return jnp.all(ordered[..., 1:] != ordered[..., :-1])


def _pids(state, topology) -> tuple[jax.Array, jax.Array]:
    """Host and pid of every process that came after reset, and of those that were there."""
    hosts = jnp.arange(T.NUM_HOSTS)
    kinds = (topology.service_pid.shape[1], T.NUM_DECOYS)
    parts = [
        (jnp.repeat(hosts, kinds[0]), topology.service_pid.reshape(-1)),
        (hosts, topology.blue_pid),
        (hosts, topology.green_pid),
        (jnp.repeat(hosts, kinds[1]), state.host_decoy_pid.reshape(-1)),
        (state.session_host.reshape(-1), jnp.where(sessions.live(state), state.session_pid, 0).reshape(-1)),
        (hosts, state.host_orphan_pid),
        (
            jnp.minimum(state.suspicious_host, T.ROOT_HOST).reshape(-1),
            jnp.where(state.suspicious_orphan, state.suspicious_pid, 0).reshape(-1),
        ),
    ]
    return tuple(jnp.concatenate([p[i].astype(jnp.int32) for p in parts]) for i in range(2))


def invariants(before, after, events, parts) -> dict[str, jax.Array]:
    """What must hold after every step of one environment, by name."""
    state, net = after.state, after.topology
    live = sessions.live(state)
    owned = jnp.asarray(T.RED_OWNS_HOST)
    agents = jnp.arange(T.NUM_RED)[:, None]
    host, pid = _pids(state, net)
    watched = jnp.asarray(T.HOST_BLUE != T.NO_AGENT)
    suspicious = processes.is_suspicious(state, state.session_host, state.session_pid)
    in_blue = live & watched[state.session_host]
    orphans = jax.vmap(lambda host: processes.orphans_on(state, host))(jnp.arange(T.NUM_HOSTS))
    quiet = state.host_orphans > 0
    scan = state.scan_session != T.NO_HOST
    slot = jnp.minimum(state.scan_session, T.MAX_SESSIONS - 1)
    listed = state.suspicious_host != T.NO_HOST
    decoys = state.host_decoy
    return {
        "no list overflows": state.overflow == 0,
        "time passes": (state.step == before.state.step + 1) & (state.phase >= before.state.phase),
        "sessions are where their owner is": jnp.all(~live | owned[agents, state.session_host]),
        "sessions are on hosts that exist": jnp.all(~live | net.host_exists[state.session_host]),
        "ids differ": _all_different(live, state.session_id),
        "who has a session has session 0": jnp.all(
            jnp.any(live & (state.session_id == 0), axis=1) == jnp.any(live, axis=1)
        ),
        "tickets differ": _all_different(live, state.session_order),
        "tickets were given out": jnp.all(~live | (state.session_order < state.red_next_order[:, None])),
        "active means having a session": jnp.all(state.red_active == jnp.any(live, axis=1)),
        "CybORG's count is not below": jnp.all(state.red_session_count >= jnp.sum(live, axis=1)),
        "pids differ on a host": _all_different(pid > 0, host * 100_000 + pid),
        "sessions know whether they are suspicious": jnp.all(
            ~in_blue | (state.session_suspicious == suspicious)
        ),
        "orphans that blue suspects are not counted": jnp.all(
            ~quiet | ~processes.is_suspicious(state, jnp.arange(T.NUM_HOSTS), state.host_orphan_pid)
        ),
        "orphans have a pid": jnp.all(quiet == (state.host_orphan_pid > 0)),
        "suspicious orphans are on the list": jnp.all(~state.suspicious_orphan | listed),
        "orphans have a successor": jnp.all(
            (orphans == 0) | jnp.any(state.host_decoy == T.Decoy.VSFTPD, axis=1)
        ),
        "decoys fill their slots from the left": jnp.all((decoys[:, :-1] > 0) | (decoys[:, 1:] == 0)),
        "one service per decoy": _all_different(decoys > 0, decoys),
        "a decoy has a process": jnp.all((decoys > 0) == (state.host_decoy_pid > 0)),
        "decoys stand on blue's hosts": jnp.all((decoys == 0) | (watched & net.host_exists)[:, None]),
        "reliability is a percentage": jnp.all(state.host_reliability <= 100),
        "only OT stops": jnp.all(~state.host_ot_stopped | jnp.any(net.service_kind == 2, axis=1)),
        "events on hosts that exist": jnp.all(
            (state.host_network_events + state.host_process_events == 0) | net.host_exists
        ),
        "lists of pids fill from the left": jnp.all(listed[:, :-1] | ~listed[:, 1:]),
        "scans belong to living abstract sessions": jnp.all(
            ~scan | (state.session_kind[agents, slot] == T.Session.ABSTRACT)
        ),
        "a scan has seen SSH": jnp.all(~scan | (state.scan_ports & T.PORT_SSH > 0)),
        "ranks of known sessions are dense": _ranks_are_dense(state.red_known_session, NO_RANK),
        "living abstract sessions are known": jnp.all(
            ~(live & (state.session_kind == T.Session.ABSTRACT))
            | (state.red_known_session[agents, state.session_id] != NO_RANK)
        ),
        "ticks are left of a duration": jnp.all(state.blue_ticks <= 4) & jnp.all(state.red_ticks <= 3),
        "rewards only cost": jnp.all(jnp.stack(list(parts.values())) <= 0),
        "outcomes are outcomes": jnp.all(events.red_outcome <= 4) & jnp.all(events.blue_outcome >= 1),
    }


@pytest.fixture(scope="module")
def broken(world):
    """``broken(key, blue, red, green)``: per invariant, whether any step of any environment broke it."""

    def env(key, blue, red, green):
        _, episode = world.reset(key)

        def one(episode, inputs):
            t, blue, red, green = inputs
            action = RedAction(*(red[:, i] for i in range(5)))
            after, events, parts, _ = play(sample(jax.random.fold_in(key, t)), episode, blue, action, green)
            return after, invariants(episode, after, events, parts)

        held = jax.lax.scan(one, episode, (jnp.arange(STEPS), blue, red, green))[1]
        return jax.tree.map(jnp.all, held)

    batch = jax.vmap(env, in_axes=(0, 1, 1, 1))
    return jax.jit(lambda *args: jax.tree.map(lambda x: ~jnp.all(x), batch(*args)))


@st.composite
def play_styles(draw):
    """How a side plays: which kinds it prefers, and whether it may name what does not exist."""
    return {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "blue_kinds": draw(st.sets(st.integers(0, 7), min_size=1)),
        "blue_wild": draw(st.booleans()),
        "red_kinds": draw(st.sets(st.integers(0, 10), min_size=1)),
        "red_hosts": draw(st.lists(st.integers(0, 255), max_size=4)),
        "red_sessions": draw(st.integers(1, 70)),
        "green": draw(st.integers(0, 3)),
    }


def _blue(style: dict, rng: np.random.Generator) -> np.ndarray:
    options = []
    for agent in range(T.NUM_BLUE):
        kinds = T.BLUE_ACTIONS[agent, : T.BLUE_ACTION_COUNTS[agent], 0]
        allowed = np.flatnonzero(np.isin(kinds, list(style["blue_kinds"])))
        wild = np.array([-1, T.MAX_BLUE_ACTIONS - 1, T.MAX_BLUE_ACTIONS, 10**6])
        options.append(np.concatenate([allowed, wild]) if style["blue_wild"] else allowed)
    picks = [rng.choice(o, (STEPS, NUM_ENVS)) for o in options]
    return np.stack(picks, axis=-1).astype(np.int32)


def _red(style: dict, rng: np.random.Generator) -> np.ndarray:
    size = (STEPS, NUM_ENVS, T.NUM_RED)
    hosts = np.array(style["red_hosts"] or list(range(T.NUM_HOSTS)))
    kind = rng.choice(list(style["red_kinds"]), size)
    session = rng.integers(0, style["red_sessions"], size)
    fields = [kind, session, rng.choice(hosts, size), rng.integers(0, 10, size), rng.choice(hosts, size)]
    return np.stack(fields, axis=-1).astype(np.uint8)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(style=play_styles())
def test_any_play_keeps_the_state_valid(broken, style):
    rng = np.random.default_rng(style["seed"])
    green = rng.integers(0, 3, (STEPS, NUM_ENVS, T.NUM_GREEN)) if style["green"] == 3 else style["green"]
    green = np.broadcast_to(np.uint8(green), (STEPS, NUM_ENVS, T.NUM_GREEN))
    keys = jax.random.split(jax.random.key(style["seed"] % 1000), NUM_ENVS)
    result = jax.device_get(broken(keys, _blue(style, rng), _red(style, rng), green))
    assert [name for name, fails in result.items() if fails] == []
