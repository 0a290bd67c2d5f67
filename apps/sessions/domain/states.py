"""What a message says of the vehicle at a connector, and until when it is known to have stood there.

Owns "after the stop the state is idle until Available" and "parking is never billed on inference" (TARIFFS.md): only a
message, told in time, makes a vehicle stand anywhere. Instants are UTC, the station's clock unless said otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from apps.sessions.domain.settling import TOLD_LATE, is_late
from apps.tariffs.domain.facts import VehicleState

UNPLUGGED: Final = "EVDisconnected"
"""The reason of a stop that says itself that nothing stands there any more (OCPP 1.6 §7.36)."""
AROUND_THE_STOP: Final = timedelta(seconds=60)
"""Some stations report what comes after a stop before they send it."""


class ReportedState(StrEnum):
    """What a status notification says of the vehicle (OCPP 1.6 §7.7).

    parked   Finishing: it charges no more and stands there · gone  Available: nothing stands there
    unknown  a status that says nothing of it, such as Faulted
    """

    CHARGING = "charging"
    IDLE = "idle"
    HELD_BACK = "held_back"
    PARKED = "parked"
    GONE = "gone"
    UNKNOWN = "unknown"


VEHICLE_STATE: Final[Mapping[ReportedState, VehicleState]] = {
    ReportedState.CHARGING: VehicleState.CHARGING,
    ReportedState.IDLE: VehicleState.IDLE,
    ReportedState.HELD_BACK: VehicleState.HELD_BACK,
    ReportedState.GONE: VehicleState.UNKNOWN,
    ReportedState.UNKNOWN: VehicleState.UNKNOWN,
}
"""What the engine is told of a state while the session runs; *parked* changes nothing until the stop."""
_NOT_THERE: Final = frozenset({ReportedState.GONE, ReportedState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """How long a vehicle is known to have stood at the connector after its session's stop.

    until           not before the stop; the stop where no message says more
    is_gone         it has left, or nobody says any more that it stands there
    is_said_to_stand  a message at or after the stop says that it stands there, so that another will say when it leaves
    """

    until: datetime
    is_gone: bool
    is_said_to_stand: bool


def occupancy(
    *,
    ended_at: datetime,
    end_received_at: datetime,
    stop_reason: str,
    states: Iterable[tuple[datetime, ReportedState]],
) -> Occupancy:
    """Tell until when the vehicle is known to have stood there; see the module.

    Of a stop told late, out of the queue of a station that was offline, only what the queue tells counts: what the
    station says of the present tells nothing of the hours in between.

    states  (instant, state), ascending, of the session and of the time after it
    """
    if stop_reason == UNPLUGGED:
        return Occupancy(until=ended_at, is_gone=True, is_said_to_stand=False)
    is_queued = is_late(told_of=ended_at, received_at=end_received_at)
    told = [(at, state) for at, state in states if not (is_queued and at >= end_received_at - TOLD_LATE)]
    until, is_gone = ended_at, bool(told) and told[-1][1] in _NOT_THERE
    for at, state in told:
        if at > ended_at:
            until = at
            if state in _NOT_THERE:
                is_gone = True
                break
    is_fresh = bool(told) and told[-1][0] >= ended_at - AROUND_THE_STOP
    return Occupancy(until=until, is_gone=is_gone, is_said_to_stand=is_fresh and not is_gone)
