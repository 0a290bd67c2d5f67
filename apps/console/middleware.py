"""The console shows and reads times on the acting organisation's own clock."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.scope import acting_membership


class OwnClock:
    """Make the organisation's time zone the current one on ``/admin/``; a platform operator without one sees UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request) if request.path.startswith("/admin/") else None
        if membership is None:
            return self.get_response(request)
        with timezone.override(ZoneInfo(membership.organisation.time_zone)):
            return self.get_response(request)
