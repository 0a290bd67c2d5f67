"""Many opening items at once, from a file; and the same file from what is there."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.accounts.models import Organisation, User
from apps.contracts.imports import ImportRefused, Outcome, RowOutcome, refuse_in_part
from apps.contracts.models import Customer
from apps.core.domain.money import NotRounded, UnknownCurrency, to_minor
from apps.core.domain.zones import zone
from apps.core.words import amount as in_words
from apps.payments.domain.opening_files import OpeningRow
from apps.payments.models import OpeningItem
from apps.payments.services.openings import Told, record_opening_item, state_customers_owed


def preview(*, seller_id: int, rows: Sequence[OpeningRow], at: datetime) -> list[RowOutcome]:
    """Say what comes of each line; nothing is written."""
    seller = Organisation.objects.get(pk=seller_id)
    today = at.astimezone(zone(seller.time_zone)).date()
    customers = _customers(seller_id, rows)
    found = {one.pk for named in customers.values() for one in named}
    items = OpeningItem.objects.filter(customer__in=found, number__in={row.number for row in rows})
    # What stands comes last and counts, else what was taken back last.
    items = items.order_by(F("reversed_at").asc(nulls_last=True), "pk")
    there = {(item.customer_id, item.number): item for item in items}
    seen: dict[tuple[int, str], int] = {}
    outcomes = []
    for row in rows:
        outcome, words = _outcome(row, customers.get(row.customer, []), there, seen, _told(row, seller), today=today)
        outcomes.append(RowOutcome(row=row, outcome=outcome, words=words))
    return outcomes


@transaction.atomic
def carry_out(
    *, seller_id: int, rows: Sequence[OpeningRow], by: User | None, at: datetime, whole: bool = False
) -> list[RowOutcome]:
    """Bring the items of all lines along that can be; return what came of each.

    whole  all of them or none

    :raises ImportRefused: nothing was written: another import was faster, or a line would be left out
    """
    outcomes = preview(seller_id=seller_id, rows=rows, at=at)
    if whole:
        refuse_in_part(outcomes)
    seller = Organisation.objects.get(pk=seller_id)
    customers = _customers(seller_id, rows)
    fresh = [(customers[one.row.customer][0], one.row) for one in outcomes if one.outcome is Outcome.NEW]
    try:
        with transaction.atomic():
            for customer, row in fresh:
                record_opening_item(customer=customer, told=_told(row, seller), by=by, at=at)
    except IntegrityError as error:
        if "opening_item_once_per_document" not in str(error):
            raise
        raise ImportRefused("Somebody brought one of these along meanwhile. Look at the file again.") from error
    state_customers_owed(sorted({customer.pk for customer, _ in fresh}), at=at)
    return outcomes


def lines_of(items: QuerySet[Any]) -> list[tuple[str, ...]]:
    """Return the items that stand as the file has them, with what they came with."""
    kept = items.filter(reversed_at__isnull=True).select_related("customer").order_by("customer__number", "number")
    return [
        (
            *(item.customer.number, item.number, item.document_date.isoformat(), item.due_date.isoformat()),
            *(f"{item.amount.amount.normalize():f}", item.currency, item.note),
        )
        for item in kept
    ]


def _customers(seller_id: int, rows: Iterable[OpeningRow]) -> dict[str, list[Customer]]:
    """Return whom each text names: by number, else everybody of that name."""
    texts = {row.customer for row in rows}
    found = list(
        Customer.objects.filter(Q(number__in=texts) | Q(name__in=texts), seller=seller_id)
        .select_related("seller")
        .order_by("pk")
    )
    numbers = {one.number: [one] for one in found}
    return {text: numbers.get(text) or [one for one in found if one.name == text] for text in texts}


def _told(row: OpeningRow, seller: Organisation) -> Told:
    return Told(
        number=row.number,
        document_date=row.document_date,
        due_date=row.due_date,
        amount=row.amount,
        currency=row.currency or seller.currency,
        note=row.note,
    )


def _outcome(
    row: OpeningRow,
    named: list[Customer],
    there: dict[tuple[int, str], OpeningItem],
    seen: dict[tuple[int, str], int],
    told: Told,
    *,
    today: date,
) -> tuple[Outcome, str]:
    if len(named) != 1:
        several = f"Several of your customers are called {row.customer}: name one by number."
        return Outcome.REFUSED, several if named else f"You have no customer {row.customer}."
    (customer,) = named
    if (before := seen.setdefault((customer.pk, row.number), row.line)) != row.line:
        return Outcome.REFUSED, f"Line {before} has this document already."
    if item := there.get((customer.pk, row.number)):
        other = _differences(item, told)
        if item.reversed_at is None:
            if other:
                return Outcome.REFUSED, f"There with another {', '.join(other)}: take it back on its page first."
            return Outcome.THERE, "There already, just so."
        if not other:
            return Outcome.REFUSED, f"It was taken back: {item.reversal_reason} Bring it again with another note."
    if problem := _problem(told, today=today):
        return Outcome.REFUSED, problem
    words = in_words(abs(told.amount), told.currency)
    return Outcome.NEW, f"Open for {customer}: {words}." if told.amount > 0 else f"Credit of {customer}: {words}."


def _differences(item: OpeningItem, told: Told) -> list[str]:
    pairs = {
        "date": (item.document_date, told.document_date),
        "due": (item.due_date, told.due_date),
        "amount": (item.amount.amount, told.amount),
        "currency": (item.currency, told.currency),
        "note": (item.note, told.note),
    }
    return [column for column, (ours, theirs) in pairs.items() if ours != theirs]


def _problem(told: Told, *, today: date) -> str:
    if told.document_date > today:
        return "date: this day has not come yet."
    try:
        to_minor(told.amount, currency=told.currency)
    except UnknownCurrency:
        return f"currency: {told.currency} is none that is known here."
    except NotRounded:
        return f"amount: {told.currency} has no such small amounts."
    return ""
