"""The kernel beside the reference interpreter in one episode, row by row (``soc-rules.md §2.8``).

Both play the same draws and the same actions. Agents choose among what both call legal, red rather attacks
than waits, and more of what it tries succeeds than by its chances, so that short tapes see much.
"""

from __future__ import annotations

import functools
import random

import jax
import jax.numpy as jnp
import numpy as np
from reference import compare, goals, kernel, tape
from reference.world import compute_used, fields, reset

from garrison.worlds.soc import generate as networks
from garrison.worlds.soc import reward, step
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.draws import Draws, Rows
from garrison.worlds.soc.legal import action_counts, action_table, legal
from garrison.worlds.soc.options import Static, default_options
from garrison.worlds.soc.reset import initial_state


@functools.cache
def programs(static):
    """Compiled functions of one size: network, reset, legal actions, step."""
    game = lambda o, t: Game(static, o, t)  # noqa: E731
    return (
        jax.jit(functools.partial(networks.generate, static)),
        jax.jit(lambda o, t, u: initial_state(game(o, t), u)),
        jax.jit(lambda o, t, s: legal(game(o, t), s)),
        jax.jit(lambda o, t, d, s, a: step.step_with(game(o, t), d, s, a)),
    )


def f32(value):
    return jnp.asarray(value, jnp.float32)


class Pair:
    """The kernel and the interpreter in the same episode."""

    def __init__(self, seed, scenario, preset="medium", size="small", reds=1, advanced=False, horizon=None):
        self.rng = random.Random(f"{seed} {scenario}")
        self.static = Static(size=size, events=1, reds=reds)
        make, start, self._legal, self._step = programs(self.static)
        self.options = default_options(size, scenario.name.lower(), preset)
        if horizon is not None:
            self.options = self.options.replace(horizon=np.int32(horizon))
        self.topology = make(self.options, jnp.uint32(seed))
        gaps = tape.array(self.rng, 5)
        self.state = start(self.options, self.topology, f32(gaps))
        net = compare.network_of(size, jax.device_get(self.topology))
        options = compare.options_of(self.options, tape.options(scenario))
        self.world = reset(net, options, reds, self.static.ring, gaps)
        self.agents = range(self.static.num_agents)
        table = action_table(self.static)
        self.kinds, self.targets = np.asarray(table.kind), np.asarray(table.target)
        self.counts = action_counts(self.static)
        if advanced:
            self._advance()

    def _advance(self):
        """Red knows all, and has sessions here and there; blue has deployed something and set levels."""
        rng, world = self.rng, self.world
        for h, host in enumerate(world.hosts):
            if not host["exists"]:
                continue
            for red in world.reds:
                red["known"].add(h)
                red["scan"][h] = (world.net["ports"][h], world.net["weak"][h])
            if rng.random() < 0.25:
                host |= {"priv": rng.choice([1, 2]), "owner": rng.randrange(len(world.reds))}
                host["rooted"] = host["priv"] == 2
            if host["priv"]:
                world.reds[host["owner"]]["visited"].add(h)
            if compute_used(world) > 900:
                continue  # deployments never exceed the capacity
            host["edr"] = rng.random() < 0.25
            host["decoy"] = rng.randrange(5) if rng.random() < 0.2 else 0
            host["honeytoken"] = rng.random() < 0.2
        world.levels = [rng.choice([0, 0, 0, 1, 2]) for _ in world.levels]
        changed = (
            "zone_level",
            "red_known",
            "red_visited",
            "red_scan",
            "host_priv",
            "host_owner",
            "host_rooted",
            "host_edr",
            "host_decoy",
            "host_honeytoken",
        )
        mine = fields(world)
        self.state = self.state.replace(
            **{name: jnp.asarray(np.asarray(mine[name]), getattr(self.state, name).dtype) for name in changed}
        )

    def choose(self):
        """Actions of the agents that decide, as pairs and as indices; what is legal is compared."""
        mask = np.asarray(self._legal(self.options, self.topology, self.state))
        chosen, indices = {}, []
        for a in self.agents:
            chosen[a] = (0, 255)
            index = 0
            if kernel.deciding(self.world, a):
                mine = set(kernel.legal_actions(self.world, a))
                theirs = {
                    (int(self.kinds[a, i]), int(self.targets[a, i])): int(i) for i in np.flatnonzero(mask[a])
                }
                assert mine == set(theirs), f"agent {a}: {sorted(mine ^ set(theirs))[:5]} legal in one alone"
                options = sorted({kind for kind, _ in mine})
                acting = [k for k in options if k not in ((19, 20) if a < 3 else (21, 22))]
                kind = self.rng.choice(acting or options)
                chosen[a] = self.rng.choice(sorted(pair for pair in mine if pair[0] == kind))
                index = theirs[chosen[a]]
            indices.append(index)
        return chosen, indices

    def step(self):
        """One row on both sides; returns the differences."""
        chosen, indices = self.choose()
        row = tape.row(self.rng, self.static.hosts)
        if self.rng.random() < 0.6:
            row["chance"] = int(row["chance"] / 3 * 2**24) / 2**24
        start, first = tape.array(self.rng, len(self.agents)), tape.array(self.rng, len(self.agents), 2)
        draws = Draws(
            start=f32(start),
            first=f32(first),
            rows=Rows(**{name: f32(value)[None] for name, value in row.items()}),
        )
        actions = jnp.asarray(indices, jnp.int32)
        self.state, sums, _ = self._step(self.options, self.topology, draws, self.state, actions)
        out = kernel.step(self.world, chosen, {"start": start, "first": first, "rows": [row]})
        found = compare.state_differences(self.world, jax.device_get(self.state))
        for name, value in (("elapsed", sums.elapsed), ("rows", sums.rows), ("units", sums.exfiltrated)):
            if out[name] != int(value):
                found.append(f"{name}: {out[name]} here, {int(value)} in the kernel")
        loss, names = np.asarray(sums.loss).tolist(), ("encrypted", "ownership", "down", "friction")
        if sum(loss) != out["capped"]:
            found.append(f"loss: {out['capped']} here, {sum(loss)} in the kernel")
        if loss != [out[name] for name in names] and sum(out[name] for name in names) == out["capped"]:
            found.append(f"parts of the loss: {[out[name] for name in names]} here, {loss} in the kernel")
        found += self._rewards(sums, out)
        if [out["blue_funds"], out["red_funds"]] != np.asarray(sums.spent).tolist():
            found.append("funds spent")
        if out["goal_ms"] != int(sums.left):
            found.append(f"time left at the goal: {out['goal_ms']} here, {int(sums.left)} in the kernel")
        return found

    def _rewards(self, sums, out):
        """§7.2, §7.3: rewards of both sides, as far as the loss is not capped."""
        game = Game(self.static, self.options, self.topology)
        blue = sum(float(part) for part in reward.blue(game, sums).values())
        red = sum(float(part) for part in reward.red(game, sums).values())
        expected = [goals.blue_reward(out), goals.red_reward(out)]
        return [] if np.allclose([blue, red], expected, atol=1e-4) else [f"rewards {blue}, {red}: {expected}"]


def play(pair, rows):
    """Rows until the episode ends; stops at the first difference."""
    assert not compare.state_differences(pair.world, jax.device_get(pair.state))
    for number in range(rows):
        found = pair.step()
        at = f"row {number}, {pair.world.time} ms"
        assert not found, f"{at}: " + "; ".join(found)
        if pair.world.ended:
            break
