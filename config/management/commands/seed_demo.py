"""``manage.py seed_demo``: the demo's world, idempotent."""

import json

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo.seed import as_json, seed


class Command(BaseCommand):
    help = "Create the demo's owners, stations, tariffs, fleets and logins; run again, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print identities, keys, tokens and logins as JSON")

    def handle(self, *args: object, json: bool, **options: object) -> None:
        refuse_in_production()
        seed()
        world = as_json(web_url=settings.PUBLIC_URL)
        if json:
            self.stdout.write(dump(world))
            return
        for login in world["logins"]:
            self.stdout.write(f"{login['role']:18} {login['email']:28} {login['password']}  {login['url']}")
        for station in world["stations"]:
            self.stdout.write(f"{station['identity']:18} {station['owner']:28} {station['password']}")


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def refuse_in_production() -> None:
    """Refuse where known passwords would be a door.

    :raises CommandError: the settings are production's
    """
    if str(settings.SETTINGS_MODULE).endswith("production"):
        raise CommandError("The demo's passwords are known to everybody: it never runs with production settings.")
