"""What stations remember of cards: their local list, as far as they took it, and their cache."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.stations.domain.operating import ListUpdate, entries_of, local_list_call, version_in
from apps.stations.models import ChargingStation, LocalListEntry, OfflineAuthorisation, StationCommand
from apps.stations.services.commands import request_command


@transaction.atomic
def send_local_list(
    *,
    station_id: int,
    update: ListUpdate,
    added: Collection[str],
    removed: Collection[str] = (),
    at: datetime,
    deadline_at: datetime,
    requested_by: User | None = None,
    reason: str = "",
) -> list[StationCommand]:
    """Send a station its list, or what changed in it, in as many messages as it takes; each is a version of its own.

    added, removed  uids of cards
    """
    known = _locked(station_id)
    protocol = ChargingStation.objects.values_list("protocol", flat=True).get(pk=station_id)
    commands = []
    for part_update, part_added, part_removed in _parts(
        update, sorted(added), sorted(removed), most=_most_per_message(station_id)
    ):
        known.requested_version += 1
        action, payload = local_list_call(
            protocol, version=known.requested_version, update=part_update, added=part_added, removed=part_removed
        )
        commands.append(
            request_command(
                station_id=station_id,
                action=action,
                payload=payload,
                requested_at=at,
                deadline_at=deadline_at,
                requested_by=requested_by,
                reason=reason,
            )
        )
    known.save(update_fields=["requested_version"])
    return commands


@transaction.atomic
def record_local_list(*, station_id: int, payload: Mapping[str, Any], at: datetime) -> None:
    """Note that a station took a SendLocalList; ``payload`` is what it was sent."""
    known = _locked(station_id)
    added, removed = entries_of(payload)
    version = version_in(payload)
    # A list sent by hand, with the technician's form, has a version of its own.
    known.requested_version = max(known.requested_version, version)
    known.held_version, known.held_at = version, at
    known.save(update_fields=["requested_version", "held_version", "held_at"])
    held = LocalListEntry.objects.filter(station_id=station_id)
    (held if payload["updateType"] == ListUpdate.FULL else held.filter(uid__in=removed)).delete()
    LocalListEntry.objects.bulk_create(
        [LocalListEntry(station_id=station_id, uid=uid) for uid in dict.fromkeys(added)], ignore_conflicts=True
    )


@transaction.atomic
def record_cache_cleared(*, station_id: int, at: datetime) -> None:
    """Note that a station has forgotten the cards that it was told about before ``at``."""
    known = _locked(station_id)
    known.cache_cleared_at = at
    known.save(update_fields=["cache_cleared_at"])


def _locked(station_id: int) -> OfflineAuthorisation:
    OfflineAuthorisation.objects.bulk_create([OfflineAuthorisation(station_id=station_id)], ignore_conflicts=True)
    known: OfflineAuthorisation = OfflineAuthorisation.objects.select_for_update(no_key=True).get(station_id=station_id)
    return known


_USUAL_MOST = 100
_LIMITS = ("SendLocalListMaxLength", "LocalAuthListCtrlr.ItemsPerMessage")


def _most_per_message(station_id: int) -> int:
    """Return how many cards the station takes at once, if it has said so."""
    said = ChargingStation.objects.get(pk=station_id).configuration.filter(name__in=_LIMITS)
    numbers = [int(row.value) for row in said if row.value.isascii() and row.value.isdecimal() and int(row.value)]
    return min(numbers, default=_USUAL_MOST)


def _parts(
    update: ListUpdate, added: list[str], removed: list[str], *, most: int
) -> list[tuple[ListUpdate, list[str], list[str]]]:
    """Cut a list into messages: the first says what kind it is, the others add to it."""
    entries = [(uid, True) for uid in added] + [(uid, False) for uid in removed]
    chunks = [entries[start : start + most] for start in range(0, len(entries), most)] or [[]]
    return [
        (
            update if number == 0 else ListUpdate.DIFFERENTIAL,
            [uid for uid, is_added in chunk if is_added],
            [uid for uid, is_added in chunk if not is_added],
        )
        for number, chunk in enumerate(chunks)
    ]
