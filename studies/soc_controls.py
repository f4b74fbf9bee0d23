"""Whether ``soc`` is a contest, by §7.6 of its rules: ``python studies/soc_controls.py``.

Scripted, random, idle and constant players of both sides play each scenario under each preset and in each
size. A constant player takes one kind of action whenever it is legal, on its targets in turn or always on the
first, and waits otherwise. The best constant players of a game are chosen in ``--screen`` episodes and judged
in others. ``killchain`` also plays without each kind of its actions, in the small size under medium and hard.
``--out results/soc_controls`` writes the study's folder after each batch of episodes; the same command, or
one with more episodes or other sizes, goes on where an earlier one stopped.
"""

from __future__ import annotations

import itertools
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from garrison.core.policy import Mask, Random
from garrison.core.struct import Struct
from garrison.core.typing import Array, PRNGKeyArray
from garrison.studies.study import FIGURES, Section, Study, origin, parser, prepare, read_figures, save, show
from garrison.worlds.soc import SCENARIOS, Soc, Static, default_options
from garrison.worlds.soc.agents import constant
from garrison.worlds.soc.agents.analyst import STYLES, Analyst
from garrison.worlds.soc.agents.killchain import Killchain
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import red as R

PRESETS = {"small": ("easy", "medium", "hard"), "50": ("medium", "hard"), "100": ("medium", "hard")}
GROUPS = ("controls", "constants", "without")
STEPS = 64  # of one call
IDLE = int(B.Blue.WAIT)
ATTACKS = [int(kind) for kind in R.ROWS if kind != R.Red.WAIT]
BLUES = ("constant", "random", *STYLES)
SIMPLE = "simple"
SCREENED_FROM = 1_000_000  # seeds of the episodes in which the best constant players are chosen
REDS = ("constant", "random", "killchain")
TURNS = ("in turn", "first")


class Row(NamedTuple):
    """Who plays whom. ``kind`` is what a constant player takes, of killchain what it lacks."""

    size: str
    preset: str
    scenario: str
    blue: str
    red: str
    blue_kind: int = constant.NOTHING
    blue_first: bool = False  # always the first target
    red_kind: int = constant.NOTHING

    @property
    def key(self) -> str:
        blue, red = self.blue, self.red
        if blue == "constant":
            blue = f"{_name(B.ROWS, self.blue_kind)} ({TURNS[self.blue_first]})"
        if red == "constant":
            red = _name(R.ROWS, self.red_kind)
        elif self.red_kind != constant.NOTHING:
            red = f"{red} without {_name(R.ROWS, self.red_kind)}"
        return f"{self.size}/{self.preset}/{self.scenario}: {blue} - {red}"

    @property
    def program(self) -> str:
        """What plays it: a script of blue's that would take time in the others, or all simple players."""
        return self.blue if self.blue in STYLES else SIMPLE

    @property
    def game(self) -> tuple[str, str, str]:
        return self.size, self.preset, self.scenario


def _name(rows: Mapping[Any, Any], kind: int) -> str:
    return next(row.name for number, row in rows.items() if number == kind)


class Lane(Struct):
    """A row as numbers; axis lane."""

    options: Any
    seed: Any
    blue: Any
    blue_kind: Any
    blue_first: Any
    red: Any
    red_kind: Any


