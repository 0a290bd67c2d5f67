"""Meter values to milliwatt-hours, as tables: every wrong number here was sent by some charger."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ocpp.domain.registers import Readings, read_energy, read_meter_values
from apps.sessions.domain.commands import Measurand, MeasuredSample, MeterSample

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meter_value(*samples: object, timestamp: object = "2026-03-01T12:00:00Z") -> dict[str, object]:
    return {"timestamp": timestamp, "sampledValue": list(samples)}


def reading(energy_milliwh: int, context: str = "Sample.Periodic", at: datetime = NOON) -> MeterSample:
    return MeterSample(at=at, energy_milliwh=energy_milliwh, context=context)


class TestReadEnergy:
    @pytest.mark.parametrize(
        ("value", "unit", "energy_milliwh"),
        [
            ("0", "Wh", 0),
            ("12345", "Wh", 12_345_000),
            ("51.5", "kWh", 51_500_000),
            ("0.001", "Wh", 1),
            ("0.0005", "Wh", 1),
            ("0.000499", "Wh", 0),
            ("-0.0005", "Wh", -1),
            ("1.234567", "kWh", 1_234_567),
            ("0.000001", "kWh", 1),
            ("-998", "kWh", -998_000_000),
            ("999999999999.999999", "kWh", 999_999_999_999_999_999),
            (12345, "Wh", 12_345_000),
            (Decimal("12.5"), "Wh", 12_500),
        ],
    )
    def test_reads_exactly(self, value, unit, energy_milliwh):
        assert read_energy(value, unit) == energy_milliwh

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "",
                " ",
                "NaN",
                "Infinity",
                "-",
                "+5",
                "1_000",
                "1e3",
                "1E1000000",
                "0x10",
                "5.",
                ".5",
                "1,5",
                " 5",
                "5\n",
            ),
            *("١٢٣", "1234567890123", "1.1234567", "12 Wh", "--5", None, True, [], {}, Decimal("1e1000000"), 10**12),
        ],
    )
    def test_reads_no_other_text_as_a_number(self, value):
        assert read_energy(value) is None

    @pytest.mark.parametrize("unit", ["MWh", "wh", "KWH", "varh", "W", "", None, 5, []])
    def test_reads_no_other_unit(self, unit):
        assert read_energy("5", unit) is None


class TestReadMeterValues:
    def test_takes_the_default_measurand_unit_and_context(self):
        assert read_meter_values([meter_value({"value": "1500"})]) == Readings(readings=(reading(1_500_000),))

    def test_takes_only_the_import_register_at_the_outlet(self):
        samples = (
            {"value": "230.1", "measurand": "Voltage", "unit": "V"},
            {"value": "7", "measurand": "Energy.Active.Export.Register"},
            {"value": "9", "measurand": "Energy.Active.Import.Interval"},
            {"value": "10", "measurand": "Vendor.Special"},
            {"value": "1.6", "unit": "kWh", "location": "Inlet"},
            {"value": "1.5", "unit": "kWh", "measurand": "Energy.Active.Import.Register", "location": "Outlet"},
        )

        assert read_meter_values([meter_value(*samples)]) == Readings(readings=(reading(1_500_000),))

    def test_takes_the_total_where_phases_stand_beside_it(self):
        samples = ({"value": "500", "phase": "L1"}, {"value": "1500"}, {"value": "1000", "phase": "L2"})

        assert read_meter_values([meter_value(*samples)]) == Readings(readings=(reading(1_500_000),))

    def test_adds_phases_up_where_no_total_was_sent(self):
        samples = [{"value": str(value), "phase": phase} for value, phase in [(500, "L1"), (400, "L2"), (600, "L3")]]

        assert read_meter_values([meter_value(*samples)]) == Readings(
            readings=(reading(1_500_000),), problems=("the energy was sent per phase and added up",)
        )

    def test_adds_a_phase_that_is_told_twice_once(self):
        told = [("500", "L1"), ("500", "L1-N"), ("400", "L2"), ("400", "L2"), ("600", "L3")]
        samples = [{"value": value, "phase": phase} for value, phase in told]

        assert read_meter_values([meter_value(*samples)]).readings == (reading(1_500_000),)

    @pytest.mark.parametrize(
        ("phase", "problem"),
        [
            ("L1", "two different values of one phase for one instant"),
            ("L1-L2", "energy of no phase: 'L1-L2'"),
            (7, "energy of no phase: '7'"),
        ],
    )
    def test_takes_no_sum_of_phases_that_contradict_each_other_or_are_none(self, phase, problem):
        samples = ({"value": "500", "phase": "L1"}, {"value": "400", "phase": phase})

        assert read_meter_values([meter_value(*samples)]) == Readings(problems=(problem,))

    def test_takes_no_sum_with_a_part_missing(self):
        samples = ({"value": "500", "phase": "L1"}, {"value": "NaN", "phase": "L2"})

        assert read_meter_values([meter_value(*samples)]) == Readings(problems=("no energy: 'NaN' 'Wh'",))

    def test_takes_the_same_total_in_wh_and_kwh(self):
        samples = ({"value": "51500"}, {"value": "51.5", "unit": "kWh"})

        assert read_meter_values([meter_value(*samples)]) == Readings(readings=(reading(51_500_000),))

    def test_takes_neither_of_two_totals_that_differ(self):
        samples = ({"value": "51500"}, {"value": "51.6", "unit": "kWh"})

        assert read_meter_values([meter_value(*samples)]) == Readings(
            problems=("two different totals for one instant",)
        )

    def test_parts_begin_from_end_at_one_instant(self):
        samples = ({"value": "1", "context": "Transaction.Begin"}, {"value": "2", "context": "Transaction.End"})

        assert read_meter_values([meter_value(*samples)]).readings == (
            reading(1_000, "Transaction.Begin"),
            reading(2_000, "Transaction.End"),
        )

    def test_sorts_what_came_shuffled(self):
        values = [
            meter_value({"value": "2"}, timestamp="2026-03-01T12:15:00Z"),
            meter_value({"value": "1"}, timestamp="2026-03-01T13:00:00+01:00"),
        ]

        assert [sample.energy_milliwh for sample in read_meter_values(values).readings] == [1_000, 2_000]

    def test_reads_no_energy_out_of_a_signed_value(self):
        readings = read_meter_values([meter_value({"value": "12345", "format": "SignedData"})])

        assert readings.readings == ()
        assert readings.problems == ()

    def test_takes_the_good_values_beside_a_bad_one(self):
        values = [meter_value({"value": "1"}, timestamp="yesterday"), meter_value({"value": "2"})]

        assert read_meter_values(values) == Readings(
            readings=(reading(2_000),), problems=("no readable time: 'yesterday'",)
        )

    @pytest.mark.parametrize(
        "values", [None, "x", {}, 5, [None], [5], [{}], [{"timestamp": "2026-03-01T12:00:00Z"}], [meter_value(5)]]
    )
    def test_says_what_is_wrong_with_a_wrong_shape(self, values):
        readings = read_meter_values(values)

        assert readings.readings == ()
        assert len(readings.problems) == 1

    @given(
        st.recursive(
            st.none()
            | st.text(max_size=8)
            | st.sampled_from(["Wh", "kWh", "L1", "5", "Outlet", "2026-03-01T12:00:00Z"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["timestamp", "sampledValue", "value", "unit", "phase", "context", "location"]),
                    inner,
                )
            ),
        )
    )
    def test_never_raises(self, values):
        assert isinstance(read_meter_values(values), Readings)


def power(value: str, **fields: str) -> dict[str, str]:
    return {"measurand": "Power.Active.Import", "value": value, **fields}


def current(value: str, **fields: str) -> dict[str, str]:
    return {"measurand": "Current.Import", "value": value, **fields}


def measured(*samples: object) -> list[tuple[str, int]]:
    return [(sample.kind, sample.value_milli) for sample in read_meter_values([meter_value(*samples)]).measured]


class TestPowerAndCurrent:
    def test_are_read_beside_the_register_each_at_its_instant(self):
        later = meter_value(current("16"), timestamp="2026-03-01T12:01:00Z")

        assert read_meter_values([later, meter_value(power("11.04", unit="kW"), {"value": "5"})]) == Readings(
            readings=(reading(5_000),),
            measured=(
                MeasuredSample(at=NOON, kind=Measurand.POWER, value_milli=11_040_000),
                MeasuredSample(at=datetime(2026, 3, 1, 12, 1, tzinfo=UTC), kind=Measurand.CURRENT, value_milli=16_000),
            ),
        )

    @pytest.mark.parametrize(
        ("samples", "expected"),
        [
            ([power("3680")], 3_680_000),
            ([power("0.0005")], 1),
            ([power("3680", phase="L1"), power("3.68", phase="L2-N", unit="kW"), power("0", phase="L3")], 7_360_000),
            ([power("7400"), power("3680", phase="L1")], 7_400_000),
            ([power("3680", phase="L1"), power("9", phase="N"), power("9", phase="L1-L2")], 3_680_000),
        ],
    )
    def test_are_the_total_or_the_sum_of_the_phases(self, samples, expected):
        assert measured(*samples) == [("power", expected)]

    def test_of_a_current_are_summed_as_ocpi_asks(self):
        assert measured(*[current("16", phase=phase, unit="A") for phase in ("L1", "L2", "L3", "N")]) == [
            ("current", 48_000)
        ]

    @pytest.mark.parametrize(
        "samples",
        [
            [power("NaN")],
            [power("-5")],
            [power("5", unit="A")],
            [power("5", unit=5)],
            [power("5", location="Inlet")],
            [power("5", format="SignedData")],
            [power("5"), power("6")],
            [power("5", phase="L1"), power("?", phase="L2")],
            [power("5", phase="L1"), power("6", phase="L1-N")],
            [power("5", phase="N")],
            [power("5", phase=7)],
            [{"measurand": "Current.Export", "value": "5"}, {"measurand": ["Current.Import"], "value": "5"}, 5],
        ],
    )
    def test_are_none_where_they_cannot_be_read(self, samples):
        assert measured(*samples) == []

    def test_never_bring_a_session_to_a_person(self):
        assert read_meter_values([meter_value(power("NaN"), current("5", unit="V"))]) == Readings()
