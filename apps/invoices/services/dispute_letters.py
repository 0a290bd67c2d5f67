"""Tell whoever disputes a line that it was heard, and how it was answered: each once, in the fact's transaction."""

from datetime import datetime
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from apps.core.words import money
from apps.documents.mails import enqueue_mail, told_keys
from apps.invoices.domain import letters
from apps.invoices.domain.letters import Letter
from apps.invoices.models import LineDispute


def tell_opened(dispute: LineDispute, *, at: datetime) -> None:
    """Say until when the seller answers."""
    language = _language(dispute)
    letter = letters.dispute_opened(
        language, **_facts(dispute), answer_by=format_date(dispute.answer_by, format="long", locale=language)
    )
    _enqueue(dispute, letter, key=f"line-dispute:{dispute.pk}:opened", at=at)


def tell_answered(dispute: LineDispute, *, at: datetime) -> None:
    """Say how the seller answered."""
    language, facts = _language(dispute), {**_facts(dispute), "answer": dispute.answer}
    note = dispute.credit_note
    if note is None:
        letter = letters.dispute_explained(language, **facts)
    else:
        with translation.override(language):
            amount = money(-note.gross)
        letter = letters.dispute_credited(language, **facts, amount=amount, note=note.number)
    _enqueue(dispute, letter, key=f"line-dispute:{dispute.pk}:answered", at=at)


def _facts(dispute: LineDispute) -> dict[str, str]:
    line = dispute.line
    return {
        "number": line.invoice.number,
        "position": str(line.position),
        "seller": str(line.invoice.seller),
        "words": dispute.words,
        "address": _address(dispute),
    }


def _address(dispute: LineDispute) -> str:
    """Return where its thread is shown; "": a driver finds it on their receipt's page, whose address is a secret."""
    line = dispute.line
    if line.invoice.customer_id is None:
        return ""
    return f"{settings.PUBLIC_URL}{reverse('portal:line', args=[line.invoice.uid, line.position])}"


def _language(dispute: LineDispute) -> str:
    customer: Any = dispute.line.invoice.customer
    return str(customer.language if customer else dispute.line.invoice.language)


def _enqueue(dispute: LineDispute, letter: Letter, *, key: str, at: datetime) -> None:
    recipient = dispute.opened_by.email if dispute.opened_by else dispute.reply_to
    if not recipient or told_keys(recipient=recipient, keys=[key]):
        return
    enqueue_mail(
        organisation_id=dispute.line.invoice.seller_id,
        recipient=recipient,
        kind="line_dispute",
        language=_language(dispute),
        subject=letter.subject,
        body=f"{letter.body}\n\n{dispute.line.invoice.seller}\n",
        at=at,
        keys=[key],
    )
