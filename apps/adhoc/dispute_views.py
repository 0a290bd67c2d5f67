"""Something is wrong with a charge: its driver says so, reads the answer on the receipt's page, or takes it back."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.adhoc.forms import ChargeDisputeForm
from apps.adhoc.limits import limited
from apps.adhoc.pages import charge_page
from apps.adhoc.selectors import document_of
from apps.adhoc.services.disputes import TooManyDisputes, dispute_charge
from apps.core import clock
from apps.invoices.disputed import LineStanding, standings_of
from apps.invoices.errors import DisputeRefused
from apps.invoices.models import Invoice
from apps.invoices.services.disputing import withdraw_dispute
from apps.payments.models import PaymentAttempt


@never_cache
@limited("wrong", per_minute=6, methods=("POST",))
@require_http_methods(["GET", "POST"])
@charge_page
def wrong(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Ask what is wrong, and open a dispute of it; without anything left to dispute the receipt says how it stands."""
    document = _document(attempt)
    lines = {standing.line.position: standing.line for standing in standings_of(document) if standing.is_disputable}
    if not lines:
        return redirect("adhoc:receipt", attempt.token)
    form = ChargeDisputeForm(
        request.POST if request.method == "POST" else None,
        lines=[(position, f"{line.text}: {line.gross or line.net}") for position, line in lines.items()],
    )
    if request.method == "POST" and form.is_valid():
        try:
            dispute = dispute_charge(
                attempt_id=attempt.pk,
                line=lines[form.position],
                ground=form.cleaned_data["ground"],
                words=form.cleaned_data["words"],
                address=form.cleaned_data.get("email", ""),
                at=clock.now(),
            )
        except TooManyDisputes:
            messages.error(request, _("You have said so three times. Please call the operator."))
        except DisputeRefused:
            messages.error(request, _("This cannot be disputed now. Look below at how it stands."))
        else:
            told = {"seller": document.seller, "day": date_format(dispute.answer_by)}
            messages.success(request, _("We have passed it on. %(seller)s answers by %(day)s.") % told)
        return redirect("adhoc:receipt", attempt.token)
    context = {"attempt": attempt, "document": document, "form": form}
    return render(request, "adhoc/wrong.html", context, status=422 if form.errors else 200)


@never_cache
@limited("wrong", per_minute=6)
@require_POST
@charge_page
def withdraw(request: HttpRequest, attempt: PaymentAttempt) -> HttpResponse:
    """Take back what the driver said was wrong, as long as nobody has answered."""
    for dispute in filter(None, (standing.open_dispute for standing in _standings(attempt))):
        try:
            withdraw_dispute(dispute_id=dispute.pk, at=clock.now(), by=None)
        except DisputeRefused:
            messages.error(request, _("It has been answered meanwhile. Read the answer below."))
        else:
            messages.success(request, _("You have taken it back."))
    return redirect("adhoc:receipt", attempt.token)


def _standings(attempt: PaymentAttempt) -> list[LineStanding]:
    return standings_of(_document(attempt))


def _document(attempt: PaymentAttempt) -> Invoice:
    document = document_of(attempt)
    if document is None:
        raise Http404("no receipt yet")
    return document
