"""Find a driver's charge by the last four digits of its card, its amount and its day; each search leaves a row.

Nothing that fits and nothing of that card are one answer. The row is written before anything is counted, so that
searches at the same moment count each other: at most ``TRIES`` of them are answered, perhaps fewer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from apps.accounts.models import User
from apps.payments.domain.finding import KEPT, MISSES, TRIES, WINDOW, SearchOutcome, Wanted, names_place, touches_day
from apps.payments.models import ChargeSearch, Payment, PaymentAttempt

_MISSED = (SearchOutcome.ASKED, SearchOutcome.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a driver is told; ``attempt`` only where it is the only one that fits."""

    outcome: SearchOutcome
    attempt: PaymentAttempt | None = None


def find_charge(*, wanted: Wanted, network: str, seller_id: int | None, at: datetime) -> Found:
    """Find the one charge that fits for somebody without an account.

    network    whence they ask (``core.domain.networks``) · seller_id: whose charges; None: every owner's
    """
    search = ChargeSearch.objects.create(
        seller_id=seller_id,
        network=salted_hmac("payments.search", network, algorithm="sha256").hexdigest()[:32],
        at=at,
        **_asked(wanted),
    )
    if _is_too_often(search):
        search.set_outcome(SearchOutcome.REFUSED)
        return Found(outcome=SearchOutcome.REFUSED)
    attempts = PaymentAttempt.objects.filter(seller=seller_id) if seller_id else PaymentAttempt.objects.all()
    return _answer(search, charges_like(attempts, wanted))


def find_for_support(
    *, attempts: QuerySet[PaymentAttempt], wanted: Wanted, seller_id: int | None, by: User, at: datetime
) -> list[PaymentAttempt]:
    """Find all charges among ``attempts`` that fit, for somebody who answers for them; it is noted who.

    seller_id  whose charges they may see; None: every owner's
    """
    search = ChargeSearch.objects.create(seller_id=seller_id, by=by, at=at, **_asked(wanted))
    found = charges_like(attempts, wanted)
    _answer(search, found)
    return found


def charges_like(attempts: QuerySet[PaymentAttempt], wanted: Wanted) -> list[PaymentAttempt]:
    """Return the charges among ``attempts`` that fit, the latest first, with session, receipt and place loaded."""
    of_card = Payment.objects.filter(card_last4=wanted.card_last4, kind__in=[Payment.Kind.HOLD, Payment.Kind.LINK])
    fitting = of_card.filter(Q(amount_received=wanted.amount) | Q(amount_received=0, amount=wanted.amount))
    # A hold belongs to its attempt; a link pays the receipt, or the invoice in its stead.
    keys = list(fitting.values_list("attempt_id", "invoice_id", "invoice__replaces_id"))
    receipts = {key for _, *documents in keys for key in documents if key}
    candidates = attempts.filter(
        Q(pk__in={attempt_id for attempt_id, *_ in keys if attempt_id}) | Q(receipt__in=receipts)
    ).select_related("evse__station__location__owner", "grant__used_by_session", "receipt", "payment")
    return [attempt for attempt in candidates.order_by("-created_at", "-pk") if _fits(attempt, wanted)]


def forget_searches(*, at: datetime) -> int:
    """Delete the searches that have been kept long enough; return how many."""
    deleted, _ = ChargeSearch.objects.filter(at__lt=at - KEPT).delete()
    return deleted


def _fits(attempt: PaymentAttempt, wanted: Wanted) -> bool:
    session = attempt.grant.used_by_session if attempt.grant else None
    location = attempt.evse.station.location
    is_of_day = touches_day(
        began_at=session.started_at if session else attempt.created_at,
        ended_at=session.ended_at if session else attempt.ended_at,
        day=wanted.day,
        time_zone=location.time_zone,
    )
    parts = (location.name, location.street, location.postcode, location.city, attempt.pay_code[:6])
    return is_of_day and (not wanted.place or names_place(wanted.place, parts=parts))


def _is_too_often(search: ChargeSearch) -> bool:
    lately = ChargeSearch.objects.filter(at__gt=search.at - WINDOW, by__isnull=True).exclude(
        outcome=SearchOutcome.REFUSED
    )
    missed = lately.filter(outcome__in=_MISSED).filter(Q(seller=search.seller_id) | Q(seller__isnull=True))
    return lately.filter(network=search.network).count() > TRIES or missed.count() > MISSES


def _answer(search: ChargeSearch, found: list[PaymentAttempt]) -> Found:
    if len(found) == 1:
        search.set_outcome(SearchOutcome.ONE, attempt=found[0])
        return Found(outcome=SearchOutcome.ONE, attempt=found[0])
    outcome = SearchOutcome.SEVERAL if found else SearchOutcome.NOTHING
    search.set_outcome(outcome)
    return Found(outcome=outcome)


def _asked(wanted: Wanted) -> dict[str, Any]:
    return {
        "card_last4": wanted.card_last4,
        "amount": wanted.amount,
        "day": wanted.day,
        "place": wanted.place,
    }
