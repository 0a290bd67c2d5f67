"""Who collects for whom on a day, what waits to be shared, settled and paid out, and how a statement came about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounting.models import Agreement, OwnerPayout, Statement, StatementEntry, StatementLine
from apps.accounts.models import Organisation
from apps.core.domain.zones import zone
from apps.documents.models import Document
from apps.documents.selectors import get_document
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.models import LedgerEntry
from apps.payments.domain.status import PaymentStatus, RefundStatus, TransferStatus
from apps.payments.models import Allocation, Payment, Refund, Transfer
from apps.payments.selectors import with_open_amounts

SHARED_WITHIN: Final = timedelta(days=7)
"""How long after it came in a payment is still transferred by itself; later the statement pays it out."""


def collecting_platform(seller_id: int, at: datetime) -> int | None:
    """Return the organisation that collects for an owner at an instant, on the owner's clock; None: itself."""
    # Most sellers have no agreement at all, and their zone need not be known.
    agreements = Agreement.objects.filter(owner=seller_id).select_related("owner")
    for agreement in agreements:
        day = at.astimezone(zone(agreement.owner.time_zone)).date()
        if agreement.valid_from <= day and (agreement.valid_to is None or day < agreement.valid_to):
            platform_id: int = agreement.platform_id
            return platform_id
    return None


def _span(agreement: Agreement) -> tuple[date, date]:
    """Return the days [from, to) whose supplies an agreement settles.

    Until the next one of the two begins: what ends after an agreement was collected under it all the same. The first
    also settles what was supplied before it.
    """
    starts = sorted(
        Agreement.objects.filter(platform=agreement.platform_id, owner=agreement.owner_id).values_list(
            "valid_from", flat=True
        )
    )
    later = [start for start in starts if start > agreement.valid_from]
    return (date.min if starts[0] == agreement.valid_from else agreement.valid_from), min(later, default=date.max)


def agreement_for(*, platform_id: int, owner_id: int, tax_date: date) -> Agreement | None:
    """Return the agreement that settles a supply that ended on a day."""
    agreements = Agreement.objects.filter(platform=platform_id, owner=owner_id).select_related("platform", "owner")
    for agreement in agreements:
        first, end = _span(agreement)
        if first <= tax_date < end:
            found: Agreement = agreement
            return found
    return None


def last_day(month: date) -> date:
    """Return the last day of the month that begins on ``month``."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def end_of_month(month: date, *, time_zone: str) -> datetime:
    """Return the first instant (UTC) after a local month."""
    return datetime.combine(last_day(month) + timedelta(days=1), time(), tzinfo=zone(time_zone)).astimezone(UTC)


def billed_lines(agreement: Agreement, *, until: datetime) -> QuerySet[InvoiceLine]:
    """Return the lines to settle of documents that were collected in full, unsettled so far, by document and position.

    A document that the platform collected a part of waits for the rest.
    """
    first, end = _span(agreement)
    collected = Allocation.objects.filter(
        invoice=OuterRef("pk"), payment__collector=agreement.platform_id, allocated_at__lt=until
    )
    paid = with_open_amounts(
        Invoice.objects.filter(
            Exists(collected.order_by()),
            kind__in=[Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT],
            status=InvoiceStatus.ISSUED,
            seller=agreement.owner_id,
            currency=agreement.currency,
            tax_date__gte=first,
            tax_date__lt=end,
        )
    ).filter(open_amount__lte=0)
    return _unsettled(InvoiceLine.objects.filter(invoice__in=paid.values("pk"))).order_by("invoice_id", "position")


def credited_lines(agreement: Agreement, *, with_lines: list[int], until: datetime) -> QuerySet[InvoiceLine]:
    """Return the lines of credit notes that take back what this agreement settled, or settles now (``with_lines``)."""
    settled = StatementLine.objects.filter(statement__agreement=agreement).values("line")
    return _unsettled(
        InvoiceLine.objects.filter(
            Q(credits__in=settled) | Q(credits__in=with_lines),
            invoice__status=InvoiceStatus.ISSUED,
            invoice__issued_at__lt=until,
        )
    ).order_by("invoice_id", "position")


def _unsettled(lines: QuerySet[InvoiceLine]) -> QuerySet[InvoiceLine]:
    settled = StatementLine.objects.filter(line=OuterRef("pk"))
    return lines.filter(~Exists(settled.order_by())).select_related("invoice")


def unsettled_entries(agreement: Agreement, *, until_date: date) -> QuerySet[LedgerEntry]:
    """Return the platform's entries on *due to owner* up to a day that no statement has settled, oldest first."""
    settled = StatementEntry.objects.filter(entry=OuterRef("pk"))
    return LedgerEntry.objects.filter(
        ~Exists(settled.order_by()),
        journal__entity=agreement.platform_id,
        account__code=account_code(Role.DUE_TO_OWNER, agreement.owner_id),
        currency=agreement.currency,
        journal__posted_on__lte=until_date,
    ).order_by("pk")


def latest_statement(agreement: Agreement) -> Statement | None:
    """Return the latest statement between the two, whichever agreement it is of; the next one goes on from it."""
    found: Statement | None = (
        Statement.objects.filter(
            agreement__platform=agreement.platform_id,
            agreement__owner=agreement.owner_id,
            currency=agreement.currency,
        )
        .order_by("month", "pk")
        .last()
    )
    return found


