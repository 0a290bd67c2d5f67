"""``manage.py note_bounce``: what a mail server pipes in when a mail came back."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.core import clock
from apps.documents.bounces import note_bounce
from apps.documents.domain.bounces import MOST_BYTES


class Command(BaseCommand):
    help = "Read one message from standard input; where it reports that a mail of ours did not arrive, note that."

    def handle(self, *args: Any, **options: Any) -> None:
        mail = note_bounce(sys.stdin.buffer.read(MOST_BYTES), at=clock.now())
        # Never an error: a mail server would send it back, and to whom?
        self.stdout.write(f"mail {mail.pk} did not arrive: {mail.error}" if mail else "no report on a mail of ours")
