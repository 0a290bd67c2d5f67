"""How long each station was there, by its owner's local day: said once, when the day is over."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Max

from apps.accounts.models import Organisation
from apps.analytics.domain.spans import instants_of
from apps.analytics.domain.uptime import Told, uptime_of
from apps.analytics.models import StationDay
from apps.core.clock import to_epoch_ms
from apps.ocpp.models import Direction, Frame
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation

LOOK_BACK: Final = 7
"""Days that a sweep makes up for; also how far back a connector's last word is looked for."""


def sweep_uptime(*, at: datetime) -> int:
    """Say it of every day of the last week that has been said of no station yet; return how many rows that made."""
    count = 0
    for owner in Organisation.objects.filter(is_station_owner=True).order_by("pk"):
        today = at.astimezone(ZoneInfo(owner.time_zone)).date()
        for back in range(LOOK_BACK, 0, -1):
            count += write_uptime(owner=owner, day=today - timedelta(days=back))
    return count


def write_uptime(*, owner: Organisation, day: date) -> int:
    """Write a day that is over for those of an owner's stations that have none; return how many that were."""
    said = StationDay.objects.filter(station__location__owner=owner, local_date=day).values("station")
    stations = ChargingStation.objects.filter(location__owner=owner, last_seen_at__isnull=False).exclude(pk__in=said)
    rows = [row for station_id in stations.values_list("pk", flat=True) for row in _day(station_id, owner, day)]
    # Two sweeps at once read the same frames and say the same.
    StationDay.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _day(station_id: int, owner: Organisation, day: date) -> Iterator[StationDay]:
    begin_at, end_at = instants_of(day, day, time_zone=owner.time_zone)
    frames = Frame.objects.filter(station=station_id, direction=Direction.IN, received_at__lt=end_at)
    last_before = frames.filter(received_at__lt=begin_at).aggregate(at=Max("received_at"))["at"]
    within = frames.filter(received_at__gte=begin_at).order_by("received_at").values_list("received_at", flat=True)
    spent = uptime_of(
        begin_ms=to_epoch_ms(begin_at),
        end_ms=to_epoch_ms(end_at),
        heard=[to_epoch_ms(at) for at in (*([last_before] if last_before else ()), *within)],
        told=list(_told(station_id, since=begin_at - timedelta(days=LOOK_BACK), until=end_at)),
    )
    if spent is not None:
        yield StationDay(station_id=station_id, local_date=day, **spent._asdict())


def _told(station_id: int, *, since: datetime, until: datetime) -> Iterator[Told]:
    """Yield what a station said of its connectors, in both versions of OCPP; what cannot be read says nothing."""
    frames = Frame.objects.filter(
        station=station_id,
        direction=Direction.IN,
        action="StatusNotification",
        received_at__gte=since,
        received_at__lt=until,
    )
    for at, payload in frames.order_by("received_at", "pk").values_list("received_at", "payload"):
        try:
            body = json.loads(payload)[3]
            connector = (int(body.get("evseId", 0)), int(body["connectorId"]))
            status = body.get("status", body.get("connectorStatus"))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        yield Told(to_epoch_ms(at), connector, status == ConnectorStatus.FAULTED)
