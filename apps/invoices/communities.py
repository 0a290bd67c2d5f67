"""The statement of a residential community for its manager: what each unit was billed in a month. It is no invoice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from apps.contracts.domain.plans import Cycle, Days, period_of
from apps.contracts.domain.sharing import Stay, clipped
from apps.contracts.models import CostPeriod, Customer, Occupancy
from apps.core.domain.cells import csv_text
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.renderer import Rendered
from apps.invoices.domain.charge_words import ChargeKind
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import InvoiceLine

_SHARES = (ChargeKind.SHARE, ChargeKind.SHARE_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRow:
    """What one holder of a unit was billed for days of the month; amounts net, credit notes taken off.

    sessions, energy_milliwh, energy  charged · shared: of the community's costs · other: of a plan
    documents  numbers of the invoices and credit notes that say so
    """

    unit: str
    holder: str
    role: str
    days: Days
    sessions: int
    energy_milliwh: int
    energy: Decimal
    shared: Decimal
    other: Decimal
    documents: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        return self.energy + self.shared + self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityStatement:
    """A local month of a community; ``periods`` are the costs that were shared for it, with their shares."""

    community: Customer
    month: date
    currency: str
    rows: tuple[HolderRow, ...]
    periods: tuple[CostPeriod, ...]

    @property
    def energy_milliwh(self) -> int:
        return sum(row.energy_milliwh for row in self.rows)

    def sum_of(self, name: str) -> Decimal:
        return sum((getattr(row, name) for row in self.rows), Decimal(0))

    @property
    def sums(self) -> dict[str, Decimal]:
        return {name: self.sum_of(name) for name in ("energy", "shared", "other", "total")}


def months_of(community: Customer, *, until: date) -> list[date]:
    """Return the months since the community's first holder moved in, newest first, at most 36."""
    first = Occupancy.objects.filter(unit__customer=community).order_by("first_day").values_list("first_day", flat=True)
    begin = first.first()
    months: list[date] = []
    month = until.replace(day=1)
    while begin is not None and month >= begin.replace(day=1) and len(months) < 36:
        months.append(month)
        month = (month - timedelta(days=1)).replace(day=1)
    return months


def statement_of(community: Customer, *, month: date) -> CommunityStatement:
    """Return what the units were billed for a month, as far as it is issued; a later correction changes it."""
    period = period_of(month, cycle=Cycle.MONTH)
    currency = community.seller.currency
    held = Occupancy.objects.filter(
        Q(end_day__isnull=True) | Q(end_day__gt=period.first), unit__customer=community, first_day__lt=period.end
    )
    rows = [
        _row(one, period=period, currency=currency)
        for one in held.select_related("unit", "contract__customer").order_by("unit__label", "first_day")
    ]
    periods = CostPeriod.objects.filter(
        cost__customer=community, first_day__lt=period.end, last_day__gte=period.first, is_in_force=True
    )
    shown = periods.select_related("cost").prefetch_related("shares__unit", "shares__contract__customer")
    return CommunityStatement(
        community=community,
        month=period.first,
        currency=currency,
        rows=tuple(rows),
        periods=tuple(shown.order_by("cost__name", "first_day")),
    )


def _row(one: Occupancy, *, period: Days, currency: str) -> HolderRow:
    seller = one.contract.seller
    days = clipped(Stay(unit="", holder=0, first=one.first_day, end=one.end_day), period)
    assert days is not None, "only who held a unit in the month is listed"
    begin, end = (datetime.combine(day, time(), tzinfo=zone(seller.time_zone)) for day in (days.first, days.end))
    lines = list(
        InvoiceLine.objects.filter(
            invoice__contract=one.contract,
            invoice__status=InvoiceStatus.ISSUED,
            currency=currency,
            started_at__gte=begin,
            started_at__lt=end,
        )
        .select_related("invoice", "cdr", "credits__cdr", "contract_charge", "credits__contract_charge")
        .order_by("invoice__issued_at", "position")
    )
    sessions = [line for line in lines if (line.credits or line).cdr_id is not None]
    shared = [line for line in lines if line not in sessions and _is_share(line)]
    other = [line for line in lines if line not in sessions and line not in shared]
    return HolderRow(
        unit=one.unit.label,
        holder=one.contract.customer.name,
        role=one.role,
        days=days,
        sessions=len({line.cdr.session_id for line in sessions if line.cdr is not None}),
        energy_milliwh=sum(line.energy_milliwh for line in sessions),
        energy=_net(sessions),
        shared=_net(shared),
        other=_net(other),
        documents=tuple(dict.fromkeys(line.invoice.number for line in lines)),
    )


def _is_share(line: InvoiceLine) -> bool:
    charge = getattr(line.credits or line, "contract_charge", None)
    return charge is not None and charge.kind in _SHARES


def _net(lines: Iterable[InvoiceLine]) -> Decimal:
    return sum((line.net.amount for line in lines), Decimal(0))


def statement_pdf(statement: CommunityStatement) -> Rendered:
    """Return the statement on paper, in the community's language."""
    with translation.override(statement.community.language):
        html = render_to_string("invoices/community_statement.html", _context(statement))
    return renderer.render(html)


def statement_csv(statement: CommunityStatement) -> str:
    """Return a row a holder, amounts net in the statement's currency with a point."""
    with translation.override(statement.community.language):
        head = [
            *(_("Unit"), _("Held by"), _("From"), _("Until"), _("Sessions"), "kWh"),
            *(_("Charging, net"), _("Shared costs, net"), _("Other, net"), _("Total, net")),
            *(_("Currency"), _("Documents")),
        ]
    rows = [
        [
            row.unit,
            row.holder,
            row.days.first.isoformat(),
            row.days.last.isoformat(),
            str(row.sessions),
            f"{Decimal(row.energy_milliwh) / 1_000_000:.3f}",
            *(_number(one) for one in (row.energy, row.shared, row.other, row.total)),
            statement.currency,
            " ".join(row.documents),
        ]
        for row in statement.rows
    ]
    return csv_text([head, *rows])


def _number(value: Decimal) -> str:
    """Write an amount without the column's endless zeros; money has two or three decimals or none."""
    return f"{value.normalize():f}" if value != value.quantize(Decimal("0.01")) else f"{value:.2f}"


def _context(statement: CommunityStatement) -> dict[str, Any]:
    return {"statement": statement, "community": statement.community, "seller": statement.community.seller}
