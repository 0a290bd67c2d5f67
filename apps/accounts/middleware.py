"""The membership a request acts in."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.accounts.models import Membership

SESSION_KEY = "membership"


def current_membership(request: HttpRequest) -> Membership | None:
    """Return the membership chosen in this browser session, else the person's first; None when signed out."""
    user = request.user
    if not user.is_authenticated:
        return None
    memberships = Membership.objects.filter(user=user).select_related("organisation").order_by("pk")
    if chosen := request.session.get(SESSION_KEY):
        return memberships.filter(pk=chosen).first() or memberships.first()
    return memberships.first()


class CurrentMembership:
    """Offer ``request.get_membership()``: the acting ``Membership`` or None, looked up once, on first use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found: list[Any] = []

        def look_up() -> Membership | None:
            if not found:
                found.append(current_membership(request))
            return found[0]

        request.get_membership = look_up  # type: ignore[attr-defined]
        return self.get_response(request)
