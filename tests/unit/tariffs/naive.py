"""A second engine: slow, obvious, in fractions, to disagree with the fast one if it can.

It knows no compiled windows, no bisection and no integers of a grain. It cuts the session at every reading, every
state message and every quarter of an hour, and asks ``zoneinfo`` for the local time of each piece. Only the two stated
choices are shared: the register at an instant is the interpolated value rounded half up to a milliwatt-hour, and
amounts are rounded once per tax category.
"""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from apps.core.domain.money import minor_unit
from apps.tariffs.domain.facts import SessionFacts, VehicleState, ZeroEnergyPolicy
from apps.tariffs.domain.terms import WEEK, Dimension, PriceComponent, Restrictions, TariffTerms

UNITS = {Dimension.ENERGY: 1_000_000, Dimension.TIME: 3_600_000, Dimension.FLAT: 1}


def local(at_ms: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


def matches(restrictions: Restrictions, moment: datetime) -> bool:
    start = restrictions.start_time or time(0)
    end = restrictions.end_time or time(0)
    clock = moment.time()
    if end == time(0):
        in_time = clock >= start
    elif start < end:
        in_time = start <= clock < end
    else:
        in_time = clock >= start or clock < end
    day = moment.date()
    return (
        in_time
        and (restrictions.start_date is None or day >= restrictions.start_date)
        and (restrictions.end_date is None or day < restrictions.end_date)
        and (not restrictions.day_of_week or WEEK[day.weekday()] in restrictions.day_of_week)
    )


def register_at(facts: SessionFacts, at_ms: int) -> int:
    readings = facts.register
    if not readings:
        return 0
    if at_ms <= readings[0].at_ms or at_ms <= facts.started_at_ms:
        return readings[0].energy_milliwh
    for before, after in pairwise(readings):
        if at_ms <= after.at_ms:
            share = Fraction(at_ms - before.at_ms, after.at_ms - before.at_ms)
            exact = before.energy_milliwh + share * (after.energy_milliwh - before.energy_milliwh)
            return half_up(exact)
    return readings[-1].energy_milliwh


def state_at(facts: SessionFacts, at_ms: int) -> VehicleState:
    state = VehicleState.UNKNOWN
    for change in sorted(facts.states, key=lambda change: change.at_ms):
        if change.at_ms <= at_ms:
            state = change.state
    return state


def is_charging(facts: SessionFacts, start_ms: int, end_ms: int) -> bool:
    state = state_at(facts, start_ms)
    if state is not VehicleState.UNKNOWN:
        return state is VehicleState.CHARGING
    return any(
        before.at_ms <= start_ms and end_ms <= after.at_ms and after.energy_milliwh > before.energy_milliwh
        for before, after in pairwise(facts.register)
    )


def cuts(facts: SessionFacts) -> list[int]:
    """Return every quarter of an hour (all the tariffs drawn change at one), reading and message."""
    quarter = 900_000
    first = facts.started_at_ms - facts.started_at_ms % quarter
    inside = {
        *range(first, facts.ended_at_ms, quarter),
        *(reading.at_ms for reading in facts.register),
        *(change.at_ms for change in facts.states),
    }
    kept = {at_ms for at_ms in inside if facts.started_at_ms < at_ms < facts.ended_at_ms}
    return [facts.started_at_ms, *sorted(kept), facts.ended_at_ms]


def half_up(number: Fraction) -> int:
    return int((number + Fraction(1, 2)) // 1)


def exact_amounts(facts: SessionFacts, terms: TariffTerms, zero_energy: ZeroEnergyPolicy) -> dict[str, Fraction]:
    """Return the exact amount of each tax category that has a part."""
    amounts: dict[str, Fraction] = defaultdict(Fraction)
    readings = facts.register
    has_energy = bool(readings) and readings[-1].energy_milliwh > readings[0].energy_milliwh
    allowed = set(Dimension)
    if not has_energy:
        allowed = {
            ZeroEnergyPolicy.FREE: set(),
            ZeroEnergyPolicy.FLAT_ONLY: {Dimension.FLAT},
            ZeroEnergyPolicy.FULL: set(Dimension),
        }[zero_energy]
    volumes: dict[Dimension, int] = defaultdict(int)
    last: dict[Dimension, PriceComponent] = {}
    edges = cuts(facts)
    for start_ms, end_ms in pairwise(edges):
        is_last = end_ms == facts.ended_at_ms and bool(readings)
        end_value = readings[-1].energy_milliwh if is_last else register_at(facts, end_ms)
        quantities = {
            Dimension.ENERGY: end_value - register_at(facts, start_ms),
            Dimension.TIME: end_ms - start_ms if is_charging(facts, start_ms, end_ms) else 0,
            Dimension.FLAT: 1,
        }
        moment = local(start_ms, facts.time_zone)
        for dimension in sorted(allowed):
            component = next(
                (
                    component
                    for element in terms.elements
                    if matches(element.restrictions, moment)
                    for component in element.price_components
                    if component.dimension is dimension
                ),
                None,
            )
            if component is None or not quantities[dimension]:
                continue
            amounts[component.tax_category] += Fraction(component.price) * quantities[dimension] / UNITS[dimension]
            volumes[dimension] += quantities[dimension]
            last[dimension] = component
            if dimension is Dimension.FLAT:
                allowed = allowed - {Dimension.FLAT}
    for dimension in (Dimension.ENERGY, Dimension.TIME):
        if dimension in last:
            # A step of 1 is a whole watt-hour or second.
            surplus = ceil(Fraction(volumes[dimension], 1000)) * 1000 - volumes[dimension]
            component = last[dimension]
            amounts[component.tax_category] += Fraction(component.price) * surplus / UNITS[dimension]
    return dict(amounts)


def rounded(
    amounts: dict[str, Fraction], terms: TariffTerms, rates: dict[str, Fraction]
) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    """Return (net, tax, gross) of each tax category, without the grant's terms."""
    grain = 10 ** minor_unit(terms.currency)

    def to_cents(amount: Fraction) -> Fraction:
        return Fraction(half_up(amount * grain), grain)

    totals = {}
    for category, amount in amounts.items():
        if terms.tax_included:
            gross = to_cents(amount)
            net = to_cents(gross / (1 + rates[category]))
            totals[category] = (net, gross - net, gross)
        else:
            net = to_cents(amount)
            tax = to_cents(net * rates[category])
            totals[category] = (net, tax, net + tax)
    return totals
