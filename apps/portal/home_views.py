"""For fleets whose drivers charge at home: each month's statement over all drivers, on paper and as a table."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from apps.accounting.home_sheets import fleet_csv, fleet_month, fleet_pdf, months_of, owed_by
from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.models import HomeAgreement
from apps.documents.downloads import as_csv, shown_inline
from apps.portal.access import customer_page
from apps.portal.pages import page_for

_KINDS: Final = ("pdf", "csv")


@require_GET
@customer_page
def home_charging(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the agreements with what is open, their drivers, and the months that have a statement."""
    rows = [
        {
            "agreement": agreement,
            "owed": owed_by(agreement),
            "drivers": agreement.drivers.order_by("name"),
            "months": [fleet_month(agreement, month=month) for month in months_of(agreement)[:24]],
        }
        for agreement in _agreements(membership)
    ]
    return page_for(request, "portal/home_charging.html", membership, rows=rows)


@require_GET
@customer_page
def home_statement(
    request: HttpRequest, agreement_id: int, year: int, month: int, kind: str, *, membership: Membership
) -> HttpResponse:
    """Send a month's statement over all drivers."""
    agreement = _agreements(membership).filter(pk=agreement_id).first()
    months = months_of(agreement) if agreement is not None else []
    asked = next((one for one in months if (one.year, one.month) == (year, month)), None)
    if agreement is None or asked is None or kind not in _KINDS:
        raise Http404("no such statement")
    found = fleet_month(agreement, month=asked)
    name = f"home-{agreement.contract.number}-{asked:%Y-%m}"
    return (
        as_csv(fleet_csv(found.statements), name=name) if kind == "csv" else shown_inline(fleet_pdf(found), name=name)
    )


def _agreements(membership: Membership) -> Any:
    agreements = bought_rows(membership, HomeAgreement.objects.all())
    return agreements.select_related("contract__seller", "contract__customer").order_by("contract__number")
