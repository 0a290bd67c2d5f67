from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.money import NotRounded
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.domain.posting import PostingLine, UnbalancedJournal, check_balanced

CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2))


def line(role: Role, amount: Decimal | str) -> PostingLine:
    return PostingLine(role=role, amount=Decimal(amount))


class TestChart:
    def test_has_one_account_for_each_role(self):
        codes = [CHART[role].code for role in Role]

        assert len(codes) == len(set(codes)) == len(CHART)


class TestCheckBalanced:
    def test_accepts_debits_that_equal_credits(self):
        lines = [
            line(Role.RECEIVABLE, "119.00"),
            line(Role.REVENUE_ENERGY, "-100.00"),
            line(Role.VAT_PAYABLE, "-19.00"),
        ]

        check_balanced(lines, currency="EUR")

    def test_says_by_how_much_it_is_off(self):
        lines = [line(Role.RECEIVABLE, "119.00"), line(Role.REVENUE_ENERGY, "-100.00")]

        with pytest.raises(UnbalancedJournal, match="1900 minor units of EUR"):
            check_balanced(lines, currency="EUR")

    @pytest.mark.parametrize(("amount", "currency"), [("0.005", "EUR"), ("0.1", "JPY"), ("0.0001", "KWD")])
    def test_refuses_a_fraction_of_the_minor_unit(self, amount, currency):
        lines = [line(Role.RECEIVABLE, amount), line(Role.REVENUE_ENERGY, "-" + amount)]

        with pytest.raises(NotRounded):
            check_balanced(lines, currency=currency)

    @given(st.lists(CENTS, min_size=1, max_size=12))
    def test_any_amounts_and_their_mirror_image_balance(self, amounts):
        debits = [line(Role.RECEIVABLE, amount) for amount in amounts]
        mirror = [line(Role.REVENUE_ENERGY, -amount) for amount in amounts]

        check_balanced([*debits, *mirror], currency="EUR")
