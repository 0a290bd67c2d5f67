"""``manage.py run``: every process in the foreground; Ctrl-C stops them all."""

import signal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import installation
from config.processes import Processes, ProcessFailed


def stop_on_signals() -> None:
    """Let SIGTERM end the foreground like Ctrl-C does, and SIGINT also where a shell started it with ``&``."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for signum in (signal.SIGTERM, signal.SIGINT):
        # A shell makes its background jobs ignore SIGINT, which they inherit.
        signal.signal(signum, interrupt)


class Command(BaseCommand):
    help = "Run web, ocpp, worker, beat (and the Stripe double without STRIPE_API_BASE) until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="wanted port; a taken one moves to the next free one"
        )
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: object, port: int, host: str, **options: object) -> None:
        stop_on_signals()
        installation.prepare()
        try:
            with Processes(env={}) as processes:
                running = installation.start(processes, port=port, host=host, var=settings.BASE_DIR / "var")
                self.stdout.write(f"ready at {running.web_url} (console /admin/, portal /portal/)")
                self.stdout.write(f"chargers connect to {running.web_url.replace('http', 'ws')}/ocpp/<identity>")
                processes.wait()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        except ProcessFailed as error:
            raise CommandError(str(error)) from error
