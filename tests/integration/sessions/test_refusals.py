"""What the database refuses of sessions, readings, grants and charge records."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession, Measurement, MeterReading, StartGrant, StateChange
from tests.factories import NOON, make_evse, make_grant, make_session, make_user
from tests.integration.sessions.conftest import KWH
from tests.refusals import refused_by, run_sql

pytestmark = pytest.mark.django_db


class TestChargingSession:
    def test_refuses_two_live_sessions_on_an_evse(self, site):
        make_session(site=site)

        with refused_by("session_one_live_per_evse", ChargingSession):
            make_session(site=site)

    def test_refuses_a_transaction_id_twice_at_a_station(self, site):
        session = make_session(site=site)
        other = make_evse(station=site.station, number=2)

        with refused_by("session_transaction_unique_per_station", ChargingSession):
            make_session(site=site, evse=other, transaction_id=session.transaction_id)

    @pytest.mark.parametrize("transaction_id", [0, -1, 2**31])
    def test_refuses_an_id_that_is_not_positive_31_bit(self, site, transaction_id):
        with refused_by("session_transaction_is_positive_31_bit", ChargingSession):
            make_session(site=site, transaction_id=transaction_id)

    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "ended"},
            {"status": "ended", "ended_at": NOON},
            {"status": "settled", "ended_at": NOON},
            {"status": "settled", "settled_at": NOON},
            {"status": "gone"},
        ],
    )
    def test_refuses_times_that_contradict_the_status(self, site, fields):
        with refused_by("session_times_match_status", ChargingSession):
            make_session(site=site, **fields)

    def test_refuses_a_review_without_a_reason(self, site):
        with refused_by("session_in_review_says_why", ChargingSession):
            make_session(site=site, status="review")

    @pytest.mark.parametrize("fields", [{}, {"ended_at": NOON + timedelta(seconds=1)}])
    def test_refuses_a_vehicle_that_leaves_before_its_session_ends(self, site, fields):
        with refused_by("session_is_not_left_before_it_ends", ChargingSession):
            make_session(site=site, occupied_until=NOON, **fields)

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "charge", "reserved_from": NOON + timedelta(seconds=1)},
            {"kind": "reservation"},
            {"kind": "reservation", "reserved_from": NOON, "ended_at": NOON},
            {"kind": "reservation", "reserved_from": NOON, "meter_start_milliwh": None},
            {"kind": "else"},
        ],
    )
    def test_refuses_a_reservation_that_is_no_time_before_a_start(self, site, fields):
        with refused_by("session_reserved_before_it_starts", ChargingSession):
            make_session(site=site, **fields)


class TestGrant:
    def test_refuses_to_expire_before_it_is_given(self, site):
        with refused_by("grant_expires_after_it_is_given", StartGrant):
            make_grant(site=site, expires_at=NOON)

    @pytest.mark.parametrize("field", ["limit_amount", "waive_below"])
    def test_refuses_a_fraction_of_a_cent(self, site, field):
        with refused_by("grant_amounts_are_rounded", StartGrant):
            make_grant(site=site, **{field: Decimal("10.001")})

    @pytest.mark.parametrize("percent", ["0", "-5", "100.0001"])
    def test_refuses_a_discount_that_is_no_percentage(self, site, percent):
        with refused_by("grant_discount_is_a_percentage", StartGrant):
            make_grant(site=site, discount_percent=Decimal(percent))

    def test_refuses_a_session_two_grants(self, site):
        session = make_session(site=site)
        make_grant(site=site, used_by_session=session)

        with refused_by("used_by_session_id", StartGrant):
            make_grant(site=site, used_by_session=session)


class TestReadingsAndStates:
    @pytest.fixture
    def rows(self, wire):
        session = make_session(site=wire.site)
        MeterReading.objects.create(session=session, at=NOON, energy_milliwh=KWH, context="x", frame_id=1)
        StateChange.objects.create(session=session, at=NOON, state="charging", frame_id=1)
        Measurement.objects.create(session=session, at=NOON, kind="power", value_milli=5, frame_id=1)
        return session

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE charging_sessions_meterreading SET energy_milliwh = 0",
            "DELETE FROM charging_sessions_meterreading",
        ],
    )
    def test_readings_are_never_changed(self, rows, sql):
        with refused_by("meter readings are never changed or deleted", MeterReading):
            run_sql(sql)

    @pytest.mark.parametrize(
        "sql",
        ["UPDATE charging_sessions_statechange SET state = 'idle'", "DELETE FROM charging_sessions_statechange"],
    )
    def test_states_are_never_changed(self, rows, sql):
        with refused_by("state changes are never changed or deleted", StateChange):
            run_sql(sql)

    def test_a_reading_is_there_once(self, rows):
        with refused_by("reading_once_per_session_and_instant", MeterReading):
            MeterReading.objects.create(session=rows, at=NOON, energy_milliwh=KWH, context="y", frame_id=2)

    def test_a_state_is_there_once(self, rows):
        with refused_by("state_once_per_session_and_instant", StateChange):
            StateChange.objects.create(session=rows, at=NOON, state="charging", frame_id=2)

    @pytest.mark.parametrize(
        "sql",
        ["UPDATE charging_sessions_measurement SET value_milli = 0", "DELETE FROM charging_sessions_measurement"],
    )
    def test_measurements_are_never_changed(self, rows, sql):
        with refused_by("measurements are never changed or deleted", Measurement):
            run_sql(sql)

    def test_a_measurement_is_there_once(self, rows):
        with refused_by("measurement_once_per_session_and_instant", Measurement):
            Measurement.objects.create(session=rows, at=NOON, kind="power", value_milli=5, frame_id=2)

    def test_a_measurement_is_not_negative(self, rows):
        with refused_by("measurement_is_not_negative", Measurement):
            Measurement.objects.create(session=rows, at=NOON, kind="power", value_milli=-1, frame_id=2)


class TestCdr:
    @pytest.fixture
    def cdr(self, settled):
        return services.rate_settled(session_id=settled.pk, at=NOON + timedelta(hours=3))

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE charging_sessions_cdr SET net = 0, tax = 0, gross = 0",
            "UPDATE charging_sessions_cdr SET document = '{}'",
            "UPDATE charging_sessions_cdr SET reason = 'because'",
            "UPDATE charging_sessions_cdr SET session_id = session_id + 1",
            "DELETE FROM charging_sessions_cdr",
        ],
    )
    def test_is_never_changed_by_plain_sql(self, cdr, sql):
        with refused_by("charge records are frozen", Cdr):
            run_sql(sql)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"revision": 1}, "cdr_revision_unique"),
            ({"revision": 0}, "cdr_revision_starts_at_one"),
            ({"reason": ""}, "cdr_correction_has_reason_and_author"),
            ({"revised_by": None}, "cdr_correction_has_reason_and_author"),
            ({"is_automatic": True}, "cdr_automatic_has_no_person"),
            ({"is_automatic": True, "revised_by": None, "reason": ""}, "cdr_correction_has_reason_and_author"),
            ({"tax": Decimal("0.96")}, "cdr_net_and_tax_make_gross"),
            ({"energy_milliwh": -1}, "cdr_energy_is_not_negative"),
            ({"net": Decimal("5.001"), "gross": Decimal("5.951")}, "cdr_amounts_are_rounded"),
        ],
    )
    def test_refuses_a_revision_that_cannot_be(self, cdr, fields, name):
        columns = {field.name: getattr(cdr, field.name) for field in Cdr._meta.concrete_fields if not field.primary_key}
        revision = {**columns, "revision": 2, "reason": "Goodwill.", "revised_by": make_user(), **fields}

        with refused_by(name, Cdr):
            Cdr.objects.create(**revision)
