"""Signed meter values on their way out: the container that the transparency software opens, and the original."""

import base64
from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from pyocmf import OcmfContainer

from apps.sessions import services
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat
from apps.sessions.models import ChargingSession, SignedRecord
from apps.sessions.transparency import (
    SignedValues,
    as_container,
    container_response,
    record_response,
    signed_values,
    signed_values_of,
)
from apps.stations.services import add_meter_key
from tests.factories import NOON, make_user
from tests.integration.sessions.conftest import Wire
from tests.integration.sessions.test_signing import ONE, TWO, both, signed
from tests.meters import SigningMeter, tampered


@pytest.fixture
def meter(wire: Wire) -> SigningMeter:
    """A meter whose key the owner has typed."""
    meter = SigningMeter()
    add_meter_key(station_id=wire.site.station.pk, evse_id=None, public_key=meter.public_key, by=make_user(), at=NOON)
    return meter


def told(wire: Wire, *samples: object) -> tuple[ChargingSession, SignedValues]:
    session = wire.finish(wire.begin().transaction_id, signed=samples)
    services.check_signatures(session_id=session.pk, at=TWO)
    values = signed_values(session.pk)
    assert values is not None
    return session, values


class TestTheContainer:
    @pytest.mark.filterwarnings("ignore::pyocmf.exceptions.SpecWarning")
    def test_is_opened_and_verified_by_other_software(self, wire, meter, tmp_path: Path):
        session, values = told(wire, *both(meter))
        file = tmp_path / "signed.xml"
        file.write_bytes(as_container(session, values))

        container = OcmfContainer.from_xml(file)

        assert [record.verify_signature() for record in container] == [True, True]
        assert [record.context for record in container] == ["Transaction.Begin", "Transaction.End"]
        assert {record.transaction_id for record in container} == {session.transaction_id}
        assert [result.is_compliant for result in container.check_eichrecht(errors_only=True)] == [True]

    def test_holds_each_record_as_it_came(self, wire, meter):
        record = meter.end(ONE, "1010.000", TT='a < b & "c"')
        wrapped = base64.b64encode(record.encode()).decode()

        session, values = told(wire, signed(record, at=NOON), signed(wrapped, encoding=Encoding.BASE64))

        found = fromstring(as_container(session, values)).findall("value/signedData")
        assert [(one.get("format"), one.get("encoding"), one.text) for one in found] == [
            ("OCMF", "plain", record),
            ("OCMF", "base64", wrapped),
        ]

    @pytest.mark.parametrize("raw", ["OCMF|{}\r\n|{}", "\x00\x01", "\udcff"], ids=["line ends", "NUL", "surrogate"])
    def test_wraps_what_xml_would_change(self, wire, meter, raw):
        data = raw.encode(errors="surrogatepass")

        session, values = told(wire, signed("", raw=data, format=SignedFormat.UNKNOWN, encoding_method="OWN"))

        (found,) = fromstring(as_container(session, values)).findall("value/signedData")
        assert (found.get("format"), found.get("encoding")) == ("OWN", "base64")
        assert base64.b64decode(found.text or "") == data

    def test_is_a_file_of_its_own_kind(self, wire, meter):
        session, values = told(wire, *both(meter))

        response = container_response(session, values)

        assert response["Content-Type"] == "text/xml; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="signed-meter-values-{session.uid}.xml"'


class TestTheOriginal:
    def test_is_what_the_station_sent(self, wire, meter):
        sample = signed("\x00\r\nOCMF|{}|{}")
        told(wire, sample)

        assert record_response(SignedRecord.objects.get()).content == sample.raw


class TestSignedValues:
    def test_are_verified_when_every_record_is(self, wire, meter):
        _, values = told(wire, *both(meter))

        assert (values.is_verified, values.verdict) == (True, "verified")
        assert values.key == values.records[0].check.key.short_fingerprint
        assert [shown.moments for shown in values.records] == [(Moment.BEGIN,), (Moment.END,)]

    def test_are_what_the_first_is_that_is_not(self, wire, meter):
        begin, end = both(meter)
        bad = tampered(end.raw.decode(), old="1010.000", new="1011.000")

        _, values = told(wire, begin, signed(bad))

        assert (values.is_verified, values.verdict, values.key) == (False, "refused", "")

    def test_say_when_nobody_has_looked(self, wire, meter):
        session = wire.finish(wire.begin().transaction_id, signed=both(meter))

        values = signed_values(session.pk)

        assert values is not None
        assert values.verdict == "not checked yet"

    def test_of_many_sessions_are_loaded_in_two_queries(self, wire, meter, django_assert_num_queries):
        first, _ = told(wire, *both(meter))
        second = wire.finish(
            wire.begin(started_at=NOON + timedelta(days=1)).transaction_id, ended_at=NOON + timedelta(days=2)
        )

        with django_assert_num_queries(2):
            found = signed_values_of([first.pk, second.pk])

        assert [*found] == [first.pk]
