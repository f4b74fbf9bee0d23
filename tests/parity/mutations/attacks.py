"""Wrong rules of what red's actions do."""

from garrison.worlds.cc4 import processes, red_turn
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import discover, exploit, red, takeover
from mutations import RANDOM_SELECT, Wrong, edit, entry, option

SCANS = (
    Wrong(
        "§4.4 Q12",
        "blocks do not stop DiscoverRemoteSystems",
        "blocks stop DiscoverRemoteSystems",
        edit(
            red_turn.act_red,
            (
                "(kind == T.Red.DISCOVER) & source.exists",
                "(kind == T.Red.DISCOVER) & source.exists"
                " & ~state.blocked[action.subnet, jnp.asarray(T.HOST_SUBNET)[source.host]]",
            ),
        ),
    ),
    Wrong(
        "§4.4 Q11",
        "any session can discover remote systems",
        "only abstract sessions discover remote systems",
        edit(
            red_turn.act_red,
            ("(kind == T.Red.DISCOVER) & source.exists", "(kind == T.Red.DISCOVER) & source.abstract"),
        ),
    ),
    Wrong(
        "§4.4",
        "routers do not answer to ping",
        "routers answer to ping",
        edit(
            red_turn._further_hosts,
            ("topology.host_exists & (T.IS_USER | T.IS_SERVER)", "topology.host_exists"),
        ),
    ),
    Wrong(
        "§4.4 Q12",
        "blocks do not stop DiscoverDeception",
        "blocks stop DiscoverDeception",
        edit(discover.deceive, ("& source.exists", "& source.exists & ~source.blocked")),
    ),
    Wrong(
        "§4.4",
        "DiscoverDeception may take any process for a decoy",
        "red's own sessions are never taken for decoys",
        edit(discover.deceive, (" + sessions_there", "")),
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
        "each listening process raises an event",
        "a scan raises one event",
        edit(
            discover.scan,
            ("events = jnp.where(success, events, 0)", "events = jnp.where(success, events > 0, 0)"),
        ),
    ),
    Wrong(
        "§4.4",
        "a stealthy scan is noticed with a chance of 0.25",
        "stealthy scans are noticed with 0.3",
        option("red_scan_detection", [0.75, 0.3]),
    ),
    Wrong(
        "§4.4",
        "Impact closes the OT service's port",
        "the OT port stays open",
        edit(processes.real_ports, ("state.host_ot_stopped[host][..., None]", "False")),
    ),
    Wrong(
        "§4.4",
        "an earlier agent's Impact in the same step closes the port",
        "it stays open until the next step",
        edit(red_turn.act_red, ("ot_gone = jnp.any(", "ot_gone = False & jnp.any(")),
    ),
)

