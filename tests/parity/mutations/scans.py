"""Wrong rules of red's discovery, and of what stops it."""

from garrison.worlds.cc4 import processes, red_turn
from garrison.worlds.cc4.actions import discover, red
from mutations import HEAVY, RANDOM, RANDOM_SELECT, Wrong, edit, option

RULES = (
    Wrong(
        "§4.4 Q12",
        "blocks do not stop DiscoverRemoteSystems",
        "blocks stop DiscoverRemoteSystems",
        edit(
            discover.remote_systems,
            (
                "(context.kind == T.Red.DISCOVER) & context.source.exists",
                "(context.kind == T.Red.DISCOVER) & context.source.exists & ~state.blocked"
                "[context.turn.action.subnet, jnp.asarray(T.HOST_SUBNET)[context.source.host]]",
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.4 Q11",
        "any session can discover remote systems",
        "only abstract sessions discover remote systems",
        edit(
            discover.remote_systems,
            (
                "(context.kind == T.Red.DISCOVER) & context.source.exists",
                "(context.kind == T.Red.DISCOVER) & context.source.abstract",
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.4",
        "routers do not answer to ping",
        "routers answer to ping",
        edit(
            discover.remote_systems,
            ("context.topology.host_exists & (T.IS_USER | T.IS_SERVER)", "context.topology.host_exists"),
        ),
    ),
    Wrong(
        "§4.4 Q12",
        "blocks do not stop DiscoverDeception",
        "blocks stop DiscoverDeception",
        edit(
            discover.deception,
            ("& context.source.exists", "& context.source.exists & ~context.source.blocked"),
        ),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.4",
        "DiscoverDeception may take any process for a decoy",
        "red's own sessions are never taken for decoys",
        edit(discover.deception, ("others + context.target_sessions.count", "others")),
        held_by="worlds/cc4/test_choices.py::test_deception_is_discovered",
    ),
    Wrong(
        "§4.4 Q12",
        "traffic is stopped in the direction of the block",
        "blocks stop red in both directions",
        edit(
            red.source_of,
            (
                "blocked=state.blocked[subnet[target], subnet[host]]",
                "blocked=(state.blocked | state.blocked.T)[subnet[target], subnet[host]]",
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.1 Q12",
        "only blocks between the end subnets count",
        "blocks of subnets on the way count",
        edit(
            red.source_of,
            (
                "blocked=state.blocked[subnet[target], subnet[host]]",
                "blocked=jnp.any(state.blocked[subnet[jnp.minimum(jnp.asarray(T.ROUTE)"
                "[subnet[host], subnet[target]], T.ROOT_HOST)], subnet[host][:, None]], axis=1)",
            ),
        ),
        ("discovery-random-1",),
    ),
    Wrong(
        "§4.4 Q11",
        "only an abstract session can scan",
        "any session can scan",
        edit(discover.scan, ("source.exists & source.abstract", "source.exists")),
    ),
    Wrong(
        "§4.4",
        "decoys notice every scan",
        "decoys notice scans like real services",
        edit(
            discover.scan,
            (
                "decoys + jnp.where(noticed, processes.count_bits(real), 0)",
                "jnp.where(noticed, decoys + processes.count_bits(real), 0)",
            ),
        ),
    ),
    Wrong(
        "§4.4",
        "a stealthy scan is noticed with a chance of 0.25",
        "stealthy scans are noticed with 0.3",
        option("red_scan_detection", [0.75, 0.3]),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.4",
        "Impact closes the OT service's port",
        "the OT port stays open",
        edit(processes.real_ports, ("ot_stopped[..., None]", "False")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§4.4",
        "an earlier agent's Impact in the same step closes the port",
        "it stays open until the next step",
        edit(
            red_turn.act_red,
            (
                "context.ot_stopped | jnp.any(context.meets & impact.success[:, None], axis=0)",
                "context.ot_stopped",
            ),
        ),
        held_by="worlds/cc4/test_unexercised.py::test_a_service_stopped_earlier_in_the_step_is_not_scanned",
    ),
)
