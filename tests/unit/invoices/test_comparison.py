"""What stands out beside last time, as a table."""

from decimal import Decimal

import pytest

from apps.invoices.domain.comparison import Billed, Remark, change_percent, remark_on


def billed(net: str) -> Billed:
    return Billed(net=Decimal(net), energy_milliwh=0, sessions=1)


@pytest.mark.parametrize(
    ("now", "before", "remark"),
    [
        (None, "50.00", Remark.MISSING),
        ("50.00", None, Remark.NEW),
        ("65.00", "50.00", Remark.MUCH_MORE),
        ("64.99", "50.00", Remark.USUAL),
        ("35.00", "50.00", Remark.MUCH_LESS),
        ("9.00", "1.00", Remark.USUAL),
        ("11.00", "1.00", Remark.MUCH_MORE),
        ("10.00", "0.00", Remark.MUCH_MORE),
    ],
)
def test_thirty_percent_and_ten_of_the_currency_stand_out(now, before, remark):
    assert remark_on(billed(now) if now else None, billed(before) if before else None) == remark


@pytest.mark.parametrize(
    ("now", "before", "percent"), [("65.00", "50.00", 30), ("1.00", "3.00", -67), ("1.00", "0.00", None)]
)
def test_a_change_is_told_in_whole_percent_of_before(now, before, percent):
    assert change_percent(billed(now), billed(before)) == percent
