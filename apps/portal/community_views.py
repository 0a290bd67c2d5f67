"""For the manager of a residential community: its units and, month by month, what each of them was billed."""

from datetime import date
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from apps.accounts.models import Membership
from apps.accounts.scope import bought_rows
from apps.contracts.contract_sheets import local_day
from apps.contracts.models import Customer, Unit
from apps.core import clock
from apps.documents.downloads import as_csv, shown_inline
from apps.invoices.communities import months_of, statement_csv, statement_of, statement_pdf
from apps.portal import selectors
from apps.portal.access import customer_page
from apps.portal.pages import page_for

_KINDS: Final = ("pdf", "csv")


@require_GET
@customer_page
def community(request: HttpRequest, customer_id: int, *, membership: Membership) -> HttpResponse:
    """List the units with who holds them, and the months that have a statement."""
    found = _community_of(membership, customer_id)
    units = bought_rows(membership, Unit.objects.filter(customer=found))
    context = {
        "community": found,
        "units": units.prefetch_related("occupancies__contract__customer").order_by("label"),
        "months": _months(found),
    }
    return page_for(request, "portal/community.html", membership, **context)


@require_GET
@customer_page
def statement(
    request: HttpRequest, customer_id: int, year: int, month: int, kind: str, *, membership: Membership
) -> HttpResponse:
    """Send the statement of a month, on paper or as a table."""
    found = _community_of(membership, customer_id)
    asked = next((one for one in _months(found) if (one.year, one.month) == (year, month)), None)
    if asked is None or kind not in _KINDS:
        raise Http404("no such statement")
    sheet = statement_of(found, month=asked)
    name = f"statement-{found.number}-{asked:%Y-%m}"
    return as_csv(statement_csv(sheet), name=name) if kind == "csv" else shown_inline(statement_pdf(sheet), name=name)


def _months(found: Customer) -> list[date]:
    return months_of(found, until=local_day(clock.now(), found.seller))


def _community_of(membership: Membership, customer_id: int) -> Any:
    communities = selectors.customers_of(membership).filter(kind=Customer.Kind.COMMUNITY)
    found = communities.filter(pk=customer_id).first()
    if found is None:
        raise Http404("no such community")
    return found
