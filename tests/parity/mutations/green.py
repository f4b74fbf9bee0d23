"""Wrong rules of green: work, access to services, phishing."""

from mutations import Wrong, edit, option

from garrison.worlds.cc4.actions import green

GREEN = (
    Wrong(
        "§4.3 Q3",
        "access to a service fails by blocks alone",
        "it fails if the server's SSHD is worn",
        edit(
            green.act,
            (
                "accessing & blocked",
                "accessing & (blocked | "
                "(state.host_reliability[zone * T.ZONE_SLOTS + 1 + T.MAX_USERS + server, 0] < 100))",
            ),
        ),
    ),
    Wrong(
        "§4.3 Q3",
        "a block in either direction is in the way",
        "only one from the user to the server",
        edit(green._destination, ("(state.blocked | state.blocked.T)", "state.blocked.T")),
    ),
    Wrong(
        "§4.3",
        "an access that is blocked raises a network event",
        "it raises none",
        edit(green.act, ("access_failed | access_alarm", "access_alarm")),
    ),
    Wrong(
        "§6.2",
        "servers of the headquarters' subnets are not each other's destinations",
        "they are",
        edit(
            green._destination,
            (
                "jnp.asarray(T.GREEN_REACH)[state.phase]",
                "jnp.asarray(T.GREEN_REACH)[state.phase].at[5:, 5:].set(True)",
            ),
        ),
    ),
    Wrong(
        "§6.2",
        "destinations change with the phase",
        "they are those of phase 0",
        edit(green._destination, ("[state.phase]", "[0]")),
    ),
    Wrong(
        "§4.3",
        "local work fails where the number drawn reaches the reliability",
        "where it exceeds it",
        edit(green._work_fails, (">= reliability", "> reliability")),
    ),
    Wrong(
        "§4.3 Q17",
        "local work may use a decoy",
        "only real services",
        edit(green._work_fails, ("users(state.host_decoy) > 0", "users(state.host_decoy) > 99")),
    ),
    Wrong(
        "§4.3",
        "a stopped OT service is not used",
        "it is",
        edit(green._work_fails, ("(real > 0) & ~stopped", "real > 0")),
    ),
    Wrong(
        "§4.3",
        "a false alarm of local work is a process event",
        "a network event",
        edit(
            green.act,
            (
                "host_process_events=state.host_process_events + _scatter_users(work_alarm.astype(jnp.int16)),\n"
                "        host_network_events=state.host_network_events + _scatter_servers(events),",
                "host_network_events=state.host_network_events + _scatter_servers(events)"
                " + _scatter_users(work_alarm.astype(jnp.int16)),",
            ),
        ),
    ),
    Wrong(
        "§4.3",
        "one mail in a hundred is opened",
        "two in a hundred",
        option("green_phishing", 0.02),
    ),
    Wrong(
        "§4.3 Q9",
        "phishing raises no event",
        "it raises a process event",
        edit(
            green._phish,
            (
                "    return state, phished",
                "    events = state.host_process_events + _scatter_users(phished.astype(jnp.int16))\n"
                "    return state.replace(host_process_events=events), phished",
            ),
        ),
    ),
    Wrong(
        "§4.3",
        "a host with a red session gets no mail",
        "it gets mail",
        edit(green._phish, ("mail & (users(present) == _NOBODY)", "mail")),
    ),
    Wrong(
        "§4.3 Q30",
        "the last infected host of the subnet sends the mail",
        "the first one",
        edit(green._phish, ("present[T.ROOT_HOST - jnp.argmax(near[::-1])]", "present[jnp.argmax(near)]")),
    ),
    Wrong(
        "§4.3 Q30",
        "mail to a clean subnet comes from any infected host, drawn",
        "from the first one",
        edit(
            green._phish, ("present[nth_host(pool, draws.green_sender[reader])]", "present[jnp.argmax(pool)]")
        ),
    ),
    Wrong(
        "§4.3 Q30",
        "without any red session there is no mail",
        "it is opened all the same",
        edit(green._phish, ("jnp.any(waiting) & jnp.any(pool)", "jnp.any(waiting)")),
    ),
    Wrong(
        "§4.3 Q7",
        "a mail's session may get a pid that blue suspects",
        "blue never suspects it",
        edit(green._phish, ("processes.is_suspicious(state, host, pid)", "jnp.bool_(False)")),
    ),
    Wrong(
        "§4.3",
        "the session of an earlier mail counts for later ones in the step",
        "it does not",
        edit(green._phish, ("jnp.where(send & (hosts == host), sender, present)", "present")),
    ),
)
