"""The only door to Stripe: typed calls in, values of our own out. No other module imports the SDK.

What is read of Stripe's own books stands in ``gateway_books``, which comes through here.

Each call is made once (``max_network_retries=0``; the janitor repeats, under the same key), outside any transaction,
with 3 s to connect and 10 s to be answered, under a pinned API version. Settings are read at each call.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import stripe
from django.conf import settings
from django.db import connection

from apps.payments.domain.amounts import from_stripe
from apps.payments.domain.failures import Failure
from apps.payments.domain.holds import PageStatus
from apps.payments.domain.status import MethodKind, PaymentStatus, RefundStatus
from apps.payments.outcomes import (
    Done,
    EventHint,
    Fee,
    ForgedEvent,
    IntentSnapshot,
    MandateSnapshot,
    MethodSnapshot,
    Next,
    Outcome,
    PageSnapshot,
    Reference,
    RefundSnapshot,
    Rejected,
    Return,
    SetupSnapshot,
    SetupStatus,
    Unknown,
)

API_VERSION: Final = "2026-10-28.endive"
TIMEOUT: Final = (3, 10)
"""Seconds to connect, seconds to be answered; the SDK's own 80 s would hold a worker for longer than the janitor."""
WEBHOOK_TOLERANCE: Final = 300
INTENT_EXPANDED: Final = ["latest_charge.balance_transaction"]
SETUP_EXPANDED: Final = ["setup_intent.payment_method", "setup_intent.mandate"]
PAGE_EXPANDED: Final = ["payment_intent.latest_charge.balance_transaction"]

Params = Mapping[str, Any]
Value = TypeVar("Value")


def livemode() -> bool:
    """Return whether our key moves real money."""
    return settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))


# calls that change something; each under its idempotency key


def create_customer(*, params: Params, key: str) -> Outcome[str]:
    """Make a customer; the value is its id."""
    return _call(lambda client: client.v1.customers.create(_given(params), _options(key)).id)


def create_setup_session(*, params: Params, key: str) -> Outcome[SetupSnapshot]:
    """Make a hosted page on which a customer saves a card or signs a mandate."""
    return _call(lambda client: _setup(client.v1.checkout.sessions.create(_given(params), _options(key))))


def detach_method(*, payment_method_id: str, key: str) -> Outcome[MethodSnapshot]:
    """Let Stripe forget a saved card or bank account."""
    return _call(lambda client: _method(client.v1.payment_methods.detach(payment_method_id, {}, _options(key))))


def create_intent(*, params: Params, key: str) -> Outcome[IntentSnapshot]:
    """Make an unconfirmed intent."""
    return _call(lambda client: _intent(client.v1.payment_intents.create(_given(params), _options(key))))


def update_intent(*, stripe_id: str, params: Params, key: str) -> Outcome[IntentSnapshot]:
    """Change an unconfirmed intent, e.g. its ``amount`` (minor units)."""
    return _call(lambda client: _intent(client.v1.payment_intents.update(stripe_id, _given(params), _options(key))))


def confirm_intent(*, stripe_id: str, params: Params, key: str) -> Outcome[IntentSnapshot]:
    """Charge an intent off-session; a decline is ``Rejected``."""
    return _call(lambda client: _intent(client.v1.payment_intents.confirm(stripe_id, _given(params), _options(key))))


def cancel_intent(*, stripe_id: str, key: str) -> Outcome[IntentSnapshot]:
    """Cancel an intent that has not succeeded; what it held is released."""
    return _call(lambda client: _intent(client.v1.payment_intents.cancel(stripe_id, {}, _options(key))))


def create_payment_session(*, params: Params, key: str) -> Outcome[PageSnapshot]:
    """Make a hosted page on which a driver's card is charged or held."""
    return _call(
        lambda client: _page(
            client.v1.checkout.sessions.create(_given({**params, "expand": PAGE_EXPANDED}), _options(key))
        )
    )


def expire_session(*, stripe_id: str, key: str) -> Outcome[PageSnapshot]:
    """Close an open page; one that was paid on is ``Rejected``."""
    return _call(
        lambda client: _page(client.v1.checkout.sessions.expire(stripe_id, {"expand": PAGE_EXPANDED}, _options(key)))
    )


