"""Laws of rating elsewhere and so far: the wall clock of another zone, and the running cost."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.facts import SessionFacts
from apps.tariffs.domain.running import running_cost
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    TariffElement,
)
from tests.unit.tariffs import naive
from tests.unit.tariffs.drawn import RATES, grants, prices, registers, sessions, tariffs
from tests.unit.tariffs.laws import PICO, law, parts_of, rate


def moved_by(facts: SessionFacts, shift_ms: int, zone: str) -> SessionFacts:
    """Return the same session that many milliseconds later, at a location of that zone."""

    def later(known):
        return tuple(replace(one, at_ms=one.at_ms + shift_ms) for one in known)

    register = tuple(reading._replace(at_ms=reading.at_ms + shift_ms) for reading in facts.register)
    reservation = facts.reservation
    return replace(
        facts,
        started_at_ms=facts.started_at_ms + shift_ms,
        ended_at_ms=facts.ended_at_ms + shift_ms,
        time_zone=zone,
        register=register,
        states=later(facts.states),
        powers=later(facts.powers),
        currents=later(facts.currents),
        reservation=reservation
        and replace(reservation, start_ms=reservation.start_ms + shift_ms, end_ms=reservation.end_ms + shift_ms),
    )


class TestWallClock:
    @law
    @given(
        facts=sessions(),
        terms=tariffs(),
        day=st.sampled_from(("2026-03-06", "2026-07-01", "2026-10-31")),
        hours=st.integers(0, 47),
    )
    def test_gives_the_same_price_wherever_it_shows_the_same(self, facts, terms, day, hours):
        # New York and Los Angeles change their clocks at the same local time, three hours apart.
        start_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + hours * 3600) * 1000
        east = moved_by(facts, start_ms - facts.started_at_ms, "America/New_York")
        west = moved_by(east, 3 * 3_600_000, "America/Los_Angeles")

        there, here = rate(west, terms), rate(east, terms)

        assert parts_of(there) == parts_of(here)
        assert (there.totals, there.adjustments, there.exact) == (here.totals, here.adjustments, here.exact)

    @law
    @given(facts=sessions(), terms=tariffs(), hours=st.integers(0, 100))
    def test_gives_the_same_price_in_a_zone_with_a_quarter_of_an_hour(self, facts, terms, hours):
        start_ms = int(datetime(2026, 6, 8, tzinfo=UTC).timestamp() + hours * 3600) * 1000
        greenwich = moved_by(facts, start_ms - facts.started_at_ms, "UTC")
        nepal = moved_by(greenwich, -(5 * 60 + 45) * 60_000, "Asia/Kathmandu")

        there, here = rate(nepal, terms), rate(greenwich, terms)

        assert parts_of(there) == parts_of(here)
        assert (there.totals, there.adjustments, there.exact) == (here.totals, here.adjustments, here.exact)


def until(facts: SessionFacts, at_ms: int) -> SessionFacts:
    """Return what is known of a session at an instant."""
    return replace(
        facts,
        ended_at_ms=at_ms,
        register=tuple(reading for reading in facts.register if reading.at_ms <= at_ms),
        states=tuple(change for change in facts.states if change.at_ms <= at_ms),
        powers=tuple(sample for sample in facts.powers if sample.at_ms <= at_ms),
        currents=tuple(sample for sample in facts.currents if sample.at_ms <= at_ms),
    )


class TestRunningCost:
    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants(), data=st.data())
    def test_is_the_price_of_what_is_known(self, facts, terms, grant, data):
        now_ms = data.draw(st.integers(facts.started_at_ms, facts.ended_at_ms))
        known = until(facts, now_ms)

        cost = running_cost(facts_so_far=known, terms=terms, grant=grant, tax_rates=RATES)

        assert cost == rate(known, terms, grant).gross

    @law
    @given(facts=sessions(), terms=tariffs(), grant=grants(), energy=prices(), use=prices(), data=st.data())
    def test_never_falls_under_a_tariff_of_one_element(self, facts, terms, grant, energy, use, data):
        """With more elements a step that was begun at a dear one may end at a cheap one.

        A limit of the net price may cost a cent of the gross one, and so may a split over several categories.
        """
        dimension = data.draw(st.sampled_from((Dimension.TIME, Dimension.PARKING_TIME)))
        components = tuple(
            PriceComponent(dimension=dimension, price=price, step_size=step)
            for dimension, price, step in (
                (Dimension.ENERGY, energy, 1000),
                (dimension, use, 60),
                (Dimension.FLAT, use, 1),
            )
        )
        single = replace(
            terms,
            elements=(TariffElement(price_components=components),),
            min_price=terms.min_price and replace(terms.min_price, excl_vat=None),
            max_price=terms.max_price and replace(terms.max_price, excl_vat=None),
        )
        moments = sorted(
            data.draw(st.lists(st.integers(facts.started_at_ms, facts.ended_at_ms), min_size=2, max_size=2))
        )

        earlier, later = (
            running_cost(facts_so_far=until(facts, at_ms), terms=single, grant=grant, tax_rates=RATES)
            for at_ms in moments
        )

        assert earlier <= later

    @law
    @given(terms=tariffs(), data=st.data())
    def test_never_falls_by_more_than_its_steps_under_any_tariff(self, terms, data):
        start_s = 1_780_000_000
        register = data.draw(registers(start_s))
        facts = SessionFacts(
            started_at_ms=start_s * 1000,
            ended_at_ms=register[-1].at_ms,
            time_zone="Europe/Berlin",
            register=register,
        )
        plain = replace(terms, min_price=None, max_price=None)
        at = data.draw(st.integers(0, len(register) - 1))

        earlier, later = rate(until(facts, register[at].at_ms), plain), rate(facts, plain)

        steps = sum(
            Fraction(component.price) * component.step_size * 1000 / naive.UNITS[component.dimension]
            for element in terms.elements
            for component in element.price_components
            if component.dimension is not Dimension.FLAT
        )
        stated = "gross" if terms.tax_included else "net"
        assert Fraction(getattr(earlier.exact, stated)) - steps - 4 * PICO <= Fraction(getattr(later.exact, stated))