class Player:
    """Rows of a size in one compiled program: those with one script of blue's, or with the simple players."""

    def __init__(self, size: str, program: str):
        self.world = Soc(static=Static(size))
        self.own = {side: np.array(rows) for side, rows in self.world.sides.items()}
        self.kinds = {side: constant.kinds(self.world.static, side) for side in self.own}
        sizes = self.world.static
        simple = program == SIMPLE
        self.scripts = () if simple else (Analyst(sizes, program),)
        self.first_blue = 0 if simple else BLUES.index(program)
        self.start, self.go = jax.jit(jax.vmap(self._start)), jax.jit(jax.vmap(self._go))

    def players(self, lane: Lane) -> dict[str, tuple[Any, ...]]:
        """The policies of the two sides, of which a lane takes one each."""
        blue = constant.Constant(self.kinds["blue"], lane.blue_kind, lane.blue_first)
        red = constant.Constant(self.kinds["red"], lane.red_kind, jnp.zeros((), bool))
        killchain = Killchain(self.world.static, slip=lane.options.script_slip / 1000)
        return {"blue": self.scripts or (blue, Random()), "red": (red, Random(), killchain)}

    def _start(self, lane: Lane) -> Any:
        key = jax.random.fold_in(jax.random.key(0), lane.seed)
        obs, state = self.world.reset(key, lane.options)
        memories = [
            [one.init(key, len(self.own[side])) for one in players]
            for side, players in self.players(lane).items()
        ]
        zero = jnp.zeros((), jnp.float32)
        return obs, state, memories, jnp.zeros((), bool), jnp.stack([zero] * 3)

    def _go(self, lane: Lane, carry: Any, number: Array) -> Any:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(1), lane.seed), number)
        return jax.lax.scan(partial(self._step, lane), carry, jax.random.split(key, STEPS))[0]

    def _step(self, lane: Lane, carry: Any, key: PRNGKeyArray) -> tuple[Any, None]:
        obs, state, memories, _, sums = carry
        blue_key, red_key, step_key = jax.random.split(key, 3)
        mask = self.world.legal(state)
        dropped = jnp.asarray(np.array(self.kinds["red"])) == lane.red_kind
        players = self.players(lane)
        red_mask = self._mask(mask, "red")
        red_masks = [red_mask, red_mask, red_mask & ~(dropped & (lane.red == REDS.index("killchain")))]
        blue_masks = [self._mask(mask, "blue")] * len(players["blue"])
        choices = (("blue", blue_key, blue_masks, memories[0]), ("red", red_key, red_masks, memories[1]))
        joint, after = [], []
        for side, own_key, masks, memory in choices:
            seen = obs[self.own[side], : max(self.world.observation_sizes[i] for i in self.own[side])]
            acted = [
                one.act(own_key, seen, m, past)
                for one, m, past in zip(players[side], masks, memory, strict=True)
            ]
            picked = lane.blue - self.first_blue if side == "blue" else lane.red
            joint.append(jnp.stack([actions for actions, _ in acted])[picked])
            after.append([kept for _, kept in acted])
        obs, state, step = self.world.step(step_key, state, jnp.concatenate(joint))
        ownership = step.info["reward_parts"]["ownership"]
        sums = sums + jnp.stack([step.reward[0], step.reward[-1], ownership])
        return (obs, state, after, step.done, sums), None

    def _mask(self, mask: Mask, side: str) -> Mask:
        width = max(self.world.action_counts[i] for i in self.own[side])
        return mask[self.own[side], :width]

    def play(self, lane: Lane) -> dict[str, np.ndarray]:
        """Returns of blue and red, the ownership part, and whether red reached its goal; axis lane."""
        carry, number, count = self.start(lane), 0, len(lane.seed)
        while not np.asarray(carry[3]).all():
            carry = self.go(lane, carry, jnp.full(count, number))
            number += 1
        sums = np.asarray(carry[4], float)
        goal = np.asarray(carry[1].state.terminated)
        return {"blue": sums[:, 0], "red": sums[:, 1], "ownership": sums[:, 2], "goals": goal.astype(float)}


def games(sizes: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(size, preset, scenario) for size in sizes for preset in PRESETS[size] for scenario in SCENARIOS]


def controls(sizes: Sequence[str] = T.SIZES) -> Iterator[Row]:
    """Idle, random and scripted players."""
    for game in games(sizes):
        yield Row(*game, "constant", "killchain", blue_kind=IDLE)
        for blue in BLUES[1:]:
            yield Row(*game, blue, "killchain")
        yield Row(*game, "constant", "constant", blue_kind=IDLE, red_kind=int(R.Red.WAIT))
        yield Row(*game, "analyst", "constant", red_kind=int(R.Red.WAIT))
        yield Row(*game, "constant", "random", blue_kind=IDLE)


