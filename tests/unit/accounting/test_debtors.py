"""Numbers of debtors: what is drawn next, what a person may type, how a chart's length tells them."""

import pytest

from apps.accounting.domain.debtors import FIRST, LAST, BadDebtor, as_told, next_free, read


class TestNumbers:
    @pytest.mark.parametrize(
        ("kept", "length", "told"),
        [(100_420_000, 4, "10042"), (100_420_000, 6, "1004200"), (100_420_000, 8, "100420000"), (LAST, 8, "699999999")],
    )
    def test_are_told_with_a_digit_more_than_the_accounts(self, kept, length, told):
        assert as_told(kept, account_length=length) == told

    def test_that_no_longer_fit_are_refused(self):
        with pytest.raises(BadDebtor, match="more than the 5 digits"):
            as_told(100_420_100, account_length=4)

    @pytest.mark.parametrize("length", [4, 5, 6, 7, 8])
    def test_read_back_what_they_tell(self, length):
        told = as_told(FIRST, account_length=length)

        assert read(f" {told} ", account_length=length) == FIRST

    @pytest.mark.parametrize("typed", ["", "1004", "100420", "70000", "09999", "1004x", "１００４２"])
    def test_of_another_kind_are_refused_in_words(self, typed):
        with pytest.raises(BadDebtor, match="between 10000 and 69999"):
            read(typed, account_length=4)


class TestTheNext:
    @pytest.mark.parametrize(
        ("taken", "length", "told"),
        [
            ([], 4, "10000"),
            ([100_000_000], 4, "10001"),
            ([100_000_000, 200_000_000], 4, "20001"),
            # 69999 was typed by a person: the first gap is next.
            ([100_000_000, 699_990_000], 4, "10001"),
            # A longer number of before is left behind.
            ([100_000_100], 4, "10001"),
            ([], 6, "1000000"),
        ],
    )
    def test_follows_the_highest_and_then_fills_gaps(self, taken, length, told):
        assert as_told(next_free(taken, account_length=length), account_length=length) == told

    def test_of_a_full_range_is_refused(self):
        with pytest.raises(BadDebtor, match="taken"):
            next_free(set(range(FIRST, LAST + 1, 10_000)), account_length=4)
