"""Acts for which the password, or the second factor, is asked again where it was last given minutes ago.

A browser that somebody left open, or whose cookie was taken, then moves no money elsewhere, lets nobody in and gives
nobody a key. What only takes rights away, such as revoking a key, has to be quick and asks nothing. An API key is no
browser: the API asks nobody.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from apps.accounts.domain.roles import INTEGRATION_ROLES, MASTER_DATA_ROLES, MONEY_ROLES, PEOPLE_ROLES, Role
from apps.accounts.models import User
from apps.accounts.scope import has_role
from apps.core import clock

_PLATFORM: Final[frozenset[Role]] = frozenset()
_CUSTOMERS_ADMINISTRATORS: Final = frozenset({Role.FLEET_ADMIN})
_EVERYBODY: Final = frozenset(Role)

SENSITIVE: Final[Mapping[str, frozenset[Role]]] = {
    # Money that goes elsewhere.
    "admin:payments_refundrequest_confirm": MONEY_ROLES,
    "admin:payments_bankrepayment_confirm": MONEY_ROLES,
    "admin:accounts_organisation_add": _PLATFORM,
    "admin:accounts_organisation_change": MASTER_DATA_ROLES,
    "admin:contracts_homedriver_add": MASTER_DATA_ROLES,
    "admin:contracts_homedriver_change": MASTER_DATA_ROLES,
    # People who are let in, and what they may.
    "console:invite": PEOPLE_ROLES,
    "console:customer-invite": MASTER_DATA_ROLES,
    "admin:accounts_membership_add": _PLATFORM,
    "admin:accounts_membership_change": PEOPLE_ROLES,
    "admin:accounts_membership_delete": PEOPLE_ROLES,
    "admin:accounts_user_change": _PLATFORM,
    "console:factor-off": PEOPLE_ROLES,
    "portal:person-invite": _CUSTOMERS_ADMINISTRATORS,
    "portal:person-role": _CUSTOMERS_ADMINISTRATORS,
    "portal:person-remove": _CUSTOMERS_ADMINISTRATORS,
    # Keys and secrets of other systems.
    "admin:accounts_apikey_make_key": INTEGRATION_ROLES,
    "admin:documents_webhookendpoint_add_endpoint": INTEGRATION_ROLES,
    "admin:documents_webhookendpoint_edit": INTEGRATION_ROLES,
    "admin:documents_webhookendpoint_new_secret": INTEGRATION_ROLES,
    "portal:key-make": _CUSTOMERS_ADMINISTRATORS,
    "portal:endpoint-open": _CUSTOMERS_ADMINISTRATORS,
    "portal:endpoint-secret": _CUSTOMERS_ADMINISTRATORS,
    # Somebody who stole a session does not shut the real person out.
    "admin:accounts_signin_end": PEOPLE_ROLES,
    "portal:sign-in-end": _EVERYBODY,
    "portal:sign-ins-end-others": _EVERYBODY,
}
"""Addresses → the roles that may act there; whoever else looks at such a page is asked nothing."""


class AskAgain:
    """Lead to the page that asks for the password before a sensitive act, and from there back to it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        assert request.resolver_match is not None, "a view was found"
        roles = SENSITIVE.get(request.resolver_match.view_name)
        if roles is None or not isinstance(request.user, User) or not has_role(request, roles):
            return None
        if _is_proved(request):
            return None
        if request.method == "POST":
            messages.warning(request, _("Nothing was done yet: confirm that it is you, then do it once more."))
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': _back(request)})}")


def _is_proved(request: HttpRequest) -> bool:
    """Whether the person signed in, or confirmed it, within the last minutes."""
    given: list[float] = [record["at"] for record in get_authentication_records(request, request.user)]
    return bool(given) and clock.now().timestamp() - max(given) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def _back(request: HttpRequest) -> str:
    """Return the page to go on from: this one, or where the form that was sent stands."""
    if request.method != "POST":
        return request.get_full_path()
    told = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(told, {request.get_host()}, require_https=request.is_secure()):
        address = urlsplit(told)
        return f"{address.path}?{address.query}" if address.query else address.path
    return reverse("admin:index" if request.path.startswith("/admin/") else "portal:home")
