"""The console shows and reads times on the acting organisation's own clock, and speaks one language throughout."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from apps.accounts.scope import acting_membership

# Its words are not translated yet; half of a page in the browser's language would help nobody.
LANGUAGE = "en"


class OwnClock:
    """Make the organisation's time zone the current one on ``/admin/``; a platform operator without one sees UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        membership = acting_membership(request)
        zone = ZoneInfo(membership.organisation.time_zone) if membership else timezone.get_default_timezone()
        with timezone.override(zone), translation.override(LANGUAGE):
            response = self.get_response(request)
        response["Content-Language"] = LANGUAGE
        return response
