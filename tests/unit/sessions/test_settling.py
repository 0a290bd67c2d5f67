from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.sessions.domain.settling import (
    asks_for_current,
    asks_for_power,
    consistent_readings,
    is_late,
    is_over,
    prices_idle,
)
from apps.tariffs.domain.facts import Reading
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def over(after: timedelta, **fields: object) -> bool:
    values = {
        "at": NOON + after,
        "ended_at": NOON,
        "end_received_at": NOON,
        "is_available": False,
        "is_idle_open": False,
        "is_said_to_stand": True,
        "settle_after": timedelta(minutes=15),
        "last_seen_at": None,
    }
    return is_over(**{**values, **fields})


class TestIsOver:
    def test_is_when_the_connector_is_available(self):
        assert over(timedelta(0), is_available=True)
        assert over(timedelta(0), is_available=True, is_idle_open=True)

    def test_is_after_60_seconds_when_nothing_else_can_be_priced(self):
        assert not over(timedelta(seconds=59.999))
        assert over(timedelta(seconds=60))

    def test_waits_for_available_while_idling_costs_and_the_station_speaks(self):
        later = timedelta(hours=5)

        assert not over(later, is_idle_open=True, last_seen_at=NOON + later)

    @pytest.mark.parametrize(("seconds", "expected"), [(299, False), (300, True)])
    def test_is_when_the_station_has_been_silent_for_as_long_as_the_tariff_says(self, seconds, expected):
        silent = {"is_idle_open": True, "settle_after": timedelta(minutes=5)}

        assert over(timedelta(seconds=seconds), **silent) is expected
        assert over(timedelta(seconds=seconds), last_seen_at=NOON, **silent) is expected
        assert over(timedelta(seconds=seconds + 60), last_seen_at=NOON + timedelta(seconds=60), **silent) is expected

    def test_does_not_wait_for_a_station_that_never_speaks_of_the_connector(self):
        silent = {"is_idle_open": True, "is_said_to_stand": False, "last_seen_at": NOON + timedelta(minutes=15)}

        assert not over(timedelta(minutes=14), **silent)
        assert over(timedelta(minutes=15), **silent)

    @pytest.mark.parametrize("is_idle_open", [False, True])
    def test_waits_a_minute_for_the_queue_of_a_stop_told_late(self, is_idle_open):
        told_late = {"ended_at": NOON - timedelta(hours=3), "is_available": True, "is_idle_open": is_idle_open}

        assert not over(timedelta(seconds=59), **told_late)
        assert over(timedelta(seconds=60), **told_late)

    def test_does_not_wait_when_the_station_has_come_back_to_the_present(self):
        assert over(timedelta(0), ended_at=NOON - timedelta(hours=3), is_available=True, is_queue_told=True)


class TestIsLate:
    @pytest.mark.parametrize(("minutes", "expected"), [(10, False), (11, True), (-5, False)])
    def test_is_what_was_told_more_than_ten_minutes_after_it_happened(self, minutes, expected):
        assert is_late(told_of=NOON, received_at=NOON + timedelta(minutes=minutes)) is expected


def tariff(dimension: Dimension, price: str = "1.00", **restrictions: object) -> TariffTerms:
    component = PriceComponent(dimension=dimension, price=Decimal(price))
    element = TariffElement(price_components=(component,), restrictions=Restrictions(**restrictions))
    return TariffTerms(currency="EUR", tax_included=False, elements=(element,))


class TestPricesIdle:
    @pytest.mark.parametrize("dimension", [Dimension.ENERGY, Dimension.TIME, Dimension.FLAT])
    def test_does_not_for_what_a_vehicle_costs_that_charges(self, dimension):
        assert prices_idle(tariff(dimension)) is False

    def test_does_for_parking_that_costs_something(self):
        assert prices_idle(tariff(Dimension.PARKING_TIME)) is True
        assert prices_idle(tariff(Dimension.PARKING_TIME, "0")) is False

    def test_does_not_for_a_reservation(self):
        kept = ReservationRestriction.RESERVATION

        assert prices_idle(tariff(Dimension.PARKING_TIME, reservation=kept)) is False


class TestAsksFor:
    @pytest.mark.parametrize("bound", ["min_power", "max_power"])
    def test_power_where_a_price_depends_on_it(self, bound):
        terms = tariff(Dimension.ENERGY, **{bound: Decimal(11)})

        assert (asks_for_power(terms), asks_for_current(terms)) == (True, False)

    @pytest.mark.parametrize("bound", ["min_current", "max_current"])
    def test_current_where_a_price_depends_on_it(self, bound):
        terms = tariff(Dimension.ENERGY, **{bound: Decimal(16)})

        assert (asks_for_power(terms), asks_for_current(terms)) == (False, True)


def register(*energies: int) -> tuple[Reading, ...]:
    return tuple(Reading(at_ms=at_ms, energy_milliwh=energy) for at_ms, energy in enumerate(energies))


class TestConsistentReadings:
    @pytest.mark.parametrize(
        ("energies", "kept"),
        [
            ((), ()),
            ((5,), (5,)),
            ((0, 10), (0, 10)),
            ((0, 4, 3, 10), (0, 3, 10)),
            ((0, 9, 2, 4, 6, 10), (0, 2, 4, 6, 10)),
            ((0, 99, 5, -7, 10), (0, 5, 10)),
            ((0, 5, 5, 5, 10), (0, 5, 5, 5, 10)),
        ],
    )
    def test_leaves_out_the_fewest_that_contradict(self, energies, kept):
        assert tuple(reading.energy_milliwh for reading in consistent_readings(register(*energies))) == kept

    def test_cannot_mend_an_end_below_the_begin(self):
        with pytest.raises(ValueError, match="below its beginning"):
            consistent_readings(register(10, 9))

    @given(st.lists(st.integers(0, 50), max_size=30))
    def test_never_falls_and_keeps_both_anchors(self, inner):
        readings = register(0, *inner, 50)

        kept = consistent_readings(readings)

        assert (kept[0], kept[-1]) == (readings[0], readings[-1])
        assert set(kept) <= set(readings)
        assert all(before.at_ms < after.at_ms for before, after in pairwise(kept))
        assert all(before.energy_milliwh <= after.energy_milliwh for before, after in pairwise(kept))
