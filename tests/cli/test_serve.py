"""``garrison serve``: what is refused before anything is served."""

import socket

import pytest
import tyro

from garrison.cli.serve import Serve
from garrison.core import extras


def refused(*arguments: str) -> str:
    command = tyro.cli(Serve, args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    with pytest.raises(SystemExit) as error:
        command.run()
    return str(error.value)


def test_a_missing_extra_comes_with_its_remedy(monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "serve", ("there_is_no_such_package",))
    message = refused()
    assert message == (
        "garrison: not installed: there_is_no_such_package; install with: pip install 'garrison[serve]'"
    )


def test_other_machines_need_a_token_or_a_word():
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    assert "give --token-file FILE, or --no-auth" in refused("--host", "0.0.0.0")


@pytest.mark.parametrize(
    "token", ["short", "with a space in the middle", "line\nbreaks-are-not-sent", "ü" * 20]
)
def test_tokens_that_cannot_be_sent_are_refused(tmp_path, token):
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    assert "must hold 16 or more ASCII" in refused("--token-file", str(file))
    assert "No such file" in refused("--token-file", str(tmp_path / "none"))


def test_wrong_names_and_ports_are_named():
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    assert "no scenario 'tiny'" in refused("--scenarios", "tiny")
    assert "no blue player 'gard' (did you mean 'guard'?)" in refused("--compiled", "gard")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} cannot be listened to" in refused("--port", str(port))
