"""The books for people: reports over a seller's ledger as pages and CSV, by whole months."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Min
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from apps.accounting.reports import Period, Row, Sheet
from apps.accounting.reports.books import account_sheet, corrections_sheet, trial_balance_sheet, vat_sheet
from apps.accounting.reports.deferred import deferred_fees_sheet, earning_sheet
from apps.accounting.reports.periods import months_between
from apps.accounting.reports.receivables import receivables_sheet
from apps.accounting.reports.revenue import revenue_by_site, revenue_by_tariff
from apps.accounting.reports.sheet import Cell
from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.models import Organisation
from apps.accounts.scope import acting_membership, has_role, operated_rows
from apps.core import clock, words
from apps.core.domain.zones import zone
from apps.ledger.models import Account, Journal


class Report(NamedTuple):
    """title as the list of reports names it · make: the sheets of a seller and period, the first is the CSV."""

    title: str
    make: Callable[[Organisation, Period], list[Sheet]]


REPORTS: Final[Mapping[str, Report]] = {
    "trial-balance": Report("Trial balance", lambda entity, period: [trial_balance_sheet(entity, period)]),
    "receivables": Report("Receivables by age", lambda entity, period: [receivables_sheet(entity, period.last)]),
    "deferred-fees": Report(
        "Deferred base fees",
        lambda entity, period: [deferred_fees_sheet(entity, period.last), earning_sheet(entity, period.last)],
    ),
    "vat": Report("VAT summary", lambda entity, period: [vat_sheet(entity, period), corrections_sheet(entity, period)]),
    "sites": Report("Revenue by site", lambda entity, period: [revenue_by_site(entity, period)]),
    "tariffs": Report("Revenue by tariff", lambda entity, period: [revenue_by_tariff(entity, period)]),
}

# What a cell may lead to: the address of its page by kind.
_PAGES: Final = {
    "account": "console:account-sheet",
    "document": "console:invoice",
    "journal": "admin:ledger_journal_change",
    "payment": "admin:payments_payment_change",
    "dispute": "admin:payments_dispute_change",
    "transfer": "admin:payments_transfer_change",
    "wallet": "admin:payments_wallet_change",
    "bank_receipt": "admin:payments_bankreceipt_change",
    "opening_item": "admin:payments_openingitem_change",
    "payout": "admin:accounting_payout_change",
    "statement": "admin:accounting_statement_change",
    "owner_payout": "admin:accounting_ownerpayout_change",
    "customer": "admin:contracts_customer_change",
    "location": "admin:stations_location_change",
    "tariff": "admin:tariffs_tariff_change",
}


@require_GET
def report(request: HttpRequest, name: str = "trial-balance") -> HttpResponse:
    """Show a report; ``?from=YYYY-MM&to=YYYY-MM`` choose months, ``?csv=1`` downloads it."""
    if name not in REPORTS:
        raise Http404(f"no report {name}")
    asked = Asked.of(request)
    sheets = REPORTS[name].make(asked.seller, asked.period)
    return _answer(request, sheets, asked=asked, name=name)


@require_GET
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show an account's entries, each with what it tells of; months and CSV as in ``report``.

    :raises Http404: no such account among those of the acting organisation
    """
    found = operated_rows(request, Account.objects.select_related("entity")).filter(pk=account_id).first()
    if found is None:
        raise Http404(f"no account {account_id}")
    asked = Asked.of(request, seller=found.entity)
    return _answer(request, [account_sheet(found, asked.period)], asked=asked, name="account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose books, which months; ``months`` and ``sellers`` are what can be chosen."""

    seller: Organisation
    period: Period
    months: list[date]
    sellers: list[Organisation]

    @classmethod
    def of(cls, request: HttpRequest, *, seller: Organisation | None = None) -> "Asked":
        """Read what a request asks for; this month where it says nothing.

        :raises PermissionDenied: it acts for no seller
        """
        if not has_role(request, OPERATOR_ROLES):
            raise PermissionDenied
        sellers = list(operated_rows(request, Organisation.objects.filter(is_station_owner=True)))
        seller = seller or _chosen(request, sellers)
        today = clock.now().astimezone(zone(seller.time_zone)).date()
        begun = Journal.objects.filter(entity=seller).aggregate(tax=Min("tax_date"), posted=Min("posted_on"))
        months = months_between(min(day or today for day in (*begun.values(), today)), today)
        last = _month(request.GET.get("to", ""), months) or months[0]
        first = _month(request.GET.get("from", ""), months) or last
        return cls(seller=seller, period=Period.of_months(first, last), months=months, sellers=sellers)


def _chosen(request: HttpRequest, sellers: list[Organisation]) -> Organisation:
    """Return the seller named by ``?seller=``, else the one acted for, else the first."""
    membership = acting_membership(request)
    asked = request.GET.get("seller") or (str(membership.organisation_id) if membership else "")
    found = next((seller for seller in sellers if str(seller.pk) == asked), None)
    if found is None and not sellers:
        raise PermissionDenied
    return found or sellers[0]


def _month(text: str, months: list[date]) -> date | None:
    return next((month for month in months if f"{month:%Y-%m}" == text), None)


def _answer(request: HttpRequest, sheets: list[Sheet], *, asked: Asked, name: str) -> HttpResponse:
    if request.GET.get("csv"):
        return _download(sheets[0], asked)
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    keeps = f"?from={asked.period.first:%Y-%m}&to={asked.period.last:%Y-%m}&seller={asked.seller.pk}"
    context = {
        **admin.site.each_context(request),
        "title": sheets[0].title,
        "asked": asked,
        "sheets": [_shown(sheet, keeps=keeps) for sheet in sheets],
        "reports": [(reverse("console:report", args=[key]) + keeps, key, each.title) for key, each in REPORTS.items()],
        "name": name,
        "has_journals": Journal.objects.filter(entity=asked.seller).exists(),
    }
    return TemplateResponse(request, "console/report.html", context)


def _download(sheet: Sheet, asked: Asked) -> HttpResponse:
    response = HttpResponse(sheet.csv().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    months = f"{asked.period.first:%Y-%m}_{asked.period.last:%Y-%m}"
    response["Content-Disposition"] = f'attachment; filename="{slugify(sheet.title)}_{months}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _shown(sheet: Sheet, *, keeps: str) -> dict[str, Any]:
    return {
        "sheet": sheet,
        "rows": [_row(row, sheet, keeps=keeps) for row in sheet.rows],
        "totals": [_row(row, sheet, keeps=keeps) for row in sheet.totals],
    }


def _row(row: Row, sheet: Sheet, *, keeps: str) -> list[tuple[str, bool, str]]:
    """Return (text, is a number, address) of each cell."""
    return [
        (_text(cell, row.currency), column.is_number, _page_of(cell, keeps=keeps))
        for cell, column in zip(row.cells, sheet.columns, strict=True)
    ]


def _text(cell: Cell, currency: str) -> str:
    value = cell.value
    if isinstance(value, date):
        return date_format(value, "SHORT_DATE_FORMAT")
    if isinstance(value, str | int):
        return str(value)
    return words.amount(value, currency) if value else "–"


def _page_of(cell: Cell, *, keeps: str) -> str:
    if cell.target is None:
        return ""
    kind, key = cell.target
    try:
        return reverse(_PAGES[kind], args=[key]) + (keeps if kind == "account" else "")
    except NoReverseMatch:
        return ""
