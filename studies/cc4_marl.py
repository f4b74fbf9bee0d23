"""The MARL methods of Rigoni et al. 2025 compared on CC4: ``python studies/cc4_marl.py RUNS [METHOD ...]``.

Each of their claims is a prediction (:data:`CLAIMS`) about a difference of methods (:data:`METHODS`), and is
tested. ``RUNS`` is a folder of runs, one per method and training seed: runs that it lacks are trained,
unfinished ones go on. Each is judged once. ``--out results/cc4_marl`` writes the study's folder after each of
them, with what there is so far, and goes on from what is there. A METHOD may be a group (:data:`GROUPS`);
without one, the page is made again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import garrison
from garrison.judge import stats
from garrison.judge.format import mean, number
from garrison.presets import PRESETS
from garrison.runs import curves
from garrison.studies.study import FIGURES, Section, Study, origin, parser, png, read_figures, save, show
from garrison.training.config import Training
from garrison.training.run import Run
from garrison.training.trained import trained

COMMAND = (
    "python studies/cc4_marl.py RUNS METHOD ... --seeds SEED ... --share {share:g} --out results/cc4_marl"
)
EPISODES, SEED = 100, 4_000_000
PICTURE = "learning_curves.png"
RATE, DISCOUNT = 2.5e-4, 0.99  # what the paper chose
RATES, DISCOUNTS = (2.5e-4, 5e-3, 1e-2), (0.6, 0.9, 0.99)  # among these
MARGIN = 0.05  # of IPPO's loss: closer means are equal

PPO_STEPS, REPLAY_STEPS, GRID_STEPS = 1_500_000, 1_000_000, 700_000  # environment steps with --share 1
IPPO = PRESETS["cc4-ippo"].changed(learning_rate=RATE, total_steps=PPO_STEPS)
MAPPO = PRESETS["cc4-mappo"].changed(learning_rate=RATE, total_steps=PPO_STEPS)
QMIX = PRESETS["cc4-qmix"].changed(learning_rate=RATE, total_steps=REPLAY_STEPS)
MADDPG = PRESETS["cc4-maddpg"].changed(learning_rate=RATE, total_steps=REPLAY_STEPS)
PQN = PRESETS["cc4-pqn"].changed(total_steps=REPLAY_STEPS)
_LSTM: dict[str, Any] = {"network": "recurrent", "hidden_sizes": (128,), "cell": "lstm", "cell_size": 128}
#: the phase is a clock, and messages are what others say: neither is new because of what an agent does
_NGU: dict[str, Any] = {"novelty": "ngu", "novelty_ignore": ("phase", "message")}
_GRU: dict[str, Any] = {"network": "recurrent", "hidden_sizes": (64,), "cell": "gru", "cell_size": 64}


def _options(training: Training, **options: Any) -> Training:
    return training.changed(options={**training.options, **options})


def _area(training: Training, team_share: float) -> Training:
    split = _options(training, rewards="area", team_share=team_share)
    return split.changed(normalize_per_agent=True)


def _cell(rate: float, discount: float) -> str:
    return f"IPPO lr {rate:g} γ {discount:g}"


#: settings of each method; the names are the paper's where it has the method
METHODS: dict[str, Training] = {
    "IPPO": IPPO,
    "MAPPO": MAPPO,
    "C_MAPPO": MAPPO.changed(state="compact"),
    "QMIX": QMIX,
    "B_QMIX": QMIX.changed(exploration="boltzmann"),
    "PeR_QMIX": QMIX.changed(priority=0.6),
    "MADDPG": MADDPG,
    "PeR_MADDPG": MADDPG.changed(priority=0.6),
    "PQN": PQN,
    "IPPO action8": _options(IPPO, messages="action8"),
    "IPPO state2": _options(IPPO, messages="state2"),
    "IPPO state8": _options(IPPO, messages="state8"),
    "MAPPO action8": _options(MAPPO, messages="action8"),
    "C_MAPPO action8": _options(MAPPO.changed(state="compact"), messages="action8"),
    "IPPO individual": _area(IPPO, 0.0),
    "IPPO hybrid": _area(IPPO, 0.5),
    "IPPO NGU 0.01": IPPO.changed(**_NGU, novelty_coef=0.01),
    "IPPO NGU 0.1": IPPO.changed(**_NGU, novelty_coef=0.1),
    "R_IPPO": IPPO.changed(**_LSTM),
    "R_MAPPO": MAPPO.changed(**_LSTM),
    "R_QMIX": QMIX.changed(**_GRU),
}
OFF_POLICY = ("QMIX", "B_QMIX", "PeR_QMIX", "MADDPG", "PeR_MADDPG")
RECURRENT = {"R_IPPO": "IPPO", "R_MAPPO": "MAPPO", "R_QMIX": "QMIX"}
_AGAIN = (*RECURRENT, *RECURRENT.values(), *(name for name in METHODS if name.startswith("IPPO ")))
RICH = {f"{name} rich": _options(METHODS[name], observation="rich") for name in dict.fromkeys(_AGAIN)}
GRID = {
    _cell(rate, discount): IPPO.changed(learning_rate=rate, gamma=discount, total_steps=GRID_STEPS)
    for rate in RATES
    for discount in DISCOUNTS
}
GROUPS: dict[str, tuple[str, ...]] = {
    "quick": tuple(name for name in METHODS if name not in RECURRENT),
    "recurrent": tuple(RECURRENT),
    "rich": tuple(RICH),
    "grid": tuple(GRID),
}
ALL = {**METHODS, **RICH, **GRID}


# ------------------------------------------------------------------ what is kept of a run


def judge(run: Run) -> dict[str, Any]:
    """The curve of a run of one training seed, its returns in the test episodes, and what it decides."""
    rows = run.metrics()
    steps, returns = curves.per_seed(rows)
    result = garrison.evaluate(
        run.world(), {"trained": run.policies()}, episodes=EPISODES, seed=SEED, analyze=True
    )
    view, found = next(iter(result.figures["policies"]["trained"]["targets"]["views"].items()))
    return {
        "minutes": sum(row["seconds"] for row in rows) / 60,
        "steps": steps.tolist(),
        "return": returns[:, 0].round(1).tolist(),
        "returns": result.episodes("trained").returns[0].round(1).tolist(),
        "targets": {"view": view, "dependence": found["dependence"]["value"], "shares": found["shares"]},
    }


class Results:
    """What was found so far: methods, each with its training seeds."""

    def __init__(self, methods: Mapping[str, Mapping[str, Any]]):
        self.methods = methods

    def __contains__(self, name: str) -> bool:
        return name in self.methods

    def each(self, name: str, read: Callable[[Mapping[str, Any]], Any]) -> np.ndarray:
        """``f64[seed, ...]``: what ``read`` finds in each training seed."""
        return np.array([read(one) for one in self.methods[name].values()], np.float64)

    def returns(self, name: str) -> np.ndarray:
        """``f64[seed, episode]``."""
        return self.each(name, lambda one: one["returns"])

    def early(self, name: str, part: float) -> np.ndarray:
        """``f64[seed]``: the mean return in the first ``part`` of the training, at least one iteration."""

        def read(one: Mapping[str, Any]) -> float:
            steps = np.array(one["steps"])
            return float(np.mean(np.array(one["return"])[steps <= max(steps[0], part * steps[-1])]))

        return self.each(name, read)

    @property
    def loss(self) -> float:
        """IPPO's mean loss per episode, the unit of differences; NaN before it was run."""
        return -float(self.returns("IPPO").mean()) if "IPPO" in self else math.nan


