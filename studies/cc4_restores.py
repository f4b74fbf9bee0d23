"""What a learned team of CC4 could gain by other Restores: ``python studies/cc4_restores.py RUN``.

Two experiments with a team. *Rules*: where a rule of the guard wants a Restore the team obeys it, and
decides all else by itself. *Branches*: from states in which the guard would restore a host without root, the
team goes on after each of four choices for that host, many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import act
from garrison.judge import specs, stats
from garrison.judge.format import mean, number
from garrison.studies.study import Section, Study, origin, parser, show
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import guard

SEED = 6_000_000
EPISODES = 200
STATES, CONTINUATIONS = 64, 32
HORIZONS = (20, 60, 150)  # steps
HOSTS = 48  # per agent, with those that an agent does not have
RESTORE = jnp.asarray(T.FIRST_BLUE_ACTION[T.Blue.RESTORE])
VERBS = {"Restore": T.Blue.RESTORE, "Remove": T.Blue.REMOVE, "Analyse": T.Blue.ANALYSE}
AGAINST = "Analyse"


def _haunted(seen: guard.View, memory: guard.Memory) -> jax.Array:
    return seen.source & memory.red_may_believe_root


def _strict(seen: guard.View, memory: guard.Memory) -> jax.Array:
    soon = (seen.phase + 1 == guard._STRICT_PHASE) & (seen.phase_left <= guard._STRICT_LEAD + guard.SLACK)
    return seen.source & ((seen.phase == guard._STRICT_PHASE) | soon)


def _acts_from(seen: guard.View, memory: guard.Memory) -> jax.Array:
    return seen.source & (seen.shell | seen.process)


#: where a Restore is wanted, ``bool[blue, host]``
RULES: dict[str, Callable[[guard.View, guard.Memory], jax.Array]] = {
    "none": lambda seen, memory: jnp.zeros_like(seen.root),
    "root was found": lambda seen, memory: seen.root,
    "red acts from an exploited host": _acts_from,
    "red may believe that it has root": _haunted,
    "an operational zone in its phase": _strict,
    "all of these": lambda seen, memory: (
        seen.root | _acts_from(seen, memory) | _haunted(seen, memory) | _strict(seen, memory)
    ),
}


# ------------------------------------------------------------------ playing


def _chosen(actions: jax.Array, free: jax.Array) -> jax.Array:
    """Hosts that the actions restore, ``bool[blue, host]``; ``free``: agents that are not busy."""
    place = actions - RESTORE
    return (place[:, None] == jnp.arange(HOSTS)) & free[:, None]


def with_rule(team: Any, world: Any, wanted: Callable[..., jax.Array]) -> Callable[[jax.Array], Any]:
    """One episode: what it cost that could be prevented, and how often the rule decided."""

    def episode(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        reset_key, team_key, guard_key, play_key = jax.random.split(key, 4)
        obs, state = world.reset(reset_key)
        num = world.num_agents
        memories = team.init(team_key, num), guard.Guard().init(guard_key, num)

        def one(carry: Any, key: jax.Array) -> tuple[Any, Any]:
            obs, state, (own, known) = carry
            act_key, step_key = jax.random.split(key)
            actions, own = act(team, act_key, obs, state, world.legal(state), own)
            seen = guard.view(obs, known)
            want = wanted(seen, known) & ~seen.busy[:, None] & seen.exists
            place = jnp.argmax(want * (1 + seen.root), axis=1)  # root first
            ruled = jnp.any(want, axis=1)
            actions = jnp.where(ruled, RESTORE + place, actions)
            restored = _chosen(actions, ~seen.busy)
            believed = guard._red_may_believe_root(seen, known.red_may_believe_root, restored)
            known = known.replace(red_may_believe_root=believed, phase_start=seen.phase_start)
            obs, state, step = world.step(step_key, state, actions)
            return (obs, state, (own, known)), (jnp.sum(step.reward), jnp.sum(ruled))

        keys = jax.random.split(play_key, world.max_steps)
        _, (rewards, ruled) = jax.lax.scan(one, (obs, state, memories), keys)
        return jnp.sum(rewards), jnp.sum(ruled)

    return episode


def rules(team: Any, world: Any) -> dict[str, Any]:
    keys = jax.random.split(jax.random.key(SEED), EPISODES)
    played = {name: jax.jit(jax.vmap(with_rule(team, world, rule)))(keys) for name, rule in RULES.items()}
    found = {name: np.asarray(returns, float) for name, (returns, _) in played.items()}
    return {
        name: {
            "return": asdict(stats.estimate(found[name])),
            "gain": asdict(stats.paired_difference(found[name], found["none"])),
            "decided": float(np.mean(played[name][1])),
        }
        for name in RULES
    }


def situation(team: Any, world: Any, key: jax.Array) -> dict[str, Any]:
    """A state, after a random time, in which red acts from a host without root, as far as blue knows.

    The state, what agents observe and remember in it, the agent and its host; ``ok``: whether there is one.
    """
    reset_key, team_key, guard_key, play_key, time_key = jax.random.split(key, 5)
    obs, state = world.reset(reset_key)
    memories = team.init(team_key, world.num_agents), guard.Guard().init(guard_key, world.num_agents)
    steps = world.max_steps - max(HORIZONS) - 1
    begin = jax.random.randint(time_key, (), 10, steps - 10)
    zero = jnp.int32(0)
    first = {"obs": obs, "state": state, "memory": memories[0], "agent": zero, "host": zero}

    def one(carry: Any, at: Any) -> tuple[Any, None]:
        obs, state, (own, known), saved, ok = carry
        key, t = at
        act_key, step_key, pick_key = jax.random.split(key, 3)
        seen = guard.view(obs, known)
        here = _acts_from(seen, known) & ~seen.root & ~seen.busy[:, None]
        place = jax.random.categorical(pick_key, jnp.where(here.ravel(), 0.0, -1e9))
        now = {"obs": obs, "state": state, "memory": own, "agent": place // HOSTS, "host": place % HOSTS}
        take = jnp.any(here) & (t >= begin) & ~ok
        saved = jax.tree.map(lambda old, new: jnp.where(take, new, old), saved, now)
        actions, own = act(team, act_key, obs, state, world.legal(state), own)
        known = known.replace(phase_start=seen.phase_start)
        obs, state, _ = world.step(step_key, state, actions)
        return (obs, state, (own, known), saved, ok | take), None

    carry = (obs, state, memories, first, jnp.bool_(False))
    carry, _ = jax.lax.scan(one, carry, (jax.random.split(play_key, steps), jnp.arange(steps)))
    return carry[3] | {"ok": carry[4]}


def continuation(team: Any, world: Any, start: Any, action: jax.Array, key: jax.Array) -> jax.Array:
    """Rewards of all agents together after ``action`` of the agent, ``f32[step]``; -1: its own choice."""

    def one(carry: Any, at: Any) -> tuple[Any, jax.Array]:
        obs, state, memory = carry
        key, t = at
        act_key, step_key = jax.random.split(key)
        actions, memory = act(team, act_key, obs, state, world.legal(state), memory)
        forced = actions.at[start["agent"]].set(action)
        actions = jnp.where((t == 0) & (action >= 0), forced, actions)
        obs, state, step = world.step(step_key, state, actions)
        return (obs, state, memory), jnp.sum(step.reward)

    steps = max(HORIZONS)
    begin = (start["obs"], start["state"], start["memory"])
    return jax.lax.scan(one, begin, (jax.random.split(key, steps), jnp.arange(steps)))[1]


def branches(team: Any, world: Any) -> dict[str, Any]:
    keys = jax.random.split(jax.random.key(SEED + 1), STATES)
    starts = jax.jit(jax.vmap(lambda key: situation(team, world, key)))(keys)
    several = jax.vmap(lambda *x: continuation(team, world, *x), (None, None, 0))
    go_on = jax.jit(jax.vmap(several, (0, 0, None)))
    seeds = jax.random.split(jax.random.key(SEED + 2), CONTINUATIONS)
    first = {name: jnp.asarray(T.FIRST_BLUE_ACTION[verb])[starts["agent"]] for name, verb in VERBS.items()}
    actions = {name: at + starts["host"] for name, at in first.items()} | {
        "its own choice": jnp.full(STATES, -1)
    }
    ok = np.asarray(starts["ok"])
    rewards = {name: np.asarray(go_on(starts, action, seeds))[ok] for name, action in actions.items()}
    totals = {
        name: {steps: x[:, :, :steps].sum(-1).mean(1) for steps in HORIZONS} for name, x in rewards.items()
    }
    return {
        "states": int(ok.sum()),
        "gains": {
            name: {
                str(steps): asdict(stats.paired_difference(total, totals[AGAINST][steps]))
                for steps, total in found.items()
            }
            for name, found in totals.items()
            if name != AGAINST
        },
    }


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    states, all_rules = figures["branches"]["states"], figures["rules"][list(RULES)[-1]]
    furthest = max(HORIZONS)
    gain = figures["branches"]["gains"]["Restore"][str(furthest)]
    return Study(
        title="CC4: what other Restores are worth to a learned team",
        figures=figures,
        finding=(
            f"`{figures['team']}` gains {mean(all_rules['gain'], '+')} per episode if it obeys all of "
            "guard's rules for Restore. Where red acts from a host without root, a Restore "
            f"is worth {mean(gain, '+')} more than an Analyse in the next {furthest} steps."
        ),
        method=(
            "The stock game; returns without the contractor network's Impacts, which nobody can prevent. "
            f"Rules: the same {EPISODES} episodes for all. Branches: {states} states in which the guard "
            "would restore a host without root because red acts from it, each the first after a random step "
            f"of an episode; {CONTINUATIONS} continuations of each choice, in which the team decides all "
            "else. 95% bootstrap intervals over episodes and over states."
        ),
        sections=list(_sections(figures)),
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    yield Section(
        "Rules",
        ("a Restore where", "return", "gain", "decisions of the rule"),
        [
            (
                name,
                mean(one["return"]),
                mean(one["gain"], "+") if name != "none" else "",
                number(one["decided"]),
            )
            for name, one in figures["rules"].items()
        ],
    )
    gains = figures["branches"]["gains"]
    yield Section(
        f"Branches: minus {AGAINST} of the same host",
        ("choice", *(f"{steps} steps" for steps in HORIZONS)),
        [(name, *(mean(one[str(steps)], "+") for steps in HORIZONS)) for name, one in gains.items()],
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", help="a run, or the name of one that comes with Garrison, such as best")
    asked = arguments.parse_args()
    loaded = specs.load_run(asked.run)
    team, world = loaded.policies[0], loaded.world
    figures = {
        "team": specs.run_label(asked.run),
        "rules": rules(team, world),
        "branches": branches(team, world),
    }
    show(study(origin("python studies/cc4_restores.py best --out results/cc4_restores") | figures), asked.out)


if __name__ == "__main__":
    main()
