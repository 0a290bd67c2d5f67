"""Hypothesis strategies: tariffs and sessions of the breadth the engine supports."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
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


def prices() -> st.SearchStrategy[Decimal]:
    return st.integers(0, 5_000_000).map(lambda micro: Decimal(micro).scaleb(-6))


def clocks() -> st.SearchStrategy[time]:
    return st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    start = draw(st.none() | st.dates(date(2026, 3, 1), date(2026, 11, 1)))
    end = None if start is None else start + timedelta(days=draw(st.integers(1, 200)))
    return Restrictions(
        start_time=draw(st.none() | clocks()),
        end_time=draw(st.none() | clocks()),
        start_date=start,
        end_date=draw(st.sampled_from((None, end))),
        day_of_week=tuple(day for day in WEEK if day in draw(st.sets(st.sampled_from(WEEK), max_size=5))),
    )


@st.composite
def elements(draw: st.DrawFn) -> TariffElement:
    dimensions = draw(st.lists(st.sampled_from(Dimension), min_size=1, max_size=3, unique=True))
    return TariffElement(
        price_components=tuple(
            PriceComponent(dimension=dimension, price=draw(prices()), tax_category=draw(st.sampled_from(TaxCategory)))
            for dimension in dimensions
        ),
        restrictions=draw(st.just(Restrictions()) | restrictions()),
    )


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    return TariffTerms(
        currency=draw(st.sampled_from(("EUR", "JPY", "KWD"))),
        tax_included=draw(st.booleans()),
        elements=tuple(draw(st.lists(elements(), min_size=1, max_size=4))),
    )


@st.composite
def sessions(draw: st.DrawFn) -> SessionFacts:
    """A session up to two days long, instants at whole seconds, each reading interval of an even power.

    Even power (whole milliwatt-hours a second) lets a law cut an interval without rounding.
    """
    day = draw(st.sampled_from(DAYS))
    start_s = int(day.timestamp()) + draw(st.integers(0, 86_400))
    spans = draw(st.lists(st.integers(1, 20_000), max_size=8))
    at_s, energy = start_s, draw(st.integers(0, 10**9))
    readings = [Reading(at_ms=at_s * 1000, energy_milliwh=energy)]
    for span in spans:
        at_s += span
        energy += span * draw(st.integers(0, 6_000))
        readings.append(Reading(at_ms=at_s * 1000, energy_milliwh=energy))
    end_s = at_s + draw(st.sampled_from((0, 0, 600, 40_000)))
    states = draw(
        st.lists(
            st.builds(
                StateChange,
                at_ms=st.integers((start_s - 60) * 1000, (end_s + 60) * 1000),
                state=st.sampled_from(VehicleState),
            ),
            max_size=4,
            unique_by=lambda change: change.at_ms,
        )
    )
    return SessionFacts(
        started_at_ms=start_s * 1000,
        ended_at_ms=end_s * 1000,
        time_zone=draw(st.sampled_from(ZONES)),
        register=tuple(readings) if draw(st.integers(0, 9)) else (),
        states=tuple(states),
    )


def grants() -> st.SearchStrategy[GrantTerms]:
    """Whole units, which are rounded in every currency."""
    whole = st.none() | st.integers(0, 30).map(Decimal)
    return st.builds(GrantTerms, limit_amount=whole, waive_below=whole)