def capture_intent(*, stripe_id: str, params: Params, key: str) -> Outcome[IntentSnapshot]:
    """Take ``amount_to_capture`` (minor units) of a hold, once; the rest is released."""
    return _call(lambda client: _intent(client.v1.payment_intents.capture(stripe_id, _given(params), _options(key))))


def create_refund(*, params: Params, key: str) -> Outcome[RefundSnapshot]:
    """Give captured money back."""
    return _call(lambda client: _refund(client.v1.refunds.create(_given(params), _options(key))))


# looks


def retrieve_intent(stripe_id: str) -> Outcome[IntentSnapshot]:
    """Look at an intent, its latest charge and that charge's balance transaction, and whether a bank took it back."""

    def look(client: stripe.StripeClient) -> IntentSnapshot:
        intent = client.v1.payment_intents.retrieve(stripe_id, {"expand": INTENT_EXPANDED}, _options())
        snapshot = _intent(intent)
        if not _is_disputed_debit(intent.latest_charge):
            return snapshot
        disputes = client.v1.disputes.list({"payment_intent": stripe_id, "limit": 100}, _options())
        lost = [dispute for dispute in disputes.data if dispute.status == "lost"]
        return replace(snapshot, returned=_return(lost[0])) if lost else snapshot

    return _call(look)


def find_intent(*, customer: str, payment_uid: str, since: datetime) -> Outcome[IntentSnapshot | None]:
    """Look among a customer's intents made since then for the one that bears our payment's reference."""

    def look(client: stripe.StripeClient) -> IntentSnapshot | None:
        intents = client.v1.payment_intents.list(
            {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": 100}, _options()
        )
        for intent in intents.auto_paging_iter():
            if _metadata(intent).get(Reference.PAYMENT) == payment_uid:
                return _intent(intent)
        return None

    return _call(look)


def retrieve_setup_session(stripe_id: str) -> Outcome[SetupSnapshot]:
    """Look at a Checkout session in setup mode, the method it saved and the mandate signed for it."""
    return _call(
        lambda client: _setup(client.v1.checkout.sessions.retrieve(stripe_id, {"expand": SETUP_EXPANDED}, _options()))
    )


def retrieve_payment_session(stripe_id: str) -> Outcome[PageSnapshot]:
    """Look at a Checkout session in payment mode, its intent, and that one's charge and balance transaction."""
    return _call(
        lambda client: _page(client.v1.checkout.sessions.retrieve(stripe_id, {"expand": PAGE_EXPANDED}, _options()))
    )


def list_refunds(*, intent: str) -> Outcome[list[RefundSnapshot]]:
    """Look at every refund of an intent, newest first."""

    def look(client: stripe.StripeClient) -> list[RefundSnapshot]:
        found = client.v1.refunds.list({"payment_intent": intent, "limit": 100}, _options())
        return [_refund(refund) for refund in found.auto_paging_iter()]

    return _call(look)


def retrieve_method(stripe_id: str) -> Outcome[MethodSnapshot]:
    """Look at a saved card or bank account; not at its mandate."""
    return _call(lambda client: _method(client.v1.payment_methods.retrieve(stripe_id, {}, _options())))


def retrieve_mandate(stripe_id: str) -> Outcome[MandateSnapshot]:
    """Look at a SEPA mandate."""
    return _call(lambda client: _mandate(client.v1.mandates.retrieve(stripe_id, {}, _options())))


def retrieve_event(stripe_id: str) -> Outcome[dict[str, Any]]:
    """Look at an event of the last 30 days, as Stripe keeps it."""
    return _call(lambda client: client.v1.events.retrieve(stripe_id, {}, _options()).to_dict())


# webhooks


def read_webhook(*, body: bytes, signature: str) -> EventHint:
    """Verify a raw webhook body against each configured secret and read its envelope.

    :raises ForgedEvent: none of the secrets signed it within 300 s, or it is no event
    """
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret, WEBHOOK_TOLERANCE)
            return _hint(json.loads(body))
        except stripe.SignatureVerificationError:
            continue
        except ValueError as error:
            raise ForgedEvent("signed, but no JSON") from error
    raise ForgedEvent("signed by none of our secrets")


