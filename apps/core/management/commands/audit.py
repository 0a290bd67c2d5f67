"""``manage.py audit``: every invariant, checked; exit 1 and a line for each violation."""

import sys

from django.core.management.base import BaseCommand, CommandParser

from apps.core import audit


class Command(BaseCommand):
    help = "Check every invariant; print a line for each violation and exit 1, or say that the books are clean."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="check all rows (so far every run does)")

    def handle(self, *args: object, **options: object) -> None:
        violations = list(audit.find_violations())
        for violation in violations:
            self.stdout.write(f"{violation.invariant} {violation.subject}: {violation.problem}")
        if violations:
            self.stdout.write(f"{len(violations)} violations of {len(audit.invariants())} invariants checked")
            sys.exit(1)
        self.stdout.write(f"clean: {len(audit.invariants())} checks")
