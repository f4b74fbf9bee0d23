"""Imitation of a Docker-compatible Engine API on a unix socket: nothing runs behind it.

Written from the public reference of the API; it was not recorded from an engine. It keeps images, networks
and containers, answers with the status codes of the reference, notes every request, and fails on demand.
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]


class DockerApi:
    """State of the imitated engine.

    Attributes:
        images: reference -> id.
        requests: method and path without version of all requests, in order.
        bodies: of the requests that had one.
        faults: called with method and path before a request; an answer takes the place of the engine's own.
        bends: called with each container as it is made, to have the engine do something else than asked.
    """

    def __init__(self) -> None:
        self.images: dict[str, str] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.containers: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: Callable[[str, str], Answer | None] = lambda method, path: None
        self.bends: Callable[[dict[str, Any]], None] = lambda container: None
        self.number = 0

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        self.requests.append((method, path))
        if body:
            self.bodies.append(body)
        if (fault := self.faults(method, path)) is not None:
            return fault
        for verb, pattern, function in _ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                return function(self, query, body, *match.groups())
        return 404, {"message": "page not found"}

    def _id(self) -> str:
        self.number += 1
        return f"{self.number:064x}"

    def version(self, query: dict, body: dict) -> Answer:
        return 200, {"Version": "25.0.0", "ApiVersion": "1.44"}

    def image(self, query: dict, body: dict, name: str) -> Answer:
        if name not in self.images:
            return 404, {"message": f"No such image: {name}"}
        return 200, {"Id": self.images[name], "RepoDigests": [name]}

    def make_network(self, query: dict, body: dict) -> Answer:
        made = self._id()
        self.networks[made] = {"Id": made, "Containers": {}, **body}
        return 201, {"Id": made, "Warning": ""}

    def list_networks(self, query: dict, body: dict) -> Answer:
        return 200, [one for one in self.networks.values() if _labelled(one, query)]

    def network(self, query: dict, body: dict, key: str) -> Answer:
        return (200, self.networks[key]) if key in self.networks else (404, {"message": "no such network"})

    def link(self, query: dict, body: dict, key: str, verb: str) -> Answer:
        container = self.containers[body["Container"]]
        networks = container["NetworkSettings"]["Networks"]
        networks.pop(self.networks[key]["Name"], None)
        if verb == "connect":
            networks[self.networks[key]["Name"]] = {"NetworkID": key}
        return 200, None

    def remove_network(self, query: dict, body: dict, key: str) -> Answer:
        if key not in self.networks:
            return 404, {"message": "no such network"}
        name = self.networks[key]["Name"]
        if any(name in one["NetworkSettings"]["Networks"] for one in self.containers.values()):
            return 403, {"message": "network has active endpoints"}
        del self.networks[key]
        return 204, None

    def make_container(self, query: dict, body: dict) -> Answer:
        if body["Image"] not in self.images:
            return 404, {"message": "No such image"}
        made, network = self._id(), self.networks[body["HostConfig"]["NetworkMode"]]
        self.containers[made] = {
            "Id": made,
            "Name": f"/{query['name']}",
            "Image": self.images[body["Image"]],
            "Labels": body["Labels"],
            "Config": {key: value for key, value in body.items() if key != "HostConfig"},
            "HostConfig": dict(body["HostConfig"]),
            "State": {"Running": False, "Status": "created"},
            "Mounts": [],
            "NetworkSettings": {"Networks": {network["Name"]: {"NetworkID": network["Id"]}}, "Ports": {}},
            "lines": [],
        }
        self.bends(self.containers[made])
        return 201, {"Id": made, "Warnings": []}

    def list_containers(self, query: dict, body: dict) -> Answer:
        rows = [one for one in self.containers.values() if _labelled(one, query)]
        return 200, [one for one in rows if query.get("all") or one["State"]["Running"]]

    def container(self, query: dict, body: dict, key: str) -> Answer:
        return (
            (200, self.containers[key]) if key in self.containers else (404, {"message": "No such container"})
        )

    def logs(self, query: dict, body: dict, key: str) -> Answer:
        text = "".join(f"{_stamp(at)} {line}\n" for at, line in self.containers[key]["lines"]).encode()
        return 200, bytes((1, 0, 0, 0)) + len(text).to_bytes(4, "big") + text if text else b""

    def start(self, query: dict, body: dict, key: str) -> Answer:
        state = self.containers[key]["State"]
        was, state["Running"] = state["Running"], True
        return (304 if was else 204), None

    def kill(self, query: dict, body: dict, key: str) -> Answer:
        state = self.containers[key]["State"]
        was, state["Running"] = state["Running"], False
        return (204, None) if was else (409, {"message": "container is not running"})

    def remove(self, query: dict, body: dict, key: str) -> Answer:
        return (204, None) if self.containers.pop(key, None) else (404, {"message": "No such container"})


def _labelled(one: dict[str, Any], query: dict[str, str]) -> bool:
    wanted = json.loads(query.get("filters", "{}")).get("label", [])
    labels = one.get("Labels") or {}
    return all(
        name in labels and (not value or labels[name] == value) for name, _, value in map(_split, wanted)
    )


def _split(label: str) -> tuple[str, str, str]:
    return label.partition("=")


def _stamp(at: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(at)))
    return f"{whole}.{int(at % 1 * 1e9):09d}Z"


_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/version", DockerApi.version),
    ("GET", "/images/(.+)/json", DockerApi.image),
    ("POST", "/networks/create", DockerApi.make_network),
    ("GET", "/networks", DockerApi.list_networks),
    ("GET", "/networks/([0-9a-f]+)", DockerApi.network),
    ("POST", "/networks/([0-9a-f]+)/(connect|disconnect)", DockerApi.link),
    ("DELETE", "/networks/([0-9a-f]+)", DockerApi.remove_network),
    ("POST", "/containers/create", DockerApi.make_container),
    ("GET", "/containers/json", DockerApi.list_containers),
    ("GET", "/containers/([0-9a-f]+)/json", DockerApi.container),
    ("GET", "/containers/([0-9a-f]+)/logs", DockerApi.logs),
    ("POST", "/containers/([0-9a-f]+)/start", DockerApi.start),
    ("POST", "/containers/([0-9a-f]+)/kill", DockerApi.kill),
    ("DELETE", "/containers/([0-9a-f]+)", DockerApi.remove),
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: DockerApi

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(re.sub(r"^/v1\.\d+", "", parts.path))
        status, found = self.api.answer(self.command, path, query, body)
        if status == 0:  # hangs up
            return
        data = found if isinstance(found, bytes) else b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _serve

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has hung up


@contextmanager
def serving(path: Path, api: DockerApi) -> Iterator[DockerApi]:
    """Serve on a socket."""
    handler = type("Handler", (_Handler,), {"api": api})
    with _Server(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
