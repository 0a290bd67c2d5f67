from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.sessions.domain.settling import consistent_readings, is_late, is_over, prices_idle
from apps.tariffs.domain.facts import Reading
from apps.tariffs.domain.terms import Dimension, PriceComponent, TariffElement, TariffTerms

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def over(after: timedelta, **fields: object) -> bool:
    values = {
        "at": NOON + after,
        "ended_at": NOON,
        "end_received_at": NOON,
        "is_available": False,
        "is_idle_priced": False,
        "last_seen_at": None,
    }
    return is_over(**{**values, **fields})


class TestIsOver:
    def test_is_when_the_connector_is_available(self):
        assert over(timedelta(0), is_available=True)
        assert over(timedelta(0), is_available=True, is_idle_priced=True)

    def test_is_after_60_seconds_when_nothing_else_is_priced(self):
        assert not over(timedelta(seconds=59.999))
        assert over(timedelta(seconds=60))

    def test_waits_for_available_while_idle_is_priced_and_the_station_speaks(self):
        later = timedelta(hours=5)

        assert not over(later, is_idle_priced=True, last_seen_at=NOON + later)

    @pytest.mark.parametrize(("minutes", "expected"), [(14, False), (15, True)])
    def test_is_when_the_station_has_been_silent_for_15_minutes(self, minutes, expected):
        assert over(timedelta(minutes=minutes), is_idle_priced=True) is expected
        assert over(timedelta(minutes=minutes), is_idle_priced=True, last_seen_at=NOON) is expected

    @pytest.mark.parametrize("is_idle_priced", [False, True])
    def test_waits_a_minute_for_the_queue_of_a_stop_told_late(self, is_idle_priced):
        told_late = {"ended_at": NOON - timedelta(hours=3), "is_available": True, "is_idle_priced": is_idle_priced}

        assert not over(timedelta(seconds=59), **told_late)
        assert over(timedelta(seconds=60), **told_late)

    def test_does_not_wait_when_the_station_has_come_back_to_the_present(self):
        assert over(timedelta(0), ended_at=NOON - timedelta(hours=3), is_available=True, is_queue_told=True)


class TestIsLate:
    @pytest.mark.parametrize(("minutes", "expected"), [(10, False), (11, True), (-5, False)])
    def test_is_what_was_told_more_than_ten_minutes_after_it_happened(self, minutes, expected):
        assert is_late(told_of=NOON, received_at=NOON + timedelta(minutes=minutes)) is expected


class TestPricesIdle:
    def test_does_not_for_energy_time_and_flat(self):
        components = tuple(PriceComponent(dimension=d, price=Decimal(1)) for d in ("ENERGY", "TIME", "FLAT"))
        components = tuple(
            PriceComponent(dimension=Dimension(component.dimension), price=component.price) for component in components
        )
        terms = TariffTerms(currency="EUR", tax_included=False, elements=(TariffElement(price_components=components),))

        assert prices_idle(terms) is False

    def test_does_for_any_other_dimension(self):
        parking = SimpleNamespace(dimension="PARKING_TIME")
        terms = SimpleNamespace(elements=(SimpleNamespace(price_components=(parking,)),))

        assert prices_idle(terms) is True


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
