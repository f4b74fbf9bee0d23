"""``garrison view``: a page, a replay file, and the browser."""

import json
import webbrowser

import pytest
import tyro

from garrison.cli.view import View
from garrison.view import read

TOY = ("--world", "toy/network", "--options", "steps=6")


def parse(*arguments: str) -> View:
    return tyro.cli(View, args=arguments, config=(tyro.conf.OmitArgPrefixes,))


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Addresses that the browser was given."""
    found = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not found.append(address))
    return found


def test_an_episode_opens_in_the_browser(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path))
    assert parse("random", *TOY).run() == 0
    assert opened == [(tmp_path / "replay.html").as_uri()]
    assert "random: Garrison replay" in (tmp_path / "replay.html").read_text()


def test_files_are_written_without_a_browser(opened, tmp_path, capsys):
    page, file = tmp_path / "page.html", tmp_path / "one.replay.jsonl.gz"
    flags = ("--html", str(page), "--record", str(file), "--json")
    assert parse("random", *TOY, "--seed", "5", *flags).run() == 0
    assert not opened
    found, replay = json.loads(capsys.readouterr().out), read(file)
    assert (found["page"], found["replay"]) == (str(page), str(file))
    assert found["episodes"] == [{"policy": "random", **replay.end}]
    assert (replay.header["seed"], replay.header["options"]) == (5, ["steps=6"])
    again = tmp_path / "again.html"
    assert parse(str(file), str(file), "--html", str(again)).run() == 0
    assert again.read_text().count('class="replay"') == 2


def test_a_file_and_a_policy_stand_side_by_side(tmp_path):
    file, page = tmp_path / "one.replay.jsonl.gz", tmp_path / "page.html"
    assert parse("random", *TOY, "--record", str(file)).run() == 0
    assert parse(str(file), "random", *TOY, "--html", str(page)).run() == 0
    assert page.read_text().count('class="replay"') == 2


def test_without_a_browser_the_page_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path))
    assert parse("random", *TOY).run() == 0
    printed = capsys.readouterr().err
    assert "replay.html" in printed
    assert "open the page by hand" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "two to see side by side, not 0"),
        (("random", "random", "idle"), "two to see side by side, not 3"),
        (("missing.replay.jsonl.gz",), "missing.replay.jsonl.gz"),
        (("random", "--world", "toy/value"), "world 'toy/value' cannot be drawn"),
        (("nobody", *TOY), "nobody is neither a run directory nor a policy"),
        (("random", *TOY, "--record", "replay.json"), "replay.json does not end in .replay.jsonl.gz"),
        (("random", "other", *TOY, "--record", "a.replay.jsonl.gz"), "name one, and no replay file"),
        (("random", *TOY, "--html", "/missing/page.html"), "/missing"),
    ],
)
def test_what_cannot_be_shown_is_named(arguments, message, opened):
    with pytest.raises(SystemExit) as error:
        parse(*arguments).run()
    assert message in str(error.value)
    assert not opened
