"""When a top-up's VAT is due, and how much VAT is in what is left of it; worked by hand."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.tax import PRIVATE, Registration, SupplyKind, TaxCategory, decide_tax
from apps.payments.domain.vouchers import Lot, Part, choose, contained, part_of, take

DAY = date(2026, 11, 30)
REGISTRATIONS = tuple(Registration(country=code, vat_id="x", valid_from=date(2020, 1, 1)) for code in ("AT", "DE"))
VAT = Decimal("0.19")


def sold(country: str, category: TaxCategory = TaxCategory.STANDARD):
    return decide_tax(
        supply=SupplyKind.GOODS_ELECTRICITY,
        country=country,
        seller_registrations=REGISTRATIONS,
        buyer=PRIVATE,
        on=DAY,
        category=category,
    )


class TestChoose:
    def test_taxes_at_top_up_where_all_that_is_sold_bears_one_rate_in_one_country(self):
        found = choose([sold("DE"), sold("DE")], has_plan=False)

        assert (found.decision, found.reason) == (sold("DE"), "All that is sold bears 19 % in DE.")

    @pytest.mark.parametrize(
        ("decisions", "why"),
        [
            ([sold("DE"), sold("AT")], "Several rates or countries are possible: AT 20 % (S), DE 19 % (S)."),
            ([sold("DE"), sold("DE", TaxCategory.REDUCED)], "Several rates or countries"),
            ([sold("DE", TaxCategory.EXEMPT)], "No VAT is charged"),
            ([], "Nothing is sold yet"),
        ],
    )
    def test_else_taxes_at_use_and_says_why(self, decisions, why):
        found = choose(decisions, has_plan=False)

        assert found.decision is None
        assert why in found.reason

    def test_taxes_at_use_where_fees_are_invoiced_besides(self):
        assert choose([sold("DE")], has_plan=True).decision is None


class TestVatInATopUp:
    def test_goes_out_as_the_table_says(self):
        lot, moved = Lot(1, Decimal("50.00"), Decimal("7.98"), VAT), []
        for amount in ("-10.00", "-39.99", "-0.01"):
            part = part_of(lot, Decimal(amount), currency="EUR")
            moved.append(part.tax)
            lot = Lot(1, lot.left + part.amount, lot.tax + part.tax, VAT)

        assert moved == [Decimal("-1.59"), Decimal("-6.39"), Decimal("0.00")]
        assert (lot.left, lot.tax) == (0, 0)

    @given(st.lists(st.integers(1, 3000), max_size=20), st.sampled_from(["0.05", "0.19", "0.2", "0.255"]))
    def test_is_nothing_when_nothing_is_left_whatever_was_taken(self, cents, rate):
        whole = Decimal(sum(cents)) / 100
        lot = Lot(1, whole, contained(whole, rate=Decimal(rate), currency="EUR"), Decimal(rate))
        for each in cents:
            part = part_of(lot, -Decimal(each) / 100, currency="EUR")
            lot = Lot(1, lot.left + part.amount, lot.tax + part.tax, lot.rate)

        assert (lot.left, lot.tax) == (0, 0)


class TestTake:
    LOTS = (Lot(1, Decimal("10.00"), Decimal("1.60"), VAT), Lot(2, Decimal("50.00"), Decimal("7.98"), VAT))

    def test_uses_the_oldest_money_first(self):
        assert take(Decimal("15.00"), self.LOTS, currency="EUR") == (
            Part(1, Decimal("-10.00"), Decimal("-1.60")),
            # 45.00 contains 7.18.
            Part(2, Decimal("-5.00"), Decimal("-0.80")),
        )

    def test_pays_a_session_whole_or_not_at_all(self):
        assert take(Decimal("60.01"), self.LOTS, currency="EUR") is None
        assert take(Decimal("60.00"), self.LOTS, currency="EUR") is not None
        assert take(Decimal("0.01"), (), currency="EUR") is None