# ------------------------------------------------------------------ the claims

#: mean, low, high and training seeds of a difference of returns; None where a method was not run
Quantity = Callable[[Results], "tuple[float, float, float, int] | None"]


@dataclass(frozen=True)
class Claim:
    """That a difference lies between ``low`` and ``high``, in parts of IPPO's loss."""

    prediction: str
    words: str
    quantity: Quantity
    low: float = -math.inf
    high: float = math.inf

    def verdict(self, results: Results) -> tuple[str, str, str]:
        """The difference with its 95% interval in percent, the number of training seeds, and the verdict."""
        found = self.quantity(results)
        if found is None or math.isnan(results.loss):
            return "-", "-", "not run"
        value, low, high = (100 * part / results.loss for part in found[:3])
        shown = mean({"mean": value, "low": low, "high": high})
        return shown, str(found[3]), self._word(low / 100, high / 100, found[3])

    def _word(self, low: float, high: float, seeds: int) -> str:
        if seeds < FEWEST:
            return "too few seeds"
        if self.low <= low and high <= self.high:
            return "supported"
        return "refuted" if high < self.low or low > self.high else "undecided"


def at_end(first: str, *second: str) -> Quantity:
    """Final return of ``first`` minus the mean of those of ``second``, which are paired by training seed."""

    def quantity(results: Results) -> tuple[float, float, float, int] | None:
        if not all(name in results for name in (first, *second)):
            return None
        others = [results.returns(name) for name in second]
        fewest = min(len(one) for one in others)
        other = np.mean([one[:fewest] for one in others], axis=0)
        found = stats.paired_difference(results.returns(first), other)
        seeds = min(len(results.returns(first)), fewest)
        return found.mean, _or_nan(found.low), _or_nan(found.high), seeds

    return quantity


