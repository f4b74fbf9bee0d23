"""Candidates for the next word of a command line, and the scripts that ask for them."""

import re
import shutil
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import tyro

import garrison
from garrison import cli
from garrison.cli import commands, completer, completion
from garrison.cli.completer import FILES
from garrison.presets import PRESETS


@pytest.fixture(scope="module")
def described() -> dict:
    return completion.described()


@pytest.fixture(scope="module")
def scripts(described, tmp_path_factory) -> dict[str, Path]:
    """Files with the scripts by shell."""
    folder = tmp_path_factory.mktemp("scripts")
    paths = {shell: folder / shell for shell in typing.get_args(completion.Shell)}
    for shell, path in paths.items():
        path.write_text(completion.script(shell, described))
    return paths


@pytest.fixture
def somewhere(tmp_path, monkeypatch) -> Path:
    """A working directory with one run and one other folder."""
    (tmp_path / "runs" / "base").mkdir(parents=True)
    (tmp_path / "runs" / "base" / "config.json").touch()
    (tmp_path / "runs" / "notes").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def candidates(described: dict, line: str) -> list[str]:
    """Candidates for the last word of a line, which ends with a space if that word is not begun."""
    words = re.split(" +", line)
    return [line.partition("\t")[0] for line in completer.candidates(described, words)]


def classes(union: typing.Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, type]]:
    """The words of each command with its class."""
    for command in typing.get_args(union):
        kind, named = typing.get_args(command)
        if isinstance(kind, type):
            yield " ".join((*words, named.name)), kind
        else:
            yield from classes(kind, (*words, named.name))


ALL = dict(classes(commands.Command))


def test_all_commands_are_offered(described):
    assert set(candidates(described, "")) == {words.split()[0] for words in ALL}
    assert set(candidates(described, "parity ")) == {
        words.split()[1] for words in ALL if words.startswith("parity ")
    }
    assert all("\t" in line[:-1] for line in completer.candidates(described, [""]))  # each with its help


@pytest.mark.parametrize("words", ["train mlp", "demo", "eval", "parity replay"])
def test_flags_are_those_that_help_shows(described, words, capsys):
    with pytest.raises(SystemExit):
        commands.parse([*words.split(), "--help"])
    printed = capsys.readouterr().out
    shown = re.findall(r"^\W{1,3}(--[a-z][a-z-]+)(?:, (--no-[a-z-]+))?", printed, flags=re.MULTILINE)
    shown = {flag for pair in shown for flag in pair if flag} | {"--help"}
    assert len(shown) > 5
    assert set(candidates(described, f"{words} --")) == shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ev", ["eval"]),
        ("train cc4-ippo-", ["cc4-ippo-1024", "cc4-ippo-bigbatch"]),
        ("train mlp --world toy/n", ["toy/network"]),
        ("train mlp --world=toy/n", ["toy/network"]),
        ("train mlp --world = toy/n", ["toy/network"]),  # as bash splits it
        ("train mlp --seed 3 --world toy/n", ["toy/network"]),
        ("train mlp --hidden-sizes 8 8 --world toy/n", ["toy/network"]),
        ("train mlp --hidden_s", []),
        ("eval --which ", ["latest", "best"]),
        ("eval --which best gua", ["guard", FILES]),
        ("eval guard --greedy be", ["best", FILES]),
        ("eval guard --against gu fs", ["fsm", FILES]),
        ("bench --what env roll", ["rollout"]),
        ("bench toy/n", ["toy/network"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("eval --episodes ", []),
        ("demo --out x", [FILES]),
        ("train mlp --algorithm", []),  # hidden: presets decide it
        ("conquer --wor", []),
    ],
)
def test_candidates(described, line, expected):
    assert candidates(described, line) == expected


def test_names_are_those_of_the_registries(described):
    assert candidates(described, "train mlp --world ") == list(garrison.available_worlds())
    assert candidates(described, "train ") == sorted(PRESETS)
    world = garrison.make("cc4")
    assert set(world.policies()) <= set(candidates(described, "eval "))
    for red in candidates(described, "eval --red "):
        garrison.make("cc4", red=red)


def test_run_directories_are_offered(described, somewhere):
    assert candidates(described, "resume ") == ["runs/base", FILES]
    assert candidates(described, "eval guard runs/b") == ["runs/base", FILES]
    assert candidates(described, "train mlp --from ") == ["runs/base", FILES]


def test_positional_arguments_have_candidates(described):
    """tyro does not describe them, so that a new one has to be added by hand."""
    found = []
    for words, kind in ALL.items():
        hints = typing.get_type_hints(kind, include_extras=True)
        if any(tyro.conf.Positional in typing.get_args(hint) for hint in hints.values()):
            found += [(words, candidates(described, f"{words} "))]
    assert len(found) > 8
    assert [words for words, offered in found if not offered] == []


def test_it_prints_the_script(scripts, capsys):
    assert cli.main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == scripts["bash"].read_text() + "\n"


@pytest.mark.parametrize("shell", typing.get_args(completion.Shell))
def test_scripts_are_whole(scripts, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", str(scripts[shell])], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(r"""'"'"'|\\'""", "'", scripts[shell].read_text())  # without the shell's quoting
    assert [words for words in ALL if f"'{words.split()[-1]}'" not in text] == []


def by_bash(script: Path, *words: str) -> list[str]:
    """What bash completes the last word to."""
    program = (
        'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _garrison; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program, str(script), *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(scripts, somewhere):
    assert by_bash(scripts["bash"], "garrison", "ev") == ["eval"]
    assert by_bash(scripts["bash"], "garrison", "train", "ml") == ["mlp"]
    assert by_bash(scripts["bash"], "garrison", "train", "mlp", "--world", "=", "toy/n") == ["toy/network"]
    assert by_bash(scripts["bash"], "garrison", "eval", "guard", "runs/n") == ["runs/notes"]
    assert by_bash(scripts["bash"], "garrison", "eval", "--nothing") == []
    assert set(by_bash(scripts["bash"], "garrison", "eval", "")) > {"best", "guard", "runs", "runs/base"}


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("garrison ev", ["eval"]),
        ("garrison train mlp --world=toy/n", ["--world=toy/network"]),
        ("garrison eval guard runs/n", ["runs/notes/"]),
    ],
)
def test_fish_completes(scripts, somewhere, line, expected):
    program = f"source {scripts['fish']}; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == expected
