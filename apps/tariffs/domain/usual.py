"""Sessions as they usually are, made up, so that an owner sees what a tariff costs before anybody pays it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from apps.core.domain.zones import zone
from apps.tariffs.domain.facts import Measured, Reading, SessionFacts, StateChange, VehicleState

_MILLIWH_PER_KWH: Final = 1_000_000
_MS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualSession:
    """A session with the words it is told by."""

    words: str
    facts: SessionFacts


class _Story(NamedTuple):
    """day: 0 is Monday; the energy flows evenly, and then the vehicle stays idle."""

    words: str
    day: int
    starts: time
    kwh: int
    charging_minutes: int
    idle_minutes: int = 0


_STORIES: Final = (
    _Story("10 kWh in 1 h, Wednesday at noon", 2, time(12), 10, 60),
    _Story("30 kWh in 5 h, Wednesday night from 23:00", 2, time(23), 30, 300),
    _Story("60 kWh in 2 h, then 1 h idle, Wednesday from 17:00", 2, time(17), 60, 120, 60),
    _Story("40 kWh in 30 min, Saturday at 10:00", 5, time(10), 40, 30),
)


def usual_sessions(*, time_zone: str, week_of: date) -> tuple[UsualSession, ...]:
    """Return the usual sessions of the local week in which ``week_of`` lies.

    time_zone  IANA name of the location's zone

    :raises ValueError: no such time zone
    """
    monday = week_of - timedelta(days=week_of.weekday())
    return tuple(UsualSession(words=story.words, facts=_facts(story, monday, time_zone)) for story in _STORIES)


def _facts(story: _Story, monday: date, time_zone: str) -> SessionFacts:
    starts = datetime.combine(monday + timedelta(days=story.day), story.starts, tzinfo=zone(time_zone))
    started = round(starts.astimezone(UTC).timestamp()) * 1000
    charged = started + story.charging_minutes * _MS_PER_MINUTE
    ended = charged + story.idle_minutes * _MS_PER_MINUTE
    energy = story.kwh * _MILLIWH_PER_KWH
    power = energy * 60 // story.charging_minutes
    states = [StateChange(at_ms=started, state=VehicleState.CHARGING)]
    register = [Reading(at_ms=started, energy_milliwh=0), Reading(at_ms=charged, energy_milliwh=energy)]
    if story.idle_minutes:
        states.append(StateChange(at_ms=charged, state=VehicleState.IDLE))
        register.append(Reading(at_ms=ended, energy_milliwh=energy))
    return SessionFacts(
        started_at_ms=started,
        ended_at_ms=ended,
        time_zone=time_zone,
        register=tuple(register),
        states=tuple(states),
        powers=(Measured(at_ms=started, value=power), Measured(at_ms=charged, value=0)),
    )
