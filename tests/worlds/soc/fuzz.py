"""Episodes of scripts, random and adversarial players, played by the kernel and then by the reference.

The kernel plays many episodes in one program, one event row per step, and keeps draws, choices, masks and
states. :func:`differences` plays the same in the interpreter and compares every field after every row.
:func:`replay` plays what was recorded in the kernel again: in one with a wrong rule it differs somewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pair import Pair
from reference import compare, goals, kernel
from reference.world import World

from garrison.worlds.soc import clock, observe_blue, observe_red, reward
from garrison.worlds.soc.agents.analyst import Analyst
from garrison.worlds.soc.agents.killchain import Killchain
from garrison.worlds.soc.clock import Game
from garrison.worlds.soc.draws import sample
from garrison.worlds.soc.legal import action_counts, action_table, legal
from garrison.worlds.soc.options import Static
from garrison.worlds.soc.step import step_with
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables.scenarios import Scenario

#: how an agent chooses: as its script does; a random legal action; the kind that it took least; anything
STYLES = ("script", "random", "curious", "illegal")
LEAST, MOST = 0.0, 1 - 2.0**-24  # extreme draws
SUMS = ("elapsed", "loss", "spent", "exfiltrated", "left", "reached", "rows")


class Lane(NamedTuple):
    """What an episode of the program is made of; axis lane."""

    options: Any
    topology: Any
    styles: Any  # int32[lane, agent], of STYLES
    extreme: Any  # float32[lane]: share of extreme draws


class Played(NamedTuple):
    """One row of an episode; axes lane, row where recorded."""

    actions: Any
    draws: Any
    mask: Any  # before the row
    state: Any  # after it
    sums: Any
    rewards: Any  # blue's and red's


@dataclass
class Episode:
    """One episode to be played."""

    seed: int
    scenario: Scenario
    preset: str
    blue: str = "script"
    red: str = "script"
    advanced: bool = False  # red has sessions and blue deployments at the start
    horizon: int | None = None  # milliseconds
    pair: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"{self.scenario.name.lower()}, {self.preset}, {self.blue} - {self.red}, seed {self.seed}"


# ---------------------------------------------------------------- the kernel


@functools.cache
def program(static: Static, rows: int, scripts: bool) -> Any:
    """Plays ``rows`` rows of all lanes. Without ``scripts`` it compiles in half the time."""
    table, agents = action_table(static), np.arange(static.num_agents)
    analyst, killchain = Analyst(static), Killchain(static)
    widths = [max(action_counts(static)[:3]), action_counts(static)[3]]

    def script(game: Game, state: Any, mask: Any, memory: Any, key: Any) -> tuple[Any, Any]:
        blue, memory_blue = analyst.act(
            key, observe_blue.vectors(game, state, "counters"), mask[:3, : widths[0]], memory[0]
        )
        red, memory_red = killchain.act(key, observe_red.vectors(game, state), mask[3:], memory[1])
        return jnp.concatenate([blue, red]), (memory_blue, memory_red)

    def one(lane: Lane, carry: Any, key: Any) -> tuple[Any, Played]:
        state, memory, counts = carry
        keys = jax.random.split(key, 5)
        game = Game(static, lane.options, lane.topology)
        mask = legal(game, state)
        scripted = jnp.zeros(len(agents), jnp.int32)
        if scripts:
            scripted, memory = script(game, state, mask, memory, keys[0])
        u = jax.random.uniform(keys[1], mask.shape)
        tried = counts[agents[:, None], table.kind]
        anything = jax.random.randint(keys[2], (len(agents),), -2, mask.shape[1] + 2)
        choices = jnp.stack(
            [
                scripted,
                jnp.argmax(u * mask, axis=1),
                jnp.argmax(jnp.where(mask, u - tried, -jnp.inf), axis=1),
                anything,
            ]
        ).astype(jnp.int32)
        actions = choices[lane.styles, agents]
        taken = (clock.deciding(game, state) & (actions >= 0)).astype(jnp.float32)
        counts = counts.at[agents, jnp.asarray(table.kind)[agents, jnp.clip(actions, 0)]].add(taken)
        draws = _sharpened(sample(keys[3], static), lane.extreme, keys[4])
        return _row(lane, game, state, actions, draws, mask, (memory, counts))

    def _row(
        lane: Lane, game: Game, state: Any, actions: Any, draws: Any, mask: Any, kept: Any
    ) -> tuple[Any, Played]:
        after, sums, _ = step_with(game, draws, state, actions)
        return (after, *kept), Played(actions, draws, mask, after, *_account(game, sums))

    def run(lane: Lane, carry: Any, key: Any) -> tuple[Any, Played]:
        return jax.lax.scan(functools.partial(one, lane), carry, jax.random.split(key, rows))

    return jax.jit(jax.vmap(run))


def _account(game: Game, sums: Any) -> tuple[Any, Any]:
    sides = (sum(part.values(), jnp.zeros(())) for part in (reward.blue(game, sums), reward.red(game, sums)))
    return sums, jnp.stack(list(sides))


def _sharpened(draws: Any, share: Any, key: Any) -> Any:
    """Draws of which a share is the least or the greatest that there is."""
    leaves, tree = jax.tree.flatten(draws)
    keys = jax.random.split(key, len(leaves))

    def one(u: Any, key: Any) -> Any:
        v = jax.random.uniform(key, u.shape)
        return jnp.where(v < share / 2, jnp.float32(LEAST), jnp.where(v < share, jnp.float32(MOST), u))

    return jax.tree.unflatten(tree, [one(u, k) for u, k in zip(leaves, keys, strict=True)])


def begin(static: Static, episodes: list[Episode], extreme: float) -> tuple[Lane, Any]:
    """Lanes and what the program carries; each episode gets its pair."""
    for episode in episodes:
        episode.pair = Pair(
            episode.seed,
            episode.scenario,
            episode.preset,
            static.size,
            static.reds,
            episode.advanced,
            horizon=episode.horizon,
        )
    pairs = [episode.pair for episode in episodes]
    stacked = lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
    styles = [[STYLES.index(e.blue)] * T.NUM_BLUE + [STYLES.index(e.red)] * static.reds for e in episodes]
    lane = Lane(
        stacked([jax.tree.map(jnp.asarray, pair.options) for pair in pairs]),
        stacked([pair.topology for pair in pairs]),
        jnp.asarray(styles, jnp.int32),
        jnp.full(len(pairs), extreme, jnp.float32),
    )
    return lane, carried(static, stacked([pair.state for pair in pairs]))


def carried(static: Static, states: Any) -> Any:
    """What the program carries from states on, with the axis lane."""
    key, lanes = jax.random.key(0), len(states.time)
    memory = (Analyst(static).init(key, T.NUM_BLUE), Killchain(static).init(key, static.reds))
    kinds = int(action_table(static).kind.max()) + 1
    rest = (memory, jnp.zeros((static.num_agents, kinds), jnp.float32))
    return states, *jax.tree.map(lambda x: jnp.stack([x] * lanes), rest)


def recorded(
    static: Static, episodes: list[Episode], rows: int, chunk: int = 64, seed: int = 0, extreme: float = 0.1
) -> Iterator[tuple[Lane, Played]]:
    """Play at most ``rows`` rows of all episodes; yields what happened, chunk by chunk, until all ended."""
    lane, carry = begin(static, episodes, extreme)
    run = program(static, chunk, any("script" in (one.blue, one.red) for one in episodes))
    for number in range(rows // chunk):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), number), len(episodes))
        carry, played = run(lane, carry, keys)
        played = jax.device_get(played)
        yield lane, played
        if (played.state.terminated | played.state.truncated)[:, -1].all():
            return


# ---------------------------------------------------------------- the interpreter


def differences(static: Static, episode: Episode, played: Played) -> Iterator[tuple[int, list[str]]]:
    """Play the rows of one episode in the interpreter: the number of each row, and how it differs.

    ``played`` has the axis row alone.
    """
    pair, world = episode.pair, episode.pair.world
    for row in range(len(played.actions)):
        if world.ended:
            return
        chosen = {a: _chosen(pair, a, int(played.actions[row, a])) for a in pair.agents}
        found = list(_masks(pair, world, played.mask[row]))
        draws = jax.tree.map(lambda x, i=row: x[i].astype(float).tolist(), played.draws)
        events = {name: value[0] for name, value in vars(draws.rows).items()}
        out = kernel.step(world, chosen, {"start": draws.start, "first": draws.first, "rows": [events]})
        found += compare.state_differences(world, jax.tree.map(lambda x, i=row: x[i], played.state))
        found += _sums(out, jax.tree.map(lambda x, i=row: x[i], played.sums), played.rewards[row])
        yield row, found


def _chosen(pair: Pair, agent: int, index: int) -> tuple[int, int]:
    if not 0 < index < pair.counts[agent]:
        return 0, T.NO_HOST
    return int(pair.kinds[agent, index]), int(pair.targets[agent, index])


def _masks(pair: Pair, world: World, mask: np.ndarray) -> Iterator[str]:
    for agent in pair.agents:
        here = set(kernel.legal_actions(world, agent)) if kernel.deciding(world, agent) else set()
        there = {
            (int(pair.kinds[agent, i]), int(pair.targets[agent, i])) for i in np.flatnonzero(mask[agent]) if i
        }
        if here != there:
            yield f"legal actions of agent {agent}: {sorted(here ^ there)[:3]}"


def _sums(out: dict[str, Any], sums: Any, rewards: np.ndarray) -> Iterator[str]:
    """What a row added up, §7.2 and §7.3."""
    expected = {
        "elapsed": out["elapsed"],
        "rows": out["rows"],
        "exfiltrated": out["units"],
        "left": out["goal_ms"],
        "spent": [out["blue_funds"], out["red_funds"]],
    }
    parts = [out[name] for name in ("encrypted", "ownership", "down", "friction")]
    if sum(parts) == out["capped"]:  # beyond the cap the kernel shortens the later parts
        expected["loss"] = parts
    for name, value in expected.items():
        if np.asarray(getattr(sums, name)).tolist() != value:
            yield f"{name}: {value} here, {np.asarray(getattr(sums, name)).tolist()} in the kernel"
    if int(np.sum(sums.loss)) != out["capped"]:
        yield f"loss: {out['capped']} here, {int(np.sum(sums.loss))} in the kernel"
    paid = [goals.blue_reward(out), goals.red_reward(out)]
    if not np.allclose(rewards, paid, atol=1e-4):
        yield f"rewards: {paid} here, {rewards.tolist()} in the kernel"


# ---------------------------------------------------------------- again


def replay(static: Static, lane: Lane, start: Any, played: Played, masks: bool = True) -> Played:
    """The recorded rows of all lanes once more, by the kernel as it is now; without ``masks`` those of then.

    Lanes follow one another, as that compiles sooner than many at a time.
    """

    def one(lane: Lane, state: Any, row: Played) -> tuple[Any, Played]:
        game = Game(static, lane.options, lane.topology)
        mask = legal(game, state) if masks else row.mask
        after, sums, _ = step_with(game, row.draws, state, row.actions)
        return after, row._replace(mask=mask, state=after, sums=sums)

    def run(given: tuple[Lane, Any, Played]) -> Played:
        lane, state, rows = given
        return jax.lax.scan(functools.partial(one, lane), state, rows)[1]

    return jax.device_get(jax.jit(lambda *given: jax.lax.map(run, given))(lane, start, played))


def first_difference(played: Played, again: Played) -> tuple[int, int, str, Any, Any] | None:
    """Row and lane of the earliest difference, the field, and its first differing values: now, recorded."""
    best = None
    for name, old, new in _arrays(played, again):
        differs = (old != new).reshape(*old.shape[:2], -1)
        lanes, rows = np.nonzero(differs.any(axis=-1))
        if not len(rows):
            continue
        first = int(np.argmin(rows))
        row, lane = int(rows[first]), int(lanes[first])
        if best is None or row < best[0]:
            place = int(np.argmax(differs[lane, row]))
            values = [x.reshape(*x.shape[:2], -1)[lane, row, place].item() for x in (new, old)]
            best = (row, lane, name, *values)
    return best


def _arrays(played: Played, again: Played) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    yield "legal", played.mask, again.mask
    for name in vars(played.state):
        yield name, np.asarray(getattr(played.state, name)), np.asarray(getattr(again.state, name))
    for name in SUMS:
        yield name, np.asarray(getattr(played.sums, name)), np.asarray(getattr(again.sums, name))


# ---------------------------------------------------------------- many

PLAYERS = (
    ("script", "script"),
    ("curious", "curious"),
    ("random", "script"),
    ("script", "curious"),
    ("illegal", "random"),
    ("curious", "script"),
    ("random", "curious"),
    ("script", "illegal"),
)
#: size, attackers, episodes of each scenario and preset
PLAN = (("small", 1, 8), ("small", 2, 4), ("50", 1, 8), ("100", 1, 6))
HORIZONS = (300_000, 600_000, 900_000)


def plan(size: str, reds: int, count: int) -> list[Episode]:
    """Episodes of every scenario and preset with ``count`` pairs of players, half of them advanced."""
    presets = ("easy", "medium", "hard") if size == "small" else ("medium", "hard")
    made = []
    for number in range(count):
        for preset in presets:
            for scenario in Scenario:
                seed = 1 + len(made) + 1_000 * reds
                blue, red = PLAYERS[(number + len(made)) % len(PLAYERS)]
                made.append(
                    Episode(
                        seed, scenario, preset, blue, red, number % 2 == 0, HORIZONS[seed % len(HORIZONS)]
                    )
                )
    return made


def compared(static: Static, episodes: list[Episode], rows: int = 4096) -> Iterator[tuple[Episode, int, str]]:
    """Play episodes to their ends on both sides: each with its number of rows and its first difference."""
    count, wrong = dict.fromkeys(range(len(episodes)), 0), dict.fromkeys(range(len(episodes)), "")
    for _, played in recorded(static, episodes, rows):
        for number, episode in enumerate(episodes):
            mine = jax.tree.map(lambda x, i=number: x[i], played)
            for row, found in () if wrong[number] else differences(static, episode, mine):
                count[number] += 1
                if found:
                    wrong[number] = f"row {row} of a chunk, {episode.pair.world.time} ms: " + "; ".join(found)
                    break
    for number, episode in enumerate(episodes):
        yield episode, count[number], wrong[number]
