"""Disputes of a line: how they may end, by when they are answered, what they hold back."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.domain.moves import IllegalMove
from apps.invoices.domain.line_disputes import LineDisputeStatus, advance, answered_by, is_pressing, owed_now

OPEN, *ENDS = LineDisputeStatus


class TestADispute:
    @pytest.mark.parametrize("end", ENDS)
    def test_ends_once(self, end):
        assert advance(OPEN, end) is end
        for other in LineDisputeStatus:
            with pytest.raises(IllegalMove):
                advance(end, other)

    def test_is_answered_within_14_days_over_the_end_of_february(self):
        assert answered_by(date(2028, 2, 20)) == date(2028, 3, 5)

    @pytest.mark.parametrize(("day", "pressing"), [(11, False), (12, True), (15, True), (16, True)])
    def test_is_pressing_three_days_before_its_last_one(self, day, pressing):
        assert is_pressing(date(2026, 4, 15), today=date(2026, 4, day)) is pressing


class TestWhatIsOwedNow:
    @pytest.mark.parametrize(
        ("open_amount", "disputed", "owed"),
        [
            ("10.00", "4.00", "6.00"),
            ("7.00", "4.00", "3.00"),  # 3.00 were paid meanwhile
            ("2.00", "4.00", "0.00"),
            ("-1.00", "0.00", "0.00"),
            ("10.00", "-0.01", "10.00"),
        ],
    )
    def test_is_what_is_open_without_what_is_disputed(self, open_amount, disputed, owed):
        assert owed_now(Decimal(open_amount), disputed=Decimal(disputed)) == Decimal(owed)