def at_start(first: str, second: str, part: float) -> Quantity:
    """Mean training return of ``first`` minus that of ``second`` in the first ``part`` of the training."""

    def quantity(results: Results) -> tuple[float, float, float, int] | None:
        if first not in results or second not in results:
            return None
        both = results.early(first, part), results.early(second, part)
        seeds = min(map(len, both))
        if seeds < 2:
            return float(both[0].mean() - both[1].mean()), math.nan, math.nan, seeds
        found = stats.mean_difference(*both)
        return found.value, found.low, found.high, seeds

    return quantity


def over_best(name: str, others: Sequence[str]) -> Quantity:
    """Final return of ``name`` minus that of the best of ``others``."""

    def quantity(results: Results) -> tuple[float, float, float, int] | None:
        if not all(other in results for other in others):
            return None
        best = max(others, key=lambda other: results.returns(other).mean())
        return at_end(name, best)(results)

    return quantity


def _or_nan(bound: float | None) -> float:
    return math.nan if bound is None else bound


def better(prediction: str, first: str, second: str) -> Claim:
    return Claim(prediction, f"{first} > {second}", at_end(first, second), low=0)


def equal(prediction: str, first: str, second: str) -> Claim:
    return Claim(prediction, f"{first} = {second}", at_end(first, second), low=-MARGIN, high=MARGIN)


def _claims_of_both(kind: str) -> Iterator[Claim]:
    """Those that are tested with the stock observation, ``kind`` "", and again with " rich"."""
    for recurrent, plain in RECURRENT.items():
        words = f"{recurrent}{kind} < {plain}{kind}, by less than 15%"
        yield Claim("P2", words, at_end(recurrent + kind, plain + kind), low=-0.15, high=0)
    base = "IPPO" + kind
    for message in ("action8", "state8"):
        yield equal("P3", f"IPPO {message}{kind}", base)
    yield better("P3", base, f"IPPO state2{kind}")
    for message in ("action8", "state8"):
        name = f"IPPO {message}{kind}"
        yield Claim("P3", f"{name} > {base} in the first fifth", at_start(name, base, 0.2), low=0)
    individual, hybrid, novel = (f"IPPO {what}{kind}" for what in ("individual", "hybrid", "NGU 0.1"))
    for worse in (individual, hybrid, novel):
        yield better("P6", base, worse)
    words = f"{novel} loses less than half of what {hybrid} loses"
    yield Claim("P6", words, at_end(novel, base, hybrid), low=0)


