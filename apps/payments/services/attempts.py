"""A driver's attempt to pay: made, led to Stripe's page, looked at, given its grant, released."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from apps.core.bells import ring_on_commit
from apps.payments import gateway
from apps.payments.collectors import collector_of
from apps.payments.domain.amounts import to_stripe
from apps.payments.domain.status import (
    ATTEMPT_ENDS,
    RELEASABLE,
    UNFINISHED,
    WAITING_FOR_MONEY,
    AttemptStatus,
    OperationKind,
)
from apps.payments.models import Payment, PaymentAttempt, PaymentOperation
from apps.payments.outcomes import Reference
from apps.payments.services.driver import drive_operation, drive_or_wait
from apps.payments.services.holds import ask, close_unmade, look_at_page, plan_hold, project_hold
from apps.payments.services.operations import request_operation
from apps.payments.services.projection import LOOKS, Locked, StripeUnreachable, lock_payment
from apps.payments.services.refunding import look_at_refunds, project_refunds

PAGE_LIFE: Final = timedelta(minutes=10)
"""How long a driver may take to type a card; the connector is not kept for longer."""
PAGE_LIFE_AT_STRIPE: Final = timedelta(minutes=45)
"""In case we never come to close it. Stripe's least is 30 min from the call, which may be a repeated one."""
_ITEM: Final = {
    "de": ("Laden bei {place}", "Höchstbetrag. Abgebucht wird nur, was geladen wird."),
    "en": ("Charging at {place}", "The most that can be charged. Only what is used is taken."),
    "fr": ("Recharge à {place}", "Montant maximal. Seule la consommation réelle est débitée."),
    "nl": ("Laden bij {place}", "Maximumbedrag. Alleen wat u laadt, wordt afgeschreven."),
}


class CheckoutUnavailable(Exception):
    """The page cannot be opened just now; the message is for the driver."""

    def __init__(self) -> None:
        super().__init__("The payment page cannot be opened just now. Please try again in a minute.")


class AttemptOver(Exception):
    """There is nothing to pay any more; the attempt's status says why."""


class NotReleasable(Exception):
    """The money of this attempt is being taken, or was."""


@transaction.atomic
def create_attempt(
    *,
    evse_id: int,
    seller_id: int,
    tariff_version_id: int,
    pay_code: str,
    hold_amount: Decimal,
    currency: str,
    language: str,
    at: datetime,
    page_key: str = "",
    buyer: Mapping[str, str] | None = None,
) -> PaymentAttempt:
    """Write a driver's wish down; the same page's second click gets the first one's.

    hold_amount  gross, ≥ 0, rounded; 0 for a tariff that can only come to zero: authorised at once, without Stripe
    page_key     names the page on which the price was read; blank: each call makes an attempt
    buyer        name and address, where a receipt without them might not do
    """
    wish = {
        "seller_id": seller_id,
        "evse_id": evse_id,
        "tariff_version_id": tariff_version_id,
        "pay_code": pay_code,
        "hold_amount": hold_amount,
        "currency": currency,
        "language": language,
        "buyer": dict(buyer or {}),
        "status": AttemptStatus.CREATED if hold_amount else AttemptStatus.AUTHORISED,
        "created_at": at,
        "authorised_at": None if hold_amount else at,
    }
    if page_key:
        attempt, is_new = PaymentAttempt.objects.get_or_create(page_key=page_key, defaults=wish)
    else:
        attempt, is_new = PaymentAttempt.objects.create(**wish), True
    if not is_new:
        return attempt
    if attempt.is_free:
        ring_on_commit("attempt.authorised", id=attempt.pk)
        return attempt
    Payment.objects.create(
        kind=Payment.Kind.HOLD,
        attempt=attempt,
        seller_id=seller_id,
        collector_id=collector_of(seller_id=seller_id, at=at),
        livemode=gateway.livemode(),
        currency=currency,
        amount=hold_amount,
        amount_received=Decimal(0),
        created_at=at,
    )
    return attempt


def open_checkout(*, attempt_id: int, success_url: str, cancel_url: str, at: datetime) -> str:
    """Return the address of the page on which the driver types a card; every click gets the same one.

    success_url  absolute; Stripe puts the session's id for ``{CHECKOUT_SESSION_ID}`` in it

    :raises AttemptOver: it is paid, expired, failed or released
    :raises CheckoutUnavailable: Stripe gave no answer; what was begun is finished by the janitor
    :raises WrongMode: the attempt was made in the other mode
    """
    operation_id = _request_page(attempt_id, success_url=success_url, cancel_url=cancel_url, at=at)
    if operation_id is not None:
        drive_or_wait(operation_id, at=at)
    attempt: PaymentAttempt = PaymentAttempt.objects.get(pk=attempt_id)
    if attempt.status not in WAITING_FOR_MONEY:
        raise AttemptOver(f"{attempt} needs no card")
    if not attempt.checkout_url:
        raise CheckoutUnavailable
    return attempt.checkout_url


@transaction.atomic
def _request_page(attempt_id: int, *, success_url: str, cancel_url: str, at: datetime) -> int | None:
    """Return the operation that is to open the page, unless it is open or not wanted."""
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if attempt.status != AttemptStatus.CREATED:
        return None
    payment = Payment.objects.select_for_update().get(attempt=attempt)
    begun = _unfinished(payment)
    if begun is not None:
        return begun.pk
    return request_operation(
        kind=OperationKind.CREATE_PAYMENT_SESSION,
        params=_page_params(attempt, payment, success_url=success_url, cancel_url=cancel_url, at=at),
        payment=payment,
        at=at,
    ).pk


