"""What the pages of stations show: how each stands now, who charges and for how much, what was said and asked."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest

from apps.accounts.scope import operated_rows
from apps.contracts.groups import groups_at
from apps.contracts.models import ASSIGNMENT_PLACES, TariffAssignment
from apps.ocpp.admin import pretty
from apps.ocpp.models import Direction, Frame
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.selectors import RunningSession, running_sessions, to_be_priced
from apps.stations.domain.display import shown_by
from apps.stations.domain.redaction import redact_text
from apps.stations.domain.wording import asked_in_words, command_in_words
from apps.stations.models import ChargingStation, Connector, Evse, StationCommand
from apps.stations.selectors import online

NOT_SAID = "answer"
_SHOWN: Final = {
    "price": "price while nobody charges",
    "user": "price for the last card",
    "cost": "cost so far at EVSE",
    "final": "total at EVSE",
    "offset": "time zone",
}
_SHOWN_AT_AN_EVSE: Final = r"^(price|cost|final):"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """A command, what it asks for in a word or two, and how it stands in a sentence."""

    command: StationCommand
    asked: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """What a display was told last of one thing; text: as its driver reads it, "" where it was taken off."""

    command: StationCommand
    what: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """A frame as a person reads it: what it says in a line, and all of it, indented, without secrets."""

    frame: Frame
    summary: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a station stands at an instant.

    is_waiting  a command is open, so that the page looks again soon
    """

    station: ChargingStation
    at: datetime
    is_online: bool
    evses: Sequence[Evse]
    running: Sequence[RunningSession]
    commands: Sequence[CommandRow]

    @property
    def is_waiting(self) -> bool:
        return any(row.command.ended_at is None for row in self.commands)


def station_of(request: HttpRequest, station_id: int) -> ChargingStation:
    """Return one of the stations that the request's organisation operates.

    :raises Http404: it is none of them
    """
    stations = ChargingStation.objects.select_related("location__owner")
    found: ChargingStation | None = operated_rows(request, stations).filter(pk=station_id).first()
    if found is None:
        raise Http404(f"no station {station_id}")
    return found


def standing_of(request: HttpRequest, station: ChargingStation, *, at: datetime, commands: int = 10) -> Standing:
    """Gather how a station stands; its newest ``commands`` with it."""
    sessions = live_sessions(request).filter(station=station).order_by("evse__number")
    asked = commands_of(station)[:commands]
    is_online = station.is_online(at)
    return Standing(
        station=station,
        at=at,
        is_online=is_online,
        evses=list(station.evses.prefetch_related("connectors")),
        running=running_sessions(sessions, at=at),
        commands=command_rows(asked, is_online=is_online),
    )


def live_sessions(request: HttpRequest) -> QuerySet[ChargingSession]:
    """Return who charges at the organisation's stations now, with all that pricing them reads."""
    live = operated_rows(request, ChargingSession.objects.filter(status=SessionStatus.LIVE))
    return to_be_priced(live).select_related("contract__customer", "vehicle")


def commands_of(station: ChargingStation) -> QuerySet[StationCommand]:
    """Return what a station was asked, newest first; notices to its display are no commands of anybody's."""
    return station.commands.filter(topic="").select_related("requested_by")


def last_sessions(request: HttpRequest, station: ChargingStation, *, count: int) -> list[ChargingSession]:
    """Return who charged at a station last, the newest first."""
    sessions = operated_rows(request, ChargingSession.objects.filter(station=station))
    return list(sessions.select_related("evse", "contract__customer", "vehicle").order_by("-started_at")[:count])


def tariffs_at(request: HttpRequest, station: ChargingStation, *, at: datetime) -> list[TariffAssignment]:
    """Return the tariffs assigned to a station, its EVSEs, site, site group or to everybody, the narrowest first.

    Those of contracts and membership tiers go before them, wherever their cards charge.
    """
    (group,) = groups_at([(station.location_id, at)])
    places = Q(evse__station=station) | Q(station=station) | Q(location=station.location)
    if group is not None:
        places |= Q(group=group, contract__isnull=True, tier__isnull=True)
    everybody = Q(**{f"{place}__isnull": True for place in ASSIGNMENT_PLACES})
    in_force = Q(valid_to__isnull=True) | Q(valid_to__gt=at)
    found = operated_rows(request, TariffAssignment.objects.filter(in_force, places | everybody, valid_from__lte=at))
    rows = found.filter(seller=station.location.owner).select_related("tariff", "evse", "station", "location", "group")
    rank = {"evse_id": 0, "station_id": 1, "location_id": 2, "group_id": 3}
    return sorted(rows, key=lambda row: min((n for name, n in rank.items() if getattr(row, name)), default=4))


