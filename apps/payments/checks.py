"""I12: our payments stand as Stripe's. Asks Stripe for whole lists, a hundred at a time; ``audit --stripe`` runs it."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db.models import Min, Sum

from apps.core.audit import register
from apps.payments import gateway, gateway_books
from apps.payments.domain.agreement import Standing, disagreements
from apps.payments.domain.disputes import MONEY_AWAY
from apps.payments.domain.status import OperationKind, PaymentStatus, RefundStatus
from apps.payments.models import Dispute, Payment, PaymentOperation, Refund
from apps.payments.outcomes import Done, IntentSnapshot, Outcome, Reference, Rejected, Unknown
from apps.payments.services.projection import StripeUnreachable

Value = TypeVar("Value")
Sums = dict[str, Decimal]

ASKING = (OperationKind.CAPTURE_INTENT, OperationKind.CONFIRM_INTENT)


@register("I12", is_remote=True)
def payments_stand_as_stripes() -> Iterator[tuple[str, str]]:
    """Yield each payment that does not stand as at Stripe, and each intent of ours that we know nothing of.

    :raises StripeUnreachable: no answer
    """
    mine = Payment.objects.filter(livemode=gateway.livemode())
    first = mine.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return
    since = first - timedelta(days=1)
    intents = {intent.stripe_id: intent for intent in _said(gateway_books.list_intents(since=since))}
    refunded, disputed = _refunded(since), _disputed(since)
    our_refunds, our_disputes, asked = _our_refunds(), _our_disputes(), _asked()
    for payment in mine.filter(stripe_id__isnull=False).order_by("pk").iterator():
        intent = intents.pop(payment.stripe_id, None)
        if intent is None:
            yield f"payment {payment.pk}", f"Stripe knows no {payment.stripe_id}: made for another account or mode"
            continue
        ours = Standing(
            status=PaymentStatus(payment.status),
            amount=payment.amount.amount,
            received=payment.amount_received.amount,
            refunded=our_refunds.get(payment.pk, Decimal(0)),
            disputed=our_disputes.get(payment.pk, Decimal(0)),
        )
        # A link or a top-up is paid on its page, where nobody but the payer asks for the money.
        is_asked = payment.pk in asked or payment.kind in (Payment.Kind.LINK, Payment.Kind.TOP_UP)
        for problem in disagreements(ours=ours, stripes=_standing(intent, refunded, disputed), is_asked=is_asked):
            yield f"payment {payment.pk}", problem
    yield from _unheard_of(intents)


def _unheard_of(intents: dict[str, IntentSnapshot]) -> Iterator[tuple[str, str]]:
    """Yield intents that bear our reference and have taken or hold money, of which no row of ours knows the id."""
    moving = (PaymentStatus.SUCCEEDED, PaymentStatus.REQUIRES_CAPTURE, PaymentStatus.PROCESSING)
    for intent in intents.values():
        if Reference.PAYMENT in intent.metadata and intent.status in moving:
            yield (
                f"intent {intent.stripe_id}",
                f"Stripe says {intent.status}, we say nothing: the page's webhook is missing",
            )


def _standing(intent: IntentSnapshot, refunded: Sums, disputed: Sums) -> Standing:
    return Standing(
        status=intent.status,
        amount=intent.amount,
        received=intent.amount_received,
        refunded=refunded.get(intent.stripe_id, Decimal(0)),
        disputed=disputed.get(intent.stripe_id, Decimal(0)),
    )


def _refunded(since: datetime) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for intent, refund in _said(gateway_books.list_refunds_since(since)):
        if refund.status == RefundStatus.SUCCEEDED:
            sums[intent] += refund.amount
    return sums


def _disputed(since: datetime) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for dispute in _said(gateway_books.list_disputes(since=since)):
        if dispute.status in MONEY_AWAY:
            sums[dispute.intent] += dispute.amount
    return sums


def _our_refunds() -> dict[int, Decimal]:
    done = Refund.objects.filter(status=RefundStatus.SUCCEEDED).order_by().values("payment")
    return dict(done.annotate(sum=Sum("amount")).values_list("payment", "sum"))


def _our_disputes() -> dict[int, Decimal]:
    away = Dispute.objects.filter(status__in=[status.value for status in MONEY_AWAY]).order_by().values("payment")
    return dict(away.annotate(sum=Sum("amount")).values_list("payment", "sum"))


def _asked() -> set[int | None]:
    return set(PaymentOperation.objects.filter(kind__in=ASKING).values_list("payment_id", flat=True))


def _said(outcome: Outcome[Value]) -> Value:
    match outcome:
        case Done(value=value):
            return value
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)
