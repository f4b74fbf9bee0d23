"""Wrong rules of green: work, access to services, phishing."""

from garrison.worlds.cc4.actions import green
from mutations import HEAVY, RANDOM, Wrong, edit, option

RULES = (
    Wrong(
        "§4.3 Q3",
        "access to a service fails by blocks alone",
        "access fails if the server's SSHD is worn",
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
        "only a block towards the server is in the way",
        edit(green._destination, ("(state.blocked | state.blocked.T)", "state.blocked.T")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.3",
        "an access that is blocked raises a network event",
        "a blocked access raises no event",
        edit(green.act, ("access_failed | access_alarm", "access_alarm")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§6.2",
        "servers of the headquarters' subnets are not each other's destinations",
        "headquarters' users reach servers in all three",
        edit(
            green._destination,
            (
                "jnp.asarray(T.GREEN_REACH)[state.phase]",
                "jnp.asarray(T.GREEN_REACH)[state.phase].at[5:, 5:].set(True)",
            ),
        ),
    ),
    Wrong(
        "§4.3 Q17",
        "local work may use a decoy",
        "work never uses a decoy",
        edit(green._work_fails, ("users(state.host_decoy) > 0", "users(state.host_decoy) > 99")),
        (RANDOM,),
    ),
    Wrong(
        "§4.3",
        "a stopped OT service is not used",
        "work may use a stopped OT service",
        edit(green._work_fails, ("(real > 0) & ~stopped", "real > 0")),
        (RANDOM,),
    ),
    Wrong(
        "§4.3",
        "a false alarm of local work is a process event",
        "it is a network event",
        edit(
            green.act,
            (
                "host_process_events=state.host_process_events + _scatter_users(work_alarm.astype(jnp.int16)),\n"
                "        host_network_events=state.host_network_events.at[destination]",
                "host_network_events=(state.host_network_events"
                " + _scatter_users(work_alarm.astype(jnp.int16))).at[destination]",
            ),
        ),
    ),
    Wrong(
        "§4.3",
        "one mail in a hundred is opened",
        "two mails in a hundred are opened",
        option("green_phishing", 0.02),
    ),
    Wrong(
        "§4.3 Q9",
        "phishing raises no event",
        "phishing raises a process event",
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
        "infected hosts get mail",
        edit(green._phish, ("mail & (users(present) == _NOBODY)", "mail")),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§4.3 Q30",
        "the last infected host of the subnet sends the mail",
        "the first infected host of the subnet sends it",
        edit(green._phish, ("present[T.ROOT_HOST - first(near[::-1])]", "present[first(near)]")),
        held_by="worlds/cc4/test_quirks.py::test_q30_an_infected_subnet_sends_its_own_mail",
    ),
    Wrong(
        "§4.3 Q30",
        "mail to a clean subnet comes from any infected host, drawn",
        "it comes from the first infected host",
        edit(
            green._phish, ("present[nth_host(pool, draws.green_sender[reader])]", "present[jnp.argmax(pool)]")
        ),
    ),
    Wrong(
        "§4.3 Q30",
        "without any red session there is no mail",
        "mail is opened even if there is no red",
        edit(green._phish, ("jnp.any(waiting) & jnp.any(pool)", "jnp.any(waiting)")),
        held_by="worlds/cc4/test_quirks.py::test_q30_the_phishing_sender",
    ),
    Wrong(
        "§4.3 Q7",
        "a mail's session may get a pid that blue suspects",
        "blue never suspects a mail's session",
        edit(green._phish, ("processes.is_suspicious(state, host, pid)", "jnp.bool_(False)")),
        ("discovery-random-1",),
    ),
    Wrong(
        "§4.3",
        "the session of an earlier mail counts for later ones in the step",
        "sessions of earlier mails do not count",
        edit(green._phish, ("jnp.where(send & (hosts == host), sender, present)", "present")),
        held_by="worlds/cc4/test_quirks.py::test_q30_an_infected_subnet_sends_its_own_mail",
    ),
)