def shown_on(station: ChargingStation) -> list[ShownRow]:
    """Return what a station's display was told last, thing by thing."""
    told = station.commands.filter(topic__in=_SHOWN) | station.commands.filter(topic__regex=_SHOWN_AT_AN_EVSE)
    return [
        ShownRow(command=command, what=_what(command.topic), text=shown_by(command.action, command.payload))
        for command in told.order_by("topic")
    ]


def _what(topic: str) -> str:
    kind, _, place = topic.partition(":")
    return f"{_SHOWN[kind]}, {place}" if kind == "price" and place else f"{_SHOWN[kind]} {place}".strip()


def command_rows(commands: Iterable[StationCommand], *, is_online: bool) -> list[CommandRow]:
    """Say of each command how it stands."""
    return [
        CommandRow(
            command=command,
            asked=asked_in_words(command.action),
            words=command_in_words(
                action=command.action,
                status=command.status,
                answer=command.answer,
                was_sent=command.sent_at is not None,
                is_online=is_online,
            ),
        )
        for command in commands
    ]


def find_stations(request: HttpRequest, *, text: str, state: str, at: datetime) -> QuerySet[ChargingStation]:
    """Return the organisation's stations by what people know of them: site, street, town, name, make, serial number.

    text   every word must be found somewhere · state  "online", "offline", "charging", "faulted" or "" for all
    """
    stations = operated_rows(request, ChargingStation.objects.all()).select_related("location")
    for word in text.split()[:8]:
        stations = stations.filter(_somewhere(word))
    live = ChargingSession.objects.filter(station=OuterRef("pk"), status=SessionStatus.LIVE)
    faulted = Connector.objects.filter(evse__station=OuterRef("pk"), status="Faulted")
    stations = stations.annotate(is_charging=Exists(live), is_faulted=Exists(faulted))
    conditions = {
        "online": online(at),
        "offline": ~online(at),
        "charging": Q(is_charging=True),
        "faulted": Q(is_faulted=True),
    }
    found: QuerySet[ChargingStation] = stations.filter(conditions.get(state, Q())).order_by(
        "location__name", "identity"
    )
    return found.prefetch_related(Prefetch("evses", Evse.objects.prefetch_related("connectors")))


def _somewhere(word: str) -> Q:
    places = ("location__name", "location__street", "location__city", "location__postcode")
    own = ("identity", "vendor", "model", "serial_number")
    condition = Q()
    for name in (*places, *own):
        condition |= Q(**{f"{name}__icontains": word})
    return condition


def frames_of(request: HttpRequest, station: ChargingStation, *, action: str = "") -> QuerySet[Frame]:
    """Return what a station said and heard, newest first; ``action`` keeps those of one action."""
    frames: QuerySet[Frame] = operated_rows(request, Frame.objects.filter(station=station))
    return (frames.filter(action=action) if action else frames).order_by("-received_at", "-pk")


def frame_rows(frames: Iterable[Frame]) -> list[FrameRow]:
    """Make frames readable. They are masked once more: older ones were kept before all of today's rules."""
    rows = []
    for frame in frames:
        text = redact_text(frame.payload)
        rows.append(FrameRow(frame=frame, summary=_summary(frame, text), text=pretty(text)))
    return rows


def _summary(frame: Frame, text: str) -> str:
    """Say what a frame is about in a few words: its action, and the plain values in it."""
    try:
        message: Any = json.loads(text, parse_float=str)
        payload = message[3] if message[0] == 2 else message[2]
        plain = [f"{key} {value}" for key, value in payload.items() if isinstance(value, str | int)]
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        plain = []
    name = frame.action or (NOT_SAID if frame.direction == Direction.IN else f"our {NOT_SAID}")
    return f"{name} · {' · '.join(plain)}"[:160] if plain else name
