"""``manage.py run``: every process in the foreground; Ctrl-C stops them all."""

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import installation
from config.processes import Processes, ProcessFailed, Tls


def stop_on_signals() -> None:
    """Let SIGTERM end the foreground like Ctrl-C does, and SIGINT also where a shell started it with ``&``."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for signum in (signal.SIGTERM, signal.SIGINT):
        # A shell makes its background jobs ignore SIGINT, which they inherit.
        signal.signal(signum, interrupt)


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    """Return the chargers' TLS.

    :raises CommandError: one file lacks the other, or cannot be read
    """
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise CommandError("TLS needs both --tls-cert and --tls-key.")
    for path in filter(None, (certificate, key, client_ca)):
        if not path.is_file():
            raise CommandError(f"{path} is no file.")
    return Tls(certificate=certificate.resolve(), key=key.resolve(), client_ca=client_ca and client_ca.resolve())


class Command(BaseCommand):
    help = "Run web, ocpp, worker, beat (and the Stripe double without STRIPE_API_BASE) until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="wanted port; a taken one moves to the next free one"
        )
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--tls-cert", type=Path, help="PEM chain of the chargers' own port: they connect by wss")
        parser.add_argument("--tls-key", type=Path, help="its private key, PEM")
        parser.add_argument("--client-ca", type=Path, help="PEM of who issues the chargers' certificates (profile 3)")

    def handle(self, *args: object, port: int, host: str, **options: Any) -> None:
        tls = _tls(options["tls_cert"], options["tls_key"], options["client_ca"])
        stop_on_signals()
        installation.prepare()
        try:
            with Processes(env={}) as processes:
                running = installation.start(processes, port=port, host=host, var=settings.BASE_DIR / "var", tls=tls)
                self.stdout.write(f"ready at {running.web_url} (console /admin/, portal /portal/)")
                self.stdout.write(f"chargers connect to {running.web_url.replace('http', 'ws')}/ocpp/<identity>")
                if tls is not None:
                    self.stdout.write(f"chargers with TLS connect to {running.ocpp_url}/<identity>")
                processes.wait()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        except ProcessFailed as error:
            raise CommandError(str(error)) from error