def constants(size: str, preset: str, scenario: str, side: str) -> Iterator[Row]:
    """A side's constant players in a game: blue's against killchain, red's against idle."""
    game = (size, preset, scenario)
    if side == "blue":
        for kind, first in itertools.product(B.ROWS, (False, True)):
            if kind != B.Blue.WAIT:
                yield Row(*game, "constant", "killchain", blue_kind=int(kind), blue_first=first)
    else:
        for kind in ATTACKS:
            yield Row(*game, "constant", "constant", blue_kind=IDLE, red_kind=kind)


def without(sizes: Sequence[str] = T.SIZES) -> Iterator[Row]:
    """Killchain without each kind of its actions."""
    for game in games([size for size in sizes if size == "small"]):
        for kind in ATTACKS if game[1] != "easy" else ():
            yield Row(*game, "constant", "killchain", blue_kind=IDLE, red_kind=kind)


def best(screened: Mapping[str, Mapping[str, float]], game: tuple[str, str, str], side: str) -> Row | None:
    """The best constant player of a side in the episodes of choice; None where none played."""
    played = [row for row in constants(*game, side) if row.key in screened]
    if not played:
        return None
    name = {"blue": "blue", "red": "goals"}[side]
    return max(played, key=lambda row: screened[row.key][name] / screened[row.key]["episodes"])


def lanes(asked: list[tuple[Row, int]]) -> Lane:
    """Rows and seeds of a batch as arrays."""
    options = [default_options(row.size, row.scenario, row.preset) for row, _ in asked]
    number = lambda values: np.array(list(values), np.int32)  # noqa: E731
    return Lane(
        options=jax.tree.map(lambda *x: np.stack(x), *options),
        seed=number(seed for _, seed in asked),
        blue=number(BLUES.index(row.blue) for row, _ in asked),
        blue_kind=number(row.blue_kind for row, _ in asked),
        blue_first=np.array([row.blue_first for row, _ in asked]),
        red=number(REDS.index(row.red) for row, _ in asked),
        red_kind=number(row.red_kind for row, _ in asked),
    )


def add(
    done: dict[str, dict[str, float]], asked: list[tuple[Row, int]], found: dict[str, np.ndarray]
) -> None:
    """Add the episodes of a batch to the sums of their rows."""
    names = ("episodes", *found, "blue_squared")
    for i, (row, _) in enumerate(asked):
        sums = done.setdefault(row.key, dict.fromkeys(names, 0.0))
        sums["episodes"] += 1
        sums["blue_squared"] += float(found["blue"][i] ** 2)
        for name, values in found.items():
            sums[name] += float(values[i])


# ---------------------------------------------------------------- the page


def figure(sums: Mapping[str, float]) -> dict[str, float]:
    """Means of a row, half the 95% interval of blue's, and Wilson's interval of the goal rate."""
    n, z = sums["episodes"], 1.96
    mean, rate = sums["blue"] / n, sums["goals"] / n
    variance = max(sums["blue_squared"] / n - mean**2, 0.0) * n / max(n - 1, 1)
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return {
        "episodes": n,
        "blue": mean,
        "ci95": z * float(np.sqrt(variance / n)),
        "goal_rate": rate,
        "goal_low": max(0.0, float(middle - half)),
        "goal_high": min(1.0, float(middle + half)),
        "other": mean - sums["ownership"] / n,
    }


class Check(NamedTuple):
    """What §7.6 asks of a game."""

    quantity: str  # of QUANTITIES
    value: float
    bound: str
    holds: bool
    detail: str = ""  # which constant player is the best


QUANTITIES = (
    *("idle: goals", "analyst: goals", "analyst: loss", "random: worse by", "isolator: worse by"),
    *("quiet: loss", "random red: goals", "best constant: gap", "best constant red: goals"),
)


