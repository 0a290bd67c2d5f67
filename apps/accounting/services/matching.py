"""Tie each balance transaction to the journals that say the same, once; book fees that belong to no payment."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.accounting.domain.differences import Difference, DifferenceKind, Sort, Told, disagreement, in_words, sort_of
from apps.accounting.models import BalanceEntry
from apps.accounting.selectors import clearing_of, told_of, unmatched_entries
from apps.accounts.models import Organisation
from apps.core.domain.zones import zone
from apps.ledger import services as ledger
from apps.ledger.services import PostingLine, Role

CHUNK: Final = 500


def match_entries(*, owner: Organisation, at: datetime) -> None:
    """Match whatever agrees with the books; what does not waits, and is told as a difference."""
    ids = list(unmatched_entries(owner).values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        _match(owner, ids[start : start + CHUNK], at=at)


@transaction.atomic
def _match(owner: Organisation, ids: Sequence[int], *, at: datetime) -> None:
    entries = list(BalanceEntry.objects.select_for_update().filter(pk__in=ids, journal_key="").order_by("pk"))
    for entry in entries:
        if sort_of(entry.kind, source=entry.source) == Sort.FEE:
            _post_fee(owner, entry, at=at)
    matched = []
    for entry, told, found in _compared(owner, entries):
        if found is None:
            entry.journal_key = told.journal_key
            entry.fee_key = told.fee_key if entry.fee.amount else ""
            entry.matched_at = at
            matched.append(entry)
    BalanceEntry.objects.bulk_update(matched, ["journal_key", "fee_key", "matched_at"])


def differing_entries(owner: Organisation, *, since: datetime | None, until: datetime) -> Iterator[Difference]:
    """Yield each balance transaction made in [since, until) that no journal agrees with."""
    waiting = unmatched_entries(owner).filter(created_at__lt=until)
    entries = list(waiting.filter(created_at__gte=since) if since else waiting)
    for entry, told, found in _compared(owner, entries):
        if found is not None:
            kind, ours = found
            yield Difference(
                key=f"entry:{entry.stripe_id}",
                kind=kind,
                subject=_subject(entry, told),
                stripe_says=_says(entry),
                we_say=ours[:300],
                cause=_cause(told, kind),
                entry=entry.pk,
            )


def _compared(
    owner: Organisation, entries: Sequence[BalanceEntry]
) -> Iterator[tuple[BalanceEntry, Told, tuple[DifferenceKind, str] | None]]:
    told = told_of(owner, entries)
    posted = clearing_of(owner, (key for each in told.values() for key in (each.journal_key, each.fee_key) if key))
    taken = set(
        BalanceEntry.objects.filter(seller=owner, journal_key__in=posted.keys()).values_list("journal_key", flat=True)
    )
    for entry in entries:
        said = told[entry.pk]
        if said.journal_key in taken:
            said = Told(why=f"The journal {said.journal_key} stands for another balance transaction already.")
        found = disagreement(
            net=entry.net.amount, currency=entry.currency, fee=entry.fee.amount, told=said, posted=posted
        )
        if found is None:
            taken.add(said.journal_key)
        yield entry, said, found


def _subject(entry: BalanceEntry, told: Told) -> str:
    about = told.about or told.name
    return (f"{entry.kind} of {about}" if about else f"{entry.kind} {entry.source or entry.stripe_id}")[:200]


def _says(entry: BalanceEntry) -> str:
    amount, fee = (in_words(each.amount, entry.currency) for each in (entry.amount, entry.fee))
    return f"{amount}, fee {fee}, on {entry.created_at:%Y-%m-%d %H:%M} UTC"


def _cause(told: Told, kind: DifferenceKind) -> str:
    if kind == DifferenceKind.CURRENCY:
        return "Stripe settled it in another currency than it was paid in: book the exchange by hand."
    return told.why[:300]


def _post_fee(owner: Organisation, entry: BalanceEntry, *, at: datetime) -> None:
    """Book a fee that Stripe takes for no payment, under the balance transaction's own id."""
    today = entry.created_at.astimezone(zone(owner.time_zone)).date()
    ledger.post(
        entity_id=owner.pk,
        key=f"stripe_fee:{entry.stripe_id}",
        posted_on=today,
        tax_date=today,
        text=f"Stripe: {entry.description or entry.kind}"[:200],
        lines=[
            PostingLine(role=Role.PAYMENT_FEES, amount=-entry.net.amount),
            PostingLine(role=Role.STRIPE_CLEARING, amount=entry.net.amount),
        ],
        currency=entry.currency,
        at=at,
    )
