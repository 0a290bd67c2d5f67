"""What stations say of their settings: a row a key, never a secret."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.stations.domain.display import ASKED, reported_display
from apps.stations.domain.redaction import MASK, is_secret_name, redact
from apps.stations.models import ChargingStation, ConfigurationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedKey:
    """A setting as a station reported it.

    name         configuration key, or ``variable_name(…)`` of a 2.0.1 variable · value: None = none given
    is_readonly  None: not said · is_write_only: the station itself says that it is never read back (2.0.1)
    """

    name: str
    value: str | None
    is_readonly: bool | None = None
    is_write_only: bool = False


@transaction.atomic
def record_configuration(*, station_id: int, entries: Collection[ReportedKey], at: datetime) -> int:
    """Store what a station reported of its settings and return how many those are; older than stored changes nothing.

    The value of a secret is never stored, only that one is set.
    """
    # Two answers at once meet here, so that neither inserts what the other just did.
    station = ChargingStation.objects.select_for_update(no_key=True).get(pk=station_id)
    named = {entry.name[:200]: entry for entry in entries if entry.name}
    known = {row.name: row for row in ConfigurationKey.objects.filter(station_id=station_id, name__in=named)}
    rows = [_row(station_id, name, entry, at) for name, entry in named.items() if _is_newer(known.get(name), at)]
    ConfigurationKey.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["station", "name"],
        update_fields=["value", "is_secret", "is_readonly", "reported_at"],
    )
    if any(row.name in ASKED[station.protocol] for row in rows):
        _learn_display(station)
    return len(rows)


def _learn_display(station: ChargingStation) -> None:
    said = station.configuration.filter(name__in=ASKED[station.protocol]).values_list("name", "value")
    station.set_display(reported_display(station.protocol, dict(said)))


def _is_newer(known: ConfigurationKey | None, at: datetime) -> bool:
    return known is None or known.reported_at <= at


def _row(station_id: int, name: str, entry: ReportedKey, at: datetime) -> ConfigurationKey:
    is_secret = entry.is_write_only or is_secret_name(name)
    value = (entry.value or "").replace("\0", "")
    shown = (MASK if value else "") if is_secret else str(redact(value))
    return ConfigurationKey(
        station_id=station_id,
        name=name,
        value=shown,
        is_secret=is_secret,
        is_readonly=entry.is_readonly,
        reported_at=at,
    )
