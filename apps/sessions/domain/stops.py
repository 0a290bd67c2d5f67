"""Which session a stop ended that names no transaction of ours (OCPP 1.6): told before its start, or with −1.

Owns "never another driver's": a stop is placed where exactly one session can be meant, else a person looks at it.
Instants are UTC, energy is integer milliwatt-hours.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.tariffs.domain.register import ALLOWANCE_MILLIWH, HEADROOM_PERCENT

LONGEST_SESSION: Final = timedelta(days=7)
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStop:
    """A stop as its station told it.

    transaction_id  positive: the station's own, or one we gave; else none
    id_token        normalised; "": it names no card
    """

    key: int
    transaction_id: int
    id_token: str
    ended_at: datetime
    meter_stop_milliwh: int | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session of the same station.

    awaits_end   its station has not said when it ended
    last_at, last_milliwh  the latest instant and the highest register that its readings show; None: it has none
    max_power_w  the connector's; None: unknown
    told_at      when its start was received
    """

    key: int
    evse: int
    id_token: str
    started_at: datetime
    told_at: datetime
    meter_start_milliwh: int | None
    awaits_end: bool
    last_at: datetime | None
    last_milliwh: int | None
    max_power_w: int | None


def may_end(stop: ToldStop, session: Begun) -> bool:
    """Tell whether nothing contradicts that the stop ended the session: card, time, register, the connector's power."""
    if not session.awaits_end or stop.id_token not in ("", session.id_token):
        return False
    lasts = stop.ended_at - session.started_at
    if not timedelta(0) <= lasts <= LONGEST_SESSION or (session.last_at or stop.ended_at) > stop.ended_at:
        return False
    if stop.meter_stop_milliwh is None or session.meter_start_milliwh is None:
        return True
    if stop.meter_stop_milliwh < max(session.meter_start_milliwh, session.last_milliwh or 0):
        return False
    return _is_deliverable(stop.meter_stop_milliwh - session.meter_start_milliwh, lasts, session.max_power_w)


def _is_deliverable(energy_milliwh: int, lasts: timedelta, power_w: int | None) -> bool:
    """Tell whether the connector can have delivered it, by the measure of the register check."""
    if power_w is None:
        return True
    return (energy_milliwh - ALLOWANCE_MILLIWH) * 360_000 <= (lasts // _MS) * power_w * HEADROOM_PERCENT


def place_stops(stops: Iterable[ToldStop], sessions: Sequence[Begun]) -> Mapping[int, int]:
    """Return {stop: session} of those stops, all of one station, that can mean one session only, which no other means.

    At an EVSE that is the session begun last before the stop: another had ended before that one began. The register
    must be known on both sides. A stop with a transaction id of the station's own must have been told before the start,
    since the answer to that would have told the station ours.
    """
    meant = {stop.key: session.key for stop in stops if (session := _meant(stop, sessions)) is not None}
    times = Counter(meant.values())
    return {stop: session for stop, session in meant.items() if times[session] == 1}


def _meant(stop: ToldStop, sessions: Sequence[Begun]) -> Begun | None:
    latest: dict[int, Begun] = {}
    for session in sessions:
        held = latest.get(session.evse)
        if session.started_at <= stop.ended_at and (held is None or session.started_at > held.started_at):
            latest[session.evse] = session
    fitting = [session for session in latest.values() if _is_placeable(stop, session) and may_end(stop, session)]
    return fitting[0] if len(fitting) == 1 else None


def _is_placeable(stop: ToldStop, session: Begun) -> bool:
    is_metered = stop.meter_stop_milliwh is not None and session.meter_start_milliwh is not None
    return is_metered and (stop.transaction_id <= 0 or stop.received_at <= session.told_at)
