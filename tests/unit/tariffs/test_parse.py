"""What is understood, and that everything else is refused by name."""

from copy import deepcopy
from datetime import date, time
from decimal import Decimal

import pytest

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.parse import TariffError, parse_tariff
from apps.tariffs.domain.terms import DayOfWeek, Dimension, PriceComponent, Restrictions

TARIFF = {
    "currency": "EUR",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.49", "step_size": 1},
                {"type": "FLAT", "price": "1", "step_size": 0, "tax_category": "reduced"},
            ],
            "restrictions": {
                "start_time": "22:00",
                "end_time": "06:00",
                "start_date": "2026-07-01",
                "end_date": "2026-09-01",
                "day_of_week": ["SUNDAY", "MONDAY"],
            },
        },
        {"price_components": [{"type": "TIME", "price": "3.00"}]},
    ],
}

INEXACT = "must be a decimal number as a string, since a binary fraction is not exact"


def problems_of(document: object) -> list[str]:
    with pytest.raises(TariffError) as refused:
        parse_tariff(document)
    return [str(problem) for problem in refused.value.problems]


def changed(**fields: object) -> dict:
    return {**deepcopy(TARIFF), **fields}


def with_restrictions(**restrictions: object) -> dict:
    element = {"price_components": [{"type": "ENERGY", "price": "0.49"}], "restrictions": restrictions}
    return changed(elements=[element])


def with_component(**component: object) -> dict:
    return changed(elements=[{"price_components": [{"type": "ENERGY", "price": "0.49", **component}]}])


