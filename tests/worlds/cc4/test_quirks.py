"""The rules of CC4 that look like bugs, quirks Q1 to Q30 of ``docs/worlds/cc4-rules.md``, one situation each.

After them the rules on durations, queues, validity, the filter and sessions (§3, §4). What is expected is
taken from the text of the specification. Situations are edited into the first state of one network; every
turn is played by one compiled function. Q14 and Q29 change nothing that could be seen here.
"""

from collections import Counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from garrison.worlds.cc4 import CC4, Episode, default_options, observe, play
from garrison.worlds.cc4 import draws as draw
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import exploit
from garrison.worlds.cc4.actions.red import RedAction
from garrison.worlds.cc4.agents import blue as blue_policies
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.state import NO_RANK, initial_state
from garrison.worlds.cc4.tables import ADM, CON, INT, OFF, OZA, OZB, PAZ, RZA, RZB
from garrison.worlds.cc4.tables import server_host as server
from garrison.worlds.cc4.tables import user_host as user

TRUE, UNKNOWN, FALSE, IN_PROGRESS = (T.Outcome(i) for i in range(1, 5))
DROPPED = T.Outcome.NONE
SSH, WEB, TLS, SQL, MAIL = T.PORT_SSH, T.PORT_WEB, T.PORT_TLS, T.PORT_SQL, T.PORT_MAIL


class Turn(NamedTuple):
    """What one turn leads to; ``decision`` and ``memory`` are the stock red's, right after it."""

    state: Any
    events: Any
    parts: dict
    done: Any
    obs: Any
    decision: RedAction
    memory: Any

    @property
    def red(self) -> np.ndarray:
        return self.events.red_outcome

    @property
    def green(self) -> np.ndarray:
        return self.events.green_outcome


def _advance(draws, episode, blue, red, green):
    episode, events, parts, done = play(draws, episode, blue, red, green)
    silence = jnp.zeros((T.NUM_BLUE, T.MESSAGE_BITS), jnp.uint8)
    obs = observe.blue_vectors(episode.topology, episode.state, silence)
    memory = fsm.remember(episode.red_memory, episode.state)
    decision = fsm.choose(draws, episode.options, episode.state, memory)
    return Turn(episode.state, events, parts, done, obs, decision, memory)


def edit(record, **changes):
    """A copy of a record of arrays with entries set: ``edit(state, red_ticks={2: 1})``."""
    arrays = {}
    for name, entries in changes.items():
        arrays[name] = np.array(getattr(record, name))
        for index, value in entries.items():
            arrays[name][index] = value
    return record.replace(**arrays)


class Game:
    """One network on which every host offers the least services possible, and turns played on it."""

    def __init__(self, topology):
        services = np.array(topology.service_kind)
        services[:, 1:] = np.where(services[:, 1:] == T.Service.OTSERVICE, services[:, 1:], 0)
        self.topology = topology.replace(service_kind=services)
        self.options = default_options()
        self.start = jax.tree.map(np.asarray, initial_state(self.topology))
        self.no_memory = jax.tree.map(np.asarray, fsm.initial_memory())
        self._blank = jax.tree.map(np.asarray, draw.blank())
        self._advance = jax.jit(_advance)

    def play(self, state, *, memory=None, blue=None, red=None, green=None, services=None, **draws) -> Turn:
        """One turn; whoever is not named sleeps.

        Args:
            memory: of the stock red; an empty one by default.
            blue: action indices by agent. red: ``(kind, session, host, subnet, hostname)`` by agent.
            green: kinds by user host. services: real services by host. draws: entries by name of the draw.
        """
        topology = self.topology
        for host, kinds in (services or {}).items():
            topology = edit(
                topology, service_kind={host: kinds + [T.Service.NONE] * (T.NUM_REAL - len(kinds))}
            )
        index = np.array(blue_policies.SLEEP, np.int32)
        index[list(blue or {})] = list((blue or {}).values())
        red_rows = np.zeros((T.NUM_RED, 5), np.uint8)
        for agent, row in (red or {}).items():
            red_rows[agent] = row
        kinds = np.full(T.NUM_GREEN, T.Green.SLEEP, np.uint8)
        for host, kind in (green or {}).items():
            kinds[green_of(host)] = kind
        turn = self._advance(
            edit(self._blank, **draws),
            Episode(state, topology, self.options, red_memory=memory or self.no_memory),
            index,
            RedAction(*red_rows.T),
            kinds,
        )
        assert turn.state.overflow == 0
        return jax.device_get(turn)

    def base_pid(self, host: int) -> int:
        return int(self.topology.base_pid[host])


@pytest.fixture(scope="module")
def game(reset) -> Game:
    _, episode = reset(jax.random.split(jax.random.key(4), 1))
    return Game(jax.tree.map(lambda x: np.asarray(x)[0], episode.topology))


def green_of(host: int) -> int:
    return T.GREEN_HOST.tolist().index(host)


def action(agent: int, kind: int, host=T.NO_HOST, source=T.NO_SUBNET, target=T.NO_SUBNET) -> int:
    """Index of an action in a blue agent's list; ``source`` and ``target`` are a traffic action's subnets."""
    row = (kind, host, source, target)
    return int(np.flatnonzero((T.BLUE_ACTIONS[agent] == row).all(axis=1))[0])


def blue_due(state, agent: int, kind: int, host: int):
    """The agent has one tick left of an action, which executes in the next turn."""
    return edit(state, blue_action={agent: action(agent, kind, host)}, blue_ticks={agent: 1})


def red_due(state, agent: int, kind: int, host=T.NO_HOST, session=0, subnet=T.NO_SUBNET):
    """The same for red; ``host`` is the target, named both by address and by name."""
    return edit(
        state,
        red_kind={agent: kind},
        red_host={agent: host},
        red_hostname={agent: host},
        red_session={agent: session},
        red_subnet={agent: subnet},
        red_ticks={agent: 1},
    )


def with_session(state, agent, host, number, *, kind=T.Session.ABSTRACT, login=T.User.USER, parent=False):
    """The agent holds one more session, which it has been told of; its pid is 20000 and so on."""
    slot = int(np.argmin(state.session_kind[agent]))
    at, known = (agent, slot), state.red_known_session[agent]
    rank = int(np.sum(known != NO_RANK)) if known[number] == NO_RANK else known[number]
    return edit(
        state,
        session_kind={at: kind},
        session_id={at: number},
        session_host={at: host},
        session_pid={at: 20_000 + 100 * agent + slot},
        session_user={at: login},
        session_order={at: state.red_next_order[agent]},
        session_parent={at: parent},
        red_next_order={agent: state.red_next_order[agent] + 1},
        red_session_count={agent: state.red_session_count[agent] + 1},
        red_active={agent: True},
        red_known_session={(agent, number): rank if kind == T.Session.ABSTRACT else known[number]},
        red_known_ip={(agent, host): True},
        red_known_hostname={(agent, host): True},
    )


