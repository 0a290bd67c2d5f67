"""``manage.py demo``: the whole, kept running to play with; ``--once`` tells one story and exits."""

import json
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import audit
from config import installation
from config.demo import driver_story, fleet_story
from config.demo.seed import as_json, seed, station_key
from config.demo.telling import GOOD_CARD, StoryBroken
from config.demo.visitor import PageRefused
from config.demo.world import OWNERS
from config.management.commands.run import stop_on_signals
from config.management.commands.seed_demo import refuse_in_production
from config.processes import Processes, ProcessFailed, manage_command


class Command(BaseCommand):
    help = "Start everything with demo data. --once: tell one story from plug to paid invoice, print it, exit 0."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="tell the story once and exit")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: object, once: bool, port: int, **options: object) -> None:
        refuse_in_production()
        stop_on_signals()
        root = Path(settings.BASE_DIR)
        try:
            self.say("preparing database and static files")
            installation.prepare()
            seed()
            with Processes(env={}, log_dir=root / "var" / "log") as processes:
                running = installation.start(processes, port=port, var=root / "var", beat=not once)
                self.say(f"ready at {running.web_url}")
                if once:
                    self.tell_once(running, root)
                else:
                    self.keep_running(processes, running)
        except KeyboardInterrupt:
            self.say("stopped")
        except (ProcessFailed, StoryBroken, PageRefused) as error:
            raise CommandError(str(error)) from error

    def tell_once(self, running: installation.Installation, root: Path) -> None:
        contract = fleet_story.tell(self.say, running=running, root=root)
        adhoc = driver_story.tell(self.say, running=running, root=root)
        violations = [f"{v.invariant} {v.subject}: {v.problem}" for v in audit.find_violations()]
        for violation in violations:
            self.say(violation)
        self.say(f"audit: {len(audit.invariants())} invariants checked, {len(violations)} violations")
        verdict = "clean" if not violations else "violations"
        self.stdout.write(json.dumps({"contract": contract, "adhoc": adhoc, "audit": verdict}, ensure_ascii=False))
        if violations:
            sys.exit(1)

    def keep_running(self, processes: Processes, running: installation.Installation) -> None:
        for station in (station for owner in OWNERS for station in owner.stations):
            processes.start(
                f"charger-{station.identity}",
                manage_command(
                    *("simulate_station", "--url", running.ocpp_url, "--identity", station.identity),
                    *("--password", station_key(station.identity), "--power-w", str(station.max_power_w)),
                ),
            )
        world = as_json(web_url=running.web_url)
        for login in world["logins"]:
            self.say(f"{login['role']:18} {login['url']:34} {login['email']:28} {login['password']}")
        for code in world["pay_codes"]:
            self.say(f"pay at {code['station']} connector {code['connector']}: {code['url']}")
        self.say(
            f"a card to pay with or to save: {GOOD_CARD} (declined at entry: 4000000000000002, later: 4000000000000341)"
        )
        self.say("four chargers are connected; logs are in var/log; Ctrl-C stops everything")
        processes.wait()

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
