"""The owner's part of a payment: sent to its account at Stripe when the money came, fetched back on a refund."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from django.db.models import Sum

from apps.accounting import selectors_settlement as selectors
from apps.accounting.domain.shares import BilledLine, Share, reversal_amount, share_session
from apps.accounting.models import Agreement
from apps.core.domain.money import EXACT, round_half_up
from apps.invoices.models import Invoice, InvoiceLine
from apps.invoices.services.taxes import decide_fee
from apps.payments.domain.status import RefundStatus, TransferStatus
from apps.payments.models import Payment, PaymentOperation, Refund, Transfer
from apps.payments.services.driver import drive_operation
from apps.payments.services.transfers import request_reversal, request_transfer

log = logging.getLogger(__name__)


def share_payment(*, payment_id: int, at: datetime) -> Transfer | None:
    """Send the owner's part of a collected payment to its connected account; repeating it changes nothing.

    The part is what was paid, VAT and all, less the platform's fee with its VAT. None where nothing goes: no platform
    collects, the owner has no account, the payment did not pay its document whole, or the document was taken back.
    What is not sent stays due and is paid out by the statement.

    :raises TaxRefused: the rule book gives no VAT for the fee
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.collector_id is None:
        return None
    allocations = list(payment.allocations.select_related("invoice"))
    if len(allocations) != 1 or allocations[0].amount != allocations[0].invoice.gross:
        return None
    document: Invoice = allocations[0].invoice
    agreement = selectors.agreement_for(
        platform_id=payment.collector_id, owner_id=payment.seller_id, tax_date=document.tax_date
    )
    if agreement is None or not agreement.connected_account or document.credit_notes.exists():
        return None
    # Paid anew after a debit was taken back: what the owner got of the first payment is its part of the document.
    if selectors.is_shared(document, by_other_than=payment):
        return None
    # Fees are agreed in one currency. What is collected in another stays due, in the list of what is payable.
    if document.currency != agreement.currency:
        return None
    amount = owners_part(document, agreement=agreement)
    if amount <= 0:
        return None
    transfer, operation = request_transfer(
        payment_id=payment_id, destination=agreement.connected_account, amount=amount, at=at
    )
    return _driven(transfer, operation, at=at)


def owners_part(document: Invoice, *, agreement: Agreement) -> Decimal:
    """Return a document's gross less the platform's fee and its VAT."""
    fee = sum((share.fee for _, share in share_lines(document.lines.all(), agreement=agreement)), Decimal(0))
    rate = decide_fee(seller=agreement.platform, buyer=agreement.owner, on=document.tax_date).rate
    tax = round_half_up(EXACT.multiply(fee, rate), currency=document.currency)
    gross: Decimal = document.gross.amount
    return gross - fee - tax


def share_lines(lines: Iterable[InvoiceLine], *, agreement: Agreement) -> list[tuple[InvoiceLine, Share]]:
    """Part documents' lines, all in the agreement's currency, each session's together."""
    shared: list[tuple[InvoiceLine, Share]] = []
    by_record = sorted(lines, key=lambda line: (line.invoice_id, line.cdr_id or 0, line.position))
    for _, group in groupby(by_record, key=lambda line: (line.invoice_id, line.cdr_id)):
        session: Sequence[InvoiceLine] = list(group)
        billed = [BilledLine(net=line.net.amount, energy_milliwh=line.energy_milliwh) for line in session]
        shared += zip(session, share_session(agreement.rule(), billed, currency=agreement.currency), strict=True)
    return shared


def take_back_share(*, refund_id: int, at: datetime) -> Transfer | None:
    """Fetch back the owner's part of what was refunded; repeating it changes nothing.

    None where nothing went to the owner. What Stripe refuses to fetch back stays owed by the owner, and is set off in
    the next statement.
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    payment = refund.payment
    transfer = payment.transfers.filter(reverses__isnull=True, status=TransferStatus.SUCCEEDED).first()
    # What was paid beyond the document was never the owner's, and goes back without a part of it.
    if transfer is None or refund.invoice_id is None:
        return None
    of_document = payment.refunds.filter(status=RefundStatus.SUCCEEDED, invoice__isnull=False)
    refunded = of_document.aggregate(sum=Sum("amount"))["sum"]
    settled = payment.allocations.aggregate(sum=Sum("amount"))["sum"]
    before = transfer.reversals.exclude(status=TransferStatus.FAILED).aggregate(sum=Sum("amount"))["sum"]
    amount = reversal_amount(
        transferred=transfer.amount.amount,
        reversed_before=before or Decimal(0),
        refunded=refunded or Decimal(0),
        received=settled,
        currency=payment.currency,
    )
    operation = request_reversal(refund_id=refund_id, amount=amount, at=at) if amount > 0 else None
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
    reversal: Transfer | None = transfer.reversals.filter(refund=refund).first()
    return reversal


def _driven(transfer: Transfer, operation: PaymentOperation | None, *, at: datetime) -> Transfer:
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
        transfer.refresh_from_db()
    return transfer
