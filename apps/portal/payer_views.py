"""For drivers with an employer's card: which of their sessions are business, which are private."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Membership
from apps.contracts.domain.payers import Payer
from apps.core import clock
from apps.portal.access import customer_page
from apps.portal.pages import page_for
from apps.sessions.models import ChargingSession
from apps.sessions.services.payers import PayerRefused, decision_of, mark_payer, marks_until
from apps.tariffs.spoken import page_language

_LOOKS_BACK: Final = timedelta(days=62)


@require_GET
@customer_page
def payers(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """List the sessions of two months on cards whose driver's contract is the organisation's, and who pays for each."""
    since = clock.now() - _LOOKS_BACK
    rows = [_row(session) for session in _sessions_of(membership).filter(started_at__gte=since)[:100]]
    return page_for(request, "portal/payers.html", membership, rows=[row for row in rows if row])


@require_POST
@customer_page
def mark(request: HttpRequest, uid: UUID, *, membership: Membership) -> HttpResponse:
    """Mark a session as business or private."""
    found = _sessions_of(membership).filter(uid=uid).first()
    if found is None or request.POST.get("payer") not in (Payer.EMPLOYER, Payer.DRIVER):
        raise Http404("no such session")
    try:
        decision = mark_payer(
            session_id=found.pk,
            payer=Payer(request.POST["payer"]),
            by=membership.user,
            at=clock.now(),
        )
    except PayerRefused:
        messages.error(
            request, _("This session cannot be marked any more. Your charging provider can still correct it.")
        )
    else:
        messages.success(request, decision.in_words(page_language()))
    return redirect("portal:payers")


def _sessions_of(membership: Membership) -> Any:
    """Return the sessions on an employer's card whose driver the organisation is, whoever pays for them."""
    return (
        ChargingSession.objects.filter(
            token__driver_contract__customer__organisation=membership.organisation_id, payer_decisions__number=1
        )
        .select_related("station__location", "seller")
        .order_by("-started_at", "-pk")
    )


def _row(session: ChargingSession) -> dict[str, Any] | None:
    current, first = decision_of(session), session.payer_decisions.filter(number=1).first()
    if current is None or first is None:
        return None
    until = marks_until(session, first)
    is_open = bool(first.mark_days) and (until is None or clock.now() <= until)
    return {
        "session": session,
        "decision": current,
        "words": current.in_words(page_language()),
        "until": until,
        "is_open": is_open,
        "other": Payer.DRIVER.value if current.payer == Payer.EMPLOYER else Payer.EMPLOYER.value,
    }