def due_statements(*, at: datetime) -> Iterator[tuple[int, date]]:
    """Yield (agreement, month) of the statements to make of the month that is over, on each platform's clock."""
    for agreement in Agreement.objects.select_related("platform").order_by("owner", "valid_from"):
        today = at.astimezone(zone(agreement.platform.time_zone)).date()
        month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        if agreement.valid_from > last_day(month) or agreement.statements.filter(month=month).exists():
            continue
        if is_in_force(agreement, month=month) or _has_something(agreement, month=month):
            yield agreement.pk, month


def is_in_force(agreement: Agreement, *, month: date) -> bool:
    """Tell whether an agreement holds on any day of a month."""
    return agreement.valid_from <= last_day(month) and (agreement.valid_to is None or agreement.valid_to > month)


def _has_something(agreement: Agreement, *, month: date) -> bool:
    """Tell whether an ended agreement has records that came late."""
    until = end_of_month(month, time_zone=agreement.platform.time_zone)
    return (
        billed_lines(agreement, until=until).exists()
        or credited_lines(agreement, with_lines=[], until=until).exists()
        or unsettled_entries(agreement, until_date=last_day(month)).exists()
    )


def unshared_payment_ids(*, at: datetime) -> list[int]:
    """Return collected payments of the last days whose owner has a connected account and got nothing yet."""
    connected = Agreement.objects.filter(
        ~Q(connected_account=""), platform=OuterRef("collector"), owner=OuterRef("seller")
    )
    asked = Transfer.objects.filter(payment=OuterRef("pk"))
    rows = Payment.objects.filter(
        Exists(connected.order_by()),
        ~Exists(asked.order_by()),
        status=PaymentStatus.SUCCEEDED,
        succeeded_at__gt=at - SHARED_WITHIN,
    )
    return list(rows.order_by("pk").values_list("pk", flat=True))


def is_shared(document: Invoice, *, by_other_than: Payment) -> bool:
    """Tell whether the owner's part of a document has been sent, or is on its way, out of another payment of it."""
    sent = Transfer.objects.filter(payment__allocations__invoice=document, reverses__isnull=True)
    return sent.exclude(payment=by_other_than).exclude(status=TransferStatus.FAILED).exists()


def untaken_refund_ids() -> list[int]:
    """Return refunds of payments whose owner has got a part that was not asked back yet."""
    reversals = Transfer.objects.filter(refund=OuterRef("pk"))
    sent = Transfer.objects.filter(payment=OuterRef("payment"), reverses__isnull=True, status=TransferStatus.SUCCEEDED)
    rows = Refund.objects.filter(
        Exists(sent.order_by()),
        ~Exists(reversals.order_by()),
        status=RefundStatus.SUCCEEDED,
        invoice__isnull=False,
    )
    return list(rows.order_by("pk").values_list("pk", flat=True))


def document_key(statement: Statement) -> str:
    """Return the natural key under which a statement's file is kept."""
    return f"statement:{statement.pk}:document"


def get_file(statement: Statement) -> Document | None:
    """Return the rendered statement, or None while it is not rendered yet."""
    return get_document(seller_id=statement.agreement.platform_id, key=document_key(statement))


def unrendered_statement_ids() -> list[int]:
    """Return statements that have no file yet, oldest first."""
    rows = Statement.objects.select_related("agreement").order_by("pk")
    kept = set(Document.objects.filter(kind="statement").values_list("seller_id", "key"))
    return [row.pk for row in rows if (row.agreement.platform_id, document_key(row)) not in kept]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of a statement's account of money: what happened, and how much more is due to the owner by it."""

    on: date
    text: str
    amount: Decimal


def movements_of(statement: Statement) -> list[Movement]:
    """Return what moved the amount due to the owner, oldest first, the statement's own fee last."""
    rows = statement.entries.select_related("entry__journal").order_by("entry_id")
    return [
        Movement(on=row.entry.journal.posted_on, text=row.entry.journal.text, amount=row.amount.amount) for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """What a platform owes an owner now by its books (> 0), or the owner the platform (< 0), and what is under way."""

    owner: Organisation
    platform: Organisation
    currency: str
    due: Decimal
    in_file: Decimal


def payables(platforms: QuerySet[Organisation]) -> list[Payable]:
    """Return what is due to each owner of these platforms in each currency, by the books; zeros are left out."""
    found: list[Payable] = []
    pairs = (
        Agreement.objects.filter(platform__in=platforms)
        .order_by("owner__name", "platform")
        .values_list("platform", "owner")
        .distinct()
    )
    people = {row.pk: row for row in Organisation.objects.filter(pk__in={pk for pair in pairs for pk in pair})}
    for platform_id, owner_id in dict.fromkeys(pairs):
        for currency, due in _balances(platform_id, owner_id).items():
            in_file = OwnerPayout.objects.filter(
                platform=platform_id, owner=owner_id, currency=currency, status="in_file"
            )
            found.append(
                Payable(
                    owner=people[owner_id],
                    platform=people[platform_id],
                    currency=currency,
                    due=due,
                    in_file=sum((row.amount.amount for row in in_file), Decimal(0)),
                )
            )
    return found


def _balances(platform_id: int, owner_id: int) -> dict[str, Decimal]:
    entries = LedgerEntry.objects.filter(
        journal__entity=platform_id, account__code=account_code(Role.DUE_TO_OWNER, owner_id)
    )
    sums: dict[str, Decimal] = {}
    for currency, amount in entries.values_list("currency", "amount"):
        sums[currency] = sums.get(currency, Decimal(0)) - Decimal(amount)
    return {currency: due for currency, due in sorted(sums.items()) if due}
