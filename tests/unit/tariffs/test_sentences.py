"""What a driver reads."""

from datetime import date, time
from decimal import Decimal

import pytest

from apps.tariffs.domain.sentences import describe_element, describe_restrictions
from apps.tariffs.domain.terms import (
    WEEK,
    DayOfWeek,
    Dimension,
    PriceComponent,
    Restrictions,
    TariffElement,
)

WORKDAYS = Restrictions(day_of_week=WEEK[:5], start_time=time(6), end_time=time(22))


def component(dimension: Dimension, price: str) -> PriceComponent:
    return PriceComponent(dimension=dimension, price=Decimal(price))


class TestDescribeElement:
    @pytest.mark.parametrize(
        ("language", "tax_included", "sentence"),
        [
            ("en", True, "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min, gross"),
            ("en", False, "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min, net"),
            ("en", None, "Mo–Fr 06:00–22:00: 0.49 €/kWh + 0.05 €/min"),
            ("de", True, "Mo–Fr 06:00–22:00: 0,49 €/kWh + 0,05 €/min, brutto"),
        ],
    )
    def test_says_when_and_how_much(self, language, tax_included, sentence):
        element = TariffElement(
            price_components=(component(Dimension.ENERGY, "0.49"), component(Dimension.TIME, "3.00")),
            restrictions=WORKDAYS,
        )

        told = describe_element(element, currency="EUR", language=language, tax_included=tax_included)

        assert told == sentence

    @pytest.mark.parametrize(
        ("dimension", "price", "currency", "told"),
        [
            (Dimension.ENERGY, "0.490000", "EUR", "0.49 €/kWh"),
            (Dimension.ENERGY, "0.4955", "EUR", "0.4955 €/kWh"),
            (Dimension.ENERGY, "0", "EUR", "0.00 €/kWh"),
            (Dimension.ENERGY, "30", "JPY", "30 ¥/kWh"),
            (Dimension.ENERGY, "0.025", "KWD", "0.025 KWD/kWh"),
            (Dimension.TIME, "1.90", "EUR", "1.90 €/h"),
            (Dimension.TIME, "100", "EUR", "100.00 €/h"),
            (Dimension.TIME, "120", "JPY", "2 ¥/min"),
            (Dimension.FLAT, "0.5", "CHF", "0.50 CHF per session"),
        ],
    )
    def test_shows_no_rounded_price(self, dimension, price, currency, told):
        element = TariffElement(price_components=(component(dimension, price),))

        assert describe_element(element, currency=currency) == f"at all times: {told}"

    def test_speaks_german(self):
        element = TariffElement(price_components=(component(Dimension.FLAT, "0.50"),))

        assert describe_element(element, currency="EUR", language="de") == "jederzeit: 0,50 € je Ladevorgang"


class TestDescribeRestrictions:
    @pytest.mark.parametrize(
        ("restrictions", "english", "german"),
        [
            (Restrictions(), "at all times", "jederzeit"),
            (Restrictions(start_time=time(22), end_time=time(6)), "22:00–06:00", "22:00–06:00"),
            (Restrictions(start_time=time(20), end_time=time(0)), "20:00–24:00", "20:00–24:00"),
            (Restrictions(start_time=time(20)), "20:00–24:00", "20:00–24:00"),
            (Restrictions(end_time=time(4)), "00:00–04:00", "00:00–04:00"),
            (Restrictions(day_of_week=WEEK[5:]), "Sa, Su", "Sa, So"),
            (Restrictions(day_of_week=WEEK), "Mo–Su", "Mo–So"),
            (
                Restrictions(
                    day_of_week=(DayOfWeek.MONDAY, DayOfWeek.TUESDAY, DayOfWeek.WEDNESDAY, DayOfWeek.SATURDAY)
                ),
                "Mo–We, Sa",
                "Mo–Mi, Sa",
            ),
            (
                Restrictions(start_date=date(2026, 7, 1), end_date=date(2026, 9, 1)),
                "2026-07-01–2026-08-31",
                "01.07.2026–31.08.2026",
            ),
            (
                Restrictions(start_date=date(2028, 2, 29), end_date=date(2028, 3, 1)),
                "2028-02-29",
                "29.02.2028",
            ),
            (Restrictions(start_date=date(2026, 7, 1)), "from 2026-07-01", "ab 01.07.2026"),
            (Restrictions(end_date=date(2026, 9, 1)), "until 2026-08-31", "bis 31.08.2026"),
        ],
    )
    def test_names_the_last_day_and_the_end_of_the_day(self, restrictions, english, german):
        assert describe_restrictions(restrictions) == english
        assert describe_restrictions(restrictions, language="de") == german
