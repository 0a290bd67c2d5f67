"""Lay Stripe's objects over our rows. Success page, webhook, resync and our own calls all come through here.

A snapshot is taken outside any transaction, after noting the row's version, and projected only if the version still
stands; so an older snapshot never overwrites a newer one, in whatever order the news arrives. Money that Stripe says
it received is allocated and posted in the same transaction, under natural keys.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from djmoney.money import Money

from apps.core.bells import ring_on_commit
from apps.invoices.models import Invoice
from apps.ledger.services import Role
from apps.payments import gateway
from apps.payments.domain.failures import Failure, in_words
from apps.payments.domain.status import PAYMENT_ENDS, PaymentStatus, advance_payment
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.outcomes import Done, Fee, IntentSnapshot, Rejected, Return, Unknown
from apps.payments.services import news
from apps.payments.services.allocating import allocate, reopen
from apps.payments.services.fees import settle_fees_by_card
from apps.payments.services.letters import tell_refused
from apps.payments.services.operations import WrongMode
from apps.payments.services.posting import post_at_stripe
from apps.payments.services.wallets import take_top_up

log = logging.getLogger(__name__)

_AT_WORK: Final = frozenset({PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE, PaymentStatus.SUCCEEDED})
LOOKS = 5
"""How often a snapshot is taken anew when somebody else projected meanwhile."""


class StripeUnreachable(Exception):
    """Stripe's object could not be looked at now; nothing was changed, and trying later is right."""


class StrangeObject(Exception):
    """Stripe's object is of another mode or currency than our row; the message says which."""


