"""The driver says that something is wrong with a charge: a dispute of its document's line, without an account."""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.models import InvoiceLine, LineDispute
from apps.invoices.services.disputing import open_dispute
from apps.payments.models import PaymentAttempt

MOST_DISPUTES: Final = 3
"""So often a driver may dispute one document: a mail goes out each time, and a fourth tells nothing new."""


class TooManyDisputes(Exception):
    """The document was disputed as often as it may be."""


@transaction.atomic
def dispute_charge(
    *, attempt_id: int, line: InvoiceLine, ground: DisputeGround, words: str, address: str, at: datetime
) -> LineDispute:
    """Dispute a line of the attempt's document; the same said again while it is open returns the first result.

    address  where the answer is mailed, in the document's language; "": it is read on the charge's page alone

    :raises DisputeRefused: see ``open_dispute`` · TooManyDisputes: by drivers, whatever became of them
    """
    # Two clicks at once meet here.
    PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    dispute = open_dispute(line_id=line.pk, ground=ground, words=words, at=at, by=None, reply_to=address)
    said = LineDispute.objects.filter(line__invoice=line.invoice_id, opened_by__isnull=True).count()
    if said > MOST_DISPUTES:
        raise TooManyDisputes
    return dispute
