"""Bills worked by hand: every ``tests/golden/rating_*.json`` with its arithmetic written out."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rating import (
    ChargingPeriod,
    GrantTerms,
    PricedPart,
    RatedSession,
    Reading,
    SessionFacts,
    StateChange,
    VehicleState,
    ZeroEnergyPolicy,
    as_document,
    rate_session,
)

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(GOLDEN.glob("rating_*.json"))


def ms_of(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def milliwh_of(kwh: str) -> int:
    return int(Decimal(kwh) * 1_000_000)


def facts_of(session: dict) -> SessionFacts:
    return SessionFacts(
        started_at_ms=ms_of(session["start"]),
        ended_at_ms=ms_of(session["end"]),
        time_zone=session["time_zone"],
        register=tuple(Reading(at_ms=ms_of(at), energy_milliwh=milliwh_of(kwh)) for at, kwh in session["register"]),
        states=tuple(StateChange(at_ms=ms_of(at), state=VehicleState(state)) for at, state in session["states"]),
    )


def rate(case: dict) -> RatedSession:
    return rate_session(
        facts=facts_of(case["session"]),
        terms=parse_tariff(case["tariff"]),
        grant=GrantTerms(**{name: Decimal(amount) for name, amount in case["grant"].items()}),
        tax_rates={TaxCategory(name): Decimal(rate) for name, rate in case["tax_rates"].items()},
        zero_energy=ZeroEnergyPolicy(case["zero_energy"]),
    )


def told_part(part: PricedPart) -> str:
    price, amount = (f"{number.normalize():f}" for number in (part.price, part.amount))
    return f"{part.dimension} of element {part.element_index}: {part.quantity} at {price} = {amount}"


def told_period(period: ChargingPeriod) -> dict:
    return {
        "start": period.start_ms,
        "energy_milliwh": period.energy_milliwh,
        "charging_ms": period.charging_ms,
        "parts": [told_part(part) for part in period.parts],
    }


def expected_period(period: dict) -> dict:
    return {
        "start": ms_of(period["start"]),
        "energy_milliwh": milliwh_of(period["kwh"]),
        "charging_ms": int(period["charging_minutes"]) * 60_000,
        "parts": period["parts"],
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem.removeprefix("rating_"))
class TestGoldenBills:
    def test_is_rated_as_worked_by_hand(self, path):
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


def test_the_hand_worked_bills_are_there():
    assert len(CASES) >= 30
