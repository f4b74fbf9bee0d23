"""Wrong rules of rewards, phases and blue's observation."""

from garrison.worlds.cc4 import env, observe, reward, step
from garrison.worlds.cc4 import tables as T
from mutations import HEAVY, RANDOM, Wrong, edit, entry, option

RULES = (
    Wrong(
        "§6.3 Q1",
        "an Impact costs whatever its result",
        "only a successful Impact costs",
        edit(reward.reward_parts, ("& holds", "& holds & (events.red_outcome == T.Outcome.TRUE)")),
    ),
    Wrong(
        "§6.3 Q1",
        "an Impact costs even if it was dropped",
        "a dropped Impact is free",
        edit(reward.reward_parts, ("& holds", "& holds & events.red_ran")),
    ),
    Wrong(
        "§6.3",
        "an Impact costs only if its agent holds a session after the step",
        "Impact costs even agents without a session",
        edit(reward.reward_parts, ("& holds", "")),
        (HEAVY,),
    ),
    Wrong(
        "§6.3",
        "a failed access costs what the user's own subnet says",
        "it costs what the server's subnet says",
        edit(
            reward.reward_parts,
            (
                "jnp.sum(per_zone(T.Green.ACCESS) * table[: T.NUM_ZONES, T.Part.ASF])",
                "jnp.sum(jnp.where(failed & (events.green_kind == T.Green.ACCESS), "
                "table[jnp.asarray(T.HOST_SUBNET)[events.green_target], T.Part.ASF], 0.0))",
            ),
        ),
        (RANDOM, HEAVY),
    ),
    Wrong(
        "§6.4 Q2",
        "Restore costs with every submission",
        "Restore costs only agents that were idle",
        edit(
            reward.reward_parts,
            (
                "jnp.sum(events.blue_submitted == T.Blue.RESTORE)",
                "jnp.sum((events.blue_submitted == T.Blue.RESTORE) & (state.blue_ticks == 4))",
            ),
        ),
    ),
    Wrong(
        "§6.3",
        "the reward is that of the phase of the step",
        "rewards stay those of phase 0",
        option("reward", T.REWARD[[0, 0, 0]]),
    ),
    Wrong(
        "§7.7 Q28",
        "the 499th step ends the episode",
        "the 500th step does",
        edit(env.play, ("jnp.asarray(options.steps) - 1", "jnp.asarray(options.steps)")),
    ),
    Wrong(
        "§6.1",
        "phase 1 starts with step 167",
        "phase 1 starts one step later",
        edit(step.start_step, ("state.step >= starts", "state.step > starts")),
    ),
    Wrong(
        "§7.2 Q23",
        "a new phase is seen one step late",
        "a phase is seen before it takes effect",
        edit(
            observe.blue_vectors,
            (
                "exists = zone_hosts(topology.host_exists)",
                "state = state.replace(phase=jnp.minimum(state.step // 167, 2).astype(jnp.uint8))\n"
                "    exists = zone_hosts(topology.host_exists)",
            ),
        ),
    ),
    Wrong(
        "§7.2 Q22",
        "a policy row has its own subnet set",
        "policy rows lack their own subnet",
        entry("POLICY", (slice(None), range(9), T.ALPHABETICAL.argsort()), 0),
    ),
    Wrong(
        "§7.3 Q21",
        "flags show the last step only",
        "network flags stay",
        edit(
            step.start_step, ("jnp.where(watched, 0, state.host_network_events)", "state.host_network_events")
        ),
    ),
    Wrong(
        "§7.3",
        "events add up where no blue agent looks",
        "events are cleared everywhere",
        edit(step.start_step, ("jnp.asarray(T.HOST_BLUE != T.NO_AGENT)", "jnp.ones(T.NUM_HOSTS, bool)")),
    ),
    Wrong(
        "§7.2",
        "blocks are shown from which subnet traffic to this one is stopped",
        "blocks are shown the other way round",
        edit(observe.blue_vectors, ("state.blocked[", "state.blocked.T[")),
    ),
    Wrong(
        "§7.2",
        "process flags come before network flags",
        "network flags come first",
        edit(observe.blue_vectors, ("policy, process, network]", "policy, network, process]")),
    ),
    Wrong(
        "§7.2",
        "flags of servers come before those of users",
        "users come before servers",
        edit(
            observe.zone_hosts,
            (
                "[zones[:, 1 + T.MAX_USERS :], zones[:, 1 : 1 + T.MAX_USERS]]",
                "[zones[:, 1 : 1 + T.MAX_USERS], zones[:, 1 + T.MAX_USERS :]]",
            ),
        ),
    ),
    Wrong(
        "§7.5",
        "a blue agent hears the four others",
        "agents hear agents 0 to 3, themselves included",
        edit(observe._vector, ("range(T.NUM_BLUE) if other != agent", "range(T.NUM_BLUE - 1)")),
        held_by="worlds/cc4/test_contract.py::test_messages_arrive_in_the_same_step",
    ),
    Wrong(
        "§7.1",
        "actions on hosts that do not exist are masked",
        "no host is masked",
        edit(observe.blue_masks, ("zone_hosts(topology.host_exists)", "jnp.ones((T.NUM_ZONES, 16), bool)")),
    ),
)
