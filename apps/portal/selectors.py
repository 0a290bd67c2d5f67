"""What the portal's pages list: a customer's sessions, prices and documents, each through the acting membership."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, Sum

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.models import Customer, IdToken, Suspension
from apps.invoices.disputed import open_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine
from apps.payments import credit
from apps.payments.credit import Credit
from apps.payments.models import DunningStep, Wallet
from apps.payments.openings import open_items
from apps.payments.papers import with_letters
from apps.payments.reminder_fees import open_fees
from apps.payments.selectors import with_open_amounts
from apps.sessions.budgets import BudgetUse, use_of
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Budget, Cdr, ChargingSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a month cost in one currency, gross, and what it delivered."""

    currency: str
    gross: Any
    energy_milliwh: int
    sessions: int


def zone_of(membership: Membership) -> ZoneInfo:
    return ZoneInfo(membership.organisation.time_zone)


def first_of_month(at: datetime, *, zone: ZoneInfo) -> date:
    """Return the first day of the local month that ``at`` falls into."""
    return at.astimezone(zone).date().replace(day=1)


def next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def sessions_of(membership: Membership, *, month: date | None = None) -> Any:
    """Return the customer's sessions newest first, of a local month or all; ``current_cdrs``: none or one each."""
    sessions = bought_rows(membership, ChargingSession.objects.all())
    if month is not None:
        zone = zone_of(membership)
        begin, end = (datetime.combine(day, time(), tzinfo=zone) for day in (month, next_month(month)))
        sessions = sessions.filter(started_at__gte=begin, started_at__lt=end)
    records = current_revisions(Cdr.objects.all())
    return sessions.select_related(
        "station__location", "evse", "vehicle", "cost_centre", "token", "seller"
    ).prefetch_related(Prefetch("cdrs", queryset=records, to_attr="current_cdrs"))


def drives_on_anothers_card(membership: Membership) -> bool:
    """Tell whether a card of somebody else names a contract of the organisation as its driver's."""
    return IdToken.objects.filter(driver_contract__customer__organisation=membership.organisation_id).exists()


def months_of(membership: Membership) -> list[date]:
    """Return the local months in which the customer charged, newest first."""
    sessions = bought_rows(membership, ChargingSession.objects.all())
    months = sessions.order_by().datetimes("started_at", "month", order="DESC", tzinfo=zone_of(membership))
    return [month.date() for month in months]


def spend_of(membership: Membership, *, month: date) -> list[Spend]:
    """Return what the month's charge records add up to, per currency."""
    records = current_revisions(bought_rows(membership, Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL)))
    sums = (
        records.filter(tax_date__gte=month, tax_date__lt=next_month(month))
        .order_by("currency")
        .values("currency")
        .annotate(total=Sum("gross"), energy=Sum("energy_milliwh"), count=Count("pk"))
    )
    return [
        Spend(currency=row["currency"], gross=row["total"], energy_milliwh=row["energy"], sessions=row["count"])
        for row in sums
    ]


def documents_of(membership: Membership) -> Any:
    """Return the customer's issued invoices and credit notes, newest first; a draft is nobody's yet."""
    issued = bought_rows(membership, Invoice.objects.filter(status=InvoiceStatus.ISSUED))
    return issued.select_related("seller", "customer").order_by("-issue_date", "-pk")


def open_invoices_of(membership: Membership) -> Any:
    """Return the invoices with something open, be it the fee of a reminder, longest due first."""
    invoices = documents_of(membership).filter(kind=Invoice.Kind.INVOICE)
    owes_fees = Exists(open_fees(invoice=OuterRef("pk")))
    return with_open_amounts(invoices).filter(Q(open_amount__gt=0) | owes_fees).order_by("due_date", "pk")


def opening_items_of(membership: Membership) -> Any:
    """Return what sellers brought along from an earlier system and is open, by seller, the longest due first."""
    items = bought_rows(membership, open_items()).select_related("seller")
    return items.order_by("seller__name", "seller", "due_date", "pk")


def lines_of(membership: Membership, session: ChargingSession) -> Any:
    """Return the lines that bill a session of the organisation's or credit that, of issued documents."""
    of_it = Q(cdr__session=session) | Q(credits__cdr__session=session)
    issued = InvoiceLine.objects.filter(of_it, invoice__status=InvoiceStatus.ISSUED)
    return bought_rows(membership, issued).select_related("invoice").order_by("invoice_id", "position")


def disputes_of(membership: Membership) -> Any:
    """Return the organisation's disputes that wait for an answer."""
    return bought_rows(membership, open_disputes()).select_related("line__invoice__seller")


def budgets_of(membership: Membership, *, month: date) -> list[BudgetUse]:
    """Return the organisation's budgets and what the month has used of them."""
    budgets = bought_rows(membership, Budget.objects.select_related("contract__customer", "vehicle", "cost_centre"))
    return use_of(budgets, month=month)


def credits_of(membership: Membership) -> list[Credit]:
    """Return what the organisation has paid too much, by seller and currency."""
    return credit.credits_of(customers_of(membership))


def wallets_of(membership: Membership) -> Any:
    """Return the organisation's prepaid wallets, one a contract."""
    wallets = bought_rows(membership, Wallet.objects.all())
    return wallets.select_related("contract__seller", "contract__customer").order_by("contract__number")


def suspensions_of(membership: Membership) -> Any:
    """Return the blocks of the organisation's contracts that are not lifted."""
    standing = Suspension.objects.filter(lifted_at__isnull=True, contract__customer__in=customers_of(membership))
    return standing.select_related("contract__seller")


def reminders_of(invoice: Invoice) -> Any:
    """Return the reminders of an invoice of the organisation's, the first one first, each with its letter."""
    steps = with_letters(DunningStep.objects.filter(invoice=invoice))
    return steps.select_related("waiver").order_by("level")


def customers_of(membership: Membership) -> Any:
    """Return whose customer the organisation is: one row a seller."""
    return bought_rows(membership, Customer.objects.select_related("seller")).order_by("seller__name", "pk")
