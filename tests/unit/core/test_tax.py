"""The rule book of rates and the decision table."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from apps.core.domain.tax import (
    PRIVATE,
    RATES,
    BuyerKind,
    BuyerStatus,
    NoTaxRate,
    Registration,
    SellerNotRegistered,
    SupplyKind,
    TaxCategory,
    TaxNotSupported,
    Treatment,
    decide_tax,
    find_rate,
)

DAY = date(2026, 3, 1)
GERMAN = Registration(country="DE", vat_id="DE123456789", valid_from=date(2020, 1, 1))
EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
FRENCH_BUSINESS = BuyerStatus(kind=BuyerKind.BUSINESS, country="FR", vat_id="FR12345678901")


def decide(supply=SupplyKind.GOODS_ELECTRICITY, country="DE", registrations=(GERMAN,), buyer=PRIVATE, on=DAY):
    return decide_tax(supply=supply, country=country, seller_registrations=registrations, buyer=buyer, on=on)


class TestFindRate:
    @pytest.mark.parametrize(
        ("country", "on", "rate"),
        [
            ("DE", date(2020, 6, 30), "0.19"),
            ("DE", date(2020, 7, 1), "0.16"),
            ("DE", date(2020, 12, 31), "0.16"),
            ("DE", date(2021, 1, 1), "0.19"),
            ("FR", DAY, "0.20"),
            ("NL", DAY, "0.21"),
            ("AT", DAY, "0.20"),
            ("FI", date(2024, 8, 31), "0.24"),
            ("FI", date(2024, 9, 1), "0.255"),
            ("EE", DAY, "0.24"),
            ("SK", DAY, "0.23"),
            ("RO", date(2025, 7, 31), "0.19"),
            ("RO", date(2025, 8, 1), "0.21"),
            ("IE", date(2020, 10, 1), "0.21"),
            ("LU", date(2023, 5, 1), "0.16"),
            ("CH", date(2023, 12, 31), "0.077"),
            ("CH", date(2024, 1, 1), "0.081"),
            ("GB", DAY, "0.20"),
            ("NO", DAY, "0.25"),
        ],
    )
    def test_returns_the_standard_rate_of_the_day(self, country, on, rate):
        assert find_rate(country=country, category=TaxCategory.STANDARD, on=on) == Decimal(rate)

    def test_knows_every_member_state_today(self):
        for country in EU:
            rate = find_rate(country=country, category=TaxCategory.STANDARD, on=DAY)
            assert Decimal("0.15") <= rate <= Decimal("0.27")

    def test_returns_reduced_and_untaxed_rates(self):
        assert find_rate(country="DE", category=TaxCategory.REDUCED, on=date(2020, 8, 1)) == Decimal("0.05")
        assert find_rate(country="DE", category=TaxCategory.ZERO, on=DAY) == 0
        assert find_rate(country="DE", category=TaxCategory.EXEMPT, on=DAY) == 0

    @pytest.mark.parametrize(
        ("country", "category", "on"),
        [
            ("US", TaxCategory.STANDARD, DAY),
            ("US", TaxCategory.ZERO, DAY),
            ("ES", TaxCategory.REDUCED, DAY),
            ("DE", TaxCategory.STANDARD, date(2006, 12, 31)),
        ],
    )
    def test_refuses_what_the_rule_book_does_not_hold(self, country, category, on):
        with pytest.raises(NoTaxRate, match=rf"no {category} tax rate for '{country}' on {on}"):
            find_rate(country=country, category=category, on=on)

    def test_has_spans_without_gap_or_overlap(self):
        for spans in RATES.values():
            assert spans[-1].valid_to is None
            assert all(before.valid_to == after.valid_from for before, after in pairwise(spans))
            assert all(before.rate != after.rate for before, after in pairwise(spans))


class TestDecideTax:
    @pytest.mark.parametrize("buyer", [PRIVATE, FRENCH_BUSINESS])
    def test_taxes_electricity_where_the_charger_stands_whoever_uses_it(self, buyer):
        decision = decide(buyer=buyer)

        assert decision.treatment is Treatment.STANDARD
        assert (decision.country, decision.en16931_category, decision.rate) == ("DE", "S", Decimal("0.19"))
        assert decision.seller_vat_id == "DE123456789"
        assert decision.legal_text == ""

    def test_takes_the_rate_of_the_day(self):
        assert decide(on=date(2020, 7, 1)).rate == Decimal("0.16")

    @pytest.mark.parametrize(
        ("registrations", "on"),
        [
            ((), DAY),
            ((Registration(country="AT", vat_id="ATU12345678", valid_from=date(2020, 1, 1)),), DAY),
            ((GERMAN,), date(2019, 12, 31)),
            ((Registration(country="DE", vat_id="DE1", valid_from=date(2020, 1, 1), valid_to=DAY),), DAY),
        ],
    )
    def test_refuses_a_seller_not_registered_there_on_that_day(self, registrations, on):
        with pytest.raises(SellerNotRegistered, match=f"no tax registration in DE on {on}"):
            decide(registrations=registrations, on=on)

    def test_counts_the_last_day_of_a_registration(self):
        until_tomorrow = Registration(country="DE", vat_id="DE1", valid_from=DAY, valid_to=DAY + timedelta(days=1))

        assert decide(registrations=(until_tomorrow,)).seller_vat_id == "DE1"

    @pytest.mark.parametrize(
        ("supply", "buyer", "row"),
        [
            (
                SupplyKind.GOODS_ELECTRICITY,
                BuyerStatus(kind=BuyerKind.RESELLER, country="FR", vat_id="FR12345678901"),
                "goods_electricity sold to a reseller buyer",
            ),
            (SupplyKind.SERVICE, PRIVATE, "service sold to a private buyer"),
            (SupplyKind.SERVICE, FRENCH_BUSINESS, "service sold to a business buyer"),
        ],
    )
    def test_names_the_row_it_does_not_have_yet(self, supply, buyer, row):
        with pytest.raises(TaxNotSupported, match=row):
            decide(supply=supply, buyer=buyer)

    def test_asks_a_business_for_country_and_vat_id(self):
        with pytest.raises(ValueError, match="a business buyer needs a country and a VAT id"):
            BuyerStatus(kind=BuyerKind.BUSINESS, country="FR")
