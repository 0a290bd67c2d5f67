"""Laws that hold for every tariff and session the engine supports."""

import json
import os
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.core.domain.money import minor_unit, round_half_up
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, ZeroEnergyPolicy
from apps.tariffs.domain.rating import (
    AdjustmentKind,
    RatedSession,
    as_document,
    canonical_bytes,
    inputs_as_document,
    inputs_from_document,
    rate_session,
)
from apps.tariffs.domain.register import clean_register
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
)
from tests.unit.tariffs import naive
from tests.unit.tariffs.drawn import RATES, elements, grants, sessions, tariffs

# Enough for every run; ``LAW_EXAMPLES=5000`` for a change of the engine.
law = settings(max_examples=int(os.environ.get("LAW_EXAMPLES", "40")), deadline=None)
policies = st.sampled_from(ZeroEnergyPolicy)
NO_GRANT = GrantTerms()


def rate(
    facts: SessionFacts,
    terms: TariffTerms,
    grant: GrantTerms = NO_GRANT,
    zero_energy: ZeroEnergyPolicy = ZeroEnergyPolicy.FULL,
) -> RatedSession:
    return rate_session(facts=facts, terms=terms, grant=grant, tax_rates=RATES, zero_energy=zero_energy)


def document_bytes(rated: RatedSession) -> bytes:
    return canonical_bytes(as_document(rated))


class TestNaiveEngine:
    @law
    @given(facts=sessions(), terms=tariffs(), policy=policies)
    def test_agrees_in_every_exact_and_rounded_amount(self, facts, terms, policy):
        amounts = naive.exact_amounts(facts, terms, policy)
        totals = naive.rounded(amounts, terms, {name: Fraction(rate) for name, rate in RATES.items()})

        rated = rate(facts, terms, zero_energy=policy)

        stated = rated.exact.gross if terms.tax_included else rated.exact.net
        assert 0 <= sum(amounts.values()) - Fraction(stated) < Fraction(len(amounts) or 1, 10**12)
        assert {
            total.tax_category: (Fraction(total.net), Fraction(total.tax), Fraction(total.gross))
            for total in rated.totals
        } == totals


class TestParts:
    @law
    @given(facts=sessions(), terms=tariffs(), policy=policies)
    def test_add_up_to_the_meter_the_clock_and_the_exact_amount(self, facts, terms, policy):
        rated = rate(facts, terms, zero_energy=policy)

        metered = facts.register[-1].energy_milliwh - facts.register[0].energy_milliwh if facts.register else 0
        assert sum(period.energy_milliwh for period in rated.periods) == metered == rated.energy_milliwh
        assert sum(period.charging_ms for period in rated.periods) == rated.charging_ms
        assert [period.start_ms for period in rated.periods] == [
            facts.started_at_ms,
            *(period.end_ms for period in rated.periods[:-1]),
        ]
        assert rated.periods[-1].end_ms == facts.ended_at_ms
        amounts = sum((part.amount for period in rated.periods for part in period.parts), Decimal(0))
        assert amounts == (rated.exact.gross if terms.tax_included else rated.exact.net)

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_have_an_amount_of_price_times_quantity(self, facts, terms):
        rated = rate(facts, terms)

        for part in (part for period in rated.periods for part in period.parts):
            product = Fraction(part.price) * part.quantity / naive.UNITS[part.dimension]
            if part.dimension is Dimension.TIME:
                assert abs(Fraction(part.amount) - product) < Fraction(1, 10**12)
            else:
                assert Fraction(part.amount) == product

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_name_one_flat_at_most(self, facts, terms):
        rated = rate(facts, terms)

        flats = [part for period in rated.periods for part in period.parts if part.dimension is Dimension.FLAT]
        assert len(flats) <= 1


class TestTotals:
    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants(), policy=policies)
    def test_are_net_plus_tax_and_what_the_lines_add_up_to(self, facts, terms, grant, policy):
        rated = rate(facts, terms, grant, policy)
        before = rate(facts, terms, zero_energy=policy)

        assert rated.net + rated.tax == rated.gross
        for total in rated.totals:
            assert total.net + total.tax == total.gross >= 0
            assert total.net == round_half_up(total.net, currency=terms.currency)
        for side in ("net", "tax", "gross"):
            assert sum(getattr(total, side) for total in rated.totals) == getattr(rated, side)
            lines = sum(getattr(line, side) for line in rated.adjustments)
            assert getattr(before, side) + lines == getattr(rated, side)
            for line in rated.adjustments:
                assert sum(getattr(share, side) for share in line.split) == getattr(line, side)

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_obey_the_grant(self, facts, terms, grant):
        before = rate(facts, terms).gross

        rated = rate(facts, terms, grant)

        limited = before if grant.limit_amount is None else min(before, grant.limit_amount)
        waived = grant.waive_below is not None and 0 < limited < grant.waive_below
        assert rated.gross == (0 if waived else limited)
        assert [line.kind for line in rated.adjustments] == (
            [AdjustmentKind.CEILING] * (limited < before) + [AdjustmentKind.FLOOR] * waived
        )


