"""Read the session of a price case into the engine's facts.

A case tells its session either as ``legs`` (what a charge record's periods claim: from, to, energy, charging or
parking) or as ``meter_samples`` (what a meter said), or as nothing but an expired reservation. What is contradictory is
refused by path; what a meter got wrong sends the session to review.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from apps.core.domain.money import EXACT
from apps.tariffs.domain.facts import Measured, Reading, Reservation, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.reader import Reader, inside
from apps.tariffs.domain.register import clean_register

_SESSION_FIELDS: Final = (
    *("start", "end", "start_utc", "end_utc", "legs", "meter_samples", "power_samples", "current_samples"),
    *("reservation", "meter_samples_wh", "warmup_minutes", "note"),
)
_LEG_FIELDS: Final = (*("start", "end", "energy_kwh", "state", "power_kw", "current_a", "untimed", "cdr_dimensions"),)
_STATES: Final[Mapping[str, VehicleState]] = {"charging": VehicleState.CHARGING, "parking": VehicleState.IDLE}
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_YEARS: Final = range(1970, 2200)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_MS: Final = 366 * 86_400_000
_MILLI: Final = 1_000
_MICRO: Final = 1_000_000
_HOUR_MS: Final = 3_600_000
_MOST_DECIMALS: Final = 40
_CLAIM_TOLERANCE: Final = Decimal("0.0001")
"""Hours in charge records are rounded to four decimals."""


class ReadSession(NamedTuple):
    """What a case tells of its session; ``facts`` is None exactly when ``review`` says why."""

    facts: SessionFacts | None
    review: tuple[str, ...]
    warnings: tuple[str, ...]


class _Leg(NamedTuple):
    """A stretch that a charge record claims; instants UTC epoch ms, power in mW, current in mA."""

    path: str
    start_ms: int
    end_ms: int
    energy_kwh: Decimal
    state: VehicleState
    power: int | None
    current: int | None


class _Evidence(NamedTuple):
    """What legs or samples say of the register, the vehicle and the measured values."""

    register: tuple[Reading, ...] = ()
    states: tuple[StateChange, ...] = ()
    powers: tuple[Measured, ...] = ()
    currents: tuple[Measured, ...] = ()
    review: tuple[str, ...] = ()


class SessionReader(Reader):
    """Reads one session; its paths begin with ``session``."""

    def __init__(self, time_zone: str) -> None:
        super().__init__()
        self._time_zone = time_zone
        self._warnings: list[str] = []

    def session(self, value: object) -> ReadSession | None:
        """Return the session, or None after noting what is wrong with it."""
        if value is None:
            self.note("session", "required")
            return None
        fields = self.object_of(value, "session", known=_SESSION_FIELDS)
        reservation = self._reservation(fields)
        span: tuple[int, int] | None
        if reservation is not None and reservation.expired:
            span = self._expired(fields, reservation)
            evidence = _Evidence()
        else:
            span = self._span(fields, "session", names=(("start", "start_utc"), ("end", "end_utc")))
            evidence = self._evidence(fields)
        if span is not None:
            self._check_span(span, reservation, evidence)
        if self.problems or span is None:
            return None
        facts = SessionFacts(
            started_at_ms=span[0],
            ended_at_ms=span[1],
            time_zone=self._time_zone,
            register=evidence.register,
            states=evidence.states,
            powers=evidence.powers,
            currents=evidence.currents,
            reservation=reservation,
        )
        return ReadSession(None if evidence.review else facts, evidence.review, tuple(self._warnings))

    def _expired(self, fields: Mapping[str, object], reservation: Reservation) -> tuple[int, int]:
        """Return the instants of a session that never was: the end of its reservation."""
        for name in fields.keys() - {"reservation", "note"}:
            if fields[name] not in (None, [], ()):
                self.note(f"session.{name}", "nobody came: an expired reservation has no session")
        return reservation.end_ms, reservation.end_ms

    def _reservation(self, fields: Mapping[str, object]) -> Reservation | None:
        value = fields.get("reservation")
        if value is None:
            return None
        path = "session.reservation"
        inner = self.object_of(value, path, known=("start", "end", "expired"))
        span = self._span(inner, path, names=(("start",), ("end",)))
        expired = inner.get("expired") is not None and self.flag(inner, "expired", path)
        return None if span is None else Reservation(start_ms=span[0], end_ms=span[1], expired=bool(expired))

    def _check_span(self, span: tuple[int, int], reservation: Reservation | None, evidence: _Evidence) -> None:
        start_ms, end_ms = span
        if end_ms - start_ms > _LONGEST_MS:
            self.note("session.end", "more than a year after the start")
        if reservation is not None and reservation.end_ms > start_ms:
            self.note("session.reservation.end", "after the session's start: a minute is reserved or used, not both")
        ats = [reading.at_ms for reading in evidence.register]
        if ats and (ats[0] < start_ms or ats[-1] > end_ms):
            self._warnings.append(
                "The evidence reaches beyond the session: its energy counts, its time outside does not."
            )

    def _evidence(self, fields: Mapping[str, object]) -> _Evidence:
        if fields.get("legs") is None:
            return self._from_samples(fields)
        for name in ("meter_samples", "power_samples", "current_samples"):
            if fields.get(name) is not None:
                self.note(f"session.{name}", "legs already tell the session")
        legs = self.items(fields, "legs", "session", may_be_empty=True)
        read = [self._leg(item, f"session.legs[{at}]") for at, item in enumerate(legs)]
        ordered = sorted((leg for leg in read if leg is not None), key=lambda leg: (leg.start_ms, leg.end_ms))
        for before, after in pairwise(ordered):
            if after.start_ms < before.end_ms:
                self.note(after.path, f"starts before {before.path} ends")
        review = tuple(_leg_reviews(ordered))
        return _Evidence(review=review) if review else _from_legs(ordered)

    def _leg(self, value: object, path: str) -> _Leg | None:
        fields = self.object_of(value, path, known=_LEG_FIELDS)
        span = self._span(fields, path, names=(("start",), ("end",)))
        energy = self._number(fields, "energy_kwh", path)
        state = self.choice(fields, "state", path, among=tuple(_STATES))
        power = self._measured(fields, "power_kw", path, _MICRO)
        current = self._measured(fields, "current_a", path, _MILLI)
        untimed = fields.get("untimed") is not None and self.flag(fields, "untimed", path)
        if span is None or energy is None or state is None:
            return None
        self._compare_claims(fields.get("cdr_dimensions"), path, span, energy)
        # Energy that is told without a time is neither charging nor parking to whoever counts hours.
        known = VehicleState.HELD_BACK if untimed else _STATES[state]
        return _Leg(path, *span, energy, known, power, current)

    def _compare_claims(self, claims: object, path: str, span: tuple[int, int], energy: Decimal) -> None:
        """Warn where the record's own volumes say something else than its instants, which are what is priced."""
        if not isinstance(claims, Mapping):
            return
        hours = EXACT.divide(Decimal(span[1] - span[0]), Decimal(_HOUR_MS))
        for name, told, unit in (("ENERGY", energy, "kWh"), ("TIME", hours, "h"), ("PARKING_TIME", hours, "h")):
            claim = claims.get(name)
            if isinstance(claim, int | Decimal) and abs(claim - told) > _CLAIM_TOLERANCE:
                self._warnings.append(f"{path} claims {name} {claim} {unit}, but tells {told:.4f} {unit}.")

    def _from_samples(self, fields: Mapping[str, object]) -> _Evidence:
        samples = self._samples(fields, "meter_samples", "total_kwh")
        powers = self._levels(fields, "power_samples", "power_kw", _MICRO)
        currents = self._levels(fields, "current_samples", "current_a", _MILLI)
        readings = sorted((Reading(at_ms=at, energy_milliwh=_milliwh(kwh)) for at, kwh in samples), key=_at)
        if not readings:
            self.note("session.meter_samples", "required where there are no legs")
            return _Evidence()
        cleaned = clean_register(readings=readings, begin=readings[0], end=readings[-1], max_power_w=None)
        if cleaned.problems:
            return _Evidence(review=tuple(problem.message for problem in cleaned.problems))
        return _Evidence(
            register=cleaned.readings, states=_states_of(cleaned.readings), powers=powers, currents=currents
        )

    def _samples(self, fields: Mapping[str, object], name: str, of: str) -> list[tuple[int, Decimal]]:
        if fields.get(name) is None:
            return []
        found = []
        for index, item in enumerate(self.items(fields, name, "session")):
            path = f"session.{name}[{index}]"
            inner = self.object_of(item, path, known=("at", of))
            at_ms, value = self._instant(inner, "at", path), self._number(inner, of, path)
            if at_ms is not None and value is not None:
                found.append((at_ms, value))
        return found

    def _levels(self, fields: Mapping[str, object], name: str, of: str, per_unit: int) -> tuple[Measured, ...]:
        return tuple(
            Measured(at_ms=at_ms, value=_floor(value, per_unit)) for at_ms, value in self._samples(fields, name, of)
        )

    def _measured(self, fields: Mapping[str, object], name: str, path: str, per_unit: int) -> int | None:
        if fields.get(name) is None:
            return None
        value = self._number(fields, name, path)
        return None if value is None else _floor(value, per_unit)

    def _span(
        self, fields: Mapping[str, object], path: str, *, names: tuple[tuple[str, ...], tuple[str, ...]]
    ) -> tuple[int, int] | None:
        """Return two instants of which the second is not before the first."""
        start_name, end_name = (next((name for name in either if name in fields), either[0]) for either in names)
        start_ms = self._instant(fields, start_name, path)
        end_ms = self._instant(fields, end_name, path)
        if start_ms is None or end_ms is None:
            return None
        if end_ms < start_ms:
            self.note(inside(path, end_name), f"before {start_name}")
            return None
        return start_ms, end_ms

    def _instant(self, fields: Mapping[str, object], name: str, path: str) -> int | None:
        """Return an instant as UTC epoch ms; without an offset it is UTC (OCPI 2.2.1 types, DateTime)."""
        text = self.text(fields, name, path)
        if text is None:
            return None
        try:
            if _INSTANT.fullmatch(text) and int(text[:4]) in _YEARS:
                moment = datetime.fromisoformat(text)
                moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
                return (moment - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            pass
        self.note(inside(path, name), f"{text[:60]!r} is no instant YYYY-MM-DDThh:mm:ssZ of 1970 to 2199")
        return None

    def _number(self, fields: Mapping[str, object], name: str, path: str) -> Decimal | None:
        """Return a required number of either sign, exactly as written."""
        value = fields.get(name)
        if value is None:
            self.note(inside(path, name), "required")
        elif isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.note(inside(path, name), "must be a number")
        else:
            number = Decimal(value)
            if number.copy_abs() < 10**9 and int(number.as_tuple().exponent) >= -_MOST_DECIMALS:
                return number
            self.note(inside(path, name), f"must be below 1000000000, with at most {_MOST_DECIMALS} decimals")
        return None


def _leg_reviews(legs: Sequence[_Leg]) -> Iterator[str]:
    """Name the legs whose energy no meter can have counted."""
    for leg in legs:
        if leg.energy_kwh < 0:
            yield f"{leg.path} tells {leg.energy_kwh:f} kWh: a register of imported energy never falls."
        elif leg.energy_kwh and leg.start_ms == leg.end_ms:
            yield f"{leg.path} tells {leg.energy_kwh:f} kWh within no time."


def _from_legs(legs: Sequence[_Leg]) -> _Evidence:
    """Read legs in order of time as a register that starts at 0; between two legs the vehicle's state is unknown.

    Energies are added up exactly and the sum is rounded to the milliwatt-hour, so that it is never off by more than
    half of one however many legs there are.
    """
    register: list[Reading] = []
    states: list[StateChange] = []
    total = Decimal(0)
    for leg in legs:
        if leg.start_ms == leg.end_ms:
            continue
        if not register or register[-1].at_ms < leg.start_ms:
            register.append(Reading(at_ms=leg.start_ms, energy_milliwh=_milliwh(total)))
        total = EXACT.add(total, leg.energy_kwh)
        register.append(Reading(at_ms=leg.end_ms, energy_milliwh=_milliwh(total)))
        if states and states[-1].at_ms == leg.start_ms:
            states.pop()
        states.append(StateChange(at_ms=leg.start_ms, state=leg.state))
        states.append(StateChange(at_ms=leg.end_ms, state=VehicleState.UNKNOWN))
    return _Evidence(
        register=tuple(register),
        states=tuple(states),
        powers=_levels_of([(leg.start_ms, leg.end_ms, leg.power) for leg in legs]),
        currents=_levels_of([(leg.start_ms, leg.end_ms, leg.current) for leg in legs]),
    )


def _levels_of(legs: Sequence[tuple[int, int, int | None]]) -> tuple[Measured, ...]:
    """Turn values that hold for a leg into values that hold until the next; what no leg tells is unknown."""
    if all(value is None for _, _, value in legs):
        return ()
    levels: dict[int, int | None] = {}
    for start_ms, end_ms, value in legs:
        if start_ms < end_ms:
            levels[start_ms] = value
            levels[end_ms] = None
    return tuple(Measured(at_ms=at_ms, value=value) for at_ms, value in levels.items())


def _states_of(readings: Sequence[Reading]) -> tuple[StateChange, ...]:
    """Read a rising register as charging and one at rest as parking; after the last sample nothing is known."""
    states = [
        StateChange(
            at_ms=before.at_ms,
            state=VehicleState.CHARGING if after.energy_milliwh > before.energy_milliwh else VehicleState.IDLE,
        )
        for before, after in pairwise(readings)
    ]
    return (*states, StateChange(at_ms=readings[-1].at_ms, state=VehicleState.UNKNOWN))


def _milliwh(kwh: Decimal) -> int:
    return int(EXACT.multiply(kwh, Decimal(_MICRO)).to_integral_value(rounding=ROUND_HALF_UP))


def _floor(value: Decimal, per_unit: int) -> int:
    """Cut a measured value to whole thousandths: rounding up could lift it over a threshold it stays below."""
    return int(EXACT.multiply(value, Decimal(per_unit)) // 1)


def _at(reading: Reading) -> int:
    return reading.at_ms