def with_suspicion(state, host: int, pid: int):
    """Blue's list holds one more pid; a session that has it can be found by Remove."""
    blue = T.HOST_BLUE[host]
    place = int(np.sum(state.suspicious_host[blue] != T.NO_HOST))
    same = (state.session_host == host) & (state.session_pid == pid)
    return edit(
        state,
        suspicious_host={(blue, place): host},
        suspicious_pid={(blue, place): pid},
    ).replace(session_suspicious=state.session_suspicious | same)


def with_scan(state, agent: int, session: int, host: int, ports: int):
    """The session remembers these ports of a host."""
    at = (agent, int(np.argmax(state.scan_session[agent] == T.NO_HOST)))
    return edit(
        state,
        scan_session={at: slot_of(state, agent, session)},
        scan_host={at: host},
        scan_ports={at: ports},
        red_known_ip={(agent, host): True},
    )


def slot_of(state, agent: int, session: int) -> int:
    found = np.flatnonzero((state.session_kind[agent] > 0) & (state.session_id[agent] == session))
    assert len(found) == 1
    return int(found[0])


def sessions_on(state, host: int) -> list[tuple[int, int]]:
    """``(agent, id)`` of all red sessions on a host."""
    held = np.argwhere((state.session_kind > 0) & (state.session_host == host))
    return [(int(r), int(state.session_id[r, k])) for r, k in held]


def flag(obs: np.ndarray, agent: int, host: int, *, process: bool) -> float:
    """A host's event flag in the vector of an agent with one subnet (offsets 27 and 43 of the block)."""
    number = host % T.ZONE_SLOTS - 1
    place = number + 6 if number < 10 else number - 10  # servers first
    return obs[agent, 1 + (27 if process else 43) + place]


# ---------------------------------------------------------------- quirks


def test_q01_impact_costs_whatever_its_result(game):
    state = with_session(game.start, 1, user(RZA, 1), 0)
    failed = game.play(red_due(state, 1, T.Red.IMPACT, user(RZA, 0)))  # neither root nor OT there
    assert (failed.red[1], failed.parts["RIA"]) == (FALSE, -1)
    dropped = game.play(red_due(state, 1, T.Red.IMPACT, user(RZA, 0), session=7))
    assert (dropped.red[1], dropped.parts["RIA"]) == (DROPPED, -1)
    root = with_session(game.start, 2, user(OZA, 1), 0, login=T.User.ROOT)
    stopped = game.play(red_due(root, 2, T.Red.IMPACT, user(OZA, 1)))
    assert (stopped.red[2], stopped.parts["RIA"]) == (TRUE, -1)
    office = with_session(game.start, 5, user(OFF, 1), 0)
    assert game.play(red_due(office, 5, T.Red.IMPACT, user(OFF, 1))).parts["RIA"] == -3
    # whoever has no session after the step pays nothing
    assert game.play(red_due(game.start, 1, T.Red.IMPACT, user(RZA, 0))).parts["RIA"] == 0


def test_q02_restore_costs_per_submission(game):
    restore = {a: action(a, T.Blue.RESTORE, server(s, 0)) for a, s in ((0, RZA), (3, OZB))}
    first = game.play(game.start, blue=restore)
    assert first.parts["action_cost"] == -2
    again = game.play(first.state, blue=restore)  # busy: nothing new starts, but it costs
    assert again.parts["action_cost"] == -2
    last = game.play(blue_due(game.start, 0, T.Blue.RESTORE, server(RZA, 0)))
    assert last.events.blue_kind[0] == T.Blue.RESTORE
    assert last.parts["action_cost"] == 0
    # what cannot be done costs nothing
    absent = int(np.flatnonzero(~game.topology.host_exists & (T.HOST_BLUE == 0))[0])
    nowhere = game.play(game.start, blue={0: action(0, T.Blue.RESTORE, absent)})
    assert (nowhere.parts["action_cost"], nowhere.state.blue_ticks[0]) == (0, 0)
    invalid = game.play(game.start, red={0: (T.Red.IMPACT, 0, user(OZA, 0), 0, 0)})
    assert invalid.events.red_kind[0] == T.Red.INVALID
    assert sum(invalid.parts.values()) == 0


def test_q03_access_to_a_service_fails_by_blocks_alone(game):
    worn = edit(game.start, host_reliability={...: 0})
    reader = user(RZA, 0)
    g = green_of(reader)
    far = {"green": {reader: T.Green.ACCESS}, "green_pick": {g: 0.999}}
    turn = game.play(worn, **far)
    destination = int(turn.events.green_target[g])
    assert T.HOST_SUBNET[destination] == OFF
    assert T.IS_SERVER[destination]
    assert (turn.green[g], turn.parts["ASF"]) == (TRUE, 0)
    for to, source in ((OFF, RZA), (RZA, OFF)):
        turn = game.play(edit(worn, blocked={(to, source): True}), **far)
        assert (turn.green[g], turn.parts["ASF"]) == (FALSE, -3)  # of the user's own subnet
        assert turn.state.host_network_events[destination] == 1
    way = edit(worn, blocked={(PAZ, RZA): True, (RZA, PAZ): True})  # only on the way
    assert game.play(way, **far).green[g] == TRUE
    # local work, in contrast, asks for the reliability
    work = game.play(worn, green={reader: T.Green.WORK}, green_reliability={g: 0})
    assert (work.green[g], work.parts["LWF"]) == (FALSE, -1)


_select = jax.jit(exploit.select)


def _choices(ports: int) -> dict:
    """Shares of the exploits that are selected for remembered ports, over a grid of twelve draws."""
    u = jnp.arange(12, dtype=jnp.float32) / 12 + 1 / 24
    chosen = _select(jnp.full(12, ports, jnp.uint8), u)
    return {T.Exploit(int(k)): n / 12 for k, n in Counter(chosen.tolist()).items()}


def test_q04_the_weightiest_exploit_is_never_chosen(game):
    http, https, ssh = T.Exploit.HTTP_RFI, T.Exploit.HTTPS_RFI, T.Exploit.SSH_BRUTE_FORCE
    sql = T.Exploit.SQL_INJECTION
    for ports in (SSH, SSH | SQL, SSH | MAIL, SSH | MAIL | SQL, SSH | WEB, SSH | TLS):
        assert _choices(ports) == {ssh: 1.0}
    for ports in (SSH | WEB | SQL, SSH | WEB | MAIL, SSH | WEB | TLS):
        assert _choices(ports) == {http: 0.5, ssh: 0.5}
    assert _choices(SSH | WEB | MAIL | SQL) == {http: 1 / 3, ssh: 1 / 3, sql: 1 / 3}
    assert _choices(SSH | TLS | SQL) == {https: 0.5, ssh: 0.5}
    every = _choices(SSH | WEB | TLS | MAIL | SQL)
    assert every == {http: 0.25, https: 0.25, ssh: 0.25, sql: 0.25}


