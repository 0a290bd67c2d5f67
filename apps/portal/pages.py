"""How the portal's pages are rendered: for whom one acts, on that organisation's clock."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.models import Membership

PAGE_SIZE: Final = 25


def page_for(request: HttpRequest, template: str, membership: Membership | None, **context: Any) -> HttpResponse:
    """Render a page for whom one acts; instants are shown on the organisation's wall clock."""
    zone = membership.organisation.time_zone if membership else "UTC"
    return render(request, template, {"membership": membership, "zone": zone, **context})
