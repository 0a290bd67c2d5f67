"""Cards that stations may still take without asking, although they may not charge any more.

A station with a local list or a cache decides by itself while it is offline, some even online. So a card that is
blocked, or whose contract has ended, is taken out: of lists by a differential SendLocalList, of caches by ClearCache.
Which station holds a card is known exactly of lists, since each states what it took; a cache may hold whoever charged
there since it was last cleared.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.contracts.models import IdToken
from apps.contracts.selectors import cards_in_force
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.models import ChargingSession
from apps.stations.domain.operating import ListUpdate, clear_cache_call
from apps.stations.domain.status import CommandStatus
from apps.stations.models import ChargingStation, ConfigurationKey, LocalListEntry, StationCommand
from apps.stations.services import request_command, send_local_list

PATIENCE: Final = timedelta(hours=1)
REMEMBERED_FOR: Final = timedelta(days=180)
"""Older than that, a cache is taken to have made room for other cards."""
_AGAIN_AFTER: Final = {CommandStatus.REJECTED: timedelta(days=1), CommandStatus.TIMED_OUT: timedelta(minutes=5)}
_CACHE_SETTINGS: Final = ("AuthorizationCacheEnabled", "AuthCacheCtrlr.Enabled")
_WHY: Final = "A card that may not charge any more is taken out of what the station remembers."


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A station that may take a card without asking.

    command  the one on its way that will make it forget; None: there is none
    """

    station: ChargingStation
    is_in_list: bool
    may_be_in_cache: bool
    command: StationCommand | None


def holders_of(token: IdToken, *, at: datetime) -> list[Holder]:
    """Return the stations that hold a card in their list, or may hold it in their cache."""
    listed = set(
        LocalListEntry.objects.filter(uid=token.uid, station__location__owner=token.seller_id).values_list(
            "station_id", flat=True
        )
    )
    cached = set(_remembered(at).filter(token=token).values_list("station_id", flat=True))
    stations = ChargingStation.objects.filter(pk__in=listed | cached).select_related("location").order_by("identity")
    coming = _open_commands(listed | cached)
    return [
        Holder(
            station=station,
            is_in_list=station.pk in listed,
            may_be_in_cache=station.pk in cached,
            command=coming.get(station.pk),
        )
        for station in stations
    ]


def forget_cards(*, at: datetime) -> int:
    """Ask every station that holds a card which may not charge any more to forget it; return how many were asked.

    Asking twice changes nothing: what is on its way is waited for, what was refused is tried again after a day, and
    who was offline is asked once it is back.
    """
    return _shorten_lists(at) + _clear_caches(at)


def _shorten_lists(at: datetime) -> int:
    in_force = cards_in_force(at).filter(seller=OuterRef("station__location__owner"), uid=OuterRef("uid"))
    stale: defaultdict[int, list[str]] = defaultdict(list)
    for station_id, uid in LocalListEntry.objects.exclude(Exists(in_force)).values_list("station_id", "uid"):
        stale[station_id].append(uid)
    asked = 0
    for station_id in sorted(stale):
        asked += _shorten_list(station_id, stale[station_id], at=at)
    return asked


@transaction.atomic
def _shorten_list(station_id: int, uids: list[str], *, at: datetime) -> bool:
    may_ask, last = _may_ask(station_id, "SendLocalList", at)
    if not may_ask:
        return False
    update, added = ListUpdate.DIFFERENTIAL, list[str]()
    if _is_mismatch(last):
        held = LocalListEntry.objects.filter(station_id=station_id).exclude(uid__in=uids)
        update, added = ListUpdate.FULL, list(held.values_list("uid", flat=True))
    send_local_list(
        station_id=station_id,
        update=update,
        added=added,
        removed=() if update is ListUpdate.FULL else uids,
        at=at,
        deadline_at=at + PATIENCE,
        reason=_WHY,
    )
    return True


def _clear_caches(at: datetime) -> int:
    gone = _remembered(at).exclude(Exists(cards_in_force(at).filter(pk=OuterRef("token_id"))))
    return sum(_clear_cache(station_id, at=at) for station_id in sorted(set(gone.values_list("station_id", flat=True))))


@transaction.atomic
def _clear_cache(station_id: int, *, at: datetime) -> bool:
    may_ask, _ = _may_ask(station_id, "ClearCache", at)
    if not may_ask:
        return False
    action, payload = clear_cache_call()
    request_command(
        station_id=station_id,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + PATIENCE,
        reason=_WHY,
    )
    return True


def _remembered(at: datetime) -> QuerySet[ChargingSession]:
    """Return the sessions whose card the station's cache may hold."""
    without_cache = ConfigurationKey.objects.filter(
        station=OuterRef("station"), name__in=_CACHE_SETTINGS, value__iexact="false"
    )
    cleared = F("station__offline_authorisation__cache_cleared_at")
    sessions: QuerySet[ChargingSession] = ChargingSession.objects.filter(
        Q(station__offline_authorisation__cache_cleared_at__isnull=True) | Q(start_received_at__gt=cleared),
        token__isnull=False,
        authorisation=AuthorisationStatus.ACCEPTED,
        start_received_at__gt=at - REMEMBERED_FOR,
    ).exclude(Exists(without_cache))
    return sessions


def _may_ask(station_id: int, action: str, at: datetime) -> tuple[bool, StationCommand | None]:
    """Say whether a station may be asked now, and how it last was; bell and sweeper wait for each other here."""
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    last = StationCommand.objects.filter(station_id=station_id, action=action).order_by("-pk").first()
    if last is None or last.status == CommandStatus.ACCEPTED or _is_mismatch(last):
        return True, last
    if last.ended_at is None:
        return False, last
    is_time = at - last.ended_at >= _AGAIN_AFTER[CommandStatus(last.status)]
    return is_time and (last.status == CommandStatus.REJECTED or station.is_online(at)), last


def _is_mismatch(command: StationCommand | None) -> bool:
    """Say whether the station refused a change because it holds another version of the list."""
    if command is None or command.payload.get("updateType") != ListUpdate.DIFFERENTIAL:
        return False
    return (command.answer or {}).get("status") == "VersionMismatch"


def _open_commands(station_ids: Collection[int]) -> dict[int, StationCommand]:
    commands = StationCommand.objects.filter(
        station_id__in=station_ids, action__in=["SendLocalList", "ClearCache"], ended_at__isnull=True
    )
    return {command.station_id: command for command in commands.order_by("pk")}
