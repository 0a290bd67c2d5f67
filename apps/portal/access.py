"""Who may open the portal: people who act for a customer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from apps.accounts.domain.roles import CUSTOMER_ROLES, Role
from apps.accounts.models import Membership
from apps.accounts.scope import acting_membership

View = Callable[..., HttpResponse]


def customer_page(view: View) -> View:
    """Hand the view the customer membership as ``membership``; others sign in, or are told where they belong."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        membership = acting_membership(request)
        if membership is None or Role(membership.role) not in CUSTOMER_ROLES:
            return render(request, "portal/no_customer.html", {"others": memberships_of(request)}, status=403)
        return view(request, *args, membership=membership, **kwargs)

    return login_required(inner)


def administrators_page(view: View) -> View:
    """Hand the view the membership of a customer's administrator; others who act for a customer are refused."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, membership: Membership, **kwargs: Any) -> HttpResponse:
        if not is_administrator(membership):
            raise PermissionDenied
        return view(request, *args, membership=membership, **kwargs)

    return never_cache(customer_page(inner))


def is_administrator(membership: Membership) -> bool:
    """Tell whether somebody decides for the customer: pays, accepts, and changes cards, budgets and people."""
    return Role(membership.role) == Role.FLEET_ADMIN


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Return everything the signed-in person may act for."""
    memberships = Membership.objects.filter(user=request.user.pk).select_related("organisation")
    return list(memberships.order_by("organisation__name", "pk"))
