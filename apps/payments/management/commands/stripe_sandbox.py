"""``manage.py stripe_sandbox``: the Stripe double in the foreground."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.payments.sandbox import DEFAULT_WEBHOOK_SECRET, LiveKeyRefused, StateFileRefused, serve


class Command(BaseCommand):
    """Serve the Stripe double until SIGTERM or SIGINT."""

    help = "Serve a double of Stripe's API in the foreground (docs/sandbox.md)."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--webhook", default="", metavar="URL", help="where events are delivered")
        parser.add_argument("--secret", default=DEFAULT_WEBHOOK_SECRET, help="the webhooks' signing secret")
        parser.add_argument(
            "--state", metavar="FILE", help="keep the state there, across restarts; else in memory only"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Translate the options and serve."""
        try:
            serve(
                host=options["host"],
                port=options["port"],
                webhook_url=options["webhook"],
                webhook_secret=options["secret"],
                api_key=os.environ.get("STRIPE_SECRET_KEY", ""),
                announce=self._announce,
                state_file=options["state"],
            )
        except (LiveKeyRefused, StateFileRefused, OSError) as refused:
            raise CommandError(str(refused)) from refused

    def _announce(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
