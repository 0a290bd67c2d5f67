"""Write to customers about their payments: each thing once, in the transaction of the fact that it tells."""

from datetime import datetime

from babel.dates import format_date
from django.conf import settings
from django.urls import reverse
from django.utils import translation
from djmoney.money import Money

from apps.contracts.models import Customer
from apps.core.words import money
from apps.documents.mails import enqueue_mail, told_keys
from apps.documents.models import Mail
from apps.payments.domain import letters
from apps.payments.domain.collecting import Retry, retry_after
from apps.payments.domain.failures import Failure
from apps.payments.domain.letters import Letter
from apps.payments.models import DebitNotice, Payment, SavedMethod
from apps.payments.pay_tokens import pay_token


def tell_method_ended(*, method: SavedMethod, at: datetime) -> Mail | None:
    """Tell a customer that a mandate was revoked or a method taken away at Stripe."""
    letter = letters.method_ended(
        method.customer.language, method=str(method), why=method.ended_why, address=payment_page()
    )
    return write(method.customer, letter, kind="method", key=f"method:{method.pk}:ended", at=at)


def tell_card_expires(*, method: SavedMethod, at: datetime) -> Mail | None:
    """Tell a customer that their card expires, or has expired."""
    letter = letters.card_expires(
        method.customer.language, method=str(method), expiry=method.expiry, address=payment_page()
    )
    return write(method.customer, letter, kind="method", key=f"method:{method.pk}:expires:{method.expiry}", at=at)


def announce(*, notice: DebitNotice, at: datetime) -> Mail | None:
    """Tell a customer what will be debited, when, and under which mandate."""
    customer = notice.method.customer
    letter = letters.debit_announced(
        customer.language,
        amount=in_figures(notice.amount, language=customer.language),
        day=format_date(notice.debit_date, format="long", locale=customer.language),
        number=notice.invoice.number,
        account=str(notice.method),
        mandate=notice.method.mandate_reference,
    )
    return write(customer, letter, kind="debit", key=f"debit:{notice.pk}", at=at)


def tell_refused(*, payment: Payment, at: datetime) -> Mail | None:
    """Tell a customer of a refusal after which nothing goes on by itself, once for each charge.

    Their bank wants them → a signed link to pay and authenticate; the method is of no use → also where to save another.
    What is tried again as scheduled is told of by nobody.
    """
    retry = retry_after(Failure(code=payment.failure_code, advice=payment.failure_advice))
    if payment.invoice is None or payment.customer is None or retry == Retry.AS_SCHEDULED:
        return None
    language = payment.customer.language
    facts = {
        "amount": in_figures(payment.amount, language=language),
        "number": payment.invoice.number,
        "address": f"{settings.PUBLIC_URL}{reverse('portal:pay', args=[pay_token(payment.invoice)])}",
    }
    if retry == Retry.CUSTOMER_CONFIRMS:
        letter = letters.payment_to_confirm(language, **facts)
    else:
        tried = payment.operations.filter(method__isnull=False).order_by("-pk").first()
        method = str(tried.method) if tried else ""
        letter = letters.collection_refused(language, method=method, saving=payment_page(), **facts)
    key = f"payment:{payment.pk}:refused:{payment.latest_charge}"
    return write(payment.customer, letter, kind="refused", key=key, at=at)


def in_figures(amount: Money, *, language: str) -> str:
    with translation.override(language):
        return money(amount)


def write(
    customer: Customer, letter: Letter, *, kind: str, key: str, at: datetime, attachment_key: str = ""
) -> Mail | None:
    """Enqueue a letter to a customer, signed by their seller; None where they were told of ``key`` before.

    Whoever may be at it twice at once holds a lock. attachment_key: of the document that goes with it
    """
    if told_keys(recipient=customer.email, keys=[key]):
        return None
    return enqueue_mail(
        organisation_id=customer.seller_id,
        recipient=customer.email,
        kind=kind,
        language=customer.language,
        subject=letter.subject,
        body=f"{letter.body}\n\n{customer.seller}\n",
        at=at,
        keys=[key],
        attachment_key=attachment_key,
    )


def payment_page() -> str:
    """Return the address at which a customer saves another method."""
    return f"{settings.PUBLIC_URL}{reverse('portal:payment-method')}"