EXPLOITS = (
    Wrong(
        "§4.4 Q4",
        "the weightiest exploit is discarded where there is a choice",
        "the weightiest exploit is taken",
        edit(exploit.select, ("return nth(options & ~discard, u)", "return best")),
    ),
    Wrong(
        "§4.4 Q4",
        "the weightiest exploit is discarded where there is a choice",
        "the weightiest exploit is drawn too",
        edit(exploit.select, ("options & ~discard", "options")),
    ),
    Wrong(
        "§4.4 Q5",
        "HTTPRFI on a real web server fails",
        "HTTPRFI succeeds on a real web server",
        edit(
            exploit.exploit,
            (
                "works = (chosen == T.Exploit.SSH_BRUTE_FORCE)",
                "works = (chosen == T.Exploit.HTTP_RFI) | (chosen == T.Exploit.SSH_BRUTE_FORCE)",
            ),
        ),
    ),
    Wrong(
        "§4.4 Q5",
        "SQL needs port 80 or 443 beside 3390",
        "SQL needs port 3390 alone",
        edit(exploit.select, (" & (has(T.PORT_WEB) | has(T.PORT_TLS))", "")),
    ),
    Wrong(
        "§4.4 Q10",
        "ports are remembered by the session that scanned",
        "ports are remembered by the agent",
        edit(
            discover.remembered,
            ("(state.scan_session == slot[:, None])", "(state.scan_session != T.NO_HOST)"),
        ),
    ),
    Wrong(
        "§4.4 Q11",
        "only an abstract session can exploit",
        "any session can exploit",
        edit(exploit.exploit, ("source.exists & source.abstract", "source.exists")),
    ),
    Wrong(
        "§4.4 Q18",
        "exploits are chosen by remembered ports",
        "exploits are chosen by ports open now",
        edit(
            exploit.exploit,
            (
                "ports = discover.remembered(state, source, target)",
                "ports = discover.remembered(state, source, target)"
                " & (processes.real_ports(topology, state, target) | processes.decoy_ports(state, target))",
            ),
        ),
    ),
    Wrong(
        "§4.4 Q18",
        "a new scan replaces what was remembered",
        "a new scan adds to what was remembered",
        edit(
            discover._remember,
            (
                "jnp.where(at, ports[:, None], state.scan_ports)",
                "jnp.where(at, ports[:, None] | jnp.where(known[:, None], state.scan_ports, 0), state.scan_ports)",
            ),
        ),
    ),  # fmt: skip
    Wrong(
        "§4.4",
        "blocks stop exploits",
        "blocks stop scans but not exploits",
        edit(exploit.exploit, ("(ports > 0) & ~source.blocked", "(ports > 0)")),
    ),
    Wrong(
        "§4.4 Q19",
        "the source of an SSH login notices too",
        "the source of an SSH login does not notice",
        edit(exploit._route, ("[source[:, None],", "[jnp.full((T.NUM_RED, 1), T.NO_HOST),")),
    ),
    Wrong(
        "§4.4 Q19",
        "routers on the way of an SSH login notice too",
        "routers on the way do not notice",
        edit(
            exploit._route,
            ("jnp.where(end, target[:, None], routers)", "jnp.where(end, target[:, None], T.NO_HOST)"),
        ),
    ),
    Wrong(
        "§4.4",
        "an SSH login leaves ten network events",
        "an SSH login leaves nine events",
        entry("SSH_EVENTS", ..., 9),
    ),
    Wrong(
        "§4.4",
        "a decoy that traps an exploit raises two events",
        "a trap raises one event",
        edit(exploit.exploit, ("jnp.where(trapped, 2, 0)", "jnp.where(trapped, 1, 0)")),
    ),
    Wrong(
        "§4.4",
        "a real service comes before a decoy on the same port",
        "the decoy traps the exploit",
        edit(exploit.exploit, (" & ((real & port) == 0)", "")),
    ),
    Wrong(
        "§4.4",
        "an SQL injection leaves no network event",
        "an SQL injection leaves ten network events",
        edit(
            exploit.exploit,
            ("jnp.where(success & ssh, T.SSH_EVENTS, 0)", "jnp.where(success, T.SSH_EVENTS, 0)"),
        ),
    ),
    Wrong(
        "§4.4",
        "an SQL injection is noticed with a chance of 0.95",
        "an SQL injection is always noticed",
        edit(exploit.exploit, ("success & (ssh | noticed)", "success")),
    ),
    Wrong(
        "§4.4",
        "an SQL injection makes a reverse shell",
        "an SQL injection makes an SSH session",
        edit(red_turn._add_exploited, ("T.Session.REVERSE_SHELL", "T.Session.SSH")),
    ),
    Wrong(
        "§4.4 Q7",
        "an unnoticed session may get a pid that blue suspects",
        "sessions that went unnoticed are never suspicious",
        edit(
            red_turn._add_exploited, ("hit.alert | processes.is_suspicious(state, target, pid)", "hit.alert")
        ),
    ),
    Wrong(
        "§4.1",
        "an exploit's pid is above the largest on the host",
        "red's pids do not count for an exploit's",
        edit(red_turn.act_red, (", there.largest_pid)", ", 0)")),
    ),
    Wrong(
        "§4.1",
        "a session made earlier in the step counts for the next pid",
        "sessions of the same step do not count for it",
        edit(exploit.new_pids, ("range(T.NUM_RED - 1)", "range(0)")),
    ),
    Wrong(
        "§4.1",
        "an exploit takes four steps",
        "an exploit takes three steps",
        entry("RED_DURATION", T.Red.EXPLOIT, 3),
    ),
)