def checks(figures: Mapping[str, Any], size: str, preset: str, scenario: str) -> Iterator[Check]:
    """The checks of a game whose rows are there."""
    done: Mapping[str, Mapping[str, float]] = figures["rows"]

    def of(*row: Any, **more: Any) -> dict[str, float] | None:
        sums = done.get(Row(size, preset, scenario, *row, **more).key)
        return None if sums is None else figure(sums)

    idle, analyst = of("constant", "killchain", blue_kind=IDLE), of("analyst", "killchain")
    if idle is None or analyst is None:
        return
    yield _check("idle: goals", idle["goal_rate"], ">=", 0.9)
    rate = analyst["goal_rate"]
    yield _check("analyst: goals", rate, "<=", 0.4)
    if preset == "hard":
        yield _check("analyst: goals", rate, ">=", 0.02)
    loss = -idle["blue"]
    yield _check("analyst: loss", analyst["blue"] / idle["blue"], "<=", 0.5)
    for name, bound in (("random", 0.25), ("isolator", 0.0)):
        if (other := of(name, "killchain")) is not None:
            yield _check(f"{name}: worse by", (analyst["blue"] - other["blue"]) / loss, ">=", bound)
    if (quiet := of("constant", "constant", blue_kind=IDLE, red_kind=int(R.Red.WAIT))) is not None:
        yield _check("quiet: loss", abs(quiet["other"]), "<=", 1e-6)
    if (blind := of("constant", "random", blue_kind=IDLE)) is not None:
        yield _check("random red: goals", blind["goal_rate"], "<=", 0.2)
    game = (size, preset, scenario)
    row = best(figures["screened"], game, "blue")
    if row is not None and row.key in done:
        closed = (figure(done[row.key])["blue"] - idle["blue"]) / (analyst["blue"] - idle["blue"])
        name = f"{_name(B.ROWS, row.blue_kind)}, {TURNS[row.blue_first]}"
        yield _check("best constant: gap", closed, "<=", 0.5, name)
    row = best(figures["screened"], game, "red")
    if row is not None and row.key in done:
        rate = figure(done[row.key])["goal_rate"]
        yield _check("best constant red: goals", rate, "<=", 0.2, _name(R.ROWS, row.red_kind))


def _check(quantity: str, value: float, sign: str, bound: float, detail: str = "") -> Check:
    holds = value >= bound if sign == ">=" else value <= bound
    return Check(quantity, value, f"{'≥' if sign == '>=' else '≤'} {bound:g}", holds, detail)


BOUNDS = (
    "Goals: share of episodes in which red reached its goal. idle: goals ≥ 0.9. analyst: goals ≤ 0.4, "
    "at hard ≥ 0.02; loss ≤ 0.5 of idle's. Losses in excess of analyst's, of idle's loss: random ≥ "
    "0.25, isolator ≥ 0. quiet: idle against idle loses nothing beside ownership. Red at random: goals "
    "≤ 0.2. The best constant defender closes at most 0.5 of the gap between idle and analyst; the best "
    "constant attacker's goals ≤ 0.2. Bold: the bound fails. The best constant players are chosen on "
    "the episodes that they are shown with."
)


def study(figures: Mapping[str, Any]) -> Study:
    done = figures["rows"]
    table, chosen, every = [], [], []
    for name in dict.fromkeys(key.split(":")[0] for key in done):
        size, preset, scenario = game = name.split("/")
        found = list(checks(figures, size, preset, scenario))
        every += found
        cells = {one.quantity: f"{one.value:.3f}" for one in found}
        cells |= {one.quantity: f"**{one.value:.3f}**" for one in found if not one.holds}
        table.append((*reversed(game), *(cells.get(name, "") for name in QUANTITIES)))
        chosen += [
            (*reversed(game), one.quantity, one.detail, f"{one.value:.3f}") for one in found if one.detail
        ]
    listed = [
        (
            key, f"{one['episodes']:.0f}", f"{one['blue']:.2f}", f"±{one['ci95']:.2f}",
            f"{one['goal_rate']:.3f}", f"[{one['goal_low']:.3f}, {one['goal_high']:.3f}]",
        )
        for key, one in ((key, figure(sums)) for key, sums in done.items())
    ]  # fmt: skip
    header = ("game: blue - red", "episodes", "return of blue", "95%", "goal rate", "95%")
    game = ("scenario", "preset", "size")
    held = sum(one.holds for one in every)
    least, most = (int(f(one["episodes"] for one in done.values())) for f in (min, max))
    return Study(
        title="soc: controls",
        figures=figures,
        finding=f"{held} of {len(every)} checks hold, with {least} to {most} episodes of a row.",
        method=(
            "Players that anybody can think of, on the same networks and draws in every row of a game. What "
            "must hold is §7.6 of [the rules](../../docs/worlds/soc-rules.md#76-controls)."
        ),
        sections=[
            Section("Checks", (*game, *QUANTITIES), table, BOUNDS),
            Section("The best constant players", (*game, "of", "player", "value"), chosen),
            Section("All rows", header, listed),
        ],
    )


