"""Signed meter values on the wire: what is one, what it is in, and that it stays bit for bit what it was."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ocpp.domain.registers import read_meter_values
from apps.ocpp.domain.registers201 import read_meter_values_201
from apps.ocpp.domain.signed import MAX_BYTES, find_signed, is_signed
from apps.sessions.domain.commands import MeterSample
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OCMF = 'OCMF|{"FV":"1.0","RD":[{"RV":0.2597}]}|{"SD":"3045"}'
BASE64 = base64.b64encode(OCMF.encode()).decode()
OBJECT = {
    "signedMeterData": BASE64,
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "b2NhOmJhc2UxNjphc24xOjMwNTk=",
}
SML = "1b1b1b1b01010101" + "76" * 20
ALFEN = "AP;0;3;ALCV3ABBBISHMA2RYEGAZE3HV5YQBQRA;BHALCV;"
UNKNOWN = "a signature that nobody knows"

TABLE = {
    "OCMF as it is": ({"value": OCMF}, OCMF, SignedFormat.OCMF, Encoding.PLAIN),
    "OCMF after a newline": ({"value": f"\n{OCMF}"}, f"\n{OCMF}", SignedFormat.OCMF, Encoding.PLAIN),
    "OCMF in hexadecimal": ({"value": OCMF.encode().hex()}, OCMF.encode().hex(), SignedFormat.OCMF, Encoding.HEX),
    "OCMF in base64": ({"value": BASE64}, BASE64, SignedFormat.OCMF, Encoding.BASE64),
    "2.0.1's object as a text": ({"value": json.dumps(OBJECT)}, BASE64, SignedFormat.OCMF, Encoding.BASE64),
    "2.0.1's object itself": ({"value": OBJECT}, BASE64, SignedFormat.OCMF, Encoding.BASE64),
    "a text in a text": ({"value": json.dumps(json.dumps(OBJECT))}, BASE64, SignedFormat.OCMF, Encoding.BASE64),
    "beside a number": ({"value": 5, "signedMeterValue": OBJECT}, BASE64, SignedFormat.OCMF, Encoding.BASE64),
    "not in base64": (
        {"signedMeterValue": {"signedMeterData": OCMF}, "value": 5},
        OCMF,
        SignedFormat.OCMF,
        Encoding.PLAIN,
    ),
    "Alfen": ({"value": ALFEN}, ALFEN, SignedFormat.ALFEN, Encoding.PLAIN),
    "SML": ({"value": SML}, SML, SignedFormat.EDL, Encoding.HEX),
    "unknown": ({"value": UNKNOWN, "format": "SignedData"}, UNKNOWN, SignedFormat.UNKNOWN, Encoding.PLAIN),
    "a number as signed data": ({"value": "12", "format": "SignedData"}, "12", SignedFormat.UNKNOWN, Encoding.PLAIN),
}


class TestFindSigned:
    @pytest.mark.parametrize(("sample", "raw", "form", "encoding"), TABLE.values(), ids=TABLE.keys())
    def test_keeps_the_record_as_it_came(self, sample, raw, form, encoding):
        found = find_signed(sample, at=NOON)

        assert found is not None
        assert (found.raw, found.format, found.encoding) == (raw.encode(), form, encoding)

    def test_keeps_what_was_said_beside_it(self):
        found = find_signed({"value": json.dumps(OBJECT), "context": "Transaction.End"}, at=NOON)

        assert found is not None
        assert found.moment is Moment.END
        assert (found.method, found.encoding_method) == ("ECDSA-secp256r1-SHA256", "OCMF")
        assert found.public_key == OBJECT["publicKey"]

    @pytest.mark.parametrize(
        "sample",
        [
            {"value": "12345"},
            {"value": "999999999999.999999", "unit": "kWh"},
            {"value": "5" * 40},
            {"value": "{" * 5_000},
            {"value": '{"energy": 12345, "unit": "Wh"}'},
            {"value": None},
            {"value": ["OCMF|"]},
            {},
            {"signedMeterValue": None, "value": 5},
            {"signedMeterValue": {"signedMeterData": ""}, "value": 5},
            {"value": 7, "format": "SignedData"},
        ],
        ids=lambda sample: str(sample)[:30],
    )
    def test_finds_none_where_there_is_none(self, sample):
        assert find_signed(sample, at=NOON) is None

    def test_leaves_one_in_its_frame_that_is_too_long(self):
        assert find_signed({"value": "OCMF|" + "x" * MAX_BYTES}, at=NOON) is None

    def test_takes_no_text_that_the_database_refuses(self):
        told = {**OBJECT, "publicKey": "a\0b", "signingMethod": "m" * 51}

        found = find_signed({"value": told}, at=NOON)

        assert found is not None
        assert (found.public_key, found.method) == ("", "")

    @given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
    def test_never_raises(self, value: Any):
        for sample in ({"value": value}, {"value": value, "format": "SignedData"}, {"signedMeterValue": value}):
            find_signed(sample, at=NOON)
            is_signed(sample)


class TestMeterValues:
    def test_hold_a_signed_record_beside_the_register(self):
        samples = [{"value": "100"}, {"value": OCMF, "format": "SignedData", "context": "Transaction.Begin"}]

        told = read_meter_values([{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": samples}])

        assert told.readings == (MeterSample(at=NOON, energy_milliwh=100_000),)
        assert [(one.raw, one.at, one.moment) for one in told.signed] == [(OCMF.encode(), NOON, Moment.BEGIN)]
        assert told.problems == ()

    def test_hold_one_beside_the_number_it_signs(self):
        sample = {"value": 100, "context": "Transaction.End", "signedMeterValue": OBJECT}

        told = read_meter_values_201([{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [sample]}])

        assert told.readings == (MeterSample(at=NOON, energy_milliwh=100_000, context="Transaction.End"),)
        assert [(one.raw, one.moment) for one in told.signed] == [(BASE64.encode(), Moment.END)]

    def test_keep_a_record_whose_time_cannot_be_read(self):
        told = read_meter_values([{"timestamp": "yesterday", "sampledValue": [{"value": OCMF}]}])

        assert [one.at for one in told.signed] == [None]
