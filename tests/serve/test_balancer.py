"""Two servers behind the balancer that docs/server.md sets up: sessions stay where they began."""

import contextlib
import http.cookiejar
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from doc_pages import ROOT
from servers import Running, exchange, running
from websockets.sync.client import connect

CADDY = shutil.which("caddy")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CADDY is None, reason="caddy is not on the path"),
]


@pytest.fixture
def balanced(tmp_path):
    """The port of a balancer, and the two servers behind it."""
    page = (ROOT / "docs/server.md").read_text(encoding="utf-8")
    [setup] = re.findall(r"^```caddyfile\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    with running() as first, running() as second, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        for asked, given in (("8000", port), ("8001", first.port), ("8002", second.port)):
            assert f"localhost:{asked}" in setup
            setup = setup.replace(f"localhost:{asked}", f"localhost:{given}")
        file = tmp_path / "Caddyfile"
        file.write_text(f"{{\n\tadmin off\n}}\n{setup}")
        command = [CADDY, "run", "--config", str(file), "--adapter", "caddyfile"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _wait(f"http://localhost:{port}/health")
            yield port, (first, second)
        finally:
            process.terminate()
            process.wait(20)


def _wait(address):
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)


def sessions(servers):
    return [len(one.server.app.state.sessions) for one in servers]


def test_sockets_are_spread_and_stay_where_they_began(balanced):
    port, servers = balanced
    with contextlib.ExitStack() as stack:
        address = f"ws://localhost:{port}/ws"
        sockets = [stack.enter_context(connect(address, proxy=None)) for _ in range(20)]
        for _ in range(3):
            for one in sockets:
                assert exchange(one, "state")["data"] == {"episode_id": None, "step_count": 0}
        found = sessions(servers)
    assert sum(found) == 20
    assert min(found) > 0


def test_requests_with_cookies_find_their_session(balanced):
    port, servers = balanced
    names = []
    for _ in range(10):
        client = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(_OnLocalhost()))
        )
        with client.open(
            urllib.request.Request(f"http://localhost:{port}/api/sessions", method="POST")
        ) as one:
            names.append(json.load(one)["session_id"])
        for _ in range(4):
            asked = urllib.request.Request(f"http://localhost:{port}/state", headers={"X-Session": names[-1]})
            with client.open(asked) as answer:
                assert json.load(answer)["step_count"] == 0
    assert min(sessions(servers)) > 0
    # A client without cookies may be sent to the other server.
    here, host = Running(servers[0].server, port), {"Host": f"localhost:{port}"}
    found = {here.ask("/state", headers=host | {"X-Session": name})[0] for name in names}
    assert found <= {200, 404}
    assert 404 in found


class _OnLocalhost(http.cookiejar.DefaultCookiePolicy):
    """Cookies of a host without a dot."""

    def return_ok_domain(self, cookie, request):
        return True