CHOSEN = _cell(RATE, DISCOUNT)
FEWEST = 3  #: training seeds that a verdict needs
CLAIMS = [
    *(better("P1", ppo, other) for ppo in ("IPPO", "MAPPO") for other in OFF_POLICY),
    *_claims_of_both(""),
    better("P4", "B_QMIX", "QMIX"),
    better("P4", "IPPO", "B_QMIX"),
    equal("P4", "PeR_QMIX", "QMIX"),
    equal("P4", "PeR_MADDPG", "MADDPG"),
    equal("P5", "C_MAPPO", "MAPPO"),
    equal("P5", "C_MAPPO action8", "MAPPO action8"),
    equal("P7", "IPPO", "MAPPO"),
    Claim("P7", "MAPPO > IPPO in the first tenth", at_start("MAPPO", "IPPO", 0.1), low=0),
    Claim(
        "P8",
        f"{CHOSEN} is the best of {len(GRID)}",
        over_best(CHOSEN, [name for name in GRID if name != CHOSEN]),
        low=0,
    ),
    *_claims_of_both(" rich"),
]


# ------------------------------------------------------------------ the page


def study(figures: Mapping[str, Any]) -> Study:
    results = Results(figures["methods"])
    verdicts = [(claim, *claim.verdict(results)) for claim in CLAIMS]
    counts = {
        word: sum(one[-1] == word for one in verdicts) for word in ("supported", "refuted", "undecided")
    }
    best = max((name for name in ALL if name in results), key=lambda name: results.returns(name).mean())
    highest = mean(asdict(stats.estimate(results.returns(best))))
    share = figures["share"]
    return Study(
        title="CC4: the MARL methods compared",
        figures=figures,
        finding=(
            f"Of {len(CLAIMS)} claims {counts['supported']} are supported, {counts['refuted']} refuted and "
            f"{counts['undecided']} undecided; {len(CLAIMS) - sum(counts.values())} were not tested. Best of "
            f"{len(figures['methods'])} methods: {best}, {highest}."
        ),
        method=(
            "The claims of Rigoni et al. 2025, *Collaborative reinforcement learning for cyber defense*, "
            "which gives no intervals. Stock observation, every action legal, red `fsm`. A name with `rich`: "
            f"the rich observation instead. Trainings had {share:.0%} of these environment steps: PPO "
            f"{PPO_STEPS:,}, QMIX, MADDPG and PQN {REPLAY_STEPS:,}, the grid of learning rates and discounts "
            f"{GRID_STEPS:,}. The last checkpoint of each, as it plays, in the same {EPISODES} episodes, "
            f"seeds from {SEED:,} on, which served for no choice.\n\n"
            "Differences are in percent of IPPO's loss. At the end: 95% bootstrap intervals over training "
            "seeds and episodes; at the start: Welch's over training seeds. Supported: the interval lies "
            "where the claim says; refuted: none of it does. Equal: within "
            f"±{MARGIN:.0%}. A verdict needs {FEWEST} training seeds."
        ),
        sections=list(_sections(results, verdicts)),
        pictures={PICTURE: _picture(results)},
    )


def _sections(results: Results, verdicts: Sequence[tuple[Claim, str, str, str]]) -> Iterator[Section]:
    yield Section(
        "Claims",
        ("claim", "prediction", "difference, % of IPPO's loss", "training seeds", "verdict"),
        [(claim.words, claim.prediction, *cells) for claim, *cells in verdicts],
    )
    yield Section(
        "Methods",
        ("method", "training seeds", "environment steps", "return", "in the first fifth", "minutes"),
        [
            (
                name,
                str(len(seeds)),
                f"{next(iter(seeds.values()))['steps'][-1]:,}",
                mean(asdict(stats.estimate(results.returns(name)))),
                number(float(results.early(name, 0.2).mean())),
                number(float(results.each(name, lambda one: one["minutes"]).mean())),
            )
            for name in ALL
            if name in results
            for seeds in (results.methods[name],)
        ],
        "Minutes are those of one training, beside other programs.",
    )
    rows = [(name, *_dependence(results, name)) for name in METHODS if name in results]
    yield Section(
        "P9: do decisions depend on what red's state machine holds of the target?",
        ("method", "dependence, bits", "not dependent", "most chosen in RD", "its share, %", "Analyse, %"),
        rows,
        "Mutual information of the kind of action and the state, less that of shuffled targets; mean and "
        "t-interval over training seeds. RD: red has root there, and has discovered hosts from there.",
    )