def look_at_intent(payment: Payment) -> IntentSnapshot:
    """Return the payment's intent as it stands at Stripe.

    :raises StripeUnreachable: no answer
    :raises WrongMode: the payment belongs to the other mode
    """
    assert payment.stripe_id is not None
    if payment.livemode != gateway.livemode():
        raise WrongMode(f"{payment} belongs to the other mode")
    match gateway.retrieve_intent(payment.stripe_id):
        case Done(value=snapshot):
            return snapshot
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A payment and what it is for, locked in the house's order: attempt, document, payment.

    attempt   of a hold · document  the invoice or receipt, of a hold the attempt's receipt once there is one
    """

    attempt: PaymentAttempt | None
    document: Invoice | None
    payment: Payment


def lock_payment(payment_id: int) -> Locked:
    """Lock a payment after its attempt and document: whoever allocates needs all, and always in this order."""
    attempt_id, document_id = Payment.objects.values_list("attempt_id", "invoice_id").get(pk=payment_id)
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id) if attempt_id else None
    if attempt is not None:
        document_id = attempt.receipt_id
    document = Invoice.objects.select_for_update().get(pk=document_id) if document_id else None
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    return Locked(attempt=attempt, document=document, payment=payment)


def project_intent(*, document: Invoice | None, payment: Payment, snapshot: IntentSnapshot, at: datetime) -> None:
    """Lay a snapshot over a locked payment, and settle what was received of its locked document, if there is one.

    :raises StrangeObject: the snapshot is of another mode or currency
    """
    if (snapshot.livemode, snapshot.currency) != (payment.livemode, payment.currency):
        raise StrangeObject(f"{snapshot.stripe_id}: {snapshot.currency}, live {snapshot.livemode}; ours is {payment}")
    payment.status = advance_payment(PaymentStatus(payment.status), snapshot.status)
    payment.amount = Money(snapshot.amount, payment.currency)
    payment.amount_received = Money(snapshot.amount_received, payment.currency)
    payment.amount_capturable = snapshot.amount_capturable
    payment.capture_before = snapshot.capture_before or payment.capture_before
    payment.latest_charge = snapshot.latest_charge
    payment.card_last4 = snapshot.card_last4 or payment.card_last4
    payment.balance_transaction = snapshot.balance_transaction or payment.balance_transaction
    if snapshot.failure is not None:
        set_failure(payment, snapshot.failure)
    elif payment.status == PaymentStatus.REQUIRES_ACTION:
        set_failure(payment, Failure(code="authentication_required"))
    elif payment.status in _AT_WORK and payment.returned_at is None:
        payment.failure_code = payment.failure_advice = payment.failure_message = ""
    payment.version += 1
    payment.synced_at = at
    if payment.status == PaymentStatus.SUCCEEDED:
        payment.succeeded_at = payment.succeeded_at or at
    payment.save()
    if payment.kind == Payment.Kind.COLLECTION and payment.failure_code and payment.status not in PAYMENT_ENDS:
        tell_refused(payment=payment, at=at)
        news.tell_failed(payment, document=document, at=at)
    if payment.status == PaymentStatus.SUCCEEDED:
        settle(document=document, payment=payment, at=at)
        if snapshot.fee is not None:
            _post_fee(payment=payment, fee=snapshot.fee, at=at)
        if snapshot.returned is not None and payment.returned_at is None:
            _reopen(payment=payment, returned=snapshot.returned, at=at)
            news.tell_returned(payment, document=document, at=at)


def _reopen(*, payment: Payment, returned: Return, at: datetime) -> None:
    """Take back what a debit had settled, since its bank took the money back: paid moves to open again.

    The next try is another payment with an intent of its own; this one stays as it was, and says what became of it.
    """
    payment.amount_returned, payment.returned_at = returned.amount, at
    set_failure(payment, Failure(code=returned.reason))
    payment.save()
    post_at_stripe(
        payment=payment,
        key=f"payment:{payment.pk}:returned",
        text=f"Debit taken back by its bank ({returned.reason}), {payment.latest_charge}"[:200],
        debit=(Role.RECEIVABLE, returned.amount),
        credit=Role.STRIPE_CLEARING,
        at=at,
    )
    if returned.fee is not None and returned.fee.amount:
        post_at_stripe(
            payment=payment,
            key=f"payment:{payment.pk}:return_fee",
            text=f"Stripe's fee for a debit taken back, {payment.latest_charge}",
            debit=(Role.PAYMENT_FEES, returned.fee.amount),
            credit=Role.STRIPE_CLEARING,
            currency=returned.fee.currency,
            at=at,
        )
    reopen(payment=payment, amount=returned.amount, at=at)
    tell_refused(payment=payment, at=at)


def set_failure(payment: Payment, failure: Failure) -> None:
    """Note why the last attempt failed, with words for the customer; the caller saves."""
    payment.failure_code = failure.code
    payment.failure_advice = failure.advice
    payment.failure_message = in_words(failure)


def settle(*, document: Invoice | None, payment: Payment, at: datetime) -> None:
    """Post what was received, once, and allocate it as far as the document is open; the rest is given back.

    A top-up settles nothing: it goes into its wallet.
    """
    received = payment.amount_received.amount
    post_at_stripe(
        payment=payment,
        key=f"payment:{payment.pk}:received",
        text=f"Card payment of {document or payment}",
        debit=(Role.STRIPE_CLEARING, received),
        credit=Role.RECEIVABLE,
        at=at,
    )
    news.tell_settled(payment, document=document, at=at)
    if payment.wallet_id is not None:
        take_top_up(payment=payment, at=at)
    if document is None or payment.allocations.exists() or payment.fee_allocations.exists():
        return
    allocation = allocate(source=payment, document=document, at=at)
    amount = allocation.amount.amount if allocation else Decimal(0)
    fees = settle_fees_by_card(payment=payment, document=document, at=at)
    if amount + fees < received:
        log.error("payment %s brought %s more than %s was open for", payment.pk, received - amount - fees, document)
        ring_on_commit("payment.surplus", id=payment.pk)
    if amount:
        ring_on_commit("invoice.settled", id=document.pk)
    if amount and payment.collector_id is not None:
        ring_on_commit("payment.collected", id=payment.pk)


def _post_fee(*, payment: Payment, fee: Fee, at: datetime) -> None:
    """Post what Stripe kept, in the currency it settles in."""
    post_at_stripe(
        payment=payment,
        key=f"payment:{payment.pk}:fee",
        text=f"Stripe's fee, {payment.balance_transaction}",
        debit=(Role.PAYMENT_FEES, fee.amount),
        credit=Role.STRIPE_CLEARING,
        currency=fee.currency,
        at=at,
    )
