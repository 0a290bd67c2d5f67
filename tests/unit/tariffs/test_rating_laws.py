"""Laws that hold for every tariff and session the engine supports."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from apps.core.domain.money import minor_unit, round_half_up
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Measured, Reading, StateChange
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.rating import (
    as_document,
    canonical_bytes,
    inputs_as_document,
    inputs_from_document,
    rate_session,
)
from apps.tariffs.domain.register import clean_register
from apps.tariffs.domain.terms import (
    Dimension,
    IdleRules,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
)
from tests.unit.tariffs import naive, naive_money
from tests.unit.tariffs.drawn import RATES, elements, grants, sessions, tariffs
from tests.unit.tariffs.laws import (
    GRANTED,
    PICO,
    document_bytes,
    law,
    main_law,
    parts_by_category,
    parts_of,
    quantities_of,
    rate,
)


class TestNaiveEngine:
    @main_law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_agrees_in_every_quantity_and_every_exact_and_rounded_amount(self, facts, terms, grant):
        bill = naive_money.rate(facts, terms, grant, RATES)

        rated = rate(facts, terms, grant)

        assert quantities_of(rated) == bill.quantities
        parts = parts_by_category(rated)
        assert parts.keys() == bill.parts.keys()
        assert all(0 <= amount - parts[category] < PICO for category, amount in bill.parts.items())
        assert abs(bill.idle_amount - Fraction(rated.idle_amount)) < 4 * PICO
        # Each category is cut and derived at 12 decimals; a minimum price makes as much more of the cut as of the rest.
        scale = max(1, *bill.exact) / min(1, sum(bill.amounts.values()) or 1)
        for mine, theirs in zip(bill.exact, (rated.exact.net, rated.exact.gross), strict=True):
            assert abs(mine - Fraction(theirs)) < 16 * PICO * scale
        assert {
            total.tax_category: (Fraction(total.net), Fraction(total.tax), Fraction(total.gross))
            for total in rated.totals
        } == bill.totals


class TestParts:
    @law
    @given(facts=sessions(), terms=tariffs())
    def test_add_up_to_the_meter_and_the_clock(self, facts, terms):
        rated = rate(facts, terms)

        metered = facts.register[-1].energy_milliwh - facts.register[0].energy_milliwh if facts.register else 0
        assert sum(period.energy_milliwh for period in rated.periods) == metered == rated.energy_milliwh
        assert sum(period.charging_ms for period in rated.periods) == rated.charging_ms
        assert sum(period.idle_ms for period in rated.periods) == rated.idle_ms
        begin = facts.started_at_ms if facts.reservation is None else facts.reservation.start_ms
        assert [period.start_ms for period in rated.periods] == [
            begin,
            *(period.end_ms for period in rated.periods[:-1]),
        ]
        assert rated.periods[-1].end_ms == facts.ended_at_ms
        for period in rated.periods:
            assert 0 <= period.charging_ms + period.idle_ms <= period.end_ms - period.start_ms

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_have_an_amount_of_price_times_quantity(self, facts, terms):
        rated = rate(facts, terms)

        for part in parts_of(rated):
            product = Fraction(part.price) * part.quantity / naive.UNITS[part.dimension]
            if part.dimension in (Dimension.TIME, Dimension.PARKING_TIME):
                assert abs(Fraction(part.amount) - product) < PICO
            else:
                assert Fraction(part.amount) == product

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_are_the_exact_amount_where_nothing_adjusts_them(self, facts, terms):
        plain = replace(terms, min_price=None, max_price=None, idle=IdleRules())

        rated = rate(facts, plain)

        # Parts are cut at 12 decimals in each category, the exact amount once.
        cuts = parts_by_category(rated)
        stated = Fraction(rated.exact.gross if terms.tax_included else rated.exact.net)
        assert 0 <= stated - sum(cuts.values()) <= len(cuts) * PICO
        assert rated.adjustments == ()

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_name_one_flat_of_the_session_and_one_of_the_reservation_at_most(self, facts, terms):
        rated = rate(facts, terms)

        flats = [part for part in parts_of(rated) if part.dimension is Dimension.FLAT]
        reserved = [part for part in flats if terms.elements[part.element_index].restrictions.reservation]
        assert len(reserved) <= (facts.reservation is not None)
        assert len(flats) - len(reserved) <= 1

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_fill_the_step_of_the_component_that_was_priced_last(self, facts, terms):
        rated = rate(replace(facts, reservation=None), terms)

        priced = {part.dimension: part for part in parts_of(rated)}
        stepped = {Dimension.ENERGY, Dimension.PARKING_TIME if Dimension.PARKING_TIME in priced else Dimension.TIME}
        for dimension in stepped & priced.keys():
            components = terms.elements[priced[dimension].element_index].price_components
            step = next(component.step_size for component in components if component.dimension is dimension)
            quantity = sum(part.quantity for part in parts_of(rated) if part.dimension is dimension)
            assert quantity % (step * 1_000) == 0


class TestTotals:
    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_are_net_plus_tax_and_what_parts_and_lines_add_up_to(self, facts, terms, grant):
        rated = rate(facts, terms, grant)

        shown = naive_money.rounded(parts_by_category(rated), terms, {name: Fraction(RATES[name]) for name in RATES})
        assert rated.net + rated.tax == rated.gross
        for total in rated.totals:
            assert total.net + total.tax == total.gross >= 0
            assert total.net == round_half_up(total.net, currency=terms.currency)
        for side in ("net", "tax", "gross"):
            assert sum(getattr(total, side) for total in rated.totals) == getattr(rated, side)
            lines = sum(getattr(line, side) for line in rated.adjustments)
            assert getattr(naive_money.sum_of(shown), side) + Fraction(lines) == getattr(rated, side)
            for line in rated.adjustments:
                assert sum(getattr(share, side) for share in line.split) == getattr(line, side)
            for total in rated.totals:
                shares = [share for line in rated.adjustments for share in line.split]
                moved = sum(getattr(share, side) for share in shares if share.tax_category == total.tax_category)
                before = shown.get(total.tax_category, naive_money.NOTHING)
                assert getattr(before, side) + Fraction(moved) == getattr(total, side)

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_name_their_adjustments_in_the_order_in_which_they_apply(self, facts, terms, grant):
        rated = rate(facts, terms, grant)

        order = list(AdjustmentKind)
        kinds = [order.index(line.kind) for line in rated.adjustments]
        assert kinds == sorted(set(kinds))
        for line in rated.adjustments:
            assert line.gross != 0 or line.net != 0
            assert (line.gross >= 0 and line.net >= 0) == (line.kind is AdjustmentKind.MIN_PRICE)
            assert line.net + line.tax == line.gross

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_obey_the_grant(self, facts, terms, grant):
        before = rate(facts, terms, replace(grant, limit_amount=None, waive_below=None)).gross

        rated = rate(facts, terms, grant)

        limited = before if grant.limit_amount is None else min(before, grant.limit_amount)
        waived = grant.waive_below is not None and 0 < limited < grant.waive_below
        assert rated.gross == (0 if waived else limited)
        assert [line.kind for line in rated.adjustments if line.kind in GRANTED] == (
            [AdjustmentKind.CEILING] * (limited < before) + [AdjustmentKind.FLOOR] * waived
        )

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_never_exceed_the_maximum_on_either_side(self, facts, terms, grant):
        rated = rate(facts, terms, grant)

        if terms.max_price is not None:
            assert terms.max_price.excl_vat is None or rated.net <= terms.max_price.excl_vat >= rated.exact.net
            assert terms.max_price.incl_vat is None or rated.gross <= terms.max_price.incl_vat >= rated.exact.gross

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_reach_the_minimum_on_both_sides_unless_the_session_was_let_off(self, facts, terms, grant):
        assume(terms.min_price is not None)
        assume(naive_money.has_minimum(facts, terms))

        rated = rate(facts, terms, replace(grant, limit_amount=None, waive_below=None))

        assert terms.min_price.excl_vat is None or rated.net >= terms.min_price.excl_vat <= rated.exact.net
        assert terms.min_price.incl_vat is None or rated.gross >= terms.min_price.incl_vat <= rated.exact.gross

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_are_nothing_when_all_of_it_is_discounted(self, facts, terms):
        rated = rate(facts, replace(terms, min_price=None), GrantTerms(discount_percent=Decimal(100)))

        assert (rated.net, rated.tax, rated.gross) == (0, 0, 0)
        assert (rated.exact.net, rated.exact.gross) == (0, 0)

    @law
    @given(facts=sessions(), terms=tariffs(), cents=st.integers(0, 3_000))
    def test_charge_idling_up_to_its_cap(self, facts, terms, cents):
        cap = Decimal(cents).scaleb(-2)
        uncapped = rate(facts, replace(terms, idle=replace(terms.idle, max_amount=None)))

        rated = rate(facts, replace(terms, idle=replace(terms.idle, max_amount=cap)))

        assert abs(rated.idle_amount - min(uncapped.idle_amount, cap)) < PICO
        assert (AdjustmentKind.IDLE_CAP in {line.kind for line in rated.adjustments}) <= (uncapped.idle_amount > cap)
        assert parts_of(rated) == parts_of(uncapped)


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
    def test_by_saying_again_what_holds(self, facts, terms, data):
        at_ms = data.draw(st.integers(facts.started_at_ms, facts.ended_at_ms))
        known = {change.at_ms for change in (*facts.states, *facts.powers, *facts.currents)}
        assume(at_ms not in known)
        state = StateChange(at_ms=at_ms, state=naive.state_at(facts, at_ms))
        power, current = (
            Measured(at_ms=at_ms, value=naive.measured_at(samples, at_ms)) for samples in (facts.powers, facts.currents)
        )
        measured = [replace(sample, inferred=False) for sample in (*facts.powers, *facts.currents)]
        once = replace(
            facts, powers=tuple(measured[: len(facts.powers)]), currents=tuple(measured[len(facts.powers) :])
        )
        again = replace(
            once, states=(*once.states, state), powers=(*once.powers, power), currents=(*once.currents, current)
        )

        assert document_bytes(rate(again, terms)) == document_bytes(rate(once, terms))

    @law
    @given(facts=sessions(), terms=tariffs(), data=st.data())
    def test_by_the_order_in_which_readings_and_messages_came(self, facts, terms, data):
        assume(facts.register)
        begin, end = facts.register[0], facts.register[-1]
        shuffled = data.draw(st.permutations([*facts.register, *facts.register]))
        cleaned = clean_register(readings=shuffled, begin=begin, end=end, max_power_w=None)
        mixed = replace(
            facts,
            register=cleaned.readings,
            states=tuple(data.draw(st.permutations(facts.states))),
            powers=tuple(data.draw(st.permutations(facts.powers))),
            currents=tuple(data.draw(st.permutations(facts.currents))),
        )

        assert not [problem for problem in cleaned.problems if problem.code not in ("gap", "begin_not_register")]
        assert document_bytes(rate(mixed, terms)) == document_bytes(rate(facts, terms))

    @law
    @given(facts=sessions(), terms=tariffs(), extra=elements(), grant=grants())
    def test_by_an_element_that_is_never_reached(self, facts, terms, extra, grant):
        every = [PriceComponent(dimension=dimension, price=Decimal(1)) for dimension in Dimension]
        reserved = [component for component in every if component.dimension in (Dimension.TIME, Dimension.FLAT)]
        closing = [
            TariffElement(
                price_components=tuple(every if kind is None else reserved), restrictions=Restrictions(reservation=kind)
            )
            for kind in (None, *ReservationRestriction)
        ]
        closed = replace(terms, elements=(*terms.elements, *closing))
        longer = replace(closed, elements=(*closed.elements, extra))

        assert document_bytes(rate(facts, longer, grant)) == document_bytes(rate(facts, closed, grant))

    @law
    @given(
        facts=sessions(),
        terms=tariffs(),
        never=st.sampled_from(
            (
                Restrictions(start_date=date(2001, 1, 1), end_date=date(2001, 2, 1)),
                Restrictions(min_kwh=Decimal(1_000_000)),
                Restrictions(max_kwh=Decimal(0)),
                Restrictions(max_duration=0),
                Restrictions(max_charging_time=0),
                Restrictions(min_idle_time=10_000_000),
                Restrictions(min_power=Decimal(3), max_power=Decimal(3)),
                Restrictions(min_current=Decimal(5_000)),
            )
        ),
    )
    def test_by_an_element_that_never_matches(self, facts, terms, never):
        price = PriceComponent(dimension=Dimension.ENERGY, price=Decimal(9), tax_category=TaxCategory.STANDARD)
        longer = replace(
            terms, elements=(*terms.elements, TariffElement(price_components=(price,), restrictions=never))
        )

        assert {**as_document(rate(facts, longer)), "totals": None} == {
            **as_document(rate(facts, terms)),
            "totals": None,
        }

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants())
    def test_by_rating_again_from_the_stored_inputs(self, facts, terms, grant):
        first = rate(facts, terms, grant)
        stored = canonical_bytes(inputs_as_document(facts=facts, grant=grant, tax_rates=RATES))

        inputs = inputs_from_document(json.loads(stored))
        again = rate_session(facts=inputs.facts, terms=terms, grant=inputs.grant, tax_rates=inputs.tax_rates)

        assert again == first
        assert document_bytes(again) == document_bytes(first)
        assert (
            canonical_bytes(inputs_as_document(facts=inputs.facts, grant=inputs.grant, tax_rates=inputs.tax_rates))
            == stored
        )


class TestRounding:
    @law
    @given(facts=sessions(), terms=tariffs())
    def test_moves_a_category_by_half_a_minor_unit_at_most(self, facts, terms):
        rated = rate(facts, replace(terms, min_price=None, max_price=None, idle=IdleRules()))

        half = Fraction(1, 2 * 10 ** minor_unit(terms.currency))
        stated = parts_by_category(rated)
        for total in rated.totals:
            shown = total.gross if terms.tax_included else total.net
            assert abs(Fraction(shown) - stated.get(total.tax_category, 0)) <= half

    @law
    @given(facts=sessions(), terms=tariffs())
    def test_moves_a_category_by_half_a_minor_unit_at_most_after_the_cap_and_the_discount(self, facts, terms):
        grant = GrantTerms(discount_percent=Decimal("12.5"))
        bounded = replace(terms, min_price=None, max_price=None)
        amounts = naive_money.rate(facts, bounded, grant, RATES).amounts

        rated = rate(facts, bounded, grant)

        half = Fraction(1, 2 * 10 ** minor_unit(terms.currency))
        for total in rated.totals:
            shown = total.gross if terms.tax_included else total.net
            assert abs(Fraction(shown) - amounts.get(total.tax_category, 0)) <= half
