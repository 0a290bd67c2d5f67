"""The anonymous driver's document: a simplified invoice of one session, gross-first, issued as soon as it is rated."""

from datetime import datetime

from django.db import transaction

from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import PRIVATE
from apps.invoices.domain.wording import WORDS
from apps.invoices.errors import NotForReceipt
from apps.invoices.models import Invoice
from apps.invoices.selectors import due_receipts, get_receipt
from apps.invoices.services.drafting import TaxedRecord, local_start_date, write_records
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.taxes import country_of, decide_for
from apps.sessions.models import Cdr, ChargingSession


@transaction.atomic
def issue_receipt(*, cdr_id: int, at: datetime) -> Invoice:
    """Draft and issue the receipt of an anonymous driver's session; a session has one, and it is returned again.

    It states the session's current charge record, zero totals included: also who pays nothing gets it on paper. A
    revision that comes after the receipt makes no second one.

    :raises NotForReceipt: a contract pays for the session, or it is not settled
    :raises DocumentRefused: the rule book gives no VAT for the supply, or the seller lacks legal data
    """
    session_id = Cdr.objects.values_list("session_id", flat=True).get(pk=cdr_id)
    # Two who issue at once meet here, and the second finds the receipt of the first.
    ChargingSession.objects.select_for_update(no_key=True).get(pk=session_id)
    receipt = get_receipt(session_id)
    if receipt is not None:
        return receipt
    cdr = (
        due_receipts()
        .filter(session=session_id)
        .select_related("session__station__location", "session__evse", "session__grant", "session__seller")
        .select_related("tariff_version")
        .first()
    )
    if cdr is None:
        raise NotForReceipt(f"the session of charge record {cdr_id} is not settled, or a contract pays for it")
    return issue_invoice(invoice_id=_draft(cdr).pk, issued_at=at)


def _draft(cdr: Cdr) -> Invoice:
    session: ChargingSession = cdr.session
    receipt = Invoice(
        kind=Invoice.Kind.RECEIPT,
        seller=session.seller,
        period_from=local_start_date(cdr),
        period_to=cdr.tax_date,
        tax_date=cdr.tax_date,
        currency=cdr.currency,
        amounts_are_gross=True,
        language=_language(session),
    )
    parts = decide_for(cdr, country=country_of(session), registrations=registrations_of(session.seller), buyer=PRIVATE)
    write_records(receipt, [TaxedRecord(cdr=cdr, parts=parts)])
    return receipt


def _language(session: ChargingSession) -> str:
    """Return the driver's language where documents speak it, else English."""
    language: str = session.grant.language
    return language if language in WORDS else "en"
