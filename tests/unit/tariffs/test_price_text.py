"""What a driver's page, a station's display and a partner are told of a tariff."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from apps.tariffs.domain.price_text import LineKind, display_text, price_text
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

EVENING = Restrictions(day_of_week=WEEK[:5], start_time=time(17), end_time=time(21))
LATE = Restrictions(min_idle_time=1_800)
RESERVED = Restrictions(reservation=ReservationRestriction.RESERVATION)
UNUSED = Restrictions(reservation=ReservationRestriction.RESERVATION_EXPIRES)


def element(restrictions: Restrictions | None = None, **prices: str) -> TariffElement:
    components = tuple(
        PriceComponent(dimension=Dimension(name.upper()), price=Decimal(price)) for name, price in prices.items()
    )
    return TariffElement(price_components=components, restrictions=restrictions or Restrictions())


def terms(*elements: TariffElement, **given: Any) -> TariffTerms:
    return TariffTerms(**{"currency": "EUR", "tax_included": True, "elements": elements, **given})


WHOLE = terms(
    element(RESERVED, flat="2"),
    element(flat="0.35"),
    element(LATE, parking_time="6"),
    element(EVENING, energy="0.59"),
    element(energy="0.49", time="1.20"),
    idle=IdleRules(max_amount=Decimal(12), quiet_start=time(22), quiet_end=time(7)),
    min_price=PriceLimit(incl_vat=Decimal("1.50")),
    max_price=PriceLimit(incl_vat=Decimal(60), excl_vat=Decimal("50.42")),
)


def lines(*elements: TariffElement, language: Any = "en", **given: Any) -> list[str]:
    return str(price_text(terms(*elements, **given), language=language)).split("\n")


class TestPriceText:
    @pytest.mark.parametrize(
        ("language", "told"),
        [
            (
                "en",
                [
                    "Mo–Fr 17:00–21:00: 0.59 €/kWh",
                    "at other times: 0.49 €/kWh",
                    "0.02 €/min while charging",
                    "after 30 min idle: 0.10 €/min",
                    "idle fee: at most 12 € per session",
                    "no idle fee 22:00–07:00",
                    "0.35 € per session",
                    "at least 1.50 € per session",
                    "at most 60 € per session",
                    "reservation: 2.00 € per reservation",
                    "nothing to pay if no energy was delivered",
                    "including VAT",
                ],
            ),
            (
                "de",
                [
                    "Mo–Fr 17:00–21:00: 0,59 €/kWh",
                    "zu anderen Zeiten: 0,49 €/kWh",
                    "0,02 €/min Ladezeit",
                    "nach 30 min Standzeit: 0,10 €/min",
                    "Standzeit: höchstens 12 € je Ladevorgang",
                    "Standzeit 22:00–07:00 ohne Gebühr",
                    "0,35 € je Ladevorgang",
                    "mindestens 1,50 € je Ladevorgang",
                    "höchstens 60 € je Ladevorgang",
                    "Reservierung: 2,00 € je Reservierung",
                    "ohne geladene Energie nichts zu zahlen",
                    "inkl. USt.",
                ],
            ),
            (
                "fr",
                [
                    "lu–ve 17:00–21:00 : 0,59 €/kWh",
                    "le reste du temps : 0,49 €/kWh",
                    "0,02 €/min de charge",
                    "après 30 min d'inactivité : 0,10 €/min",
                    "inactivité : au plus 12 € par session",
                    "inactivité gratuite 22:00–07:00",
                    "0,35 € par session",
                    "au moins 1,50 € par session",
                    "au plus 60 € par session",
                    "réservation : 2,00 € par réservation",
                    "rien à payer si aucune énergie n'a été fournie",
                    "TVA comprise",
                ],
            ),
            (
                "nl",
                [
                    "ma–vr 17:00–21:00: 0,59 €/kWh",
                    "op andere tijden: 0,49 €/kWh",
                    "0,02 €/min laden",
                    "na 30 min stilstand: 0,10 €/min",
                    "stilstand: hoogstens 12 € per laadsessie",
                    "stilstand 22:00–07:00 gratis",
                    "0,35 € per laadsessie",
                    "minstens 1,50 € per laadsessie",
                    "hoogstens 60 € per laadsessie",
                    "reservering: 2,00 € per reservering",
                    "niets te betalen als er geen energie is geleverd",
                    "incl. btw",
                ],
            ),
        ],
    )
    def test_tells_all_that_a_session_may_cost(self, language, told):
        assert str(price_text(WHOLE, language=language)).split("\n") == told

    def test_knows_what_each_line_is_about_and_whose_it_is(self):
        told = price_text(WHOLE, language="en").lines

        assert [(line.kind, line.element_index) for line in told] == [
            (LineKind.ENERGY, 3),
            (LineKind.ENERGY, 4),
            (LineKind.TIME, 4),
            (LineKind.PARKING_TIME, 2),
            (LineKind.IDLE_RULES, None),
            (LineKind.IDLE_RULES, None),
            (LineKind.FLAT, 1),
            (LineKind.LIMITS, None),
            (LineKind.LIMITS, None),
            (LineKind.RESERVATION, 0),
            (LineKind.ZERO_ENERGY, None),
            (LineKind.TAX, None),
        ]
        assert (told[0].when, told[0].price) == ("Mo–Fr 17:00–21:00", "0.59 €/kWh")
        assert (told[6].when, told[6].price) == ("", "0.35 € per session")

    def test_of_nothing_that_has_a_price_is_that_it_is_free(self):
        assert lines(element(energy="0", flat="0.00")) == ["free of charge"]

    def test_of_nothing_but_a_least_total_is_not_free(self):
        told = lines(element(energy="0"), min_price=PriceLimit(incl_vat=Decimal(1)))

        assert told == ["at least 1 € per session", "nothing to pay if no energy was delivered", "including VAT"]

    def test_keeps_a_zero_beside_another_price_of_its_kind(self):
        told = lines(element(Restrictions(max_kwh=Decimal(5)), energy="0"), element(energy="0.49", time="0"))

        assert told == ["first 5 kWh: 0.00 €/kWh", "otherwise: 0.49 €/kWh", "including VAT"]

    def test_leaves_out_what_never_wins(self):
        assert lines(element(energy="0.49"), element(EVENING, energy="0.59")) == ["0.49 €/kWh", "including VAT"]

    def test_does_not_let_a_reservation_s_element_hide_the_session_s(self):
        told = lines(element(RESERVED, flat="2"), element(UNUSED, flat="5"), element(flat="0.35", energy="0.49"))

        assert told == [
            "0.49 €/kWh",
            "0.35 € per session",
            "reservation: 2.00 € per reservation",
            "reservation not used: 5.00 € per reservation",
            "nothing to pay if no energy was delivered",
            "including VAT",
        ]

    def test_on_a_day_leaves_out_what_is_over_and_keeps_the_element_s_number(self):
        summer = Restrictions(end_date=date(2026, 9, 1))
        both = terms(element(summer, energy="0.39"), element(energy="0.49"))

        last_day = price_text(both, language="en", on=date(2026, 8, 31))
        day_after = price_text(both, language="en", on=date(2026, 9, 1))

        assert [line.text for line in last_day.lines] == [
            "until 2026-08-31: 0.39 €/kWh",
            "at other times: 0.49 €/kWh",
            "including VAT",
        ]
        assert [(line.text, line.element_index) for line in day_after.lines] == [
            ("0.49 €/kWh", 1),
            ("including VAT", None),
        ]

    def test_says_when_a_bound_is_of_the_other_side_and_that_vat_comes_on_top(self):
        told = lines(element(energy="0.49"), tax_included=False, max_price=PriceLimit(incl_vat=Decimal(60)))

        assert told == ["0.49 €/kWh", "at most 60 € per session, gross", "plus VAT"]


class TestTheOrder:
    def kinds(self, max_power_w: int | None) -> list[str]:
        whole = terms(element(flat="0.35", parking_time="6", time="1.20", energy="0.49"))
        return [line.kind for line in price_text(whole, language="en", max_power_w=max_power_w).lines[:4]]

    @pytest.mark.parametrize("max_power_w", [None, 22_000, 49_999])
    def test_below_fifty_kilowatts_is_energy_minutes_session(self, max_power_w):
        assert self.kinds(max_power_w) == ["ENERGY", "TIME", "PARKING_TIME", "FLAT"]

    @pytest.mark.parametrize("max_power_w", [50_000, 150_000])
    def test_from_fifty_kilowatts_is_energy_and_then_the_occupancy_fee(self, max_power_w):
        assert self.kinds(max_power_w) == ["ENERGY", "PARKING_TIME", "TIME", "FLAT"]


class TestZeroEnergy:
    @pytest.mark.parametrize(
        ("policy", "prices", "told"),
        [
            (ZeroEnergyPolicy.FREE, {"energy": "0.49"}, []),
            (ZeroEnergyPolicy.FREE, {"flat": "1"}, ["nothing to pay if no energy was delivered"]),
            (ZeroEnergyPolicy.FLAT_ONLY, {"energy": "0.49", "flat": "1"}, []),
            (
                ZeroEnergyPolicy.FLAT_ONLY,
                {"flat": "1", "time": "3"},
                ["if no energy was delivered, only the price per session"],
            ),
            (ZeroEnergyPolicy.FLAT_ONLY, {"time": "3"}, ["nothing to pay if no energy was delivered"]),
            (ZeroEnergyPolicy.FULL, {"flat": "1", "time": "3"}, []),
        ],
    )
    def test_is_told_where_it_matters(self, policy, prices, told):
        text = price_text(terms(element(**prices), zero_energy=policy), language="en")

        assert [line.text for line in text.lines if line.kind is LineKind.ZERO_ENERGY] == told


class TestDisplayText:
    def test_is_plain_ascii_in_one_line(self):
        told = display_text(terms(element(EVENING, energy="0.59"), element(energy="0.49")), language="en")

        assert told == "Mo-Fr 17:00-21:00: 0.59 EUR/kWh; at other times: 0.49 EUR/kWh; including VAT"

    def test_spells_out_what_ascii_has_not(self):
        assert display_text(terms(element(LATE, parking_time="6")), language="fr") == (
            "apres 30 min d'inactivite : 0,10 EUR/min; rien a payer si aucune energie n'a ete fournie; TVA comprise"
        )
        assert display_text(
            terms(element(time="6"), max_price=PriceLimit(incl_vat=Decimal(9))), language="de"
        ).startswith("0,10 EUR/min Ladezeit; hoechstens 9 EUR je Ladevorgang")

    def test_that_does_not_fit_keeps_the_first_lines_and_the_vat_and_says_so(self):
        assert display_text(WHOLE, language="en", limit=100) == (
            "Mo-Fr 17:00-21:00: 0.59 EUR/kWh; at other times: 0.49 EUR/kWh ...; including VAT"
        )

    @pytest.mark.parametrize("language", ["en", "de", "fr", "nl"])
    @pytest.mark.parametrize("limit", [5, 20, 40, 80, 160, 255])
    def test_never_is_longer_than_the_display(self, language, limit):
        told = display_text(WHOLE, language=language, limit=limit)

        assert told.isascii()
        assert told.isprintable()
        assert len(told) <= limit
