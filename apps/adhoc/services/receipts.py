"""After the charge: mail a document to whoever has its page, and replace a receipt by an invoice to a company."""

import logging
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from apps.documents.mails import enqueue_mail, told_keys
from apps.documents.models import Mail, MailTopic
from apps.invoices.domain.receipts import Buyer, is_above_ceiling
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import Invoice
from apps.invoices.selectors import document_key
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import forget_buyer
from apps.payments.services.company import invoice_company

log = logging.getLogger(__name__)

MOST_MAILS: Final = 3
"""Addresses to which one document may be sent: the page is no machine for mails."""


class TooManyMails(Exception):
    """The document was sent to as many addresses as it may be."""


@transaction.atomic
def mail_document(*, attempt_id: int, document_id: int, address: str, at: datetime) -> Mail | None:
    """Send a driver's document as a file to an address; the same address again gets no second mail.

    It waits until the file is made.

    :raises TooManyMails: it was sent to other addresses too often
    """
    # Two clicks at once meet here.
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    document = Invoice.objects.get(pk=document_id, seller=attempt.seller_id)
    key = f"document:{document.pk}:driver"
    if told_keys(recipient=address, keys=[key]):
        return None
    if MailTopic.objects.filter(key=key, mail__organisation=attempt.seller_id).count() >= MOST_MAILS:
        raise TooManyMails
    with translation.override(document.language):
        subject = _("%(number)s from %(seller)s") % {
            "number": document.number,
            "seller": document.seller_party["name"],
        }
        again = _("If you lose it, you find your charge again here: %(address)s") % {
            "address": f"{settings.PUBLIC_URL}{reverse('adhoc:find')}?code={attempt.pay_code}"
        }
        attached = _("The document for your charge is attached.")
        body = f"{attached}\n\n{again}\n\n{document.seller_party['name']}\n"
    return enqueue_mail(
        organisation_id=attempt.seller_id,
        recipient=address,
        kind="receipt",
        language=document.language,
        subject=subject,
        body=body,
        at=at,
        keys=[key],
        attachment_key=document_key(document),
    )


@transaction.atomic
def invoice_for_company(*, attempt_id: int, buyer: Buyer, address: str, at: datetime) -> Invoice:
    """Replace the attempt's receipt by a full invoice to ``buyer``, once, and mail it where an address is given.

    :raises NotReplaceable: see ``invoice_company``
    :raises DocumentRefused: seller or buyer lack legal data
    """
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    assert attempt.receipt_id is not None, "the page is of a receipt"
    invoice = invoice_company(receipt_id=attempt.receipt_id, buyer=buyer, at=at)
    if address:
        mail_document(attempt_id=attempt_id, document_id=invoice.pk, address=address, at=at)
    return invoice


@transaction.atomic
def settle_buyer(*, attempt_id: int, at: datetime) -> None:
    """Make the full invoice that a dear charge needs, to the buyer named before it; of a cheap one forget the buyer.

    An unpaid one waits until it is paid by link. Repeating it changes nothing.
    """
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if not attempt.buyer:
        return
    if attempt.receipt is not None and _needs_invoice(attempt):
        try:
            with transaction.atomic():
                invoice_for_company(attempt_id=attempt_id, buyer=Buyer(**attempt.buyer), address="", at=at)
        except DocumentRefused as refusal:
            log.warning("%s has no invoice yet in its receipt's stead: %s", attempt, refusal)
            return
    forget_buyer(attempt_id=attempt_id)


def _needs_invoice(attempt: PaymentAttempt) -> bool:
    receipt = attempt.receipt
    assert receipt is not None
    country = attempt.evse.station.location.country.code
    return is_above_ceiling(receipt.gross.amount, currency=receipt.currency, country=country)
