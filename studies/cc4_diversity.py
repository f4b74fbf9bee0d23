"""Does training in diverse games help teams elsewhere? ``python studies/cc4_diversity.py RUNS [ARM ...]``.

A training is an arm (:data:`ARMS`), the bank from which its episodes are drawn, in a regime
(:data:`REGIMES`), a learner. ``RUNS`` is a folder of runs, one per regime, arm and training seed: runs that
it lacks are trained, unfinished ones go on. Each is judged in the suites that are asked for
(:data:`SUITES`), by default those that may be opened at any time. ``--out results/cc4_diversity`` writes the
study's folder after each step, with what there is so far, and goes on from what is there. An ARM may be a
group (:data:`GROUPS`); without one, the page is made again.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import garrison
from garrison.judge import stats, suites
from garrison.judge.format import mean, number
from garrison.judge.suites import Suite
from garrison.presets import PRESETS
from garrison.runs import checkpoint, curves
from garrison.studies.study import FIGURES, Section, Study, origin, parser, png, read_figures, save, show
from garrison.training.config import Training
from garrison.training.run import Run
from garrison.training.trained import trained
from garrison.worlds.cc4.given import as_data

COMMAND = (
    "python studies/cc4_diversity.py RUNS ARM ... --regimes {regimes} --seeds SEED ... --suites SUITE ... "
    "--share {share:g} --episodes {episodes} --out results/cc4_diversity"
)
EPISODES, CURVE_EPISODES = 500, 100
PICTURE = "checkpoints.png"
CONTROLS = ("idle", "random", "reactive", "guard")

# ------------------------------------------------------------------ what is trained

#: the banks of each arm; all train against the stock red unless the bank has reds
ARMS: dict[str, tuple[str, ...]] = {
    "C00": (),
    "miss": ("missions",),
    "flat2": ("flat2",),
    "miss_priced": ("miss_priced",),
    "single": ("missions_single",),
    "pbound": ("starts",),
    "cjewel": ("jewels",),
    "topo16": ("topo16",),
    "topo_256": ("topo256",),
    "C11": ("cocktail",),
    "C11-topo": ("cocktail_no_topology",),
    "reds": ("reds",),
}
CURVE = ("C00", "miss", "C11-topo")  #: arms whose checkpoints are judged
FALLING = {f"{arm} falling": arm for arm in CURVE}  #: half of the steps, with a rate that falls to 0
GROUPS: dict[str, tuple[str, ...]] = {
    "core": ("C00", "miss", "flat2", "miss_priced", "C11-topo"),
    "others": tuple(arm for arm in ARMS if arm not in ("C00", "miss", "flat2", "miss_priced", "C11-topo")),
    "falling": tuple(FALLING),
}

#: literal: as published, on the stock observation. strong: the best known recipe, on a quarter of its steps.
REGIMES: dict[str, Training] = {
    "literal": PRESETS["cc4-ippo"].changed(total_steps=10_000_000, keep_every=50),
    "strong": PRESETS["cc4-best"].changed(total_steps=180 * 16 * 499, learning_rate=1.5e-3, keep_every=18),
}


def training_of(regime: str, name: str, seed: int, share: float) -> Training:
    """The training of an arm, or of its variant with a falling rate."""
    base = REGIMES[regime]
    total, keep = share * base.settings.total_steps, max(1, round(share * (base.keep_every or 1)))
    changes: dict[str, Any] = {"vary": ARMS[FALLING.get(name, name)], "seed": seed, "keep_every": keep}
    if name in FALLING:
        changes |= {"anneal_lr": True}
        total /= 2
    return base.changed(**changes, total_steps=round(total))


# ------------------------------------------------------------------ what is judged


#: teams are judged in these; the last of them holds what no choice may depend on
SUITES: dict[str, Suite] = {name: suites.get(name) for name in ("literal", "validation", "heldout")}
OPENED = ("literal", "validation")


def judged(policies: Mapping[str, Any], suite: Suite, episodes: int) -> dict[str, dict[str, Any]]:
    """By policy: in each training seed and episode the suite's mean return, and figures by entry.

    ``returns`` are [seed][episode]; ``means`` and ``restores``, the share of Restores among decisions, are
    by entry.
    """
    found: dict[str, dict[str, Any]] = {
        name: {"returns": 0.0, "means": {}, "restores": {}} for name in policies
    }
    for entry in suite.entries:
        world = as_data(entry.make())  # so that most games are one program
        result = garrison.evaluate(world, policies, episodes=episodes, seed=suite.seed)
        for name, one in found.items():
            returns = result.episodes(name).returns
            one["returns"] = one["returns"] + suite.weights[entry.name] * returns.astype(np.float64)
            one["means"][entry.name] = returns.mean(axis=1).round(2).tolist()
            shares = result.figures["policies"][name]["behavior"]["shares"]
            one["restores"][entry.name] = round(shares["Restore"]["value"], 4)
    for one in found.values():
        one["returns"] = one["returns"].round(1).tolist()
    return found


def _first_seed(found: dict[str, Any]) -> dict[str, Any]:
    """What :func:`judged` gives, of a policy with one training seed."""
    return {
        "returns": found["returns"][0],
        "means": {name: values[0] for name, values in found["means"].items()},
        "restores": found["restores"],
    }


def checkpoints(run: Run, episodes: int) -> dict[str, Any]:
    """The kept checkpoints of a run of one seed: their returns, and the suite literal of two of them.

    Those are the best one by the validation suite, and the one after half of the steps, which with a
    constant learning rate is where a training of half the steps ends.
    """
    names = [name for name in run.checkpoints() if name.startswith("step-")]
    steps = {name: checkpoint.about(run.checkpoint(name))["env_steps"] for name in names}
    policies = {name: run.policies(name) for name in names}
    few = min(episodes, CURVE_EPISODES)
    validation = SUITES["validation"]
    fsm = replace(validation, entries=(suites.get("train").entries[0],))
    curve = {
        label: {name: np.mean(one["returns"]).item() for name, one in judged(policies, suite, few).items()}
        for label, suite in (("fsm", fsm), ("validation", validation))
    }
    half = min(names, key=lambda name: abs(steps[name] - run.training.settings.total_steps / 2))
    best = max(names, key=curve["validation"].__getitem__)
    chosen = judged({name: policies[name] for name in {half, best}}, SUITES["literal"], episodes)
    return {
        "curve": [{"steps": steps[name], **{label: curve[label][name] for label in curve}} for name in names],
        "half": {"steps": steps[half], **_first_seed(chosen[half])},
        "best": {"steps": steps[best], **_first_seed(chosen[best])},
    }


# ------------------------------------------------------------------ what was found


class Results:
    """What was found so far in one regime: arms, each with its training seeds."""

    def __init__(self, arms: Mapping[str, Mapping[str, Any]]):
        self.arms = arms

    def _records(self, arm: str, suite: str) -> dict[str, Any]:
        """By training seed; ``half`` and ``best`` are checkpoints, in the suite literal."""
        arm, _, which = arm.partition("@")
        seeds = self.arms.get(arm, {})
        if which:
            found = {seed: one.get("checkpoints", {}).get(which) for seed, one in seeds.items()}
        else:
            found = {seed: one["suites"].get(suite) for seed, one in seeds.items()}
        return {seed: one for seed, one in found.items() if one is not None}

    def seeds(self, arm: str, suite: str) -> int:
        return len(self._records(arm, suite))

    def returns(self, arm: str, suite: str) -> np.ndarray | None:
        """``f64[seed, episode]``; None where the arm was not judged."""
        records = self._records(arm, suite)
        return np.array([one["returns"] for one in records.values()], np.float64) if records else None

    def by_entry(self, arm: str, suite: str, what: str = "means") -> dict[str, dict[str, float]]:
        """By entry of the suite and training seed."""
        records = self._records(arm, suite)
        return {
            entry.name: {seed: one[what][entry.name] for seed, one in records.items()}
            for entry in SUITES[suite].entries
        }

    def loss(self, suite: str) -> float:
        """C00's mean loss per episode, the unit of differences; NaN before it was judged."""
        returns = self.returns("C00", suite)
        return math.nan if returns is None else -float(returns.mean())


