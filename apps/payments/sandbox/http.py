"""The wire: HTTP/1.1 with keep-alive on the standard library's threading server.

Three kinds of path: the API (``/v1/``), the customers' pages (``/c/``) and the control URL (``/_control/``).
"""

import contextlib
import ipaddress
import json
import logging
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from apps.payments.sandbox import pages
from apps.payments.sandbox.api import Api, Request
from apps.payments.sandbox.checks import API_VERSION
from apps.payments.sandbox.control import PREFIX as CONTROL
from apps.payments.sandbox.desk import ControlDesk

logger = logging.getLogger(__name__)
LARGEST_BODY = 1 << 20
IDLE_SECONDS = 60


class SandboxServer(ThreadingHTTPServer):
    """A server that can also hang up on everybody when it stops."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, desk: ControlDesk) -> None:
        self.api = api
        self.desk = desk
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without the reverse lookup that the standard server does."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that is done."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Cut the connections that clients keep alive, so that none is answered after the end."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a bug; a client that went away is none."""
        logger.exception("sandbox: a request broke")


class Handler(BaseHTTPRequestHandler):
    """One connection; one request after the other."""

    server: SandboxServer
    protocol_version = "HTTP/1.1"
    server_version = "WattledgerSandbox"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._serve()

    def _serve(self) -> None:
        # A client that hangs up while it is being answered (its timeout, a test's end) is an ordinary outcome.
        try:
            self._answer()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send_text(413, "this body is too large, or of unknown length")
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        target = urlsplit(self.path)
        text = body if self.command in ("POST", "DELETE") else target.query
        if target.path.startswith(CONTROL):
            self._answer_control(target.path, text)
        elif target.path.startswith(pages.PREFIX):
            self._answer_page(target.path, text)
        else:
            self._answer_api(target.path, text)

    def _answer_api(self, path: str, text: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        log, answer = self.server.api.answer(Request(method=self.command, path=path, headers=headers, form=text))
        if answer.is_dropped:
            self.close_connection = True
            _cut(self.connection)
            return
        extra = {"Request-Id": log.id, "Stripe-Version": API_VERSION}
        if log.idempotency_key and self.command == "POST":
            extra["Idempotency-Key"] = log.idempotency_key
        if answer.is_replayed:
            extra["Idempotent-Replayed"] = "true"
        self._send_json(answer.status, answer.body, extra)

    def _answer_page(self, path: str, text: str) -> None:
        answer = pages.answer(self.server.api.state, self.command, path, text)
        extra = {"Location": answer.location} if answer.location else {}
        self._send(answer.status, "text/html; charset=utf-8", answer.html.encode(), extra)

    def _answer_control(self, path: str, text: str) -> None:
        if not ipaddress.ip_address(self.client_address[0]).is_loopback:
            self._send_json(403, {"error": "the control URL answers loopback only"}, {})
            return
        status, body = self.server.desk.answer(self.command, path, text)
        self._send_json(status, body, {})

    def _send_json(self, status: int, body: Any, extra: dict[str, str]) -> None:
        self._send(status, "application/json", json.dumps(body, indent=2).encode(), extra)

    def _send_text(self, status: int, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode(), {})

    def _send(self, status: int, kind: str, body: bytes, extra: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Log requests at debug level; never a body."""
        logger.debug(format, *args)


def _cut(connection: socket.socket) -> None:
    # Already gone is as good as cut.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
