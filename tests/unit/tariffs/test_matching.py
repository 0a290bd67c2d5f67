"""What pages and grids say of a tariff is what the engine would charge."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.core.clock import to_epoch_ms
from apps.core.domain.zones import zone
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.matching import reachable_at, winners_at
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import (
    Dimension,
    IdleRules,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
    ZeroEnergyPolicy,
)
from apps.tariffs.domain.week import week_grid
from tests.unit.tariffs.drawn import DAYS, RATES, ZONES, elements, idle_rules

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC).replace(tzinfo=None)


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    """Tariffs that price a session from its first moment and round nothing off."""
    return TariffTerms(
        currency="EUR",
        tax_included=True,
        elements=tuple(draw(st.lists(elements(), min_size=1, max_size=5))),
        idle=IdleRules() if draw(st.booleans()) else draw(idle_rules()),
        holidays=tuple(sorted({day.date() for day in draw(st.lists(st.sampled_from(DAYS), max_size=3))})),
        zero_energy=ZeroEnergyPolicy.FULL,
    )


def moments_of_days() -> st.SearchStrategy[datetime]:
    return st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(DAYS), st.integers(0, 2 * 24 * 60)
    )


def charged(terms: TariffTerms, *, at: datetime, time_zone: str, state: VehicleState) -> dict[Dimension, int]:
    """Let the engine price the first ten milliseconds of a session and return whose prices it took."""
    start = to_epoch_ms(at)
    energy = 1 if state is VehicleState.CHARGING else 0
    rated = rate_session(
        facts=SessionFacts(
            started_at_ms=start,
            ended_at_ms=start + 10,
            time_zone=time_zone,
            register=(Reading(at_ms=start, energy_milliwh=0), Reading(at_ms=start + 10, energy_milliwh=energy)),
            states=(StateChange(at_ms=start, state=state),),
        ),
        terms=terms,
        grant=GrantTerms(),
        tax_rates=RATES,
    )
    return {part.dimension: part.element_index for part in rated.periods[0].parts}


class TestAgainstTheEngine:
    @given(terms=tariffs(), at=moments_of_days(), time_zone=st.sampled_from(ZONES))
    def test_a_moment_s_prices_are_those_that_the_engine_takes(self, terms, at, time_zone):
        wall = at.astimezone(zone(time_zone)).replace(tzinfo=None)

        told = dict(winners_at(terms, wall=wall))
        charging = charged(terms, at=at, time_zone=time_zone, state=VehicleState.CHARGING)
        idling = charged(terms, at=at, time_zone=time_zone, state=VehicleState.IDLE)

        assert {**idling, **charging} == told
        assert Dimension.PARKING_TIME not in charging

    @given(terms=tariffs(), at=moments_of_days(), time_zone=st.sampled_from(ZONES))
    def test_the_week_s_price_is_the_one_that_the_engine_takes(self, terms, at, time_zone):
        day = at.astimezone(zone(time_zone)).date()

        week = week_grid(terms, time_zone=time_zone, week_of=day)
        [stretch] = [
            each for row in week.days if row.day == day for each in row.stretches if each.start_at <= at < each.end_at
        ]

        taken = charged(terms, at=at, time_zone=time_zone, state=VehicleState.CHARGING)
        assert stretch.element_index == taken.get(Dimension.ENERGY)

    @given(terms=tariffs(), at=moments_of_days(), time_zone=st.sampled_from(ZONES))
    def test_what_wins_is_among_what_can_be_reached(self, terms, at, time_zone):
        wall = at.astimezone(zone(time_zone)).replace(tzinfo=None)

        reachable = reachable_at(terms, wall=wall)

        for dimension, index in winners_at(terms, wall=wall).items():
            assert index in reachable[dimension]


class TestReachableAt:
    def test_ends_with_the_first_that_asks_for_no_amount(self):
        terms = TariffTerms(
            currency="EUR",
            tax_included=True,
            elements=tuple(
                TariffElement(
                    price_components=(PriceComponent(dimension=Dimension.ENERGY, price=Decimal(price)),),
                    restrictions=restrictions,
                )
                for price, restrictions in (
                    ("0.1", Restrictions(holiday=True)),
                    ("0.2", Restrictions(max_kwh=Decimal(10))),
                    ("0.3", Restrictions(min_power=Decimal(22))),
                    ("0.4", Restrictions(min_duration=0)),
                    ("0.5", Restrictions()),
                )
            ),
        )

        assert reachable_at(terms, wall=NOON) == {Dimension.ENERGY: (1, 2, 3)}
