"""Tiers, percentages and commitments of a period."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.ladders import Tier, commitment_lines, graduated_lines, percentage_lines, volume_lines

TIERS = (
    Tier(up_to=Decimal(100), unit_price=Decimal("0.39"), flat=Decimal(5)),
    Tier(up_to=Decimal(500), unit_price=Decimal("0.35")),
    Tier(up_to=None, unit_price=Decimal("0.30"), flat=Decimal(2)),
)
units = st.decimals(min_value=0, max_value=2_000, places=3)
prices = st.decimals(min_value=0, max_value=2, places=4)


def graduated(number):
    return graduated_lines(units=Decimal(number), tiers=TIERS, unit="kWh", tax_category="standard")


def total(lines):
    return sum((line.amount for line in lines), Decimal(0))


class TestGraduatedTiers:
    def test_price_each_unit_in_its_own_tier(self):
        lines = graduated("620.5")

        assert [(line.words, line.amount) for line in lines] == [
            ("5 for 0 to 100 kWh", Decimal(5)),
            ("100 kWh × 0.39 (0 to 100)", Decimal("39.00")),
            ("400 kWh × 0.35 (100 to 500)", Decimal("140.00")),
            ("2 for over 500 kWh", Decimal(2)),
            ("120.5 kWh × 0.30 (over 500)", Decimal("36.150")),
        ]
        assert total(lines) == Decimal("222.15")

    def test_charge_the_first_flat_without_any_use(self):
        assert [(line.words, line.amount) for line in graduated(0)] == [("5 for 0 to 100 kWh", Decimal(5))]

    def test_are_entered_by_the_first_fraction_above_a_bound(self):
        assert total(graduated("500")) == Decimal(184)
        assert total(graduated("500.001")) == Decimal("186.0003")

    @given(less=units, more=units)
    def test_never_charge_less_for_more(self, less, more):
        assert total(graduated(min(less, more))) <= total(graduated(max(less, more)))

    @given(number=units)
    def test_add_up_to_the_units(self, number):
        assert sum(line.quantity for line in graduated(number) if line.kind == "tier") == number

    @pytest.mark.parametrize(
        ("tiers", "message"),
        [
            ((), "the last tier is not open"),
            (TIERS[:2], "the last tier is not open"),
            ((TIERS[1], TIERS[0], TIERS[2]), "the tiers do not ascend"),
            ((TIERS[2], TIERS[0], TIERS[2]), "the tiers do not ascend"),
            ((Tier(up_to=Decimal(0), unit_price=Decimal(1)), TIERS[2]), "the tiers do not ascend"),
        ],
    )
    def test_refuse_a_ladder_with_a_hole(self, tiers, message):
        with pytest.raises(ValueError, match=message):
            graduated_lines(units=Decimal(1), tiers=tiers, unit="kWh", tax_category="standard")

    def test_refuse_negative_units(self):
        with pytest.raises(ValueError, match="-1 units are negative"):
            graduated(-1)


class TestVolumeTiers:
    def test_price_all_units_in_the_tier_of_their_sum(self):
        lines = volume_lines(units=Decimal(600), tiers=TIERS, unit="kWh", tax_category="standard")

        assert [(line.words, line.amount) for line in lines] == [
            ("2 for over 500 kWh", Decimal(2)),
            ("600 kWh × 0.30 (over 500)", Decimal("180.00")),
        ]

    def test_still_belong_to_a_tier_at_its_upper_bound(self):
        lines = volume_lines(units=Decimal(500), tiers=TIERS, unit="kWh", tax_category="standard")

        assert total(lines) == Decimal(175)


def commission(*amounts, free_events=None, free_amount=None):
    return percentage_lines(
        amounts=[Decimal(amount) for amount in amounts],
        rate=Decimal("0.013"),
        fixed=Decimal("2.00"),
        free_events=free_events,
        free_amount=None if free_amount is None else Decimal(free_amount),
        currency="EUR",
        tax_category="standard",
    )


class TestPercentage:
    def test_is_taken_of_every_event_where_none_is_free(self):
        assert [line.amount for line in commission(100, 300)] == [Decimal("5.200"), Decimal("4.00")]

    def test_spares_the_first_events(self):
        assert [line.quantity for line in commission(100, 300, 50, free_events=1)] == [Decimal(350), Decimal(2)]

    def test_spares_the_first_amount_and_charges_the_event_in_which_it_ends(self):
        assert [line.quantity for line in commission(100, 300, 50, free_amount=150)] == [Decimal(300), Decimal(2)]

    def test_ends_what_is_free_with_whichever_bound_comes_first(self):
        by_events = commission(100, 300, 50, free_events=1, free_amount=1000)
        by_amount = commission(100, 300, 50, free_events=3, free_amount=100)

        assert [line.quantity for line in by_events] == [Decimal(350), Decimal(2)]
        assert [line.quantity for line in by_amount] == [Decimal(350), Decimal(2)]

    def test_has_no_line_where_all_is_free(self):
        assert commission(100, free_events=1) == ()

    def test_refuses_a_negative_amount(self):
        with pytest.raises(ValueError, match="an event's amount is negative"):
            commission(-1)

    @given(amounts=st.lists(units, max_size=8), free_events=st.integers(0, 4), free_amount=units)
    def test_frees_never_more_than_the_bounds(self, amounts, free_events, free_amount):
        lines = commission(*amounts, free_events=free_events, free_amount=free_amount)

        taxable = sum((line.quantity for line in lines if line.kind == "percentage"), Decimal(0))
        paying = sum((line.quantity for line in lines if line.kind == "event"), Decimal(0))
        assert sum(amounts) - taxable <= min(free_amount, sum(amounts[:free_events]))
        assert len(amounts) - paying <= free_events


class TestCommitment:
    def test_is_made_up_for_where_it_was_not_reached(self):
        [line] = commitment_lines(
            charged=Decimal("38.20"), committed=Decimal("50.00"), currency="EUR", tax_category="standard"
        )

        assert (line.words, line.amount) == ("11.80 EUR up to the minimum of 50.00 EUR", Decimal("11.80"))

    @given(charged=prices, committed=prices)
    def test_is_the_least_that_is_charged(self, charged, committed):
        lines = commitment_lines(charged=charged, committed=committed, currency="EUR", tax_category="standard")

        assert charged + total(lines) == max(charged, committed)
