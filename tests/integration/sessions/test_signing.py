"""Signed meter values: kept bit for bit, checked, and under calibration law the only thing that is billed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.sessions import services
from apps.sessions.domain.signed import Encoding, Moment, SignedFormat, SignedSample, Verdict
from apps.sessions.errors import RatingRefused
from apps.sessions.models import Cdr, ChargingSession, SignatureCheck, SignedRecord
from apps.stations.models import MeterKey
from apps.stations.services import add_meter_key, adopt_meter_key, end_meter_key
from apps.tariffs.domain.rating import inputs_from_document
from tests.factories import NOON, make_site, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations
from tests.meters import SigningMeter, reading, tampered

ONE = NOON + timedelta(hours=1)
TWO = NOON + timedelta(hours=2)
ONE_MINUTE = timedelta(minutes=1)


def signed(record: str, moment: Moment = Moment.OTHER, **fields: Any) -> SignedSample:
    values = {
        "at": ONE,
        "moment": moment,
        "format": SignedFormat.OCMF,
        "encoding": Encoding.PLAIN,
        "raw": record.encode(),
    }
    return SignedSample(**{**values, **fields})


@pytest.fixture
def meter() -> SigningMeter:
    return SigningMeter()


@pytest.fixture
def owner(db: None) -> User:
    return make_user()


@pytest.fixture
def key(wire: Wire, meter: SigningMeter, owner: User) -> MeterKey:
    return add_meter_key(station_id=wire.site.station.pk, evse_id=None, public_key=meter.public_key, by=owner, at=NOON)


@pytest.fixture
def calibrated(wire: Wire) -> Wire:
    """The wire of a station under calibration law."""
    wire.site.station.is_under_calibration_law = True
    wire.site.station.save()
    return wire


def charged(wire: Wire, *samples: SignedSample, **end: Any) -> ChargingSession:
    """Charge 10 kWh in the hour after noon, told with these signed values, and let it settle and be rated."""
    begin = {"started_at": end.pop("started_at")} if "started_at" in end else {}
    session = wire.finish(wire.begin(**begin).transaction_id, signed=samples, **end)
    services.settle_sessions(session_ids=[session.pk], at=TWO)
    services.rate_or_review(session_id=session.pk, at=TWO)
    session.refresh_from_db()
    return session


def both(meter: SigningMeter, begin: str = "1000.000", end: str = "1010.000") -> tuple[SignedSample, SignedSample]:
    return signed(meter.begin(NOON, begin), Moment.BEGIN), signed(meter.end(ONE, end), Moment.END)


def verdicts(session: ChargingSession) -> list[tuple[str, str]]:
    checks = SignatureCheck.objects.filter(record__session=session).order_by("record_id", "pk")
    return list(checks.values_list("verdict", "reason"))


class TestARecord:
    def test_is_kept_bit_for_bit_once_however_often_it_is_told(self, wire, meter):
        begin, end = both(meter)
        started = wire.begin()

        services.record_readings((wire.readings(started.transaction_id, signed=(begin,)),))
        wire.finish(started.transaction_id, signed=(begin, end, end))

        records = SignedRecord.objects.order_by("pk")
        assert [bytes(record.raw) for record in records] == [begin.raw, end.raw]
        assert [record.moment for record in records] == ["begin", "end"]

    def test_is_kept_with_the_time_of_its_receipt_where_its_own_is_unreadable(self, wire, meter):
        wire.finish(wire.begin().transaction_id, signed=(signed(meter.end(ONE, "1"), at=None),))

        assert SignedRecord.objects.get().at == ONE

    @pytest.mark.parametrize("model", [SignedRecord, SignatureCheck])
    def test_and_its_check_are_never_changed_or_deleted(self, wire, meter, key, model):
        charged(wire, *both(meter))

        for change in (lambda rows: rows.update(id=-1), lambda rows: rows.delete()):
            with pytest.raises(IntegrityError), transaction.atomic():
                change(model.objects.all())

    def test_sends_nothing_else_to_review(self, wire, meter):
        session = charged(wire, signed("a riddle", format=SignedFormat.UNKNOWN))

        assert session.status == "settled"
        assert verdicts(session) == [
            (
                "unknown format",
                "The record's format (unknown) cannot be verified here; the transparency software may know it.",
            )
        ]


class TestAVerdict:
    def test_is_verified_by_the_meters_key(self, wire, meter, key):
        session = charged(wire, *both(meter))

        assert verdicts(session) == [("verified", f"Signed by the meter's key {key.short_fingerprint}.")] * 2
        assert {check.key for check in SignatureCheck.objects.all()} == {key}
        assert violations() == []

    def test_refuses_what_was_tampered_with(self, wire, meter, key):
        record = tampered(meter.end(ONE, "1010.000"), old="1010.000", new="1011.000")

        session = charged(wire, signed(record))

        assert verdicts(session) == [
            ("refused", f"The signature is not the meter's: key {key.short_fingerprint} did not make it.")
        ]

    def test_waits_for_a_key_and_takes_one_that_was_reported_only_when_it_is_adopted(self, wire, meter, owner):
        session = charged(wire, signed(meter.end(ONE, "1010.000"), public_key=meter.public_key))
        reported = MeterKey.objects.get()
        told_before = services.sweep_signatures(at=TWO)

        adopt_meter_key(meter_key_id=reported.pk, by=owner, at=TWO + timedelta(minutes=1))
        told_after = services.sweep_signatures(at=TWO + timedelta(minutes=2))

        assert (reported.source, reported.adopted_at, reported.evse) == ("station", None, session.evse)
        assert (told_before, told_after) == (0, 1)
        assert verdicts(session) == [
            ("no key", "The station reported a key for its meter, and nobody has adopted it yet."),
            ("verified", f"Signed by the meter's key {reported.short_fingerprint}."),
        ]

    def test_does_not_believe_another_key_that_comes_with_the_record(self, wire, key):
        liar = SigningMeter()

        session = charged(wire, signed(liar.end(ONE, "1010.000"), public_key=liar.public_key))

        assert [verdict for verdict, _ in verdicts(session)] == ["refused"]
        assert MeterKey.objects.filter(adopted_at__isnull=False).get() == key

    def test_takes_no_key_from_the_time_after_its_end(self, wire, meter, key):
        end_meter_key(meter_key_id=key.pk, at=NOON + timedelta(minutes=30))

        session = charged(wire, *both(meter))

        assert [verdict for verdict, _ in verdicts(session)] == ["no key", "no key"]

    def test_is_found_by_the_sweeper_where_no_bell_was_heard(self, wire, meter, key):
        session = wire.finish(wire.begin().transaction_id, signed=both(meter))

        counts = [services.sweep_signatures(at=TWO) for _ in range(2)]

        assert counts == [1, 0]
        assert [verdict for verdict, _ in verdicts(session)] == ["verified", "verified"]


class TestUnderCalibrationLaw:
    def test_the_verified_energy_is_billed(self, calibrated, meter, key):
        session = charged(calibrated, *both(meter, end="1009.9995"))

        cdr = Cdr.objects.get()
        assert session.status == "settled"
        assert (cdr.energy_milliwh, str(cdr.net)) == (9_999_500, "€5.00")
        register = inputs_from_document(cdr.inputs).facts.register
        assert [reading.energy_milliwh for reading in register] == [BEGIN, BEGIN + 9_999_500]
        assert violations() == []

    def test_one_record_of_begin_and_end_will_do(self, calibrated, meter, key):
        record = meter.record(reading(NOON, "B", "1000.000"), reading(ONE, "E", "1010.000"))

        session = charged(calibrated, signed(record, Moment.END))

        assert (session.status, Cdr.objects.get().energy_milliwh) == ("settled", 10 * KWH)

    @pytest.mark.parametrize(
        ("told", "why"),
        [
            (lambda meter: (), "The station sent no signed meter values."),
            (
                lambda meter: both(meter)[:1],
                "No verified signed meter value says where the session's end was.",
            ),
            (
                lambda meter: (both(meter)[0], signed(tampered(meter.end(ONE, "1010.000"), old="1010", new="1020"))),
                "No verified signed meter value says where the session's end was. The signature is not the meter's",
            ),
            (
                lambda meter: both(SigningMeter()),
                "No verified signed meter value says where the session's begin was. The signature is not the meter's",
            ),
            (
                lambda meter: (signed("AP;0;3;X", format=SignedFormat.ALFEN),),
                "No verified signed meter value says where the session's begin was. The record's format (ALFEN) cannot",
            ),
            (
                lambda meter: both(meter, end="1020.000"),
                "The signed values say 1000 to 1020 kWh, the station's register 1000 to 1010 kWh.",
            ),
        ],
        ids=["none", "no end", "tampered", "another meter's", "unknown format", "another register"],
    )
    def test_anything_else_goes_to_review_and_is_not_billed(self, calibrated, meter, key, told, why):
        session = charged(calibrated, *told(meter))

        assert session.status == "review"
        assert session.review_reasons[-1].startswith(
            f"Its station may bill only verified energy (calibration law). {why}"
        )
        assert not Cdr.objects.exists()

    def test_a_record_of_an_earlier_session_is_no_proof(self, calibrated, meter, key):
        samples = both(meter)
        first = charged(calibrated, *samples)
        again = charged(calibrated, *samples, started_at=NOON + timedelta(seconds=1))

        assert (first.status, again.status) == ("settled", "review")
        assert "A signed value was sent for another session too" in again.review_reasons[-1]
        assert Cdr.objects.get().session == first

    def test_nobody_can_accept_it_without_proof(self, calibrated, meter, key, owner):
        session = charged(calibrated)

        with pytest.raises(RatingRefused):
            services.accept_session(session_id=session.pk, reason="He surely charged.", by=owner, at=TWO)

        session.refresh_from_db()
        assert session.status == "review"
        assert not Cdr.objects.exists()

    def test_it_can_be_accepted_once_the_key_is_known(self, calibrated, meter, owner):
        session = charged(calibrated, *both(meter))
        assert session.status == "review"
        station = calibrated.site.station
        add_meter_key(station_id=station.pk, evse_id=None, public_key=meter.public_key, by=owner, at=TWO + ONE_MINUTE)

        cdr = services.accept_session(
            session_id=session.pk, reason="The key was missing.", by=owner, at=TWO + 2 * ONE_MINUTE
        )

        assert (cdr.energy_milliwh, str(cdr.net)) == (10 * KWH, "€5.00")

    def test_it_can_be_let_off(self, calibrated, meter, key, owner):
        session = charged(calibrated)

        cdr = services.bill_nothing(session_id=session.pk, reason="The meter is broken.", by=owner, at=TWO)

        assert cdr is not None
        assert cdr.gross.amount == 0

    def test_time_is_not_billed(self, db, meter, owner):
        components = [{"type": "ENERGY", "price": "0.50"}, {"type": "TIME", "price": "1.00"}]
        wire = Wire(make_site(elements=[{"price_components": components}]))
        station = wire.site.station
        station.is_under_calibration_law = True
        station.save()
        add_meter_key(station_id=station.pk, evse_id=None, public_key=meter.public_key, by=owner, at=NOON)
        started = wire.begin()
        services.record_connector_states((wire.status("Charging", NOON + ONE_MINUTE),))

        session = wire.finish(started.transaction_id, signed=both(meter))
        services.settle_sessions(session_ids=[session.pk], at=TWO)
        services.rate_or_review(session_id=session.pk, at=TWO)

        session.refresh_from_db()
        assert session.status == "review"
        assert session.review_reasons[-1].endswith(
            "The tariff prices time, and the meter is calibrated for energy alone."
        )

    def test_the_mark_counts_from_the_next_session_on(self, wire, meter, key):
        started = wire.begin()
        wire.site.station.is_under_calibration_law = True
        wire.site.station.save()

        session = wire.finish(started.transaction_id)
        services.settle_sessions(session_ids=[session.pk], at=TWO)

        assert services.rate_or_review(session_id=session.pk, at=TWO) is not None
        assert Verdict.VERIFIED not in {verdict for verdict, _ in verdicts(session)}
