"""How often one address or one charge's page may ask: enough for a car park behind one router, too little to try codes.

An address is what the ASGI server says: behind a proxy on another machine uvicorn needs ``FORWARDED_ALLOW_IPS``.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from apps.adhoc.selectors import find_attempt
from apps.core import clock
from apps.stations.models import Location
from apps.stations.selectors import find_location_of_code

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]
WINDOW_S: Final = 60


def limited(
    scope: str, *, per_minute: int, methods: tuple[str, ...] = ("GET", "POST"), by_token: bool = False
) -> Callable[[View], View]:
    """Answer 429 with words to whoever asks more than ``per_minute`` times within a minute of the clock.

    by_token  count what is asked of one charge's page instead of what one address asks: pages that look again by
              themselves, of many drivers behind one router
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            who = kwargs["token"] if by_token else request.META.get("REMOTE_ADDR", "")
            if request.method in methods and _count(scope, who) > per_minute:
                response = render(request, "adhoc/too_often.html", {"place": _place_of(kwargs)}, status=429)
                response["Retry-After"] = str(WINDOW_S)
                return response
            return view(request, *args, **kwargs)

        return inner

    return decorate


def _place_of(named: Mapping[str, str]) -> Location | None:
    """Return the site that a page's address names, by its sticker or its charge: whoever waits may call for help."""
    if "token" in named:
        attempt = find_attempt(named["token"])
        return attempt.evse.station.location if attempt else None
    return find_location_of_code(named.get("code", ""))


def _count(scope: str, who: str) -> int:
    """Count a request and return how many there were of ``who`` in the present minute."""
    minute = int(clock.now().timestamp()) // WINDOW_S
    key = f"adhoc:{scope}:{sha256(who.encode()).hexdigest()[:24]}:{minute}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_S)
        return cache.incr(key)
    except (RedisError, ValueError) as error:
        # Drivers must be able to pay while the cache is away; a key may also go between the two calls.
        log.warning("requests of %s are not counted: %s", scope, error)
        return 0
