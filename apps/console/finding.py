"""A driver calls: find their charge by the card's last four digits, amount and day, and go to its session."""

from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.scope import acting_membership, has_role, is_platform_operator, operated_rows, operator_of
from apps.adhoc.forms import FindForm
from apps.core import clock
from apps.payments.models import PaymentAttempt
from apps.payments.services.finding import find_for_support

_LABELS: Final = {
    "card_last4": "Last four digits of the card",
    "amount": "Amount taken, or reserved while it runs",
    "day": "Day of the charge",
}


class SupportForm(FindForm):
    """The driver's form, in the console's clothes."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, asks_place=False)
        for name, label in _LABELS.items():
            attrs = self.fields[name].widget.attrs
            self.fields[name].widget = UnfoldAdminTextInputWidget(attrs=attrs)
            self.fields[name].label = label


@require_http_methods(["GET", "POST"])
def find_charge(request: HttpRequest) -> HttpResponse:
    """List every charge of the organisation that fits, each with the way to its session; the search is noted."""
    if not has_role(request, OPERATOR_ROLES):
        raise PermissionDenied
    form = SupportForm(request.POST if request.method == "POST" else None)
    found: list[PaymentAttempt] | None = None
    if request.method == "POST" and form.is_valid():
        found = find_for_support(
            attempts=operated_rows(request, PaymentAttempt.objects.all()),
            wanted=form.wanted(),
            seller_id=_searched(request),
            by=operator_of(request),
            at=clock.now(),
        )
    context = {**admin.site.each_context(request), "title": "Find a driver's charge", "form": form, "found": found}
    return TemplateResponse(request, "console/find_charge.html", context, status=422 if form.errors else 200)


def _searched(request: HttpRequest) -> int | None:
    """Return whose charges are searched; None: a platform's operator searches all."""
    membership = acting_membership(request)
    return None if is_platform_operator(request) or membership is None else membership.organisation_id