def published_verdict(differences: Sequence[float]) -> tuple[float, float, str]:
    """Mean, standard error and verdict of differences by training seed, as the published protocol has it."""
    values = np.asarray(differences, np.float64)
    value, error = float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
    if value >= 200 and value - error > 0:
        return value, error, "CONFIRMED"
    if value <= 50 or len(set(np.sign(values))) > 1:
        return value, error, "REFUTED"
    return value, error, "INCONCLUSIVE"


# ------------------------------------------------------------------ the claims

FEWEST = 3  #: training seeds that a verdict needs
MARGIN = 0.05  #: of C00's loss: closer means are equal
#: a weighted sum of arms' mean returns
Terms = Mapping[str, float]


def difference(
    results: Results, terms: Terms, suite: str, confidence: float = 0.95
) -> tuple[float, float, float, int] | None:
    """A weighted sum of mean returns with its interval, and the fewest training seeds of a part.

    None where an arm was not judged.
    """
    groups = []
    for arm, weight in terms.items():
        returns = results.returns(arm, suite)
        if returns is None:
            return None
        groups.append((weight, returns))
    found = stats.contrast(groups, confidence=confidence)
    low, high = (math.nan if bound is None else bound for bound in (found.low, found.high))
    return found.value, low, high, min(len(returns) for _, returns in groups)


