"""A second engine: slow, obvious, in fractions, to disagree with the fast one if it can.

It knows no compiled windows, no bisection and no integers of a grain. It cuts the session at every reading, every
message, every sample, every quarter of an hour (every minute, if a clock of the tariff asks for it) and wherever a
threshold is full, asks ``zoneinfo`` for the local time of each piece and every element whether it matches. Shared are
only the stated choices: the register at an instant is the interpolated value rounded half up to a milliwatt-hour, a
kWh threshold lies at exactly that energy and at the next whole millisecond, and amounts are rounded once per tax
category. What comes after the exact amounts is in ``naive_money``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from apps.tariffs.domain.facts import Measured, Reservation, SessionFacts, VehicleState
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffTerms,
    ZeroEnergyPolicy,
)

UNITS = {
    Dimension.ENERGY: 1_000_000,
    Dimension.TIME: 3_600_000,
    Dimension.PARKING_TIME: 3_600_000,
    Dimension.FLAT: 1,
}
SESSION = (None,)
USED = (ReservationRestriction.RESERVATION,)
EXPIRED = (ReservationRestriction.RESERVATION_EXPIRES, ReservationRestriction.RESERVATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch in which nothing changes that any element could ask for.

    length_ms, energy_milliwh, …   what the piece itself has
    at_ms, charged_ms, idled_ms    an instant that stands for the piece, with the charging and idling before it
    so_far                         exact milliwatt-hours of the session when the piece begins
    """

    length_ms: int
    energy_milliwh: int
    charging_ms: int
    idle_ms: int
    at_ms: int
    charged_ms: int
    idled_ms: int
    so_far: Fraction


@dataclass(slots=True)
class Tally:
    """What was priced: quantity of each (element, dimension), exact amount of each tax category, idling apart too."""

    quantities: dict[tuple[int, Dimension], int] = field(default_factory=lambda: defaultdict(int))
    amounts: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    idle: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def add(self, index: int, component: PriceComponent, quantity: int) -> None:
        amount = Fraction(component.price) * quantity / UNITS[component.dimension]
        self.quantities[index, component.dimension] += quantity
        self.amounts[component.tax_category] += amount
        if component.dimension is Dimension.PARKING_TIME:
            self.idle[component.tax_category] += amount