def test_q05_only_ssh_and_sql_exploits_succeed(game):
    target = user(RZA, 2)
    state = with_session(game.start, 1, user(RZA, 1), 0)
    state = with_scan(state, 1, 0, target, SSH | WEB | SQL | MAIL)
    state = red_due(state, 1, T.Red.EXPLOIT, target)
    real = [T.Service.SSHD, T.Service.APACHE2, T.Service.MYSQLD, T.Service.SMTP]
    results = {}
    for u in (0.1, 0.5, 0.9):
        turn = game.play(state, services={target: real}, red_exploit={1: u})
        results[T.Exploit(turn.events.red_exploit[1])] = turn.red[1]
        assert (len(sessions_on(turn.state, target)) == 1) == (turn.red[1] == TRUE)
    ssh, sql = T.Exploit.SSH_BRUTE_FORCE, T.Exploit.SQL_INJECTION
    assert results == {T.Exploit.HTTP_RFI: FALSE, ssh: TRUE, sql: TRUE}
    # SQL can be selected only with ports 25 and 3390 and one of 80 and 443
    optional = (WEB, TLS, SQL, MAIL)
    for bits in range(16):
        ports = SSH | sum(p for i, p in enumerate(optional) if bits >> i & 1)
        possible = bool(ports & MAIL and ports & SQL and ports & (WEB | TLS))
        assert (sql in _choices(ports)) == possible


def test_q06_suspicious_pids_are_never_forgotten(game):
    target, agent = user(RZA, 2), 1
    pid = game.base_pid(target) + 4
    state = with_session(game.start, agent, user(RZA, 1), 0)
    state = with_scan(state, agent, 0, target, SSH)
    for entry in range(2):
        broken = game.play(red_due(state, agent, T.Red.EXPLOIT, target), red_pid={agent: 4}).state
        assert broken.suspicious_host[0, : entry + 2].tolist() == [target] * (entry + 1) + [T.NO_HOST]
        assert broken.suspicious_pid[0, : entry + 1].tolist() == [pid] * (entry + 1)
        assert len(sessions_on(broken, target)) == 1
        state = game.play(blue_due(broken, 0, T.Blue.RESTORE, target)).state
        assert sessions_on(state, target) == []
        assert np.array_equal(state.suspicious_pid, broken.suspicious_pid)
        assert np.array_equal(state.suspicious_host, broken.suspicious_host)


def test_q07_a_stale_pid_lets_remove_kill_a_phishing_session(game):
    reader = user(RZA, 0)
    g, pid = green_of(reader), game.base_pid(reader) + 4
    state = with_suspicion(with_session(game.start, 1, user(RZA, 1), 0), reader, pid)
    for delta, survives in ((4, False), (5, True)):
        phished = game.play(
            state, green={reader: T.Green.WORK}, green_phishing={g: 0.0}, green_pid={g: delta}
        ).state
        assert sessions_on(phished, reader) == [(1, 1)]
        cleaned = game.play(blue_due(phished, 0, T.Blue.REMOVE, reader)).state
        assert bool(sessions_on(cleaned, reader)) == survives


def _with_decoy(game, state, host: int, kind: int, pid_delta: int, u: float):
    turn = game.play(blue_due(state, 0, T.Blue.DECOY, host), blue_decoy={0: u}, blue_pid={0: pid_delta})
    assert kind in turn.state.host_decoy[host]
    return turn.state


def _decoy_processes(game, state, host: int) -> int:
    """Decoys notice every scan: their number is that of the events of a scan that nothing else notices."""
    state = red_due(with_session(state, 1, user(RZA, 1), 0), 1, T.Red.AGGRESSIVE, host)
    return int(game.play(state, red_scan={1: 1.0}).state.host_network_events[host])


def test_q07_remove_gives_a_decoy_a_new_pid_and_stops_an_old_vsftpd(game):
    host = user(RZA, 0)
    base = game.base_pid(host)
    listed = with_suspicion(game.start, host, base + 4)
    two = _with_decoy(game, listed, host, T.Decoy.APACHE, 4, u=0.0)
    two = _with_decoy(game, two, host, T.Decoy.TOMCAT, 2, u=0.0)
    assert two.host_decoy_pid[host].tolist() == [base + 4, base + 6, 0, 0]
    after = game.play(blue_due(two, 0, T.Blue.REMOVE, host), blue_repid={(0, 0): 3}).state
    assert after.host_decoy_pid[host].tolist() == [base + 9, base + 6, 0, 0]  # now the last process
    assert np.array_equal(after.host_decoy, two.host_decoy)
    assert _decoy_processes(game, after, host) == 2

    old = _with_decoy(game, listed, host, T.Decoy.VSFTPD, 4, u=0.99)
    new = _with_decoy(game, old, host, T.Decoy.VSFTPD, 1, u=0.99)
    assert _decoy_processes(game, new, host) == 2
    after = game.play(blue_due(new, 0, T.Blue.REMOVE, host)).state
    assert after.host_decoy_pid[host].tolist() == [base + 5, 0, 0, 0]
    assert _decoy_processes(game, after, host) == 1


def test_q08_remove_spares_root_and_escalation_raises_one_session(game):
    host = user(RZA, 0)
    state = with_session(game.start, 1, host, 0)
    state = with_session(state, 1, host, 1, kind=T.Session.SSH, parent=True)
    for slot in range(2):
        state = with_suspicion(state, host, int(state.session_pid[1, slot]))
    raised = game.play(red_due(state, 1, T.Red.ESCALATE, host), red_escalate={1: 0.9})
    assert raised.red[1] == TRUE
    assert raised.state.session_user[1, :2].tolist() == [T.User.USER, T.User.ROOT]
    left = game.play(blue_due(raised.state, 0, T.Blue.REMOVE, host)).state
    assert [
        (left.session_kind[1, k], left.session_user[1, k]) for k in np.flatnonzero(left.session_kind[1])
    ] == [(T.Session.SSH, T.User.ROOT)]


def test_q09_phishing_leaves_no_event_and_looks_like_k_to_an_old_hand(game):
    reader = user(RZA, 0)
    mail = {"green": {reader: T.Green.WORK}, "green_phishing": {green_of(reader): 0.0}}
    for calls, expected in ((0, T.Fsm.U), (3, T.Fsm.K)):
        turn = game.play(game.start, memory=edit(game.no_memory, calls={1: calls}), **mail)
        assert turn.events.green_phished[green_of(reader)]
        assert sessions_on(turn.state, reader) == [(1, 0)]
        assert turn.memory.host_state[1, reader] == expected
        assert flag(turn.obs, 0, reader, process=True) == 0
        assert flag(turn.obs, 0, reader, process=False) == 0


