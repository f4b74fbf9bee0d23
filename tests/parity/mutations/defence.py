"""Wrong rules of blue's actions."""

from garrison.worlds.cc4 import processes, step
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.actions import blue, decoy, green, remove, restore, traffic
from mutations import HEAVY, RANDOM, Wrong, edit, entry

RULES = (
    Wrong(
        "§7.1",
        "an action on a host that does not exist is Sleep",
        "an action on a missing host is carried out",
        edit(blue.decode, ("(index == T.MAX_BLUE_ACTIONS) | absent", "index == T.MAX_BLUE_ACTIONS")),
        held_by="worlds/cc4/test_contract.py::test_in_jitted_code_an_impossible_action_is_sleep",
    ),
    Wrong(
        "§4.1",
        "Remove takes three steps",
        "Remove takes two steps",
        entry("BLUE_DURATION", T.Blue.REMOVE, 2),
    ),
    Wrong(
        "§3.2",
        "what a busy agent submits is discarded",
        "a new action replaces the one in progress",
        edit(step.queue_blue, ("state.blue_ticks == 0", "jnp.ones(T.NUM_BLUE, bool)")),
    ),
    Wrong(
        "§3.2 Q26",
        "blocks are placed before all else in a step",
        "blocks are placed at the end of the step",
        edit(
            step.turn,
            (
                "act_blue(BlueContext(draws, topology, blue_action), state)",
                "act_blue(BlueContext(draws, topology, blue_action), state)\n"
                "    late, state = state.blocked, state.replace(blocked=before.blocked)",
            ),
            ("state = state.replace(step=", "state = state.replace(blocked=late, step="),
        ),
        (RANDOM, HEAVY),
    ),  # fmt: skip
    Wrong(
        "§4.2",
        "a repeated block fails",
        "a repeated block succeeds",
        edit(traffic.control_traffic, ("(kind == T.Blue.BLOCK) & ~already", "kind == T.Blue.BLOCK")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.2 Q6",
        "Restore leaves the list of suspicious pids alone",
        "Restore clears the suspicious pids of its host",
        edit(
            restore.restore,
            (
                "suspicious_orphan=",
                "suspicious_host=jnp.where("
                "state.suspicious_host == target[:, None], T.NO_HOST, state.suspicious_host"
                ").astype(jnp.uint8), suspicious_orphan=",
            ),
        ),
    ),
    Wrong(
        "§4.2 Q6",
        "the same pid may stand in the list twice",
        "a pid stands in the list only once",
        edit(
            step.monitor,
            (
                "(blue != T.NO_AGENT)",
                "(blue != T.NO_AGENT) & ~jnp.any("
                "(state.suspicious_host[None] == reds.target[:, None, None])"
                " & (state.suspicious_pid[None] == reds.effect.pid[:, None, None]), axis=(1, 2))",
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.2 Q7",
        "a decoy that Remove hits gets a new pid",
        "a decoy that Remove hits keeps its pid",
        edit(
            remove.remove,
            (
                "state = _restart_decoys(context, state, listed, on_host, to_stop)",
                "pass",
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.2 Q7",
        "its new pid is drawn when its process is gone",
        "the old process still counts for the new pid",
        edit(remove._restart_decoys, ("jnp.where(this, 0, pids[agent])", "pids[agent]")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.2 Q7",
        "Remove stops an orphaned decoy whose pid is listed",
        "Remove leaves orphaned decoys alone",
        edit(remove.remove, ("state.suspicious_orphan & ~listed", "state.suspicious_orphan")),
        held_by="worlds/cc4/test_quirks.py::test_q07_remove_gives_a_decoy_a_new_pid_and_stops_an_old_vsftpd",
    ),
    Wrong(
        "§4.2 Q8",
        "Remove leaves sessions of root alone",
        "Remove stops sessions of root",
        edit(remove.remove, ("& (state.session_user[1:] != T.User.ROOT)", "")),
        (RANDOM,),
    ),
    Wrong(
        "§4.2",
        "Remove stops what has a suspicious pid",
        "Remove stops every session of a plain user",
        edit(remove.remove, ("state.session_suspicious[1:] & ", "")),
    ),
    Wrong(
        "§2.2",
        "Restore does not lower the count of sessions",
        "Restore lowers the count of sessions",
        edit(restore.restore, ("sessions.drop(", "sessions.remove(")),
    ),
    Wrong(
        "§4.2",
        "Restore takes away decoys",
        "decoys survive Restore",
        edit(restore.restore, ("clear(state.host_decoy)", "state.host_decoy")),
    ),
    Wrong(
        "§4.2",
        "Restore brings a stopped OT service back",
        "a stopped OT service survives Restore",
        edit(restore.restore, ("clear(state.host_ot_stopped)", "state.host_ot_stopped")),
        (RANDOM,),
    ),
    Wrong(
        "§4.2",
        "Restore brings reliability back",
        "worn services survive Restore",
        edit(restore.restore, ("clear(state.host_reliability, 100)", "state.host_reliability")),
    ),
    Wrong(
        "§4.2 Q20",
        "users of a host that is being restored go on",
        "users wait while their host is being restored",
        edit(
            green.act,
            (
                "kind = jnp.where(users(topology.host_exists), context.kind,",
                "doing = jnp.asarray(T.BLUE_ACTIONS)[jnp.arange(T.NUM_BLUE), state.blue_action]\n"
                "    down = (state.blue_ticks > 0) & (doing[:, 0] == T.Blue.RESTORE)\n"
                "    down = jnp.any(down[:, None] & (doing[:, 1:2] == T.GREEN_HOST[None]), axis=0)\n"
                "    kind = jnp.where(users(topology.host_exists) & ~down, context.kind,",
            ),
        ),
    ),
    Wrong(
        "§4.2 Q16",
        "Vsftpd fits wherever port 21 is free",
        "Vsftpd fits only where port 80 is free",
        edit(decoy.deploy, ("jnp.array([_NEEDS_FREE]", "jnp.array([(*_NEEDS_FREE[:3], T.PORT_WEB)]")),
    ),
    Wrong(
        "§4.2 Q16",
        "Vsftpd opens port 80",
        "Vsftpd opens no port",
        edit(
            processes.decoy_ports,
            ("jnp.asarray(T.DECOY_PORT)", "jnp.asarray(T.DECOY_PORT).at[T.Decoy.VSFTPD].set(0)"),
        ),
    ),
    Wrong(
        "§4.2 Q16",
        "the process of a replaced Vsftpd lives on",
        "a replaced Vsftpd ends",
        edit(decoy._orphan, ("listed = (", "enable = enable & False\n    listed = (")),
    ),
    Wrong(
        "§4.2 Q17",
        "a redeployed decoy is reliable again",
        "a redeployed decoy stays worn",
        edit(
            decoy.deploy,
            (
                '.set(jnp.uint8(100), mode="drop")',
                ".set(jnp.where(jnp.any(again, axis=1), state.host_reliability[row, T.NUM_REAL + slot], "
                'jnp.uint8(100)), mode="drop")',
            ),
        ),
        (RANDOM,),
    ),
    Wrong(
        "§4.1",
        "a new pid is above the largest on the host",
        "pids of decoys do not count",
        edit(processes.static_max_pid, ("jnp.max(state.host_decoy_pid[host], axis=-1)", "jnp.int16(0)")),
    ),
    Wrong(
        "§4.1",
        "a decoy's pid is above the largest on the host",
        "pids of sessions do not count for a decoy's",
        edit(
            decoy._max_pid,
            (
                "jnp.maximum(processes.static_max_pid(topology, state, host), session)",
                "processes.static_max_pid(topology, state, host)",
            ),
        ),
    ),  # fmt: skip
)
