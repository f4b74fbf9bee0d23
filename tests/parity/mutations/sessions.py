"""Wrong rules of red's sessions: ids, handing over, promotion, and actions that lack one."""

from garrison.worlds.cc4 import sessions, step
from mutations import HEAVY, Wrong, edit

RULES = (
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
                "state = sessions.drop_stale_scans(state, before)",
                "found = jnp.any(sessions.find(state, red_turn.action.session), axis=1)\n"
                "    ran = (red_turn.action.kind == 0) | found\n"
                "    red_turn = red_turn.replace(executes=ran & ~red_turn.busy)\n"
                "    state = sessions.drop_stale_scans(state, before)",
            ),
        ),
    ),
    Wrong(
        "§3.2 Q10",
        "an action whose session is gone is dropped",
        "actions without a session are carried out",
        edit(
            step.queue_red,
            ("ran = ran | jnp.any(sessions.find(state, now.session), axis=1)", "ran = ran | True"),
        ),
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
                "red_active=jnp.any(sessions.live(before_red), axis=1)",
            ),
        ),
    ),
    Wrong(
        "§3.3",
        "the new owner is told of an exploit's session",
        "the new owner is told of any session",
        edit(sessions.reassign, ("owner & (kind != T.Session.ABSTRACT)", "owner")),
        (HEAVY,),
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
