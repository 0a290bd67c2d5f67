"""Read Stripe's payouts and balance transactions, a page at a time; killed anywhere, the next run goes on.

Each page is kept in a transaction of its own and the mark moves when a day is whole, so what is before it is all here.
Reading the same again keeps nothing twice. No transaction is open while Stripe is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db import transaction

from apps.accounting.models import BalanceEntry, Payout, PullMark
from apps.accounting.selectors import first_pull_from
from apps.accounting.services.payouts import project_payout
from apps.accounts.models import Organisation
from apps.core import failpoints
from apps.payments import gateway, gateway_books
from apps.payments.outcomes import BalanceLine, BalancePage, Done, Outcome, Rejected, Unknown
from apps.payments.services.projection import StripeUnreachable

Value = TypeVar("Value")

WINDOW: Final = timedelta(days=1)
OVERLAP: Final = timedelta(hours=1)
"""Read again around a window: Stripe lists what it books a moment late, and its clock is not ours."""
PAYOUTS_CHANGE_FOR: Final = timedelta(days=60)
"""How long a payout may still arrive or fail."""


def pull_stripe(*, owner: Organisation, at: datetime) -> None:
    """Read what Stripe booked since the last run until ``at``; the owner's first run begins with the first payment.

    :raises StripeUnreachable: no answer; what was read is kept, and the next run goes on
    """
    begin = _mark(owner)
    if begin is None:
        return
    for payout in _said(gateway_books.list_payouts(since=min(begin, at - PAYOUTS_CHANGE_FOR))):
        project_payout(owner=owner, snapshot=payout, at=at)
    while begin < at:
        until = min(begin + WINDOW, at)
        _pull_window(owner, since=begin - OVERLAP, until=until + OVERLAP)
        _move_mark(owner, until)
        begin = until
    unread = Payout.objects.filter(seller=owner, is_automatic=True, lines_pulled_at__isnull=True)
    for payout_id in unread.order_by("pk").values_list("pk", flat=True):
        _pull_parts(payout_id, at=at)


def _mark(owner: Organisation) -> datetime | None:
    marks = PullMark.objects.filter(seller=owner, livemode=gateway.livemode())
    return marks.values_list("pulled_until", flat=True).first() or first_pull_from(owner)


@transaction.atomic
def _move_mark(owner: Organisation, until: datetime) -> None:
    mark, _ = PullMark.objects.select_for_update().get_or_create(
        seller=owner, livemode=gateway.livemode(), defaults={"pulled_until": until}
    )
    # Another run may have come further meanwhile.
    mark.pulled_until = max(mark.pulled_until, until)
    mark.save(update_fields=["pulled_until"])


def _pull_window(owner: Organisation, *, since: datetime, until: datetime) -> None:
    for lines in _pages(lambda after: gateway_books.balance_page(since=since, until=until, after=after)):
        store_lines(owner=owner, lines=lines)
        failpoints.hit("accounting.after_page")


def _pull_parts(payout_id: int, *, at: datetime) -> None:
    """Read what an automatic payout consists of, which never changes once it is made."""
    payout = Payout.objects.select_related("seller").get(pk=payout_id)
    for lines in _pages(lambda after: gateway_books.payout_page(payout=payout.stripe_id, after=after)):
        store_lines(owner=payout.seller, lines=lines, payout=payout)
    Payout.objects.filter(pk=payout_id, lines_pulled_at__isnull=True).update(lines_pulled_at=at)


@transaction.atomic
def store_lines(*, owner: Organisation, lines: Sequence[BalanceLine], payout: Payout | None = None) -> None:
    """Keep balance transactions, each once, and note in which payout they left."""
    BalanceEntry.objects.bulk_create(
        (
            BalanceEntry(
                seller=owner,
                stripe_id=line.stripe_id,
                kind=line.kind[:60],
                currency=line.currency,
                amount=line.amount,
                fee=line.fee,
                net=line.net,
                source=line.source,
                intent=line.intent,
                description=line.description[:300],
                created_at=line.created_at,
                available_on=line.available_on,
            )
            for line in lines
        ),
        ignore_conflicts=True,
    )
    if payout is not None:
        ids = [line.stripe_id for line in lines]
        BalanceEntry.objects.filter(stripe_id__in=ids, payout__isnull=True).update(payout=payout)


def _pages(look: Callable[[str], Outcome[BalancePage]]) -> Iterator[Sequence[BalanceLine]]:
    after = ""
    while True:
        page = _said(look(after))
        yield page.lines
        if not page.has_more:
            return
        after = page.lines[-1].stripe_id


def _said(outcome: Outcome[Value]) -> Value:
    match outcome:
        case Done(value=value):
            return value
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)
