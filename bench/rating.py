"""Sessions rated per second on one core: 96 readings, explained, with and without the register check.

Three tariffs: by time of day; with energy thresholds and idle rules; with power bands. Each is compared with the
fractions of ``tests/unit/tariffs/naive.py``: every rounded amount must be equal.
"""

import random
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Measured, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.register import clean_register
from apps.tariffs.domain.terms import TariffTerms
from bench.measure import cpu_s_of_rounds, per_second, say
from tests.unit.tariffs import naive_money

READINGS = 96
SAMPLE_MS = 300_000
IDLE_MS = 3_600_000
MAX_POWER_W = 22_000
YEAR_2026_MS = 1_767_225_600_000
DAY_MS = 86_400_000
TIME_ZONE = "Europe/Berlin"
RATES = {TaxCategory.STANDARD: Decimal("0.19")}
NO_GRANT = GrantTerms()


def _energy(price: str, **restrictions: object) -> dict[str, object]:
    return {"price_components": [{"type": "ENERGY", "price": price}], "restrictions": restrictions}


TARIFFS: Mapping[str, TariffTerms] = {
    name: parse_tariff({"currency": "EUR", "tax_included": "NO", **document})
    for name, document in {
        "time_of_use": {
            "elements": [
                _energy("0.29", start_time="22:00", end_time="06:00"),
                _energy("0.39", start_time="06:00", end_time="17:00"),
                {"price_components": [{"type": "ENERGY", "price": "0.49"}, {"type": "FLAT", "price": "0.35"}]},
            ],
        },
        "thresholds_and_idle": {
            "elements": [
                _energy("0.29", max_kwh="20"),
                {
                    "price_components": [{"type": "PARKING_TIME", "price": "6"}],
                    "restrictions": {"min_idle_time": 1800},
                },
                {"price_components": [{"type": "ENERGY", "price": "0.49"}, {"type": "FLAT", "price": "0.35"}]},
            ],
            "idle": {"max_amount": "4.00", "quiet_start": "22:00", "quiet_end": "06:00"},
        },
        "power_bands": {
            "elements": [_energy("0.29", max_power="8"), _energy("0.39", max_power="14"), _energy("0.49")],
        },
    }.items()
}


TOLD: Mapping[str, frozenset[str]] = {
    "time_of_use": frozenset(),
    "thresholds_and_idle": frozenset({"idling"}),
    "power_bands": frozenset({"power"}),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=400, help="sessions rated in a round (%(default)s)")
    parser.add_argument("--rating-rounds", type=int, default=15, help="rounds of rating (%(default)s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A session as the database keeps it: begin and end are among the readings; then it idles for an hour."""

    readings: tuple[Reading, ...]
    powers: tuple[Measured, ...]
    states: tuple[StateChange, ...]

    def clean(self) -> tuple[Reading, ...]:
        begin, end = self.readings[0], self.readings[-1]
        cleaned = clean_register(readings=self.readings, begin=begin, end=end, max_power_w=MAX_POWER_W)
        assert not cleaned.problems, cleaned.problems
        return cleaned.readings

    def facts(self, register: tuple[Reading, ...], told: frozenset[str]) -> SessionFacts:
        """Return what the engine gets: only what the tariff asks for is told, as when a session is rated."""
        ended_at_ms = self.readings[-1].at_ms
        return SessionFacts(
            started_at_ms=self.readings[0].at_ms,
            ended_at_ms=ended_at_ms + IDLE_MS if "idling" in told else ended_at_ms,
            time_zone=TIME_ZONE,
            register=register,
            states=self.states if "idling" in told else (),
            powers=self.powers if "power" in told else (),
        )


def run(options: Namespace) -> dict[str, Any]:
    """Measure and return sessions a second under each tariff; the naive way rates few sessions, for it takes long."""
    drawn = random.Random(96)
    sessions = [_draw(drawn) for _ in range(options.sessions)]
    say(f"rating: {len(sessions)} sessions of {READINGS} readings, {options.rating_rounds} rounds, 3 tariffs")
    for session in sessions:
        assert session.clean() == session.readings, session
    checked = cpu_s_of_rounds({"check": lambda: _each(_Session.clean, sessions)}, rounds=options.rating_rounds)["check"]
    return {
        "unit": "sessions per CPU second",
        "readings": READINGS,
        "sessions": len(sessions),
        "rounds": options.rating_rounds,
        "register_check": per_second(len(sessions), checked),
        "tariffs": {
            name: _measure(terms, TOLD[name], sessions, options.rating_rounds) for name, terms in TARIFFS.items()
        },
    }


def _measure(terms: TariffTerms, told: frozenset[str], sessions: Sequence[_Session], rounds: int) -> dict[str, Any]:
    facts = [session.facts(session.readings, told) for session in sessions]
    few = facts[: max(len(facts) // 20, 1)]
    for one in few:
        _compare(one, terms)
    spent = cpu_s_of_rounds(
        {
            "rating": lambda: _each(lambda one: _rate(one, terms), facts),
            "all_told": lambda: _each(lambda session: _rate(session.facts(session.clean(), told), terms), sessions),
        },
        rounds=rounds,
    )
    naive_s = cpu_s_of_rounds(
        {"naive": lambda: _each(lambda one: naive_money.rate(one, terms, NO_GRANT, RATES), few)}, rounds=3
    )["naive"]
    return {
        "elements": len(terms.elements),
        **{name: per_second(len(sessions), seconds) for name, seconds in spent.items()},
        "rival": {"way": "naive, in fractions, without the register check", **per_second(len(few), naive_s)},
        "equal": f"net, tax and gross of {len(few)} sessions, to the cent",
    }


def _each(work: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Do the work on each and let go of the result, as a batch that writes as it goes does."""
    deque(map(work, items), maxlen=0)


def _draw(drawn: random.Random) -> _Session:
    """Draw a session somewhere in 2026: a sample of whole Wh and watts about every five minutes."""
    at_ms = YEAR_2026_MS + drawn.randrange(360 * DAY_MS // 1000) * 1000
    energy = drawn.randrange(10**6, 10**7) * 1_000
    readings, powers = [], []
    for _ in range(READINGS):
        readings.append(Reading(at_ms=at_ms, energy_milliwh=energy))
        rise_wh = drawn.randrange(200, 1_800)
        powers.append(Measured(at_ms=at_ms, value=rise_wh * 12_000))
        at_ms += SAMPLE_MS + drawn.randrange(-2, 3) * 1000
        energy += rise_wh * 1_000
    states = (
        StateChange(at_ms=readings[0].at_ms, state=VehicleState.CHARGING),
        StateChange(at_ms=readings[-1].at_ms, state=VehicleState.IDLE),
    )
    return _Session(readings=tuple(readings), powers=tuple(powers), states=states)


def _rate(facts: SessionFacts, terms: TariffTerms) -> RatedSession:
    return rate_session(facts=facts, terms=terms, grant=NO_GRANT, tax_rates=RATES)


def _compare(facts: SessionFacts, terms: TariffTerms) -> None:
    """Assert that both ways give the same amounts."""
    rated = _rate(facts, terms)
    naive = naive_money.rate(facts, terms, NO_GRANT, RATES)
    assert [(each.net, each.tax, each.gross) for each in rated.totals] == [
        (each.net, each.tax, each.gross) for each in naive.totals.values()
    ], facts
