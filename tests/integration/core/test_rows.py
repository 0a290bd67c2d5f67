from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, transaction

from apps.core.rows import insert_rows, update_rows
from apps.ocpp.models import Direction, Frame
from apps.sessions.models import ChargingSession, MeterReading, StartGrant
from tests.factories import NOON, Site, make_session, make_site

pytestmark = pytest.mark.django_db

HOSTILE = 'quotes " and \' and \\ and %s, a tab\t, a line\n, {"json": "text"}, ünïcode 漢字 🔌, \\u0000'


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def session(site) -> ChargingSession:
    return make_session(site=site)


def frame(site, **fields) -> Frame:
    values = {"station": site.station, "connection_no": 1, "direction": Direction.IN, "received_at": NOON}
    return Frame(**{**values, "payload": "[]", **fields})


class TestInsertRows:
    def test_keeps_every_value_and_gives_each_row_its_own_key(self, site, django_assert_num_queries):
        at = datetime(2026, 11, 30, 12, 0, 0, 1, tzinfo=UTC)
        rows = [frame(site, payload=f"{number} {HOSTILE}", received_at=at) for number in range(60)]

        with django_assert_num_queries(1):
            insert_rows(rows)

        kept = {row.pk: (row.payload, row.received_at, row.direction, row.note) for row in Frame.objects.all()}
        assert kept == {row.pk: (row.payload, at, "in", "") for row in rows}
        assert len(kept) == 60

    def test_keeps_the_last_decimal_of_an_amount_and_what_is_null(self, site):
        grant = StartGrant(
            seller=site.owner,
            station=site.station,
            token_hash="0" * 64,
            tariff_version=site.version,
            currency="EUR",
            limit_amount=Decimal("99999999999.99"),
            discount_percent=Decimal("0.0001"),
            granted_at=NOON,
            expires_at=NOON + timedelta(hours=1),
        )

        insert_rows([grant])

        kept = StartGrant.objects.get()
        amounts = (kept.limit_amount, kept.discount_percent, kept.waive_below)
        assert amounts == (Decimal("99999999999.99"), Decimal("0.0001"), None)

    def test_leaves_out_what_is_there_already(self, session):
        def reading(energy_milliwh: int) -> MeterReading:
            return MeterReading(session=session, at=NOON, energy_milliwh=energy_milliwh, context="", frame_id=1)

        insert_rows([reading(1)])
        insert_rows([reading(1), reading(2**62)], ignore_conflicts=True)

        assert list(MeterReading.objects.values_list("energy_milliwh", flat=True)) == [1, 2**62]

    def test_refuses_all_where_the_database_refuses_one(self, session):
        twice = [
            MeterReading(session=session, at=NOON, energy_milliwh=1, context="", frame_id=number) for number in range(2)
        ]

        with pytest.raises(IntegrityError, match="reading_once_per_session_and_instant"), transaction.atomic():
            insert_rows(twice)

        assert not MeterReading.objects.exists()

    def test_cuts_no_text_that_is_too_long(self, site):
        with pytest.raises(DataError, match="too long"), transaction.atomic():
            insert_rows([frame(site, message_id="x" * 37)])

        assert not Frame.objects.exists()

    def test_of_no_rows_asks_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            insert_rows([])


class TestUpdateRows:
    def test_writes_these_fields_of_each_row_and_no_other(self, site, django_assert_num_queries):
        over = {"status": "settled", "ended_at": NOON, "end_received_at": NOON, "settled_at": NOON}
        first, second = make_session(site=site, **over), make_session(site=site, **over)
        for number, session in enumerate((first, second)):
            session.stop_reason, session.review_reasons, session.id_token = f"{number}", [HOSTILE], "not told"

        with django_assert_num_queries(1):
            update_rows([first, second], fields=["stop_reason", "review_reasons"])

        kept = list(ChargingSession.objects.order_by("pk").values_list("stop_reason", "review_reasons"))
        assert kept == [("0", [HOSTILE]), ("1", [HOSTILE])]
        assert not ChargingSession.objects.filter(id_token="not told").exists()

    def test_of_no_rows_asks_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            update_rows([], fields=["stop_reason"])
