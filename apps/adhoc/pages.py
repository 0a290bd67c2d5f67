"""How the pages of one charge find it: by the token in their address alone."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.adhoc.selectors import find_attempt


def charge_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Hand the view the attempt that the address names; an unknown token finds a plain page, 404."""

    @wraps(view)
    def inner(request: HttpRequest, token: str) -> HttpResponse:
        attempt = find_attempt(token)
        return view(request, attempt) if attempt else render(request, "adhoc/unknown_charge.html", status=404)

    return inner
