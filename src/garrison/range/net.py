"""Sockets of the range: no other module of it has any (standard library only).

Every address is checked here: a process of the tier ``local`` binds and connects within 127.0.0.0/8 alone,
one of ``netns`` within 10.213.0.0/16, and only after :func:`confine` was called inside a namespace.
"""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from garrison.range.limits import MAX_LINE

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
NAMESPACES = ipaddress.ip_network("10.213.0.0/16")
_allowed = LOOPBACK
_ATTEMPTS, _ANSWER = 5, 0.2  #: connections in namespaces, and seconds for each
_IPV4, _OUTGOING, _LARGEST = 0x0800, 4, 65_600  #: of packet(7)
_TIMEOUT = 5.0  #: seconds that a server waits for the next line of a client


class AddressRefused(ValueError):
    """An address outside the range."""


class NotOpen(OSError):
    """A connection that did not come about; ``reach`` is the value of a ``Reach``."""

    def __init__(self, reach: str):
        super().__init__(reach)
        self.reach = reach


def confine(router: bool = False) -> None:
    """Allow addresses of namespaces instead of the loopback's, in this process.

    Args:
        router: whether the process is that of the router, which has a link ``hN`` to each host.

    Raises ``AddressRefused`` in a process that can see the interfaces of the machine.
    """
    global _allowed
    names = [name for _, name in socket.if_nameindex()]
    links = [name for name in names if router and name[:1] == "h" and name[1:].isdigit()]
    foreign = [name for name in names if name not in ("lo", "range", *links)]
    if foreign:
        raise AddressRefused(f"the process sees the interfaces {', '.join(foreign)}: it is in no namespace")
    _allowed = NAMESPACES


def sniffer() -> socket.socket:
    """A raw socket that receives all IPv4 packets of a namespace. Raises ``AddressRefused`` elsewhere."""
    if _allowed is LOOPBACK:
        raise AddressRefused("packets are read in a namespace only")
    return socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4))


def packets(raw: socket.socket) -> Iterator[bytes]:
    """Packets as they enter an interface of the namespace, from the IP header on, for ever."""
    while True:
        data, about = raw.recvfrom(_LARGEST)
        if about[2] != _OUTGOING:  # a packet that is forwarded is seen again as it leaves
            yield data


def check(address: str) -> str:
    """The address. Raises ``AddressRefused`` for one outside the range."""
    try:
        inside = ipaddress.ip_address(address) in _allowed
    except ValueError:
        inside = False
    if not inside:
        raise AddressRefused(f"{address!r} is not an address of the range, {_allowed}")
    return address


class Stream:
    """Lines over a connection."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self._rest = b""

    @property
    def peer(self) -> str:
        """Address of the other end; empty for a local socket."""
        name = self.connection.getpeername()
        return name[0] if isinstance(name, tuple) else ""

    def send(self, line: str) -> None:
        data = line.encode() + b"\n"
        if len(data) > MAX_LINE:
            raise ValueError(f"a line of {len(data)} bytes; at most {MAX_LINE} are allowed")
        self.connection.sendall(data)

    def line(self) -> str:
        """The next line; empty at the end. Raises ``NotOpen`` for one that is too long or does not come."""
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE:
                raise NotOpen("refused")
            try:
                data = self.connection.recv(MAX_LINE)
            except TimeoutError as error:
                raise NotOpen("timeout") from error
            except ConnectionError:
                data = b""
            if not data:
                return ""
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def ask(self, line: str) -> str:
        """Send a line and return the answer."""
        try:
            self.send(line)
        except ConnectionError:
            return ""
        return self.line()

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


Handler = Callable[[Stream], None]


def listen(address: str, port: int) -> socket.socket:
    """A listening socket on an address of the range."""
    check(address)
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(16)
    return server


def listen_local(path: str) -> socket.socket:
    """A listening socket in the file system, which only processes of the machine reach."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(16)
    return server


def claim(number: int) -> socket.socket | None:
    """Take the network 127.``number``.0.0/16 for an episode; None if another one has it."""
    lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        lock.bind((check(f"127.{number}.255.254"), 19_999))
    except OSError:
        lock.close()
        return None
    return lock


