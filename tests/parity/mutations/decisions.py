"""Wrong rules of what scripted reds choose."""

from garrison.worlds.cc4.agents import fsm
from garrison.worlds.cc4.agents import red as policies
from mutations import DISCOVERY, RANDOM_SELECT, Wrong, edit, option

RULES = (
    Wrong(
        "§5.3 Q15",
        "a host in F is never chosen",
        "a host in F may be chosen",
        edit(fsm.choose, (" & (memory.host_state != T.Fsm.F)", "")),
    ),
    Wrong(
        "§5.3 Q13",
        "the subnet to discover is drawn among the known ones",
        "the subnet is that of the chosen host",
        edit(
            fsm.choose,
            ("nth(state.red_known_subnet, draws.red_subnet)", "jnp.asarray(T.HOST_SUBNET)[host]"),
        ),
    ),
    Wrong(
        "§5.3",
        "an agent counts its calls even while it is busy",
        "busy agents count no calls",
        edit(
            fsm.remember,
            (
                "state.red_active.astype(jnp.int16)",
                "(state.red_active & (state.red_ticks == 0)).astype(jnp.int16)",
            ),
        ),
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
        edit(fsm._look_first, ("group & memory.hostname & ", "group & ")),
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
        "Sleep is RandomSelect's last command",
        "RandomSelect never sleeps",
        edit(policies.random_select, ("[jnp.ones_like(ip)]", "[jnp.zeros_like(ip)]")),
        (RANDOM_SELECT,),
    ),
)