def half_up(number: Fraction) -> int:
    return int((number + Fraction(1, 2)) // 1)


def local(at_ms: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


# What is known of an instant -------------------------------------------------------------------------------------


def energy_at(facts: SessionFacts, at_ms: int) -> Fraction:
    """Return the exact milliwatt-hours since the begin reading; what lies outside is of the first or last instant."""
    readings = facts.register
    if not readings or at_ms <= facts.started_at_ms or at_ms <= readings[0].at_ms:
        return Fraction(0)
    if at_ms < facts.ended_at_ms:
        for before, after in pairwise(readings):
            if at_ms <= after.at_ms:
                share = Fraction(at_ms - before.at_ms, after.at_ms - before.at_ms)
                rise = share * (after.energy_milliwh - before.energy_milliwh)
                return before.energy_milliwh - readings[0].energy_milliwh + rise
    return Fraction(readings[-1].energy_milliwh - readings[0].energy_milliwh)


def instant_of(facts: SessionFacts, energy_milliwh: int) -> int | None:
    """Return the first whole millisecond of the session at which that much energy has flowed."""
    readings = facts.register
    for before, after in pairwise(readings):
        if before.energy_milliwh < readings[0].energy_milliwh + energy_milliwh <= after.energy_milliwh:
            missing = readings[0].energy_milliwh + energy_milliwh - before.energy_milliwh
            share = Fraction(missing, after.energy_milliwh - before.energy_milliwh)
            found = before.at_ms + ceil(share * (after.at_ms - before.at_ms))
            return min(max(found, facts.started_at_ms), facts.ended_at_ms)
    return None


def state_at(facts: SessionFacts, at_ms: int) -> VehicleState:
    state = VehicleState.UNKNOWN
    for change in sorted(facts.states, key=lambda change: change.at_ms):
        if change.at_ms <= at_ms:
            state = change.state
    return state


def measured_at(samples: Sequence[Measured], at_ms: int) -> int | None:
    value = None
    for sample in sorted(samples, key=lambda sample: sample.at_ms):
        if sample.at_ms <= at_ms:
            value = sample.value
    return value


def is_charging(facts: SessionFacts, start_ms: int, end_ms: int) -> bool:
    state = state_at(facts, start_ms)
    if state is not VehicleState.UNKNOWN:
        return state is VehicleState.CHARGING
    return any(
        before.at_ms <= start_ms and end_ms <= after.at_ms and after.energy_milliwh > before.energy_milliwh
        for before, after in pairwise(facts.register)
    )


def is_idle(facts: SessionFacts, terms: TariffTerms, start_ms: int) -> bool:
    quiet = Restrictions(start_time=terms.idle.quiet_start, end_time=terms.idle.quiet_end)
    is_quiet = terms.idle.quiet_start is not None and is_in_time(quiet, local(start_ms, facts.time_zone).time())
    return state_at(facts, start_ms) is VehicleState.IDLE and not is_quiet


# Whether an element matches --------------------------------------------------------------------------------------


def is_in_time(restrictions: Restrictions, clock: time) -> bool:
    start = restrictions.start_time or time(0)
    end = restrictions.end_time or time(0)
    if end == time(0):
        return clock >= start
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def is_within(low: Decimal | int | None, high: Decimal | int | None, value: Fraction | int | None, unit: int) -> bool:
    """Test a minimum (inclusive) and a maximum (exclusive), both in multiples of ``unit``."""
    if low is None and high is None:
        return True
    if value is None:
        return False
    return (low is None or value >= Fraction(low) * unit) and (high is None or value < Fraction(high) * unit)


def matches(restrictions: Restrictions, piece: Piece, facts: SessionFacts, terms: TariffTerms) -> bool:
    moment = local(piece.at_ms, facts.time_zone)
    day = moment.date()
    power = measured_at(facts.powers, piece.at_ms)
    current = measured_at(facts.currents, piece.at_ms)
    return (
        is_in_time(restrictions, moment.time())
        and (restrictions.start_date is None or day >= restrictions.start_date)
        and (restrictions.end_date is None or day < restrictions.end_date)
        and (not restrictions.day_of_week or WEEK[day.weekday()] in restrictions.day_of_week)
        and (restrictions.holiday is None or restrictions.holiday == (day in terms.holidays))
        and is_within(restrictions.min_kwh, restrictions.max_kwh, piece.so_far, 1_000_000)
        and is_within(restrictions.min_power, restrictions.max_power, power, 1_000_000)
        and is_within(restrictions.min_current, restrictions.max_current, current, 1_000)
        and is_within(restrictions.min_duration, restrictions.max_duration, piece.at_ms - facts.started_at_ms, 1_000)
        and is_within(restrictions.min_charging_time, restrictions.max_charging_time, piece.charged_ms, 1_000)
        and is_within(restrictions.min_idle_time, restrictions.max_idle_time, piece.idled_ms, 1_000)
    )


# Where to cut ----------------------------------------------------------------------------------------------------


def grid_ms(terms: TariffTerms) -> int:
    clocks = [terms.idle.quiet_start, terms.idle.quiet_end]
    for element in terms.elements:
        clocks += [element.restrictions.start_time, element.restrictions.end_time]
    return 900_000 if all(clock is None or clock.minute % 15 == 0 for clock in clocks) else 60_000


def plain_cuts(facts: SessionFacts, terms: TariffTerms) -> list[int]:
    """Return the start, every point of the grid, reading, message and sample, and the end."""
    start, end, grid = facts.started_at_ms, facts.ended_at_ms, grid_ms(terms)
    inside = {
        *range(start - start % grid, end, grid),
        *(known.at_ms for known in (*facts.register, *facts.states, *facts.powers, *facts.currents)),
    }
    return [start, *sorted(at_ms for at_ms in inside if start < at_ms < end), end]


def second_cuts(facts: SessionFacts, terms: TariffTerms) -> Iterator[int]:
    """Yield the instants at which the seconds of a duration, charging or idle threshold are full."""
    durations, charges, idles = set(), set(), set()
    for restrictions in (element.restrictions for element in terms.elements):
        durations |= {restrictions.min_duration, restrictions.max_duration}
        charges |= {restrictions.min_charging_time, restrictions.max_charging_time}
        idles |= {restrictions.min_idle_time, restrictions.max_idle_time}
    charged = idled = 0
    for start, end in pairwise(plain_cuts(facts, terms)):
        so_far = [(durations, start - facts.started_at_ms)]
        if is_charging(facts, start, end):
            so_far.append((charges, charged))
            charged += end - start
        if is_idle(facts, terms, start):
            so_far.append((idles, idled))
            idled += end - start
        for thresholds, counted_ms in so_far:
            for seconds in thresholds - {None}:
                if start < start + seconds * 1_000 - counted_ms < end:
                    yield start + seconds * 1_000 - counted_ms


def points(facts: SessionFacts, terms: TariffTerms) -> list[tuple[int, Fraction]]:
    """Return the instants to cut at, each with the exact milliwatt-hours so far.

    A kWh threshold is one more point of its millisecond: it was met before that is full.
    """
    found = {(at_ms, energy_at(facts, at_ms)) for at_ms in (*plain_cuts(facts, terms), *second_cuts(facts, terms))}
    for restrictions in (element.restrictions for element in terms.elements):
        for kwh in {restrictions.min_kwh, restrictions.max_kwh} - {None}:
            energy = Fraction(kwh) * 1_000_000
            at_ms = instant_of(facts, int(energy))
            if at_ms is not None:
                found.add((at_ms, energy))
    first, last = (facts.started_at_ms, Fraction(0)), (facts.ended_at_ms, total_energy(facts))
    return [first, *sorted(found - {first, last}), last]


def total_energy(facts: SessionFacts) -> Fraction:
    readings = facts.register
    return Fraction(readings[-1].energy_milliwh - readings[0].energy_milliwh) if readings else Fraction(0)


def pieces(facts: SessionFacts, terms: TariffTerms) -> Iterator[Piece]:
    """Yield the pieces in order; one without length is what flowed between a threshold and the end of its millisecond.

    That was before the millisecond was full, so the instant of the piece before it stands for it.
    """
    begin = facts.register[0].energy_milliwh if facts.register else 0
    at_ms, charged_ms, idled_ms = facts.started_at_ms, 0, 0
    charged = idled = 0
    for (start, so_far), (end, so_far_then) in pairwise(points(facts, terms)):
        if end > start:
            at_ms, charged_ms, idled_ms = start, charged, idled
        charging = end - start if is_charging(facts, start, end) else 0
        idle = end - start if is_idle(facts, terms, start) else 0
        yield Piece(
            length_ms=end - start,
            energy_milliwh=half_up(begin + so_far_then) - half_up(begin + so_far),
            charging_ms=charging,
            idle_ms=idle,
            at_ms=at_ms,
            charged_ms=charged_ms,
            idled_ms=idled_ms,
            so_far=so_far,
        )
        charged += charging
        idled += idle


# Pricing ---------------------------------------------------------------------------------------------------------


def winner(
    dimension: Dimension,
    piece: Piece,
    facts: SessionFacts,
    terms: TariffTerms,
    kinds: Sequence[ReservationRestriction | None],
) -> tuple[int, PriceComponent] | None:
    """Return the first matching element of the first kind that has the dimension, with its component."""
    for kind in kinds:
        for index, element in enumerate(terms.elements):
            if element.restrictions.reservation is not kind or not matches(element.restrictions, piece, facts, terms):
                continue
            for component in element.price_components:
                if component.dimension is dimension:
                    return index, component
    return None


def price(
    tally: Tally,
    facts: SessionFacts,
    terms: TariffTerms,
    allowed: set[Dimension],
    kinds: Sequence[ReservationRestriction | None],
) -> None:
    """Add a session, or a reservation told as one, to the tally."""
    volumes: dict[Dimension, int] = defaultdict(int)
    last: dict[Dimension, tuple[int, PriceComponent]] = {}
    for piece in pieces(facts, terms):
        counts = piece.length_ms or piece.energy_milliwh or facts.ended_at_ms == facts.started_at_ms
        quantities = {
            Dimension.FLAT: 1 if counts and Dimension.FLAT not in last else 0,
            Dimension.ENERGY: piece.energy_milliwh,
            Dimension.TIME: piece.charging_ms if kinds is SESSION else piece.length_ms,
            Dimension.PARKING_TIME: piece.idle_ms,
        }
        for dimension in allowed:
            found = winner(dimension, piece, facts, terms, kinds) if quantities[dimension] else None
            if found is not None:
                tally.add(*found, quantities[dimension])
                volumes[dimension] += quantities[dimension]
                last[dimension] = found
    stepped = {Dimension.ENERGY, Dimension.PARKING_TIME if Dimension.PARKING_TIME in last else Dimension.TIME}
    for dimension in stepped & set(last):
        # Steps are stated in watt-hours or seconds.
        step = last[dimension][1].step_size * 1_000
        tally.add(*last[dimension], ceil(Fraction(volumes[dimension], step)) * step - volumes[dimension])


def as_session(reservation: Reservation, time_zone: str) -> SessionFacts:
    """Return a reservation as a session of which nothing is known but its length."""
    return SessionFacts(
        started_at_ms=reservation.start_ms, ended_at_ms=reservation.end_ms, time_zone=time_zone, register=()
    )


def tally(facts: SessionFacts, terms: TariffTerms) -> Tally:
    """Return all that is priced of the session and of the reservation before it, steps included."""
    found = Tally()
    if facts.reservation is not None:
        kinds = EXPIRED if facts.reservation.expired else USED
        price(found, as_session(facts.reservation, facts.time_zone), terms, {Dimension.TIME, Dimension.FLAT}, kinds)
        if facts.reservation.expired:
            return found
    let_off = {ZeroEnergyPolicy.FREE: set(), ZeroEnergyPolicy.FLAT_ONLY: {Dimension.FLAT}}
    allowed = set(Dimension) if total_energy(facts) else let_off.get(terms.zero_energy, set(Dimension))
    price(found, facts, terms, allowed, SESSION)
    return found
