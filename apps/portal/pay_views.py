"""Pay one invoice by the signed link of a mail, without signing in."""

from contextlib import suppress

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.payments.pay_tokens import invoice_of
from apps.payments.payable import payable_of
from apps.payments.selectors import payment_state
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.operations import WrongMode
from apps.payments.services.paying import open_pay_page, sync_links
from apps.payments.services.projection import StripeUnreachable


@never_cache
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is open and a button; the button leads to the hosted page. A look changes nothing."""
    invoice = invoice_of(token)
    if invoice is None:
        raise Http404("no such link, or an expired one")
    page = request.build_absolute_uri(reverse("portal:pay", args=[token]))
    if request.method == "POST":
        try:
            url = open_pay_page(document_id=invoice.pk, success_url=f"{page}?paid=1", cancel_url=page, at=clock.now())
        except NotPayable:
            return redirect("portal:pay", token)
        except (CheckoutUnavailable, WrongMode):
            messages.error(request, _("The payment page cannot be opened just now. Please try again in a minute."))
            return redirect("portal:pay", token)
        # The address came from Stripe over its API, never from the request.
        return HttpResponseRedirect(url)
    if "paid" in request.GET:
        with suppress(StripeUnreachable, WrongMode):
            sync_links(document_id=invoice.pk, at=clock.now())
    state, payable = payment_state(invoice), payable_of(invoice)
    context = {"invoice": invoice, "state": state, "payable": payable, "is_payable": payable.is_payable(state)}
    return render(request, "portal/pay.html", context)
