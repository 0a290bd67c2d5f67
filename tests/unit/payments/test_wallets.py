"""What a prepaid wallet takes and gives back, and when its customer is told; worked by hand."""

from decimal import Decimal

import pytest

from apps.payments.domain.postings import wallet_moved
from apps.payments.domain.wallet_letters import little_left
from apps.payments.domain.wallets import Level, Refundable, level_of, payable, spread_back


class TestPayable:
    @pytest.mark.parametrize(
        ("due", "balance", "bound", "paid"),
        [
            ("12.00", "50.00", "0", "12.00"),
            ("12.00", "8.00", "3.00", "11.00"),
            ("12.00", "8.00", "0", "8.00"),
            ("12.00", "-3.00", "3.00", "0"),
            # Beyond the bound already, as after a lost dispute.
            ("12.00", "-20.00", "3.00", "0"),
            ("0", "8.00", "0", "0"),
            ("-2.00", "-20.00", "0", "-2.00"),
        ],
    )
    def test_is_what_the_balance_and_its_bound_bear_and_gives_back_wholly(self, due, balance, bound, paid):
        assert payable(Decimal(due), balance=Decimal(balance), bound=Decimal(bound)) == Decimal(paid)


class TestSpreadBack:
    TOP_UPS = (Refundable(2, Decimal("25.00")), Refundable(1, Decimal("30.00")))

    @pytest.mark.parametrize(
        ("amount", "parts"),
        [
            ("40.00", [(2, "25.00"), (1, "15.00")]),
            ("25.00", [(2, "25.00")]),
            ("10.00", [(2, "10.00")]),
            ("60.00", [(2, "25.00"), (1, "30.00")]),
            ("0", []),
        ],
    )
    def test_goes_to_the_newest_first_and_to_none_more_than_is_left_of_it(self, amount, parts):
        found = list(spread_back(Decimal(amount), self.TOP_UPS))

        assert found == [Refundable(pk, Decimal(part)) for pk, part in parts]


class TestLevel:
    @pytest.mark.parametrize(
        ("balance", "level"),
        [("30.00", None), ("20.00", None), ("19.99", Level.LOW), ("15.00", Level.LOW), ("14.99", Level.EMPTY)],
    )
    def test_is_low_below_what_the_seller_names_and_empty_where_no_session_fits(self, balance, level):
        found = level_of(
            balance=Decimal(balance), bound=Decimal("5"), session_amount=Decimal("20"), low_balance=Decimal("20")
        )

        assert found == level


class TestLetter:
    @pytest.mark.parametrize("level", [Level.LOW, Level.EMPTY])
    @pytest.mark.parametrize(
        ("language", "word"), [("en", "Top it up"), ("de", "aufladen"), ("fr", "Rechargez"), ("nl", "Waardeer")]
    )
    def test_says_what_is_left_and_where_to_top_up(self, language, word, level):
        letter = little_left(language, level=level, balance="€8.00", contract="V-1", address="https://x.example/")

        assert "€8.00" in letter.subject
        assert word in letter.body
        assert "https://x.example/" in letter.body


class TestPosting:
    def test_is_receivable_against_prepaid_wallets(self):
        assert {line.code: line.amount for line in wallet_moved(Decimal(50))} == {"1200": 50, "2400": -50}
