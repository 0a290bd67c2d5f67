"""Give an anonymous driver back what a later, lower charge record shows to be too much; never charge a higher one."""

import logging
from datetime import datetime
from decimal import Decimal

from apps.invoices.models import Invoice
from apps.invoices.selectors import charged_document
from apps.invoices.services.correcting import overcharged
from apps.invoices.services.crediting import creditable_lines
from apps.payments.services.refunds import refund_document
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import Cdr

log = logging.getLogger(__name__)


def correct_charge(*, cdr_id: int, at: datetime) -> Invoice | None:
    """Credit and refund what a driver was charged beyond their session's current record; return what was corrected.

    Nothing is done for a first record, one that is not the current one, or a contract's. What a record comes to beyond
    the document is told to an operator and charged to nobody. Repeating it, or two at once, credits once: what is left
    of the document is then what the record says.

    :raises NotRefundable: the payment is not finished, or somebody credits the document just now; a later try finds it
    :raises DocumentRefused: the rule book gives no VAT for the record
    """
    cdr = Cdr.objects.select_related("session__station__location", "revised_by").get(pk=cdr_id)
    document = charged_document(cdr.session_id)
    is_current = not cdr.session.cdrs.filter(purpose=cdr.purpose, revision__gt=cdr.revision).exists()
    if document is None or cdr.revision == 1 or not is_current or cdr.session.status != SessionStatus.SETTLED:
        return None
    left = sum((each.left.stated for each in creditable_lines(document)), start=Decimal(0))
    amounts = overcharged(document, cdr)
    if not amounts:
        if left < cdr.gross.amount:
            log.error(
                "%s charges %s, charge record %s comes to %s: nothing more is charged", document, left, cdr, cdr.gross
            )
        return None
    refund_document(
        document_id=document.pk,
        amounts=amounts,
        seen_left=left,
        reason=f"Meter corrected: {cdr.reason}",
        by=cdr.revised_by,
        at=at,
    )
    return document
