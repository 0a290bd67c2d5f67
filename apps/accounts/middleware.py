"""The membership a request acts in, where it is signed in, and the second factor that it needs for that."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language

from apps.accounts import sign_ins
from apps.accounts.models import Membership, User
from apps.accounts.second_factors import must_set_one_up
from apps.core import clock

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


class NotedSignIns:
    """Note every few minutes where a person is signed in; who brings no session cookie is asked nothing."""

    NOTE: Final = "noted"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and isinstance(request.user, User):
            self._note(request, request.user)
        return self.get_response(request)

    def _note(self, request: HttpRequest, user: User) -> None:
        key, at = request.session.session_key or "", clock.now()
        before, noted_at = request.session.get(self.NOTE, ("", ""))
        if before == key and at - datetime.fromisoformat(noted_at) < sign_ins.NOTED_EVERY:
            return
        sign_ins.note_seen(
            user=user,
            session_key=key,
            before=before,
            address=request.META.get("REMOTE_ADDR", ""),
            device=request.headers.get("User-Agent", ""),
            language=(get_language() or "en")[:2],
            at=at,
        )
        request.session[self.NOTE] = (key, at.isoformat())


class SecondFactorForStaff:
    """Lead staff without a second factor to the page that sets one up, until they have one."""

    OPEN: Final = ("/portal/second-factor/", "/portal/confirm/", "/portal/logout/", "/portal/language/", "/static/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            settings.SESSION_COOKIE_NAME in request.COOKIES
            and not request.path.startswith(self.OPEN)
            and must_set_one_up(request.user)
        ):
            return redirect("mfa_index")
        return self.get_response(request)
