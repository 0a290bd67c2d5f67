"""What an OCMF record states, read exactly or not at all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.sessions.domain.ocmf import NotOcmf, is_of_transaction, read_ocmf, unwrap
from apps.sessions.domain.signed import Encoding, Moment, StatedReading
from tests.meters import reading

# From the documentation of the transparency software (KEBA), shortened.
KEBA = (
    'OCMF|{"FV":"1.0","GI":"KEBA_KCP30","GS":"17619300","GV":"2.8.5","PG":"T32","IS":false,"IT":"NONE","ID":"",'
    '"RD":[{"TM":"2019-08-13T10:03:15,000+0000 I","TX":"B","EF":"","ST":"G","RV":0.2596,"RI":"1-b:1.8.0","RU":"kWh"},'
    '{"TM":"2019-08-13T10:03:36,000+0000 R","TX":"E","EF":"","ST":"G","RV":0.2597,"RI":"1-b:1.8.0","RU":"kWh"}]}'
    '|{"SD":"3045"}'
)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def record(*readings: dict[str, Any], **payload: Any) -> bytes:
    return f'OCMF|{json.dumps({"RD": list(readings), **payload})}|{{"SD":"00"}}'.encode()


def only(*readings: dict[str, Any]) -> StatedReading:
    (stated,) = read_ocmf(record(*readings)).statement.readings
    return stated


class TestReadOcmf:
    def test_reads_begin_and_end_of_one_record(self):
        statement = read_ocmf(KEBA.encode()).statement

        assert (statement.meter, statement.pagination, statement.identification) == ("17619300", "T32", "")
        begin, end = statement.readings
        assert begin == StatedReading(
            at=datetime(2019, 8, 13, 10, 3, 15, tzinfo=UTC),
            moment=Moment.BEGIN,
            energy_milliwh=259_600,
            resolution_milliwh=100,
            unit="kWh",
            register="1-b:1.8.0",
            is_clock_set=True,
        )
        assert (end.moment, end.energy_milliwh, end.is_clock_set) == (Moment.END, 259_700, False)

    def test_takes_what_a_reading_leaves_out_from_the_one_before(self):
        second = {"TM": "2026-06-01T13:00:00,000+0000 S", "TX": "E", "RV": "2.5"}

        statement = read_ocmf(record(reading(NOON, "B", "1.0") | {"RV": "1.0"}, second)).statement

        assert [(one.energy_milliwh, one.unit) for one in statement.readings] == [
            (1_000_000, "kWh"),
            (2_500_000, "kWh"),
        ]

    @pytest.mark.parametrize(
        ("written", "unit", "energy_milliwh", "resolution_milliwh"),
        [
            ("2935.600", "kWh", 2_935_600_000, 1_000),
            ("2935.6", "kWh", 2_935_600_000, 100_000),
            ("2935", "kWh", 2_935_000_000, 1_000_000),
            ("5", "Wh", 5_000, 1_000),
            ("0.123456789", "kWh", 123_457, 1),
        ],
    )
    def test_reads_energy_and_how_finely_it_is_written(self, written, unit, energy_milliwh, resolution_milliwh):
        data = record(reading(NOON, "B", "@", RV="@", RU=unit)).replace(b'"@"', written.encode())

        (stated,) = read_ocmf(data).statement.readings

        assert (stated.energy_milliwh, stated.resolution_milliwh) == (energy_milliwh, resolution_milliwh)

    @pytest.mark.parametrize(("reason", "moment"), [("B", "begin"), *((one, "end") for one in "ELRAP"), ("C", "other")])
    def test_knows_begin_and_end_by_the_records_own_marker(self, reason, moment):
        assert only(reading(NOON, reason, "1") | {"RV": "1"}).moment == moment

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"ST": "M"}, "the meter's status is M instead of G (good)"),
            ({"ST": ""}, "the meter's status is missing instead of G (good)"),
            ({"EF": "E"}, "the meter reports an error of its energy register"),
            ({"EF": "t"}, ""),
        ],
    )
    def test_says_why_a_meter_does_not_stand_by_its_value(self, fields, problem):
        assert only(reading(NOON, "B", "1", **fields) | {"RV": "1"}).problem == problem

    @pytest.mark.parametrize(
        "fields",
        [{"RI": "1-b:2.8.0"}, {"RI": "1-b:1.7.0"}, {"RI": "01-00:C2.08.00"}, {"RI": ""}, {"RU": "mOhm"}, {"RV": None}],
    )
    def test_leaves_out_what_is_no_imported_energy(self, fields):
        assert read_ocmf(record(reading(NOON, "B", "1", **{"RV": "1", **fields}))).statement.readings == ()

    def test_takes_the_register_without_the_cables_loss_before_the_other(self):
        readings = [reading(NOON, "B", "1", RI=register, RV="1") for register in ("01-00:B2.08.00", "01-00:B3.08.00")]

        assert only(*readings).register == "01-00:B3.08.00"

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"OCMF|",
            b"OCMF|{}",
            b"OCMF|{}|{}",
            b"OCMF|[]|{}",
            b'OCMF|{"RD":[1]}|{}',
            b'OCMF|{"RD":[]}|[]',
            b"ABCD" + record(),
            b"OCMF|" + b"[" * 100_000 + b"|{}",
            b'OCMF|{"RD":[],"X":NaN}|{}',
            b"OCMF|\xff|{}",
            record(reading(NOON, "B", "1", RV="NaN")),
            record(reading(NOON, "B", "1", RV="-1")),
            record(reading(NOON, "B", "1", RV="1e9")),
            record(reading(NOON, "B", "1", RV="1", TM="yesterday S")),
            record(reading(NOON, "B", "1", RV="1", TM="2026-06-01T12:00:00 S")),
            record(reading(NOON, "B", "1", RV="1", TM="0001-01-01T00:00:00+1400 S")),
        ],
        ids=lambda data: repr(data)[:40],
    )
    def test_refuses_what_it_cannot_read(self, data):
        with pytest.raises(NotOcmf):
            read_ocmf(data)

    @pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\udfffb"])
    def test_refuses_a_text_that_no_database_can_keep(self, text):
        data = record(reading(NOON, "B", "1.0") | {"RV": "1.0"}, MS="@").replace(b"@", text.encode())

        with pytest.raises(NotOcmf, match="NUL or half"):
            read_ocmf(data)

    @pytest.mark.parametrize("year", ["0001", "9999"])
    def test_refuses_a_time_that_no_calendar_reckons_with(self, year):
        told = reading(NOON, "B", "1.0") | {"RV": "1.0", "TM": f"{year}-06-01T12:00:00,000+0000 S"}

        with pytest.raises(NotOcmf, match="outside 1970 to 2999"):
            read_ocmf(record(told))

    @given(st.binary(), st.binary())
    def test_raises_nothing_else(self, payload: bytes, signature: bytes):
        try:
            read_ocmf(b"OCMF|" + payload + b"|" + signature)
        except NotOcmf:
            return


class TestUnwrap:
    @pytest.mark.parametrize(
        ("raw", "encoding"), [(b"OCMF|", "plain"), (b"4f434D467c", "hex"), (b"T0NN\nRnw=", "base64")]
    )
    def test_returns_the_record(self, raw, encoding):
        assert unwrap(raw, Encoding(encoding)) == b"OCMF|"

    @pytest.mark.parametrize(("raw", "encoding"), [(b"zz", "hex"), (b"\xff\xff", "hex"), (b"===", "base64")])
    def test_refuses_what_is_not_wrapped_like_that(self, raw, encoding):
        with pytest.raises(ValueError, match=r"."):
            unwrap(raw, Encoding(encoding))


class TestIsOfTransaction:
    @pytest.mark.parametrize(
        ("register", "is_one"),
        [("01-00:B2.08.00", True), ("01-00:B3.08.00*FF", True), ("01-00:B0.08.00", False), ("1-b:1.8.0", False)],
    )
    def test_tells_by_the_code(self, register, is_one):
        assert is_of_transaction(register) is is_one
