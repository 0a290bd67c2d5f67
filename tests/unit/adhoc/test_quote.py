"""What a driver is told before paying."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from apps.adhoc.domain.quote import NetPrices, PricePart, Quote, make_quote
from apps.tariffs.domain.terms import (
    DayOfWeek,
    Dimension,
    IdleRules,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)

BERLIN = "Europe/Berlin"
MORNING = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
NIGHT = Restrictions(start_time=time(22), end_time=time(6))


def element(restrictions: Restrictions | None = None, **prices: str) -> TariffElement:
    components = tuple(
        PriceComponent(dimension=Dimension(name.upper()), price=Decimal(price)) for name, price in prices.items()
    )
    return TariffElement(price_components=components, restrictions=restrictions or Restrictions())


def quote(*elements: TariffElement, **given: Any) -> Quote:
    rules = {name: given.pop(name) for name in ("idle", "min_price", "max_price") if name in given}
    terms = TariffTerms(
        currency=given.pop("currency", "EUR"), tax_included=given.pop("tax_included", True), elements=elements, **rules
    )
    values = {
        "max_power_w": 22_000,
        "time_zone": BERLIN,
        "at": MORNING,
        "hold_min": Decimal("0.50"),
        "hold_max": Decimal("60.00"),
    }
    return make_quote(terms=terms, **{**values, **given})


def words(parts: tuple[PricePart, ...], *, language: Any = "en", currency: str = "EUR") -> list[str]:
    return [part.words(currency=currency, language=language) for part in parts]


class TestThePrice:
    def test_is_told_per_kwh_first_then_by_time_then_once(self):
        told = quote(element(flat="0.35", time="3.00", energy="0.49"))

        assert words(told.parts) == ["0.49 €/kWh", "0.05 €/min", "0.35 € per session"]
        assert words(told.parts, language="de") == ["0,49 €/kWh", "0,05 €/min", "0,35 € je Ladevorgang"]

    def test_leaves_out_what_costs_nothing(self):
        assert words(quote(element(energy="0.49", flat="0")).parts) == ["0.49 €/kWh"]

    def test_is_that_of_the_site_s_wall_clock(self):
        """21:00 UTC is 23:00 in Berlin and 22:00 in London, in June."""
        at = datetime(2026, 6, 1, 21, 0, tzinfo=UTC)
        late = element(Restrictions(start_time=time(23), end_time=time(6)), energy="0.29")

        assert words(quote(late, element(energy="0.45"), at=at).parts) == ["0.29 €/kWh"]
        assert words(quote(late, element(energy="0.45"), at=at, time_zone="Europe/London").parts) == ["0.45 €/kWh"]

    def test_before_vat_is_no_price_for_a_driver(self):
        with pytest.raises(NetPrices):
            quote(element(energy="0.49"), tax_included=False)


class TestTheOrder:
    def test_at_a_fast_charger_puts_the_occupancy_fee_behind_the_energy(self):
        told = quote(element(flat="0.35", time="3.00", parking_time="6.00", energy="0.49"), max_power_w=50_000)

        assert words(told.parts) == ["0.49 €/kWh", "0.10 €/min while idle", "0.05 €/min", "0.35 € per session"]


class TestTheNextChange:
    def test_is_told_with_its_prices(self):
        told = quote(element(NIGHT, energy="0.29"), element(energy="0.45"))

        assert told.next_change is not None
        assert told.next_change.at == datetime(2026, 6, 1, 20, 0, tzinfo=UTC)
        assert words(told.next_change.parts) == ["0.29 €/kWh"]

    def test_leaves_out_what_stays_the_same(self):
        told = quote(element(NIGHT, energy="0.29"), element(energy="0.45"), element(flat="0.35"))

        assert words(told.parts) == ["0.45 €/kWh", "0.35 € per session"]
        assert told.next_change is not None
        assert words(told.next_change.parts) == ["0.29 €/kWh"]

    def test_tells_all_that_remains_where_a_price_only_falls_away(self):
        evening = Restrictions(start_time=time(6), end_time=time(22))

        told = quote(element(energy="0.45"), element(evening, time="1.20"))

        assert told.next_change is not None
        assert words(told.next_change.parts) == ["0.45 €/kWh"]

    def test_is_the_morning_s_while_the_night_price_holds(self):
        told = quote(element(NIGHT, energy="0.29"), element(energy="0.45"), at=datetime(2026, 6, 1, 22, 30, tzinfo=UTC))

        assert words(told.parts) == ["0.29 €/kWh"]
        assert told.next_change is not None
        assert told.next_change.at == datetime(2026, 6, 2, 4, 0, tzinfo=UTC)

    def test_is_none_where_another_element_says_the_same_price(self):
        weekend = Restrictions(day_of_week=(DayOfWeek.SATURDAY, DayOfWeek.SUNDAY))
        friday = datetime(2026, 6, 5, 18, 0, tzinfo=UTC)

        told = quote(element(weekend, energy="0.49"), element(energy="0.49"), at=friday)

        assert told.next_change is None

    def test_at_the_very_instant_of_a_boundary_is_already_the_new_price(self):
        told = quote(element(NIGHT, energy="0.29"), element(energy="0.45"), at=datetime(2026, 6, 1, 20, 0, tzinfo=UTC))

        assert words(told.parts) == ["0.29 €/kWh"]

    def test_keeps_to_the_wall_clock_in_the_night_the_clocks_go_back(self):
        """The night of 25 October 2026 in Berlin lasts 9 h: 20:00 UTC to 05:00 UTC."""
        told = quote(
            element(NIGHT, energy="0.29"), element(energy="0.45"), at=datetime(2026, 10, 24, 21, 0, tzinfo=UTC)
        )

        assert told.next_change is not None
        assert told.next_change.at == datetime(2026, 10, 25, 5, 0, tzinfo=UTC)


class TestTheHold:
    def test_pays_for_eight_hours_at_full_power_in_whole_units(self):
        """3.7 kW × 8 h × 0.49 = 14.504, + 0.35 once = 14.854."""
        assert quote(element(energy="0.49", flat="0.35"), max_power_w=3_700).hold_amount == Decimal(15)

    def test_counts_the_dearest_price_of_those_hours(self):
        """Begun at 20:00 local the night price of 0.79 comes within the 8 h: 3.7 × 8 × 0.79 = 23.384."""
        told = quote(
            element(NIGHT, energy="0.79"),
            element(energy="0.45"),
            max_power_w=3_700,
            at=datetime(2026, 6, 1, 18, 0, tzinfo=UTC),
        )

        assert told.hold_amount == Decimal(24)

    def test_counts_time(self):
        """8 h × 1.20 = 9.60."""
        assert quote(element(time="1.20")).hold_amount == Decimal(10)

    def test_counts_idling_instead_of_charging_where_that_is_dearer_but_no_more_than_its_cap(self):
        """8 h × 1.20 = 9.60 of charging, 8 h × 6 = 48 of idling, at most 12."""
        idle = element(Restrictions(min_idle_time=1_800), parking_time="6")

        uncapped = quote(idle, element(time="1.20"))
        capped = quote(idle, element(time="1.20"), idle=IdleRules(max_amount=Decimal(12)))

        assert uncapped.hold_amount == Decimal(48)
        assert capped.hold_amount == Decimal(12)

    def test_counts_the_dearest_price_that_the_charge_can_come_to(self):
        """3.7 × 8 × 0.59 = 17.464; behind an element without amounts nothing prices."""
        told = quote(
            element(Restrictions(max_kwh=Decimal(10)), energy="0.39"),
            element(energy="0.59"),
            element(energy="0.99"),
            max_power_w=3_700,
        )

        assert words(told.parts) == ["0.39 €/kWh"]
        assert told.hold_amount == Decimal(18)

    def test_keeps_within_what_the_tariff_asks_at_least_and_at_most(self):
        """3.7 × 8 × 0.49 = 14.504."""
        energy = element(energy="0.49")

        capped = quote(energy, max_power_w=3_700, max_price=PriceLimit(incl_vat=Decimal("9.90")))
        floored = quote(energy, max_power_w=3_700, min_price=PriceLimit(incl_vat=Decimal("20.00")))

        assert capped.hold_amount == Decimal(10)
        assert floored.hold_amount == Decimal(20)

    def test_does_not_count_a_reservation_which_nobody_without_a_contract_can_have(self):
        reserved = element(Restrictions(reservation=ReservationRestriction.RESERVATION), flat="25")

        assert quote(element(time="1.20"), reserved).hold_amount == Decimal(10)
        assert quote(element(energy="0"), reserved).can_only_be_zero

    def test_is_never_more_than_its_bound(self):
        assert quote(element(energy="0.59"), max_power_w=150_000).hold_amount == Decimal("60.00")

    def test_is_never_less_than_a_card_can_be_asked_for(self):
        told = quote(element(energy="1"), max_power_w=3_700, currency="JPY", hold_min=Decimal(50))

        assert told.hold_amount == Decimal(50)

    def test_of_a_free_tariff_is_nothing(self):
        told = quote(element(energy="0.00", flat="0"))

        assert told.can_only_be_zero
        assert told.hold_amount == 0
        assert told.parts == ()

    def test_of_a_price_that_comes_later_is_the_least_amount(self):
        """Free now and for the next 8 h, but not for ever: a long charge would cost something."""
        told = quote(
            element(Restrictions(start_time=time(8), end_time=time(22)), energy="0.00"), element(energy="0.45")
        )

        assert told.parts == ()
        assert not told.can_only_be_zero
        assert told.hold_amount == Decimal("0.50")
