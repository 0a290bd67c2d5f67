"""From when standing costs, told by the engine that bills it."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.idling import IdlePrice, idle_price_ahead
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import (
    Dimension,
    IdleRules,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffTerms,
)

MINUTE = 60_000
START = round(datetime(2026, 6, 1, 10, tzinfo=UTC).timestamp() * 1000)
KWH = 1_000_000
RATES = {"standard": Decimal("0.19")}


def element(dimension: str, price: str, **restrictions) -> TariffElement:
    component = PriceComponent(dimension=Dimension(dimension), price=Decimal(price))
    return TariffElement(price_components=(component,), restrictions=Restrictions(**restrictions))


def terms(*elements: TariffElement, idle: IdleRules | None = None) -> TariffTerms:
    kwh = element("ENERGY", "0.50")
    return TariffTerms(currency="EUR", tax_included=True, elements=(*elements, kwh), idle=idle or IdleRules())


def charged(minutes: int, *, idle_from: int | None = None) -> SessionFacts:
    """Tell of a session of ``minutes``, 10 kWh by its end or by when it idles."""
    full = idle_from if idle_from is not None else minutes
    states = [StateChange(at_ms=START, state=VehicleState.CHARGING)]
    if idle_from is not None:
        states.append(StateChange(at_ms=START + idle_from * MINUTE, state=VehicleState.IDLE))
    return SessionFacts(
        started_at_ms=START,
        ended_at_ms=START + minutes * MINUTE,
        time_zone="Europe/Berlin",
        register=(
            Reading(at_ms=START, energy_milliwh=0),
            Reading(at_ms=START + full * MINUTE, energy_milliwh=10 * KWH),
        ),
        states=tuple(states),
    )


def ahead(tariff: TariffTerms, facts: SessionFacts) -> IdlePrice | None:
    return idle_price_ahead(facts, terms=tariff)


class TestTheNextPriceOfStanding:
    def test_is_that_of_the_parking_element_from_when_the_engine_counts_it(self):
        after_an_hour = terms(element("PARKING_TIME", "6.00", min_duration=3_600))

        told = ahead(after_an_hour, charged(40))

        assert told == IdlePrice(from_ms=START + 60 * MINUTE, price=Decimal("6.00"))

    def test_is_now_where_it_runs_already(self):
        told = ahead(terms(element("PARKING_TIME", "6.00")), charged(90, idle_from=60))

        assert told == IdlePrice(from_ms=START + 90 * MINUTE, price=Decimal("6.00"))

    def test_is_none_where_nothing_is_asked_or_the_cap_is_reached(self):
        capped = terms(element("PARKING_TIME", "6.00"), idle=IdleRules(max_amount=Decimal("1.00")))

        assert ahead(terms(), charged(40)) is None
        assert ahead(capped, charged(90, idle_from=60)) is None
        assert ahead(capped, charged(65, idle_from=60)) is not None

    def test_waits_for_the_end_of_quiet_hours(self):
        quiet = IdleRules(quiet_start=time(12), quiet_end=time(14))

        told = ahead(terms(element("PARKING_TIME", "6.00"), idle=quiet), charged(30))

        assert told is not None
        assert datetime.fromtimestamp(told.from_ms / 1000, UTC) == datetime(2026, 6, 1, 12, tzinfo=UTC)

    def test_is_what_the_bill_asks_for_the_first_hour_after_it(self):
        tariff = terms(element("PARKING_TIME", "6.00", min_duration=3_600))
        told = ahead(tariff, charged(40))
        assert told is not None

        stayed = replace(charged(40, idle_from=40), ended_at_ms=told.from_ms + 60 * MINUTE)
        left = replace(stayed, ended_at_ms=told.from_ms)

        costs = [
            rate_session(facts=facts, terms=tariff, grant=GrantTerms(), tax_rates=RATES).gross
            for facts in (stayed, left)
        ]
        assert costs[0] - costs[1] == told.price
