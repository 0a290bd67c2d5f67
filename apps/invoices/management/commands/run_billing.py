"""``manage.py run_billing --until YYYY-MM-DD``: bill what ended by that local day; nothing is billed twice."""

from argparse import ArgumentTypeError
from datetime import date

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Organisation
from apps.core import words
from apps.core.clock import now
from apps.invoices import selectors
from apps.invoices.errors import RunRefused
from apps.invoices.services.billing import run_billing


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is no date; write YYYY-MM-DD, for example 2026-03-31.") from None


class Command(BaseCommand):
    help = "Draft and issue the invoices of all contracts for charging that ended by a local day of the seller."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until", type=_day, required=True, metavar="YYYY-MM-DD", help="the last day billed")
        parser.add_argument("--seller", metavar="NAME", help="legal name of one station owner; without it, each")

    def handle(self, *args: object, **options: object) -> None:
        until = options["until"]
        assert isinstance(until, date)
        for seller in self._sellers(options["seller"]):
            self._bill(seller, until=until)

    def _sellers(self, name: object) -> list[Organisation]:
        owners = Organisation.objects.filter(is_station_owner=True).order_by("pk")
        if name is None:
            return list(owners)
        found = list(owners.filter(name=name))
        if not found:
            raise CommandError(f"--seller: there is no station owner named “{name}”.")
        return found

    def _bill(self, seller: Organisation, *, until: date) -> None:
        try:
            run = run_billing(seller_id=seller.pk, until_date=until, at=now())
        except RunRefused as refusal:
            # The others are billed all the same.
            self.stderr.write(f"{seller.name}: {refusal}")
            return
        documents = list(selectors.documents_of(run))
        for document in documents:
            self.stdout.write(f"{document.number}  {document.buyer_party['name']}  {words.money(document.gross)}")
        for problem in run.problems:
            self.stderr.write(f"not billed: {problem}")
        if not documents and not run.problems:
            self.stdout.write(f"{seller.name}: nothing to bill until {until.isoformat()}")
