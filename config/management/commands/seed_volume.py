"""``manage.py seed_volume``: a large owner's past, to see how pages do with it."""

import time

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from apps.core.clock import now
from config.demo.volume import FLEET_EMAIL, OWNER_EMAIL, seed_volume
from config.demo.world import PASSWORD
from config.management.commands.seed_demo import refuse_in_production


class Command(BaseCommand):
    help = "Write a new owner with very many stations and sessions, priced and counted, not billed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sessions", type=int, default=1_000_000)
        parser.add_argument("--stations", type=int, default=10_000)
        parser.add_argument("--days", type=int, default=400)

    def handle(self, *args: object, sessions: int, stations: int, days: int, **options: object) -> None:
        refuse_in_production()
        begun = time.monotonic()
        try:
            count = seed_volume(sessions=sessions, stations=stations, days=days, at=now())
        except ValueError as refusal:
            raise CommandError(str(refusal)) from refusal
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"{count} sessions at {stations} stations in {time.monotonic() - begun:.0f} s.")
        self.stdout.write(f"Owner {OWNER_EMAIL}, fleet manager {FLEET_EMAIL}, password {PASSWORD}")
