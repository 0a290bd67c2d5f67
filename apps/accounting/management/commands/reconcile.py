"""``manage.py reconcile``: what Stripe and our books do not agree on; exit 1 and a line for each."""

import sys
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounting.domain.differences import Difference
from apps.accounting.selectors import OwnerUnknown
from apps.accounting.services.reconciling import reconcile
from apps.core.clock import now
from apps.payments.services.projection import StripeUnreachable


class Command(BaseCommand):
    help = "Compare Stripe's books with ours; print a line for each difference and exit 1, or say that they agree."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=_day, help="only what was made since this day (YYYY-MM-DD, UTC)")

    def handle(self, *args: object, **options: object) -> None:
        since = options["since"]
        assert since is None or isinstance(since, datetime)
        try:
            found = reconcile(since=since, at=now())
        except (OwnerUnknown, StripeUnreachable) as error:
            raise CommandError(str(error)) from error
        for each in found:
            self.stdout.write(_line(each))
        if found:
            self.stdout.write(f"{len(found)} differences")
            sys.exit(1)
        self.stdout.write("Stripe's books and ours agree.")


def _line(each: Difference) -> str:
    return f"{each.subject} ({each.key}): Stripe says {each.stripe_says}; we say {each.we_say}. {each.cause}"


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
