"""The period that Home is asked for, on the owner's clock, as its address says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from apps.analytics.domain.spans import Preset, days_of, instants_of

OFFERED: Final = {
    Preset.TODAY: "Today",
    Preset.DAYS_7: "7 days",
    Preset.DAYS_30: "30 days",
    Preset.MONTH: "This month",
    Preset.LAST_MONTH: "Last month",
    Preset.QUARTER: "This quarter",
    Preset.YEAR: "This year",
}
LONGEST: Final = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Local days, both inclusive. today, hour: the owner's clock · error: what was wrong with the days asked for."""

    preset: Preset
    first: date
    last: date
    time_zone: str
    today: date
    hour: int
    error: str = ""

    @property
    def days(self) -> tuple[date, date]:
        return self.first, self.last

    @property
    def query(self) -> str:
        """How an address says it."""
        if self.preset is not Preset.OWN:
            return urlencode({"period": self.preset.value})
        return urlencode({"period": "own", "from": self.first.isoformat(), "to": self.last.isoformat()})

    def instants(self) -> tuple[datetime, datetime]:
        return instants_of(self.first, self.last, time_zone=self.time_zone)


def read_period(asked: Mapping[str, str], *, time_zone: str, at: datetime) -> Period:
    """Return the period of an address (``period``; ``from`` and ``to`` of own days); of nothing or nonsense 7 days."""
    local = at.astimezone(ZoneInfo(time_zone))
    today, error = local.date(), ""
    try:
        preset = Preset(asked.get("period", Preset.DAYS_7))
    except ValueError:
        preset = Preset.DAYS_7
    if preset is Preset.OWN:
        try:
            first, last = date.fromisoformat(asked.get("from", "")), date.fromisoformat(asked.get("to", ""))
            if not date(2000, 1, 1) <= first <= last < date(2200, 1, 1) or last - first > LONGEST:
                raise ValueError("not a span of days")
        except ValueError:
            preset = Preset.DAYS_7
            error = "These days cannot be shown: choose a first day, and a last day at most three years after it."
    if preset is not Preset.OWN:
        first, last = days_of(preset, today=today)
    return Period(preset=preset, first=first, last=last, time_zone=time_zone, today=today, hour=local.hour, error=error)
