"""Hypothesis strategies: tariffs and sessions of the breadth the engine supports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import (
    GrantTerms,
    Measured,
    Reading,
    Reservation,
    SessionFacts,
    StateChange,
    VehicleState,
)
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    IdleRules,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
    ZeroEnergyPolicy,
)

RATES = {
    TaxCategory.STANDARD: Decimal("0.19"),
    TaxCategory.REDUCED: Decimal("0.07"),
    TaxCategory.ZERO: Decimal(0),
    TaxCategory.EXEMPT: Decimal(0),
}

ZONES = ("Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo")

# Around clock changes of the zones above, a leap day, a turn of year and an ordinary week.
DAYS = tuple(
    datetime.fromisoformat(day).replace(tzinfo=UTC)
    for day in (
        "2026-03-28",
        "2026-10-24",
        "2026-03-07",
        "2026-10-31",
        "2026-04-04",
        "2026-10-03",
        "2026-04-23",
        "2026-10-29",
        "2028-02-28",
        "2026-12-31",
        "2026-06-10",
    )
)

STEPS = (1, 1, 1, 2, 60, 300, 500, 900, 1000, 10_000)
KWH = tuple(map(Decimal, ("0", "0.000001", "0.1", "1", "3.333333", "10", "20", "50.5")))
KILOWATTS = tuple(map(Decimal, ("0", "0.001", "3.7", "7.4", "11", "22", "50")))
AMPERES = tuple(map(Decimal, ("0", "0.001", "6", "16", "32")))
SECONDS = (0, 1, 59, 60, 61, 899, 900, 1800, 3600, 5400, 36_000)
DISCOUNTS = tuple(map(Decimal, ("0.0001", "3.3333", "10", "12.5", "33.3333", "50", "99.9999", "100")))


def prices() -> st.SearchStrategy[Decimal]:
    """Prices of up to 5 units: odd ones of six decimals, and such as people set, which meet at round amounts."""
    usual = st.sampled_from(("0.39", "0.5", "6", "0.05", "0.125", "0")).map(Decimal)
    return usual | st.integers(0, 5_000_000).map(lambda micro: Decimal(micro).scaleb(-6))


def clocks() -> st.SearchStrategy[time]:
    return st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


KINDS = (
    *("time", "dates", "days", "holiday", "kwh", "power", "current", "duration", "charging_time", "idle_time"),
    *("time", "kwh", "power", "current", "idle_time", "idle_time"),
)
LIMITS: dict[str, st.SearchStrategy[Any]] = {
    "kwh": st.sampled_from(KWH) | st.integers(1, 60_000_000).map(lambda milliwh: Decimal(milliwh).scaleb(-6)),
    "power": st.sampled_from(KILOWATTS),
    "current": st.sampled_from(AMPERES),
    "duration": st.sampled_from(SECONDS) | st.integers(0, 40_000),
    "charging_time": st.sampled_from(SECONDS) | st.integers(0, 20_000),
    "idle_time": st.sampled_from(SECONDS) | st.integers(0, 10_000),
}


@st.composite
def conditions(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """One kind of restriction: a span of the wall clock or the calendar, or one or both ends of a measure."""
    if kind == "days":
        return {"day_of_week": tuple(day for day in WEEK if day in draw(st.sets(st.sampled_from(WEEK), max_size=5)))}
    if kind == "holiday":
        return {"holiday": draw(st.booleans())}
    if kind == "time":
        found: dict[str, Any] = {"start_time": draw(clocks()), "end_time": draw(clocks())}
    elif kind == "dates":
        first = draw(st.dates(date(2026, 3, 1), date(2026, 11, 1)))
        found = {"start_date": first, "end_date": first + timedelta(days=draw(st.integers(1, 200)))}
    else:
        low, high = sorted([draw(LIMITS[kind]), draw(LIMITS[kind])])
        found = {f"min_{kind}": low, f"max_{kind}": high}
    left_out = draw(st.sampled_from((None, *found)))
    return {name: value for name, value in found.items() if name != left_out}


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    """At most two kinds of restriction, so that they are often met."""
    found: dict[str, Any] = {}
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 1, 2)))):
        found |= draw(conditions(draw(st.sampled_from(KINDS))))
    return Restrictions(**found)


@st.composite
def elements(draw: st.DrawFn) -> TariffElement:
    """An element of the session, or one time in five of a reservation, which has no energy and no idling."""
    reserves = draw(st.sampled_from((False, False, False, False, True)))
    dimensions = (Dimension.FLAT, Dimension.TIME) if reserves else tuple(Dimension)
    held = draw(restrictions())
    chosen = {dimension for dimension in dimensions if draw(st.booleans())} or {Dimension.FLAT}
    # What is metered should have a price where its threshold holds.
    if not reserves and held != Restrictions():
        chosen.add(Dimension.ENERGY if held.min_idle_time is None else Dimension.PARKING_TIME)
    return TariffElement(
        price_components=tuple(
            PriceComponent(
                dimension=dimension,
                price=draw(prices()),
                tax_category=draw(st.sampled_from(TaxCategory)),
                step_size=draw(st.sampled_from(STEPS)),
            )
            for dimension in draw(st.permutations(sorted(chosen)))
        ),
        restrictions=replace(held, reservation=draw(st.sampled_from(ReservationRestriction))) if reserves else held,
    )


@st.composite
def bounds(draw: st.DrawFn) -> tuple[PriceLimit | None, PriceLimit | None]:
    """A minimum and a maximum price in whole units, far enough apart that no tax rate makes them meet."""
    least = draw(st.integers(0, 30))
    most = draw(st.integers(least + least // 4 + 1, 60))
    limits: list[PriceLimit | None] = []
    for net in (least, most):
        gross = Decimal(net) + draw(st.integers(0, 20)) * Decimal(net) // 100
        sides = draw(st.sampled_from((None, None, None, None, ("excl_vat",), ("incl_vat",), ("excl_vat", "incl_vat"))))
        both = {"excl_vat": Decimal(net), "incl_vat": gross}
        limits.append(None if sides is None else PriceLimit(**{side: both[side] for side in sides}))
    return limits[0], limits[1]


@st.composite
def idle_rules(draw: st.DrawFn) -> IdleRules:
    quiet = draw(st.none() | st.tuples(clocks(), clocks()))
    return IdleRules(
        max_amount=draw(st.none() | st.integers(0, 2_000).map(lambda cents: Decimal(cents).scaleb(-2))),
        quiet_start=None if quiet is None else quiet[0],
        quiet_end=None if quiet is None else quiet[1],
    )


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    least, most = draw(bounds())
    later = draw(st.sampled_from((0, 1, 2)))
    holidays = {day.date() + timedelta(days=later) for day in DAYS[draw(st.integers(0, len(DAYS))) :]}
    return TariffTerms(
        currency=draw(st.sampled_from(("EUR", "EUR", "JPY", "KWD"))),
        tax_included=draw(st.booleans()),
        elements=tuple(draw(elements()) for _ in range(draw(st.sampled_from((3, 2, 1, 4, 5))))),
        min_price=least,
        max_price=most,
        idle=draw(idle_rules()),
        holidays=tuple(sorted(holidays)),
        zero_energy=draw(st.sampled_from(ZeroEnergyPolicy)),
    )


@st.composite
def samples(draw: st.DrawFn, start_ms: int, end_ms: int, values: Sequence[int | None]) -> tuple[Measured, ...]:
    """Samples of power or current at any millisecond, the first at the start as often as not, some of them unknown."""
    found = {start_ms: draw(st.sampled_from(values))} if draw(st.booleans()) else {}
    for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
        found[draw(st.integers(start_ms - 60_000, end_ms + 60_000))] = draw(st.sampled_from(values))
    inferred = draw(st.booleans())
    return tuple(Measured(at_ms=at_ms, value=value, inferred=inferred) for at_ms, value in found.items())


@st.composite
def registers(draw: st.DrawFn, start_s: int) -> tuple[Reading, ...]:
    """Up to seven readings at whole seconds, each interval of an even power.

    Even power (whole milliwatt-hours a second) lets a law cut an interval without rounding.
    """
    energy = draw(st.sampled_from((0, 123_456_789)))
    readings = [Reading(at_ms=start_s * 1000, energy_milliwh=energy)]
    for _ in range(draw(st.sampled_from((2, 3, 1, 4, 2, 6, 3, 0)))):
        span = draw(st.sampled_from((3_600, 900, 10_000, 1)) | st.integers(1, 20_000))
        start_s += span
        energy += span * draw(st.sampled_from((3_000, 1_000, 6_000, 0)) | st.integers(0, 6_000))
        readings.append(Reading(at_ms=start_s * 1000, energy_milliwh=energy))
    return tuple(readings)


@st.composite
def timelines(draw: st.DrawFn, start_ms: int, end_ms: int) -> tuple[StateChange, ...]:
    """Messages at any millisecond; half the time charging from the start, and idling from some moment on."""
    moments = st.integers(start_ms - 60_000, end_ms + 60_000)
    usual = draw(st.booleans())
    found = {}
    if usual:
        found = {start_ms: VehicleState.CHARGING, draw(moments): VehicleState.IDLE}
    for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
        found[draw(moments)] = draw(st.sampled_from(VehicleState))
    return tuple(StateChange(at_ms=at_ms, state=state) for at_ms, state in found.items())


@st.composite
def reservations(draw: st.DrawFn, until_ms: int) -> Reservation:
    length_ms = draw(st.sampled_from((0, 1, 900_000, 3_600_000)) | st.integers(0, 10_000_000))
    return Reservation(start_ms=until_ms - length_ms, end_ms=until_ms, expired=draw(st.booleans()))


@st.composite
def sessions(draw: st.DrawFn) -> SessionFacts:
    """A session up to two days long, with a reservation before it one time in four.

    Now and then it starts or ends a little beside its first or last reading.
    """
    start_s = int(draw(st.sampled_from(DAYS)).timestamp()) + draw(st.integers(0, 86_400))
    start_ms = start_s * 1000 + draw(st.sampled_from((0, 0, 0, 0, -1_500, 90_001)))
    zone = draw(st.sampled_from(ZONES))
    reservation = draw(st.none() | st.none() | st.none() | reservations(start_ms))
    if reservation is not None and reservation.expired:
        return SessionFacts(
            started_at_ms=start_ms, ended_at_ms=start_ms, time_zone=zone, register=(), reservation=reservation
        )
    readings = draw(registers(start_s))
    end_s = readings[-1].at_ms // 1000 + draw(st.sampled_from((0, 600, 7_200, 40_000)))
    end_ms = max(end_s * 1000 + draw(st.sampled_from((0, 0, 0, -60_500))), start_ms)
    return SessionFacts(
        started_at_ms=start_ms,
        ended_at_ms=end_ms,
        time_zone=zone,
        register=() if draw(st.sampled_from((False,) * 14 + (True,))) else readings,
        states=draw(timelines(start_ms, end_ms)),
        powers=draw(samples(start_ms, end_ms, (None, 0, 3_700_000, 7_000_001, 11_000_000, 22_000_000, 49_999_999))),
        currents=draw(samples(start_ms, end_ms, (None, 0, 6_000, 15_999, 16_000, 32_000))),
        reservation=reservation,
    )


def grants() -> st.SearchStrategy[GrantTerms]:
    """Whole units, which are rounded in every currency."""
    whole = st.none() | st.integers(0, 30).map(Decimal)
    discounts = st.none() | st.none() | st.sampled_from(DISCOUNTS)
    return st.builds(GrantTerms, discount_percent=discounts, limit_amount=whole, waive_below=whole)
