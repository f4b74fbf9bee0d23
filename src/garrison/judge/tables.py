"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from garrison.judge.format import NONE, few_episodes, interval, mean, median, number
from garrison.judge.resilience_tables import resilience_tables
from garrison.judge.suite_tables import suite_table
from garrison.judge.table_parts import filled, new_table, with_seeds


def tables(figures: dict[str, Any]) -> list[Table]:
    """All tables of an evaluation, of a comparison, of policies against several opponents, or of a suite."""
    if "suite" in figures:
        return [suite_table(figures)]
    if "against" in figures:
        pairs = {name: one["pairs"] for name, one in figures["against"].items() if "pairs" in one}
        titled = [_pair_table(one, f"pairs against {name}") for name, one in pairs.items()]
        harm = [
            table
            for name, one in figures["against"].items()
            for table in resilience_tables(one, f" against {name}")
        ]
        return [_matrix_table(figures), *titled, *harm]
    if "policies" not in figures:
        return [_pair_table(figures["pairs"]), *resilience_tables(figures)]
    first = comparison_tables(figures) if "pairs" in figures else [table(figures)]
    return [*first, behavior_table(figures), *resilience_tables(figures), *_diagnosis_tables(figures)]


def table(figures: dict[str, Any]) -> Table:
    """The figures of :func:`~garrison.judge.summary.summary`; at most 80 columns wide for short names."""
    versus, scored = figures["versus"], figures["score_steps"] < figures["max_steps"]
    policies = figures["policies"]
    names = {name: with_seeds(name, one) for name, one in policies.items()}
    view = new_table(_title(figures), _caption(figures, scored), "policy", names.values())
    columns: dict[str, list[str]] = {
        "return": [mean(one["return"]) for one in policies.values()],
        "sd": [number(one["return"]["sd"]) for one in policies.values()],
    }
    if scored:
        columns["score"] = [number(one["score"]["mean"]) for one in policies.values()]
    if versus is not None:
        leads = [one.get("advantage_of_" + versus) for one in policies.values()]
        columns[f"{versus} minus this"] = [mean(lead, sign="+") if lead else "" for lead in leads]
    columns |= _invalid_column(policies)
    return filled(view, names, columns)


def _matrix_table(figures: dict[str, Any]) -> Table:
    """Mean returns with intervals of each policy, a row, against each opponent, a column."""
    against = figures["against"]
    policies = next(iter(against.values()))["policies"]
    names = {name: with_seeds(name, one) for name, one in policies.items()}
    side = f"{figures['side']} against" if figures.get("side") else "policy"
    caption = _caption({**figures, "policies": policies}, scored=False)
    view = new_table(_title(figures), f"mean return; {caption}", side, names.values())
    columns = {
        opponent: [mean(one["return"]) for one in against[opponent]["policies"].values()]
        for opponent in against
    }
    worst = {
        name: {"invalid_actions": max(a["policies"][name]["invalid_actions"] or 0 for a in against.values())}
        for name in policies
    }
    return filled(view, names, columns | _invalid_column(worst))


def behavior_table(figures: dict[str, Any]) -> Table:
    """Shares of each policy's decisions by kind of action; entropy in nats."""
    profiles = {name: one["behavior"] for name, one in figures["policies"].items()}
    kinds = list(next(iter(profiles.values()))["shares"])
    view = new_table("decisions", "steps of busy agents are left out", "action", kinds)
    for name in profiles:
        view.add_column(name, justify="right")
    for kind in kinds:
        view.add_row(kind, *(f"{one['shares'][kind]['value']:.1%}" for one in profiles.values()))
    view.add_section()
    view.add_row("entropy", *(f"{one['entropy']['value']:.2f}" for one in profiles.values()))
    view.add_row("Hill number", *(f"{one['hill']['value']:.1f}" for one in profiles.values()))
    view.add_row("decisions", *(number(one["decisions"]) for one in profiles.values()))
    if figures.get("versus") is not None:
        view.add_row(f"L1 to {figures['versus']}", *distances(figures))
    return view


def _diagnosis_tables(figures: dict[str, Any]) -> list[Table]:
    """Where each policy loses, means per episode; none where the world does not say."""
    found = {name: one.get("diagnosis") for name, one in figures["policies"].items()}
    found = {name: one for name, one in found.items() if one}
    if not found:
        return []
    first = next(iter(found.values()))
    numbers = list(first["numbers"])
    view = new_table("diagnosis", "means per episode", "of an episode", numbers)
    for name in found:
        view.add_column(name, justify="right")
    for name in numbers:
        cells = (one["numbers"][name] for one in found.values())
        view.add_row(name, *(NONE if cell is None else mean(cell) for cell in cells))
    times = [_times_table(found)] if first.get("times") else []
    return [view, *times, *(_places_table(found, title) for title in first["tables"])]


