"""Whose signature counts: keys of meters, typed by their owner or reported by the station and then adopted."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.stations.meter_keys import UnreadableKey, read_public_key
from apps.stations.models import ChargingStation, Evse, MeterKey


@transaction.atomic
def add_meter_key(
    *, station_id: int, evse_id: int | None, public_key: str, by: User, at: datetime, valid_from: datetime | None = None
) -> MeterKey:
    """Take the key that an owner typed; one that the station has reported is adopted, one that is there stays.

    :raises UnreadableKey: the text holds no public key
    """
    key = read_public_key(public_key)
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    if evse_id is not None:
        Evse.objects.get(pk=evse_id, station=station)
    row, _ = MeterKey.objects.get_or_create(
        station=station,
        evse_id=evse_id,
        fingerprint=key.fingerprint,
        defaults={
            "public_key": key.der,
            "algorithm": key.algorithm,
            "source": MeterKey.Source.OWNER,
            "known_at": at,
            "adopted_at": at,
            "adopted_by": by,
            "valid_from": valid_from,
        },
    )
    if row.adopted_at is None:
        row.set_adopted(by=by, at=at, valid_from=valid_from)
    return row


def report_meter_keys(reports: Iterable[tuple[int, int | None, str]], *, at: datetime) -> None:
    """Note keys that stations report; each item: station, EVSE or None, text. None of them counts until it is adopted.

    What is no key is left out: the frame keeps it; and so is a key that is known of the station already.
    """
    rows: dict[tuple[int, int | None, str], MeterKey] = {}
    for station_id, evse_id, text in reports:
        try:
            key = read_public_key(text)
        except UnreadableKey:
            continue
        rows[station_id, evse_id, key.fingerprint] = MeterKey(
            station_id=station_id,
            evse_id=evse_id,
            public_key=key.der,
            fingerprint=key.fingerprint,
            algorithm=key.algorithm,
            source=MeterKey.Source.STATION,
            known_at=at,
        )
    known = set(
        MeterKey.objects.filter(fingerprint__in={row.fingerprint for row in rows.values()}).values_list(
            "station_id", "fingerprint"
        )
    )
    fresh = [found for found in rows if (found[0], found[2]) not in known]
    MeterKey.objects.bulk_create(
        [rows[found] for found in sorted(fresh, key=lambda found: (found[0], found[1] or 0, found[2]))],
        ignore_conflicts=True,
    )


@transaction.atomic
def adopt_meter_key(*, meter_key_id: int, by: User, at: datetime, valid_from: datetime | None = None) -> MeterKey:
    """Let a reported key count; adopting it again changes nothing."""
    key: MeterKey = MeterKey.objects.select_for_update(no_key=True).get(pk=meter_key_id)
    if key.adopted_at is None:
        key.set_adopted(by=by, at=at, valid_from=valid_from)
    return key


@transaction.atomic
def end_meter_key(*, meter_key_id: int, at: datetime) -> MeterKey:
    """Let a key count for nothing measured from ``at`` on; one that has ended keeps its end."""
    key: MeterKey = MeterKey.objects.select_for_update(no_key=True).get(pk=meter_key_id)
    if key.valid_to is None:
        key.set_valid_to(at)
    return key
