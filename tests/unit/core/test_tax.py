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
    is_in_union,
)

DAY = date(2026, 3, 1)
GERMAN = Registration(country="DE", vat_id="DE123456789", valid_from=date(2020, 1, 1))
ELECTRICITY, SERVICE = SupplyKind.GOODS_ELECTRICITY, SupplyKind.SERVICE
EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
FRENCH_BUSINESS = BuyerStatus(kind=BuyerKind.BUSINESS, country="FR", vat_id="FR12345678901")


DUTCH = Registration(country="NL", vat_id="NL123456789B01", valid_from=date(2020, 1, 1))


def decide(supply=ELECTRICITY, country="DE", registrations=(GERMAN,), buyer=PRIVATE, on=DAY, **more):
    return decide_tax(supply=supply, country=country, seller_registrations=registrations, buyer=buyer, on=on, **more)


def business(country: str) -> BuyerStatus:
    return BuyerStatus(kind=BuyerKind.BUSINESS, country=country, vat_id=f"{country}123456789")


def reseller(country: str) -> BuyerStatus:
    return BuyerStatus(kind=BuyerKind.RESELLER, country=country, vat_id=f"{country}123456789")


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
            ("IS", DAY, "0.24"),
            ("LI", DAY, "0.081"),
            ("MC", DAY, "0.20"),
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
            ((Registration(country="AT", vat_id="ATU12345675", valid_from=date(2020, 1, 1)),), DAY),
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

    def test_asks_a_business_for_country_and_vat_id(self):
        with pytest.raises(ValueError, match="a business buyer needs a country and a VAT id"):
            BuyerStatus(kind=BuyerKind.BUSINESS, country="FR")


CASES = [
    # what is sold, charger's or seller's country, buyer → treatment, country, EN 16931 category, rate; and the source
    (ELECTRICITY, "DE", PRIVATE, ("standard", "DE", "S", "0.19")),  # 2006/112/EC art. 39
    (ELECTRICITY, "DE", business("DE"), ("standard", "DE", "S", "0.19")),  # art. 39
    (ELECTRICITY, "DE", business("FR"), ("standard", "DE", "S", "0.19")),  # art. 39, CJEU C-282/22, C-60/23
    (ELECTRICITY, "DE", business("CH"), ("standard", "DE", "S", "0.19")),  # art. 39
    (ELECTRICITY, "NL", business("DE"), ("standard", "NL", "S", "0.21")),  # art. 39: not the buyer's country
    (ELECTRICITY, "NL", reseller("NL"), ("standard", "NL", "S", "0.21")),  # art. 38; no domestic reverse charge
    (ELECTRICITY, "DE", reseller("DE"), ("reverse_charge", "DE", "AE", "0")),  # art. 38, UStG § 13b Abs. 2 Nr. 5 b
    (ELECTRICITY, "DE", reseller("NL"), ("reverse_charge", "NL", "AE", "0")),  # art. 38, 195
    (ELECTRICITY, "NL", reseller("DE"), ("reverse_charge", "DE", "AE", "0")),  # art. 38, 195
    (ELECTRICITY, "DE", reseller("CH"), ("outside_scope", "CH", "O", "0")),  # art. 38: supplied outside the Union
    (SERVICE, "DE", PRIVATE, ("standard", "DE", "S", "0.19")),  # art. 45
    (SERVICE, "DE", business("DE"), ("standard", "DE", "S", "0.19")),  # art. 44
    (SERVICE, "DE", business("FR"), ("reverse_charge", "FR", "AE", "0")),  # art. 44, 196
    (SERVICE, "DE", business("CH"), ("outside_scope", "CH", "O", "0")),  # art. 44; not G: nothing is exported
    (SERVICE, "DE", business("GB"), ("outside_scope", "GB", "O", "0")),  # art. 44, since 2021
    (SERVICE, "DE", reseller("DE"), ("standard", "DE", "S", "0.19")),  # art. 44: a fee is no electricity
    (SERVICE, "DE", reseller("FR"), ("reverse_charge", "FR", "AE", "0")),  # art. 44, 196
    (SERVICE, "DE", reseller("NO"), ("outside_scope", "NO", "O", "0")),  # art. 44
]


class TestWhichTax:
    @pytest.mark.parametrize(("supply", "country", "buyer", "expected"), CASES)
    def test_follows_the_table(self, supply, country, buyer, expected):
        treatment, place, code, rate = expected

        decision = decide(supply, country, (GERMAN, DUTCH), buyer)

        assert (decision.treatment, decision.country) == (treatment, place)
        assert (decision.en16931_category, decision.rate) == (code, Decimal(rate))
        assert decision.legal_text == ("" if treatment == "standard" else treatment)
        assert decision.seller_vat_id == {"DE": GERMAN, "NL": DUTCH}[country].vat_id
        assert place in decision.reason

    def test_has_a_case_for_every_kind_of_supply_and_buyer(self):
        asked = {(supply, buyer.kind) for supply, _, buyer, _ in CASES}

        assert asked == {(supply, kind) for supply in SupplyKind for kind in BuyerKind}

    @pytest.mark.parametrize("buyer", [PRIVATE, business("FR"), reseller("NL"), reseller("CH")])
    @pytest.mark.parametrize("supply", list(SupplyKind))
    def test_refuses_a_seller_not_registered_whoever_buys_what(self, supply, buyer):
        with pytest.raises(SellerNotRegistered, match="no tax registration in AT on 2026-03-01"):
            decide(supply, "AT", (GERMAN,), buyer)

    def test_charges_the_sellers_country_to_a_reseller_at_home_even_for_a_charger_abroad(self):
        abroad = decide(country="DE", registrations=(GERMAN, DUTCH), buyer=reseller("NL"), seller_country="NL")

        assert (abroad.treatment, abroad.country, abroad.rate) == (Treatment.STANDARD, "NL", Decimal("0.21"))
        assert abroad.seller_vat_id == DUTCH.vat_id

    @pytest.mark.parametrize(
        ("country", "on", "treatment"),
        [
            ("IT", date(2026, 12, 31), Treatment.REVERSE_CHARGE),
            ("IT", date(2027, 1, 1), Treatment.STANDARD),
            ("DE", date(2013, 8, 31), Treatment.STANDARD),
            ("DE", date(2013, 9, 1), Treatment.REVERSE_CHARGE),
        ],
    )
    def test_knows_domestic_reverse_charge_by_day(self, country, on, treatment):
        registration = Registration(country=country, vat_id=f"{country}1", valid_from=date(2010, 1, 1))

        assert decide(country=country, registrations=(registration,), buyer=reseller(country), on=on).treatment is (
            treatment
        )

    @pytest.mark.parametrize("supply", list(SupplyKind))
    def test_refuses_what_is_sold_across_a_border_from_outside_the_union(self, supply):
        swiss = Registration(country="CH", vat_id="CHE-123.456.789 MWST", valid_from=date(2020, 1, 1))

        with pytest.raises(TaxNotSupported, match=f"no tax rule for {supply} from outside the Union to a reseller"):
            decide(supply, "CH", (swiss,), reseller("DE"))

    def test_charges_the_rate_of_the_category_at_home(self):
        decision = decide(SERVICE, buyer=PRIVATE, category=TaxCategory.REDUCED)

        assert (decision.en16931_category, decision.rate) == ("S", Decimal("0.07"))

    def test_keeps_great_britain_in_the_union_until_the_end_of_2020(self):
        assert is_in_union("GB", on=date(2020, 12, 31))
        assert not is_in_union("GB", on=date(2021, 1, 1))
        assert not is_in_union("CH", on=DAY)
