"""``manage.py stripe_stories``: the driver's and the fleet's story against Stripe's own test mode."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import audit
from apps.payments.models import Payment
from config import installation
from config.apart import database_url, own_database
from config.demo import driver_story, fleet_story
from config.demo.cashier import Cashier, at_the_double, by_browser, by_hand
from config.demo.seed import seed
from config.demo.telling import StoryBroken
from config.demo.visitor import PageRefused
from config.management.commands.run import stop_on_signals
from config.processes import Processes, ProcessFailed

DATABASE = "wattledger_stories"


class Command(BaseCommand):
    help = "Tell the demo's two stories with real Stripe test keys, in a database of its own; exit 1 if one breaks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--browser", action="store_true", help="let chromium fill in Stripe's pages, not you")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: object, browser: bool, port: int, **options: object) -> None:
        check_key(settings.STRIPE_SECRET_KEY)
        if not str(settings.SETTINGS_MODULE).endswith("stories"):
            raise CommandError("Start it by `make stripe-stories`: it keeps apart from whatever else runs here.")
        stop_on_signals()
        where = settings.STRIPE_API_BASE or "Stripe's test mode"
        cashier = at_the_double if settings.STRIPE_API_BASE else by_browser if browser else by_hand(self.say)
        self.say(f"against {where}, in the database {DATABASE}, which is dropped at the end")
        try:
            with own_database(DATABASE), TemporaryDirectory() as folder:
                problems = self.tell(cashier, port=port, root=Path(folder))
        except KeyboardInterrupt:
            self.say("stopped")
            return
        except (ProcessFailed, StoryBroken, PageRefused) as error:
            raise CommandError(str(error)) from error
        for problem in problems:
            self.say(problem)
        if problems:
            sys.exit(1)
        self.say(f"told against {where}: every payment stands there as here")

    def tell(self, cashier: Cashier, *, port: int, root: Path) -> list[str]:
        """Tell both, print each payment with its id at Stripe, and return what is not as it must be.

        root  where documents, logs and the state of processes are put
        """
        call_command("collectstatic", interactive=False, verbosity=0)
        seed()
        with Processes(env={"DATABASE_URL": database_url()}, log_dir=root / "log") as processes:
            running = installation.start(processes, port=port, var=root, beat=False)
            fleet_story.tell(self.say, running=running, root=root, cashier=cashier)
            driver_story.tell(self.say, running=running, root=root, cashier=cashier)
        for payment in Payment.objects.order_by("pk"):
            self.say(f"{payment}: {payment.stripe_id} {payment.status}, received {payment.amount_received}")
        return [
            f"{found.invariant} {found.subject}: {found.problem}"
            for found in audit.find_violations(with_remote=True)
            # An intent that no row knows is of an earlier run, whose database is gone.
            if not found.subject.startswith("intent ")
        ]

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def check_key(key: str) -> None:
    """Refuse to tell stories without a test key of Stripe's.

    :raises CommandError: there is none, or it is a live one
    """
    if settings.LIVE or key.startswith(("sk_live_", "rk_live_")):
        raise CommandError("STRIPE_SECRET_KEY is a live key: stories are told with test money only.")
    if not key.startswith(("sk_test_", "rk_test_")) or key == settings.SANDBOX_SECRET_KEY:
        raise CommandError("Set STRIPE_SECRET_KEY to a test key of Stripe's: dashboard.stripe.com/test/apikeys.")
