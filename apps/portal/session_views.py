"""Sessions as customers look for them: filtered, added up, by place, as a table; and each one explained."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.models import Membership
from apps.contracts.domain.renewals import add_months
from apps.core import clock
from apps.core.domain.cells import csv_text
from apps.core.keyed import KeyedPaginator
from apps.documents.downloads import as_csv
from apps.portal import selectors, session_sheets
from apps.portal.access import customer_page
from apps.portal.pages import PAGE_SIZE, page_for
from apps.portal.price_reasons import why_in_words
from apps.portal.session_filters import RECENT_DAYS, SessionFilter, recent_since
from apps.sessions import transparency
from apps.sessions.explanation import explain_cdr
from apps.sessions.price_choice import why_this_tariff
from apps.sessions.services.payers import decision_of
from apps.tariffs.domain.price_text import price_text
from apps.tariffs.spoken import page_language

_SHOWN_MONTHS: Final = 6


@require_GET
@customer_page
def sessions(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the sessions that the filter asks for, with what they add up to."""
    form = SessionFilter(request.GET, membership=membership)
    found = form.sessions()
    page = KeyedPaginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        **_asked(form, membership),
        "page": page,
        "rows": selectors.with_running(page.object_list, at=clock.now()),
        "sums": selectors.sums_of(found),
        "has_charged": bool(page.object_list) or selectors.sessions_of(membership).exists(),
        "has_payers": selectors.drives_on_anothers_card(membership),
    }
    return page_for(request, "portal/sessions.html", membership, **context)


@require_GET
@customer_page
def places(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List where the sessions that the filter asks for were, with what each place comes to."""
    form = SessionFilter(request.GET, membership=membership)
    found = form.sessions()
    places = selectors.places_of(found)
    page = Paginator(places, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {**_asked(form, membership), "page": page, "sums": selectors.sums_of_places(places)}
    return page_for(request, "portal/places.html", membership, **context)


@require_GET
@customer_page
def sheet(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Send the sessions that the filter asks for as a table."""
    form = SessionFilter(request.GET, membership=membership)
    found = form.sessions()
    if not form.is_valid() or found.count() > session_sheets.MOST_ROWS:
        messages.error(
            request,
            _("A table holds up to %(most)s sessions. Choose fewer days and try again.")
            % {"most": session_sheets.MOST_ROWS},
        )
        return redirect(f"{reverse('portal:sessions')}?{request.GET.urlencode()}")
    return as_csv(csv_text(session_sheets.rows_of(found)), name=f"sessions-{_local_day(membership)}")


@require_GET
@customer_page
def session(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Explain one session: each period, its price, the reason and the readings; and the whole of its tariff."""
    found = selectors.sessions_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such session")
    readings = list(found.readings.order_by("at", "energy_milliwh"))
    record = found.current_cdrs[0] if found.current_cdrs else None
    explained = explain_cdr(record, readings=readings, language=page_language()) if record else None
    version = record.tariff_version if record else found.tariff_version
    decision = decision_of(found)
    selectors.with_running([found], at=clock.now())
    context = {
        "session": found,
        "explained": explained,
        "readings": readings,
        "signed": transparency.signed_values(found.pk),
        "lines": selectors.lines_of(membership, found),
        "payer": decision.in_words(page_language()) if decision else "",
        "why": why_in_words(choice) if (choice := why_this_tariff(found)) else "",
        "prices": price_text(version.terms(), language=page_language()),
    }
    return page_for(request, "portal/session.html", membership, **context)


@require_GET
@customer_page
def session_row(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Return one session's row of a list, for htmx: how far it is while it runs, its price in the end."""
    found = selectors.sessions_of(membership).filter(uid=uid).first()
    if found is None:
        raise Http404("no such session")
    selectors.with_running([found], at=clock.now())
    return page_for(request, "portal/session_row.html", membership, session=found)


@require_GET
@customer_page
def signed_values(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Send a session's signed meter values for the transparency software; 404 where its station sent none."""
    found = selectors.sessions_of(membership).filter(uid=uid).first()
    values = transparency.signed_values(found.pk) if found else None
    if values is None:
        raise Http404("no signed meter values")
    return transparency.container_response(found, values)


def _asked(form: SessionFilter, membership: Membership) -> dict[str, Any]:
    """Return the filter, and the same one over other months, for links."""
    month = _local_day(membership).replace(day=1)
    months = [add_months(month, -back) for back in range(_SHOWN_MONTHS)]
    chosen = (form.asked.get("first"), form.asked.get("last"))
    recent = recent_since(membership)
    spans = [(first, add_months(first, 1) - timedelta(days=1)) for first in months]
    return {
        "form": form,
        "query": form.query,
        "everything": form.address_of(None, None),
        "is_of_all_days": chosen == (None, None),
        "recent": form.address_of(recent, None),
        "is_recent": chosen == (recent.isoformat(), None),
        "recent_days": RECENT_DAYS,
        "months": [
            {
                "first": first,
                "address": form.address_of(first, last),
                "is_chosen": chosen == (first.isoformat(), last.isoformat()),
            }
            for first, last in spans
        ],
    }


def _local_day(membership: Membership) -> date:
    return clock.now().astimezone(selectors.zone_of(membership)).date()
