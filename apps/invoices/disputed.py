"""Which lines are disputed, and how much of a document is therefore not asked for now. Read only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum

from apps.invoices.domain.amounts import LineAmounts, total_up
from apps.invoices.domain.credits import left_of
from apps.invoices.domain.line_disputes import LineDisputeStatus
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine, LineDispute

DISPUTABLE = (Invoice.Kind.INVOICE, Invoice.Kind.RECEIPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStanding:
    """A line with all that was said of it, the first dispute first, and what is left to be credited, as stated."""

    line: InvoiceLine
    disputes: tuple[LineDispute, ...]
    left: Decimal

    @property
    def open_dispute(self) -> LineDispute | None:
        return next((one for one in self.disputes if one.is_open), None)

    @property
    def is_disputable(self) -> bool:
        return self.open_dispute is None and self.left > 0

    @property
    def would_hold_payment(self) -> bool:
        return not self.disputes


def open_disputes() -> QuerySet[LineDispute]:
    """Return the disputes that wait for the seller's answer, the most pressing first."""
    return LineDispute.objects.filter(status=LineDisputeStatus.OPEN).order_by("answer_by", "pk")


def disputed_amounts(
    invoice_ids: Collection[int] | None = None, *, opened_before: datetime | None = None
) -> dict[int, Decimal]:
    """Return how much of documents is disputed and not asked for meanwhile, gross, by the document's pk; two queries.

    On net documents it is taxed on the sum of the disputed lines, as the document is on the sum of all.
    None: of all documents of which something is.
    """
    holding = open_disputes().filter(holds_payment=True).select_related("line__invoice")
    if invoice_ids is not None:
        holding = holding.filter(line__invoice__in=invoice_ids)
    if opened_before is not None:
        holding = holding.filter(opened_at__lt=opened_before)
    lines = [dispute.line for dispute in holding]
    left = _left(lines)
    by_invoice: dict[int, list[LineAmounts]] = {}
    for line in lines:
        by_invoice.setdefault(line.invoice_id, []).append(left[line.pk])
    currencies = {line.invoice_id: line.currency for line in lines}
    return {pk: total_up(parts, currency=currencies[pk]).gross for pk, parts in by_invoice.items()}


def standings_of(document: Invoice) -> list[LineStanding]:
    """Return how each line of a document stands, in their order."""
    lines = list(document.lines.select_related("invoice__seller").order_by("position"))
    standings = standings_of_lines(lines)
    return [standings[line.pk] for line in lines]


def standings_of_lines(lines: Iterable[InvoiceLine]) -> dict[int, LineStanding]:
    """Return how lines stand, by their pk, in two queries however many there are."""
    rows = list(lines)
    said: dict[int, list[LineDispute]] = {line.pk: [] for line in rows}
    for dispute in LineDispute.objects.filter(line__in=said).select_related("credit_note").order_by("pk"):
        said[dispute.line_id].append(dispute)
    left = _left(rows)
    return {
        line.pk: LineStanding(line=line, disputes=tuple(said[line.pk]), left=_disputable(line, left[line.pk]))
        for line in rows
    }


def _disputable(line: InvoiceLine, left: LineAmounts) -> Decimal:
    """Return what may be disputed of a line: nothing of drafts, credit notes and documents that no customer pays."""
    is_charged = line.invoice.status == InvoiceStatus.ISSUED and line.invoice.kind in DISPUTABLE
    return max(left.stated, Decimal(0)) if is_charged else Decimal(0)


def _left(lines: Collection[InvoiceLine]) -> Mapping[int, LineAmounts]:
    credited = {
        row["credits"]: row
        for row in InvoiceLine.objects.filter(credits__in=[line.pk for line in lines])
        .order_by()
        .values("credits")
        .annotate(net_sum=Sum("net"), gross_sum=Sum("gross"))
    }
    return {line.pk: _left_of(line, credited.get(line.pk)) for line in lines}


def _left_of(line: InvoiceLine, taken: Mapping[str, Decimal] | None) -> LineAmounts:
    gross = None if line.gross is None else line.gross.amount
    whole = LineAmounts(category=line.tax_category, rate=line.tax_rate, net=line.net.amount, gross=gross)
    if taken is None:
        return whole
    credited = LineAmounts(
        category=line.tax_category,
        rate=line.tax_rate,
        net=-taken["net_sum"],
        gross=None if gross is None else -taken["gross_sum"],
    )
    return left_of(whole, credited=credited)
