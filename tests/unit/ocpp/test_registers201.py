"""Meter values of OCPP 2.0.1: numbers beside a unit and a power of ten."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.ocpp.domain.registers201 import read_meter_values_201
from apps.sessions.domain.commands import Measurand

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def read(*samples):
    return read_meter_values_201([{"timestamp": "2026-11-22T12:00:00Z", "sampledValue": list(samples)}])


def measured(value, **measure):
    return {"value": value, "unitOfMeasure": measure}


class TestAValue:
    @pytest.mark.parametrize(
        ("sample", "milliwh"),
        [
            ({"value": 12}, 12_000),
            ({"value": Decimal("12.5")}, 12_500),
            ({"value": Decimal("0.0005")}, 1),
            ({"value": Decimal("1E+3")}, 1_000_000),
            ({"value": Decimal("12345.678000000001")}, 12_345_678),
            ({"value": Decimal("1E-9")}, 0),
            (measured(12), 12_000),
            (measured(12, unit="kWh"), 12_000_000),
            (measured(12, multiplier=3), 12_000_000),
            (measured(12, unit="kWh", multiplier=-3), 12_000),
            (measured(Decimal("1234567.8"), unit="Wh", multiplier=-1), 123_456_780),
            ({"value": "12.5"}, 12_500),
            ({"value": 12, "unit": "kWh"}, 12_000_000),
            ({"value": -5}, -5_000),
        ],
    )
    def test_is_read_exactly(self, sample, milliwh):
        told = read(sample)

        assert [(one.at, one.energy_milliwh) for one in told.readings] == [(AT, milliwh)]
        assert told.problems == ()

    @pytest.mark.parametrize(
        "sample",
        [
            {"value": Decimal("1E+400")},
            {"value": Decimal("1E+1000000")},
            {"value": 10**18},
            {"value": None},
            {"value": True},
            {"value": "NaN"},
            {"value": {}},
            {},
            measured(12, unit="V"),
            measured(12, unit=[]),
            measured(12, multiplier=99),
            measured(12, multiplier="3"),
            measured(12, multiplier=Decimal("0.5")),
            measured(12, multiplier=True),
            {"value": 12, "unitOfMeasure": "Wh"},
            {"value": 12, "unitOfMeasure": None},
        ],
    )
    def test_that_is_no_energy_is_a_note(self, sample):
        told = read(sample)

        assert told.readings == ()
        assert len(told.problems) == 1

    def test_signed_beside_it_is_read_all_the_same(self):
        told = read({"value": 12, "signedMeterValue": {"signedMeterData": "x"}})

        assert told.readings[0].energy_milliwh == 12_000

    def test_of_power_is_read_in_its_unit(self):
        told = read(
            {"value": 11, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W", "multiplier": 3}},
            {"value": 16, "measurand": "Current.Import", "phase": "L1", "unitOfMeasure": {"unit": "A"}},
        )

        assert {(one.kind, one.value_milli) for one in told.measured} == {
            (Measurand.POWER, 11_000_000),
            (Measurand.CURRENT, 16_000),
        }


class TestMeterValues:
    @pytest.mark.parametrize("values", [None, {}, "x", 5, [None], [[]], [{}], [{"sampledValue": [5, None, []]}]])
    def test_of_any_shape_raise_nothing(self, values):
        assert read_meter_values_201(values).readings == ()
