"""Wrong rules of what red does with hosts it is on."""

from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import takeover
from mutations import HEAVY, RANDOM, RANDOM_SELECT, Wrong, edit, entry

RULES = (
    Wrong(
        "§4.4 Q8",
        "PrivilegeEscalate raises one session",
        "PrivilegeEscalate raises all sessions there",
        edit(takeover.escalate, ("chosen & raised[:, None]", "here & raised[:, None]")),
        (RANDOM,),
    ),
    Wrong(
        "§4.4",
        "it raises one that is drawn",
        "the oldest session is raised",
        edit(
            takeover.escalate,
            ("state.session_order, context.draws.red_escalate", "state.session_order, jnp.zeros(T.NUM_RED)"),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.4 Q11",
        "only an abstract session can escalate",
        "any session can escalate",
        edit(takeover.escalate, ("& source.exists & source.abstract", "& source.exists")),
    ),
    Wrong(
        "§4.4 Q12",
        "blocks do not stop PrivilegeEscalate",
        "blocks stop PrivilegeEscalate",
        edit(
            takeover.escalate,
            ("& source.exists & source.abstract", "& source.exists & source.abstract & ~source.blocked"),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§1.6",
        "the admin network's first server reveals that of the public access zone",
        "it reveals nothing",
        entry("REVEALS", T.server_host(T.ADM, 0), False),
        (RANDOM,),
    ),
    Wrong(
        "§4.4",
        "DegradeServices takes 20 points",
        "DegradeServices takes 25 points",
        edit(takeover.degrade, ("now - jnp.minimum(now, 20)", "now - jnp.minimum(now, 25)")),
    ),
    Wrong(
        "§4.4 Q17",
        "DegradeServices hits decoys too",
        "DegradeServices spares decoys",
        edit(takeover.degrade, ("state.host_decoy[target] > 0", "state.host_decoy[target] > 99")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.4",
        "DegradeServices does not look at its source session",
        "DegradeServices needs its source session",
        edit(
            takeover.degrade,
            ("(context.kind == T.Red.DEGRADE)", "(context.kind == T.Red.DEGRADE) & context.source.exists"),
        ),
        (HEAVY,),
    ),
    Wrong(
        "§4.4",
        "Withdraw from the source's own host stops at the source, unless it is session 0",
        "Withdraw goes on to the end of the list",
        edit(takeover.withdraw, ("cut = from_here & ~is_zero", "cut = from_here & False")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§4.4",
        "Withdraw lists sessions with a parent before those without",
        "Withdraw goes by the order of the map",
        edit(takeover.withdraw, (" + jnp.where(state.session_parent, 0, 1 << 16)", "")),
        ("random_select-random-1",),
    ),
    Wrong(
        "§4.4",
        "Withdraw leaves session 0 where the source is elsewhere",
        "Withdraw takes session 0 from elsewhere",
        edit(takeover.withdraw, ("(here & (state.session_parent | (state.session_id != 0)))", "here")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§4.4",
        "Withdraw goes by the host name",
        "Withdraw goes by the address",
        edit(takeover.withdraw, ("context.turn.action.hostname", "context.target")),
        (RANDOM_SELECT,),
    ),
)
