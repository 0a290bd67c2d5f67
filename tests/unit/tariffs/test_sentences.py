"""What a driver reads."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.sentences import (
    describe_adjustment,
    describe_amount,
    describe_element,
    describe_price,
    describe_reason,
    describe_restrictions,
)
from apps.tariffs.domain.terms import (
    WEEK,
    DayOfWeek,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
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

    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("en", "Mo–Fr 17:00–21:00, after 30 min idle: 0.10 €/min, at most 12 €, gross"),
            ("de", "Mo–Fr 17:00–21:00, nach 30 min Standzeit: 0,10 €/min, höchstens 12 €, brutto"),
            ("fr", "lu–ve 17:00–21:00, après 30 min d'inactivité : 0,10 €/min, au plus 12 €, TTC"),
            ("nl", "ma–vr 17:00–21:00, na 30 min stilstand: 0,10 €/min, hoogstens 12 €, incl. btw"),
        ],
    )
    def test_says_once_that_it_prices_idling_and_what_that_costs_at_most(self, language, sentence):
        element = TariffElement(
            price_components=(component(Dimension.PARKING_TIME, "6"),),
            restrictions=Restrictions(
                day_of_week=WEEK[:5], start_time=time(17), end_time=time(21), min_idle_time=1_800
            ),
        )

        told = describe_element(
            element, currency="EUR", language=language, tax_included=True, max_idle_amount=Decimal("12.00")
        )

        assert told == sentence

    def test_does_not_mention_the_cap_on_idling_where_it_prices_none(self):
        element = TariffElement(price_components=(component(Dimension.ENERGY, "0.59"),))

        assert describe_element(element, currency="EUR", max_idle_amount=Decimal(12)) == "at all times: 0.59 €/kWh"

    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("en", "reservation: 2.00 € per reservation + 0.05 €/min (per started 5 min)"),
            ("de", "Reservierung: 2,00 € je Reservierung + 0,05 €/min (je angefangene 5 min)"),
            ("fr", "réservation : 2,00 € par réservation + 0,05 €/min (par tranche entamée de 5 min)"),
            ("nl", "reservering: 2,00 € per reservering + 0,05 €/min (per begonnen 5 min)"),
        ],
    )
    def test_tells_a_reservation_s_price_and_steps(self, language, sentence):
        element = TariffElement(
            price_components=(
                component(Dimension.FLAT, "2"),
                PriceComponent(dimension=Dimension.TIME, price=Decimal(3), step_size=300),
            ),
            restrictions=Restrictions(reservation=ReservationRestriction.RESERVATION),
        )

        assert describe_element(element, currency="EUR", language=language) == sentence

    @pytest.mark.parametrize(
        ("dimension", "step_size", "told"),
        [
            (Dimension.ENERGY, 1, "at all times: 6.00 €/kWh"),
            (Dimension.ENERGY, 500, "at all times: 6.00 €/kWh (per started 0.5 kWh)"),
            (Dimension.TIME, 3600, "at all times: 0.10 €/min (per started 1 h)"),
            (Dimension.PARKING_TIME, 90, "at all times: 0.10 €/min while idle (per started 90 s)"),
            (Dimension.FLAT, 60, "at all times: 6.00 € per session"),
        ],
    )
    def test_tells_a_step_that_somebody_could_notice(self, dimension, step_size, told):
        priced = PriceComponent(dimension=dimension, price=Decimal(6), step_size=step_size)

        assert describe_element(TariffElement(price_components=(priced,)), currency="EUR") == told


class TestDescribePrice:
    @pytest.mark.parametrize(
        ("language", "told"),
        [
            ("en", "0.10 €/min while idle"),
            ("de", "0,10 €/min Standzeit"),
            ("fr", "0,10 €/min d'inactivité"),
            ("nl", "0,10 €/min stilstand"),
        ],
    )
    def test_of_idling_says_that_it_is_of_idling(self, language, told):
        assert describe_price(Dimension.PARKING_TIME, Decimal(6), currency="EUR", language=language) == told


class TestDescribeAmount:
    @pytest.mark.parametrize(
        ("amount", "currency", "told"),
        [
            ("12.000000", "EUR", "12 €"),
            ("12.5", "EUR", "12.50 €"),
            ("100", "JPY", "100 ¥"),
            ("1.5", "KWD", "1.500 KWD"),
        ],
    )
    def test_writes_a_whole_amount_without_decimals(self, amount, currency, told):
        assert describe_amount(Decimal(amount), currency=currency) == told


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

    @pytest.mark.parametrize(
        ("restrictions", "english", "german", "french", "dutch"),
        [
            ({"max_kwh": "10"}, "first 10 kWh", "erste 10 kWh", "jusqu'à 10 kWh", "eerste 10 kWh"),
            ({"min_kwh": "10.500"}, "from 10.5 kWh", "ab 10,5 kWh", "à partir de 10,5 kWh", "vanaf 10,5 kWh"),
            ({"min_kwh": "10", "max_kwh": "20"}, "10–20 kWh", "10–20 kWh", "10–20 kWh", "10–20 kWh"),
            ({"min_kwh": "0", "max_kwh": "20"}, "first 20 kWh", "erste 20 kWh", "jusqu'à 20 kWh", "eerste 20 kWh"),
            ({"min_kwh": "0"}, "at all times", "jederzeit", "à tout moment", "altijd"),
            ({"min_power": "7", "max_power": "22"}, "7–22 kW", "7–22 kW", "7–22 kW", "7–22 kW"),
            ({"min_power": "0"}, "from 0 kW", "ab 0 kW", "à partir de 0 kW", "vanaf 0 kW"),
            ({"max_current": "32"}, "below 32 A", "unter 32 A", "moins de 32 A", "onder 32 A"),
        ],
    )
    def test_tells_amounts_in_each_language(self, restrictions, english, german, french, dutch):
        its = Restrictions(**{name: Decimal(value) for name, value in restrictions.items()})

        assert describe_restrictions(its) == english
        assert describe_restrictions(its, language="de") == german
        assert describe_restrictions(its, language="fr") == french
        assert describe_restrictions(its, language="nl") == dutch

    @pytest.mark.parametrize(
        ("restrictions", "told"),
        [
            (Restrictions(min_duration=1_800), "from 30 min"),
            (Restrictions(max_duration=7_200), "first 2 h"),
            (Restrictions(max_duration=0), "first 0 s"),
            (Restrictions(min_duration=1_800, max_duration=3_600), "30–60 min"),
            (Restrictions(min_duration=0, max_duration=5_400), "first 90 min"),
            (Restrictions(min_charging_time=3_600), "after 1 h charging"),
            (Restrictions(max_charging_time=45), "first 45 s charging"),
            (Restrictions(min_charging_time=3_600, max_charging_time=7_200), "1–2 h charging"),
            (Restrictions(min_idle_time=1_800), "after 30 min idle"),
            (Restrictions(min_idle_time=0), "at all times"),
            (Restrictions(max_idle_time=1_800), "first 30 min idle"),
            (Restrictions(min_idle_time=90, max_idle_time=1_800), "90–1800 s idle"),
        ],
    )
    def test_tells_spans_in_the_largest_unit_in_which_they_are_whole(self, restrictions, told):
        assert describe_restrictions(restrictions) == told

    @pytest.mark.parametrize(
        ("restrictions", "english", "german"),
        [
            (Restrictions(holiday=True), "on holidays", "an Feiertagen"),
            (
                Restrictions(holiday=False, day_of_week=WEEK[:5]),
                "Mo–Fr, not on holidays",
                "Mo–Fr, nicht an Feiertagen",
            ),
            (Restrictions(reservation=ReservationRestriction.RESERVATION), "reservation", "Reservierung"),
            (
                Restrictions(reservation=ReservationRestriction.RESERVATION_EXPIRES, end_time=time(6)),
                "reservation not used, 00:00–06:00",
                "nicht genutzte Reservierung, 00:00–06:00",
            ),
            (
                Restrictions(
                    start_time=time(22), end_time=time(6), max_kwh=Decimal(10), min_idle_time=60, max_power=Decimal(11)
                ),
                "22:00–06:00, first 10 kWh, after 1 min idle, below 11 kW",
                "22:00–06:00, erste 10 kWh, nach 1 min Standzeit, unter 11 kW",
            ),
        ],
    )
    def test_tells_all_that_must_hold_at_once(self, restrictions, english, german):
        assert describe_restrictions(restrictions) == english
        assert describe_restrictions(restrictions, language="de") == german


class TestDescribeReason:
    def reasons(
        self, *restrictions: Restrictions, dimension: Dimension = Dimension.ENERGY, language: Any = "en"
    ) -> list[str]:
        elements = tuple(
            TariffElement(price_components=(component(dimension, "0.49"),), restrictions=each) for each in restrictions
        )
        terms = TariffTerms(currency="EUR", tax_included=True, elements=elements)
        return [
            describe_reason(terms, element_index=index, dimension=dimension, language=language)
            for index in range(len(elements))
        ]

    def test_calls_what_remains_beside_times_other_times(self):
        assert self.reasons(WORKDAYS, Restrictions()) == ["Mo–Fr 06:00–22:00", "at other times"]

    def test_calls_what_remains_beside_amounts_otherwise(self):
        assert self.reasons(Restrictions(max_kwh=Decimal(10)), Restrictions()) == ["first 10 kWh", "otherwise"]

    def test_knows_that_a_reservation_takes_nothing_from_the_session(self):
        reserved = Restrictions(reservation=ReservationRestriction.RESERVATION)

        assert self.reasons(reserved, Restrictions()) == ["reservation", "at all times"]

    @pytest.mark.parametrize(
        ("language", "told"),
        [
            ("en", ["after 30 min idle", "Mo–Fr 06:00–22:00, while idle", "otherwise, while idle"]),
            ("de", ["nach 30 min Standzeit", "Mo–Fr 06:00–22:00, Standzeit", "sonst, Standzeit"]),
        ],
    )
    def test_of_idling_says_that_it_is_that(self, language, told):
        late = Restrictions(min_idle_time=1_800)

        reasons = self.reasons(late, WORKDAYS, Restrictions(), dimension=Dimension.PARKING_TIME, language=language)

        assert reasons == told
        assert self.reasons(Restrictions(), dimension=Dimension.PARKING_TIME) == ["while idle"]


class TestDescribeAdjustment:
    @pytest.mark.parametrize("language", ["en", "de", "fr", "nl"])
    def test_knows_every_kind_in_every_language(self, language):
        assert len({describe_adjustment(kind, language=language) for kind in AdjustmentKind}) == len(AdjustmentKind)

    def test_is_in_english_what_the_charge_record_says(self):
        assert describe_adjustment(AdjustmentKind.MAX_PRICE) == "limited to the maximum price"
        assert describe_adjustment(AdjustmentKind.CEILING, language="de") == "auf den reservierten Betrag begrenzt"
