"""The live board: how many stations stand at once, in one set of queries a page.

The database alone says how a station stands; the board's socket only says that it is worth asking again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.scope import has_role, operated_rows
from apps.console.acts import ACTS, Act
from apps.console.stations import (
    CommandRow,
    command_rows,
    find_stations,
    live_sessions,
)
from apps.sessions.selectors import RunningSession, running_sessions
from apps.stations.models import ChargingStation, Connector, Evse, Location, StationCommand

PAGE: Final = 24
MOST_SITES: Final = 100
"""Above this many sites a list to choose from helps nobody; the search finds a site by its name."""
REMEMBERED: Final = timedelta(minutes=10)
"""How long the outcome of a command stays on the board; a station's page has all of them."""
STATES: Final = (
    ("", "all"),
    ("online", "online"),
    ("offline", "offline"),
    ("charging", "charging"),
    ("faulted", "faulted"),
)
_OF_A_STATION: Final = ("reset", "availability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An EVSE and who charges there now."""

    evse: Evse
    connectors: Sequence[Connector]
    running: RunningSession | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRow:
    """A station on the board; command: what somebody asked of it last, while that is news."""

    station: ChargingStation
    is_online: bool
    places: Sequence[Place]
    command: CommandRow | None

    @property
    def offline_since(self) -> datetime | None:
        """When its socket closed, or else when it was last heard of; None: it is online, or was never seen."""
        return None if self.is_online else self.station.disconnected_at or self.station.last_seen_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One page of stations as they stood at ``at``.

    query   what narrows it, as it stands in the address · sites  those to choose from; none where they are too many
    acts    what the person may ask of a whole station · may_help: of a connector
    """

    at: datetime
    page: "Page[ChargingStation]"
    rows: Sequence[StationRow]
    text: str
    state: str
    site: int | None
    sites: Sequence[Location]
    acts: Sequence[type[Act]]
    may_help: bool

    @property
    def query(self) -> str:
        asked = {"q": self.text, "state": self.state, "site": self.site or "", "page": self.page.number}
        return urlencode({name: value for name, value in asked.items() if value and (name, value) != ("page", 1)})

    @property
    def address(self) -> str:
        return reverse("console:live") + (f"?{self.query}" if self.query else "")

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.state or self.site)


def board_of(request: HttpRequest, *, at: datetime) -> Board:
    """Return the page of the board that the address asks for: ``q``, ``state``, ``site``, ``page``."""
    asked = request.GET
    text, state = asked.get("q", "").strip()[:100], asked.get("state", "")
    sites = list(operated_rows(request, Location.objects.all())[: MOST_SITES + 1])
    site = next((one.pk for one in sites if str(one.pk) == asked.get("site")), None)
    stations = find_stations(request, text=text, state=state, at=at)
    if site is not None:
        stations = stations.filter(location=site)
    page = Paginator(stations, PAGE).get_page(asked.get("page"))
    return Board(
        at=at,
        page=page,
        rows=_rows(request, list(page), at=at),
        text=text,
        state=state,
        site=site,
        sites=sites if 1 < len(sites) <= MOST_SITES else [],
        acts=[ACTS[slug] for slug in _OF_A_STATION if has_role(request, ACTS[slug].roles)],
        may_help=has_role(request, ACTS["start"].roles),
    )


def _rows(request: HttpRequest, stations: Sequence[ChargingStation], *, at: datetime) -> list[StationRow]:
    charging: defaultdict[int, list[RunningSession]] = defaultdict(list)
    for running in running_sessions(live_sessions(request).filter(station__in=stations), at=at):
        charging[running.session.evse_id].append(running)
    asked = {command.station_id: command for command in _last_commands(stations, at=at)}
    rows = []
    for station in stations:
        is_online = station.is_online(at)
        command = asked.get(station.pk)
        rows.append(
            StationRow(
                station=station,
                is_online=is_online,
                places=[
                    Place(
                        evse=evse,
                        connectors=list(evse.connectors.all()),
                        running=next(iter(charging[evse.pk]), None),
                    )
                    for evse in station.evses.all()
                ],
                command=command_rows([command], is_online=is_online)[0] if command else None,
            )
        )
    return rows


def _last_commands(stations: Sequence[ChargingStation], *, at: datetime) -> QuerySet[StationCommand]:
    """Return the newest command of each station; what its display was told is nobody's command."""
    lately = Q(requested_at__gt=at - REMEMBERED) | Q(ended_at__isnull=True)
    commands = StationCommand.objects.filter(lately, station__in=stations, topic="").select_related("requested_by")
    newest: QuerySet[StationCommand] = commands.order_by("station_id", "-pk").distinct("station_id")
    return newest