def _hint(event: Any) -> EventHint:
    """Read the envelope of a snapshot event."""
    try:
        if event["object"] != "event" or not isinstance(event["data"]["object"], dict):
            raise ForgedEvent("signed, but no snapshot event")
        return EventHint(
            stripe_id=event["id"],
            type=event["type"],
            livemode=event["livemode"],
            api_version=event["api_version"] or "",
            payload=dict(event),
        )
    except (KeyError, TypeError) as error:
        raise ForgedEvent("signed, but no event") from error


# how a call is made


@lru_cache(maxsize=1)
def _connections() -> stripe.RequestsClient:
    """Return what keeps connections open; each thread has its own."""
    return stripe.RequestsClient(timeout=TIMEOUT)


def forget_connections() -> None:
    """Close this thread's connections, e.g. before the thread ends."""
    _connections().close()  # type: ignore[no-untyped-call]


def _client() -> stripe.StripeClient:
    base = settings.STRIPE_API_BASE
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        stripe_version=API_VERSION,
        base_addresses={"api": base} if base else {},
        max_network_retries=0,
        http_client=_connections(),
    )


def _options(key: str = "") -> Any:
    return {"idempotency_key": key} if key else {}


def _given(params: Params) -> Any:
    """Parameters as the SDK's generated types want them; that they fit is what the sandbox checks."""
    return dict(params)


def _is_in_transaction() -> bool:
    """Return whether a transaction of ours is open; the one a test-case wraps itself in does not count.

    The same question as ``atomic(durable=True)`` asks, without opening a transaction for it.
    """
    return any(not block._from_testcase for block in connection.atomic_blocks)  # type: ignore[attr-defined]


def _call(deed: Callable[[stripe.StripeClient], Value]) -> Outcome[Value]:
    """Make one call and say what it came to."""
    assert not _is_in_transaction(), "no call to Stripe while a transaction holds locks"
    try:
        return Done(value=deed(_client()))
    except stripe.APIConnectionError as error:
        return Unknown(then=Next.SAME_KEY, reason=f"no answer: {type(error.__cause__).__name__}")
    except stripe.StripeError as error:
        return _refused(error)


def _refused(error: stripe.StripeError) -> Rejected | Unknown:
    status = error.http_status or 0
    reason = f"{status} {error.user_message or type(error).__name__}"
    if status >= 500:
        return Unknown(then=Next.LOOK, reason=reason)
    # A key that is not let in says nothing of an earlier attempt, so it must not end an operation either.
    if status in (401, 403, 409, 429):
        return Unknown(then=Next.LATER, reason=reason)
    # The key is known with other parameters: something was done under it, and only looking tells what.
    if isinstance(error, stripe.IdempotencyError):
        return Unknown(then=Next.LOOK, reason=reason)
    if not 400 <= status < 500:
        return Unknown(then=Next.SAME_KEY, reason=f"unreadable answer: {reason}")
    return Rejected(status=status, failure=_failure(error.error), message=reason)


# Stripe's objects as our values


def _failure(said: Any) -> Failure:
    """Read the codes of an error or of an intent's ``last_payment_error``."""
    code = getattr(said, "decline_code", None) or getattr(said, "code", None) or getattr(said, "type", None)
    return Failure(code=code or "", advice=getattr(said, "advice_code", None) or "")


def _metadata(found: Any) -> dict[str, str]:
    return found.metadata.to_dict() if found.metadata else {}


def _intent(intent: stripe.PaymentIntent) -> IntentSnapshot:
    currency = intent.currency.upper()
    charge = intent.latest_charge
    booked = getattr(charge, "balance_transaction", None) if intent.status == "succeeded" else None
    return IntentSnapshot(
        stripe_id=intent.id,
        status=PaymentStatus(intent.status),
        currency=currency,
        amount=from_stripe(intent.amount, currency=currency),
        amount_received=from_stripe(intent.amount_received, currency=currency),
        livemode=intent.livemode,
        amount_capturable=from_stripe(intent.amount_capturable, currency=currency),
        capture_before=_capture_before(charge) if intent.status == "requires_capture" else None,
        latest_charge=_id(charge),
        card_last4=getattr(_card(charge), "last4", None) or "",
        balance_transaction=_id(booked),
        fee=_fee(booked) if isinstance(booked, stripe.BalanceTransaction) else None,
        failure=_failure(intent.last_payment_error) if intent.last_payment_error else None,
        metadata=_metadata(intent),
    )


