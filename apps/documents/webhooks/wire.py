"""The one door through which a URL that somebody else named is called.

The name is resolved once, every address it has must be public, and the connection goes to one of exactly these
addresses, so that a DNS server that changes its answer gains nothing. TLS is checked against the name. No redirect is
followed, no proxy asked, the answer is cut at 1 MiB, and ten seconds after the beginning the socket is shut down,
whatever the other side is doing.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, IncompleteRead
from queue import Empty, SimpleQueue
from threading import Thread, Timer
from time import monotonic
from typing import Final
from urllib.parse import SplitResult

from apps.documents.domain.addresses import UrlRefused, check_url, is_local, is_public

SECONDS: Final = 10
CONNECT_SECONDS: Final = 4
MOST_BYTES: Final = 1024 * 1024
MOST_ADDRESSES: Final = 3


class NotDelivered(Exception):
    """Nothing came back that could be read; the message says why, for the endpoint's owner.

    address  to which a connection stood, "" = to none
    """

    def __init__(self, message: str, *, address: str = "") -> None:
        super().__init__(message)
        self.address = address


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other side answered: its status, the beginning of its body, and the address it was asked at."""

    status_code: int
    body: bytes
    address: str


@cache
def public_authorities() -> ssl.SSLContext:
    """Return how TLS is checked: the system's authorities, read once, since that takes a while."""
    return ssl.create_default_context()


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the system's order.

    :raises OSError: there are none
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How the world is reached; tests bring a name service, a network and an authority of their own.

    allows           whether a connection may go to an address
    allow_localhost  see ``check_url``
    """

    allow_localhost: bool = False
    resolve: Callable[[str, int], list[str]] = resolve
    allows: Callable[[str], bool] = is_public
    tls: ssl.SSLContext = field(default_factory=public_authorities)
    seconds: float = SECONDS


def post(url: str, *, body: bytes, headers: Mapping[str, str], door: Door) -> Answer:
    """Send a POST and return what came back, whatever its status.

    :raises UrlRefused: the URL, or an address it resolves to, is none that anything is sent to
    :raises NotDelivered: no name, no connection, no TLS, no HTTP, or too slow
    """
    until = monotonic() + door.seconds
    parts = check_url(url, allow_localhost=door.allow_localhost)
    host, port = parts.hostname or "", parts.port or (80 if is_local(parts) else 443)
    addresses = _checked_addresses(parts, host, port, door)
    address, sock = _connect(addresses, port, until=until)
    if not is_local(parts):
        sock = door.tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    with sock, _shut_down_at(sock, until):
        try:
            sock.settimeout(max(until - monotonic(), 0.1))
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            answer = _exchange(sock, parts, body=body, headers=headers, address=address)
            if monotonic() >= until:
                # A socket that was shut down looks like an answer that ended.
                raise TimeoutError
            return answer
        except (OSError, HTTPException, ValueError) as error:
            words = "It took too long" if monotonic() >= until else f"No answer: {_words(error)}"
            raise NotDelivered(f"{words}.", address=address) from error


def _checked_addresses(parts: SplitResult, host: str, port: int, door: Door) -> list[str]:
    addresses = _resolved(host, port, door)
    for address in addresses:
        if is_local(parts):
            # Plain http goes to this machine alone, whatever its hosts file says.
            if address not in ("127.0.0.1", "::1"):
                raise UrlRefused(f"{host} is {address}, which is not this machine.")
        elif not door.allows(address):
            raise UrlRefused(f"{host} is {address}, which is no public address.")
    return addresses[:MOST_ADDRESSES]


def _resolved(host: str, port: int, door: Door) -> list[str]:
    """Resolve in a thread that may be left behind: the system's resolver knows no timeout of ours."""
    box: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def work() -> None:
        try:
            box.put(door.resolve(host, port))
        except (OSError, UnicodeError) as error:
            box.put(error)

    Thread(target=work, daemon=True, name=f"resolve {host}").start()
    try:
        found = box.get(timeout=door.seconds / 2)
    except Empty as error:
        raise NotDelivered(f"The name {host} was not resolved in time.") from error
    if isinstance(found, Exception) or not found:
        raise NotDelivered(f"The name {host} is not known.")
    return found


def _connect(addresses: list[str], port: int, *, until: float) -> tuple[str, socket.socket]:
    """Connect to the first address that answers; numbers alone are handed over, so nothing is resolved again."""
    refusal = "no address"
    for address in addresses:
        left = until - monotonic()
        if left <= 0:
            break
        try:
            return address, socket.create_connection((address, port), timeout=min(left, CONNECT_SECONDS))
        except OSError as error:
            refusal = _words(error)
    raise NotDelivered(f"No connection to {', '.join(addresses)}: {refusal}.")


@contextmanager
def _shut_down_at(sock: socket.socket, until: float) -> Iterator[None]:
    """Shut the socket down at ``until``: a timeout per read lets whoever sends a byte now and then hold on for ever."""

    def shut_down() -> None:
        with suppress(OSError):
            # Of the plain socket: that of TLS would take its state from under the reading thread.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(max(until - monotonic(), 0), shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _exchange(
    stream: socket.socket, parts: SplitResult, *, body: bytes, headers: Mapping[str, str], address: str
) -> Answer:
    connection = HTTPConnection(parts.netloc)
    connection.sock = stream
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", path, body=body, headers={**headers, "Connection": "close"})
    with connection.getresponse() as response:
        answer = Answer(status_code=response.status, body=_read(response.read1), address=address)
        if response.length and len(answer.body) < MOST_BYTES:
            raise IncompleteRead(answer.body[:0], response.length)
        return answer


def _read(read1: Callable[[int], bytes]) -> bytes:
    """Read to the end, or to the most that is read; the connection is closed either way."""
    parts: list[bytes] = []
    length = 0
    while length < MOST_BYTES and (part := read1(min(65_536, MOST_BYTES - length))):
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def _words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:150].rstrip(".")
