"""``garrison completion``: scripts that let shells complete commands, flags and names."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import shlex
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tyro

import garrison
from garrison.cli import completer
from garrison.cli.completer import FILES, RUNS
from garrison.cli.flags import TrainingFlags
from garrison.presets import DESCRIPTIONS, PRESETS
from garrison.presets.leagues import LEAGUES
from garrison.runs import directory

Shell = Literal["bash", "zsh", "fish"]

#: Each runs PROGRAM with the words from the second one to that with the cursor.
_SCRIPTS: dict[Shell, str] = {
    "bash": r"""
_garrison_program=PROGRAM

_garrison() {
  local line current="${COMP_WORDS[COMP_CWORD]}"
  [[ $current == "=" ]] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == @files* ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done < <(printf '%s' "$_garrison_program" | python3 - "${COMP_WORDS[@]:1:COMP_CWORD}")
}

complete -F _garrison garrison
""",
    "zsh": r"""#compdef garrison

_garrison_program=PROGRAM

_garrison() {
  local line files
  local -a found
  while IFS= read -r line; do
    if [[ $line == @files* ]]; then
      files=1
    else
      found+=("${${${line//:/\\:}/$'\t'/:}%:}")
    fi
  done < <(printf '%s' "$_garrison_program" | python3 - "${(@)words[2,CURRENT]}")
  [[ $PREFIX == --*=* ]] && compset -P '*='
  (( $#found )) && _describe garrison found
  [[ -n $files ]] && _files
}

if [[ $funcstack[1] == _garrison ]]; then _garrison "$@"; else compdef _garrison garrison; fi
""",
    "fish": r"""
set -g __garrison_program PROGRAM

function __garrison_candidates
    set -l words (commandline -opc) (commandline -ct)
    set -l start (string match -r -- '^--[^=]*=' $words[-1])
    for line in (printf '%s' "$__garrison_program" | python3 - $words[2..-1])
        if string match -q '@files*' -- $line
            __fish_complete_path (commandline -ct)
        else
            printf '%s\n' "$start$line"
        end
    end
end

complete --command garrison --no-files --arguments '(__garrison_candidates)'
""",
}


@dataclass(frozen=True)
class Completion:
    """Print a script that completes commands, flags and names in a shell.

    bash: garrison completion bash > ~/.local/share/bash-completion/completions/garrison
    zsh:  garrison completion zsh > ~/.zfunc/_garrison, with fpath+=~/.zfunc before compinit in ~/.zshrc
    fish: garrison completion fish > ~/.config/fish/completions/garrison.fish
    """

    shell: tyro.conf.Positional[Shell]
    """Shell that will read the script."""

    def run(self) -> int:
        print(script(self.shell, described()))
        return 0


def script(shell: Shell, command: Mapping[str, Any]) -> str:
    """The completion script for a shell and a described command line."""
    program = f"{inspect.getsource(completer)}\n\nmain({command!r})\n"
    if shell != "fish":
        return _SCRIPTS[shell].replace("PROGRAM", shlex.quote(program))
    escaped = program.replace("\\", r"\\").replace("'", r"\'")
    return _SCRIPTS[shell].replace("PROGRAM", f"'{escaped}'")


def described() -> dict[str, Any]:
    """The command line, as :mod:`garrison.cli.completer` describes commands."""
    from garrison.cli import commands

    hints = typing.get_type_hints(TrainingFlags, include_extras=True)
    hidden = {_flag(name) for name, hint in hints.items() if tyro.conf.Suppress in typing.get_args(hint)}
    return _command(_described_by_tyro(), (), {}, dict(_abouts(commands.Command)), _names(), hidden)


def _described_by_tyro() -> dict[str, Any]:
    """Commands and flags, from the literal in the script that tyro writes for bash.

    The rest of that script is of no use here: it offers flags that are hidden, and no positional arguments.
    """
    from garrison.cli import commands

    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        commands.parse(["--tyro-write-completion", "bash", "-"])
    literal = re.search(r"^COMPLETION_SPEC = (.*)$", printed.getvalue(), flags=re.MULTILINE)
    if literal is None:
        raise SystemExit("garrison: this release of tyro does not describe commands as Garrison expects")
    return ast.literal_eval(literal[1])


def _names() -> dict[str, list[str]]:
    """Values of flags and, by the words of a command, of its positional arguments."""
    from garrison.judge.suites import SUITES
    from garrison.llm.players import PLAYERS, RED_PLAYERS
    from garrison.worlds.cc4.banks import BANKS
    from garrison.worlds.cc4.columns import COLUMNS

    world = garrison.make("cc4", side="both")
    scripted = {
        side: list(dict.fromkeys((*world.native_policies(side), *world.policies(side))))
        for side in world.sides
    }
    policies = [*directory.packaged(), RUNS, *scripted["blue"], FILES]
    defenders = [RUNS, *garrison.make("soc").policies(), FILES]
    worlds, runs = list(garrison.available_worlds()), [RUNS, FILES]
    return {
        "--world": worlds,
        "--side": list(world.sides),
        "--red": scripted["red"],
        "--reds": scripted["red"],
        "--blue": scripted["blue"],
        "--blues": scripted["blue"],
        "--teacher": scripted["blue"],
        "--against": [*scripted["red"], *policies],
        "--policies": policies,
        "--preset": list(PRESETS),
        "--from": runs,
        "--sinks": ["tensorboard", "wandb"],
        "--suite": list(SUITES),
        "--column": list(COLUMNS),
        "--vary": list(BANKS),
        "demo": ["training", "soc"],
        "--tier": ["local", "mock"],
        "--technical": ["measured", "laws"],
        "eval": policies,
        "compare": policies,
        "view": policies,
        "analyze": policies,
        "report": runs,
        "export": [*directory.packaged(), *runs],
        "resume": runs,
        "runs": [FILES],
        "suites": list(SUITES),
        "sweep": list(PRESETS),
        "bench": worlds,
        "completion": list(typing.get_args(Shell)),
        "league train": [*LEAGUES, FILES],
        "league show": [FILES],
        "league payoff": [FILES],
        "league exploit": policies,
        "llm eval": list(PLAYERS | RED_PLAYERS),
        "parity replay": [FILES],
        "range run": defenders,
    }


def _abouts(commands: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The words of each command of a union, and its help."""
    for command in typing.get_args(commands):
        kind, named = typing.get_args(command)
        inner = (*words, named.name)
        yield " ".join(inner), named.description or kind.__doc__
        yield from _abouts(kind, inner)


def _command(
    tyros: Mapping[str, Any],
    words: tuple[str, ...],
    above: Mapping[str, Any],
    abouts: Mapping[str, str],
    names: Mapping[str, list[str]],
    hidden: set[str],
) -> dict[str, Any]:
    flags = {**above, **dict(_flags(tyros["options"], names, hidden))}  # subcommands take them too
    command, last = " ".join(words), words[-1] if words else ""
    return {
        "about": _sentence(abouts.get(command) or DESCRIPTIONS.get(last, "")),
        "flags": flags,
        "values": names.get(command, []),
        "commands": {
            name: _command(one, (*words, name), flags, abouts, names, hidden)
            for name, one in tyros["subcommands"].items()
        },
    }


def _flags(
    options: Sequence[Mapping[str, Any]], names: Mapping[str, list[str]], hidden: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for option in options:
        about = _sentence(option["description"].rpartition(" • ")[2].partition(" (default")[0])
        of_type = {"choice": option.get("choices"), "path": [FILES], "value": []}  # None for the others
        for flag in (flag for flag in option["flags"] if flag not in hidden):
            values = names.get(flag, of_type.get(option["type"]))
            yield flag, {"about": about, "values": values, "many": option.get("nargs") == "*"}


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _sentence(text: str) -> str:
    """The first sentence of a help text, on one line, for a list of candidates."""
    return re.split(r"(?<=[.;:])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".;:")
