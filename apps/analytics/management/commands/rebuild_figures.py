"""``manage.py rebuild_figures``: count what is stale now, or everything anew."""

from django.core.management.base import BaseCommand, CommandParser

from apps.analytics.services.figures import count_all, recount_all
from apps.analytics.services.uptime import sweep_uptime
from apps.core.clock import now


class Command(BaseCommand):
    help = "Bring the figures of Home up to date, whatever bells and sweepers have missed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anew", action="store_true", help="throw all figures away first")

    def handle(self, *args: object, **options: object) -> None:
        count = recount_all() if options["anew"] else count_all()
        days = sweep_uptime(at=now())
        self.stdout.write(f"{count} sessions counted, {days} days of stations said.")
