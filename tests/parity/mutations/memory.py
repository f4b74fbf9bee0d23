"""Wrong rules of what red is told, knows and remembers."""

from garrison.worlds.cc4 import red_knowledge, state
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import fsm
from mutations import HEAVY, Wrong, edit, entry

RULES = (
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
        edit(red_knowledge._learn_sessions, ("used & (state.session_kind == T.Session.ABSTRACT)", "used")),
    ),
    Wrong(
        "§2.4 Q10",
        "known sessions are never forgotten",
        "dead sessions are forgotten",
        edit(
            red_knowledge._learn_sessions,
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
        edit(
            red_knowledge.inform, ("zones = own[:, : T.ROOT_HOST]", "zones = (order > 0)[:, : T.ROOT_HOST]")
        ),
    ),
    Wrong(
        "§2.4 Q25",
        "a new owner knows the exploit's session first",
        "a new owner knows sessions in their own order",
        edit(
            red_knowledge._learn_sessions, ("jnp.where((reassigned > 0) & ~promoted, first, place)", "place")
        ),
        (HEAVY,),
    ),
    Wrong(
        "§5.3",
        "hosts enter in the order of reports, those found together in that of their subnet",
        "hosts of a subnet enter in reverse order",
        edit(
            fsm.remember,
            ("shared + jnp.arange(T.NUM_HOSTS)[None]", "shared + jnp.arange(T.NUM_HOSTS)[None, ::-1]"),
        ),
    ),
    Wrong(
        "§5.4 Q9",
        "an agent that has acted takes a host with a new session for K",
        "a host with a new session is taken for U",
        edit(
            fsm.remember,
            (
                "jnp.where(memory.calls == 0, T.Fsm.U, T.Fsm.K)[:, None]",
                "jnp.where((memory.calls == 0)[:, None] | state.seen_session, T.Fsm.U, T.Fsm.K)",
            ),
        ),
    ),  # fmt: skip
    Wrong(
        "§5.4",
        "at its first decision an agent takes every host for U",
        "hosts are taken for K at the first decision",
        edit(
            fsm.remember,
            ("jnp.where(memory.calls == 0, T.Fsm.U, T.Fsm.K)", "jnp.full(T.NUM_RED, T.Fsm.K)"),
        ),
    ),
    Wrong(
        "§5.1",
        "discovery from a host in R leads to RD",
        "discovery leaves R as it is",
        entry("FSM_SUCCESS", (T.Fsm.R, T.Red.DISCOVER), T.Fsm.R),
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
        "§5.3 Q15",
        "a foreign host that was exploited becomes F",
        "an exploited foreign host becomes U",
        edit(fsm._transition, ("T.Fsm.F, after)", "after, after)")),
    ),
)
