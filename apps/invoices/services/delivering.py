"""Bring a document to its customer: a mail with the file, enqueued with the issue and sent once the file is there."""

from datetime import date, datetime

from babel.dates import format_date
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from apps.core.words import money
from apps.documents.mails import enqueue_mail
from apps.invoices.domain import letters
from apps.invoices.domain.letters import Letter
from apps.invoices.models import Invoice
from apps.invoices.selectors import document_key


def deliver(invoice: Invoice, *, at: datetime) -> None:
    """Enqueue the mail of a document that is being issued, if its customer wants documents by mail and has an address.

    A driver's receipt is sent when the driver asks for it.
    """
    customer = invoice.customer
    if customer is None or not customer.mails_documents or not customer.email:
        return
    letter = _letter(invoice, language=customer.language)
    enqueue_mail(
        organisation_id=invoice.seller_id,
        recipient=customer.email,
        kind="document",
        language=customer.language,
        subject=letter.subject,
        body=f"{letter.body}\n\n{invoice.seller}\n",
        at=at,
        keys=[f"invoice:{invoice.pk}:issued"],
        attachment_key=document_key(invoice),
    )


def _letter(invoice: Invoice, *, language: str) -> Letter:
    facts = {
        "number": invoice.number,
        "seller": str(invoice.seller),
        "address": f"{settings.PUBLIC_URL}{reverse('portal:invoice', args=[invoice.uid])}",
    }
    if invoice.credits is not None:
        amount = _in_figures(-invoice.gross, language=language)
        return letters.credit_note_issued(
            language, **facts, amount=amount, credits=invoice.credits.number, reason=invoice.reason
        )
    assert invoice.due_date is not None, "an issued invoice has its day"
    return letters.invoice_issued(
        language,
        **facts,
        amount=_in_figures(invoice.gross, language=language),
        period=f"{_day(invoice.period_from, language)} – {_day(invoice.period_to, language)}",
        due=_day(invoice.due_date, language),
    )


def _day(day: date, language: str) -> str:
    text: str = format_date(day, format="long", locale=language)
    return text


def _in_figures(amount: object, *, language: str) -> str:
    with translation.override(language):
        return money(amount)