def _page_params(
    attempt: PaymentAttempt, payment: Payment, *, success_url: str, cancel_url: str, at: datetime
) -> dict[str, Any]:
    """Say what is held and why; nothing on it leads to the driver's pages but the address to return to."""
    name, description = _ITEM.get(attempt.language, _ITEM["en"])
    reference = {Reference.PAYMENT: str(payment.uid)}
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": attempt.currency.lower(),
                    "unit_amount": to_stripe(attempt.hold_amount.amount, currency=attempt.currency),
                    "product_data": {
                        "name": name.format(place=attempt.evse.station.location.name),
                        "description": description,
                    },
                },
            }
        ],
        "payment_intent_data": {"capture_method": "manual", "metadata": reference},
        "metadata": reference,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": attempt.language if attempt.language in _ITEM else "auto",
        "expires_at": int((at + PAGE_LIFE_AT_STRIPE).timestamp()),
    }


def sync_attempt(*, attempt_id: int, at: datetime) -> PaymentAttempt:
    """Look at an attempt's page, intent and refunds and project them; harmless however often, whoever asks.

    :raises StripeUnreachable: no answer, or too many writers at once; nothing was changed
    :raises WrongMode: the attempt belongs to the other mode
    """
    for _ in range(LOOKS):
        attempt = PaymentAttempt.objects.select_related("payment").get(pk=attempt_id)
        if attempt.checkout_session_id is None:
            return attempt
        page = look_at_page(attempt)
        refunds = look_at_refunds(attempt.payment)
        with transaction.atomic():
            locked = lock_payment(attempt.payment.pk)
            assert locked.attempt is not None
            if locked.payment.version == attempt.payment.version:
                project_hold(locked, page, at=at)
                project_refunds(locked.payment, refunds, at=at)
                _ring_for(plan_hold(locked, at=at))
                return locked.attempt
    raise StripeUnreachable(f"attempt {attempt_id} is being written by others")


def _ring_for(operation: PaymentOperation | None) -> None:
    if operation is not None:
        ring_on_commit("payment.operation", id=operation.pk)


@transaction.atomic
def forget_buyer(*, attempt_id: int) -> None:
    """Drop the name and address that were asked for in case the charge became dear."""
    PaymentAttempt.objects.filter(pk=attempt_id).update(buyer={})


@transaction.atomic
def set_grant(*, attempt_id: int, grant_id: int) -> PaymentAttempt:
    """Note the permission to start that an authorised attempt has paid for; noting it again changes nothing.

    The database refuses a second one, and one of another EVSE, tariff or ceiling.
    """
    attempt: PaymentAttempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if attempt.status != AttemptStatus.AUTHORISED and attempt.grant_id != grant_id:
        raise AttemptOver(f"{attempt} pays for no start")
    attempt.grant_id = grant_id
    attempt.save(update_fields=["grant"])
    return attempt


def release_attempt(*, attempt_id: int, reason: str, at: datetime) -> PaymentAttempt:
    """Give an attempt's money back: close its page or cancel its hold; releasing again changes nothing.

    Without an answer of Stripe's it stays *releasing*, and the janitor goes on. reason: at most 200 characters.

    :raises NotReleasable: the money is being taken, or was
    """
    operation = _begin_release(attempt_id, reason=reason, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
    released: PaymentAttempt = PaymentAttempt.objects.get(pk=attempt_id)
    return released


@transaction.atomic
def _begin_release(attempt_id: int, *, reason: str, at: datetime) -> PaymentOperation | None:
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if attempt.status in (AttemptStatus.CAPTURING, AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED):
        raise NotReleasable(f"{attempt} is not given back")
    if attempt.status in ATTEMPT_ENDS:
        return None
    if attempt.status in RELEASABLE:
        attempt.set_releasing(reason=reason, at=at)
    return go_on_releasing(attempt, at=at)


def go_on_releasing(attempt: PaymentAttempt, *, at: datetime) -> PaymentOperation | None:
    """Return the call that gives a locked attempt's money back; without anything at Stripe it is released at once."""
    if attempt.is_free:
        attempt.set_status(AttemptStatus.RELEASED, at=at)
    attempt.save()
    if attempt.is_free:
        return None
    locked = lock_payment(attempt.payment.pk)
    waiting = _unfinished(locked.payment)
    if waiting is None and locked.attempt is not None and locked.attempt.checkout_session_id is None:
        close_unmade(locked.attempt, locked.payment, at=at)
        return None
    return waiting or plan_hold(locked, at=at)


def expire_checkout(*, attempt_id: int, at: datetime) -> PaymentAttempt:
    """Close an attempt that nobody has paid within 10 minutes; who pays in the same moment has paid."""
    operation = _begin_expiry(attempt_id, at=at)
    if operation is not None:
        drive_operation(operation_id=operation.pk, at=at)
    attempt: PaymentAttempt = PaymentAttempt.objects.get(pk=attempt_id)
    return attempt


@transaction.atomic
def _begin_expiry(attempt_id: int, *, at: datetime) -> PaymentOperation | None:
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if attempt.status not in WAITING_FOR_MONEY or at < attempt.created_at + PAGE_LIFE:
        return None
    locked: Locked = lock_payment(attempt.payment.pk)
    waiting = _unfinished(locked.payment)
    if waiting is not None:
        return waiting
    if attempt.checkout_session_id is None:
        close_unmade(attempt, locked.payment, at=at)
        return None
    return ask(OperationKind.EXPIRE_SESSION, locked.payment, at=at)


def _unfinished(payment: Payment) -> PaymentOperation | None:
    operation: PaymentOperation | None = payment.operations.filter(status__in=UNFINISHED).first()
    return operation
