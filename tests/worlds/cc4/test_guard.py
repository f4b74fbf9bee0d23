"""The guard (§13): rule by rule on observations made by hand, and what it reaches in whole episodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import garrison
from garrison.core.world import observed_by
from garrison.worlds.cc4 import rich
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import blue, guard
from garrison.worlds.cc4.tables import CON, OFF, OZA, PAZ, RZA, RZB, server_host, user_host

SLEEP = T.Blue.SLEEP
SERVER, USER = server_host(RZA, 1), user_host(RZA, 0)
SOURCE, PROCESS = "connection of no user from it", "process with a number"
SHELL, ROOT = "cmd.sh found", "escalate.sh found"
AGENT = 0

ALL = jnp.ones((T.NUM_BLUE, T.MAX_BLUE_ACTIONS), bool)
decide = jax.jit(lambda obs, memory, mask=ALL: guard.decide(obs, mask, memory))


def sight(time: float = 0.4) -> np.ndarray:
    """An observation in which everything exists, was just looked at, has its decoys and its blocks."""
    obs = np.zeros((T.NUM_BLUE, rich.SIZE), np.float32)
    at(obs, time)
    table = hosts(obs)
    for name, value in (("exists", 1), ("looked at", 1), ("age of these", 1)):
        table[..., rich.OF_HOST.index(name)] = value
    for name in ("tomcat", "haraka", "vsftpd"):
        table[..., rich.OF_HOST.index(f"decoy {name}")] = 1
    phases = [min(int(3 * at), 2) for at in (time, time + guard.LEAD)]
    block(obs, ~guard._NEEDED[phases].any(axis=0))
    return obs


def at(obs: np.ndarray, time: float, starts: tuple[int, int] = (167, 334), steps: int = 500) -> np.ndarray:
    """Set the phase of the step done last and the shares of the mission and of the phase that have passed."""
    step = round(time * steps)
    phase = int(np.sum(step - 1 >= np.array(starts)))
    ends = (0, *starts, steps)
    obs[:, 0] = phase
    obs[:, rich.START + rich.AgentFeature.MISSION] = np.float32(step / steps)
    done = (step - ends[phase]) / (ends[phase + 1] - ends[phase])
    obs[:, rich.START + rich.AgentFeature.PHASE] = np.float32(done)
    return obs


def hosts(obs: np.ndarray) -> np.ndarray:
    """The features per host, a view."""
    return obs[:, rich.HOSTS :].reshape(T.NUM_BLUE, rich.MAX_AGENT_HOSTS, len(rich.OF_HOST))


def block(obs: np.ndarray, pairs: np.ndarray) -> None:
    used = guard._PAIRS.to != T.INT
    np.put_along_axis(obs, guard._PAIRS.seen, (pairs & used).astype(np.float32), axis=1)


def say(obs: np.ndarray, host: int, **features: float) -> np.ndarray:
    agent = int(T.HOST_BLUE[host])
    place = int(np.argmax(T.BLUE_ACTIONS[agent, :, 1] == host))
    for name, value in features.items():
        hosts(obs)[agent, place, rich.OF_HOST.index(name)] = value
    return obs


def fresh_memory(phase: int = 1) -> guard.Memory:
    """The memory of a guard that has seen the default phases begin up to this one."""
    memory = guard.Guard().init(jax.random.key(0), T.NUM_BLUE)
    return memory.replace(phase_start=jnp.float32((0, 167, 334)[phase] / 500))


def choice(obs: np.ndarray, memory=None, agent: int = AGENT) -> tuple[int, ...]:
    """Kind, host, source and target of what an agent decides."""
    actions, _ = decide(jnp.asarray(obs), memory or fresh_memory())
    return tuple(int(x) for x in T.BLUE_ACTIONS[agent, int(actions[agent])])


def on(host: int, kind: int) -> tuple[int, ...]:
    return (int(kind), host, T.NO_SUBNET, T.NO_SUBNET)


# ---------------------------------------------------------------- evidence


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({ROOT: 1}, T.Blue.RESTORE),
        ({SOURCE: 1, SHELL: 1}, T.Blue.RESTORE),
        ({SOURCE: 1, PROCESS: 1, "age of these": 0}, T.Blue.RESTORE),
        ({PROCESS: 1, "age of these": 0}, T.Blue.REMOVE),
        ({SOURCE: 1, "age of these": 0, "age of that": 0.01}, T.Blue.ANALYSE),
        ({SHELL: 1, "age of these": 0, "age of that": 0.01}, T.Blue.ANALYSE),
        ({"age of that": 0.01}, T.Blue.ANALYSE),
    ],
)
def test_what_it_does_about_a_host(told, kind):
    assert choice(say(sight(), USER, **told)) == on(USER, kind)


def test_presence_alone_is_tolerated():
    """Looked at since and found clean: no Restore."""
    obs = say(sight(), USER, **{SOURCE: 1, "age of these": 0.05, "age of that": 0.01})
    assert choice(obs)[0] == T.Blue.ANALYSE


@pytest.mark.parametrize(
    ("time", "kind"),
    [(0.2, T.Blue.ANALYSE), (0.4, T.Blue.RESTORE), (0.65, T.Blue.RESTORE), (0.7, T.Blue.ANALYSE)],
)
def test_presence_is_enough_where_an_impact_costs_ten(time, kind):
    """In OZA, in phase 1 and shortly before."""
    obs = say(sight(time), user_host(OZA, 2), **{SOURCE: 1, "age of these": 0.05, "age of that": 0.01})
    assert choice(obs, fresh_memory(int(3 * time)), agent=1)[0] == kind


def test_more_urgent_things_come_first():
    obs = say(sight(), SERVER, **{PROCESS: 1, "age of these": 0})
    assert choice(obs) == on(SERVER, T.Blue.REMOVE)
    say(obs, USER, **{ROOT: 1})
    assert choice(obs) == on(USER, T.Blue.RESTORE)
    np.put_along_axis(obs, guard._PAIRS.seen[:1], 0, axis=1)
    assert choice(obs)[0] == T.Blue.BLOCK


def test_the_unseen_longest_ago_is_looked_at_and_users_before_servers():
    obs = say(say(sight(), SERVER, **{"age of that": 0.5}), USER, **{"age of that": 0.4})
    assert choice(obs) == on(USER, T.Blue.ANALYSE)
    assert choice(say(obs, SERVER, **{"age of that": 0.9})) == on(SERVER, T.Blue.ANALYSE)
    assert choice(say(obs, SERVER, **{SHELL: 1, "age of that": 0.3})) == on(SERVER, T.Blue.ANALYSE)


# ---------------------------------------------------------------- decoys and memory


def bare(*where: int) -> np.ndarray:
    """Hosts without decoys."""
    obs = sight()
    for host in where:
        say(obs, host, **{f"decoy {name}": 0 for name in T.DECOY_NAMES[1:]})
    return obs


def test_decoys_are_tried_a_few_times_the_gate_first():
    first, gate = server_host(T.ADM, 0), server_host(PAZ, 0)
    obs, memory, got = bare(first, gate), fresh_memory(), []
    for _ in range(2 * guard.DECOYS + 1):
        got.append(choice(obs, memory, agent=4)[:2])
        _, memory = decide(jnp.asarray(obs), memory)
    assert got[0] == (T.Blue.DECOY, gate)
    assert [got.count((T.Blue.DECOY, host)) for host in (first, gate)] == [guard.DECOYS] * 2
    assert got[-1][0] == T.Blue.ANALYSE


def test_a_restored_host_gets_new_decoys():
    obs, memory = bare(USER), fresh_memory()
    memory = memory.replace(tries=jnp.full_like(memory.tries, guard.DECOYS))
    assert choice(obs, memory)[0] == T.Blue.ANALYSE
    _, after = decide(jnp.asarray(say(obs, USER, **{ROOT: 1})), memory)
    assert choice(say(obs, USER, **{ROOT: 0}), after) == on(USER, T.Blue.DECOY)


def believed(memory: guard.Memory, host: int = USER) -> bool:
    agent = int(T.HOST_BLUE[host])
    return bool(memory.red_may_believe_root[agent, int(np.argmax(T.BLUE_ACTIONS[agent, :, 1] == host))])


def test_presence_is_enough_where_red_was_thrown_out():
    obs = say(sight(), USER, **{ROOT: 1})
    _, memory = decide(jnp.asarray(obs), fresh_memory())
    assert believed(memory)
    back = say(sight(), USER, **{SOURCE: 1, "age of these": 0.05, "age of that": 0.01})
    assert choice(back, memory) == on(USER, T.Blue.RESTORE)
    elsewhere = say(sight(), user_host(RZA, 3), **{SOURCE: 1, "age of these": 0})
    _, memory = decide(jnp.asarray(elsewhere), memory)
    assert not believed(memory)
    # red is on another host too: it will notice the loss
    _, memory = decide(jnp.asarray(say(elsewhere, USER, **{ROOT: 1})), fresh_memory())
    assert not believed(memory)


@pytest.mark.parametrize("told", [{ROOT: 1}, {}])
def test_busy_agents_sleep_and_remember_nothing_new(told):
    obs = say(bare(USER), USER, **told)
    obs[AGENT, rich.START + rich.OF_AGENT.index("busy")] = 1
    assert choice(obs)[0] == SLEEP
    _, memory = decide(jnp.asarray(obs), fresh_memory())
    assert not believed(memory)
    assert int(memory.tries[AGENT].sum()) == 0


# ---------------------------------------------------------------- traffic


def decisions(obs: np.ndarray) -> set[tuple[int, int, int]]:
    """All traffic actions, one after another, as ``(kind, from, to)``."""
    obs, found = obs.copy(), set()
    for _ in range(40):
        actions = np.asarray(decide(jnp.asarray(obs), fresh_memory())[0])
        for agent, index in enumerate(actions):
            kind, _, source, to = (int(x) for x in T.BLUE_ACTIONS[agent, index])
            if kind in (T.Blue.BLOCK, T.Blue.ALLOW):
                found.add((kind, source, to))
                place = (guard._PAIRS.to[agent] == to) & (guard._PAIRS.source[agent] == source)
                obs[agent, guard._PAIRS.seen[agent, np.argmax(place)]] = kind == T.Blue.BLOCK
    return found


def unneeded(phase: int) -> set[tuple[int, int]]:
    """Pairs ``(from, to)`` without users' traffic, ``to`` one of blue's."""
    either = T.GREEN_REACH[phase] | T.GREEN_REACH[phase].T
    return {(s, t) for s in range(8) for t in range(8) if not either[s, t] and t != CON}


def test_it_blocks_what_users_do_not_need():
    obs = sight(0.0)
    block(obs, np.zeros_like(guard._PAIRS.to, bool))
    assert decisions(obs) == {(T.Blue.BLOCK, *pair) for pair in unneeded(0)}
    assert {(T.ADM, PAZ), (OFF, PAZ)} <= unneeded(0)
    assert decisions(sight(0.2)) == set()


def test_blocks_follow_the_phase_and_are_lifted_a_little_early():
    late, early = sight(0.5), sight(0.5)
    at(late, 334 / 500), at(early, 329 / 500)
    needed_again = {(T.Blue.ALLOW, *pair) for pair in unneeded(1) - unneeded(2)}
    assert {(T.Blue.ALLOW, RZA, OZA), (T.Blue.ALLOW, CON, RZA)} <= needed_again
    assert decisions(early) == needed_again
    assert decisions(late) == needed_again | {(T.Blue.BLOCK, *p) for p in unneeded(2) - unneeded(1)}
    at(early, 320 / 500)
    assert decisions(early) == set()
    assert (CON, RZB) in unneeded(2) - unneeded(1)


@pytest.mark.parametrize("starts", [(167, 334), (40, 400), (250, 260), (10, 20)])
def test_it_reads_the_phases_from_the_observation(starts):
    """Step by step through an episode: the phase of the next step, and the steps that are left of it."""
    memory, read = fresh_memory(0), jax.jit(guard.phases)
    for step in range(500):
        obs = at(np.zeros((T.NUM_BLUE, rich.SIZE), np.float32), step / 500, starts)
        phase, start, left = read(jnp.asarray(obs), memory)
        memory = memory.replace(phase_start=start)
        assert phase == sum(step >= np.array(starts))
        if step not in (0, *starts) and phase < 2:
            np.testing.assert_allclose(left * 500, starts[int(phase)] - step, atol=0.05)


# ---------------------------------------------------------------- episodes


def test_a_learning_red_meets_the_guard_with_what_it_reads():
    world = garrison.make("cc4", side="red", blue="guard")
    _, state = jax.eval_shape(world.reset, jax.random.key(0))
    actions = jax.ShapeDtypeStruct((T.NUM_RED,), jnp.int32)
    obs, after, _ = jax.eval_shape(world.step, jax.random.key(0), state, actions)
    assert obs.shape == (T.NUM_RED, world.observation_size)
    assert after.obs.shape == (T.NUM_BLUE + T.NUM_RED, rich.SIZE)
    assert jax.tree.map(lambda x: x.shape, after) == jax.tree.map(lambda x: x.shape, state)


def test_with_other_phases_it_blocks_no_user():
    """Phases that begin early: users whose traffic is blocked would cost up to 70% of the loss."""
    player = blue.POLICIES["guard"]
    world = observed_by(garrison.make("cc4", red="sleep", steps=100, phase_start=[20, 30]), [player])

    def env(key):
        obs, episode = world.reset(key)

        def one(carry, t):
            obs, episode, memory = carry
            actions, memory = player.act(key, obs, world.legal(episode), memory)
            obs, episode, step = world.step(jax.random.fold_in(key, t), episode, actions)
            return (obs, episode, memory), (step.info["reward_parts"]["ASF"], episode.state.blocked.sum())

        carry = (obs, episode, player.init(key, T.NUM_BLUE))
        return jax.lax.scan(one, carry, jnp.arange(world.max_steps))[1]

    lost, blocked = jax.jit(jax.vmap(env))(jax.random.split(jax.random.key(1), 8))
    assert (blocked[:, -1] > 20).all()
    assert lost.sum(1).mean() > -5


def test_it_defends_and_never_restores_while_busy():
    """32 episodes; results/cc4_guard/README.md has the mean of 1,000."""
    world = observed_by(garrison.make("cc4"), [blue.POLICIES["guard"]])
    player = blue.POLICIES["guard"]

    def env(key):
        obs, episode = world.reset(key)

        def one(carry, t):
            obs, episode, memory = carry
            at = jax.random.fold_in(key, t)
            actions, memory = player.act(at, obs, world.legal(episode), memory)
            busy = episode.state.blue_ticks > 0
            legal = jnp.take_along_axis(world.legal(episode), actions[:, None], axis=1)[:, 0]
            obs, episode, step = world.step(at, episode, actions)
            restoring = step.info["events"].blue_submitted == T.Blue.RESTORE
            return (obs, episode, memory), (step.reward[0], busy & restoring, restoring, legal)

        carry = (obs, episode, player.init(key, T.NUM_BLUE))
        return jax.lax.scan(one, carry, jnp.arange(world.max_steps))[1]

    rewards, wasted, restores, legal = jax.device_get(
        jax.jit(jax.vmap(env))(jax.random.split(jax.random.key(1), 32))
    )
    assert rewards.sum(1).mean() > -120
    assert not wasted.any()
    assert restores.any()
    assert legal.all()
