"""The first page: what needs somebody, what the month comes to and by what, what is open, what happened last."""

from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from apps.accounts.models import Membership
from apps.contracts.domain.renewals import add_months
from apps.core import clock
from apps.core.keyed import first_of
from apps.portal import selectors
from apps.portal.access import customer_page, is_administrator
from apps.portal.alerts import alerts_of
from apps.portal.pages import page_for
from apps.portal.spending import By, records_of, shares_of, spend_of

SHOWN_MONTHS: Final = 6


@require_GET
@customer_page
def home(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Show a month (``?month=2026-11``; this one), by one thing (``?by=vehicle``), what is open and what waits."""
    now = clock.now()
    today = now.astimezone(selectors.zone_of(membership)).date()
    months = [add_months(today.replace(day=1), -back) for back in range(SHOWN_MONTHS)]
    month = next((one for one in months if f"{one:%Y-%m}" == request.GET.get("month")), months[0])
    last_day = add_months(month, 1) - timedelta(days=1)
    invoices = list(selectors.open_invoices_of(membership)[:10])
    budgets = selectors.budgets_of(membership, month=months[0])
    by = By(request.GET["by"]) if request.GET.get("by") in set(By) else By.VEHICLE
    context = {
        "month": month,
        "months": months,
        "is_over": month != months[0],
        "today": today,
        "last_day": last_day,
        "spend": spend_of(membership, today=min(today, last_day)),
        "by": by,
        "shares": _shares(membership, by=by, month=month),
        "invoices": selectors.with_states(invoices),
        "opening_items": selectors.opening_items_of(membership),
        "credits": selectors.credits_of(membership),
        "wallets": selectors.wallets_of(membership),
        "sessions": selectors.with_running(first_of(selectors.sessions_of(membership), 5), at=now),
        "disputes": selectors.disputes_of(membership),
        "budgets": budgets if month == months[0] else selectors.budgets_of(membership, month=month),
        "may_pay": is_administrator(membership),
        "alerts": alerts_of(membership, invoices=invoices, budgets=budgets, today=today, at=now),
    }
    return page_for(request, "portal/home.html", membership, **context)


def _shares(membership: Membership, *, by: By, month: date) -> Any:
    records = records_of(membership, first=month, end=add_months(month, 1))
    return shares_of(records, by=by)