def test_q10_dead_sessions_are_drawn_and_dropped_when_due(game):
    own, target = user(RZA, 1), user(RZA, 2)
    state = with_session(game.start, 1, own, 0)
    state = edit(state, red_known_session={(1, 2): 1}, red_known_ip={(1, target): True})
    memory = edit(game.no_memory, host_state={(1, own): T.Fsm.F, (1, target): T.Fsm.K})
    turns = [game.play(state, memory=memory, red_session={1: u}) for u in (0.4, 0.6)]
    drawn = [int(turn.decision.session[1]) for turn in turns]
    assert drawn == [0, 2]

    outcomes, kinds = [], []
    for _ in range(3):  # the first one submits, what comes after is discarded
        turn = game.play(state, memory=memory, red={1: (T.Red.STEALTH, 2, target, 0, 0)})
        outcomes.append(int(turn.red[1]))
        kinds.append(int(turn.events.red_kind[1]))
        state, memory = turn.state, turn.memory
    assert outcomes == [IN_PROGRESS, IN_PROGRESS, DROPPED]
    assert kinds == [T.Red.SLEEP, T.Red.SLEEP, T.Red.STEALTH]
    assert turn.memory.host_state[1, target] == T.Fsm.K  # no transition, not even of a failure


def test_q10_ports_are_remembered_per_session(game):
    target = user(RZA, 2)
    state = with_session(with_session(game.start, 1, user(RZA, 1), 0), 1, user(RZA, 0), 1)
    state = with_scan(state, 1, 0, target, SSH)
    for session, outcome in ((0, TRUE), (1, FALSE)):
        assert game.play(red_due(state, 1, T.Red.EXPLOIT, target, session=session)).red[1] == outcome


def _session_zero_dies(game, u: float):
    lost, plain, other = user(RZA, 0), user(RZA, 1), user(RZA, 2)
    state = with_session(game.start, 1, lost, 0)
    state = with_session(state, 1, plain, 1, kind=T.Session.SSH, parent=True)
    state = with_session(state, 1, other, 2, kind=T.Session.ABSTRACT, parent=True)
    return game.play(blue_due(state, 0, T.Blue.RESTORE, lost), red_promote={1: u}).state


def test_q11_a_plain_session_may_become_session_zero(game):
    plain, other = user(RZA, 1), user(RZA, 2)
    state = _session_zero_dies(game, u=0.0)
    assert sessions_on(state, plain) == [(1, 0)]
    assert sessions_on(state, other) == [(1, 2)]
    zero, two = slot_of(state, 1, 0), slot_of(state, 1, 2)
    assert state.session_kind[1, zero] == T.Session.SSH
    assert state.session_order[1, zero] > state.session_order[1, two]  # it went to the end of the map
    assert not state.session_parent[1].any()

    state = with_scan(state, 1, 0, other, SSH)
    needs_abstract = (T.Red.AGGRESSIVE, T.Red.STEALTH, T.Red.EXPLOIT, T.Red.ESCALATE)
    assert [game.play(red_due(state, 1, kind, other)).red[1] for kind in needs_abstract] == [FALSE] * 4
    discover = red_due(state, 1, T.Red.DISCOVER, subnet=RZA)
    assert game.play(discover).red[1] == TRUE
    assert game.play(red_due(state, 1, T.Red.DECEPTION, other)).red[1] == TRUE
    assert game.play(red_due(state, 1, T.Red.AGGRESSIVE, other, session=2)).red[1] == TRUE

    lucky = _session_zero_dies(game, u=0.99)
    assert sessions_on(lucky, other) == [(1, 0)]
    assert game.play(red_due(lucky, 1, T.Red.AGGRESSIVE, plain)).red[1] == TRUE


def test_q12_blocks_stop_only_scans_and_exploits_between_end_subnets(game):
    state = edit(game.start, blocked={...: True})
    homes = {1: user(RZA, 0), 2: user(OZA, 0), 3: user(RZB, 0), 4: user(OZB, 0), 5: user(PAZ, 0)}
    for agent, home in homes.items():
        state = with_session(state, agent, home, 0, login=T.User.USER if agent == 2 else T.User.ROOT)
    state = red_due(state, 0, T.Red.DISCOVER, subnet=CON)
    state = red_due(state, 1, T.Red.DECEPTION, user(RZA, 1))
    for agent, kind in ((2, T.Red.ESCALATE), (3, T.Red.DEGRADE), (4, T.Red.IMPACT)):
        state = red_due(state, agent, kind, homes[agent])
    state = red_due(state, 5, T.Red.AGGRESSIVE, user(ADM, 0))
    assert game.play(state).red.tolist() == [TRUE, TRUE, TRUE, TRUE, TRUE, FALSE]

    target = server(OZA, 0)  # red_agent_0 is in the contractor network
    state = with_scan(game.start, 0, 0, target, SSH)
    on_the_way = {(RZA, CON): True, (OZA, RZA): True, (INT, CON): True, (CON, OZA): True}
    for kind in (T.Red.AGGRESSIVE, T.Red.EXPLOIT):
        ready = red_due(state, 0, kind, target)
        assert game.play(edit(ready, blocked=on_the_way)).red[0] == TRUE
        assert game.play(edit(ready, blocked={(OZA, CON): True})).red[0] == FALSE


def test_q13_discovery_draws_its_subnet_apart_from_the_host(game):
    home = user(PAZ, 0)
    state = with_session(game.start, 5, home, 0)
    state = edit(state, red_known_subnet={5: np.arange(9) == ADM})
    memory = edit(game.no_memory, host_state={(5, home): T.Fsm.K})
    for u, subnet in ((0.4, PAZ), (0.6, ADM)):
        decision = game.play(state, memory=memory, red_action={5: 0.0}, red_subnet={5: u}).decision
        assert (decision.kind[5], decision.host[5], decision.subnet[5]) == (T.Red.DISCOVER, home, subnet)


def test_q15_a_foreign_host_is_finished_after_one_exploit(game):
    foreign, own = server(RZA, 0), user(CON, 2)
    named = edit(game.no_memory, hostname={(0, foreign): True})
    results = {}
    for host, before in ((foreign, T.Fsm.S), (foreign, T.Fsm.SD), (own, T.Fsm.S), (foreign, T.Fsm.F)):
        memory = edit(named, host_state={(0, host): before})
        ready = with_scan(game.start, 0, 0, host, SSH)
        turn = game.play(red_due(ready, 0, T.Red.EXPLOIT, host), memory=memory)
        assert turn.red[0] == TRUE
        results[host, before] = (turn, turn.memory.host_state[0, host])
    assert results[foreign, T.Fsm.S][1] == T.Fsm.F
    assert results[foreign, T.Fsm.SD][1] == T.Fsm.UD  # only the plain U is converted
    assert results[own, T.Fsm.S][1] == T.Fsm.U
    assert results[foreign, T.Fsm.F][1] == T.Fsm.F

    # the session is its owner's now, so UD is lost, and F stays and is never chosen again
    turn = results[foreign, T.Fsm.SD][0]
    later = game.play(turn.state, memory=turn.memory)
    assert later.memory.host_state[0, foreign] == T.Fsm.KD
    finished = results[foreign, T.Fsm.S][0]
    for u in np.linspace(0, 0.999, 9):
        turn = game.play(finished.state, memory=finished.memory, red_host={0: u})
        assert turn.memory.host_state[0, foreign] == T.Fsm.F
        assert turn.decision.host[0] != foreign


