"""Servers on real sockets, each in a thread of its own, and clients of them."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from websockets.sync.client import connect

from garrison.serve.run import Server, listen
from garrison.serve.settings import Settings

BATCH_SIZE = 3  # as in tests/llm, which share the compiled program


@dataclass
class Running:
    """A server that answers."""

    server: Server
    port: int

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, path="/ws", **arguments):
        arguments = {"max_size": 2**24, "proxy": None, "close_timeout": 1} | arguments
        return connect(f"ws://127.0.0.1:{self.port}{path}", **arguments)

    def ask(self, path, data=None, headers=(), method=None):
        """Status and JSON of a request."""
        body = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
        request = urllib.request.Request(self.address + path, body, dict(headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text, status = response.read(), response.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        with contextlib.suppress(ValueError):
            return status, json.loads(text)
        return status, text.decode()


@contextlib.contextmanager
def running(**arguments):
    """A server on a free port of this machine."""
    settings = Settings(**{"port": 0, "compiled": (), "batch_size": BATCH_SIZE} | arguments)
    listening = listen(settings)
    server = Server(settings)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Running(server, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def exchange(socket, kind, data=None):
    """A frame and its answer."""
    socket.send(json.dumps({"type": kind} | ({} if data is None else {"data": data})))
    return json.loads(socket.recv(timeout=120))
