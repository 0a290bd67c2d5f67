"""Edges of the engine that no bill shows: refusals, running cost, documents, breakpoints."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from apps.core.domain.money import NotRounded
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import (
    GrantTerms,
    Measured,
    Reading,
    Reservation,
    SessionFacts,
    StateChange,
    VehicleState,
)
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.rating import (
    ENGINE_VERSION,
    MissingTaxRate,
    UnratableFacts,
    as_document,
    canonical_bytes,
    inputs_as_document,
    inputs_from_document,
    rate_session,
)
from apps.tariffs.domain.running import running_cost
from apps.tariffs.domain.terms import IdleRules, PriceLimit, ZeroEnergyPolicy
from apps.tariffs.domain.windows import offset_stretches

NOON = 1_772_366_400_000  # 2026-03-01 12:00:00 UTC, a Sunday
HOUR = 3_600_000
DAY = 24 * HOUR
RATES = {TaxCategory.STANDARD: Decimal("0.19")}
TERMS = parse_tariff(
    {
        "currency": "EUR",
        "tax_included": "YES",
        "elements": [{"price_components": [{"type": "ENERGY", "price": "0.40"}, {"type": "FLAT", "price": "1.00"}]}],
    }
)
FACTS = SessionFacts(
    started_at_ms=NOON,
    ended_at_ms=NOON + HOUR,
    time_zone="Europe/Berlin",
    register=(
        Reading(at_ms=NOON, energy_milliwh=5_000_000),
        Reading(at_ms=NOON + HOUR, energy_milliwh=15_000_000),
    ),
)

ENERGY = {"type": "ENERGY", "price": "0.40"}
DEAR = {"type": "ENERGY", "price": "0.80"}


def tariff(*elements, **options):
    return parse_tariff({"currency": "EUR", "tax_included": "YES", "elements": list(elements), **options})


def rate(facts=FACTS, terms=TERMS, grant=None, rates=RATES):
    return rate_session(facts=facts, terms=terms, grant=grant or GrantTerms(), tax_rates=rates)


class TestRateSession:
    def test_refuses_a_session_that_ends_before_it_starts(self):
        with pytest.raises(UnratableFacts, match="ends before it starts"):
            rate(replace(FACTS, ended_at_ms=NOON - 1))

    @pytest.mark.parametrize(
        ("register", "message"),
        [
            (FACTS.register[::-1], "instants do not ascend"),
            ((FACTS.register[0], FACTS.register[1]._replace(at_ms=NOON)), "instants do not ascend"),
            ((FACTS.register[0], FACTS.register[1]._replace(energy_milliwh=1)), "the register falls"),
        ],
    )
    def test_refuses_a_register_that_was_not_cleaned(self, register, message):
        with pytest.raises(UnratableFacts, match=message):
            rate(replace(FACTS, register=register))

    def test_refuses_an_unknown_time_zone(self):
        with pytest.raises(ValueError, match="'Europe/Nowhere' is no IANA time zone"):
            rate(replace(FACTS, time_zone="Europe/Nowhere"))

    def test_asks_for_the_rate_of_every_category_it_priced(self):
        with pytest.raises(MissingTaxRate, match="no tax rate given for standard"):
            rate(rates={TaxCategory.REDUCED: Decimal("0.07")})

    def test_refuses_grant_amounts_that_are_no_money(self):
        with pytest.raises(NotRounded):
            rate(grant=GrantTerms(limit_amount=Decimal("1.234")))
        with pytest.raises(ValueError, match="a grant's amount is negative"):
            rate(grant=GrantTerms(waive_below=Decimal("-1.00")))

    def test_charges_the_flat_of_a_session_without_length(self):
        facts = replace(FACTS, ended_at_ms=NOON, register=())

        rated = rate(facts, replace(TERMS, zero_energy=ZeroEnergyPolicy.FULL))

        (period,) = rated.periods
        assert (period.start_ms, period.end_ms, period.start_register_milliwh) == (NOON, NOON, None)
        assert rated.gross == Decimal("1.00")

    def test_bills_a_total_equal_to_the_limit_and_the_floor(self):
        rated = rate(grant=GrantTerms(limit_amount=Decimal("5.00"), waive_below=Decimal("5.00")))

        assert rated.gross == Decimal("5.00")
        assert rated.adjustments == ()

    def test_keeps_energy_metered_outside_the_session_instants(self):
        facts = replace(FACTS, started_at_ms=NOON + HOUR // 4, ended_at_ms=NOON + HOUR // 2)

        rated = rate(facts)

        (period,) = rated.periods
        assert rated.energy_milliwh == period.energy_milliwh == 10_000_000
        assert rated.gross == Decimal("5.00")

    def test_names_the_register_at_both_ends_of_each_period(self):
        facts = replace(
            FACTS,
            states=(
                StateChange(at_ms=NOON - HOUR, state=VehicleState.CHARGING),
                StateChange(at_ms=NOON + HOUR // 2, state=VehicleState.IDLE),
                StateChange(at_ms=NOON + HOUR // 2 + 1, state=VehicleState.IDLE),
                StateChange(at_ms=NOON + 2 * HOUR, state=VehicleState.CHARGING),
            ),
        )

        rated = rate(facts)

        assert [
            (period.state, period.start_register_milliwh, period.end_register_milliwh) for period in rated.periods
        ] == [
            (VehicleState.CHARGING, 5_000_000, 10_000_000),
            (VehicleState.IDLE, 10_000_000, 15_000_000),
        ]
        assert rated.charging_ms == HOUR // 2

    def test_extrapolates_nothing_past_the_last_reading(self):
        rated = rate(replace(FACTS, ended_at_ms=NOON + 3 * HOUR))

        assert rated.energy_milliwh == 10_000_000
        assert rated.charging_ms == HOUR

    @pytest.mark.parametrize("percent", ["0", "-1", "100.0001", "12.34567"])
    def test_refuses_a_discount_that_is_no_percentage(self, percent):
        with pytest.raises(ValueError, match="is no percentage up to 100 with at most 4 decimals"):
            rate(grant=GrantTerms(discount_percent=Decimal(percent)))

    def test_refuses_a_reservation_that_ends_before_it_starts(self):
        with pytest.raises(UnratableFacts, match="the reservation ends before it starts"):
            rate(replace(FACTS, reservation=Reservation(start_ms=NOON, end_ms=NOON - 1)))

    def test_says_that_a_power_was_inferred(self):
        terms = tariff({"price_components": [ENERGY], "restrictions": {"min_power": "11"}})
        powers = (
            Measured(at_ms=NOON, value=22_000_000, inferred=True),
            Measured(at_ms=NOON + 60_000, value=22_000_000),
        )

        rated = rate(replace(FACTS, powers=powers), terms)

        assert [part.reason for period in rated.periods for part in period.parts] == [
            "from 11 kW, power inferred from the meter",
            "from 11 kW",
        ]

    def test_matches_no_power_that_is_unknown(self):
        terms = tariff(
            {"price_components": [ENERGY], "restrictions": {"min_power": "0"}},
            {"price_components": [ENERGY], "restrictions": {"max_power": "1000"}},
        )

        rated = rate(replace(FACTS, powers=(Measured(at_ms=NOON, value=None),)), terms)

        assert [period.parts for period in rated.periods] == [()]

    def test_prices_a_reservation_as_a_period_of_its_own(self):
        terms = tariff(
            {"price_components": [ENERGY]},
            {"price_components": [{"type": "TIME", "price": "2"}], "restrictions": {"reservation": "RESERVATION"}},
        )
        facts = replace(FACTS, reservation=Reservation(start_ms=NOON - HOUR, end_ms=NOON))

        rated = rate(facts, terms)

        before, session = rated.periods
        assert (before.start_ms, before.end_ms, before.state) == (NOON - HOUR, NOON, VehicleState.RESERVED)
        assert (before.charging_ms, before.start_register_milliwh) == (0, None)
        assert (session.start_ms, session.end_ms) == (NOON, NOON + HOUR)
        assert rated.charging_ms == HOUR
        assert rated.gross == Decimal("6.00")

    def test_cuts_the_register_from_before_the_session_at_a_threshold(self):
        terms = tariff({"price_components": [ENERGY], "restrictions": {"max_kwh": "2"}}, {"price_components": [DEAR]})
        facts = replace(FACTS, started_at_ms=NOON + HOUR // 2)

        rated = rate(facts, terms)

        assert [(period.start_ms, period.end_ms, period.energy_milliwh) for period in rated.periods] == [
            (NOON + HOUR // 2, NOON + HOUR // 2, 2_000_000),
            (NOON + HOUR // 2, NOON + HOUR, 8_000_000),
        ]


class TestMinPrice:
    def test_goes_to_the_first_tax_category_where_nothing_was_priced(self):
        terms = tariff(
            {"price_components": [{**ENERGY, "tax_category": "reduced"}]},
            {"price_components": [{"type": "PARKING_TIME", "price": "1"}]},
            min_price={"incl_vat": "1.07"},
            zero_energy="full",
        )

        rated = rate(replace(FACTS, register=()), terms, rates={**RATES, TaxCategory.REDUCED: Decimal("0.07")})

        (total,) = rated.totals
        assert (total.tax_category, total.net, total.tax) == ("reduced", Decimal("1.00"), Decimal("0.07"))
        (line,) = rated.adjustments
        assert (line.kind, line.gross, line.split) == (AdjustmentKind.MIN_PRICE, Decimal("1.07"), rated.totals)
        assert (rated.exact.net, rated.exact.gross) == (Decimal(1), Decimal("1.07"))

    def test_is_not_asked_where_nobody_came(self):
        terms = tariff(
            {"price_components": [ENERGY]},
            {"price_components": [{"type": "FLAT", "price": "2"}], "restrictions": {"reservation": "RESERVATION"}},
            min_price={"incl_vat": "5.00"},
            zero_energy="full",
        )
        reservation = Reservation(start_ms=NOON - HOUR, end_ms=NOON, expired=True)

        rated = rate(replace(FACTS, ended_at_ms=NOON, register=(), reservation=reservation), terms)

        assert rated.gross == Decimal("2.00")
        assert rated.zero_energy is None

    def test_is_paid_by_who_has_everything_discounted(self):
        terms = replace(TERMS, min_price=PriceLimit(incl_vat=Decimal("1.00")))

        rated = rate(terms=terms, grant=GrantTerms(discount_percent=Decimal(100)))

        assert [(line.kind, line.gross) for line in rated.adjustments] == [
            (AdjustmentKind.DISCOUNT, Decimal("-5.00")),
            (AdjustmentKind.MIN_PRICE, Decimal("1.00")),
        ]
        assert rated.gross == Decimal("1.00")


class TestMaxPrice:
    def test_taxes_only_those_categories_anew_whose_share_it_takes(self):
        components = [
            {"type": "ENERGY", "price": "0.9"},
            {"type": "FLAT", "price": "38", "tax_category": "reduced"},
            {"type": "TIME", "price": "100", "tax_category": "zero"},
        ]
        terms = replace(
            tariff({"price_components": components}, max_price={"excl_vat": "143", "incl_vat": "147"}), currency="JPY"
        )
        rates = {**RATES, TaxCategory.REDUCED: Decimal("0.07"), TaxCategory.ZERO: Decimal(0)}

        rated = rate(terms=terms, rates=rates)

        # Net 8 + 36 + 100 is one too many. Taxed anew, 8 net would make 10 gross of the 9, and 36 net 39 of the 38.
        assert [(total.net, total.gross) for total in rated.totals] == [(8, 9), (36, 38), (99, 99)]
        assert (rated.net, rated.gross) == (143, 146)


class TestAdjustments:
    def test_leave_no_line_where_they_move_nothing(self):
        terms = replace(TERMS, idle=IdleRules(max_amount=Decimal(0)), max_price=PriceLimit(incl_vat=Decimal("5.00")))

        rated = rate(replace(FACTS, register=()), terms, GrantTerms(discount_percent=Decimal(10)))

        assert rated.gross == 0
        assert rated.adjustments == ()


class TestRunningCost:
    def test_is_what_the_session_would_cost_if_it_ended_now(self):
        half = replace(
            FACTS,
            ended_at_ms=NOON + HOUR // 2,
            register=(FACTS.register[0], Reading(at_ms=NOON + HOUR // 2, energy_milliwh=10_000_000)),
        )

        cost = running_cost(facts_so_far=half, terms=TERMS, grant=GrantTerms(), tax_rates=RATES)

        assert cost == Decimal("3.00")

    def test_stays_at_the_limit(self):
        cost = running_cost(
            facts_so_far=FACTS,
            terms=TERMS,
            grant=GrantTerms(limit_amount=Decimal("4.00")),
            tax_rates=RATES,
        )

        assert cost == Decimal("4.00")


class TestDocuments:
    def test_write_decimals_as_strings(self):
        document = as_document(rate())

        assert document == {
            "currency": "EUR",
            "energy_milliwh": 10_000_000,
            "charging_ms": HOUR,
            "idle_ms": 0,
            "idle_amount": "0",
            "periods": [
                {
                    "start_ms": NOON,
                    "end_ms": NOON + HOUR,
                    "state": "unknown",
                    "energy_milliwh": 10_000_000,
                    "charging_ms": HOUR,
                    "idle_ms": 0,
                    "start_register_milliwh": 5_000_000,
                    "end_register_milliwh": 15_000_000,
                    "parts": [
                        {
                            "element_index": 0,
                            "dimension": "FLAT",
                            "tax_category": "standard",
                            "quantity": 1,
                            "price": "1",
                            "amount": "1",
                            "reason": "at all times",
                        },
                        {
                            "element_index": 0,
                            "dimension": "ENERGY",
                            "tax_category": "standard",
                            "quantity": 10_000_000,
                            "price": "0.4",
                            "amount": "4",
                            "reason": "at all times",
                        },
                    ],
                }
            ],
            "adjustments": [],
            "totals": [{"tax_category": "standard", "rate": "0.19", "net": "4.20", "tax": "0.80", "gross": "5.00"}],
            "net": "4.20",
            "tax": "0.80",
            "gross": "5.00",
            "exact": {"net": "4.201680672268", "gross": "5"},
            "zero_energy": None,
            "engine_version": ENGINE_VERSION,
        }

    def test_keep_measurements_reservation_and_discount_to_rate_again(self):
        facts = replace(
            FACTS,
            states=(StateChange(at_ms=NOON, state=VehicleState.CHARGING),),
            powers=(Measured(at_ms=NOON, value=22_000_000, inferred=True), Measured(at_ms=NOON + 1, value=None)),
            currents=(Measured(at_ms=NOON, value=32_000),),
            reservation=Reservation(start_ms=NOON - HOUR, end_ms=NOON),
        )
        grant = GrantTerms(discount_percent=Decimal("12.5"), limit_amount=Decimal("5.00"), waive_below=Decimal("0.10"))

        inputs = inputs_from_document(
            json.loads(canonical_bytes(inputs_as_document(facts=facts, grant=grant, tax_rates=RATES)))
        )

        assert (inputs.facts, inputs.grant, inputs.tax_rates) == (facts, grant, RATES)

    def test_are_the_same_bytes_in_whatever_order_they_were_made(self):
        assert canonical_bytes({"b": 1, "a": ["ü", None]}) == '{"a":["ü",null],"b":1}'.encode()

    @pytest.mark.parametrize("inexact", [1.5, {"deep": [0.1]}, Decimal(1)])
    def test_refuse_what_is_not_exact_json(self, inexact):
        with pytest.raises(TypeError):
            canonical_bytes({"amount": inexact})


class TestOffsetStretches:
    @pytest.mark.parametrize(
        ("zone", "day", "stretches"),
        [
            ("UTC", "2026-03-29", [(0, 24, 0)]),
            ("Europe/Berlin", "2026-03-28", [(0, 24, 1)]),
            ("Europe/Berlin", "2026-03-29", [(0, 1, 1), (1, 24, 2)]),
            ("Europe/Berlin", "2026-10-25", [(0, 1, 2), (1, 24, 1)]),
            ("Australia/Lord_Howe", "2026-04-04", [(0, 15, 11), (15, 24, 10.5)]),
            # Egypt's day of 2026-04-24 begins at 01:00: local midnight does not exist.
            ("Africa/Cairo", "2026-04-23", [(0, 22, 2), (22, 24, 3)]),
        ],
    )
    def test_cut_a_utc_day_at_its_clock_changes(self, zone, day, stretches):
        utc_day = (date.fromisoformat(day) - date(1970, 1, 1)).days

        found = offset_stretches(zone, utc_day)

        assert [
            ((start - utc_day * DAY) / HOUR, (end - utc_day * DAY) / HOUR, offset / HOUR)
            for start, end, offset in found
        ] == stretches