def times_rows(found: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row per time of the diagnosis and policy: how many there are, how many end, their median and mean."""
    for name in next(iter(found.values()))["times"]:
        for policy, one in found.items():
            times = one["times"][name]
            if times is None:
                yield name, policy, "0", NONE, NONE, NONE
                continue
            ended = f"{times['ended']['value']:.0%}"
            yield name, policy, str(times["count"]), ended, median(times), interval(times["mean"])


TIMES = ("until", "policy", "number", "ended", "median", "mean")
TIMES_NOTE = (
    "Kaplan-Meier, since the episode may end first; mean: none counted beyond the longest; "
    "in brackets: 95% bootstrap interval"
)


def _times_table(found: Mapping[str, dict[str, Any]]) -> Table:
    """Times of which some are censored."""
    rows = list(times_rows(found))
    view = new_table("times", TIMES_NOTE, TIMES[0], [row[0] for row in rows])
    for name in TIMES[1:]:
        view.add_column(name, justify="right")
    for row in rows:
        view.add_row(*row)
    return view


def _places_table(found: Mapping[str, dict[str, Any]], title: str) -> Table:
    """A table of the diagnosis, all columns added up; a row that is 0 for all policies is left out."""
    rows = list(next(iter(found.values()))["tables"][title])
    sums = {row: [sum(one["tables"][title][row].values()) for one in found.values()] for row in rows}
    sums = {row: values for row, values in sums.items() if any(values)}
    view = new_table(title, "means per episode, all causes together", "where", sums)
    return filled(
        view,
        {row: row for row in sums},
        {name: [number(values[i]) for values in sums.values()] for i, name in enumerate(found)},
    )


def distances(figures: dict[str, Any]) -> list[str]:
    """Distance of each policy's behavior to that of the policy that all are compared with."""
    key = "behavior_distance_to_" + figures["versus"]
    return [f"{one[key]['value']:.2f}" if key in one else "" for one in figures["policies"].values()]


def comparison_tables(figures: dict[str, Any]) -> list[Table]:
    """The figures of :func:`~garrison.judge.summary.comparison`: policies, then pairs."""
    policies = figures["policies"]
    names = {name: with_seeds(name, one) for name, one in policies.items()}
    columns = {
        "return": [mean(one["return"]) for one in policies.values()],
        "interquartile mean": [interval(one["interquartile_mean"]) for one in policies.values()],
        "sd": [number(one["return"]["sd"]) for one in policies.values()],
    }
    view = new_table(_title(figures), _caption(figures, scored=False), "policy", names.values())
    return [filled(view, names, columns | _invalid_column(policies)), _pair_table(figures["pairs"])]


def _pair_table(pairs: list[dict[str, Any]], title: str = "pairs") -> Table:
    """The figures of :func:`~garrison.judge.summary.pair`, a row per pair."""
    names = {str(i): f"{pair['first']} − {pair['second']}" for i, pair in enumerate(pairs)}
    columns = {
        "difference": [mean(pair["difference"], sign="+") for pair in pairs],
        "P(better)": [interval(pair["probability_of_improvement"]) for pair in pairs],
        "L1": [interval(pair["behavior_distance"]) for pair in pairs],
    }
    caption = (
        "P(better): the first has the higher return in the same episode; "
        "L1: distance of decision shares, 0 equal, 2 disjoint"
    )
    return filled(new_table(title, caption, "first minus second", names.values()), names, columns)


def _invalid_column(policies: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """A column of invalid actions per episode, only if some policy took any."""
    counts = [one.get("invalid_actions") for one in policies.values()]
    return {"invalid actions": [number(count) for count in counts]} if any(counts) else {}


def _title(figures: dict[str, Any]) -> str:
    last = figures["seed"] + figures["episodes"] - 1
    world = " ".join((figures["world"], *figures["options"]))
    return f"{world}: {figures['episodes']} episodes each (seeds {figures['seed']}-{last})"


def _caption(figures: dict[str, Any], scored: bool) -> str:
    caption = "in brackets: 95% bootstrap interval"
    if any(one["seeds"] > 1 for one in figures["policies"].values()):
        caption += " over episodes and training seeds; ×n: n training seeds"
    if scored:
        caption += f"; score: the first {figures['score_steps']} of {figures['max_steps']} rewards"
    if any(one.get("invalid_actions") for one in figures["policies"].values()):
        caption += "; invalid actions: per episode, outside an agent's action list"
    hint = few_episodes(figures["episodes"])
    return f"{caption}; {hint}" if hint else caption