def _dependence(results: Results, name: str) -> tuple[str, ...]:
    bits = results.each(name, lambda one: one["targets"]["dependence"])
    found = _t_interval(bits)
    shares = {
        kind: float(results.each(name, lambda one, kind=kind: one["targets"]["shares"]["RD"][kind]).mean())
        for kind in next(iter(results.methods[name].values()))["targets"]["shares"]["RD"]
    }
    most = max(shares, key=shares.__getitem__)
    verdict = "too few seeds"
    if len(bits) >= FEWEST:
        verdict = "supported" if found["low"] <= 0 <= found["high"] else "refuted"
    return (
        mean(found),
        verdict,
        most,
        number(100 * shares[most]),
        number(100 * shares["Analyse"]),
    )


def _t_interval(values: np.ndarray) -> dict[str, Any]:
    """Mean and 95% interval of ``f64[seed]``; without bounds for a single seed."""
    from scipy.stats import t

    if len(values) < 2:
        return {"mean": float(values.mean()), "low": None, "high": None}
    reach = float(t.isf(0.025, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return {"mean": float(values.mean()), "low": values.mean() - reach, "high": values.mean() + reach}


PANELS = {
    "algorithms": ("IPPO", "MAPPO", "C_MAPPO", "QMIX", "B_QMIX", "PeR_QMIX", "MADDPG", "PeR_MADDPG", "PQN"),
    "recurrence": ("IPPO", "R_IPPO", "MAPPO", "R_MAPPO", "QMIX", "R_QMIX"),
    "messages": ("IPPO", "IPPO action8", "IPPO state2", "IPPO state8", "MAPPO action8", "C_MAPPO action8"),
    "rewards": ("IPPO", "IPPO individual", "IPPO hybrid", "IPPO NGU 0.01", "IPPO NGU 0.1"),
}


def _picture(results: Results) -> bytes:
    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for index, name in enumerate(names):
            if name not in results:
                continue
            seeds = list(results.methods[name].values())
            steps = np.array(seeds[0]["steps"])
            values = np.array([curves.smooth(np.array(one["return"])) for one in seeds])
            middle, spread = values.mean(axis=0), values.std(axis=0)
            axes.plot(steps, middle, label=name, color=f"C{index}", lw=1)
            axes.fill_between(steps, middle - spread, middle + spread, color=f"C{index}", alpha=0.15, lw=0)
        axes.set(title=title, xlabel="environment steps", ylabel="return in training")
        if axes.lines:
            axes.legend(fontsize="small")
    return png(figure)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", type=Path, help="folder of the runs")
    arguments.add_argument("methods", nargs="*", help="methods or groups, in the order to run them")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="training seeds")
    arguments.add_argument("--share", type=float, default=1.0, help="part of the environment steps")
    asked = arguments.parse_args()
    names = [name for word in asked.methods for name in GROUPS.get(word, (word,))]
    if unknown := [name for name in names if name not in ALL]:
        arguments.error(
            f"no method {', '.join(unknown)}; groups: {', '.join(GROUPS)}; methods: {', '.join(ALL)}"
        )
    known = asked.out is not None and (asked.out / FIGURES).exists()
    figures = read_figures(asked.out) if asked.out is not None and known else {"methods": {}}
    if figures.get("share", asked.share) != asked.share:
        arguments.error(f"{asked.out} holds results of --share {figures['share']:g}; take another folder")
    for seed in asked.seeds:  # outside, so that all methods have one seed before any has two
        for name in names:
            seeds = figures["methods"].get(name, {})
            if str(seed) in seeds:
                continue
            training = ALL[name].changed(seed=seed)
            training = training.changed(total_steps=round(asked.share * training.settings.total_steps))
            folder = "".join(c if c.isalnum() or c in "._" else "-" for c in name)
            found = judge(trained(training, asked.runs / f"{folder}-{seed}"))
            figures = figures | origin(COMMAND.format(share=asked.share)) | {"share": asked.share}
            figures["methods"] = figures["methods"] | {name: seeds | {str(seed): found}}
            figures["settings"] = figures.get("settings", {}) | {name: training.to_json()}
            if asked.out is not None:
                save(asked.out, study(figures))
    if not figures["methods"]:
        arguments.error(f"name methods or groups: {', '.join(GROUPS)}; {', '.join(ALL)}")
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
