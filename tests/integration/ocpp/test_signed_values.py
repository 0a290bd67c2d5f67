"""A meter that signs, over a real socket: kept bit for bit, verified, shown, sent on; or refused and not billed."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core.audit import find_violations
from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession, SignatureCheck, SignedRecord
from apps.stations.services import add_meter_key
from tests.factories import make_member, make_user
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.events import event, sample, tell_events
from tests.integration.ocpp.events import meter as meter_value
from tests.integration.tenants import signed_in
from tests.meters import SigningMeter, tampered

BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
ENDED = BEGUN + timedelta(hours=1)
RATED = BEGUN + timedelta(hours=3)


@pytest.fixture
def meter(site) -> SigningMeter:
    """The meter of the site's station; its owner has typed the key."""
    meter = SigningMeter()
    add_meter_key(station_id=site.station.pk, evse_id=None, public_key=meter.public_key, by=make_user(), at=BEGUN)
    return meter


@pytest.fixture
def calibrated(site) -> None:
    site.station.is_under_calibration_law = True
    site.station.save(update_fields=["is_under_calibration_law"])


def samples_of(records: Sequence[str]) -> list[dict[str, Any]]:
    contexts = ("Transaction.Begin", "Transaction.End")
    return [
        {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "sampledValue": [
                {"value": register, "context": context, "unit": "Wh"},
                {"value": record, "context": context, "format": "SignedData"},
            ],
        }
        for at, register, context, record in zip((BEGUN, ENDED), ("1000000", "1010000"), contexts, records, strict=True)
    ]


def charge(url: str, box: Any, token: str, *records: str) -> ChargingSession:
    """Charge 10 kWh in an hour, told with these signed values at the stop; settle and rate it."""

    async def story():
        async with box.at(url) as charger:
            await charger.boot()
            started = await charger.start(token, at=BEGUN, meter_wh=1_000_000)
            stop = {
                "transactionId": started.transaction_id,
                "meterStop": 1_010_000,
                "timestamp": f"{ENDED:%Y-%m-%dT%H:%M:%SZ}",
                "transactionData": samples_of(records),
            }
            return await charger.call("StopTransaction", stop)

    assert tell(story) == {}
    session = ChargingSession.objects.get()
    services.settle_sessions(session_ids=[session.pk], at=RATED)
    services.rate_or_review(session_id=session.pk, at=RATED)
    session.refresh_from_db()
    return session


class TestAStopWithSignedValues:
    def test_is_kept_verified_shown_and_sent_on(self, url, site, site_box, meter):
        records = [meter.begin(BEGUN, "1000.000"), meter.end(ENDED, "1010.000")]
        owner = signed_in(make_member(organisation=site.owner, role=Role.OWNER, user=make_user(is_staff=True)).user)

        session = charge(url, site_box, site.token.uid, *records)

        kept = SignedRecord.objects.order_by("at")
        assert [bytes(record.raw).decode() for record in kept] == records
        assert [(record.moment, record.format, record.encoding) for record in kept] == [
            ("begin", "OCMF", "plain"),
            ("end", "OCMF", "plain"),
        ]
        assert {record.frame_id for record in kept} == {session.end_frame_id}
        assert [check.verdict for check in SignatureCheck.objects.all()] == ["verified", "verified"]
        assert session.status == "settled"
        assert "verified" in owner.get(reverse("console:session", args=[session.uid])).content.decode()
        originals = [owner.get(reverse("console:signed-record", args=[record.pk])).content for record in kept]
        assert [original.decode() for original in originals] == records
        assert list(find_violations()) == []

    def test_holds_them_as_the_object_of_2_0_1_with_a_key_that_nobody_adopted(self, url, site, site_box, meter):
        liar = SigningMeter()
        told = [
            json.dumps({"signedMeterData": record, "encodingMethod": "OCMF", "publicKey": liar.public_key})
            for record in (liar.begin(BEGUN, "1000.000"), liar.end(ENDED, "1010.000"))
        ]

        session = charge(url, site_box, site.token.uid, *told)

        assert [check.verdict for check in SignatureCheck.objects.all()] == ["refused", "refused"]
        assert session.status == "settled"
        assert site.station.meter_keys.filter(adopted_at__isnull=False).count() == 1
        assert site.station.meter_keys.get(source="station").adopted_at is None

    def test_is_not_billed_under_calibration_law_where_a_signature_is_refused(
        self, url, site, site_box, meter, calibrated
    ):
        end = tampered(meter.end(ENDED, "1010.000"), old="1010.000", new="1010.001")

        session = charge(url, site_box, site.token.uid, meter.begin(BEGUN, "1000.000"), end)

        assert session.status == "review"
        assert "No verified signed meter value says where the session's end was." in session.review_reasons[-1]
        assert not Cdr.objects.exists()
        assert list(find_violations()) == []

    def test_is_billed_under_calibration_law_by_what_was_signed(self, url, site, site_box, meter, calibrated):
        session = charge(url, site_box, site.token.uid, meter.begin(BEGUN, "1000.0004"), meter.end(ENDED, "1009.9996"))

        assert session.status == "settled"
        assert Cdr.objects.get().energy_milliwh == 9_999_200
        assert list(find_violations()) == []


class TestATransactionOf201WithSignedValues:
    def test_is_billed_under_calibration_law_by_what_was_signed(self, url, site, site_box, meter, calibrated):
        records = [meter.begin(BEGUN, "1000.000"), meter.end(ENDED, "1009.9996")]
        begin, end = (
            {
                "signedMeterData": base64.b64encode(record.encode()).decode(),
                "signingMethod": "",
                "encodingMethod": "OCMF",
                "publicKey": base64.b64encode(f"oca:base16:asn1:{meter.public_key}".encode()).decode(),
            }
            for record in records
        )
        events = [
            event(
                kind,
                at,
                token=site.token.uid,
                values=[meter_value(at, sample(register, context=context, signedMeterValue=signed))],
            )
            for kind, at, register, context, signed in (
                ("Started", BEGUN, 1_000_000, "Transaction.Begin", begin),
                ("Ended", ENDED, 1_010_000, "Transaction.End", end),
            )
        ]

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await tell_events(charger, *events)

        tell(story)

        services.sweep_unsettled(at=RATED)
        session = ChargingSession.objects.get()
        services.rate_or_review(session_id=session.pk, at=RATED)
        kept = SignedRecord.objects.order_by("at")
        assert [bytes(record.raw) for record in kept] == [
            begin["signedMeterData"].encode(),
            end["signedMeterData"].encode(),
        ]
        assert [(record.moment, record.encoding) for record in kept] == [("begin", "base64"), ("end", "base64")]
        assert Cdr.objects.get().energy_milliwh == 9_999_600
        # The key that came along is the one that its owner has typed: there is nothing to adopt.
        assert site.station.meter_keys.get().source == "owner"
        assert list(find_violations()) == []
