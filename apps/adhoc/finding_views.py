"""The driver has lost the page of a charge: find it by card, amount and day."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.adhoc.forms import FindForm
from apps.adhoc.limits import limited
from apps.core import clock
from apps.core.domain.networks import network_of
from apps.payments.domain.finding import SearchOutcome
from apps.payments.services.finding import find_charge
from apps.stations.models import Location
from apps.stations.selectors import find_location_of_code

STATUS = {SearchOutcome.REFUSED: 429, SearchOutcome.NOTHING: 404, SearchOutcome.SEVERAL: 409}


@never_cache
@limited("find", per_minute=30)
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Lead to the one charge that fits; ``code``, of a sticker, says whose charges are searched."""
    asked = request.POST if request.method == "POST" else request.GET
    code = asked.get("code", "")[:22]
    location = find_location_of_code(code)
    asks_place = "place" in asked
    form = FindForm(request.POST if request.method == "POST" else None, asks_place=asks_place)
    outcome = None
    if request.method == "POST" and form.is_valid():
        found = find_charge(
            wanted=form.wanted(),
            network=network_of(request.META.get("REMOTE_ADDR", "")),
            seller_id=location.owner_id if location else None,
            at=clock.now(),
        )
        if found.attempt is not None:
            return redirect("adhoc:progress", found.attempt.token)
        outcome = found.outcome
        if outcome == SearchOutcome.SEVERAL and not asks_place:
            form = _with_place(form)
    return _page(request, form, outcome=outcome, code=code, location=location)


def _with_place(form: FindForm) -> FindForm:
    """Ask for the place too, beside what was typed."""
    return FindForm(form.data, asks_place=True)


def _page(
    request: HttpRequest, form: FindForm, *, outcome: SearchOutcome | None, code: str, location: Location | None
) -> HttpResponse:
    context = {
        "form": form,
        "outcome": outcome.value if outcome else "",
        "asks_place": "place" in form.fields,
        "has_place": bool(form.data.get("place")),
        "code": code if location else "",
        "location": location,
    }
    status = STATUS[outcome] if outcome else 422 if form.errors else 200
    return render(request, "adhoc/find.html", context, status=status)