def minus(first: str, second: str) -> Terms:
    return {first: 1.0, second: -1.0}


@dataclass(frozen=True)
class Claim:
    """That each of several sums of returns is above 0, or, where ``equal``, within the margin."""

    words: str
    parts: tuple[Terms, ...]
    equal: bool = False
    suite: str = "literal"

    def verdict(self, results: Results) -> tuple[str, str, str]:
        """The sums with their intervals in percent of C00's loss, training seeds, and the verdict."""
        confidence = 0.9 if self.equal else 0.95
        found = [difference(results, part, self.suite, confidence) for part in self.parts]
        loss = results.loss(self.suite)
        known = [one for one in found if one is not None]
        if len(known) < len(found) or math.isnan(loss):
            return "-", "-", "not run"
        shown = "; ".join(
            mean(dict(zip(("mean", "low", "high"), (100 * x / loss for x in one[:3]), strict=True)))
            for one in known
        )
        fewest = min(seeds for *_, seeds in known)
        if fewest < FEWEST:
            return shown, str(fewest), "too few seeds"
        words = {self._word(low / loss, high / loss) for _, low, high, _ in known}
        if words == {"supported"}:
            return shown, str(fewest), "supported"
        return shown, str(fewest), "refuted" if "refuted" in words else "undecided"

    def _word(self, low: float, high: float) -> str:
        least, most = (-MARGIN, MARGIN) if self.equal else (0.0, math.inf)
        if least <= low and high <= most:
            return "supported"
        return "refuted" if high < least or low > most else "undecided"


SINGLE_AXES = ("miss", "pbound", "cjewel")
_ADDITIVE: Terms = {"C11-topo": 1.0, "C00": len(SINGLE_AXES) - 1.0} | dict.fromkeys(SINGLE_AXES, -1.0)
CLAIMS = [
    Claim(
        "Diversity of missions helps, and not the price of Restore alone: miss_priced > C00 and miss > flat2",
        (minus("miss_priced", "C00"), minus("miss", "flat2")),
    ),
    Claim(
        "The same against held-out reds",
        (minus("miss_priced", "C00"), minus("miss", "flat2")),
        suite="heldout",
    ),
    Claim("A lower price of Restore helps without diversity: flat2 > C00", (minus("flat2", "C00"),)),
    Claim("miss = single", (minus("miss", "single"),), equal=True),
    Claim("C11 > C00", (minus("C11", "C00"),)),
    Claim("C11-topo > C11", (minus("C11-topo", "C11"),)),
    Claim("C11-topo - C00 is the sum over single axes", (_ADDITIVE,), equal=True),
    Claim("More networks help: topo_256 > topo16", (minus("topo_256", "topo16"),)),
    Claim("C11-topo beats diversity of reds: C11-topo > reds", (minus("C11-topo", "reds"),), suite="heldout"),
    Claim("miss after half of the steps > miss", (minus("miss@half", "miss"),)),
    Claim("miss, best checkpoint by validation > miss", (minus("miss@best", "miss"),)),
    Claim("miss, half of the steps with a falling rate > miss", (minus("miss falling", "miss"),)),
]


