"""Answer a customer's dispute of a line with a credit, and give back at Stripe what was paid too much for it."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.accounts.models import User
from apps.invoices.domain.line_disputes import LineDisputeStatus
from apps.invoices.errors import DisputeRefused
from apps.invoices.models import Invoice, LineDispute
from apps.invoices.services.disputing import answer_with_credit, lock_dispute, words_of
from apps.payments.models import Refund
from apps.payments.services.driver import drive_operation
from apps.payments.services.refunds import Begun, begin_refund


def credit_disputed_line(
    *, dispute_id: int, amount: Decimal, answer: str, at: datetime, by: User
) -> tuple[LineDispute, tuple[Refund, ...]]:
    """Credit so much of a disputed line and answer the dispute with it, in one transaction; then give money back.

    The refunds are what went back by card; empty where less was paid than is then owed, or not by card.
    amount  as the document states its lines (net or gross) · answer  its beginning is printed on the credit note

    :raises DisputeRefused: it has ended, also by this very answer, or no words are given
    :raises NotCreditable: there is not so much left of the line
    :raises NotRefundable: a payment of the document is not finished, or the bank disputes it
    """
    said = words_of(answer)
    refunds, operations = _begin(dispute_id, amount, said, at=at, by=by)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    dispute = LineDispute.objects.select_related("credit_note").get(pk=dispute_id)
    return dispute, tuple(Refund.objects.filter(pk__in=[refund.pk for refund in refunds]).order_by("pk"))


@transaction.atomic
def _begin(dispute_id: int, amount: Decimal, said: str, *, at: datetime, by: User) -> Begun:
    given = LineDispute.objects.select_related("line").get(pk=dispute_id)
    if given.status != LineDisputeStatus.OPEN:
        raise DisputeRefused("It was answered or withdrawn meanwhile. Look at how it stands now.")
    document_id = given.line.invoice_id
    begun = begin_refund(document_id, reason=said, by=by, at=at, amounts={given.line_id: amount}, seen_left=None)
    # The refund has locked the document, and its note is the latest: nobody else credits it before we are done.
    note = Invoice.objects.filter(credits=document_id).latest("pk")
    answer_with_credit(lock_dispute(dispute_id), credit_note=note, answer=said, at=at, by=by)
    return begun
