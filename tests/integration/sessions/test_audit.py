"""Each invariant of sessions is shown to be found when it is broken by plain SQL."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.contracts.models import Vehicle
from apps.core.clock import now
from apps.sessions import services
from apps.sessions.models import ChargingSession
from tests.factories import NOON, make_session, make_site, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, violations
from tests.refusals import run_sql

pytestmark = pytest.mark.django_db


def found() -> set[tuple[str, str]]:
    return {(violation.invariant, violation.subject) for violation in violations()}


def break_rows(sql: str, *params: object) -> None:
    """Run SQL that the triggers would refuse."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, params)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


@pytest.fixture
def cdr(settled):
    return services.rate_settled(session_id=settled.pk, at=NOON + timedelta(hours=3))


class TestAudit:
    def test_finds_nothing_in_a_story_told_well(self, cdr):
        assert found() == set()

    @pytest.mark.parametrize(("minutes", "is_found"), [(14, False), (16, True)])
    def test_finds_a_settled_session_without_a_record_after_15_minutes(self, site, minutes, is_found):
        session = make_session(
            site=site, status="settled", ended_at=now(), settled_at=now() - timedelta(minutes=minutes)
        )

        assert found() == ({("I1", f"session {session.pk}")} if is_found else set())

    def test_finds_a_gap_in_the_revisions(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET revision = 2, reason = 'x', revised_by_id = %s", make_user().pk)

        assert ("I1", f"session {cdr.session_id}") in found()

    def test_finds_a_record_without_its_session(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET session_id = 0")

        assert ("I1", f"charge record {cdr.pk}") in found()

    def test_finds_a_record_of_a_session_that_nobody_pays(self, cdr):
        run_sql("UPDATE charging_sessions_chargingsession SET authorisation = 'Invalid'")

        assert ("I1", f"charge record {cdr.pk}") in found()

    @pytest.mark.parametrize("stop", [BEGIN + 11 * KWH, BEGIN + 9 * KWH])
    def test_finds_energy_that_was_not_metered(self, cdr, stop):
        run_sql("UPDATE charging_sessions_chargingsession SET meter_stop_milliwh = %s", stop)

        assert found() == {("I9", f"charge record {cdr.pk}")}

    def test_finds_more_energy_than_the_connector_can_deliver(self, cdr):
        run_sql("UPDATE stations_connector SET max_power_w = 8000")

        assert found() == {("I9", f"charge record {cdr.pk}")}

    def test_finds_a_document_that_was_touched(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET document = jsonb_set(document, '{gross}', '\"5.96\"')")

        assert found() == {("I6", f"charge record {cdr.pk}")}

    def test_finds_totals_that_were_touched(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET net = 4.00, gross = 4.95")

        assert found() == {("I6", f"charge record {cdr.pk}")}

    def test_finds_inputs_that_lead_to_another_result(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET inputs = jsonb_set(inputs, '{tax_rates,standard}', '\"0.16\"')")

        assert found() == {("I8", f"charge record {cdr.pk}")}

    @pytest.mark.parametrize("inputs", ["{}", "[]", '{"register": null}'])
    def test_finds_inputs_that_cannot_be_rated_and_goes_on(self, cdr, inputs):
        break_rows("UPDATE charging_sessions_cdr SET inputs = %s, net = 4.00, gross = 4.95", inputs)

        assert found() == {("I6", f"charge record {cdr.pk}"), ("I8", f"charge record {cdr.pk}")}

    def test_finds_a_tariff_that_was_damaged(self, cdr):
        break_rows("UPDATE tariffs_tariffversion SET elements = '[{}]'")

        assert found() == {("I8", f"charge record {cdr.pk}")}

    def test_finds_a_document_without_its_fields_though_it_hashes(self, cdr):
        break_rows(
            "UPDATE charging_sessions_cdr SET document = '{}', content_hash = encode(sha256('{}'::bytea), 'hex')"
        )

        assert found() == {("I6", f"charge record {cdr.pk}"), ("I8", f"charge record {cdr.pk}")}

    def test_finds_energy_that_is_not_its_documents(self, cdr):
        break_rows("UPDATE charging_sessions_cdr SET energy_milliwh = energy_milliwh + 1")

        assert ("I6", f"charge record {cdr.pk}") in found()

    def test_finds_a_vehicle_of_another_customer(self, site):
        session, stranger = make_session(site=site), make_site()
        vehicle = Vehicle.objects.create(customer=stranger.customer, plate="X-1")

        run_sql("UPDATE charging_sessions_chargingsession SET vehicle_id = %s", vehicle.pk)

        assert found() == {("I13", f"session {session.pk}")}

    def test_finds_an_ended_session_that_nobody_settled(self, site):
        session = make_session(
            site=site,
            status="ended",
            ended_at=now() - timedelta(hours=1),
            end_received_at=now() - timedelta(minutes=31),
        )

        assert found() == {("I11", f"session {session.pk}")}

    @pytest.mark.parametrize("column", ["seller", "evse", "contract", "token", "tariff_version"])
    def test_finds_a_session_that_crosses_sellers(self, site, column):
        session, stranger = make_session(site=site), make_site()
        row = {"seller": stranger.owner, "tariff_version": stranger.version}.get(column) or getattr(stranger, column)

        run_sql(f"UPDATE charging_sessions_chargingsession SET {column}_id = %s", row.pk)

        assert ("I13", f"session {session.pk}") in found()

    def test_finds_a_grant_that_is_not_its_sessions(self, wire):
        begun = wire.begin()
        run_sql("UPDATE charging_sessions_startgrant SET contract_id = NULL")

        broken = violations()

        assert [violation.invariant for violation in broken] == ["I13"]
        assert broken[0].problem == "its seller, station, contract or tariff is not that of its session"
        assert begun.session_id


class TestLateEvidence:
    def test_is_found_when_nobody_looks_at_it(self, cdr):
        ChargingSession.objects.filter(pk=cdr.session_id).update(late_evidence_at=NOON)

        assert found() == {("I11", f"session {cdr.session_id}")}