def serve(listeners: list[tuple[socket.socket, Handler]], tick: Callable[[], None], seconds: float) -> None:
    """Serve for ever, a thread per connection; calls ``tick`` every so many seconds."""
    selector = selectors.DefaultSelector()
    for server, handler in listeners:
        server.setblocking(False)
        selector.register(server, selectors.EVENT_READ, handler)
    tick()
    while True:
        ready = selector.select(seconds)
        for key, _ in ready:
            server: Any = key.fileobj
            try:
                connection, _ = server.accept()
            except OSError:
                continue
            connection.settimeout(_TIMEOUT)
            threading.Thread(target=_handle, args=(key.data, Stream(connection)), daemon=True).start()
        if not ready:
            tick()


def _handle(handler: Handler, stream: Stream) -> None:
    with stream, suppress(OSError, ValueError):  # of one client: it is gone, or sent nonsense
        handler(stream)


_REACH = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "blocked",
    errno.EACCES: "blocked",
    errno.ETIMEDOUT: "timeout",
}


def connect(address: str, port: int, seconds: float, source: str | None = None) -> Stream:
    """A connection to an address of the range.

    Raises:
        AddressRefused: for any other address, before there is a socket.
        NotOpen: where it does not come about in time.
    """
    for one in (address,) if source is None else (address, source):
        check(one)
    if _allowed is LOOPBACK:
        return _connected(address, port, seconds, source)
    # the kernel answers about one forbidden packet a second, after a burst of five, so it is asked again
    for attempt in range(_ATTEMPTS):
        try:
            return _connected(address, port, min(seconds / _ATTEMPTS, _ANSWER), source)
        except NotOpen as error:
            if error.reach != "timeout" or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("not reached")


def _connected(address: str, port: int, seconds: float, source: str | None) -> Stream:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(max(seconds, 0.001))
    try:
        if source is not None:
            connection.bind((source, 0))
        connection.connect((address, port))
    except TimeoutError as error:
        connection.close()
        raise NotOpen("timeout") from error
    except OSError as error:
        connection.close()
        raise NotOpen(_REACH.get(error.errno or 0, "unreachable")) from error
    connection.settimeout(_TIMEOUT)
    return Stream(connection)


def connect_local(path: str, seconds: float) -> Stream:
    """A connection to a socket in the file system. Raises ``NotOpen`` where it does not come about."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(max(seconds, 0.001))
    try:
        connection.connect(path)
    except TimeoutError as error:
        connection.close()
        raise NotOpen("timeout") from error
    except OSError as error:
        connection.close()
        raise NotOpen("refused") from error
    return Stream(connection)


def ask_http(
    path: str, method: str, target: str, body: bytes | None, seconds: float, most: int
) -> tuple[int, bytes]:
    """One HTTP request over a socket in the file system; returns the status and the answer's body.

    Args:
        path: of the socket.
        seconds: until the whole answer has to be there.
        most: bytes that the answer may have.

    Raises:
        NotOpen: ``refused`` if nobody listens, ``timeout`` after the deadline, ``no answer`` if the other end
            hangs up early, speaks no HTTP, or answers with more bytes.
    """
    from http.client import HTTPConnection, HTTPException  # imported late: supervisors start without it

    over = threading.Event()
    stream = connect_local(path, seconds)
    stream.connection.settimeout(None)

    def give_up() -> None:
        over.set()
        with suppress(OSError):
            stream.connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(seconds, 0.0), give_up)
    timer.daemon = True
    connection = HTTPConnection("engine")
    connection.sock = stream.connection  # an open connection: the client makes none of its own
    try:
        timer.start()
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request(method, target, body=body, headers=headers)
        with connection.getresponse() as answer:
            data = answer.read(most + 1)
            if over.is_set():
                raise NotOpen("timeout")
            if len(data) > most:
                raise NotOpen("no answer")
            return answer.status, data
    except (HTTPException, OSError, ValueError) as error:
        raise NotOpen("timeout" if over.is_set() else "no answer") from error
    finally:
        timer.cancel()
        stream.close()


def relay(one: Stream, other: Stream, watch: Callable[[bytes], None]) -> int:
    """Carry data both ways until an end closes; ``watch`` sees what ``one`` sends. Returns its bytes."""
    pairs, total = {one.connection: other.connection, other.connection: one.connection}, 0
    with selectors.DefaultSelector() as selector:
        for connection in pairs:
            selector.register(connection, selectors.EVENT_READ)
        while True:
            ready = selector.select(_TIMEOUT)
            if not ready:
                return total
            for key, _ in ready:
                end: Any = key.fileobj
                data = end.recv(MAX_LINE)
                if not data:
                    return total
                if end is one.connection:
                    total += len(data)
                    watch(data)
                pairs[end].sendall(data)
