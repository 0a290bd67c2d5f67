"""``manage.py audit``: every invariant, checked; exit 1 and a line for each violation."""

import sys

from django.core.management.base import BaseCommand, CommandParser

from apps.core import audit


class Command(BaseCommand):
    help = "Check every invariant; print a line for each violation and exit 1, or say that the books are clean."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="check all rows (so far every run does)")

        parser.add_argument("--stripe", action="store_true", help="also compare our payments with Stripe's (I12)")

    def handle(self, *args: object, **options: object) -> None:
        with_remote = bool(options["stripe"])
        checks = len(audit.invariants(with_remote=with_remote))
        violations = list(audit.find_violations(with_remote=with_remote))
        for violation in violations:
            self.stdout.write(f"{violation.invariant} {violation.subject}: {violation.problem}")
        if violations:
            self.stdout.write(f"{len(violations)} violations of {checks} invariants checked")
            sys.exit(1)
        self.stdout.write(f"clean: {checks} checks")
