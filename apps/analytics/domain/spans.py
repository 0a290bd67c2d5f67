"""Which days a question is about: presets of an owner's local days, and the instants they cover."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from apps.core.domain.zones import zone


class Preset(StrEnum):
    """The periods people ask about; ``OWN`` states its days itself."""

    LAST_MONTH = "last_month"
    LAST_30_DAYS = "last_30_days"
    OWN = "own"


def days_of(preset: Preset, *, today: date) -> tuple[date, date]:
    """Return a preset's first and last local day, both inclusive; ``today`` itself is in none, it is not over.

    :raises ValueError: ``OWN`` has no days of its own
    """
    if preset is Preset.LAST_MONTH:
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    if preset is Preset.LAST_30_DAYS:
        return today - timedelta(days=30), today - timedelta(days=1)
    raise ValueError(f"{preset} says no days")


def instants_of(first_date: date, last_date: date, *, time_zone: str) -> tuple[datetime, datetime]:
    """Return the instants (UTC, half-open) of the local days ``first_date`` to ``last_date``, both inclusive.

    :raises ValueError: no such zone
    """
    return _midnight(first_date, time_zone), _midnight(last_date + timedelta(days=1), time_zone)


def _midnight(day: date, time_zone: str) -> datetime:
    # A midnight inside the spring gap is read with the offset before it, which gives the transition itself.
    return datetime.combine(day, time(), tzinfo=zone(time_zone)).astimezone(UTC)
