"""Revenue by site and by tariff: the lines of the documents whose journals were posted in the period."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Count, Exists, OuterRef, Q, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat

from apps.accounting.reports.periods import Period
from apps.accounting.reports.sheet import Cell, Column, Row, Sheet, added, cells
from apps.accounts.models import Organisation
from apps.core.domain.money import EXACT
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import InvoiceLine
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.models import Journal, LedgerEntry

_MILLIWH_PER_KWH = 1_000_000


def revenue_by_site(entity: Organisation, period: Period) -> Sheet:
    """Return net revenue, energy and charges of each location."""
    lines = _lines(entity, period).annotate(
        group_id=Coalesce("cdr__session__station__location", "credits__cdr__session__station__location"),
        group_name=Coalesce("cdr__session__station__location__name", "credits__cdr__session__station__location__name"),
    )
    return _sheet(lines, _fees_moved(entity, period), title="Revenue by site", what="Site", kind="location")


def revenue_by_tariff(entity: Organisation, period: Period) -> Sheet:
    """Return net revenue, energy and charges under each tariff."""
    lines = _lines(entity, period).annotate(
        group_id=Coalesce("cdr__tariff_version__tariff", "credits__cdr__tariff_version__tariff"),
        group_name=Coalesce("cdr__tariff_version__tariff__name", "credits__cdr__tariff_version__tariff__name"),
    )
    return _sheet(lines, _fees_moved(entity, period), title="Revenue by tariff", what="Tariff", kind="tariff")


def _lines(entity: Organisation, period: Period) -> Any:
    """Return the lines of issued documents by the day on which their journal was posted."""
    posted = Journal.objects.filter(
        entity=entity,
        posted_on__gte=period.first,
        posted_on__lt=period.end,
        key=Concat(Value("invoice:"), Cast(OuterRef("invoice_id"), CharField()), Value(":issued")),
    )
    return InvoiceLine.objects.filter(
        Exists(posted), invoice__seller=entity, invoice__status=InvoiceStatus.ISSUED
    ).order_by()


def _fees_moved(entity: Organisation, period: Period) -> dict[str, Decimal]:
    """Return what the period earned of fees in advance, less what its documents deferred, by currency."""
    sums = LedgerEntry.objects.filter(
        journal__entity=entity,
        journal__posted_on__gte=period.first,
        journal__posted_on__lt=period.end,
        account__code=CHART[Role.DEFERRED_FEES].code,
    )
    moved = sums.order_by("currency").values("currency").annotate(sum=Sum("amount"))
    return {row["currency"]: row["sum"] for row in moved if row["sum"]}


def _sheet(lines: Any, fees: Mapping[str, Decimal], *, title: str, what: str, kind: str) -> Sheet:
    sums = (
        lines.values("currency", "group_id", "group_name")
        .annotate(
            charges=Count("cdr__session", distinct=True),
            energy=Sum("energy_milliwh"),
            supplied=Sum("net", filter=Q(net__gte=0)),
            credited=Sum("net", filter=Q(net__lt=0)),
            total=Sum("net"),
        )
        .order_by("currency", "group_name", "group_id")
    )
    zero = Decimal(0)
    rows = [
        Row(
            cells=cells(
                Cell(row["group_name"] or "Fees and plans", (kind, str(row["group_id"])) if row["group_id"] else None),
                row["charges"],
                f"{EXACT.divide(Decimal(row['energy'] or 0), Decimal(_MILLIWH_PER_KWH)):.3f}",
                row["supplied"] or zero,
                row["credited"] or zero,
                row["total"],
            ),
            currency=row["currency"],
        )
        for row in sums
    ]
    rows += [
        Row(cells=cells("Fees in advance, earned less deferred", "", "", "", "", amount), currency=currency)
        for currency, amount in sorted(fees.items())
    ]
    columns = (
        Column(what),
        Column("Charges", is_number=True),
        Column("kWh", is_number=True),
        Column("Net billed", is_number=True),
        Column("Net credited", is_number=True),
        Column("Net revenue", is_number=True),
    )
    return Sheet(
        title=title,
        columns=columns,
        rows=sorted(rows, key=lambda row: row.currency),
        totals=added(rows, label="Together", of=(3, 4, 5), width=6),
        note="Net, by posting day of the document. What was written off later is no less revenue but bad debt.",
    )
