"""Signed meter values on a driver's receipt: the verdict in a line, the original for the transparency software."""

from xml.etree.ElementTree import fromstring

from apps.invoices.models import Invoice
from apps.invoices.services.rendering import print_html
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample
from apps.sessions.services import check_signatures
from apps.sessions.services.signing import Signed, store_signed
from apps.stations.services import add_meter_key
from tests.factories import make_user
from tests.meters import SigningMeter

from .conftest import MINUTE, NOW
from .test_progress_page import KWH, Charge, attempt, charge, look

__all__ = ["attempt", "charge"]


def tell_signed(charge: Charge, *records: str) -> None:
    samples = [
        SignedSample(at=NOW, moment=Moment.END, format=SignedFormat.OCMF, encoding=Encoding.PLAIN, raw=record.encode())
        for record in records
    ]
    store_signed([Signed(charge.session, samples, NOW, 1)])
    check_signatures(session_id=charge.session.pk, at=NOW)


class TestTheReceipt:
    def test_says_that_they_are_verified_and_hands_them_out(self, driver, attempt, charge, site):
        meter = SigningMeter()
        key = add_meter_key(
            station_id=site.station.pk, evse_id=None, public_key=meter.public_key, by=make_user(), at=NOW
        )
        record = meter.end(NOW, "1010.000")
        tell_signed(charge.begin(), record)
        charge.deliver(7 * KWH, at=charge.begun_at + 20 * MINUTE).end(10 * KWH, at=NOW).price()

        page, file = look(driver, attempt, "receipt/"), driver.client.get(f"/s/{attempt.token}/receipt/signed.xml")

        assert f"verified (key {key.short_fingerprint})" in page
        assert f'href="/s/{attempt.token}/receipt/signed.xml"' in page
        assert file["Content-Type"] == "text/xml; charset=utf-8"
        assert fromstring(file.content).findtext("value/signedData") == record
        assert f"Signed meter values: verified (key {key.short_fingerprint})" in print_html(Invoice.objects.get())

    def test_says_that_nobody_could_verify_them(self, driver, attempt, charge):
        tell_signed(charge.begin(), SigningMeter().end(NOW, "1010.000"))
        charge.deliver(7 * KWH, at=charge.begun_at + 20 * MINUTE).end(10 * KWH, at=NOW).price()

        german = look(driver, attempt, "receipt/", accept_language="de")
        assert "not verified: no key" in look(driver, attempt, "receipt/")
        assert "nicht geprüft: kein Schlüssel des Zählers bekannt" in german
        assert "Signed meter values: not verified: no key of the meter is known" in print_html(Invoice.objects.get())

    def test_says_nothing_where_the_station_sent_none(self, driver, attempt, charge):
        charge.begin().deliver(7 * KWH, at=charge.begun_at + 20 * MINUTE).end(10 * KWH, at=NOW).price()

        assert "Signed meter values" not in look(driver, attempt, "receipt/")
        assert driver.client.get(f"/s/{attempt.token}/receipt/signed.xml").status_code == 404