def effect(results: Results, arm: str, suite: str) -> str:
    """An arm's difference from C00 in percent of its loss, with a word for it."""
    found, loss = difference(results, minus(arm, "C00"), suite), results.loss(suite)
    if found is None or math.isnan(loss):
        return "-"
    value, low, high, seeds = found
    shown = mean({"mean": 100 * value / loss, "low": 100 * low / loss, "high": 100 * high / loss})
    if seeds < FEWEST:
        return f"{shown} too few seeds"
    if low > 0 or high < 0:
        return f"{shown} {'better' if low > 0 else 'worse'}"
    close = difference(results, minus(arm, "C00"), suite, 0.9)
    assert close is not None  # as above
    within = -MARGIN * loss <= close[1] and close[2] <= MARGIN * loss
    return f"{shown} {'equal' if within else 'undecided'}"


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    regimes = {regime: Results(arms) for regime, arms in figures["regimes"].items()}
    verdicts = [
        (regime, claim, *claim.verdict(results)) for regime, results in regimes.items() for claim in CLAIMS
    ]
    counts = Counter(word for *_, word in verdicts)
    runs = sum(len(seeds) for results in regimes.values() for seeds in results.arms.values())
    first = {regime: next(one[-1] for one in verdicts if one[0] == regime) for regime in regimes}
    return Study(
        title="CC4: training in diverse games",
        figures=figures,
        finding=(
            "Diversity of missions helps, beyond the price of Restore: "
            + "; ".join(f"{word} in the regime {regime}" for regime, word in first.items())
            + f". Of {len(verdicts)} claims {counts['supported']} are supported, {counts['refuted']} refuted "
            f"and {counts['undecided']} undecided; {runs} trainings."
        ),
        method=_method(figures),
        sections=list(_sections(figures, regimes, verdicts)),
        pictures={PICTURE: _picture(regimes)},
    )


def _method(figures: Mapping[str, Any]) -> str:
    episodes, share = figures["episodes"], figures["share"]
    literal, strong = (REGIMES[name].settings.total_steps for name in ("literal", "strong"))
    return (
        "The claim of a published experiment, that a team which trains in diverse games plays better in the "
        "usual one, with more controls. An arm is a training whose episodes are drawn from banks; C00 has "
        f"none. Regime literal: the published learner on the stock observation, {literal:,} steps; strong: "
        f"the recipe of cc4-best, {strong:,} steps; both times {share:g}. `flat2` multiplies the reward "
        "table as the missions do on average, without diversity, and `miss_priced` multiplies the Restore "
        "cost along with it.\n\n"
        f"The last checkpoint of each, as it plays, in {episodes} episodes of each entry of a suite, the "
        "same for all teams. A suite's mean, and its worst entry, leave out games with other missions and "
        "phases; the mean counts families of reds alike. Differences are in percent of C00's loss in that "
        "suite, with 95% bootstrap intervals over training seeds, each arm's by themselves, and episodes. "
        f"Equal: the 90% interval lies within ±{MARGIN:.0%} (two one-sided tests). A verdict needs "
        f"{FEWEST} training seeds. No choice used the suite "
        + " and ".join(name for name in SUITES if name not in OPENED)
        + ". The published protocol pairs trainings by their seed number, which pairs nothing, and is here "
        "to compare with."
    )


def _sections(
    figures: Mapping[str, Any], regimes: Mapping[str, Results], verdicts: Sequence[tuple[Any, ...]]
) -> Iterator[Section]:
    yield Section(
        "Claims",
        ("claim", "regime", "suite", "difference, % of C00's loss", "training seeds", "verdict"),
        [(claim.words, regime, claim.suite, *cells) for regime, claim, *cells in verdicts],
    )
    for regime, results in regimes.items():
        arms = [arm for arm in (*ARMS, *FALLING) if arm in results.arms]
        yield Section(
            f"{regime}: difference from C00, % of its loss",
            ("arm", "banks", "training seeds", *SUITES),
            [
                (
                    arm,
                    " ".join(ARMS[FALLING.get(arm, arm)]),
                    str(len(results.arms[arm])),
                    *(effect(results, arm, suite) for suite in SUITES),
                )
                for arm in arms
                if arm != "C00"
            ],
        )
        yield from _returns(figures["controls"], regime, results, arms)
        yield _protocol(regime, results, arms)
        yield _checkpoints(regime, results)


def _names(suite: str) -> list[str]:
    return [entry.name for entry in SUITES[suite].entries]


def _returns(
    controls: Mapping[str, Any], regime: str, results: Results, arms: Sequence[str]
) -> Iterator[Section]:
    for suite in SUITES:
        rows = [_control_row(name, suite, one[suite]) for name, one in controls.items() if suite in one]
        rows += [_arm_row(results, arm, suite) for arm in arms if results.seeds(arm, suite)]
        if rows:
            header = ("policy", "training seeds", "return", *_names(suite), "worst", "Restores, %")
            yield Section(f"{regime}: returns in the suite {suite}", header, rows)