class TestParseTariff:
    def test_returns_the_terms(self):
        terms = parse_tariff(TARIFF)

        first, second = terms.elements
        assert (terms.currency, terms.tax_included) == ("EUR", True)
        assert first.price_components == (
            PriceComponent(dimension=Dimension.ENERGY, price=Decimal("0.49")),
            PriceComponent(dimension=Dimension.FLAT, price=Decimal(1), tax_category=TaxCategory.REDUCED, step_size=1),
        )
        assert first.restrictions == Restrictions(
            start_time=time(22),
            end_time=time(6),
            start_date=date(2026, 7, 1),
            end_date=date(2026, 9, 1),
            day_of_week=(DayOfWeek.MONDAY, DayOfWeek.SUNDAY),
        )
        assert second.restrictions == Restrictions()

    @pytest.mark.parametrize("price", ["0.490000", 0, 3, Decimal("0.49"), "1234567890.123456"])
    def test_takes_exact_prices(self, price):
        component = parse_tariff(with_component(price=price)).elements[0].price_components[0]

        assert component.price == Decimal(price)

    @pytest.mark.parametrize(
        ("price", "message"),
        [
            (0.49, INEXACT),
            (None, "required"),
            (True, INEXACT),
            ("-0.10", "negative price -0.10"),
            (-1, "negative price -1"),
            ("0.4900001", "'0.4900001' is no price (at most 10 digits before and 6 after the point)"),
            ("0,49", "'0,49' is no price (at most 10 digits before and 6 after the point)"),
            ("1e3", "'1e3' is no price (at most 10 digits before and 6 after the point)"),
            ("NaN", "'NaN' is no price (at most 10 digits before and 6 after the point)"),
            (Decimal("Infinity"), "'Infinity' is no price (at most 10 digits before and 6 after the point)"),
            ("٣", "'٣' is no price (at most 10 digits before and 6 after the point)"),
        ],
    )
    def test_refuses_other_prices(self, price, message):
        assert problems_of(with_component(price=price)) == [f"elements[0].price_components[0].price: {message}"]

    @pytest.mark.parametrize(
        ("component", "problem"),
        [
            ({"vat": 19}, "vat: not supported yet"),
            ({"step_size": 300}, "step_size: 300 is not supported yet, only 1"),
            ({"step_size": "1"}, "step_size: must be a whole number"),
            ({"type": "PARKING_TIME"}, "type: PARKING_TIME is not supported yet"),
            ({"type": "POWER"}, "type: 'POWER' is no tariff dimension"),
            ({"type": None}, "type: required"),
            (
                {"tax_category": "luxury"},
                "tax_category: 'luxury' is none of standard, reduced, zero, exempt",
            ),
            ({"tax_category": 19}, "tax_category: must be a text"),
            ({"priceRound": {}}, "priceRound: unknown field"),
        ],
    )
    def test_refuses_what_a_component_may_not_say(self, component, problem):
        assert problems_of(with_component(**component)) == [f"elements[0].price_components[0].{problem}"]

    @pytest.mark.parametrize(
        ("restrictions", "problem"),
        [
            ({"min_kwh": 1}, "min_kwh: not supported yet"),
            ({"max_duration": 3600}, "max_duration: not supported yet"),
            ({"reservation": "RESERVATION"}, "reservation: not supported yet"),
            ({"dayOfWeek": ["MONDAY"]}, "dayOfWeek: unknown field"),
            ({"day_of_week": []}, "day_of_week: must not be empty"),
            ({"day_of_week": "MONDAY"}, "day_of_week: must be a list"),
            ({"day_of_week": ["MONDAY", "MON"]}, "day_of_week[1]: 'MON' is no day of the week"),
            ({"day_of_week": [["MONDAY"]]}, "day_of_week[0]: ['MONDAY'] is no day of the week"),
            ({"day_of_week": ["MONDAY", "MONDAY"]}, "day_of_week[1]: MONDAY is listed twice"),
            (
                {"end_time": "24:00"},
                "end_time: '24:00' is no time of day HH:MM; the end of the day is 00:00",
            ),
            ({"start_time": 6}, "start_time: must be a text"),
            ({"start_time": None}, "start_time: required"),
            ({"start_date": "2026-02-29"}, "start_date: '2026-02-29' is no date YYYY-MM-DD"),
            ({"start_date": "20260301"}, "start_date: '20260301' is no date YYYY-MM-DD"),
            (
                {"start_date": "2026-03-01", "end_date": "2026-03-01"},
                "end_date: never holds: 2026-03-01 is not after start_date 2026-03-01 (end excluded)",
            ),
            (
                {"start_date": "2026-03-02", "end_date": "2026-03-07", "day_of_week": ["SATURDAY", "SUNDAY"]},
                "day_of_week: never holds: none of these days from 2026-03-02 to before 2026-03-07",
            ),
        ],
    )
    def test_refuses_restrictions_it_would_not_hold_to(self, restrictions, problem):
        assert problems_of(with_restrictions(**restrictions)) == [f"elements[0].restrictions.{problem}"]

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"currency": "eur"}, "currency: 'eur' is no ISO 4217 currency code"),
            ({"currency": None}, "currency: required"),
            ({"tax_included": True}, "tax_included: must be a text"),
            ({"tax_included": "N/A"}, "tax_included: 'N/A' is neither YES nor NO"),
            ({"elements": []}, "elements: must not be empty"),
            ({"elements": {}}, "elements: must be a list"),
            ({"elements": ["x"]}, "elements[0]: must be an object"),
            ({"min_price": {"excl_vat": 1}}, "min_price: not supported yet"),
            ({"id": "T"}, "id: not supported yet"),
            ({"colour": "green"}, "colour: unknown field"),
        ],
    )
    def test_refuses_what_a_tariff_may_not_say(self, fields, problem):
        assert problem in problems_of(changed(**fields))

    def test_refuses_two_components_of_one_dimension(self):
        twice = [{"type": "ENERGY", "price": "0.1"}, {"type": "ENERGY", "price": "0.2"}]

        assert problems_of(changed(elements=[{"price_components": twice}])) == [
            "elements[0].price_components[1].type: a second ENERGY in one element"
        ]

    def test_finds_all_problems_at_once(self):
        document = changed(currency="XXX", min_price=1)
        document["elements"][0]["price_components"][0]["price"] = 0.49
        document["elements"][1]["restrictions"] = {"min_kwh": 5}

        assert problems_of(document) == [
            "min_price: not supported yet",
            "currency: 'XXX' is no ISO 4217 currency code",
            f"elements[0].price_components[0].price: {INEXACT}",
            "elements[1].restrictions.min_kwh: not supported yet",
        ]

    @pytest.mark.parametrize("document", [None, [], "x", 1])
    def test_refuses_what_is_no_object(self, document):
        assert problems_of(document)[0] == "must be an object"
