"""Sessions rated per second on one core: 96 readings, three elements, two of them by time of day.

Compared with the fractions of ``tests/unit/tariffs/naive.py``: every rounded amount of every session must be equal.
"""

import random
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, ZeroEnergyPolicy
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.register import clean_register
from bench.measure import cpu_s_of_rounds, per_second, say
from tests.unit.tariffs import naive

READINGS = 96
SAMPLE_MS = 300_000
MAX_POWER_W = 22_000
YEAR_2026_MS = 1_767_225_600_000
DAY_MS = 86_400_000
TIME_ZONE = "Europe/Berlin"
RATES = {TaxCategory.STANDARD: Decimal("0.19")}
NO_GRANT = GrantTerms()
TERMS = parse_tariff(
    {
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": "0.290000"}],
                "restrictions": {"start_time": "22:00", "end_time": "06:00"},
            },
            {
                "price_components": [{"type": "ENERGY", "price": "0.390000"}],
                "restrictions": {"start_time": "06:00", "end_time": "17:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": "0.490000"}, {"type": "FLAT", "price": "0.350000"}]},
        ],
    }
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=400, help="sessions rated in a round (%(default)s)")
    parser.add_argument("--rating-rounds", type=int, default=15, help="rounds of rating (%(default)s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A session as the database keeps it: begin and end are among the readings."""

    readings: tuple[Reading, ...]

    def clean(self) -> tuple[Reading, ...]:
        begin, end = self.readings[0], self.readings[-1]
        cleaned = clean_register(readings=self.readings, begin=begin, end=end, max_power_w=MAX_POWER_W)
        assert not cleaned.problems, cleaned.problems
        return cleaned.readings

    def facts(self, register: tuple[Reading, ...]) -> SessionFacts:
        return SessionFacts(
            started_at_ms=self.readings[0].at_ms,
            ended_at_ms=self.readings[-1].at_ms,
            time_zone=TIME_ZONE,
            register=register,
        )


def run(options: Namespace) -> dict[str, Any]:
    """Measure and return sessions a second; the naive way rates a tenth of the sessions, for it takes long."""
    drawn = random.Random(96)
    sessions = [_draw(drawn) for _ in range(options.sessions)]
    facts = [session.facts(session.readings) for session in sessions]
    few = facts[: max(len(facts) // 10, 1)]
    say(f"rating: {len(sessions)} sessions of {READINGS} readings, {options.rating_rounds} rounds")
    _compare(sessions, few)
    spent = cpu_s_of_rounds(
        {
            "register_check": lambda: _each(_Session.clean, sessions),
            "rating": lambda: _each(_rate, facts),
            "all_told": lambda: _each(lambda session: _rate(session.facts(session.clean())), sessions),
        },
        rounds=options.rating_rounds,
    )
    naive_s = cpu_s_of_rounds({"naive": lambda: _each(_rate_naively, few)}, rounds=3)["naive"]
    return {
        "unit": "sessions per CPU second",
        "readings": READINGS,
        "elements": len(TERMS.elements),
        "sessions": len(sessions),
        "rounds": options.rating_rounds,
        **{name: per_second(len(sessions), seconds) for name, seconds in spent.items()},
        "rival": {"way": "naive, in fractions, without the register check", **per_second(len(few), naive_s)},
        "equal": f"net, tax and gross of {len(few)} sessions, to the cent; all {len(sessions)} registers clean",
    }


def _each(work: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Do the work on each and let go of the result, as a batch that writes as it goes does."""
    deque(map(work, items), maxlen=0)


def _draw(drawn: random.Random) -> _Session:
    """Draw a session somewhere in 2026: a sample of whole Wh about every five minutes."""
    at_ms = YEAR_2026_MS + drawn.randrange(360 * DAY_MS // 1000) * 1000
    energy = drawn.randrange(10**6, 10**7) * 1_000
    readings = []
    for _ in range(READINGS):
        readings.append(Reading(at_ms=at_ms, energy_milliwh=energy))
        at_ms += SAMPLE_MS + drawn.randrange(-2, 3) * 1000
        energy += drawn.randrange(200, 1_800) * 1_000
    return _Session(readings=tuple(readings))


def _rate(facts: SessionFacts) -> RatedSession:
    return rate_session(facts=facts, terms=TERMS, grant=NO_GRANT, tax_rates=RATES)


def _rate_naively(facts: SessionFacts) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    amounts = naive.exact_amounts(facts, TERMS, ZeroEnergyPolicy.FREE)
    return naive.rounded(amounts, TERMS, {category: Fraction(rate) for category, rate in RATES.items()})


def _compare(sessions: Sequence[_Session], few: Sequence[SessionFacts]) -> None:
    """Assert that both ways give the same amounts, and that the check lets every register through unchanged."""
    for session in sessions:
        assert session.clean() == session.readings, session
    for facts in few:
        totals = {
            total.tax_category: (Fraction(total.net), Fraction(total.tax), Fraction(total.gross))
            for total in _rate(facts).totals
        }
        assert totals == _rate_naively(facts), facts
