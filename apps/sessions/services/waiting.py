"""Stops that name no transaction of ours (OCPP 1.6): kept until their session is known, then carried out as told.

A station that was offline may tell its queue in the wrong order, a stop before its start. Which session a stop means is
decided only when the station has been quiet for a minute: until then a start that fits better may follow.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max, QuerySet

from apps.contracts.domain.tokens import normalise_uid
from apps.sessions.domain.commands import EndCommand
from apps.sessions.domain.kept import as_document, command_of
from apps.sessions.domain.settling import QUIET
from apps.sessions.domain.stops import LONGEST_SESSION, Begun, ToldStop, place_stops
from apps.sessions.models import ChargingSession, WaitingStop
from apps.sessions.services.lookup import locked_sessions

WAITED_FOR: Final = timedelta(days=30)
"""How long a start may be told after its stop; then only a person can say what the stop meant."""

StopKey = tuple[int, int, datetime, int]
"""(station id, transaction id as told, end, register): what makes a stop told twice the same."""


def keep_stops(commands: Iterable[EndCommand]) -> None:
    """Keep stops whose session is not known, each once; one without a register can be placed by nobody but a person."""
    rows = {
        key: WaitingStop(
            station_id=command.station_id,
            transaction_id=command.transaction_id,
            id_token=token_of(command),
            ended_at=command.ended_at,
            meter_stop_milliwh=key[-1],
            received_at=command.received_at,
            frame_id=command.frame_id,
            told=as_document(command),
        )
        for command in commands
        if (key := _key(command)) is not None
    }
    if rows:
        WaitingStop.objects.bulk_create([rows[key] for key in sorted(rows)], ignore_conflicts=True)


def sessions_of_kept(commands: Collection[EndCommand]) -> Mapping[StopKey, ChargingSession]:
    """Return the sessions that these stops have ended already, when they were told before."""
    if not commands:
        return {}
    rows = WaitingStop.objects.filter(
        station_id__in={command.station_id for command in commands},
        ended_at__in={command.ended_at for command in commands},
        session__isnull=False,
    ).select_related("session")
    return {
        (row.station_id, row.transaction_id, row.ended_at, row.meter_stop_milliwh): row.session
        for row in rows
        if row.session is not None
    }


def key_of(command: EndCommand) -> StopKey:
    """Return the natural key of a stop; its register is known."""
    key = _key(command)
    assert key is not None
    return key


def _key(command: EndCommand) -> StopKey | None:
    if command.meter_stop_milliwh is None:
        return None
    return command.station_id, command.transaction_id, command.ended_at, command.meter_stop_milliwh


def token_of(command: EndCommand) -> str:
    """Return the card that a stop names, normalised; "": none."""
    return normalise_uid(command.id_token or "")[:36]


def told_stop(key: int, command: EndCommand) -> ToldStop:
    """Return what of a stop says which session it means."""
    return ToldStop(
        key=key,
        transaction_id=command.transaction_id,
        id_token=token_of(command),
        ended_at=command.ended_at,
        meter_stop_milliwh=command.meter_stop_milliwh,
        received_at=command.received_at,
    )


def begun(sessions: "QuerySet[ChargingSession]") -> list[Begun]:
    """Return sessions with what says which stops may mean them."""
    told = sessions.annotate(last_at=Max("readings__at"), last_milliwh=Max("readings__energy_milliwh"))
    # Two joins that each multiply rows change no maximum.
    rows = told.annotate(max_power_w=Max("evse__connectors__max_power_w"))
    return [
        Begun(
            key=row.pk,
            evse=row.evse_id,
            id_token=row.id_token,
            started_at=row.started_at,
            told_at=row.start_received_at,
            meter_start_milliwh=row.meter_start_milliwh,
            awaits_end=row.awaits_end,
            last_at=row.last_at,
            last_milliwh=row.last_milliwh,
            max_power_w=row.max_power_w,
        )
        for row in rows
    ]


def due_stops(at: datetime) -> Mapping[int, Sequence[WaitingStop]]:
    """Return the stops that wait at stations that have been quiet for a minute, by station."""
    waiting: defaultdict[int, list[WaitingStop]] = defaultdict(list)
    for row in WaitingStop.objects.filter(session__isnull=True, received_at__gt=at - WAITED_FOR).order_by("pk"):
        waiting[row.station_id].append(row)
    starting = set(
        ChargingSession.objects.filter(station_id__in=waiting, start_received_at__gt=at - QUIET).values_list(
            "station_id", flat=True
        )
    )
    return {
        station_id: rows
        for station_id, rows in waiting.items()
        if station_id not in starting and all(row.received_at <= at - QUIET for row in rows)
    }


@transaction.atomic
def take_stops(*, station_id: int) -> list[tuple[WaitingStop, EndCommand]]:
    """Place a station's waiting stops; return those that have found their session, with what is to be carried out.

    The rows stay locked until the caller's transaction ends, which marks them as taken.
    """
    rows = list(
        WaitingStop.objects.select_for_update(no_key=True)
        .filter(station_id=station_id, session__isnull=True)
        .order_by("pk")
    )
    if not rows:
        return []
    ends = [row.ended_at for row in rows]
    near = ChargingSession.objects.filter(
        station_id=station_id,
        kind=ChargingSession.Kind.CHARGE,
        transaction_ref__isnull=True,
        started_at__gte=min(ends) - LONGEST_SESSION,
        started_at__lte=max(ends),
    )
    commands = {row.pk: command_of(row.told) for row in rows}
    placed = place_stops([told_stop(row.pk, commands[row.pk]) for row in rows], begun(near))
    sessions = {session.pk: session for session in locked_sessions().filter(pk__in=set(placed.values()))}
    taken = []
    for row in rows:
        session = sessions.get(placed.get(row.pk, 0))
        if session is not None and session.awaits_end:
            row.set_taken(session)
            taken.append((row, replace(commands[row.pk], transaction_id=session.transaction_id)))
    return taken
