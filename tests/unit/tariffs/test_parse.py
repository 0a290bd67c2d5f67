"""What is understood, and that everything else is refused by name."""

from copy import deepcopy
from datetime import date, time
from decimal import Decimal

import pytest

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.parse import TariffError, parse_tariff
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
    ZeroEnergyPolicy,
)

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
TOO_LONG = "is no number of at most 10 digits before and 6 after the point"


def problems_of(document: object) -> list[str]:
    with pytest.raises(TariffError) as refused:
        parse_tariff(document)
    return [str(problem) for problem in refused.value.problems]


def changed(**fields: object) -> dict:
    return {**deepcopy(TARIFF), **fields}


def with_restrictions(**restrictions: object) -> dict:
    element = {"price_components": [{"type": "ENERGY", "price": "0.49"}], "restrictions": restrictions}
    return changed(elements=[element])


def with_idle(**idle: object) -> dict:
    return changed(idle=idle)


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

    def test_returns_the_defaults_for_what_is_not_stated(self):
        document = {
            "currency": "EUR",
            "tax_included": "NO",
            "elements": [{"price_components": [{"type": "TIME", "price": 2}]}],
        }

        assert parse_tariff(document) == TariffTerms(
            currency="EUR",
            tax_included=False,
            elements=(TariffElement(price_components=(PriceComponent(dimension=Dimension.TIME, price=Decimal(2)),)),),
            min_price=None,
            max_price=None,
            idle=IdleRules(),
            holidays=(),
            zero_energy=ZeroEnergyPolicy.FREE,
            settle_after_s=900,
        )

    def test_returns_what_holds_for_the_whole_tariff(self):
        terms = parse_tariff(
            changed(
                min_price={"excl_vat": "1.00", "incl_vat": "1.19"},
                max_price={"incl_vat": 20},
                idle={"max_amount": "12.00", "quiet_start": "22:00", "quiet_end": "07:00"},
                holidays=["2026-12-26", "2026-12-25"],
                zero_energy="flat_only",
                settle_after=60,
            )
        )

        assert terms.min_price == PriceLimit(excl_vat=Decimal(1), incl_vat=Decimal("1.19"))
        assert terms.max_price == PriceLimit(incl_vat=Decimal(20))
        assert terms.idle == IdleRules(max_amount=Decimal(12), quiet_start=time(22), quiet_end=time(7))
        assert terms.holidays == (date(2026, 12, 25), date(2026, 12, 26))
        assert (terms.zero_energy, terms.settle_after_s) == (ZeroEnergyPolicy.FLAT_ONLY, 60)

    def test_returns_every_threshold(self):
        document = with_restrictions(
            holiday=False,
            min_kwh=0,
            max_kwh="10.000001",
            min_current=Decimal("16.5"),
            max_current=32,
            min_power="3.7",
            max_power="50",
            min_duration=0,
            max_duration=3600,
            min_charging_time=60,
            max_charging_time=120,
            min_idle_time=1800,
            max_idle_time=7200,
        )

        assert parse_tariff(document).elements[0].restrictions == Restrictions(
            holiday=False,
            min_kwh=Decimal(0),
            max_kwh=Decimal("10.000001"),
            min_current=Decimal("16.5"),
            max_current=Decimal(32),
            min_power=Decimal("3.7"),
            max_power=Decimal(50),
            min_duration=0,
            max_duration=3600,
            min_charging_time=60,
            max_charging_time=120,
            min_idle_time=1800,
            max_idle_time=7200,
        )

    @pytest.mark.parametrize(("step_size", "read"), [(0, 1), (1, 1), (300, 300)])
    def test_reads_a_step_of_0_as_none(self, step_size, read):
        component = parse_tariff(with_component(step_size=step_size)).elements[0].price_components[0]

        assert component.step_size == read

    @pytest.mark.parametrize("reservation", list(ReservationRestriction))
    def test_prices_reservations_by_time_and_flat(self, reservation):
        components = [{"type": "TIME", "price": "5"}, {"type": "FLAT", "price": "1"}]
        element = {"price_components": components, "restrictions": {"reservation": reservation.value}}

        terms = parse_tariff(changed(elements=[element]))

        assert terms.elements[0].restrictions == Restrictions(reservation=reservation)

    def test_takes_windows_that_wrap_midnight_or_last_all_day(self):
        for start, end in (("22:00", "06:00"), ("20:00", "00:00"), ("08:00", "08:00"), ("00:00", "00:00")):
            restrictions = parse_tariff(with_restrictions(start_time=start, end_time=end)).elements[0].restrictions

            assert restrictions == Restrictions(start_time=time.fromisoformat(start), end_time=time.fromisoformat(end))

    def test_takes_other_names_of_tax_categories_where_they_are_handed_in(self):
        document = with_component(tax_category="vat 20")

        component = parse_tariff(document, tax_categories=("vat 20",)).elements[0].price_components[0]

        assert component.tax_category == "vat 20"

    @pytest.mark.parametrize(
        "price", ["0.490000", "0.39000000000000", 0, 3, Decimal("0.49"), Decimal("1E+3"), "1234567890.123456"]
    )
    def test_takes_exact_prices(self, price):
        component = parse_tariff(with_component(price=price)).elements[0].price_components[0]

        assert component.price == Decimal(price)

    @pytest.mark.parametrize(
        ("price", "message"),
        [
            (0.49, INEXACT),
            (None, "must not be null"),
            (True, INEXACT),
            ("-0.10", "-0.10 is negative"),
            (-1, "-1 is negative"),
            (Decimal("-0.000001"), "-0.000001 is negative"),
            ("0.4900001", f"'0.4900001' {TOO_LONG}"),
            ("0,49", f"'0,49' {TOO_LONG}"),
            ("1e3", f"'1e3' {TOO_LONG}"),
            ("", f"'' {TOO_LONG}"),
            ("NaN", f"'NaN' {TOO_LONG}"),
            (Decimal("NaN"), f"'NaN' {TOO_LONG}"),
            (Decimal("Infinity"), f"'Infinity' {TOO_LONG}"),
            (Decimal("1e999999"), f"'1E+999999' {TOO_LONG}"),
            (Decimal("1e-999999"), f"'1E-999999' {TOO_LONG}"),
            (10**50, f"'a number this long' {TOO_LONG}"),
            (12345678901, f"'12345678901' {TOO_LONG}"),
            ("9" * 100, f"'{'9' * 59}… {TOO_LONG}"),
            ("٣", f"'٣' {TOO_LONG}"),
        ],
    )
    def test_refuses_other_prices(self, price, message):
        assert problems_of(with_component(price=price)) == [f"elements[0].price_components[0].price: {message}"]

    def test_refuses_a_number_too_long_to_write_out(self):
        assert problems_of(with_component(price=10**5000, step_size=10**5000)) == [
            f"elements[0].price_components[0].price: 'a number this long' {TOO_LONG}",
            "elements[0].price_components[0].step_size: must be 0 to 1000000000",
        ]

    @pytest.mark.parametrize(
        ("component", "problem"),
        [
            ({"vat": 19}, "vat: unknown field"),
            ({"step_size": -1}, "step_size: must be 0 to 1000000000"),
            ({"step_size": 10**10}, "step_size: must be 0 to 1000000000"),
            ({"step_size": "1"}, "step_size: must be a whole number"),
            ({"step_size": True}, "step_size: must be a whole number"),
            ({"step_size": Decimal("1.5")}, "step_size: must be a whole number"),
            ({"type": "POWER"}, "type: 'POWER' is none of ENERGY, TIME, PARKING_TIME, FLAT"),
            ({"type": None}, "type: must not be null"),
            ({"tax_category": "luxury"}, "tax_category: 'luxury' is none of standard, reduced, zero, exempt"),
            ({"tax_category": 19}, "tax_category: must be a text"),
            ({"priceRound": {}}, "priceRound: unknown field"),
        ],
    )
    def test_refuses_what_a_component_may_not_say(self, component, problem):
        assert problems_of(with_component(**component)) == [f"elements[0].price_components[0].{problem}"]

    @pytest.mark.parametrize(
        ("restrictions", "problem"),
        [
            ({"dayOfWeek": ["MONDAY"]}, "dayOfWeek: unknown field"),
            ({"day_of_week": []}, "day_of_week: must not be empty"),
            ({"day_of_week": "MONDAY"}, "day_of_week: must be a list"),
            ({"day_of_week": ["MONDAY", "MON"]}, "day_of_week[1]: 'MON' is no day of the week"),
            ({"day_of_week": [["MONDAY"]]}, "day_of_week[0]: ['MONDAY'] is no day of the week"),
            ({"day_of_week": ["MONDAY", "MONDAY"]}, "day_of_week[1]: MONDAY is listed twice"),
            ({"end_time": "24:00"}, "end_time: '24:00' is no time of day HH:MM; the end of the day is 00:00"),
            ({"start_time": 6}, "start_time: must be a text"),
            ({"start_time": None}, "start_time: must not be null"),
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
            ({"holiday": "yes"}, "holiday: must be true or false"),
            ({"reservation": "YES"}, "reservation: 'YES' is none of RESERVATION, RESERVATION_EXPIRES"),
            ({"min_kwh": "-1"}, "min_kwh: -1 is negative"),
            ({"min_kwh": 0.5}, f"min_kwh: {INEXACT}"),
            ({"max_kwh": "0.0000001"}, f"max_kwh: '0.0000001' {TOO_LONG}"),
            ({"max_power": Decimal("NaN")}, f"max_power: 'NaN' {TOO_LONG}"),
            ({"min_duration": "60"}, "min_duration: must be a whole number"),
            ({"min_duration": Decimal("60.0")}, "min_duration: must be a whole number"),
            ({"min_idle_time": -1}, "min_idle_time: must be 0 to 1000000000"),
            ({"max_charging_time": 10**10}, "max_charging_time: must be 0 to 1000000000"),
            (
                {"min_kwh": "5", "max_kwh": "5.0"},
                "max_kwh: never holds: 5.0 is not above min_kwh 5 (max_kwh is excluded)",
            ),
            (
                {"min_idle_time": 60, "max_idle_time": 30},
                "max_idle_time: never holds: 30 is not above min_idle_time 60 (max_idle_time is excluded)",
            ),
            ({"max_duration": 0}, "max_duration: never holds: 0 is not above 0 (max_duration is excluded)"),
        ],
    )
    def test_refuses_restrictions_it_would_not_hold_to(self, restrictions, problem):
        assert problems_of(with_restrictions(**restrictions)) == [f"elements[0].restrictions.{problem}"]

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"currency": "eur"}, "currency: 'eur' is no ISO 4217 currency code"),
            ({"currency": None}, "currency: must not be null"),
            ({"tax_included": True}, "tax_included: must be a text"),
            ({"tax_included": "N/A"}, "tax_included: 'N/A' is none of YES, NO"),
            ({"elements": []}, "elements: must not be empty"),
            ({"elements": {}}, "elements: must be a list"),
            ({"elements": [TARIFF["elements"][1]] * 501}, "elements: must be at most 500"),
            ({"elements": ["x"]}, "elements[0]: must be an object"),
            ({"elements": [{"price_components": []}]}, "elements[0].price_components: must not be empty"),
            ({"elements": [{}]}, "elements[0].price_components: required"),
            ({"min_price": 1}, "min_price: must be an object"),
            ({"min_price": {}}, "min_price: must state excl_vat or incl_vat"),
            ({"min_price": {"excl_vat": "-1"}}, "min_price.excl_vat: -1 is negative"),
            ({"max_price": {"gross": "1"}}, "max_price.gross: unknown field"),
            (
                {"min_price": {"incl_vat": "2"}, "max_price": {"incl_vat": "1.99"}},
                "max_price.incl_vat: 1.99 is below min_price 2",
            ),
            ({"holidays": "2026-12-25"}, "holidays: must be a list"),
            ({"holidays": ["25.12.2026"]}, "holidays[0]: '25.12.2026' is no date YYYY-MM-DD"),
            ({"holidays": ["2026-12-25"] * 2}, "holidays[1]: 2026-12-25 is listed twice"),
            ({"zero_energy": "half"}, "zero_energy: 'half' is none of free, flat_only, full"),
            ({"settle_after": 59}, "settle_after: must be 60 to 86400"),
            ({"settle_after": 86401}, "settle_after: must be 60 to 86400"),
            ({"id": "T"}, "id: unknown field"),
        ],
    )
    def test_refuses_what_a_tariff_may_not_say(self, fields, problem):
        assert problem in problems_of(changed(**fields))

    def test_takes_a_least_and_a_most_price_that_are_the_same(self):
        terms = parse_tariff(changed(min_price={"incl_vat": "5"}, max_price={"incl_vat": "5.00"}))

        assert terms.min_price == terms.max_price == PriceLimit(incl_vat=Decimal(5))

    @pytest.mark.parametrize(
        ("idle", "problem"),
        [
            ({"max_amount": "-1"}, "idle.max_amount: -1 is negative"),
            ({"quiet_start": "22:00"}, "idle.quiet_end: required with quiet_start"),
            ({"quiet_end": "07:00"}, "idle.quiet_start: required with quiet_end"),
            (
                {"quiet_start": "07:00", "quiet_end": "07:00"},
                "idle.quiet_end: the same as quiet_start: idling would never cost anything",
            ),
            ({"grace": 30}, "idle.grace: unknown field"),
        ],
    )
    def test_refuses_idle_rules_that_say_half(self, idle, problem):
        assert problems_of(with_idle(**idle)) == [problem]

    @pytest.mark.parametrize("dimension", ["ENERGY", "PARKING_TIME"])
    def test_refuses_what_a_reservation_has_none_of(self, dimension):
        components = [{"type": dimension, "price": "5"}]
        element = {"price_components": components, "restrictions": {"reservation": "RESERVATION"}}

        assert problems_of(changed(elements=[element])) == [
            f"elements[0].price_components[0].type: a reservation has no {dimension}, only TIME and FLAT"
        ]

    def test_refuses_two_components_of_one_dimension(self):
        twice = [{"type": "ENERGY", "price": "0.1"}, {"type": "ENERGY", "price": "0.2"}]

        assert problems_of(changed(elements=[{"price_components": twice}])) == [
            "elements[0].price_components[1].type: a second ENERGY in one element"
        ]

    def test_finds_all_problems_at_once(self):
        document = changed(currency="XXX", min_price=1, colour="green")
        document["elements"][0]["price_components"][0]["price"] = 0.49
        document["elements"][1]["restrictions"] = {"min_kwh": "x"}

        assert problems_of(document) == [
            "colour: unknown field",
            "currency: 'XXX' is no ISO 4217 currency code",
            f"elements[0].price_components[0].price: {INEXACT}",
            f"elements[1].restrictions.min_kwh: 'x' {TOO_LONG}",
            "min_price: must be an object",
        ]

    @pytest.mark.parametrize("document", [None, [], "x", 1])
    def test_refuses_what_is_no_object(self, document):
        assert problems_of(document)[0] == "must be an object"
