"""A customer in one place: what they owe and have left, contracts, cards, sessions, documents, disputes, mails.

Each list shows the newest few and leads to all of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import admin
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.invitations import has_somebody_in_charge
from apps.accounts.scope import operated_rows
from apps.contracts.models import Contract, Customer, IdToken
from apps.core import clock
from apps.core.keyed import first_of
from apps.documents.models import Mail
from apps.invoices.models import Invoice, LineDispute
from apps.payments import openings
from apps.payments.credit import with_left
from apps.payments.domain.status import MethodStatus
from apps.payments.models import BankReceipt, Dispute, OpeningItem, Payment, SavedMethod, Wallet
from apps.payments.selectors import open_among
from apps.sessions.budgets import BudgetUse, use_of
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Budget, Cdr, ChargingSession

FEW: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a customer owes in one currency, gross; credit: what they sent that settles nothing yet."""

    currency: str
    open: Decimal
    overdue: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """Everything on the page; lists are the newest few, what is open is all there, the longest due first.

    open_items  invoices · opening_items: what was brought along from another system
    has_administrator  somebody of theirs invites people into the portal
    """

    customer: Customer
    balances: Sequence[Balance]
    open_items: Sequence[Invoice]
    opening_items: Sequence[OpeningItem]
    contracts: Sequence[Contract]
    wallets: Mapping[int, int]
    method: SavedMethod | None
    cards: Sequence[IdToken]
    sessions: Sequence[ChargingSession]
    invoices: Sequence[Invoice]
    payments: Sequence[Payment]
    line_disputes: Sequence[LineDispute]
    disputes: Sequence[Dispute]
    budgets: Sequence[BudgetUse]
    mails: Sequence[Mail]
    has_administrator: bool
    today: date

    @property
    def new_contract(self) -> str:
        """Where a contract is written for this customer."""
        return reverse("admin:contracts_contract_add", query={"customer": self.customer.pk})

    @property
    def has_more_cards(self) -> bool:
        return len(self.cards) == FEW


@require_GET
def customer(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Show all there is of one of the organisation's customers; another's is a 404."""
    found = page_of(request, customer_id, at=clock.now())
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    context = {**admin.site.each_context(request), "title": str(found.customer), "shown": found}
    return TemplateResponse(request, "console/customer.html", context)


def page_of(request: HttpRequest, customer_id: int, *, at: datetime) -> CustomerPage:
    """Gather a customer's page.

    :raises Http404: no such customer among the organisation's own
    """
    customers = Customer.objects.select_related("seller", "organisation")
    found: Customer | None = operated_rows(request, customers).filter(pk=customer_id).first()
    if found is None:
        raise Http404(f"no customer {customer_id}")
    today = timezone.localtime(at).date()
    contracts = list(found.contracts.select_related("tier").order_by("-pk"))
    for contract in contracts:
        contract.customer = found
    unpaid = operated_rows(request, open_among(Invoice.objects.filter(customer=found)))
    open_items = list(unpaid.order_by("due_date", "pk"))
    opening_items = list(operated_rows(request, openings.open_items(customer=found)))
    budgets = operated_rows(request, Budget.objects.filter(contract__customer=found))
    # Told, the contracts say how many sessions there are; joined, a large fleet's are taken for the average's.
    sessions = operated_rows(request, ChargingSession.objects.filter(contract__in=contracts)).select_related(
        "station__location", "evse", "vehicle"
    )
    records = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL)).defer("inputs", "document")
    sessions = sessions.prefetch_related(Prefetch("cdrs", queryset=records, to_attr="current_cdrs"))
    return CustomerPage(
        customer=found,
        balances=_balances(request, found, [*open_items, *opening_items], today=today),
        open_items=open_items,
        opening_items=opening_items,
        contracts=contracts,
        wallets=dict(Wallet.objects.filter(contract__in=contracts).values_list("contract", "pk")),
        method=SavedMethod.objects.filter(customer=found, status=MethodStatus.ACTIVE).first(),
        cards=operated_rows(request, IdToken.objects.filter(contract__customer=found))
        .select_related("contract", "vehicle", "cost_centre")
        .order_by("-pk")[:FEW],
        sessions=list(first_of(sessions.order_by("-started_at", "-pk"), FEW)),
        invoices=operated_rows(request, Invoice.objects.filter(customer=found)).order_by("-pk")[:FEW],
        payments=operated_rows(request, Payment.objects.filter(customer=found))
        .select_related("invoice", "attempt")
        .prefetch_related("allocations__invoice", "refunds__credit_note")
        .order_by("-pk")[:FEW],
        line_disputes=operated_rows(request, LineDispute.objects.filter(line__invoice__customer=found)).select_related(
            "line__invoice"
        )[:FEW],
        disputes=operated_rows(request, Dispute.objects.filter(payment__customer=found))[:FEW],
        budgets=use_of(
            budgets.select_related("contract__customer", "vehicle", "cost_centre"), month=today.replace(day=1)
        ),
        mails=operated_rows(request, Mail.objects.filter(recipient__iexact=found.email)).order_by("-pk")[:FEW],
        has_administrator=found.organisation_id is not None and has_somebody_in_charge(found.organisation_id),
        today=today,
    )


def _balances(request: HttpRequest, customer: Customer, open_items: Sequence[Any], *, today: date) -> list[Balance]:
    """Add up what is open and what is left over, by currency."""
    owed: defaultdict[str, Decimal] = defaultdict(Decimal)
    overdue: defaultdict[str, Decimal] = defaultdict(Decimal)
    credit: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in open_items:
        owed[item.currency] += item.open_amount
        if item.due_date and item.due_date < today:
            overdue[item.currency] += item.open_amount
    receipts = with_left(operated_rows(request, BankReceipt.objects.filter(customer=customer)))
    for currency, left in receipts.filter(left__gt=0).values_list("currency", "left"):
        credit[currency] += left
    return [
        Balance(currency=currency, open=owed[currency], overdue=overdue[currency], credit=credit[currency])
        for currency in sorted({customer.seller.currency, *owed, *credit})
    ]
