"""The sandbox as a whole: in this process for tests, or in the foreground for a command."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from apps.payments.sandbox.api import Api
from apps.payments.sandbox.control import ControlHere
from apps.payments.sandbox.desk import ControlDesk
from apps.payments.sandbox.http import SandboxServer
from apps.payments.sandbox.keeping import StateFile
from apps.payments.sandbox.state import State
from apps.payments.sandbox.webhooks import Webhooks

DEFAULT_WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105 opens nothing but the sandbox's own events


class Sandbox:
    """A Stripe double on a port of its own.

    ``with Sandbox(webhook_url=…, webhook_secret=…) as sandbox:`` starts it; ``sandbox.url`` is the API base,
    ``sandbox.control`` asks things of it, ``sandbox.api`` answers a request without HTTP.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        webhook_url: str = "",
        webhook_secret: str = DEFAULT_WEBHOOK_SECRET,
        api_key: str = "",
        state_file: str | Path | None = None,
    ) -> None:
        """Bind the port (0 picks a free one); nothing is answered before ``start``.

        api_key: the only test key to accept; any when empty
        state_file: where the state is kept, and taken up when the file is there; without it nothing is written

        :raises LiveKeyRefused: it is a live key
        :raises StateFileRefused: the state file is no state file of this version, or another sandbox's
        :raises OSError: the port is taken, or the state file can not be read or written
        """
        self._webhooks = Webhooks(url=webhook_url, secret=webhook_secret)
        self.state = State(tell=self._webhooks.send)
        self.api = Api(self.state, api_key=api_key)
        desk = ControlDesk(self.api, self._webhooks)
        self._server = SandboxServer((host, port), self.api, desk)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}"
        self.state.base_url = self.url
        try:
            self._state_file = StateFile(Path(state_file), self.api) if state_file is not None else None
        except BaseException:
            self._server.server_close()
            raise
        self.control = ControlHere(desk.answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox-http", daemon=True
        )

    def start(self) -> None:
        """Serve in the background."""
        self._webhooks.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and delivering, and hang up on everybody."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        if self._state_file is not None:
            self._state_file.close()
        self._webhooks.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def serve(
    *,
    host: str,
    port: int,
    webhook_url: str,
    webhook_secret: str,
    api_key: str,
    announce: Callable[[str], object],
    state_file: str | Path | None = None,
) -> None:
    """Serve in the foreground until SIGTERM or SIGINT; ``announce`` gets one line when ready.

    :raises LiveKeyRefused: ``api_key`` is a live key
    :raises StateFileRefused: the state file is no state file of this version, or another sandbox's
    :raises OSError: the port is taken, or the state file can not be read or written
    """
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with Sandbox(
        host=host,
        port=port,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        api_key=api_key,
        state_file=state_file,
    ) as sandbox:
        announce(f"Stripe sandbox ready at {sandbox.url}")
        end.wait()