def begun(folder: Path | None) -> dict[str, Any]:
    """The rows of an earlier run of the same folder."""
    there = folder is not None and (folder / FIGURES).exists()
    figures = read_figures(folder) if folder is not None and there else {}
    return {name: figures.get(name, {}) for name in ("rows", "screened")}


class Work:
    """Plays rows until they have their episodes, and saves the study after each batch."""

    def __init__(self, report: dict[str, Any], batch: int, out: Path | None):
        self.report, self.batch, self.out = report, batch, out
        self.started = time.perf_counter()

    def fill(self, name: str, rows: Sequence[Row], episodes: int, first_seed: int = 0) -> None:
        """Add to ``report[name]`` what the rows lack of so many episodes."""
        done = self.report[name]
        todo: dict[tuple[str, str], list[tuple[Row, int]]] = {}
        for row in dict.fromkeys(rows):
            played = int(done.get(row.key, {}).get("episodes", 0))
            own = todo.setdefault((row.size, row.program), [])
            own += [(row, first_seed + number) for number in range(played, episodes)]
        for (size, program), asked in todo.items():
            if asked:
                self._play(f"{name}, size {size}, {program}", Player(size, program), done, asked)
                jax.clear_caches()

    def _play(self, what: str, player: Player, done: dict[str, Any], asked: list[tuple[Row, int]]) -> None:
        for begin in range(0, len(asked), self.batch):
            batch = asked[begin : begin + self.batch]
            filled = batch + [batch[0]] * (self.batch - len(batch))  # one shape, so one program
            add(done, batch, player.play(lanes(filled)))
            spent = time.perf_counter() - self.started
            played = begin + len(batch)
            print(f"{spent:6.0f} s  {what}: {played} of {len(asked)}", file=sys.stderr, flush=True)
            if self.out:  # after each, so that an interrupted run leaves its figures
                save(self.out, study(self.report))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=500, help="of each row")
    arguments.add_argument("--screen", type=int, default=16, help="episodes of each constant player")
    arguments.add_argument("--groups", nargs="+", default=GROUPS, choices=GROUPS, help="of rows")
    arguments.add_argument("--sizes", nargs="+", default=T.SIZES, choices=T.SIZES)
    arguments.add_argument("--batch", type=int, default=256, help="episodes at a time")
    asked = arguments.parse_args()
    prepare(asked.out)
    report = origin(shlex.join(["python", "studies/soc_controls.py", *sys.argv[1:]])) | begun(asked.out)
    work = Work(report, asked.batch, asked.out)
    if "controls" in asked.groups:
        work.fill("rows", list(controls(asked.sizes)), asked.episodes)
    if "constants" in asked.groups:
        sides = list(itertools.product(games(asked.sizes), ("blue", "red")))
        every = [row for game, side in sides for row in constants(*game, side)]
        work.fill("screened", every, asked.screen, SCREENED_FROM)
        chosen = [best(report["screened"], game, side) for game, side in sides]
        work.fill("rows", [row for row in chosen if row is not None], asked.episodes)
    if "without" in asked.groups:
        work.fill("rows", list(without(asked.sizes)), asked.episodes)
    show(study(report), asked.out)


if __name__ == "__main__":
    main()
