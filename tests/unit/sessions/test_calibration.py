"""What a station under calibration law may bill."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.core.clock import to_epoch_ms
from apps.sessions.domain.calibration import (
    NotCalibrated,
    ToldSession,
    check_energy_alone,
    is_same_measurement,
    verified_register,
)
from apps.sessions.domain.signed import Moment, SignatureVerdict, StatedReading, Statement, Verdict
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rating import rate_session

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE = NOON + timedelta(hours=1)
KWH = 1_000_000
TOLD = ToldSession(
    started_at=NOON,
    ended_at=ONE,
    begin=Reading(at_ms=to_epoch_ms(NOON), energy_milliwh=1_000 * KWH),
    end=Reading(at_ms=to_epoch_ms(ONE), energy_milliwh=1_010 * KWH),
)


def stated(moment: str, energy_milliwh: int, **fields: Any) -> StatedReading:
    values = {
        "at": NOON if moment == "begin" else ONE,
        "moment": Moment(moment),
        "energy_milliwh": energy_milliwh,
        "resolution_milliwh": 1_000,
        "unit": "kWh",
        "register": "1-b:1.8.0",
        "is_clock_set": True,
    }
    return StatedReading(**{**values, **fields})


def verdict(*readings: StatedReading, verdict: Verdict = Verdict.VERIFIED, **statement: Any) -> SignatureVerdict:
    told = Statement(**{"meter": "M-1", "readings": readings, **statement})
    return SignatureVerdict(verdict=verdict, reason="It was tampered with.", statement=told)


BEGIN, END = stated("begin", 1_000 * KWH), stated("end", 1_010 * KWH)


def energies(*verdicts: SignatureVerdict, told: ToldSession = TOLD) -> tuple[int, int]:
    begin, end = verified_register(verdicts, told)
    assert (begin.at_ms, end.at_ms) == (told.begin.at_ms, told.end.at_ms)
    return begin.energy_milliwh, end.energy_milliwh


class TestVerifiedRegister:
    def test_is_what_two_records_say(self):
        assert energies(verdict(BEGIN), verdict(END)) == (1_000 * KWH, 1_010 * KWH)

    def test_is_what_one_record_says_of_both(self):
        assert energies(verdict(BEGIN, END)) == (1_000 * KWH, 1_010 * KWH)

    def test_counts_a_reading_once_that_is_told_twice(self):
        assert energies(verdict(BEGIN), verdict(BEGIN, END)) == (1_000 * KWH, 1_010 * KWH)

    def test_goes_before_the_told_register_within_the_last_digit_written(self):
        coarse = replace(END, energy_milliwh=1_010 * KWH - 40_000, resolution_milliwh=100_000)

        assert energies(verdict(BEGIN), verdict(coarse)) == (1_000 * KWH, 1_010 * KWH - 40_000)

    def test_of_a_transaction_from_zero_goes_on_top_of_the_told_begin(self):
        begin, end = (
            replace(one, register="01-00:B2.08.00", energy_milliwh=energy)
            for one, energy in ((BEGIN, 0), (END, 10 * KWH - 1_500))
        )

        assert energies(verdict(begin, end)) == (1_000 * KWH, 1_010 * KWH - 1_500)

    def test_may_begin_after_the_start_where_nothing_was_delivered_before(self):
        begin = replace(BEGIN, at=NOON + timedelta(minutes=40))

        assert energies(verdict(begin), verdict(END)) == (1_000 * KWH, 1_010 * KWH)

    def test_needs_no_clock_that_was_set(self):
        begin = replace(BEGIN, at=datetime(1970, 1, 1, tzinfo=UTC), is_clock_set=False)

        assert energies(verdict(begin), verdict(END)) == (1_000 * KWH, 1_010 * KWH)

    @pytest.mark.parametrize(
        ("verdicts", "why"),
        [
            ([], "No verified signed meter value says where the session's begin was."),
            ([verdict(BEGIN)], "No verified signed meter value says where the session's end was."),
            ([verdict(END)], "No verified signed meter value says where the session's begin was."),
            (
                [verdict(BEGIN), verdict(END, verdict=Verdict.REFUSED)],
                "No verified signed meter value says where the session's end was. It was tampered with.",
            ),
            (
                [verdict(BEGIN), verdict(END, replace(END, energy_milliwh=1_011 * KWH))],
                "2 verified signed meter values say different things of the session's end.",
            ),
            (
                [verdict(BEGIN), verdict(END, meter="M-2")],
                "The signed begin and end are of two different meters.",
            ),
            (
                [verdict(BEGIN, identification="A"), verdict(END, identification="B")],
                "The signed begin and end name two different drivers.",
            ),
            (
                [verdict(BEGIN, replace(END, unit="Wh"))],
                "The signed begin is in kWh, the end in Wh.",
            ),
            (
                [verdict(BEGIN, replace(END, register="01-00:B0.08.00"))],
                "The signed begin is of register 1-b:1.8.0, the end of 01-00:B0.08.00.",
            ),
            (
                [verdict(BEGIN, replace(END, energy_milliwh=999 * KWH))],
                "The signed end lies below the signed begin.",
            ),
            (
                [verdict(BEGIN, replace(END, at=NOON - timedelta(seconds=1), is_clock_set=False))],
                "The signed end was measured before the signed begin.",
            ),
            (
                [verdict(BEGIN, replace(END, problem="the meter's status is M instead of G (good)"))],
                "The meter does not stand by a signed value: the meter's status is M instead of G (good).",
            ),
            (
                [verdict(replace(BEGIN, at=NOON - timedelta(minutes=11)), END)],
                "The signed begin was measured at 2026-06-01 11:49:00 UTC, the session was from "
                "2026-06-01 12:00:00 to 2026-06-01 13:00:00 UTC.",
            ),
            (
                [verdict(BEGIN, replace(END, energy_milliwh=1_010 * KWH + 1_001))],
                "The signed values say 1000 to 1010.001001 kWh, the station's register 1000 to 1010 kWh.",
            ),
            (
                [verdict(replace(BEGIN, energy_milliwh=0), replace(END, energy_milliwh=10 * KWH))],
                "The signed values say 0 to 10 kWh, the station's register 1000 to 1010 kWh.",
            ),
        ],
    )
    def test_is_none_and_says_why(self, verdicts, why):
        with pytest.raises(NotCalibrated) as refusal:
            verified_register(verdicts, TOLD)

        assert str(refusal.value) == why


def rated(*elements: dict[str, Any], hours: int = 1) -> Any:
    start = to_epoch_ms(NOON)
    facts = SessionFacts(
        started_at_ms=start,
        ended_at_ms=start + hours * 3_600_000,
        time_zone="Europe/Berlin",
        register=(
            Reading(at_ms=start, energy_milliwh=0),
            Reading(at_ms=start + hours * 3_600_000, energy_milliwh=10 * KWH + 1),
        ),
        states=(StateChange(at_ms=start, state=VehicleState.CHARGING),),
    )
    terms = parse_tariff({"currency": "EUR", "tax_included": "NO", "elements": list(elements)})
    return rate_session(facts=facts, terms=terms, grant=GrantTerms(), tax_rates={"standard": Decimal("0.19")})


def priced(kind: str, price: str, step_size: int = 1, **restrictions: Any) -> dict[str, Any]:
    component = {"type": kind, "price": price, "step_size": step_size}
    return {"price_components": [component], **({"restrictions": restrictions} if restrictions else {})}


class TestEnergyAlone:
    def test_may_be_billed_with_a_fee(self):
        check_energy_alone(rated(priced("ENERGY", "0.50"), priced("FLAT", "1.00")))

    def test_may_be_billed_where_time_costs_nothing(self):
        check_energy_alone(rated(priced("ENERGY", "0.50"), priced("PARKING_TIME", "6.00")))

    @pytest.mark.parametrize(
        ("elements", "why"),
        [
            (
                [priced("ENERGY", "0.50"), priced("TIME", "1.00")],
                "The tariff prices time, and the meter is calibrated for energy alone.",
            ),
            (
                [priced("ENERGY", "0.40", start_time="14:30", end_time="20:00"), priced("ENERGY", "0.50")],
                "The price per kWh changed during the session, "
                "and how much was delivered at each is no verified value.",
            ),
            (
                [priced("ENERGY", "0.50", step_size=1_000)],
                "The tariff rounds energy up to a step, and only what was delivered may be billed.",
            ),
        ],
        ids=["time", "two prices", "step"],
    )
    def test_is_not_all_that_is_billed(self, elements, why):
        with pytest.raises(NotCalibrated) as refusal:
            check_energy_alone(rated(*elements))

        assert str(refusal.value) == why


class TestSameMeasurement:
    @pytest.mark.parametrize(
        ("other", "is_same"),
        [
            (Statement(meter="M-1", readings=(BEGIN,)), True),
            (Statement(meter="M-1", readings=(END, BEGIN)), True),
            (Statement(meter="M-2", readings=(BEGIN,)), False),
            (Statement(meter="M-1", readings=(END,)), False),
            (Statement(meter="M-1"), False),
        ],
    )
    def test_has_a_reading_in_common(self, other, is_same):
        assert is_same_measurement(Statement(meter="M-1", readings=(BEGIN,)), other) is is_same