def _is_disputed_debit(charge: Any) -> bool:
    """Return whether the bank of a debited account took its money back: Stripe calls that a dispute, lost at once."""
    details = getattr(charge, "payment_method_details", None)
    return bool(getattr(charge, "disputed", False)) and getattr(details, "type", None) == "sepa_debit"


def _return(dispute: stripe.Dispute) -> Return:
    booked = dispute.balance_transactions[0] if dispute.balance_transactions else None
    return Return(
        amount=from_stripe(dispute.amount, currency=dispute.currency.upper()),
        reason=dispute.reason,
        fee=_fee(booked) if booked else None,
    )


def _card(charge: Any) -> Any:
    """Return the card of an expanded charge; None of one that is not, or that debits an account."""
    return getattr(getattr(charge, "payment_method_details", None), "card", None)


def _capture_before(charge: Any) -> datetime | None:
    """Read until when a hold stands; only the expanded charge of a card says."""
    seconds = getattr(_card(charge), "capture_before", None)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _fee(booked: stripe.BalanceTransaction) -> Fee:
    currency = booked.currency.upper()
    return Fee(amount=from_stripe(booked.fee, currency=currency), currency=currency)


def _id(reference: Any) -> str:
    """Return the id of a reference, expanded or not; nothing for none."""
    if reference is None or isinstance(reference, str):
        return reference or ""
    return str(reference.id)


def _method(method: stripe.PaymentMethod, mandate: Any = None) -> MethodSnapshot:
    card, account = getattr(method, "card", None), getattr(method, "sepa_debit", None)
    return MethodSnapshot(
        stripe_id=method.id,
        kind=MethodKind(method.type),
        last4=getattr(card or account, "last4", None) or "",
        is_attached=method.customer is not None,
        livemode=method.livemode,
        brand=getattr(card, "brand", None) or "",
        expiry_month=getattr(card, "exp_month", None),
        expiry_year=getattr(card, "exp_year", None),
        bank_code=getattr(account, "bank_code", None) or "",
        country=getattr(account, "country", None) or "",
        mandate=_mandate(mandate) if isinstance(mandate, stripe.Mandate) else None,
    )


def _mandate(mandate: stripe.Mandate) -> MandateSnapshot:
    signed = getattr(mandate.payment_method_details, "sepa_debit", None)
    return MandateSnapshot(
        stripe_id=mandate.id,
        reference=getattr(signed, "reference", None) or "",
        is_active=mandate.status == "active",
    )


def _setup(session: stripe.checkout.Session) -> SetupSnapshot:
    intent = session.setup_intent
    method = getattr(intent, "payment_method", None)
    is_saved = session.status == "complete" and isinstance(method, stripe.PaymentMethod)
    closed = SetupStatus.EXPIRED if session.status == "expired" else SetupStatus.OPEN
    return SetupSnapshot(
        stripe_id=session.id,
        status=SetupStatus.SAVED if is_saved else closed,
        url=session.url or "",
        livemode=session.livemode,
        method=_method(method, getattr(intent, "mandate", None))
        if is_saved and isinstance(method, stripe.PaymentMethod)
        else None,
    )


def _page(session: stripe.checkout.Session) -> PageSnapshot:
    intent = session.payment_intent
    assert not isinstance(intent, str), "a page is looked at with its intent"
    return PageSnapshot(
        stripe_id=session.id,
        status=PageStatus(session.status or PageStatus.OPEN),
        url=session.url or "",
        livemode=session.livemode,
        intent=_intent(intent) if intent else None,
    )


_REFUND_STATUS: Final[Mapping[str, RefundStatus]] = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def _refund(refund: stripe.Refund) -> RefundSnapshot:
    currency = refund.currency.upper()
    return RefundSnapshot(
        stripe_id=refund.id,
        status=_REFUND_STATUS.get(refund.status or "", RefundStatus.PENDING),
        amount=from_stripe(refund.amount, currency=currency),
        currency=currency,
        reference=_metadata(refund).get(Reference.REFUND, ""),
        failure=getattr(refund, "failure_reason", None) or "",
    )


# What the modules beside this one speak to Stripe with.
ask, given, options, id_of, read_intent, read_refund = _call, _given, _options, _id, _intent, _refund