def _control_row(name: str, suite: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    shares = list(found["restores"].values())
    return (name, "", *_cells(suite, np.array(found["returns"]), found["means"], shares))


def _arm_row(results: Results, arm: str, suite: str) -> tuple[str, ...]:
    returns = results.returns(arm, suite)
    assert returns is not None  # as there are seeds
    means = {name: np.mean(list(one.values())).item() for name, one in results.by_entry(arm, suite).items()}
    shares = [list(one.values()) for one in results.by_entry(arm, suite, "restores").values()]
    return (arm, str(len(returns)), *_cells(suite, returns, means, shares))


def _cells(
    suite: str, returns: np.ndarray, means: Mapping[str, float], restores: Sequence[Any]
) -> tuple[str, ...]:
    worst = min(means[entry.name] for entry in SUITES[suite].entries if entry.family is not None)
    numbers = (*means.values(), worst, 100 * float(np.mean(restores)))
    return (mean(vars(stats.estimate(returns))), *map(number, numbers))


def _protocol(regime: str, results: Results, arms: Sequence[str]) -> Section:
    base = results.by_entry("C00", "literal")
    rows = []
    for arm in arms:
        own = results.by_entry(arm, "literal")
        cells = []
        for entry, seeds in own.items():
            both = [seeds[seed] - base[entry][seed] for seed in seeds if seed in base[entry]]
            cells.append("-" if len(both) < 2 else _verdict_cell(published_verdict(both)))
        if arm != "C00":
            rows.append((arm, str(len(next(iter(own.values())))), *cells))
    return Section(
        f"{regime}: the published protocol",
        ("arm", "training seeds", *_names("literal")),
        rows,
        "Difference of mean returns from C00's training of the same number ± standard error over these; "
        "CONFIRMED from 200 on, REFUTED up to 50 or where signs differ.",
    )


def _verdict_cell(found: tuple[float, float, str]) -> str:
    value, error, word = found
    return f"{value:+.0f} ± {error:.0f} {word}"


def _checkpoints(regime: str, results: Results) -> Section:
    kinds = {"last": "{arm}", "best by validation": "{arm}@best", "half": "{arm}@half",
             "half, falling rate": "{arm} falling"}  # fmt: skip
    rows = []
    for arm in CURVE:
        found = [results.returns(kind.format(arm=arm), "literal") for kind in kinds.values()]
        cells = ["-" if one is None else mean(vars(stats.estimate(one))) for one in found]
        rows.append((arm, *cells))
    return Section(f"{regime}: checkpoints, in the suite literal", ("arm", *kinds), rows)


def _picture(regimes: Mapping[str, Results]) -> bytes:
    """Returns of kept checkpoints against the stock red and in the validation suite."""
    figure = Figure(figsize=(11, 4 * max(1, len(regimes))), layout="constrained")
    panels = figure.subplots(max(1, len(regimes)), 2, squeeze=False)
    for row, (regime, results) in zip(panels, regimes.items(), strict=False):
        for axes, label in zip(row, ("fsm", "validation"), strict=True):
            for index, arm in enumerate(CURVE):
                curves_of = [
                    one["checkpoints"]["curve"]
                    for one in results.arms.get(arm, {}).values()
                    if "checkpoints" in one
                ]
                if not curves_of:
                    continue
                steps = [point["steps"] for point in curves_of[0]]
                values = np.array([[point[label] for point in curve] for curve in curves_of])
                axes.plot(steps, values.T, color=f"C{index}", lw=0.5, alpha=0.4)
                axes.plot(steps, values.mean(axis=0), color=f"C{index}", label=arm)
            axes.set(title=f"{regime}: {label}", xlabel="environment steps", ylabel="return")
            if axes.lines:
                axes.legend(fontsize="small")
    return png(figure)


# ------------------------------------------------------------------ the work


def _record(run: Run) -> dict[str, Any]:
    rows = run.metrics()
    steps, returns = curves.per_seed(rows)
    return {
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 2),
        "steps": int(steps[-1]),
        "training_return": round(float(curves.smooth(returns[:, 0])[-1]), 1),
        "suites": {},
    }


