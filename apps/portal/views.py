"""The customers' pages: signing in, for whom one acts, and by which card or account invoices are paid."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.api_keys import may_make_keys
from apps.accounts.middleware import SESSION_KEY
from apps.accounts.models import Membership
from apps.accounts.scope import acting_membership, bought_rows
from apps.core import clock
from apps.payments.models import SavedMethod
from apps.payments.selectors import active_method
from apps.payments.services.methods import SetupUnavailable, start_method_setup
from apps.payments.services.operations import WrongMode
from apps.payments.services.projection import StripeUnreachable
from apps.payments.services.setups import remove_method, sync_method
from apps.portal import selectors
from apps.portal.access import customer_page, is_administrator, memberships_of
from apps.portal.pages import page_for


@require_GET
def landing(request: HttpRequest) -> HttpResponse:
    """Send people where they work: operators to the console, everyone else to the portal (which asks who they are)."""
    membership = acting_membership(request)
    operates = request.user.is_superuser if membership is None else membership.is_operator
    return redirect("admin:index" if operates and request.user.is_staff else "portal:home")


@never_cache
@require_http_methods(["GET", "POST"])
@customer_page
def payment_method(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Show by which card each seller's invoices are paid; a POST leads to Stripe's own page to save one."""
    customers = list(selectors.customers_of(membership))
    if request.method == "POST":
        return _add_card(request, membership=membership, customers=customers)
    rows = [{"customer": customer, "method": active_method(customer.pk)} for customer in customers]
    return page_for(request, "portal/payment_method.html", membership, rows=rows, may_add=is_administrator(membership))


def _add_card(request: HttpRequest, *, membership: Membership, customers: list[Any]) -> HttpResponse:
    if not is_administrator(membership):
        raise PermissionDenied
    customer = next((one for one in customers if str(one.pk) == request.POST.get("customer")), None)
    if customer is None:
        raise Http404("no such customer")
    back = request.build_absolute_uri(reverse("portal:payment-method"))
    success = request.build_absolute_uri(reverse("portal:payment-method-return"))
    try:
        url = start_method_setup(
            customer_id=customer.pk,
            # Stripe fills in the braces, so they must not be escaped.
            success_url=f"{success}?checkout={{CHECKOUT_SESSION_ID}}",
            cancel_url=back,
            at=clock.now(),
        )
    except (SetupUnavailable, WrongMode):
        messages.error(request, _("The page to save a card cannot be opened just now. Please try again in a minute."))
        return redirect("portal:payment-method")
    # The address came from Stripe over its API, never from the request.
    return HttpResponseRedirect(url)


@require_POST
@customer_page
def remove_payment_method(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Forget the card or account by which a seller's invoices are paid."""
    if not is_administrator(membership):
        raise PermissionDenied
    customers = {str(customer.pk): customer.pk for customer in selectors.customers_of(membership)}
    customer_id = customers.get(request.POST.get("customer", ""))
    method = active_method(customer_id) if customer_id else None
    if method is None:
        raise Http404("nothing to remove")
    remove_method(method_id=method.pk, at=clock.now())
    messages.success(request, _("Removed. Invoices stay open until you pay them or save another card or account."))
    return redirect("portal:payment-method")


@never_cache
@require_GET
@customer_page
def payment_method_return(request: HttpRequest, *, membership: Membership) -> HttpResponse:
    """Come back from Stripe's page: look at once what became of it; webhook and sweep would find the same."""
    methods = bought_rows(membership, SavedMethod.objects.all())
    found = methods.filter(checkout_session_id=request.GET.get("checkout", "")).first()
    if found is None:
        raise Http404("no such page of ours")
    try:
        method = sync_method(method_id=found.pk, at=clock.now())
    except (StripeUnreachable, WrongMode):
        method = found
    if method.status == "active":
        messages.success(request, _("Saved. Open invoices are collected from it."))
    else:
        messages.info(request, _("It is being saved. This page shows it in a moment."))
    return redirect("portal:payment-method")


@login_required
@require_http_methods(["GET", "POST"])
def organisations(request: HttpRequest) -> HttpResponse:
    """Choose for whom one acts; each membership is a role in one organisation."""
    memberships = memberships_of(request)
    if request.method == "POST":
        chosen = next((one for one in memberships if str(one.pk) == request.POST.get("membership")), None)
        if chosen is None:
            raise Http404("no such membership")
        request.session[SESSION_KEY] = chosen.pk
        return redirect("root")
    membership = acting_membership(request)
    may_integrate = may_make_keys(membership) and membership is not None and not membership.is_operator
    return page_for(
        request, "portal/organisations.html", membership, memberships=memberships, may_integrate=may_integrate
    )
