"""Notices: what a station's display is told, beside the commands that somebody waits for.

A notice is a command's row with a topic. There is one a topic, which holds what was told last: the newest takes the
place of the one before, so that a night of charging leaves one row and not thousands. What went over the wire is in
the raw frames. Nobody is woken for a notice; the process that holds the station finds it within a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from apps.stations.domain.calls import StationCall
from apps.stations.domain.display import PriceDisplay, ask_call
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.selectors import online

PATIENCE: Final = timedelta(seconds=60)
"""How long one waits to be sent; then there is something newer to tell."""
AGAIN_AFTER: Final = {CommandStatus.REJECTED: timedelta(minutes=10), CommandStatus.TIMED_OUT: timedelta(minutes=5)}
"""How long a station is spared a topic that it did not take."""
SAME_AGAIN_AFTER: Final = {CommandStatus.REJECTED: timedelta(days=1), CommandStatus.TIMED_OUT: timedelta(minutes=5)}
_SETTINGS: Final = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell. topic: what about, at most 24 characters · stamp: which state of affairs, at most 64."""

    station_id: int
    topic: str
    stamp: str
    call: StationCall


def tell_stations(notices: Sequence[Notice], *, at: datetime) -> int:
    """Have stations told what they were not told yet and return how many notices those are.

    The same stamp twice is once, also from two processes at once. One that is on its way is waited for; a topic that
    the station refused or did not answer is left alone for a while (``AGAIN_AFTER``, ``SAME_AGAIN_AFTER``).
    """
    # Most are told already; only for the others anything is locked.
    due = _due(notices, _slots(notices), at)
    return _replace(due, at=at) if due else 0


def ask_displays(*, at: datetime) -> int:
    """Ask the stations that are online what their displays show, once a make and firmware; return how many."""
    stations = ChargingStation.objects.filter(online(at)).exclude(price_display=PriceDisplay.OFF)
    return tell_stations(
        [
            Notice(station_id=station.pk, topic=_SETTINGS, stamp=_make_of(station), call=ask_call(station.protocol))
            for station in stations.order_by("pk")
        ],
        at=at,
    )


def _make_of(station: ChargingStation) -> str:
    make = (station.protocol, station.vendor, station.model, station.firmware_version)
    return sha256("\n".join(make).encode()).hexdigest()


@transaction.atomic
def _replace(notices: Sequence[Notice], *, at: datetime) -> int:
    slots = _slots(notices).select_for_update().order_by("pk")
    due = _due(notices, slots, at)
    keys = {(notice.station_id, notice.topic) for notice in due}
    StationCommand.objects.filter(pk__in=[row.pk for row in slots if (row.station_id, row.topic) in keys]).delete()
    StationCommand.objects.bulk_create(
        [
            StationCommand(
                station_id=notice.station_id,
                action=notice.call[0],
                payload=notice.call[1],
                topic=notice.topic,
                stamp=notice.stamp,
                requested_at=at,
                deadline_at=at + PATIENCE,
            )
            for notice in due
        ],
        # Another process that told the same a moment ago.
        ignore_conflicts=True,
    )
    return len(due)


def _slots(notices: Sequence[Notice]) -> "QuerySet[StationCommand]":
    return StationCommand.objects.filter(
        station_id__in={notice.station_id for notice in notices}, topic__in={notice.topic for notice in notices}
    )


def _due(notices: Sequence[Notice], slots: "QuerySet[StationCommand]", at: datetime) -> list[Notice]:
    last = {(slot.station_id, slot.topic): slot for slot in slots}
    return [notice for notice in notices if _is_due(notice, last.get((notice.station_id, notice.topic)), at)]


def _is_due(notice: Notice, last: StationCommand | None, at: datetime) -> bool:
    if last is None:
        return True
    status, is_same = CommandStatus(last.status), last.stamp == notice.stamp
    if status in (CommandStatus.REJECTED, CommandStatus.TIMED_OUT):
        assert last.ended_at is not None
        return at - last.ended_at >= (SAME_AGAIN_AFTER if is_same else AGAIN_AFTER)[status]
    is_in_the_air = status is CommandStatus.SENT and last.deadline_at > at
    return not is_same and not is_in_the_air