class Work:
    """The study's folder, to which results are added one by one."""

    def __init__(self, asked: argparse.Namespace, figures: dict[str, Any]):
        self.asked, self.figures = asked, figures
        self.started, self.done, self.total = time.monotonic(), 0, 1

    def train_and_judge(self, regime: str, name: str, seed: int) -> None:
        """A run and its figures, as far as they are missing."""
        arms = self.figures["regimes"].setdefault(regime, {})
        record = arms.setdefault(name, {}).get(str(seed))
        curve = name in CURVE and (record is None or "checkpoints" not in record)
        missing = [suite for suite in self.asked.suites if record is None or suite not in record["suites"]]
        if not missing and not curve:
            return
        training = training_of(regime, name, seed, self.asked.share)
        self._say(f"{regime} {name} seed {seed}: training")
        folder = f"{regime}-{name.replace(' ', '-')}-{seed}"
        run = trained(training, self.asked.runs / folder)
        record = arms[name][str(seed)] = record or _record(run)
        self.figures.setdefault("settings", {})[f"{regime} {name}"] = training.to_json()
        for suite in missing:
            self._say(f"{regime} {name} seed {seed}: judging in the suite {suite}")
            found = judged({"trained": run.policies()}, SUITES[suite], self.asked.episodes)
            record["suites"][suite] = _first_seed(found["trained"])
            self.save()
        if curve:
            self._say(f"{regime} {name} seed {seed}: judging its checkpoints")
            record["checkpoints"] = checkpoints(run, self.asked.episodes)
            self.save()

    def judge_controls(self) -> None:
        controls = self.figures["controls"]
        for suite in self.asked.suites:
            if all(suite in controls.get(name, {}) for name in CONTROLS):
                continue
            self._say(f"{', '.join(CONTROLS)}: judging in the suite {suite}")
            policies = {name: garrison.policies("cc4")[name] for name in CONTROLS}
            for name, found in judged(policies, SUITES[suite], self.asked.episodes).items():
                controls.setdefault(name, {})[suite] = _first_seed(found)
            self.save()

    def save(self) -> None:
        asked = self.asked
        settings = {"share": asked.share, "episodes": asked.episodes}
        command = COMMAND.format(regimes=" ".join(asked.regimes), **settings)
        self.figures |= origin(command) | settings
        if asked.out is not None:
            save(asked.out, study(self.figures))

    def _say(self, text: str) -> None:
        spent = time.monotonic() - self.started
        left = (
            f", about {spent / self.done * (self.total - self.done) / 60:.0f} min left" if self.done else ""
        )
        print(f"[{self.done} of {self.total} done{left}] {text}", file=sys.stderr, flush=True)


def _arguments() -> argparse.ArgumentParser:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("arms", nargs="*", help="arms or groups, in the order to run them")
    arguments.add_argument("--regimes", nargs="+", default=["literal"], choices=REGIMES, help="learners")
    arguments.add_argument("--seeds", type=int, nargs="+", default=list(range(10)), help="training seeds")
    arguments.add_argument("--suites", nargs="+", default=OPENED, choices=SUITES, help="suites to judge in")
    arguments.add_argument("--share", type=float, default=1.0, help="part of the environment steps")
    arguments.add_argument("--episodes", type=int, default=EPISODES, help="episodes per entry")
    return arguments


def main() -> None:
    arguments = _arguments()
    asked = arguments.parse_args()
    known = (*ARMS, *FALLING)
    names = [name for word in asked.arms for name in GROUPS.get(word, (word,))]
    if unknown := [name for name in names if name not in known]:
        arguments.error(f"no arm {', '.join(unknown)}; groups: {', '.join(GROUPS)}; arms: {', '.join(known)}")
    if "strong" in asked.regimes and any(name in FALLING for name in names):
        arguments.error("the learning rate of the regime strong falls in all arms; name others")
    figures: dict[str, Any] = {"regimes": {}, "controls": {}}
    if asked.out is not None and (asked.out / FIGURES).exists():
        figures = read_figures(asked.out)
    for what in ("share", "episodes"):
        if figures.get(what, getattr(asked, what)) != getattr(asked, what):
            arguments.error(f"{asked.out} holds results of --{what} {figures[what]:g}; take another folder")
    if not names and not figures["regimes"]:
        arguments.error(f"name arms or groups: {', '.join(GROUPS)}; {', '.join(known)}")
    work = Work(asked, figures)
    # seeds outside, so that all arms have one seed before any has two
    todo = [(regime, name, seed) for seed in asked.seeds for regime in asked.regimes for name in names]
    work.total = len(todo) + 1
    for work.done, one in enumerate(todo):
        work.train_and_judge(*one)
    if names:
        work.done = len(todo)
        work.judge_controls()
    show(study(work.figures), asked.out)


if __name__ == "__main__":
    main()
