"""What a driver was shown, carried by the page under our signature: the price, and the page's own key.

The price is only compared with today's, never believed; the key lets a second click, a reload and a second tab find
the attempt of the first.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from django.core import signing
from django.http import HttpRequest, HttpResponse

from apps.adhoc.selectors import Offer, attempt_of_page, is_still_good
from apps.payments.domain.status import AttemptStatus
from apps.payments.models import PaymentAttempt

_SALT: Final = "adhoc.shown"
_COOKIE: Final = "pay_page"
_COOKIE_LIVES_S: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    page_key: str
    terms: dict[str, Any]


def page_key_of(request: HttpRequest, offer: Offer) -> str:
    """Return the key of this browser's page; a new one if its attempt is over, or was for another price."""
    key = _kept_key(request, offer)
    return key if key and (is_still_good(key, offer) or own_charge(request, offer)) else secrets.token_urlsafe(16)


def own_charge(request: HttpRequest, offer: Offer) -> PaymentAttempt | None:
    """Return the attempt that this browser has paid for at this connector and that is not settled yet."""
    attempt = attempt_of_page(_kept_key(request, offer))
    return attempt if attempt and attempt.status == AttemptStatus.AUTHORISED else None


def _kept_key(request: HttpRequest, offer: Offer) -> str:
    return request.get_signed_cookie(_COOKIE, default="", salt=offer.pay_code.code, max_age=_COOKIE_LIVES_S) or ""


def keep_page_key(response: HttpResponse, request: HttpRequest, offer: Offer, key: str) -> None:
    """Let the browser's other tabs find the key, on this code's page only."""
    response.set_signed_cookie(
        _COOKIE,
        key,
        salt=offer.pay_code.code,
        max_age=_COOKIE_LIVES_S,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def sign_shown(offer: Offer, *, page_key: str) -> str:
    """Return the page's hidden field."""
    value = {"code": offer.pay_code.code, "page": page_key, "terms": offer.shown()}
    return signing.dumps(value, salt=_SALT, compress=True)


def read_shown(text: str, *, code: str) -> Shown | None:
    """Return what the hidden field says; None if it is not ours, or another code's."""
    try:
        value = signing.loads(text, salt=_SALT)
    except signing.BadSignature:
        return None
    return Shown(page_key=value["page"], terms=value["terms"]) if value["code"] == code else None
