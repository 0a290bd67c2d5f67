"""Parts of a line: whatever the parts, together they are the line, to the cent of its net."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.money import EXACT, NotRounded, from_minor, round_half_up
from apps.invoices.domain.amounts import LineAmounts
from apps.invoices.domain.credits import left_of, part_of, spread

RATE = Decimal("0.19")


def gross_line(gross: str | Decimal) -> LineAmounts:
    gross = Decimal(gross)
    net = round_half_up(EXACT.divide(gross, 1 + RATE), currency="EUR")
    return LineAmounts(category="S", rate=RATE, net=net, gross=gross)


NONE = LineAmounts(category="S", rate=RATE, net=Decimal(0), gross=Decimal(0))


def plus(one: LineAmounts, other: LineAmounts) -> LineAmounts:
    return LineAmounts(category="S", rate=RATE, net=one.net + other.net, gross=one.gross + other.gross)


class TestPartOf:
    def test_states_net_where_the_line_does(self):
        line = LineAmounts(category="S", rate=RATE, net=Decimal("8.40"), gross=None)
        credited = LineAmounts(category="S", rate=RATE, net=Decimal("1.00"), gross=None)

        part = part_of(line, credited=credited, stated=Decimal("2.50"), currency="EUR")

        assert (part.net, part.gross) == (Decimal("2.50"), None)
        assert left_of(line, credited=credited).stated == Decimal("7.40")

    def test_the_worked_table(self):
        credited, nets = NONE, []
        for stated in ("3.33", "3.33", "3.34"):
            part = part_of(gross_line("10.00"), credited=credited, stated=Decimal(stated), currency="EUR")
            credited = plus(credited, part)
            nets.append(str(part.net))

        assert nets == ["2.80", "2.80", "2.80"]
        assert left_of(gross_line("10.00"), credited=credited) == NONE

    @given(st.lists(st.integers(1, 5_000), min_size=1, max_size=12))
    def test_parts_sum_to_the_whole_and_never_pass_it(self, cents):
        line, credited = gross_line(from_minor(sum(cents), currency="EUR")), NONE
        for cent in cents:
            part = part_of(line, credited=credited, stated=from_minor(cent, currency="EUR"), currency="EUR")
            credited = plus(credited, part)
            assert part.net >= 0
            assert credited.net <= line.net

        assert credited == line


class TestSpread:
    def test_is_in_proportion_to_what_is_left(self):
        assert spread(Decimal("3.00"), [Decimal("6.00"), Decimal("0.00"), Decimal("3.00")], currency="EUR") == (
            Decimal("2.00"),
            Decimal("0.00"),
            Decimal("1.00"),
        )

    @given(st.data(), st.lists(st.integers(0, 5_000), min_size=1, max_size=8))
    def test_never_takes_more_of_a_line_than_is_left(self, data, cents):
        left = [from_minor(cent, currency="EUR") for cent in cents]
        amount = from_minor(data.draw(st.integers(0, sum(cents))), currency="EUR")

        shares = spread(amount, left, currency="EUR")

        assert sum(shares) == amount
        assert all(0 <= share <= rest for share, rest in zip(shares, left, strict=True))

    def test_refuses_more_than_is_left_and_parts_of_a_cent(self):
        with pytest.raises(ValueError, match=r"9\.01 of 9\.00"):
            spread(Decimal("9.01"), [Decimal("9.00")], currency="EUR")
        with pytest.raises(NotRounded):
            spread(Decimal("0.001"), [Decimal("9.00")], currency="EUR")
