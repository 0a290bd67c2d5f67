"""Hypothesis strategies: tariffs and sessions of the breadth the engine supports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

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
    return st.integers(0, 5_000_000).map(lambda micro: Decimal(micro).scaleb(-6)) | st.integers(0, 100).map(
        lambda twentieths: Decimal(twentieths * 5).scaleb(-2)
    )


def clocks() -> st.SearchStrategy[time]:
    return st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


@st.composite
def static_restrictions(draw: st.DrawFn) -> Restrictions:
    """Restrictions of the calendar and the wall clock only."""
    start = draw(st.none() | st.dates(date(2026, 3, 1), date(2026, 11, 1)))
    end = None if start is None else start + timedelta(days=draw(st.integers(1, 200)))
    return Restrictions(
        start_time=draw(st.none() | clocks()),
        end_time=draw(st.none() | clocks()),
        start_date=start,
        end_date=draw(st.sampled_from((None, end))),
        day_of_week=tuple(day for day in WEEK if day in draw(st.sets(st.sampled_from(WEEK), max_size=5))),
        holiday=draw(st.sampled_from((None, None, None, True, False))),
    )


@st.composite
def thresholds(draw: st.DrawFn) -> dict[str, Decimal | int]:
    """One or two pairs of a minimum and a maximum, often met, sometimes never."""
    scales: dict[str, st.SearchStrategy[Decimal] | st.SearchStrategy[int]] = {
        "kwh": st.sampled_from(KWH) | st.integers(1, 60_000_000).map(lambda milliwh: Decimal(milliwh).scaleb(-6)),
        "power": st.sampled_from(KILOWATTS),
        "current": st.sampled_from(AMPERES),
        "duration": st.sampled_from(SECONDS) | st.integers(0, 40_000),
        "charging_time": st.sampled_from(SECONDS) | st.integers(0, 20_000),
        "idle_time": st.sampled_from(SECONDS) | st.integers(0, 20_000),
    }
    found: dict[str, Decimal | int] = {}
    for name in draw(st.lists(st.sampled_from(sorted(scales)), min_size=1, max_size=2, unique=True)):
        low, high = sorted((draw(scales[name]), draw(scales[name])))
        which = draw(st.sampled_from(("min", "max", "both")))
        found |= {f"min_{name}": low} if which != "max" else {}
        found |= {f"max_{name}": high} if which != "min" else {}
    return found


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    """Any restrictions: of the calendar, by thresholds, or both."""
    kind = draw(st.sampled_from(("none", "static", "thresholds", "thresholds", "both")))
    static = draw(static_restrictions()) if kind in ("static", "both") else Restrictions()
    limits = draw(thresholds()) if kind in ("thresholds", "both") else {}
    return replace(static, **limits)  # type: ignore[arg-type]  # names and types belong together by construction


@st.composite
def elements(draw: st.DrawFn) -> TariffElement:
    """An element of the session, or one time in five of a reservation, which has no energy and no idling."""
    reserves = draw(st.integers(0, 4)) == 4
    dimensions = (Dimension.FLAT, Dimension.TIME) if reserves else tuple(Dimension)
    held = draw(restrictions())
    return TariffElement(
        price_components=tuple(
            PriceComponent(
                dimension=dimension,
                price=draw(prices()),
                tax_category=draw(st.sampled_from(TaxCategory)),
                step_size=draw(st.sampled_from(STEPS)),
            )
            for dimension in draw(st.lists(st.sampled_from(dimensions), min_size=1, max_size=4, unique=True))
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
        sides = draw(st.sampled_from((None, None, ("excl_vat",), ("incl_vat",), ("excl_vat", "incl_vat"))))
        both = {"excl_vat": Decimal(net), "incl_vat": gross}
        limits.append(None if sides is None else PriceLimit(**{side: both[side] for side in sides}))
    return limits[0], limits[1]


@st.composite
def idle_rules(draw: st.DrawFn) -> IdleRules:
    quiet = draw(st.none() | st.tuples(clocks(), clocks()))
    return IdleRules(
        max_amount=draw(st.none() | st.none() | st.integers(0, 2_000).map(lambda cents: Decimal(cents).scaleb(-2))),
        quiet_start=None if quiet is None else quiet[0],
        quiet_end=None if quiet is None else quiet[1],
    )


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    least, most = draw(bounds())
    holidays = draw(st.sets(st.sampled_from(DAYS).map(lambda day: day.date() + timedelta(days=1)), max_size=3))
    return TariffTerms(
        currency=draw(st.sampled_from(("EUR", "EUR", "JPY", "KWD"))),
        tax_included=draw(st.booleans()),
        elements=tuple(draw(st.lists(elements(), min_size=1, max_size=5))),
        min_price=least,
        max_price=most,
        idle=draw(st.just(IdleRules()) | idle_rules()),
        holidays=tuple(sorted(holidays)),
        zero_energy=draw(st.sampled_from(ZeroEnergyPolicy)),
    )


def samples(start_s: int, end_s: int, values: Sequence[int]) -> st.SearchStrategy[tuple[Measured, ...]]:
    """Samples of power or current, at any millisecond, some of them unknown."""
    sample = st.builds(
        Measured,
        at_ms=st.integers((start_s - 60) * 1000, (end_s + 60) * 1000),
        value=st.none() | st.sampled_from(values) | st.integers(0, values[-1]),
        inferred=st.booleans(),
    )
    return st.lists(sample, max_size=4, unique_by=lambda known: known.at_ms).map(tuple)


@st.composite
def registers(draw: st.DrawFn, start_s: int) -> tuple[Reading, ...]:
    """Up to nine readings at whole seconds, each interval of an even power.

    Even power (whole milliwatt-hours a second) lets a law cut an interval without rounding.
    """
    energy = draw(st.integers(0, 10**9))
    readings = [Reading(at_ms=start_s * 1000, energy_milliwh=energy)]
    for span in draw(st.lists(st.integers(1, 20_000), max_size=8)):
        start_s += span
        energy += span * draw(st.sampled_from((0, 1_000, 3_000)) | st.integers(0, 6_000))
        readings.append(Reading(at_ms=start_s * 1000, energy_milliwh=energy))
    return tuple(readings)


@st.composite
def reservations(draw: st.DrawFn, until_ms: int) -> Reservation:
    length_ms = draw(st.sampled_from((0, 1, 900_000, 3_600_000)) | st.integers(0, 10_000_000))
    return Reservation(start_ms=until_ms - length_ms, end_ms=until_ms, expired=draw(st.booleans()))


@st.composite
def sessions(draw: st.DrawFn) -> SessionFacts:
    """A session up to two days long, with a reservation before it one time in five.

    Now and then it starts or ends a little beside its first or last reading.
    """
    start_s = int(draw(st.sampled_from(DAYS)).timestamp()) + draw(st.integers(0, 86_400))
    start_ms = start_s * 1000 + draw(st.sampled_from((0, 0, 0, 0, -1_500, 90_001)))
    zone = draw(st.sampled_from(ZONES))
    reservation = draw(reservations(start_ms)) if draw(st.integers(0, 4)) == 4 else None
    if reservation is not None and reservation.expired:
        return SessionFacts(
            started_at_ms=start_ms, ended_at_ms=start_ms, time_zone=zone, register=(), reservation=reservation
        )
    readings = draw(registers(start_s))
    end_s = readings[-1].at_ms // 1000 + draw(st.sampled_from((0, 0, 600, 40_000)))
    end_ms = max(end_s * 1000 + draw(st.sampled_from((0, 0, 0, -60_500))), start_ms)
    states = st.builds(
        StateChange,
        at_ms=st.integers((start_s - 60) * 1000, (end_s + 60) * 1000),
        state=st.sampled_from(VehicleState),
    )
    return SessionFacts(
        started_at_ms=start_ms,
        ended_at_ms=end_ms,
        time_zone=zone,
        register=readings if draw(st.integers(0, 9)) else (),
        states=tuple(draw(st.lists(states, max_size=4, unique_by=lambda change: change.at_ms))),
        powers=draw(samples(start_s, end_s, (0, 3_700_000, 11_000_000, 22_000_000))),
        currents=draw(samples(start_s, end_s, (0, 6_000, 16_000, 32_000))),
        reservation=reservation,
    )


def grants() -> st.SearchStrategy[GrantTerms]:
    """Whole units, which are rounded in every currency."""
    whole = st.none() | st.integers(0, 30).map(Decimal)
    discounts = st.none() | st.none() | st.sampled_from(DISCOUNTS)
    return st.builds(GrantTerms, discount_percent=discounts, limit_amount=whole, waive_below=whole)
