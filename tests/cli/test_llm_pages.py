"""The commands of docs/llm.md and docs/server.md run, on games of few ticks and without a model's server."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace

import pytest
from doc_pages import ROOT

from garrison.cli import commands, common
from garrison.llm.clients import OpenAICompatible, Reply
from garrison.llm.scenarios import SCENARIOS


def written(page: str, start: str) -> list[str]:
    """The commands in the programs of a page."""
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE))
    return [line.partition("#")[0].strip() for line in text.splitlines() if line.startswith(start)]


LLM, SERVE = written("docs/llm.md", "garrison llm"), written("docs/server.md", "garrison serve")
#: A size that the teacher wins, so that its games are exported.
SHORT = replace(SCENARIOS["small"], name="short", ticks=10, threshold=1e9, instructions=5)
#: Longer settings of the page, and short ones.
SHORTER = {"--episodes": "2", "--scenario": "short"}


def shortened(command: str) -> list[str]:
    """The arguments of a command, with a scenario and numbers of games that take seconds."""
    words = shlex.split(command)[1:]
    for option in ("--episodes", "--scenario"):
        if option in words:
            words[words.index(option) + 1] = SHORTER[option]
    verb = words[1]
    if verb in ("play", "eval", "sft", "canaries") and "--scenario" not in words:
        words += ["--scenario", "short"]
    if verb in ("eval", "canaries") and "--episodes" not in words:
        words += ["--episodes", "2"]
    return [*words, "--players", "idle"] if verb == "canaries" else words


def test_the_pages_name_each_verb_and_style_of_play():
    verbs = {shlex.split(command)[2] for command in LLM}
    assert verbs == {"play", "tools", "eval", "sft", "canaries"}
    clients = {words[words.index("--client") + 1] for c in LLM if "--client" in (words := shlex.split(c))}
    assert clients == {"scripted", "human", "openai", "replay"}
    assert len(SERVE) >= 6


@pytest.mark.slow
def test_the_commands_of_the_page_on_games_run_one_after_the_other(capsys, monkeypatch, tmp_path):
    """In their order: a recording that one writes is what a later one plays from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SCENARIOS, "short", SHORT)
    answer = Reply("", ({"tool_name": "end_turn", "params": {"ticks": 5}},), 100, 10)
    monkeypatch.setattr(OpenAICompatible, "complete", lambda self, messages, tools: answer)
    typed = iter(['{"tool_name": "end_turn", "params": {"ticks": 5}}'] * 20)
    monkeypatch.setattr(common.log, "input", lambda prompt: next(typed))
    for command in LLM:
        status = commands.run(shortened(command))
        shown = capsys.readouterr().out
        assert status in ((0, 1) if "canaries" in command else (0,)), command
        assert shown, command
        if "play" in command and "--json" not in command:
            assert "T 10/10" in " ".join(shown.split()), command
    assert (tmp_path / "game.replay.jsonl.gz").is_file()
    assert (tmp_path / "games.jsonl").read_text().count("\n") > 2


@pytest.mark.slow
@pytest.mark.parametrize("command", SERVE)
def test_the_commands_of_the_page_on_the_server_serve(command, tmp_path):
    """Until they are told to end; whether their games are compiled by then is another test."""
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    (tmp_path / "token.txt").write_text("a-token-of-tests-0001\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = shlex.split(command)[1:]
    if "--port" in words:
        words[words.index("--port") + 1] = str(port)
    else:
        words += ["--port", str(port)]
    started = [sys.executable, "-m", "garrison", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        started, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        try:
            assert process.stderr is not None
            assert f":{port}; Ctrl-C stops" in process.stderr.readline()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metadata")
            request.add_header("Authorization", "Bearer a-token-of-tests-0001")
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()
    assert (tmp_path / "results").is_dir() == ("--results" in command)