def test_q16_vsftpd_always_fits_and_opens_port_80(game):
    host = user(RZA, 0)

    def deployed(state, u, services=None):
        turn = game.play(blue_due(state, 0, T.Blue.DECOY, host), blue_decoy={0: u}, services=services)
        assert turn.events.blue_outcome[0] == TRUE
        return turn.state

    def candidates(state, services=None):
        """Decoys that can be chosen, in order: which service points to a new process for each draw."""
        chosen = []
        for u in np.arange(24) / 24:
            after = deployed(state, u, services)
            new = np.flatnonzero(after.host_decoy_pid[host] != state.host_decoy_pid[host])
            chosen.append(T.Decoy(int(after.host_decoy[host, new[0]])))
        return list(dict.fromkeys(chosen)), set(Counter(chosen).values())

    apache, tomcat, haraka, vsftpd = (T.Decoy(i) for i in range(1, 5))
    assert candidates(game.start) == ([apache, tomcat, haraka, vsftpd], {6})
    real = {host: [T.Service.SSHD, T.Service.APACHE2, T.Service.SMTP]}
    assert candidates(game.start, real) == ([tomcat, vsftpd], {12})
    after_vsftpd = deployed(game.start, 0.99)
    assert candidates(after_vsftpd) == ([tomcat, haraka, vsftpd], {8})
    assert candidates(deployed(game.start, 0.0)) == ([tomcat, haraka, vsftpd], {8})
    full = deployed(deployed(after_vsftpd, 0.0), 0.0)
    assert candidates(full) == ([vsftpd], {24})

    scan = with_session(after_vsftpd, 1, user(RZA, 1), 0)
    scanned = game.play(red_due(scan, 1, T.Red.AGGRESSIVE, host)).state
    assert scanned.scan_ports[1, 0] == SSH | WEB
    # stacked vsftpds all go on listening
    assert _decoy_processes(game, deployed(deployed(full, 0.5), 0.5), host) == 5


def test_q17_decoys_are_services_for_green_and_for_degrade(game):
    host = user(RZA, 0)
    g = green_of(host)
    state = _with_decoy(game, game.start, host, T.Decoy.VSFTPD, 1, u=0.99)
    state = with_session(state, 1, host, 0, login=T.User.ROOT)
    turn = game.play(red_due(state, 1, T.Red.DEGRADE, host))
    assert turn.red[1] == TRUE
    worn = turn.state
    for pick in (0.0, 0.99):  # SSHD, the decoy
        for draw_, outcome in ((79, TRUE), (80, FALSE)):
            work = game.play(
                worn, green={host: T.Green.WORK}, green_pick={g: pick}, green_reliability={g: draw_}
            )
            assert work.green[g] == outcome
    again = _with_decoy(game, worn, host, T.Decoy.VSFTPD, 1, u=0.99)
    for pick, outcome in ((0.0, FALSE), (0.99, TRUE)):  # the decoy is as new
        work = game.play(again, green={host: T.Green.WORK}, green_pick={g: pick}, green_reliability={g: 99})
        assert work.green[g] == outcome


def test_q18_exploits_use_what_was_scanned_however_old(game):
    target = user(RZA, 2)
    state = _with_decoy(game, game.start, target, T.Decoy.APACHE, 1, u=0.0)
    state = _with_decoy(game, state, target, T.Decoy.TOMCAT, 1, u=0.0)
    state = with_session(state, 1, user(RZA, 1), 0)
    state = game.play(red_due(state, 1, T.Red.AGGRESSIVE, target)).state
    trapped = game.play(red_due(state, 1, T.Red.EXPLOIT, target), red_exploit={1: 0.0})
    assert trapped.events.red_exploit[1] == T.Exploit.HTTP_RFI
    assert trapped.events.red_trapped[1]
    assert (trapped.red[1], trapped.state.host_network_events[target]) == (FALSE, 2)
    assert trapped.state.seen_order[1, target] > 0  # the process was found, so the target is reported

    state = game.play(blue_due(state, 0, T.Blue.RESTORE, target)).state  # the decoys are gone
    stale = game.play(red_due(state, 1, T.Red.EXPLOIT, target), red_exploit={1: 0.0})
    assert stale.events.red_exploit[1] == T.Exploit.HTTP_RFI
    assert (stale.red[1], stale.events.red_trapped[1]) == (FALSE, False)
    assert stale.state.seen_order[1, target] == 0
    assert stale.state.host_network_events[target] == 0


def test_q19_a_brute_forced_login_is_noticed_along_its_route(game):
    source, target = user(RZA, 1), server(OZA, 0)
    state = with_session(game.start, 1, source, 0)
    state = red_due(with_scan(state, 1, 0, target, SSH), 1, T.Red.EXPLOIT, target)
    loud = game.play(state, red_route={1: 0.06})
    events = loud.state.host_network_events
    route = [source, T.router_of(RZA), T.router_of(OZA), target]
    assert events[route].tolist() == [1, 1, 1, 11]
    assert events.sum() == 14
    assert flag(loud.obs, 0, source, process=False) == 1  # the source is in a blue subnet
    assert flag(loud.obs, 1, target, process=False) == 1
    quiet = game.play(state, red_route={1: 0.04})
    assert quiet.state.host_network_events[route].tolist() == [0, 0, 0, 10]
    own = game.play(state, red_route={(1, 1): 0.06})  # the second node's draw
    assert own.state.host_network_events[route].tolist() == [0, 1, 0, 10]

    far = red_due(with_scan(game.start, 0, 0, target, SSH), 0, T.Red.EXPLOIT, target)
    events = game.play(far, red_route={0: 0.06}).state.host_network_events
    routers = [T.router_of(CON), T.ROOT_HOST, T.router_of(RZA), T.router_of(OZA)]
    assert events[routers].tolist() == [1, 1, 1, 1]
    assert events.sum() == 6 + 10