class TestNothingChanges:
    @law
    @given(facts=sessions(), terms=tariffs(), data=st.data())
    def test_by_a_further_reading_between_two(self, facts, terms, data):
        assume(len(facts.register) > 1)
        at = data.draw(st.integers(0, len(facts.register) - 2))
        before, after = facts.register[at : at + 2]
        second = data.draw(st.integers(before.at_ms // 1000, after.at_ms // 1000))
        assume(before.at_ms < second * 1000 < after.at_ms)
        share = Fraction(second * 1000 - before.at_ms, after.at_ms - before.at_ms)
        value = before.energy_milliwh + share * (after.energy_milliwh - before.energy_milliwh)
        assert value.denominator == 1
        middle = Reading(at_ms=second * 1000, energy_milliwh=int(value))
        cut = replace(facts, register=(*facts.register[: at + 1], middle, *facts.register[at + 1 :]))

        assert document_bytes(rate(cut, terms)) == document_bytes(rate(facts, terms))

    @law
    @given(facts=sessions(), terms=tariffs(), data=st.data())
    def test_by_the_order_in_which_readings_and_messages_came(self, facts, terms, data):
        assume(facts.register)
        begin, end = facts.register[0], facts.register[-1]
        shuffled = data.draw(st.permutations([*facts.register, *facts.register]))
        cleaned = clean_register(readings=shuffled, begin=begin, end=end, max_power_w=None)
        states = tuple(data.draw(st.permutations(facts.states)))

        assert not [problem for problem in cleaned.problems if problem.code not in ("gap", "begin_not_register")]
        assert document_bytes(rate(replace(facts, register=cleaned.readings, states=states), terms)) == document_bytes(
            rate(facts, terms)
        )

    @law
    @given(facts=sessions(), terms=tariffs(), extra=elements(), grant=grants())
    def test_by_an_element_that_is_never_reached(self, facts, terms, extra, grant):
        every = tuple(PriceComponent(dimension=dimension, price=Decimal(1)) for dimension in Dimension)
        closed = replace(
            terms, elements=(*terms.elements, TariffElement(price_components=every, restrictions=Restrictions()))
        )
        longer = replace(closed, elements=(*closed.elements, extra))

        assert document_bytes(rate(facts, longer, grant)) == document_bytes(rate(facts, closed, grant))

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_by_an_element_whose_dates_are_past(self, facts, terms):
        past = Restrictions(start_date=date(2001, 1, 1), end_date=date(2001, 2, 1))
        price = PriceComponent(dimension=Dimension.ENERGY, price=Decimal(9))
        longer = replace(
            terms,
            elements=(*terms.elements, TariffElement(price_components=(price,), restrictions=past)),
        )

        assert document_bytes(rate(facts, longer)) == document_bytes(rate(facts, terms))

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants(), policy=policies)
    def test_by_rating_again_from_the_stored_inputs(self, facts, terms, grant, policy):
        first = rate(facts, terms, grant, policy)
        stored = canonical_bytes(inputs_as_document(facts=facts, grant=grant, tax_rates=RATES, zero_energy=policy))

        inputs = inputs_from_document(json.loads(stored))
        again = rate_session(
            facts=inputs.facts,
            terms=terms,
            grant=inputs.grant,
            tax_rates=inputs.tax_rates,
            zero_energy=inputs.zero_energy,
        )

        assert again == first
        assert document_bytes(again) == document_bytes(first)
        assert (
            canonical_bytes(
                inputs_as_document(
                    facts=inputs.facts,
                    grant=inputs.grant,
                    tax_rates=inputs.tax_rates,
                    zero_energy=inputs.zero_energy,
                )
            )
            == stored
        )


class TestRounding:
    @law
    @given(facts=sessions(), terms=tariffs())
    def test_moves_a_category_by_half_a_minor_unit_at_most(self, facts, terms):
        rated = rate(facts, terms)

        half = Decimal(5).scaleb(-minor_unit(terms.currency) - 1)
        stated = {
            category: sum(
                (part.amount for period in rated.periods for part in period.parts if part.tax_category is category),
                Decimal(0),
            )
            for category in TaxCategory
        }
        for total in rated.totals:
            shown = total.gross if terms.tax_included else total.net
            assert abs(shown - stated[total.tax_category]) <= half