TAKEOVERS = (
    Wrong(
        "§4.4 Q8",
        "PrivilegeEscalate raises one session",
        "PrivilegeEscalate raises all sessions there",
        edit(takeover.escalate, ("chosen & raised[:, None]", "here & raised[:, None]")),
    ),
    Wrong(
        "§4.4",
        "it raises one that is drawn",
        "the oldest session is raised",
        edit(
            takeover.escalate,
            ("state.session_order, draws.red_escalate", "state.session_order, jnp.zeros(T.NUM_RED)"),
        ),
    ),
    Wrong(
        "§4.4",
        "it succeeds where root is there already",
        "PrivilegeEscalate fails where root is already",
        edit(takeover.escalate, ("had_root | raised,", "raised,")),
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
    ),
    Wrong(
        "§4.4",
        "information links are reported again where root is there already",
        "information links are reported only once",
        edit(
            red_turn.act_red,
            (
                "discovered, hit, escalated)",
                "discovered, hit, escalated & ~jnp.any(shown & (before.session_user == T.User.ROOT), axis=1))",
            ),
        ),
    ),
    Wrong(
        "§1.6",
        "the admin network's first server reveals that of the public access zone",
        "it reveals nothing",
        entry("REVEALS", T.server_host(T.ADM, 0), False),
    ),
    Wrong(
        "§4.4",
        "DegradeServices takes 20 points",
        "DegradeServices takes 25 points",
        edit(takeover.degrade, ("now - jnp.minimum(now, 20)", "now - jnp.minimum(now, 25)")),
    ),
    Wrong(
        "§4.4",
        "reliability ends at 0",
        "reliability wraps around",
        edit(takeover.degrade, ("now - jnp.minimum(now, 20)", "now - jnp.uint8(20)")),
    ),
    Wrong(
        "§4.4 Q17",
        "DegradeServices hits decoys too",
        "DegradeServices spares decoys",
        edit(takeover.degrade, ("state.host_decoy[target] > 0", "state.host_decoy[target] > 99")),
    ),
    Wrong(
        "§4.4",
        "DegradeServices needs root",
        "DegradeServices needs no root",
        edit(
            takeover.degrade, ("_has_root(state, target)", "jnp.any(own_sessions_on(state, target), axis=1)")
        ),
    ),
    Wrong(
        "§4.4",
        "a stopped OT service is not degraded",
        "a stopped OT service is degraded",
        edit(takeover.degrade, ("active = active & ~jnp.pad", "~jnp.pad")),
    ),
    Wrong(
        "§4.4",
        "DegradeServices does not look at its source session",
        "DegradeServices needs its source session",
        edit(
            red_turn.act_red,
            (
                "takeover.degrade(topology, state, kind, target)",
                "takeover.degrade(topology, state, jnp.where(source.exists, kind, 0), target)",
            ),
        ),
    ),
    Wrong(
        "§4.4",
        "Impact needs root",
        "Impact needs no root",
        edit(
            takeover.impact, ("_has_root(state, target)", "jnp.any(own_sessions_on(state, target), axis=1)")
        ),
    ),
    Wrong(
        "§4.4 Q12",
        "blocks do not stop Impact",
        "blocks stop Impact",
        edit(takeover.impact, ("possible & source.exists", "possible & source.exists & ~source.blocked")),
    ),
    Wrong(
        "§4.4 Q24",
        "Impact fails if its source vanished in the same step",
        "Impact succeeds without its source",
        edit(takeover.impact, ("possible & source.exists", "possible")),
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
        (RANDOM_SELECT,),
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
        edit(red_turn.act_red, ("source, kind, action.hostname)", "source, kind, target)")),
        (RANDOM_SELECT,),
    ),
    Wrong(
        "§4.4",
        "a session given up earlier in the step does not count for the next pid",
        "sessions given up in the step still count for a pid",
        edit(
            red_turn._sessions_there,
            ("sessions.live(after)[:, None, :]", "sessions.live(before)[:, None, :]"),
        ),
        (RANDOM_SELECT,),
    ),
)
