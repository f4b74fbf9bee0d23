"""The figures of `garrison bench` as a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from garrison.studies.study import Section, Study

_PICTURE = "speed.png"


def study(figures: Mapping[str, Any]) -> Study:
    """The figures in tables, with a picture where there are several numbers of environments."""
    from garrison.bench import figures as pictures

    hardware, rows = figures["hardware"], figures["rows"]
    drawn = len({row["num_envs"] for row in rows}) > 1
    fastest = max(rows, key=lambda row: row["steps_per_second"]["median"])
    ratio = f", {figures['cyborg']['ratio']['median']:,.0f} times CybORG" if "cyborg" in figures else ""
    return Study(
        title=f"{figures['world']}: speed of {', '.join(dict.fromkeys(row['what'] for row in rows))}",
        figures=figures,
        finding=(
            f"{fastest['steps_per_second']['median']:,.0f} environment steps/s ({fastest['what']}, "
            f"{fastest['num_envs']:,} environments{ratio})."
        ),
        method=(
            f"Processor: {hardware['cpu']}; usable cores: {hardware['cores']}. `env` is the world alone "
            "under random legal actions; observations, masks and rewards are computed and used. `env, "
            "jax.random` is the same with actions drawn by `jax.random` instead of a hash. `rollout` and "
            f"`training` are the learner of `{figures['preset']}`: collecting experience, and a whole "
            f"iteration. Speeds are medians of {figures['repeats']} measurements after a warm-up run. "
            "[docs/speed.md](../../docs/speed.md) explains the columns."
        ),
        sections=list(sections(figures)),
        pictures={_PICTURE: pictures.sweep(rows, figures["world"])} if drawn else {},
    )


def sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    yield _speeds(figures)
    yield _sizes(figures)
    for name, section in (("limits", _limits), ("profile", _profile), ("cyborg", _cyborg), ("warm", _warm)):
        if name in figures:
            yield section(figures[name])


def _speeds(figures: Mapping[str, Any]) -> Section:
    header = (
        "program", "num_envs", "devices", "steps/s", "range, k", "cores", "start", "trace", "compile", "MB"
    )  # fmt: skip
    rows = []
    extra = [figures["jax_random"]] if "jax_random" in figures else []
    for row in [*figures["rows"], *extra]:
        speed, seconds = row["steps_per_second"], row["seconds"]
        rows.append((
            row["what"], f"{row['num_envs']:,}", f"{row['devices']}", f"{speed['median']:,.0f}",
            f"{speed['low'] / 1e3:,.1f}–{speed['high'] / 1e3:,.1f}", f"{row['cores_busy']:.1f}",
            f"{seconds['start']:.1f}", f"{seconds['trace'] + seconds['lower']:.1f}",
            f"{seconds['compile']:.1f}", _mega(row["temporary_bytes"]),
        ))  # fmt: skip
    peaks = ", ".join(f"{name} {_mega(held)} MB" for name, held in figures["peak_bytes"].items())
    note = "with the cache" if figures["cached"] else "without a cache"
    stages = f"Start, trace and compile are seconds, {note} of compiled programs"
    return Section("Speed", header, rows, f"{stages}. Peak memory, compiling included: {peaks}.")


def _sizes(figures: Mapping[str, Any]) -> Section:
    parts = ", ".join(f"{name} {held:,}" for name, held in figures["bytes_by_part"].items())
    rows = [
        (f"bytes of one environment ({parts})", f"{figures['bytes_per_environment']:,}"),
        ("of these, bytes that a step changes", f"{figures['bytes_changed']:,}"),
        ("bytes of the observations and masks of all agents", f"{figures['bytes_seen']:,}"),
        ("equations of the traced step", f"{figures['equations_in_step']:,}"),
    ]
    accessed = [row for row in figures["rows"] if row["what"] == "env" and row["bytes_accessed_per_step"]]
    if accessed:
        last = accessed[-1]
        label = f"bytes accessed per step, by the compiler's count, at {last['num_envs']:,} environments"
        rows.append((label, f"{last['bytes_accessed_per_step']:,.0f}"))
    learners = {row["parameters"] for row in figures["rows"] if row["parameters"]}
    rows += [("parameters of the learner's network", f"{count:,}") for count in sorted(learners)]
    return Section("Size", ("what", "number"), rows)


def _limits(limits: Mapping[str, Any]) -> Section:
    rows = [
        ("memory bandwidth, measured, GB/s", f"{limits['bandwidth'] / 1e9:.1f}"),
        ("bytes of state that a step has to read and write", f"{limits['state_bytes_per_step']:,}"),
        ("steps/s that this bandwidth allows", f"{limits['steps_per_second_by_state']:,.0f}"),
        ("reached", f"{limits['share_of_bandwidth_by_state']:.1%}"),
        ("operations, measured, 10⁹/s", f"{limits['peak_operations'] / 1e9:.1f}"),
    ]
    if "share_of_peak_operations" in limits:
        rows.append(("reached, by the compiler's count", f"{limits['share_of_peak_operations']:.1%}"))
    if "share_of_bandwidth_by_compiler" in limits:
        share = f"{limits['share_of_bandwidth_by_compiler']:.1%}"
        rows.append(("bytes accessed by the compiler's count, as a share of the bandwidth", share))
    note = f"`env` at {limits['num_envs']:,} environments on {limits['devices']} devices."
    return Section("How far from the limit", ("what", "number"), rows, note)


def _profile(profile: list[dict[str, Any]]) -> Section:
    rows = [
        (row["scope"], f"{row['share']:.1%}", f"{row['us_per_step']:.2f}", f"{row['operations']}")
        for row in profile
    ]
    rows.append((
        "all", "100.0%", f"{sum(row['us_per_step'] for row in profile):.2f}",
        f"{sum(row['operations'] for row in profile)}",
    ))  # fmt: skip
    note = (
        "Time within operations on one device, while a profiler watches. A fusion counts to the scope of its "
        "last operation."
    )
    return Section(
        "Where the time goes",
        ("scope", "share", "µs per environment step", "fused operations"),
        rows,
        note,
    )


def _cyborg(figures: Mapping[str, Any]) -> Section:
    rows = [
        (
            f"Garrison, {figures['num_envs']:,} environments on {figures['devices']} devices",
            _spread(figures["steps_per_second"]),
        ),
        ("one process of CybORG", _spread(figures["cyborg_steps_per_second"], 1)),
        ("ratio", _spread(figures["ratio"])),
    ]
    turns = (
        f"{figures['repeats']} turns of {figures['seconds']:g} s each; resets are not counted on either side."
    )
    return Section("Compared with CybORG", ("what", "steps/s: median [range]"), rows, turns)


def _warm(warm: list[dict[str, Any]]) -> Section:
    header = ("program", "num_envs", "process", "start, s", "trace and lower, s", "compile or load, s")
    rows = []
    for one in warm:
        for process, seconds in zip(("first", "second"), one["seconds"], strict=True):
            traced = seconds["trace"] + seconds["lower"]
            cells = (seconds["start"], traced, seconds["compile"])
            rows.append((one["what"], f"{one['num_envs']:,}", process, *(f"{x:.1f}" for x in cells)))
    return Section(
        "With a warm cache",
        header,
        rows,
        "Two processes, one after the other, share a cache that was empty.",
    )


def _spread(spread: dict[str, float], digits: int = 0) -> str:
    median, low, high = (f"{spread[name]:,.{digits}f}" for name in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def _mega(held: int | None) -> str:
    return "unknown" if held is None else f"{held / 1e6:,.0f}" if held >= 1e7 else f"{held / 1e6:.1f}"
