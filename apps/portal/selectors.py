"""What the portal's pages list: a customer's sessions, prices and documents, each through the acting membership."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Sum

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.models import Customer, IdToken, Suspension
from apps.invoices.disputed import open_disputes
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine, LineDispute
from apps.payments import credit
from apps.payments.credit import Credit
from apps.payments.domain.status import MethodStatus
from apps.payments.models import DunningStep, SavedMethod, Wallet
from apps.payments.openings import open_items
from apps.payments.papers import with_letters
from apps.payments.reminder_fees import open_fees
from apps.payments.selectors import payment_states, with_open_amounts
from apps.sessions.budgets import BudgetUse, use_of
from apps.sessions.domain.status import SessionStatus
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Budget, Cdr, ChargingSession
from apps.sessions.selectors import running_sessions, to_be_priced
from apps.stations.models import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What sessions come to in one currency, by their current charge records, and how many have one."""

    currency: str
    net: Decimal
    gross: Decimal
    energy_milliwh: int
    sessions: int

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            currency=self.currency,
            net=self.net + other.net,
            gross=self.gross + other.gross,
            energy_milliwh=self.energy_milliwh + other.energy_milliwh,
            sessions=self.sessions + other.sessions,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site with what sessions there come to, in each currency."""

    location: Location
    sums: list[Sums]


def zone_of(membership: Membership) -> ZoneInfo:
    return ZoneInfo(membership.organisation.time_zone)


def first_of_month(at: datetime, *, zone: ZoneInfo) -> date:
    """Return the first day of the local month that ``at`` falls into."""
    return at.astimezone(zone).date().replace(day=1)


def sessions_of(membership: Membership) -> Any:
    """Return the customer's sessions newest first; ``current_cdrs``: none or one each."""
    sessions = bought_rows(membership, ChargingSession.objects.all())
    records = current_revisions(Cdr.objects.all())
    return sessions.select_related(
        "station__location", "evse", "vehicle", "cost_centre", "token", "contract", "seller"
    ).prefetch_related(Prefetch("cdrs", queryset=records, to_attr="current_cdrs"))


def with_running(sessions: Iterable[Any], *, at: datetime) -> list[Any]:
    """Return sessions with how far each live one is as ``running``; None where it runs no more."""
    found = list(sessions)
    live = [one.pk for one in found if one.status == SessionStatus.LIVE]
    asked = to_be_priced(ChargingSession.objects.filter(pk__in=live)) if live else ()
    running = {one.session.pk: one for one in running_sessions(asked, at=at)}
    for one in found:
        one.running = running.get(one.pk)
    return found


def sums_of(sessions: Any) -> list[Sums]:
    """Return what sessions come to, per currency."""
    sums = _added_up(_records_of(sessions).values("currency")).order_by("currency")
    return [Sums(**row) for row in sums]


def places_of(sessions: Any) -> list[Place]:
    """Return where sessions were and what each place comes to, the one with most energy first."""
    rows = _added_up(_records_of(sessions).values("currency", "session__station__location"))
    sums: dict[int, list[Sums]] = {}
    for row in rows.order_by("currency"):
        sums.setdefault(row.pop("session__station__location"), []).append(Sums(**row))
    locations = Location.objects.filter(pk__in=sums).order_by("name", "pk")
    found = [Place(location=location, sums=sums[location.pk]) for location in locations]
    return sorted(found, key=lambda place: -sum(one.energy_milliwh for one in place.sums))


def sums_of_places(places: list[Place]) -> list[Sums]:
    """Return what places come to together, per currency."""
    together: dict[str, Sums] = {}
    for one in chain.from_iterable(place.sums for place in places):
        together[one.currency] = together[one.currency] + one if one.currency in together else one
    return [together[currency] for currency in sorted(together)]


def _records_of(sessions: Any) -> Any:
    records = Cdr.objects.filter(session__in=sessions.order_by().values("pk"), purpose=Cdr.Purpose.RETAIL)
    return current_revisions(records).order_by()


def _added_up(rows: Any) -> Any:
    return rows.annotate(net=Sum("net"), gross=Sum("gross"), energy_milliwh=Sum("energy_milliwh"), sessions=Count("pk"))


def drives_on_anothers_card(membership: Membership) -> bool:
    """Tell whether a card of somebody else names a contract of the organisation as its driver's."""
    return IdToken.objects.filter(driver_contract__customer__organisation=membership.organisation_id).exists()


def documents_of(membership: Membership) -> Any:
    """Return the customer's issued invoices and credit notes, newest first; a draft is nobody's yet."""
    issued = bought_rows(membership, Invoice.objects.filter(status=InvoiceStatus.ISSUED))
    return issued.select_related("seller", "customer").order_by("-issue_date", "-pk")


def found_documents(membership: Membership, *, asked: str, show: str) -> Any:
    """Return documents by a part of their number, seller or order; ``show``: "open", "credit_note", or all."""
    found = open_invoices_of(membership) if show == "open" else documents_of(membership)
    if show == "credit_note":
        found = found.filter(kind=Invoice.Kind.CREDIT_NOTE)
    if asked:
        found = found.filter(
            Q(number__icontains=asked) | Q(seller__name__icontains=asked) | Q(purchase_order__icontains=asked)
        )
    return found


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


def all_disputes_of(membership: Membership) -> Any:
    """Return the organisation's disputes, those that wait for an answer first, then the last answered."""
    disputes = bought_rows(membership, LineDispute.objects.select_related("line__invoice__seller"))
    return disputes.order_by(F("ended_at").desc(nulls_first=True), "answer_by", "pk")


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


def with_states(invoices: list[Any]) -> list[dict[str, Any]]:
    """Return documents with how each stands, in a few queries however many there are."""
    states = payment_states(invoices)
    return [{"invoice": one, "state": states[one.pk]} for one in invoices]


def has_no_method(membership: Membership) -> bool:
    """Tell whether a seller has neither card nor account to collect the organisation's invoices from."""
    saved = SavedMethod.objects.filter(customer=OuterRef("pk"), status=MethodStatus.ACTIVE)
    return bool(customers_of(membership).filter(~Exists(saved)).exists())


def customers_of(membership: Membership) -> Any:
    """Return whose customer the organisation is: one row a seller."""
    return bought_rows(membership, Customer.objects.select_related("seller")).order_by("seller__name", "pk")
