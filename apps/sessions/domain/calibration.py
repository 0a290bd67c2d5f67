"""What a station under calibration law may bill: energy between a verified begin and a verified end, and no time.

The signature says that the meter measured; that it measured this session is for us to see: one begin and one end, of
one meter, one register and one driver, at the session's time, and agreeing with the register that the station told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from apps.sessions.domain.ocmf import is_of_transaction
from apps.sessions.domain.signed import Moment, SignatureVerdict, StatedReading, Statement, Verdict
from apps.tariffs.domain.facts import Reading
from apps.tariffs.domain.rating import RatedSession
from apps.tariffs.domain.terms import Dimension

TOLERANCE: Final = timedelta(minutes=10)
"""How far the clocks of a meter and of its station may be apart."""
_WIRE_RESOLUTION_MILLIWH: Final = 1_000
"""OCPP 1.6 tells the register at start and stop in whole watt-hours."""
_SMALLEST_STEP_MILLIWH: Final = 1_000
"""OCPI's smallest ``step_size`` is a watt-hour: what is rounded up to it is less than one."""
_TIMED: Final = frozenset({Dimension.TIME, Dimension.PARKING_TIME})


class NotCalibrated(Exception):
    """The session cannot be billed under calibration law; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSession:
    """What the station told of the session: its times, and the register at its ends."""

    started_at: datetime
    ended_at: datetime
    begin: Reading
    end: Reading


class _Signed(NamedTuple):
    reading: StatedReading
    statement: Statement


def verified_register(verdicts: Sequence[SignatureVerdict], told: ToldSession) -> tuple[Reading, Reading]:
    """Return the register at begin and end as the meter signed it, at the times of start and stop.

    A register that counts one transaction from zero gives what was delivered on top of the begin that was told.

    :raises NotCalibrated: there is no such pair, or it is not of this session
    """
    signed = [
        _Signed(reading, verdict.statement)
        for verdict in verdicts
        if verdict.verdict is Verdict.VERIFIED
        for reading in verdict.statement.readings
    ]
    begin = _only(signed, Moment.BEGIN, "begin", verdicts)
    end = _only(signed, Moment.END, "end", verdicts)
    _check_pair(begin, end)
    _check_times(begin.reading, end.reading, told)
    return _agreed(begin.reading, end.reading, told)


def check_energy_alone(rated: RatedSession) -> None:
    """Check that a price asks for the delivered energy alone, at one price: how much was delivered at which hour
    nobody has verified.

    :raises NotCalibrated: it asks for time, for energy at several prices, or for more of it than was delivered
    """
    parts = [part for period in rated.periods for part in period.parts]
    if any(part.dimension in _TIMED and part.price > 0 and part.quantity > 0 for part in parts):
        raise NotCalibrated("The tariff prices time, and the meter is calibrated for energy alone.")
    energy = [part for part in parts if part.dimension is Dimension.ENERGY and part.price > 0]
    if sum(part.quantity for part in energy) - rated.energy_milliwh >= _SMALLEST_STEP_MILLIWH:
        raise NotCalibrated("The tariff rounds energy up to a step, and only what was delivered may be billed.")
    if len({part.price for part in parts if part.dimension is Dimension.ENERGY and part.quantity > 0}) > 1:
        raise NotCalibrated(
            "The price per kWh changed during the session, and how much was delivered at each is no verified value."
        )


def is_same_measurement(one: Statement, other: Statement) -> bool:
    """Tell whether two records state the same measurement: of one meter, with a reading in common."""
    return one.meter == other.meter and bool(_measured(one.readings) & _measured(other.readings))


def _measured(readings: Iterable[StatedReading]) -> set[tuple[datetime, str, int, Moment]]:
    return {(reading.at, reading.register, reading.energy_milliwh, reading.moment) for reading in readings}


def _only(signed: Iterable[_Signed], moment: Moment, name: str, verdicts: Sequence[SignatureVerdict]) -> _Signed:
    """Return the one verified reading of a moment; the same one told several times is one."""
    found = {
        (one.reading.at, one.reading.register, one.reading.energy_milliwh): one
        for one in signed
        if one.reading.moment is moment
    }
    if not found:
        why = next((verdict.reason for verdict in verdicts if verdict.verdict is not Verdict.VERIFIED), "")
        raise NotCalibrated(f"No verified signed meter value says where the session's {name} was. {why}".strip())
    if len(found) > 1:
        raise NotCalibrated(f"{len(found)} verified signed meter values say different things of the session's {name}.")
    return next(iter(found.values()))


def _check_pair(begin: _Signed, end: _Signed) -> None:
    first, last = begin.reading, end.reading
    for reading in (first, last):
        if reading.problem:
            raise NotCalibrated(f"The meter does not stand by a signed value: {reading.problem}.")
    if begin.statement.meter != end.statement.meter:
        raise NotCalibrated("The signed begin and end are of two different meters.")
    if first.register != last.register:
        raise NotCalibrated(f"The signed begin is of register {first.register}, the end of {last.register}.")
    if first.unit != last.unit:
        raise NotCalibrated(f"The signed begin is in {first.unit}, the end in {last.unit}.")
    if begin.statement.identification != end.statement.identification:
        raise NotCalibrated("The signed begin and end name two different drivers.")
    if last.energy_milliwh < first.energy_milliwh:
        raise NotCalibrated("The signed end lies below the signed begin.")
    if last.at < first.at:
        raise NotCalibrated("The signed end was measured before the signed begin.")


def _check_times(begin: StatedReading, end: StatedReading, told: ToldSession) -> None:
    first, last = told.started_at - TOLERANCE, told.ended_at + TOLERANCE
    for name, reading in (("begin", begin), ("end", end)):
        if reading.is_clock_set and not first <= reading.at <= last:
            raise NotCalibrated(
                f"The signed {name} was measured at {reading.at:%Y-%m-%d %H:%M:%S} UTC, the session was from "
                f"{told.started_at:%Y-%m-%d %H:%M:%S} to {told.ended_at:%Y-%m-%d %H:%M:%S} UTC."
            )


def _agreed(begin: StatedReading, end: StatedReading, told: ToldSession) -> tuple[Reading, Reading]:
    delivered = end.energy_milliwh - begin.energy_milliwh
    finest = max(_WIRE_RESOLUTION_MILLIWH, begin.resolution_milliwh, end.resolution_milliwh)
    first, last = told.begin.energy_milliwh, told.end.energy_milliwh
    if is_of_transaction(begin.register):
        differences = [delivered - (last - first)]
        allowed, begin_milliwh = 2 * finest, first
    else:
        differences = [begin.energy_milliwh - first, end.energy_milliwh - last]
        allowed, begin_milliwh = finest, begin.energy_milliwh
    if any(abs(difference) > allowed for difference in differences):
        raise NotCalibrated(
            f"The signed values say {_kwh(begin.energy_milliwh)} to {_kwh(end.energy_milliwh)} kWh, "
            f"the station's register {_kwh(first)} to {_kwh(last)} kWh."
        )
    return (
        Reading(at_ms=told.begin.at_ms, energy_milliwh=begin_milliwh),
        Reading(at_ms=told.end.at_ms, energy_milliwh=begin_milliwh + delivered),
    )


def _kwh(energy_milliwh: int) -> str:
    whole, rest = divmod(energy_milliwh, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