def test_q20_restore_is_instantaneous_and_no_outage(game):
    host = user(OZA, 0)
    g = green_of(host)
    state = with_session(game.start, 2, host, 0, login=T.User.ROOT)
    state = edit(state, host_reliability={host: 0}, host_ot_stopped={host: True})
    work = {"green": {host: T.Green.WORK}, "green_pick": {g: 0.99}, "green_reliability": {g: 50}}
    outcomes = []
    for t in range(5):
        turn = game.play(state, blue={1: action(1, T.Blue.RESTORE, host)} if t == 0 else {}, **work)
        outcomes.append(int(turn.green[g]))
        state = turn.state
    assert outcomes == [FALSE] * 4 + [TRUE]
    assert sessions_on(state, host) == []
    assert not state.host_ot_stopped[host]
    assert (state.host_reliability[host] == 100).all()
    again = game.play(blue_due(state, 1, T.Blue.ANALYSE, host), **work)  # blue and green are there as before
    assert (again.events.blue_outcome[1], again.green[g]) == (TRUE, TRUE)


def test_q21_flags_show_the_last_step_only(game):
    target = user(RZA, 2)
    state = with_session(game.start, 1, user(RZA, 1), 0)
    seen = game.play(red_due(state, 1, T.Red.AGGRESSIVE, target), red_scan={1: 0.75})  # u <= rate
    assert flag(seen.obs, 0, target, process=False) == 1
    alarm = {"green": {target: T.Green.WORK}, "green_alarm": {green_of(target): 0.0}}
    after = game.play(seen.state, **alarm)
    assert flag(after.obs, 0, target, process=False) == 0
    assert flag(after.obs, 0, target, process=True) == 1
    assert flag(game.play(after.state).obs, 0, target, process=True) == 0
    # where no blue looks, events are never cleared
    contractor = red_due(game.start, 0, T.Red.AGGRESSIVE, user(CON, 0))
    once = game.play(contractor, red_scan={0: 0.0}).state
    twice = game.play(red_due(once, 0, T.Red.AGGRESSIVE, user(CON, 0)), red_scan={0: 0.0}).state
    assert (once.host_network_events[user(CON, 0)], twice.host_network_events[user(CON, 0)]) == (1, 2)


def test_q22_the_policy_shown_is_not_where_green_goes(game):
    policy = np.empty_like(T.POLICY)
    policy[:, :, T.ALPHABETICAL] = T.POLICY  # [phase, subnet, other], both in generation order
    assert (np.diagonal(policy, axis1=1, axis2=2) == 1).all()  # one's own subnet is "forbidden"
    obs = game.play(game.start).obs
    own = {RZA: 7, OZA: 4, RZB: 8, OZB: 5}  # alphabetical places
    assert [obs[agent, 1 + 18 + place] for agent, place in enumerate(own.values())] == [1] * 4
    assert [obs[4, 1 + 59 * k + 18 + place] for k, place in enumerate((0, 3, 6))] == [1] * 3

    allowed, reached = policy[:, :8, :8] == 0, T.GREEN_REACH
    hq = np.isin(range(8), (PAZ, ADM, OFF))
    between_hq = hq[:, None] & hq[None] & ~np.eye(8, dtype=bool)
    expected = np.eye(8, dtype=bool) | between_hq  # green stays in its own subnet, but never goes HQ to HQ
    for phase in range(3):
        assert np.array_equal(allowed[phase] != reached[phase], expected)
        assert np.array_equal(policy[phase], policy[phase].T)
    assert (policy[0, INT, [ADM, CON, OFF, PAZ, RZA, RZB]] == 0).all()  # allowed, but nobody goes there


def test_q23_the_phase_is_seen_one_step_late(game):
    step = {167: 1, 334: 2}
    for first, phase in step.items():
        before = game.play(edit(game.start, step={(): first - 1}))
        assert before.state.step == first  # the next step belongs to the new phase
        assert before.obs[:, 0].tolist() == [phase - 1] * 5
        after = game.play(before.state)
        assert after.obs[:, 0].tolist() == [phase] * 5
        policy = after.obs[1, 1 + 18 : 1 + 27].astype(int).tolist()
        assert policy == [int(b) for b in {1: "111111111", 2: "111111101"}[phase]]  # row OZA


def test_q24_impact_fails_when_its_source_vanishes_in_the_same_step(game):
    source, target = user(OZA, 0), user(OZA, 1)
    state = with_session(game.start, 2, source, 0)
    state = with_session(state, 2, target, 1, kind=T.Session.SSH, login=T.User.ROOT)
    state = red_due(state, 2, T.Red.IMPACT, target)
    turn = game.play(blue_due(state, 1, T.Blue.RESTORE, source))
    assert turn.events.red_ran[2]
    assert (turn.red[2], turn.parts["RIA"]) == (FALSE, -1)
    assert not turn.state.host_ot_stopped[target]
    assert turn.state.seen_order[2, target] == 1  # the target is reported all the same, before anything else
    assert game.play(state).state.host_ot_stopped[target]


def test_q25_a_new_owner_learns_of_the_exploited_session_first(game):
    reader, target = user(RZA, 0), server(RZA, 0)
    state = red_due(with_scan(game.start, 0, 0, target, SSH), 0, T.Red.EXPLOIT, target)
    turn = game.play(state, green={reader: T.Green.WORK}, green_phishing={green_of(reader): 0.0})
    # both were red_agent_0's and came over in this order, the mail's before the exploit's
    assert sessions_on(turn.state, reader) == [(1, 0)]
    assert sessions_on(turn.state, target) == [(1, 1)]
    assert turn.state.red_known_session[1, :3].tolist() == [1, 0, NO_RANK]
    assert turn.state.session_kind[1, :2].tolist() == [T.Session.ABSTRACT] * 2


def test_q25_a_session_handed_over_and_promoted_at_once_is_met_under_both_ids(game):
    lost, plain, target = user(RZA, 0), user(RZA, 1), server(RZA, 0)
    state = with_session(game.start, 1, lost, 0, kind=T.Session.SSH)  # of an exploit: its id is not known
    state = with_session(state, 1, plain, 1, kind=T.Session.SSH)
    state = red_due(with_scan(state, 0, 0, target, SSH), 0, T.Red.EXPLOIT, target)
    turn = game.play(blue_due(state, 0, T.Blue.RESTORE, lost), red_promote={1: 0.99})
    assert sessions_on(turn.state, target) == [(1, 0)]  # it came over as number 2
    assert turn.state.red_known_session[1, :3].tolist() == [1, NO_RANK, 0]


