"""``garrison view``: a page, a replay file, and the browser."""

import json
import re
import webbrowser

import pytest
import tyro

from garrison.cli.view import View
from garrison.view import Replay, read, write

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


def test_a_replay_is_verified_by_playing_it_again(tmp_path, capsys):
    file = tmp_path / "one.replay.jsonl.gz"
    assert parse("random", *TOY, "--seed", "5", "--record", str(file)).run() == 0
    assert parse("verify", str(file)).run() == 0
    assert "the same when it is played again" in capsys.readouterr().out
    replay = read(file)
    ticks = list(replay.ticks)
    ticks[3] = ticks[3] | {"reward": 100.0}
    write(file, Replay(replay.header, tuple(ticks), replay.end))  # with hashes that fit
    assert parse("verify", str(file), "--json").run() == 1
    [found] = json.loads(capsys.readouterr().out)
    assert found["problem"] == "tick 3 is another one when it is played again: reward"
    write(file, Replay(replay.header | {"world_version": 0}, replay.ticks, replay.end))
    assert parse("verify", str(file)).run() == 1
    assert "it is of version 0 of toy/network" in capsys.readouterr().out.replace("\n", " ")


def test_the_replays_of_a_directory_are_listed(tmp_path, capsys):
    assert parse("random", *TOY, "--record", str(tmp_path / "one.replay.jsonl.gz")).run() == 0
    (tmp_path / "bad.replay.jsonl.gz").write_bytes(b"no gzip")
    capsys.readouterr()
    assert parse("list", str(tmp_path), "--json").run() == 0
    bad, one = json.loads(capsys.readouterr().out)
    assert "damaged" in bad["problem"]
    assert (one["world"], one["policy"], one["steps"], one["problem"]) == ("toy/network", "random", 6, None)
    assert parse("list", str(tmp_path)).run() == 0
    assert "one.replay.jsonl.gz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("verify",), "name replay files"),
        (("bundle", "one.replay.jsonl.gz"), "name replay files and a new folder"),
        (("bundle", "--out", "site"), "name replay files and a new folder"),
        (("bundle", "nothing.replay.jsonl.gz", "--out", "site"), "nothing.replay.jsonl.gz"),
        (("bundle", "page.html", "--out", "site"), "page.html does not end in .replay.jsonl.gz"),
        (("bundle", *["a/one.replay.jsonl.gz"] * 2, "--out", "site"), "several files are called one"),
        (("random", "--out", "site"), "--out is the folder of `garrison view bundle`"),
        (("verify", "nothing.replay.jsonl.gz"), "is not a file"),
        (("list",), "name one directory"),
        (("list", "nowhere"), "is not a directory"),
        (("list", "."), "has no replays"),
    ],
)
def test_what_cannot_be_verified_or_listed_is_named(names, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        parse(*names).run()


def test_a_bundle_is_a_folder_for_a_web_server(tmp_path, capsys):
    file, folder = tmp_path / "one.replay.jsonl.gz", tmp_path / "site"
    assert parse("random", *TOY, "--record", str(file)).run() == 0
    capsys.readouterr()
    assert parse("bundle", str(file), "--out", str(folder), "--json").run() == 0
    written = {path for path in folder.rglob("*") if path.is_file()}
    assert {str(path) for path in written} == set(json.loads(capsys.readouterr().out)["files"])
    assert (folder / "replays" / file.name).read_bytes() == file.read_bytes()
    [about] = json.loads((folder / "replays.json").read_text())
    assert (about["file"], about["policy"], about["steps"]) == (file.name, "random", 6)
    modules = {path.name: path.read_text() for path in (folder / "ui").glob("*.js")}
    for text in modules.values():  # all that is imported is there
        assert set(re.findall(r'from "\./(.*?)"', text)) <= modules.keys()
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "site"}


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
