"""All commands, and how one of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from garrison.cli import league, league_exploit, llm, llm_compare, llm_export
from garrison.cli import range as range_
from garrison.cli.analyze import Analyze
from garrison.cli.banks import Banks
from garrison.cli.bench import Bench
from garrison.cli.cache import use_compilation_cache
from garrison.cli.common import INTERRUPTED, log, print_in_any_encoding
from garrison.cli.compare import Compare
from garrison.cli.completion import Completion
from garrison.cli.demo import Demo
from garrison.cli.evaluate import Evaluate
from garrison.cli.export import Export
from garrison.cli.info import Info
from garrison.cli.parity.equivalence import Equivalence
from garrison.cli.parity.fuzz import Fuzz
from garrison.cli.parity.overflow import Overflow
from garrison.cli.parity.record import Record
from garrison.cli.parity.replay import Replay
from garrison.cli.parity.train import ParityTrain
from garrison.cli.parity.update import Update
from garrison.cli.presets import Presets
from garrison.cli.report import Report
from garrison.cli.runs import Runs
from garrison.cli.serve import Serve
from garrison.cli.suites import Suites
from garrison.cli.sweep import Sweep
from garrison.cli.train import Resume, Train
from garrison.cli.view import View
from garrison.cli.worlds import Worlds

Parity = (
    Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Record, tyro.conf.subcommand("record")]
    | Annotated[Fuzz, tyro.conf.subcommand("fuzz")]
    | Annotated[Equivalence, tyro.conf.subcommand("equivalence")]
    | Annotated[Overflow, tyro.conf.subcommand("overflow")]
    | Annotated[Update, tyro.conf.subcommand("update")]
    | Annotated[ParityTrain, tyro.conf.subcommand("train")]
)
League = (
    Annotated[league.Train, tyro.conf.subcommand("train")]
    | Annotated[league.Show, tyro.conf.subcommand("show")]
    | Annotated[league.Payoff, tyro.conf.subcommand("payoff")]
    | Annotated[league_exploit.Exploit, tyro.conf.subcommand("exploit")]
    | Annotated[league.Presets, tyro.conf.subcommand("presets")]
)
LanguageModels = (
    Annotated[llm.Play, tyro.conf.subcommand("play")]
    | Annotated[llm.Tools, tyro.conf.subcommand("tools")]
    | Annotated[llm_compare.Eval, tyro.conf.subcommand("eval")]
    | Annotated[llm.Canaries, tyro.conf.subcommand("canaries")]
    | Annotated[llm_export.Sft, tyro.conf.subcommand("sft")]
)
Range = (
    Annotated[range_.Check, tyro.conf.subcommand("check")]
    | Annotated[range_.Run, tyro.conf.subcommand("run")]
)
Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Resume, tyro.conf.subcommand("resume")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Evaluate, tyro.conf.subcommand("eval")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[Analyze, tyro.conf.subcommand("analyze")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[League, tyro.conf.subcommand("league", description="Train both sides against each other.")]
    | Annotated[
        LanguageModels, tyro.conf.subcommand("llm", description="Games with tools, for language models.")
    ]
    | Annotated[
        Range, tyro.conf.subcommand("range", description="Policies of soc in a range of real processes.")
    ]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Parity, tyro.conf.subcommand("parity", description="Compare Garrison with CybORG.")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Presets, tyro.conf.subcommand("presets")]
    | Annotated[Banks, tyro.conf.subcommand("banks")]
    | Annotated[Suites, tyro.conf.subcommand("suites")]
    | Annotated[Worlds, tyro.conf.subcommand("worlds")]
    | Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[Completion, tyro.conf.subcommand("completion")]
)

#: Flags that may be given several times.
_REPEATABLE = {"--grid"}


def run(arguments: Sequence[str]) -> int:
    """Parse the arguments and run the command; returns the exit status."""
    print_in_any_encoding()
    command = parse(arguments)
    use_compilation_cache()
    try:
        return command.run()
    except KeyboardInterrupt:
        log.print("Interrupted.")
        return INTERRUPTED


def parse(arguments: Sequence[str]) -> Any:
    """The command of these arguments, ready to ``run()``. Raises ``SystemExit`` for wrong ones."""
    _check_flags(arguments)
    return tyro.cli(
        Command,
        prog="garrison",
        description="Train, evaluate and compare policies that defend networks. "
        "`garrison --version` prints the version.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
    )


def _check_flags(arguments: Sequence[str]) -> None:
    """Refuse flags that are given twice, of which argparse would silently take the last."""
    flags = [word.partition("=")[0].replace("_", "-") for word in arguments if word.startswith("--")]
    for flag in flags:
        if flags.count(flag) > 1 and flag not in _REPEATABLE:
            raise SystemExit(f"garrison: {flag} is given twice; write all its values behind one {flag}")