def test_q26_blocks_of_this_step_hold_for_green_and_red(game):
    target, reader = server(PAZ, 0), user(CON, 0)
    g = green_of(reader)
    scan = red_due(edit(game.start, red_known_ip={(0, target): True}), 0, T.Red.AGGRESSIVE, target)
    users_do = {"green": {reader: T.Green.ACCESS}, "green_pick": {g: 0.0}}
    row = {"source": CON, "target": PAZ}
    for start, kind, outcome in (
        (scan, T.Blue.BLOCK, FALSE),
        (edit(scan, blocked={(PAZ, CON): True}), T.Blue.ALLOW, TRUE),
    ):
        turn = game.play(start, blue={4: action(4, kind, **row)})
        assert (turn.events.blue_outcome[4], turn.red[0]) == (TRUE, outcome)
        assert turn.state.blocked[PAZ, CON] == (kind == T.Blue.BLOCK)
    # the contractor's first reachable server is in the restricted zone A
    for blue, outcome in (({}, TRUE), ({0: action(0, T.Blue.BLOCK, source=CON, target=RZA)}, FALSE)):
        assert game.play(game.start, blue=blue, **users_do).green[g] == outcome
    repeated = game.play(edit(scan, blocked={(PAZ, CON): True}), blue={4: action(4, T.Blue.BLOCK, **row)})
    assert repeated.events.blue_outcome[4] == FALSE


def test_q27_blue_comes_first_and_red_checks_again(game):
    host = user(RZA, 0)
    state = red_due(with_session(game.start, 1, host, 0, login=T.User.ROOT), 1, T.Red.DEGRADE, host)
    assert game.play(state).red[1] == TRUE
    late = game.play(blue_due(state, 0, T.Blue.RESTORE, host))
    assert late.events.red_ran[1]  # its session lived when the step began, so it was not dropped
    assert late.red[1] == FALSE
    assert (late.state.host_reliability[host] == 100).all()
    assert not late.state.red_active[1]


def test_q28_the_score_counts_498_rewards(game):
    world = CC4()
    assert (world.max_steps, world.score_steps) == (499, 498)
    done = [bool(game.play(edit(game.start, step={(): t})).done) for t in (497, 498)]
    assert done == [False, True]  # the 498th and the 499th step


def test_q30_the_phishing_sender(game):
    inside, near, far = user(RZA, 0), user(PAZ, 0), user(ADM, 0)
    letters = {"green": {near: T.Green.WORK, far: T.Green.WORK}}
    letters["green_phishing"] = {green_of(near): 0.0, green_of(far): 0.0}

    # nobody anywhere: nothing happens
    empty = edit(game.start, session_kind={(0, 0): 0}, red_active={0: False})
    turn = game.play(empty, **letters)
    assert not turn.events.green_phished.any()
    assert not (turn.state.session_kind > 0).any()

    # sessions are handed over sender by sender, so the ids tell who sent what: here red_agent_1 the first
    # one and red_agent_0 the second; drawn over sessions, the first would be red_agent_0's as well
    state = with_session(with_session(game.start, 0, int(game.topology.red_start[0]), 1), 1, inside, 0)
    pool = {"green_sender": {green_of(near): 0.4, green_of(far): 0.5}}  # of 2 and of 3 pairs, in host order
    turn = game.play(state, **letters, **pool)
    assert (sessions_on(turn.state, near), sessions_on(turn.state, far)) == ([(5, 1)], [(5, 0)])


def test_q30_an_infected_subnet_sends_its_own_mail(game):
    first, second = user(RZA, 0), user(RZA, 1)
    greens = [green_of(first), green_of(second)]
    mail = {"green": {first: T.Green.WORK, second: T.Green.WORK}}
    mail["green_phishing"] = dict.fromkeys(greens, 0.0)
    # red_agent_5 sends the first one; now it is in the subnet and sends the second, whatever is drawn
    state = with_session(game.start, 5, user(PAZ, 0), 0)
    turn = game.play(state, **mail, green_sender={greens[0]: 0.6, greens[1]: 0.5})
    assert (sessions_on(turn.state, first), sessions_on(turn.state, second)) == ([(1, 0)], [(1, 1)])
    # the last infected host counts: red_agent_1 sends, and is handed red_agent_5's session after that
    both = with_session(with_session(state, 5, first, 1), 1, server(RZA, 0), 0)
    turn = game.play(both, **mail)
    assert (sessions_on(turn.state, first), sessions_on(turn.state, second)) == ([(1, 2)], [(1, 1)])
    # who has red on the host already gets no mail
    again = game.play(turn.state, **mail)
    assert not again.events.green_phished.any()


# ---------------------------------------------------------------- durations, queues, validity, sessions


def test_blue_actions_take_their_time(game):
    state = game.start
    zones = (RZA, OZA, RZB, OZB)
    kinds = (T.Blue.ANALYSE, T.Blue.REMOVE, T.Blue.RESTORE, T.Blue.DECOY)
    chosen = {a: action(a, kind, user(zones[a], 0)) for a, kind in enumerate(kinds)}
    chosen[4] = action(4, T.Blue.BLOCK, source=CON, target=PAZ)
    executed = {}
    for t in range(1, 6):
        turn = game.play(state, blue=chosen if t == 1 else {})
        state = turn.state
        executed |= {T.Blue(int(k)): t for k in turn.events.blue_kind if k != T.Blue.SLEEP}
        busy = [T.BLUE_DURATION[k] > t for k in (*kinds, T.Blue.BLOCK)]
        assert (turn.events.blue_outcome == IN_PROGRESS).tolist() == busy
    assert executed == dict(zip((*kinds, T.Blue.BLOCK), (2, 3, 5, 2, 1), strict=True))
    once = game.play(game.start, blue={0: action(0, T.Blue.MONITOR)})
    assert (once.events.blue_kind[0], once.events.blue_outcome[0]) == (T.Blue.MONITOR, TRUE)
    assert once.events.blue_outcome[1] == UNKNOWN  # Sleep


def test_red_actions_take_their_time(game):
    durations = {
        T.Red.DISCOVER: 1,
        T.Red.AGGRESSIVE: 1,
        T.Red.STEALTH: 3,
        T.Red.DECEPTION: 2,
        T.Red.EXPLOIT: 4,
        T.Red.ESCALATE: 2,
        T.Red.IMPACT: 2,
        T.Red.DEGRADE: 2,
        T.Red.WITHDRAW: 1,
    }
    for kind, duration in durations.items():
        host = int(game.topology.red_start[0])
        state, outcomes = game.start, []
        for _ in range(duration):
            turn = game.play(state, red={0: (kind, 0, host, CON, host)})
            state = turn.state
            outcomes.append(int(turn.red[0]))
        assert outcomes[:-1] == [IN_PROGRESS] * (duration - 1)
        assert outcomes[-1] in (TRUE, FALSE)
        assert (turn.events.red_kind[0], state.red_ticks[0]) == (kind, 0)


def test_what_a_busy_agent_submits_is_discarded(game):
    one, other = user(RZA, 0), user(RZA, 1)
    turn = game.play(game.start, blue={0: action(0, T.Blue.REMOVE, one)})
    for _ in range(2):
        turn = game.play(turn.state, blue={0: action(0, T.Blue.DECOY, other)})
    assert (turn.events.blue_kind[0], turn.events.blue_host[0]) == (T.Blue.REMOVE, one)
    turn = game.play(turn.state, blue={0: action(0, T.Blue.BLOCK, source=CON, target=RZA)})
    assert turn.events.blue_kind[0] == T.Blue.BLOCK  # free again in the step after


