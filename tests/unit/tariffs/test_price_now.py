"""Which prices a session has at its beginning, and when they change."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from apps.tariffs.domain.matching import SoFar
from apps.tariffs.domain.price_now import price_now
from apps.tariffs.domain.terms import (
    Dimension,
    IdleRules,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
NIGHT = Restrictions(start_time=time(22), end_time=time(6))


def element(restrictions: Restrictions | None = None, **prices: str) -> TariffElement:
    components = tuple(
        PriceComponent(dimension=Dimension(name.upper()), price=Decimal(price)) for name, price in prices.items()
    )
    return TariffElement(price_components=components, restrictions=restrictions or Restrictions())


def terms(*elements: TariffElement, **given: Any) -> TariffTerms:
    return TariffTerms(**{"currency": "EUR", "tax_included": True, "elements": elements, **given})


def told(tariff: TariffTerms, *, at: datetime = NOON, **given: Any) -> list[tuple[str, str]]:
    now = price_now(tariff, at=at, time_zone=BERLIN, **given)
    return [(part.dimension.value, str(part.price)) for part in now.parts]


class TestPriceNow:
    def test_is_that_of_a_session_without_energy_time_or_idling_yet(self):
        tariff = terms(
            element(Restrictions(max_kwh=Decimal(10)), energy="0.39"),
            element(energy="0.49"),
            element(Restrictions(min_idle_time=1_800), parking_time="6"),
            element(Restrictions(min_duration=3_600), time="3"),
        )

        assert told(tariff) == [("ENERGY", "0.39")]
        assert told(tariff, so_far=SoFar(energy_kwh=Decimal(10), duration_s=3_600, idle_s=1_800)) == [
            ("ENERGY", "0.49"),
            ("TIME", "3"),
            ("PARKING_TIME", "6"),
        ]

    def test_knows_no_power_yet(self):
        tariff = terms(element(Restrictions(min_power=Decimal(0)), energy="0.39"), element(energy="0.49"))

        assert told(tariff) == [("ENERGY", "0.49")]
        assert told(tariff, so_far=SoFar(power_kw=Decimal(11))) == [("ENERGY", "0.39")]

    def test_is_no_reservation_s(self):
        reserved = Restrictions(reservation=ReservationRestriction.RESERVATION)

        assert told(terms(element(reserved, flat="5"), element(flat="0.35"))) == [("FLAT", "0.35")]

    @pytest.mark.parametrize(
        ("max_power_w", "order"),
        [
            (22_000, ["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
            (50_000, ["ENERGY", "PARKING_TIME", "TIME", "FLAT"]),
        ],
    )
    def test_stands_in_the_order_that_afir_wants(self, max_power_w, order):
        tariff = terms(element(flat="1", parking_time="6", time="3", energy="0.49"))

        assert [dimension for dimension, _ in told(tariff, max_power_w=max_power_w)] == order

    def test_has_no_idle_price_in_quiet_hours(self):
        tariff = terms(
            element(energy="0.49", parking_time="6"), idle=IdleRules(quiet_start=time(22), quiet_end=time(7))
        )
        midnight = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)

        now = price_now(tariff, at=midnight, time_zone=BERLIN)

        assert [part.dimension for part in now.parts] == [Dimension.ENERGY]
        assert now.next_change is not None
        assert now.next_change.at == datetime(2026, 6, 2, 5, 0, tzinfo=UTC)
        assert [part.dimension for part in now.next_change.parts] == [Dimension.PARKING_TIME]

    def test_on_a_holiday_is_the_holiday_s(self):
        tariff = terms(
            element(Restrictions(holiday=True), energy="0.29"),
            element(energy="0.49"),
            holidays=(NOON.date(),),
        )

        now = price_now(tariff, at=NOON, time_zone=BERLIN)

        assert [str(part.price) for part in now.parts] == ["0.29"]
        assert now.next_change is not None
        assert now.next_change.at == datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
        assert [str(part.price) for part in now.next_change.parts] == ["0.49"]

    def test_changes_at_the_transition_where_the_boundary_is_skipped(self):
        """On 29 March 2026 Berlin's clock goes from 02:00 to 03:00, at 01:00 UTC."""
        tariff = terms(element(Restrictions(start_time=time(2, 30), end_time=time(6)), energy="0.29"))

        now = price_now(tariff, at=datetime(2026, 3, 29, 0, 30, tzinfo=UTC), time_zone=BERLIN)

        assert now.parts == ()
        assert now.next_change is not None
        assert now.next_change.at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
