"""Set Stripe's books beside ours: read, match, and keep what does not agree on the list that an operator works off."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Sum

from apps.accounting.domain.differences import Difference, DifferenceKind, in_words
from apps.accounting.models import BalanceEntry, Discrepancy, Payout
from apps.accounting.selectors import (
    account_owner,
    clearing_of,
    open_discrepancies,
    told_of,
    unknown_to_stripe,
    unmatched_entries,
)
from apps.accounting.services.matching import differing_entries, match_entries
from apps.accounting.services.pulling import pull_stripe
from apps.accounts.models import Organisation, User
from apps.payments import gateway_books
from apps.payments.outcomes import Done, Rejected, Unknown
from apps.payments.services.projection import StripeUnreachable

GRACE: Final = timedelta(hours=1)
"""How long the sweep leaves a difference to the webhook that is on its way."""
BY_ITSELF: Final = "It agrees by now."


class NotResolvable(Exception):
    """The discrepancy is resolved already, or no note says how; nothing was changed."""


def reconcile(*, since: datetime | None, at: datetime, grace: timedelta = timedelta(0)) -> list[Difference]:
    """Read Stripe's books until ``at``, match them, list what does not agree, and return what nobody has dealt with.

    since  leave out what was made before · grace: leave out what was made in the last moments

    :raises OwnerUnknown: several sellers and no setting says whose the Stripe account is
    :raises StripeUnreachable: no answer; what was read is kept
    """
    owner = account_owner()
    if owner is None:
        return []
    pull_stripe(owner=owner, at=at)
    match_entries(owner=owner, at=at)
    found = list(find_differences(owner, since=since, until=at - grace))
    if since is None:
        found += _balance_difference(owner)
    return _list(owner, found, is_whole=since is None, at=at)


def find_differences(owner: Organisation, *, since: datetime | None, until: datetime) -> Iterator[Difference]:
    """Yield what does not agree, from what was read: entries, journals, payouts. No network."""
    yield from differing_entries(owner, since=since, until=until)
    yield from _unknown_to_stripe(owner, since=since, until=until)
    yield from _payouts(owner, since=since)


def _unknown_to_stripe(owner: Organisation, *, since: datetime | None, until: datetime) -> Iterator[Difference]:
    """Yield journals that move clearing without a balance transaction, unless its own difference tells of them."""
    journals = list(unknown_to_stripe(owner, since=since, until=until))
    compared = _journals_of_differing(owner)
    amounts = clearing_of(owner, [journal.key for journal in journals])
    for journal in journals:
        if journal.key in compared:
            continue
        ours = " and ".join(in_words(amount, currency) for currency, amount in sorted(amounts[journal.key].items()))
        yield Difference(
            key=f"journal:{journal.key}",
            kind=DifferenceKind.UNKNOWN_THERE,
            subject=f"{journal.key}: {journal.text}"[:200],
            stripe_says="nothing",
            we_say=f"{ours}, booked {journal.created_at:%Y-%m-%d %H:%M} UTC"[:300],
            cause="Booked twice, by hand, or for another Stripe account; or Stripe has not booked it yet.",
        )


def _journals_of_differing(owner: Organisation) -> set[str]:
    """Return the journals of entries that differ: what they say is told with their entry."""
    told = told_of(owner, list(unmatched_entries(owner)))
    return {key for each in told.values() for key in (each.journal_key, each.fee_key)}


def _payouts(owner: Organisation, *, since: datetime | None) -> Iterator[Difference]:
    """Yield automatic payouts whose parts do not add up to them."""
    whole = Payout.objects.filter(seller=owner, is_automatic=True, lines_pulled_at__isnull=False)
    for payout in whole.filter(created_at__gte=since) if since else whole:
        parts = payout.entries.exclude(source=payout.stripe_id).aggregate(sum=Sum("net"))["sum"] or Decimal(0)
        if parts != payout.amount.amount:
            yield Difference(
                key=f"payout:{payout.stripe_id}",
                kind=DifferenceKind.PAYOUT,
                subject=str(payout),
                stripe_says=f"paid out {in_words(payout.amount.amount, payout.currency)}",
                we_say=f"its parts come to {in_words(parts, payout.currency)}",
                cause="A part is missing here or belongs to another payout: compare the payout's page at Stripe.",
                payout=payout.pk,
            )


def _balance_difference(owner: Organisation) -> list[Difference]:
    """Compare Stripe's whole balance with the sum of all that was read: a hole in the reading shows here."""
    match gateway_books.retrieve_balance():
        case Done(value=balance):
            pass
        case Unknown(reason=reason) | Rejected(message=reason):
            raise StripeUnreachable(reason)
    sums = BalanceEntry.objects.filter(seller=owner).order_by().values("currency").annotate(sum=Sum("net"))
    read = {row["currency"]: Decimal(row["sum"]) for row in sums}
    return [
        Difference(
            # Another amount is another difference, though this one was dealt with.
            key=f"balance:{currency}:{balance.get(currency, Decimal(0)) - read.get(currency, Decimal(0)):f}",
            kind=DifferenceKind.BALANCE,
            subject=f"balance in {currency}",
            stripe_says=in_words(balance.get(currency, Decimal(0)), currency),
            we_say=f"{in_words(read.get(currency, Decimal(0)), currency)} by all that was read",
            cause="Stripe booked something in this very moment, or before the first payment here.",
        )
        for currency in sorted(balance.keys() | read.keys())
        if balance.get(currency, Decimal(0)) != read.get(currency, Decimal(0))
    ]


@transaction.atomic
def _list(owner: Organisation, found: Sequence[Difference], *, is_whole: bool, at: datetime) -> list[Difference]:
    """Put differences on the list, each once; one that is gone is resolved by itself, one that is back is open again.

    What a person has resolved stays resolved, and is not returned.
    """
    # Two runs at once would list the same twice.
    Organisation.objects.select_for_update(no_key=True).get(pk=owner.pk)
    known = {row.key: row for row in Discrepancy.objects.filter(seller=owner, key__in=[each.key for each in found])}
    left = []
    for each in found:
        row = known.get(each.key) or Discrepancy(seller=owner, key=each.key, found_at=at)
        if row.resolved_by_id is not None:
            continue
        row.kind, row.subject, row.cause = each.kind, each.subject, each.cause
        row.stripe_says, row.we_say = each.stripe_says, each.we_say
        row.entry_id, row.payout_id = each.entry, each.payout
        row.resolved_at, row.note = None, ""
        row.save()
        left.append(each)
    if is_whole:
        gone = open_discrepancies().filter(seller=owner).exclude(key__in=[each.key for each in found])
        gone.update(resolved_at=at, note=BY_ITSELF)
    return left


@transaction.atomic
def resolve_discrepancy(*, discrepancy_id: int, note: str, by: User, at: datetime) -> Discrepancy:
    """Take a discrepancy off the list: a person has dealt with it and says how.

    :raises NotResolvable: see there
    """
    row: Discrepancy = Discrepancy.objects.select_for_update().get(pk=discrepancy_id)
    if row.resolved_at is not None:
        raise NotResolvable("It is resolved already.")
    if not note.strip():
        raise NotResolvable("Say what was done about it.")
    row.resolved_at, row.resolved_by, row.note = at, by, note.strip()[:300]
    row.save(update_fields=["resolved_at", "resolved_by", "note"])
    return row
