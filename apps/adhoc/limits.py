"""How often one address may ask: enough for a car park behind one router, too little to try codes."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from apps.core import clock

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]
WINDOW_S: Final = 60


def limited(scope: str, *, per_minute: int, methods: tuple[str, ...] = ("GET", "POST")) -> Callable[[View], View]:
    """Answer 429 with words to an address that asks more than ``per_minute`` times within a minute of the clock."""

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods and _count(scope, request) > per_minute:
                response = render(request, "adhoc/too_often.html", status=429)
                response["Retry-After"] = str(WINDOW_S)
                return response
            return view(request, *args, **kwargs)

        return inner

    return decorate


def _count(scope: str, request: HttpRequest) -> int:
    """Count this request and return how many those of its address are in the present minute."""
    minute = int(clock.now().timestamp()) // WINDOW_S
    key = f"adhoc:{scope}:{request.META.get('REMOTE_ADDR', '')}:{minute}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_S)
        return cache.incr(key)
    except (RedisError, ValueError) as error:
        # Drivers must be able to pay while the cache is away; a key may also go between the two calls.
        log.warning("requests of %s are not counted: %s", scope, error)
        return 0
