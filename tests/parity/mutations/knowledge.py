"""Wrong rules of red's sessions, of what it is told, remembers and decides."""

from garrison.worlds.cc4 import report, sessions, state, step
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.agents import red as policies
from mutations import DISCOVERY, HEAVY, RANDOM_SELECT, Wrong, edit, entry, option

SESSIONS = (
    Wrong(
        "§2.2",
        "a new id is the largest plus one",
        "a new id is the least free one",
        edit(
            sessions.add,
            (
                "largest + 1, 0)",
                "jnp.argmin(jnp.any(used[:, :, None] & is_index(state.session_id, T.MAX_SESSION_ID), axis=1), axis=1), 0)",
            ),
        ),
    ),
    Wrong(
        "§3.2 Q27",
        "an action is dropped only if its session was gone when the step began",
        "actions whose session blue removes now are dropped",
        edit(
            step.turn,
            (
                "state = sessions.forget_scans(state, before)",
                "ran = (red_now.kind == 0) | jnp.any(sessions.find(state, red_now.session), axis=1)\n"
                "    state = sessions.forget_scans(state, before)",
            ),
        ),
    ),
    Wrong(
        "§3.2 Q10",
        "an action whose session is gone is dropped",
        "actions without a session are carried out",
        edit(
            step.turn,
            ("ran = ran | jnp.any(sessions.find(state, red_now.session), axis=1)", "ran = ran | True"),
        ),
    ),
    Wrong(
        "§3.2",
        "what an agent does is validated",
        "nothing is validated",
        edit(step.queue_red, ("is_valid(state, action)", "True")),
        (HEAVY, RANDOM_SELECT),
    ),
    Wrong(
        "§3.3",
        "an action in progress goes on while its agent is inactive",
        "actions of inactive agents are cancelled",
        edit(
            step.queue_red,
            ("idle = state.red_ticks == 0", "idle = (state.red_ticks == 0) | ~state.red_active"),
        ),
    ),
    Wrong(
        "§3.3",
        "a session that is handed over becomes abstract",
        "a session handed over keeps its type",
        edit(
            sessions.reassign, ("kind=jnp.uint8(T.Session.ABSTRACT), parent=False", "kind=kind, parent=False")
        ),
    ),
    Wrong(
        "§3.3",
        "a session that is handed over has no parent",
        "a session handed over has a parent",
        edit(sessions.reassign, ("parent=False", "parent=True")),
    ),
    Wrong(
        "§3.3",
        "sessions are handed over in the order of the map",
        "sessions are handed over in reverse order",
        edit(
            sessions.reassign,
            ("jnp.iinfo(jnp.int16).max)", "-1)"),
            ("jnp.argmin(order)", "jnp.argmax(order)"),
        ),
    ),
    Wrong(
        "§3.3",
        "an agent is active from the step on in which it got a session",
        "an agent is active one step later",
        edit(
            step.turn,
            (
                "red_active=jnp.any(sessions.live(state), axis=1)",
                "red_active=jnp.any(sessions.live(middle), axis=1)",
            ),
        ),
    ),
    Wrong(
        "§3.3",
        "the new owner is told of an exploit's session",
        "the new owner is told of any session",
        edit(sessions.reassign, ("owner & (kind != T.Session.ABSTRACT)", "owner")),
    ),
    Wrong(
        "§3.3",
        "scanned ports are not handed over",
        "scanned ports stay with the slot of the table",
        edit(
            sessions.forget_scans,
            ("~live(state) | (state.session_order != before.session_order)", "~live(state)"),
        ),
    ),
    Wrong(
        "§3.4 Q11",
        "the promoted session goes to the end of the map",
        "a promoted session keeps its place",
        edit(
            sessions.promote,
            ("jnp.where(chosen, state.red_next_order[:, None], state.session_order)", "state.session_order"),
        ),
    ),
    Wrong(
        "§3.4 Q11",
        "after a promotion no session has a parent",
        "parents survive a promotion",
        edit(sessions.promote, ("state.session_parent & ~lost[:, None]", "state.session_parent")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§3.4 Q11",
        "the promoted session keeps its type",
        "a promoted session becomes abstract",
        edit(
            sessions.promote,
            (
                "session_id=",
                "session_kind=jnp.where(chosen, T.Session.ABSTRACT, state.session_kind).astype(jnp.uint8), session_id=",
            ),
        ),
    ),
    Wrong(
        "§3.4",
        "a random survivor is promoted",
        "the oldest survivor is promoted",
        edit(sessions.promote, ("state.session_order, u)", "state.session_order, 0 * u)")),
    ),
)

KNOWLEDGE = (
    Wrong(
        "§5.2",
        "every agent knows its starting host",
        "only red_agent_0 knows its starting host",
        edit(state.initial_state, ("red_known_ip=known", "red_known_ip=known & first[:, None]")),
    ),
    Wrong(
        "§2.4",
        "sessions of exploits are never listed as known",
        "sessions of exploits are known",
        edit(report._meet, ("used & (state.session_kind == T.Session.ABSTRACT)", "used")),
    ),
    Wrong(
        "§2.4 Q10",
        "known sessions are never forgotten",
        "dead sessions are forgotten",
        edit(
            report._meet,
            (
                "known = state.red_known_session",
                "alive = jnp.any(used[:, :, None] & is_index(state.session_id, T.MAX_SESSION_ID), axis=1)\n"
                "    known = jnp.where(alive, state.red_known_session, NO_RANK)",
            ),
        ),
    ),
    Wrong(
        "§2.4",
        "a subnet is known by an own session in it",
        "a subnet is known by any host reported in it",
        edit(report.inform, ("own[:, :, None] & jnp.asarray", "(order > 0)[:, :, None] & jnp.asarray")),
    ),
    Wrong(
        "§2.4 Q25",
        "a new owner knows the exploit's session first",
        "a new owner knows sessions in their own order",
        edit(report._meet, ("(given_id > 0) & (order != TARGET)", "False & (given_id > 0)")),
    ),
    Wrong(
        "§5.3",
        "a report names the target first",
        "a report names the target last",
        edit(report.inform, ("jnp.where(target, TARGET, order)", "jnp.where(target, 200, order)")),
    ),
    Wrong(
        "§5.3",
        "hosts enter in the order of reports, those found together in that of their subnet",
        "hosts of a subnet enter in reverse order",
        edit(fsm.remember, ("2 + jnp.arange(T.NUM_HOSTS)[None]", "2 + jnp.arange(T.NUM_HOSTS)[None, ::-1]")),
    ),
    Wrong(
        "§5.4 Q9",
        "an agent that has acted takes a host with a new session for K",
        "a host with a new session is taken for U",
        edit(
            fsm.remember,
            (
                "jnp.where(state.fsm_calls == 0, T.Fsm.U, T.Fsm.K)[:, None]",
                "jnp.where((state.fsm_calls == 0)[:, None] | state.seen_session, T.Fsm.U, T.Fsm.K)",
            ),
        ),
    ),  # fmt: skip
    Wrong(
        "§5.4",
        "at its first decision an agent takes every host for U",
        "hosts are taken for K at the first decision",
        edit(
            fsm.remember,
            ("jnp.where(state.fsm_calls == 0, T.Fsm.U, T.Fsm.K)", "jnp.full(T.NUM_RED, T.Fsm.K)"),
        ),
    ),
    Wrong(
        "§5.3",
        "a host whose session is lost becomes KD",
        "a host whose session is lost becomes K",
        edit(fsm.remember, ("~state.seen_session, T.Fsm.KD, fsm", "~state.seen_session, T.Fsm.K, fsm")),
    ),
    Wrong(
        "§5.3",
        "a lost session is noticed",
        "a lost session is not noticed",
        edit(fsm.remember, ("shell & ~state.seen_session", "shell & False")),
    ),
    Wrong(
        "§5.1",
        "discovery from a host in R leads to RD",
        "discovery leaves R as it is",
        entry("FSM_SUCCESS", (T.Fsm.R, T.Red.DISCOVER), T.Fsm.R),
    ),
    Wrong(
        "§5.1",
        "a failed exploit leaves a host in S",
        "a failed exploit leads back to K",
        entry("FSM_FAILURE", (T.Fsm.S, T.Red.EXPLOIT), T.Fsm.K),
    ),
    Wrong(
        "§5.1",
        "discovery changes every known host of the subnet",
        "discovery changes only the chosen host",
        edit(
            fsm._transition,
            (
                "(kind == T.Red.DISCOVER)[:, None], in_subnet",
                "(kind == T.Red.DISCOVER)[:, None], in_subnet & at_target",
            ),
        ),
    ),
    Wrong(
        "§5.1",
        "a withdrawal from U leads to S",
        "a withdrawal leaves U as it is",
        entry("FSM_SUCCESS", (T.Fsm.U, T.Red.WITHDRAW), T.Fsm.U),
    ),
    Wrong(
        "§5.1",
        "discovery leaves a host in F",
        "discovery leads from F to KD",
        entry("FSM_SUCCESS", (T.Fsm.F, T.Red.DISCOVER), T.Fsm.KD),
    ),
    Wrong(
        "§5.3 Q15",
        "a foreign host that was exploited becomes F",
        "an exploited foreign host becomes U",
        edit(fsm._transition, ("T.Fsm.F, after)", "after, after)")),
    ),
    Wrong(
        "§5.3 Q15",
        "only the plain U becomes F",
        "UD becomes F too",
        edit(fsm._transition, ("(after == T.Fsm.U)", "((after == T.Fsm.U) | (after == T.Fsm.UD))")),
    ),
)

DECISIONS = (
    Wrong(
        "§5.3 Q15",
        "a host in F is never chosen",
        "a host in F may be chosen",
        edit(fsm.decide, (" & (state.fsm_state != T.Fsm.F)", "")),
    ),
    Wrong(
        "§5.3 Q13",
        "the subnet to discover is drawn among the known ones",
        "the subnet is that of the chosen host",
        edit(
            fsm.decide,
            ("nth(state.red_known_subnet, draws.red_subnet)", "jnp.asarray(T.HOST_SUBNET)[host]"),
        ),
    ),
    Wrong(
        "§5.3",
        "the first session known is the first option",
        "the session known last is the first option",
        edit(fsm.nth_known_session, ("pick(u, count)", "(count - 1 - pick(u, count))")),
    ),
    Wrong(
        "§5.3",
        "an agent counts its calls even while it is busy",
        "busy agents count no calls",
        edit(fsm.decide, ("state.red_active.astype(jnp.int16)", "free.astype(jnp.int16)")),
    ),
    Wrong(
        "§5.5",
        "the discovery variant takes a server with a chance of 0.75",
        "servers are preferred with 0.7",
        option("red_server_preference", 0.7),
        (DISCOVERY,),
    ),
    Wrong(
        "§5.5",
        "the discovery variant prefers hosts that it knows least",
        "all states have the same priority",
        option("red_priority", (T.DISCOVERY_PRIORITY > 0) * 10.0),
        (DISCOVERY,),
    ),
    Wrong(
        "§5.5",
        "the discovery variant draws evenly among states without priority",
        "it takes the first of them",
        edit(
            fsm._look_first,
            ("weight, present)", "weight, present & (jnp.arange(len(T.Fsm)) == T.Fsm.R)[None])"),
        ),
        (DISCOVERY,),
    ),
    Wrong(
        "§5.5",
        "the discovery variant knows a server by its name",
        "servers are known by their place",
        edit(fsm._look_first, ("group & state.fsm_hostname & ", "group & ")),
        (DISCOVERY,),
    ),
    Wrong(
        "§5.5",
        "RandomSelect's Withdraw draws a host name beside the address",
        "Withdraw names the host of its address",
        edit(
            policies.random_select,
            (
                "hostname=nth_host(state.red_known_hostname, draws.red_group)",
                "hostname=nth_host(known, draws.red_host)",
            ),
        ),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§5.5",
        "RandomSelect chooses host names among known names",
        "host names are chosen among known addresses",
        edit(
            policies.random_select,
            ("by_name[:, None], state.red_known_hostname", "by_name[:, None], state.red_known_ip"),
        ),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§5.5",
        "Sleep is RandomSelect's last command",
        "RandomSelect never sleeps",
        edit(policies.random_select, ("[jnp.ones_like(ip)]", "[jnp.zeros_like(ip)]")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§5.5",
        "RandomSelect chooses among commands whose parameters are known",
        "RandomSelect chooses among all commands",
        edit(
            policies.random_select,
            ("nth(commands, draws.red_action)", "nth(commands | True, draws.red_action)"),
        ),
        (RANDOM_SELECT,),
    ),
)
