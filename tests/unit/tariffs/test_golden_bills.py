"""Bills worked by hand: every ``tests/golden/rating_*.json`` with its arithmetic written out."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

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
from apps.tariffs.domain.rated import ChargingPeriod, PricedPart, RatedSession
from apps.tariffs.domain.rating import as_document, rate_session
from tests.unit.tariffs import naive_money

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(GOLDEN.glob("rating_*.json"))


def ms_of(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime.fromtimestamp(0, tz=UTC)) // timedelta(milliseconds=1)


def milliwh_of(kwh: str) -> int:
    return int(Decimal(kwh) * 1_000_000)


def samples_of(samples: list, unit: int) -> tuple[Measured, ...]:
    """Return samples of [instant, kW or A or null, whether inferred] in thousandths of the smaller unit."""
    return tuple(
        Measured(at_ms=ms_of(at), value=None if value is None else int(Decimal(value) * unit), inferred=inferred)
        for at, value, inferred in samples
    )


def facts_of(session: dict) -> SessionFacts:
    reservation = session.get("reservation")
    return SessionFacts(
        started_at_ms=ms_of(session["start"]),
        ended_at_ms=ms_of(session["end"]),
        time_zone=session["time_zone"],
        register=tuple(Reading(at_ms=ms_of(at), energy_milliwh=milliwh_of(kwh)) for at, kwh in session["register"]),
        states=tuple(StateChange(at_ms=ms_of(at), state=VehicleState(state)) for at, state in session["states"]),
        powers=samples_of(session.get("powers_kw", []), 1_000_000),
        currents=samples_of(session.get("currents_a", []), 1_000),
        reservation=reservation
        and Reservation(
            start_ms=ms_of(reservation["start"]), end_ms=ms_of(reservation["end"]), expired=reservation["expired"]
        ),
    )


def inputs_of(case: dict) -> dict:
    return {
        "facts": facts_of(case["session"]),
        "terms": parse_tariff(case["tariff"]),
        "grant": GrantTerms(**{name: Decimal(amount) for name, amount in case["grant"].items()}),
        "tax_rates": {name: Decimal(rate) for name, rate in case["tax_rates"].items()},
    }


def rate(case: dict) -> RatedSession:
    return rate_session(**inputs_of(case))


def told_part(part: PricedPart) -> str:
    price, amount = (f"{number.normalize():f}" for number in (part.price, part.amount))
    return f"{part.dimension} of element {part.element_index}: {part.quantity} at {price} = {amount}"


def told_period(period: ChargingPeriod) -> dict:
    return {
        "start": period.start_ms,
        "energy_milliwh": period.energy_milliwh,
        "charging_ms": period.charging_ms,
        "idle_ms": period.idle_ms,
        "parts": [told_part(part) for part in period.parts],
    }


def expected_period(period: dict) -> dict:
    """Return a stated period; its time is in minutes, or in ms where a threshold fell between."""
    return {
        "start": ms_of(period["start"]),
        "energy_milliwh": milliwh_of(period["kwh"]),
        "charging_ms": period.get("charging_ms", int(period["charging_minutes"]) * 60_000),
        "idle_ms": int(period.get("idle_minutes", 0)) * 60_000,
        "parts": period["parts"],
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem.removeprefix("rating_"))
class TestGoldenBills:
    def test_are_rated_as_worked_by_hand(self, path):
        case = json.loads(path.read_text())
        expected = case["expected"]

        rated = rate(case)

        assert [told_period(period) for period in rated.periods] == [
            expected_period(period) for period in expected["periods"]
        ]
        document = as_document(rated)
        assert {side: document[side] for side in ("net", "tax", "gross")} == {
            side: expected[side] for side in ("net", "tax", "gross")
        }
        assert (rated.exact.net, rated.exact.gross) == (
            Decimal(expected["exact"]["net"]),
            Decimal(expected["exact"]["gross"]),
        )
        assert [
            {name: line[name] for name in ("kind", "reason", "net", "tax", "gross")} for line in document["adjustments"]
        ] == expected["adjustments"]
        if "totals" in expected:
            assert [
                [total[name] for name in ("tax_category", "net", "tax", "gross")] for total in document["totals"]
            ] == expected["totals"]
        if "idle_amount" in expected:
            assert rated.idle_amount == Decimal(expected["idle_amount"])

    def test_come_out_the_same_by_fractions(self, path):
        case = json.loads(path.read_text())

        bill = naive_money.rate(**inputs_of(case))

        total = naive_money.sum_of(bill.totals)
        assert {side: getattr(total, side) for side in ("net", "tax", "gross")} == {
            side: Fraction(case["expected"][side]) for side in ("net", "tax", "gross")
        }


def test_the_hand_worked_bills_are_there():
    assert len(CASES) >= 60
