"""Included energy, proration, local months, late records and wallets of a period."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.period import (
    IncludedEnergy,
    PeriodPart,
    by_local_month,
    energy_parts,
    included_lines,
    local_month,
    prorate,
    reversed_line,
    round_once,
    share_each,
    share_pool,
    what_changes,
)
from apps.tariffs.domain.rating import rate_session

KWH = 1_000_000
HOUR_MS = 3_600_000
MARCH = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp()) * 1000


def part(name, *, hours=0, kwh="10", price="0.39", owner="van", category="standard"):
    return PeriodPart(
        part_id=name,
        metered_at_ms=MARCH + hours * HOUR_MS,
        energy_milliwh=int(Decimal(kwh) * KWH),
        price=Decimal(price),
        tax_category=category,
        owner=owner,
    )


drawn_parts = st.lists(
    st.builds(
        PeriodPart,
        part_id=st.uuids().map(str),
        metered_at_ms=st.integers(MARCH, MARCH + 10),
        energy_milliwh=st.integers(0, 50 * KWH),
        price=st.decimals(min_value=0, max_value=1, places=2),
        tax_category=st.sampled_from(["standard", "reduced"]),
        owner=st.sampled_from(["van", "truck"]),
    ),
    max_size=8,
    unique_by=lambda drawn: drawn.part_id,
)
allowances = st.integers(0, 200 * KWH)


def told(lines):
    return [(line.owner, line.words, line.amount) for line in lines]


def charged(parts):
    return sum((Decimal(drawn.energy_milliwh) / KWH * drawn.price for drawn in parts), Decimal(0))


def total(lines):
    return sum((line.amount for line in lines), Decimal(0))


class TestPool:
    def test_is_used_by_the_earliest_first_and_ends_inside_a_part(self):
        parts = [part("b", hours=5, price="0.45"), part("a", hours=1), part("c", hours=9, price="0.45")]

        covered = share_pool(parts=parts, included_milliwh=12_500_000)

        assert covered == (
            IncludedEnergy(part=parts[1], energy_milliwh=10 * KWH),
            IncludedEnergy(part=parts[0], energy_milliwh=2_500_000),
        )
        assert told(included_lines(covered)) == [
            ("", "−10.000 kWh × 0.39 included", Decimal("-3.90")),
            ("", "−2.500 kWh × 0.45 included", Decimal("-1.1250")),
        ]

    def test_gives_one_line_a_price_and_category(self):
        parts = [part("a"), part("b", kwh="2.5", owner="truck"), part("c", category="reduced")]

        lines = included_lines(share_pool(parts=parts, included_milliwh=100 * KWH))

        assert told(lines) == [
            ("", "−12.500 kWh × 0.39 included", Decimal("-4.8750")),
            ("", "−10.000 kWh × 0.39 included", Decimal("-3.90")),
        ]
        assert [line.tax_category for line in lines] == ["standard", "reduced"]

    def test_is_not_used_by_what_is_free(self):
        parts = [part("free", price="0"), part("dear", hours=1)]

        [covered] = share_pool(parts=parts, included_milliwh=10 * KWH)

        assert covered.part.part_id == "dear"

    def test_shows_less_than_a_watt_hour_where_there_is_one(self):
        [line] = included_lines(share_pool(parts=[part("a", kwh="0.000001")], included_milliwh=KWH))

        assert line.words == "−0.000001 kWh × 0.39 included"

    @pytest.mark.parametrize(
        ("parts", "included", "message"),
        [
            ([part("a"), part("a", hours=1)], 1, "the part a is there twice"),
            ([part("a", price="-1")], 1, "the part a has a negative energy or price"),
            ([part("a", kwh="-1")], 1, "the part a has a negative energy or price"),
            ([], -1, "an allowance of -1 mWh is negative"),
        ],
    )
    def test_refuses_what_cannot_be(self, parts, included, message):
        with pytest.raises(ValueError, match=message):
            share_pool(parts=parts, included_milliwh=included)

    @given(parts=drawn_parts, included=allowances, shuffled=st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order_of_parts(self, parts, included, shuffled):
        other = list(parts)
        shuffled.shuffle(other)

        assert share_pool(parts=other, included_milliwh=included) == share_pool(parts=parts, included_milliwh=included)

    @given(parts=drawn_parts, included=allowances)
    def test_never_credits_more_than_was_charged(self, parts, included):
        covered = share_pool(parts=parts, included_milliwh=included)

        assert all(cover.energy_milliwh <= cover.part.energy_milliwh for cover in covered)
        assert 0 <= charged(parts) + total(included_lines(covered)) <= charged(parts)
        payable = sum(drawn.energy_milliwh for drawn in parts if drawn.price)
        assert sum(cover.energy_milliwh for cover in covered) == min(included, payable)

    @given(parts=drawn_parts, included=allowances)
    def test_parts_its_lines_without_losing_any(self, parts, included):
        covered = share_pool(parts=parts, included_milliwh=included)

        assert total(included_lines(covered)) == total(included_lines(covered, each_owner=True))
        assert total(included_lines(covered)) == -charged(
            PeriodPart(
                part_id=cover.part.part_id,
                metered_at_ms=cover.part.metered_at_ms,
                energy_milliwh=cover.energy_milliwh,
                price=cover.part.price,
                tax_category=cover.part.tax_category,
                owner=cover.part.owner,
            )
            for cover in covered
        )


class TestAllowanceOfEachVehicle:
    def test_is_not_shared(self):
        parts = [part("a", owner="van"), part("b", owner="truck"), part("c", owner="bike")]

        covered = share_each(parts=parts, included_milliwh={"van": 50 * KWH, "truck": 4 * KWH})

        assert told(included_lines(covered, each_owner=True)) == [
            ("truck", "−4.000 kWh × 0.39 included", Decimal("-1.56")),
            ("van", "−10.000 kWh × 0.39 included", Decimal("-3.90")),
        ]

    @given(parts=drawn_parts, included=allowances)
    def test_is_a_pool_of_one(self, parts, included):
        vans = [drawn for drawn in parts if drawn.owner == "van"]

        assert share_each(parts=parts, included_milliwh={"van": included}) == share_pool(
            parts=vans, included_milliwh=included
        )


def delta(billed, due):
    """Return what a run books: old lines taken back, new ones added."""
    gone, new = what_changes(billed=[(line, line) for line in billed], due=[(line, None) for line in due])
    return (*map(reversed_line, gone), *(line for line, _ in new))


class TestLateRecord:
    def test_moves_the_allowance_by_lines_of_its_own(self):
        parts = [part("a", hours=5), part("b", hours=6, price="0.45")]
        late = part("late", hours=1, kwh="8", price="0.30")
        billed = included_lines(share_pool(parts=parts, included_milliwh=12 * KWH))

        due = included_lines(share_pool(parts=[*parts, late], included_milliwh=12 * KWH))

        assert told(delta(billed, due)) == [
            ("", "reversed: −10.000 kWh × 0.39 included", Decimal("3.90")),
            ("", "reversed: −2.000 kWh × 0.45 included", Decimal("0.90")),
            ("", "−8.000 kWh × 0.30 included", Decimal("-2.40")),
            ("", "−4.000 kWh × 0.39 included", Decimal("-1.56")),
        ]

    @given(parts=drawn_parts, included=allowances, count=st.integers(0, 8))
    def test_changes_the_period_only_by_the_difference(self, parts, included, count):
        billed = included_lines(share_pool(parts=parts[:count], included_milliwh=included))
        due = included_lines(share_pool(parts=parts, included_milliwh=included))

        booked = delta(billed, due)

        assert total(billed) + total(booked) == total(due)
        assert all(line.amount == line.quantity * line.price for line in booked)

    @given(parts=drawn_parts, included=allowances, counts=st.lists(st.integers(0, 8), max_size=5))
    def test_after_late_record_leaves_standing_what_is_due_and_nothing_else(self, parts, included, counts):
        standing = []
        for count in [*counts, len(parts)]:
            due = included_lines(share_pool(parts=parts[:count], included_milliwh=included))
            gone, new = what_changes(billed=list(enumerate(standing)), due=[(line, None) for line in due])
            standing = [line for n, line in enumerate(standing) if n not in gone] + [line for line, _ in new]
            assert Counter(standing) == Counter(due)
            assert delta(standing, due) == ()

    @given(parts=drawn_parts, included=allowances)
    def test_that_came_already_changes_nothing(self, parts, included):
        lines = included_lines(share_pool(parts=parts, included_milliwh=included))

        assert delta(lines, tuple(reversed(lines))) == ()

    def test_of_two_equal_lines_leaves_the_one_that_is_due(self):
        [line] = included_lines(share_pool(parts=[part("a")], included_milliwh=KWH))

        assert [found.amount for found in delta((line, line), (line,))] == [Decimal("0.39")]


class TestProration:
    @pytest.mark.parametrize(
        ("joined", "kwh"),
        [
            ("2025-02-10", "100"),
            ("2025-03-01", "100"),
            ("2025-03-15", "54.838"),
            ("2025-03-31", "3.225"),
            ("2025-04-01", "0"),
            ("2026-01-01", "0"),
        ],
    )
    def test_counts_the_days_left_with_the_day_of_joining(self, joined, kwh):
        milliwh = prorate(
            included_milliwh=100 * KWH,
            period_start=date(2025, 3, 1),
            period_end=date(2025, 4, 1),
            joined=date.fromisoformat(joined),
        )

        assert Decimal(milliwh) / KWH == Decimal(kwh)

    def test_refuses_a_period_without_a_day(self):
        with pytest.raises(ValueError, match="no day lies between 2025-03-01 and 2025-03-01"):
            prorate(
                included_milliwh=1,
                period_start=date(2025, 3, 1),
                period_end=date(2025, 3, 1),
                joined=date(2025, 3, 1),
            )


class TestLocalMonth:
    @pytest.mark.parametrize(
        ("moment", "zone", "month"),
        [
            ("2025-03-31T21:59:59Z", "Europe/Berlin", "2025-03-01"),
            ("2025-03-31T22:00:00Z", "Europe/Berlin", "2025-04-01"),
            ("2025-01-31T23:00:00Z", "Europe/Berlin", "2025-02-01"),
            ("2025-01-01T04:59:59Z", "America/New_York", "2024-12-01"),
        ],
    )
    def test_follows_the_zone_at_that_very_instant(self, moment, zone, month):
        at_ms = int(datetime.fromisoformat(moment).timestamp()) * 1000

        assert local_month(at_ms, time_zone=zone) == date.fromisoformat(month)

    def test_sorts_parts(self):
        january, december = part("january", hours=-59 * 24), part("december", hours=-59 * 24 - 2)

        months = by_local_month([january, december], time_zone="Europe/Berlin")

        assert months == {date(2024, 12, 1): (december,), date(2025, 1, 1): (january,)}


def rated(*, max_price=None, discount=None, idle_cap=None):
    """Rate 10 kWh at 0.39, taxed, an hour at 1.00, not taxed, and an hour of idling at 2.00, taxed, up to its cap."""
    terms = parse_tariff(
        {
            "currency": "EUR",
            "tax_included": "YES",
            "elements": [
                {
                    "price_components": [
                        {"type": "ENERGY", "price": "0.39"},
                        {"type": "TIME", "price": "1.00", "tax_category": "zero"},
                        *([] if idle_cap is None else [{"type": "PARKING_TIME", "price": "2.00"}]),
                    ]
                }
            ],
            **({} if idle_cap is None else {"idle": {"max_amount": idle_cap}}),
            **({} if max_price is None else {"max_price": {"incl_vat": max_price}}),
        }
    )
    facts = SessionFacts(
        started_at_ms=MARCH,
        ended_at_ms=MARCH + 2 * HOUR_MS,
        time_zone="Europe/Berlin",
        register=(
            Reading(at_ms=MARCH, energy_milliwh=0),
            Reading(at_ms=MARCH + HOUR_MS, energy_milliwh=10 * KWH),
        ),
        states=(
            StateChange(at_ms=MARCH, state=VehicleState.CHARGING),
            StateChange(at_ms=MARCH + HOUR_MS, state=VehicleState.IDLE),
        ),
    )
    grant = GrantTerms(discount_percent=None if discount is None else Decimal(discount))
    return rate_session(
        facts=facts, terms=terms, grant=grant, tax_rates={"standard": Decimal("0.19"), "zero": Decimal(0)}
    )


class TestEnergyOfARecord:
    def test_is_the_energy_that_was_charged(self):
        parts = energy_parts(rated=rated(), tax_included=True, record="CDR-7", owner="van")

        assert parts == (part("CDR-7/0"),)

    def test_has_the_price_that_a_discount_left(self):
        [found] = energy_parts(rated=rated(discount="10"), tax_included=True, record="CDR-7", owner="van")

        assert found.price == Decimal("0.351000")

    def test_keeps_its_price_where_only_the_idle_fee_was_capped(self):
        session = rated(idle_cap="0.50")

        [found] = energy_parts(rated=session, tax_included=True, record="CDR-7", owner="van")

        assert [adjustment.kind for adjustment in session.adjustments] == ["idle_cap"]
        assert found.price == Decimal("0.39")

    def test_has_the_price_that_a_cap_left_cut_so_that_no_credit_exceeds_what_was_paid(self):
        session = rated(max_price="1.00", discount="10")

        [found] = energy_parts(rated=session, tax_included=True, record="CDR-7", owner="van")

        [energy] = [category.gross for category in session.totals if category.tax_category == "standard"]
        assert Decimal(0) <= energy - found.price * 10 < Decimal("0.00001")


class TestWallet:
    def test_pays_what_it_holds_and_leaves_the_rest_owed(self):
        debit = round_once(amount=Decimal("17.7196"), balance=Decimal("10.00"), currency="EUR")

        assert (debit.paid, debit.owed, debit.balance) == (Decimal("10.00"), Decimal("7.72"), Decimal("0.00"))

    @given(
        amount=st.decimals(min_value=0, max_value=100, places=5),
        balance=st.decimals(min_value=0, max_value=100, places=2),
    )
    def test_moves_the_same_number_on_both_sides(self, amount, balance):
        debit = round_once(amount=amount, balance=balance, currency="EUR")

        assert debit.balance + debit.paid == balance
        assert abs(debit.paid + debit.owed - amount) <= Decimal("0.005")
        assert debit.owed == 0 or debit.balance == 0

    def test_refuses_a_negative_amount(self):
        with pytest.raises(ValueError, match="a wallet pays no negative amount"):
            round_once(amount=Decimal(-1), balance=Decimal(0), currency="EUR")
