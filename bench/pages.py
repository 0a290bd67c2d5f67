"""Server time and queries of the pages that people open all day, over a large owner's past.

Enumerated, not listed: every list of the console's admin registry (as it opens, with a search, with its first filter)
and every console page without an argument, beside Home, single objects' pages, the portal's and a driver's page. The
median of several requests, in this process, without a network. Parallel plans are off, so that the backend's own
processor time is all that the database spends.
"""

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import NoReverseMatch, reverse

from apps.accounts.models import User
from apps.console.urls import urlpatterns as console_urls
from apps.contracts.models import Customer
from apps.core.clock import now
from apps.ledger.services.sums import add_up_all
from apps.portal.urls import urlpatterns as portal_urls
from apps.sessions.models import ChargingSession
from apps.stations.models import ChargingStation, PayCode
from bench.house import own_database, quiet
from bench.many_rows import copy_rows
from bench.measure import say
from config.demo.volume import FLEET_EMAIL, OWNER_EMAIL, seed_volume

TARGETS_MS: Final = {"console": 200, "portal": 150, "driver": 50}
MOST_QUERIES: Final = 30
PERIODS: Final = ("today", "7_days", "30_days", "year")


class Page(NamedTuple):
    """Whose face, its address, and whose browser asks for it."""

    face: str
    address: str
    client: Client


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--past-sessions", type=int, default=1_000_000, help="of the large owner (%(default)s)")
    parser.add_argument("--past-stations", type=int, default=10_000, help="of the large owner (%(default)s)")
    parser.add_argument("--requests", type=int, default=5, help="of each page (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Seed a large owner, ask for each page, and return every page's figures beside its target."""
    with own_database():
        say(f"pages: seeding {options.past_sessions} sessions")
        begun = time.perf_counter()
        count = seed_volume(sessions=options.past_sessions, stations=options.past_stations, days=400, at=now())
        seeded_s = time.perf_counter() - begun
        copied = copy_rows(sessions=options.past_sessions)
        # As the house does by itself every quarter of an hour.
        add_up_all()
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("RESET statement_timeout")
        copied_s = time.perf_counter() - begun - seeded_s
        figures = measure(requests=options.requests)
    seeded = {"sessions": count, "stations": options.past_stations, "seeded_s": round(seeded_s)}
    return {**seeded, "copied_rows": sum(copied.values()), "copied_s": round(copied_s), **figures}


def measure(*, requests: int) -> dict[str, Any]:
    """Ask for each page of the large owner in this process's database; return the figures, the slowest first."""
    with override_settings(ALLOWED_HOSTS=["testserver"], DEBUG=False), quiet():
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        pages = [_measure(page, requests=requests) for page in _pages()]
    return {
        "unit": "milliseconds of one page: cpu of process and database, median; wall, median of the clock",
        "targets_ms": TARGETS_MS,
        "most_queries": MOST_QUERIES,
        "wrong": [page["page"] for page in pages if page["status"] != 200],
        "over": [page["page"] for page in pages if page["cpu_ms"] > TARGETS_MS[page["face"]]],
        "over_by_the_clock": [page["page"] for page in pages if page["wall_ms"] > TARGETS_MS[page["face"]]],
        "too_many_queries": [page["page"] for page in pages if page["queries"] > MOST_QUERIES],
        "pages": sorted(pages, key=lambda page: -page["cpu_ms"]),
    }


def _pages() -> Iterator[Page]:
    owner, fleet = _signed_in(OWNER_EMAIL), _signed_in(FLEET_EMAIL)
    home = reverse("admin:index")
    for period in PERIODS:
        yield Page("console", f"{home}?period={period}", owner)
    for address in _lists(owner):
        yield Page("console", address, owner)
    customer = Customer.objects.filter(organisation__memberships__user__email=FLEET_EMAIL).earliest("pk")
    session = ChargingSession.objects.filter(contract__customer=customer).latest("started_at")
    station = ChargingStation.objects.earliest("pk")
    for name, key in (("session", session.uid), ("customer", customer.pk), ("station", station.pk)):
        yield Page("console", reverse(f"console:{name}", args=[key]), owner)
    for face, urls, client in (("console", console_urls, owner), ("portal", portal_urls, fleet)):
        for pattern in urls:
            try:
                address = reverse(f"{face}:{pattern.name}")
            except NoReverseMatch:
                continue
            # Files, acts and what only leads on are no pages to look at.
            answer = client.get(address)
            if answer.status_code in (200, 500) and answer["Content-Type"].startswith("text/html"):
                yield Page(face, address, client)
    code = PayCode.objects.order_by("pk").values_list("code", flat=True)[0]
    yield Page("driver", reverse("adhoc:price", args=[code]), Client())


def _lists(owner: Client) -> Iterator[str]:
    """Yield each list as it opens, with a search for one of its rows, and with the first choice of its first filter."""
    for model, page in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        yield address
        request = owner.get(address).wsgi_request
        shown = page.get_changelist_instance(request)
        if word := _word(shown):
            yield f"{address}?{urlencode({'q': word})}"
        for filtered in shown.filter_specs:
            choices = [choice["query_string"] for choice in filtered.choices(shown) if "query_string" in choice]
            if len(choices) > 1:
                yield address + choices[1]
                break
        yield f"{address}?{urlencode({'q': 'nothing-like-that'})}"


def _word(shown: Any) -> str:
    """Return what the first row that is shown has in the first field that the search looks at."""
    if not shown.result_list:
        return ""
    for name in shown.search_fields:
        path = name.lstrip("^=@").removesuffix("__iexact").removesuffix("__exact").removesuffix("__startswith")
        value = shown.result_list[0]
        for part in path.split("__"):
            value = getattr(value, part, None)
        if value:
            return str(value)
    return ""


def _signed_in(email: str) -> Client:
    # A page that fails is named among the wrong ones, and the others are measured.
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(email=email), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _measure(page: Page, *, requests: int) -> dict[str, Any]:
    with CaptureQueriesContext(connection) as queries:
        status = page.client.get(page.address).status_code
    # Read now: the next request forgets them.
    query_ms = [float(query["time"]) * 1000 for query in queries]
    cpu_ms, wall_ms = [], []
    backend = connection.connection.info.backend_pid
    for _ in range(requests):
        of_backend, cpu, wall = _cpu_ms(backend), time.process_time(), time.perf_counter()
        page.client.get(page.address)
        wall_ms.append((time.perf_counter() - wall) * 1000)
        cpu_ms.append((time.process_time() - cpu) * 1000 + _cpu_ms(backend) - of_backend)
    figures = {
        "face": page.face,
        "page": page.address,
        "status": status,
        "cpu_ms": round(statistics.median(cpu_ms), 1),
        "wall_ms": round(statistics.median(wall_ms), 1),
        "queries": len(query_ms),
        "slowest_query_ms": round(max(query_ms, default=0), 1),
    }
    told = "{cpu_ms:8.1f} ms {wall_ms:8.1f} ms {queries:3} queries  {page}".format_map(figures)
    say(f"pages: {told}")
    return figures


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process of one thread so far, to the nanosecond (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