def test_actions_on_what_red_does_not_know_are_invalid(game):
    home, unknown = int(game.topology.red_start[0]), server(PAZ, 0)
    nowhere = (T.NO_HOST, T.NO_SUBNET, T.NO_HOST)
    odd = [(T.Red.DISCOVER, 0, T.NO_HOST, PAZ, T.NO_HOST), (T.Red.WITHDRAW, 0, home, 0, unknown)]
    by_address = (T.Red.AGGRESSIVE, T.Red.STEALTH, T.Red.DECEPTION, T.Red.EXPLOIT)
    by_name = (T.Red.ESCALATE, T.Red.IMPACT, T.Red.DEGRADE)
    odd += [(kind, 0, unknown, 0, unknown) for kind in by_address + by_name]
    odd += [(T.Red.AGGRESSIVE, 1, home, 0, home), (T.Red.DISCOVER, 0, *nowhere)]  # an unseen session, nowhere
    for row in odd:
        turn = game.play(game.start, red={0: row})
        assert (turn.events.red_kind[0], turn.red[0]) == (T.Red.INVALID, FALSE)
        assert turn.state.seen_kind[0] == T.Red.SLEEP  # the finite-state red sees no result
    # an address alone is enough for a scan, but not for an escalation
    address = edit(game.start, red_known_ip={(0, unknown): True})
    for kind in by_address + by_name:
        executed = game.play(address, red={0: (kind, 0, unknown, 0, unknown)})
        assert (executed.events.red_kind[0] == T.Red.INVALID) == (kind in by_name)


def test_an_inactive_agents_action_keeps_ticking(game):
    home, target = user(RZA, 1), user(RZA, 0)
    state = with_session(game.start, 1, home, 0)
    state = edit(state, red_known_ip={(1, target): True}, blue_ticks={0: 2})
    state = edit(state, blue_action={0: action(0, T.Blue.RESTORE, home)})
    scan = (T.Red.STEALTH, 0, target, 0, target)
    started = game.play(state, red={1: scan}).state
    lost = game.play(started)  # the Restore executes
    assert (lost.state.red_active[1], lost.state.red_ticks[1]) == (False, 1)
    dropped = game.play(lost.state)
    assert (dropped.events.red_kind[1], dropped.red[1]) == (T.Red.STEALTH, DROPPED)
    asleep = game.play(dropped.state, red={1: scan})
    assert (asleep.events.red_kind[1], asleep.state.red_ticks[1]) == (T.Red.SLEEP, 0)

    # a session that takes the number 0 in time carries the action out
    mail = {"green": {target: T.Green.WORK}, "green_phishing": {green_of(target): 0.0}}
    back = game.play(started, **mail)
    assert sessions_on(back.state, target) == [(1, 0)]
    assert game.play(back.state).red[1] == TRUE


def test_session_numbers_are_used_again_from_the_top(game):
    reader = user(RZA, 0)
    state = with_session(with_session(game.start, 1, user(RZA, 1), 0), 1, user(RZA, 1), 3)
    mail = {"green": {reader: T.Green.WORK}, "green_phishing": {green_of(reader): 0.0}}
    for count in (3, 4):  # CybORG's counter does not go down with Restore
        state = game.play(state, **mail).state
        assert sessions_on(state, reader) == [(1, 4)]
        assert state.red_session_count[1] == count
        state = game.play(blue_due(state, 0, T.Blue.RESTORE, reader)).state


def test_escalation_is_done_where_root_is_already(game):
    plain, root = user(RZA, 0), user(RZA, 1)
    state = with_session(game.start, 1, plain, 0, kind=T.Session.SSH)  # cannot escalate
    state = with_session(state, 1, root, 1, kind=T.Session.SSH, login=T.User.ROOT)
    assert game.play(red_due(state, 1, T.Red.ESCALATE, root)).red[1] == TRUE
    assert game.play(red_due(state, 1, T.Red.ESCALATE, plain)).red[1] == FALSE
    assert game.play(red_due(state, 1, T.Red.ESCALATE, user(RZA, 2))).red[1] == FALSE  # not there


LINKS = {
    CON: [RZA, RZB, PAZ],
    RZA: [OZA, CON],
    OZA: [RZA],
    RZB: [OZB, CON],
    OZB: [RZB],
    PAZ: [CON, ADM, OFF],
    ADM: [PAZ],
    OFF: [PAZ],
}


@pytest.mark.parametrize("subnet", LINKS)
def test_root_on_the_first_server_reveals_others_in_order(game, subnet):
    host, agent = server(subnet, 0), int(T.SUBNET_RED[subnet])
    own = 1 if agent == 0 else 0
    state = with_session(game.start, agent, host, own)
    turn = game.play(red_due(state, agent, T.Red.ESCALATE, host, session=own))
    order = turn.memory.order[agent]
    held = np.isin(range(T.NUM_HOSTS), state.session_host[agent][state.session_kind[agent] > 0])
    new = np.flatnonzero((turn.memory.host_state[agent] > 0) & ~held)
    assert new[np.argsort(order[new])].tolist() == [server(s, 0) for s in LINKS[subnet]]
    assert turn.memory.hostname[agent, new].all()


@pytest.mark.parametrize(
    ("source", "outcome", "left"), [(0, TRUE, []), (3, FALSE, [0, 2]), (2, FALSE, [0]), (4, TRUE, [0])]
)
def test_withdraw_stops_at_its_own_source(game, source, outcome, left):
    host = user(RZA, 0)
    state = game.start
    for number, parent in enumerate((False, True, False, True)):
        state = with_session(state, 1, host, number, parent=parent)
    state = with_session(state, 1, user(RZA, 1), 4)
    turn = game.play(red_due(state, 1, T.Red.WITHDRAW, host, session=source))
    assert turn.red[1] == outcome
    assert sorted(number for _, number in sessions_on(turn.state, host)) == left
    nowhere = red_due(state, 1, T.Red.WITHDRAW, user(RZA, 2), session=source)
    assert game.play(nowhere).red[1] == FALSE


def test_a_false_alarm_names_no_process(game):
    host = user(RZA, 0)
    alarm = {"green": {host: T.Green.WORK}, "green_alarm": {green_of(host): 0.0}}
    turn = game.play(with_session(game.start, 1, host, 0), **alarm)
    assert flag(turn.obs, 0, host, process=True) == 1
    assert (turn.state.suspicious_host == T.NO_HOST).all()
    assert sessions_on(game.play(blue_due(turn.state, 0, T.Blue.REMOVE, host)).state, host) == [(1, 0)]
