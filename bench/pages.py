"""Server time and queries of the pages that people open all day, over a large owner's past.

Enumerated, not listed: every list of the console's admin registry and every console page without an argument, beside
Home, the portal and a driver's page. The median of several requests, in this process, without a network.
"""

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import NoReverseMatch, reverse

from apps.accounts.models import User
from apps.console.urls import urlpatterns
from apps.core.clock import now
from apps.stations.models import PayCode
from bench.house import own_database, quiet
from bench.measure import say
from config.demo.volume import FLEET_EMAIL, OWNER_EMAIL, seed_volume

TARGETS_MS = {"console": 200, "portal": 150, "driver": 50}
MOST_QUERIES = 30


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--past-sessions", type=int, default=1_000_000, help="of the large owner (%(default)s)")
    parser.add_argument("--past-stations", type=int, default=10_000, help="of the large owner (%(default)s)")
    parser.add_argument("--requests", type=int, default=5, help="of each page (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Seed a large owner, ask for each page, and return every page's figures beside its target."""
    with own_database(), override_settings(ALLOWED_HOSTS=["testserver"], DEBUG=False), quiet():
        say(f"pages: seeding {options.past_sessions} sessions")
        begun = time.perf_counter()
        count = seed_volume(sessions=options.past_sessions, stations=options.past_stations, days=400, at=now())
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        seeded_s = time.perf_counter() - begun
        pages = [_measure(*page, requests=options.requests) for page in _pages()]
    return {
        "unit": "milliseconds of server time, median of the requests of one page",
        "sessions": count,
        "stations": options.past_stations,
        "seeded_s": round(seeded_s),
        "targets_ms": TARGETS_MS,
        "most_queries": MOST_QUERIES,
        "over": [page["page"] for page in pages if page["ms"] > TARGETS_MS[page["face"]]],
        "too_many_queries": [page["page"] for page in pages if page["queries"] > MOST_QUERIES],
        "pages": sorted(pages, key=lambda page: -page["ms"]),
    }


def _pages() -> Iterator[tuple[str, str, Client]]:
    """Yield face, address and whose browser of each page."""
    owner, fleet = _signed_in(OWNER_EMAIL), _signed_in(FLEET_EMAIL)
    home = reverse("admin:index")
    for query in ("", "?period=today", "?period=30_days", "?period=year"):
        yield "console", home + query, owner
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield "console", reverse(f"admin:{name}_changelist"), owner
    for pattern in urlpatterns:
        try:
            yield "console", reverse(f"console:{pattern.name}"), owner
        except NoReverseMatch:
            continue
    yield "portal", reverse("portal:home"), fleet
    code = PayCode.objects.order_by("pk").values_list("code", flat=True)[0]
    yield "driver", reverse("adhoc:price", args=[code]), Client()


def _signed_in(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _measure(face: str, page: str, client: Client, *, requests: int) -> dict[str, Any]:
    with CaptureQueriesContext(connection) as queries:
        status = client.get(page).status_code
    spent = []
    for _ in range(requests):
        begun = time.perf_counter()
        client.get(page)
        spent.append((time.perf_counter() - begun) * 1000)
    figures = {
        "face": face,
        "page": page,
        "status": status,
        "ms": round(statistics.median(spent), 1),
        "queries": len(queries),
        "slowest_query_ms": round(max((float(query["time"]) for query in queries), default=0) * 1000, 1),
    }
    say(f"pages: {figures['ms']:8.1f} ms {figures['queries']:3} queries  {page}")
    return figures
