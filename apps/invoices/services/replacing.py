"""A full invoice to a driver's company in a receipt's stead: the receipt is credited in full, its record billed anew.

A charge record is billed once for ever, so the session gets a next revision that says the same; the amounts and the
VAT are the receipt's, the buyer is what the driver states, and neither is changed afterwards.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import PRIVATE
from apps.invoices.domain.receipts import Buyer, is_replaceable
from apps.invoices.errors import NotReplaceable
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice, lock_creditable
from apps.invoices.services.drafting import TaxedRecord, write_records
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.taxes import country_of, decide_for
from apps.sessions.errors import RatingRefused
from apps.sessions.models import Cdr
from apps.sessions.services.rating import repeat_cdr

REASON: Final = {
    "en": "Replaced by a full invoice to a company",
    "de": "Ersetzt durch eine Rechnung an ein Unternehmen",
    "fr": "Remplacé par une facture à une entreprise",
    "nl": "Vervangen door een factuur aan een bedrijf",
}


@transaction.atomic
def replace_receipt(*, receipt_id: int, buyer: Buyer, at: datetime) -> Invoice:
    """Credit a receipt and issue a full invoice over the same to ``buyer``; a receipt that has one returns it.

    :raises NotReplaceable: it is no receipt, nothing was charged, a part of it was credited, or 30 days are over
    :raises DocumentRefused: seller or buyer lack legal data
    """
    reason = REASON.get(_language(receipt_id), REASON["en"])
    receipt = lock_creditable(receipt_id, reason=reason)
    done = Invoice.objects.filter(replaces=receipt).first()
    if done is not None:
        return done
    _check_replaceable(receipt, at=at)
    record: Cdr = receipt.lines.select_related("cdr").earliest("position").cdr
    credit_invoice(invoice_id=receipt.pk, reason=reason, at=at, by=None)
    try:
        again = repeat_cdr(cdr_id=record.pk, reason=REASON["en"], at=at)
    except RatingRefused as refusal:
        raise NotReplaceable("This receipt is being corrected.") from refusal
    return issue_invoice(invoice_id=_draft(receipt, again, buyer).pk, issued_at=at)


def _language(receipt_id: int) -> str:
    language: str = Invoice.objects.values_list("language", flat=True).get(pk=receipt_id)
    return language


def _check_replaceable(receipt: Invoice, *, at: datetime) -> None:
    """Refuse what is not to be replaced, in words for the driver.

    :raises NotReplaceable: see ``replace_receipt``
    """
    assert receipt.issued_at is not None, "what may be credited is issued"
    if receipt.kind != Invoice.Kind.RECEIPT or not receipt.gross.amount:
        raise NotReplaceable("Nothing was charged, so there is nothing to invoice.")
    if receipt.credit_notes.exists():
        raise NotReplaceable("This receipt was corrected already.")
    if not is_replaceable(issued_at=receipt.issued_at, at=at):
        raise NotReplaceable("An invoice can be asked for within 30 days.")


def _draft(receipt: Invoice, record: Cdr, buyer: Buyer) -> Invoice:
    draft = Invoice(
        kind=Invoice.Kind.INVOICE,
        replaces=receipt,
        seller=receipt.seller,
        period_from=receipt.period_from,
        period_to=receipt.period_to,
        tax_date=receipt.tax_date,
        currency=receipt.currency,
        amounts_are_gross=True,
        language=receipt.language,
        # No number of a customer and no address for mail: whoever has the charge's page has the document.
        buyer_party={**asdict(buyer), "number": "", "email": ""},
    )
    parts = decide_for(
        record, country=country_of(record.session), registrations=registrations_of(receipt.seller), buyer=PRIVATE
    )
    write_records(draft, [TaxedRecord(cdr=record, parts=parts)])
    return draft
