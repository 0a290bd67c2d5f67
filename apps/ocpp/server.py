"""What uvicorn lacks at the door: the peer and its client certificate in the scope, and an end to who only dawdles.

Named on uvicorn's command line (``--http``, ``--ws``; config/processes.py). Every connection begins as HTTP, so its
limits are set there; a websocket takes the connection over once its handshake has been read.
"""

import asyncio
import socket
from typing import Any, Final

from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

HEAD_SECONDS = 20.0
"""How long a request's head may take, from the first byte; on a new connection, from its beginning."""
MAX_HEAD_BYTES: Final = 65_536
UNREAD_MS = 30_000
"""How long a peer may leave unread what it was sent: then the kernel ends the connection (TCP_USER_TIMEOUT)."""
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class DoorProtocol(HttpToolsProtocol):
    """HTTP whose heads end in time and within bounds; uvicorn waits for ever and keeps whatever it is sent."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Neither uvicorn nor the event loop ends a connection whose peer reads nothing and keeps it open.
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._end_head()
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _end_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class StationProtocol(WebSocketsSansIOProtocol):
    """A websocket that tells its application who is at the other end.

    ``extensions.peer``  ``address`` and ``is_encrypted`` of the TCP connection itself, whatever headers say
    ``extensions.tls``   ``client_cert_name``: the verified certificate's subject (RFC 4514), as ASGI's TLS extension
    """

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not hasattr(self, "scope"):
            return  # The handshake was refused.
        # The application's task has been made and has not yet run.
        extensions: dict[str, Any] = self.scope["extensions"]  # type: ignore[assignment]
        extensions["peer"] = {"address": self.client[0] if self.client else "", "is_encrypted": self.scheme == "wss"}
        extensions["tls"] = {"client_cert_name": _subject(self.transport)}

    def shutdown(self) -> None:
        if self.handshake_complete and self.conn.state is not State.OPEN:
            # The station's own closing is under way; uvicorn would close it a second time, which is an error.
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1012})
            self.transport.close()
        else:
            super().shutdown()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:
            # A frame came before the handshake was answered; uvicorn takes it for a fault of its own.
            self.transport.abort()
        else:
            super().handle_parser_exception()


def _subject(transport: asyncio.Transport) -> str | None:
    """Return the subject of the client's certificate; None without one that was verified."""
    if not transport.get_extra_info("peercert"):
        return None
    der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()
