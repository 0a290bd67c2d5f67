"""Minor units, the one rounding and allotting."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.money import (
    NotRounded,
    UnknownCurrency,
    allot,
    from_minor,
    minor_unit,
    round_half_up,
    to_minor,
)


class TestMinorUnit:
    @pytest.mark.parametrize(
        ("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("CLF", 4), ("CHF", 2)]
    )
    def test_follows_iso_4217(self, currency, decimals):
        assert minor_unit(currency) == decimals

    @pytest.mark.parametrize("currency", ["", "eur", "XYZ", "XAU", "HRK", "EURO"])
    def test_refuses_what_is_no_active_currency(self, currency):
        with pytest.raises(UnknownCurrency, match="is no ISO 4217 currency code"):
            minor_unit(currency)


class TestRoundHalfUp:
    @pytest.mark.parametrize(
        ("amount", "currency", "rounded"),
        [
            ("1.005", "EUR", "1.01"),
            ("1.004999999999", "EUR", "1.00"),
            ("-1.005", "EUR", "-1.01"),
            ("0.5", "JPY", "1"),
            ("1234.4999", "JPY", "1234"),
            ("0.0005", "KWD", "0.001"),
            ("2", "EUR", "2.00"),
        ],
    )
    def test_rounds_ties_away_from_zero(self, amount, currency, rounded):
        assert str(round_half_up(Decimal(amount), currency=currency)) == rounded

    def test_does_not_depend_on_the_thread_context(self):
        with localcontext(prec=4, rounding="ROUND_DOWN"):
            rounded = round_half_up(Decimal("1234567.895"), currency="EUR")

        assert rounded == Decimal("1234567.90")


class TestMinorAmounts:
    def test_come_back_as_they_went(self):
        assert to_minor(Decimal("12.30"), currency="EUR") == 1230
        assert to_minor(Decimal("12.3"), currency="EUR") == 1230
        assert to_minor(Decimal("-7"), currency="JPY") == -7
        assert str(from_minor(1230, currency="EUR")) == "12.30"
        assert str(from_minor(5, currency="KWD")) == "0.005"

    def test_refuse_a_fraction_of_a_minor_unit(self):
        with pytest.raises(NotRounded, match=r"12\.345 EUR is not rounded to 2 decimals"):
            to_minor(Decimal("12.345"), currency="EUR")


class TestAllot:
    @pytest.mark.parametrize(
        ("total", "weights", "shares"),
        [
            ("1.00", ["1", "1", "1"], ["0.34", "0.33", "0.33"]),
            ("-1.00", ["1", "1", "1"], ["-0.34", "-0.33", "-0.33"]),
            ("-0.55", ["4.55", "1.00"], ["-0.45", "-0.10"]),
            ("0.05", ["0", "3", "0.5"], ["0.00", "0.04", "0.01"]),
            ("0.00", ["0", "0"], ["0.00", "0.00"]),
            ("0.00", [], []),
        ],
    )
    def test_gives_what_is_left_to_the_largest_remainders(self, total, weights, shares):
        allotted = allot(Decimal(total), [Decimal(weight) for weight in weights], currency="EUR")

        assert [str(share) for share in allotted] == shares

    def test_refuses_weights_that_say_nothing(self):
        with pytest.raises(ValueError, match="every weight is zero"):
            allot(Decimal("0.01"), [Decimal(0)], currency="EUR")
        with pytest.raises(ValueError, match="a weight is negative"):
            allot(Decimal("0.01"), [Decimal(2), Decimal(-1)], currency="EUR")

    def test_refuses_a_total_that_is_not_rounded(self):
        with pytest.raises(NotRounded):
            allot(Decimal("0.001"), [Decimal(1)], currency="EUR")

    @given(
        total=st.integers(-(10**9), 10**9),
        weights=st.lists(st.decimals(0, 10**6, places=6), min_size=1, max_size=6),
    )
    def test_adds_up_and_is_never_a_whole_unit_off(self, total, weights):
        if not any(weights):
            weights = [*weights, Decimal(1)]

        shares = allot(from_minor(total, currency="EUR"), weights, currency="EUR")

        assert sum(to_minor(share, currency="EUR") for share in shares) == total
        for share, weight in zip(shares, weights, strict=True):
            assert abs(to_minor(share, currency="EUR") * sum(weights) - total * weight) < sum(weights)
