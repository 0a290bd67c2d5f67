"""Stations whose clocks are wrong, odd or far away: energy is kept, and billed where the time can be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.ocpp.models import Frame
from tests.factories import NOON
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.telling import bill, start, stop, told_once, wire

HOUR = timedelta(hours=1)
KWH = 1_000_000


def charge(url, site, site_box, clock, started: str, ended: str):
    """Charge 10 kWh in an hour, as a clock tells it that wrote these texts; return both answers."""

    async def story():
        async with wire(url, site_box) as box:
            begun = await box.say("1", "StartTransaction", start(site.token.uid, started))
            clock.at += HOUR
            return begun, await box.say("2", "StopTransaction", stop(begun[2]["transactionId"], ended))

    return tell(story)


class TestAnInstant:
    @pytest.mark.parametrize(
        ("started", "ended"),
        [
            ("2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z"),
            ("2026-06-02T02:00:00+14:00", "2026-06-02T03:00:00+14:00"),
            ("2026-06-01T00:00:00-12:00", "2026-06-01T01:00:00-12:00"),
            ("2026-06-01T17:45:00+0545", "2026-06-01T18:45:00+05:45"),
            ("2026-06-01T12:00:00.000000000Z", "2026-06-01T13:00:00.000000999Z"),
            ("2026-06-01t12:00:00,0z", "2026-06-01 13:00:00 +00"),
            ("2026-06-01T12:00:00Z", "2026-06-01T12:59:60Z"),
        ],
    )
    def test_is_the_same_in_every_spelling(self, url, site, site_box, clock, started, ended):
        charge(url, site, site_box, clock, started, ended)

        session, records = told_once(NOON + 3 * HOUR)
        assert (session.started_at, session.ended_at) == (NOON, NOON + HOUR)
        assert (session.status, session.review_reasons) == ("settled", [])
        assert [(cdr.energy_milliwh, str(cdr.gross.amount)) for cdr in records] == [(10 * KWH, "5.950000")]

    def test_keeps_nine_digits_to_the_microsecond(self, url, site, site_box, clock):
        charge(url, site, site_box, clock, "2026-06-01T12:00:00.123456789Z", "2026-06-01T13:00:00.999999999Z")

        session, records = told_once(NOON + 3 * HOUR)
        assert session.started_at == NOON + timedelta(microseconds=123_456)
        assert session.ended_at == NOON + HOUR + timedelta(microseconds=999_999)
        assert [cdr.energy_milliwh for cdr in records] == [10 * KWH]

    def test_without_a_zone_is_read_as_utc_and_shown_to_a_person(self, url, site, site_box, clock):
        charge(url, site, site_box, clock, "2026-06-01T12:00:00", "2026-06-01T13:00:00Z")

        session, records = told_once(NOON + 3 * HOUR)
        assert (session.started_at, session.status, records) == (NOON, "review", [])
        assert session.review_reasons == ["a time has no zone and was read as UTC"]


class TestAClock:
    @pytest.mark.parametrize(
        ("started", "ended", "at"),
        [
            ("2036-06-01T12:00:00Z", "2036-06-01T13:00:00Z", datetime(2036, 6, 1, 12, tzinfo=UTC)),
            ("2016-06-01T12:00:00Z", "2016-06-01T13:00:00Z", datetime(2016, 6, 1, 12, tzinfo=UTC)),
            ("1970-01-01T00:00:05Z", "1970-01-01T01:00:05Z", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
        ],
    )
    def test_of_another_year_is_kept_and_billed_by_a_person_alone(self, url, site, site_box, clock, started, ended, at):
        begun, stopped = charge(url, site, site_box, clock, started, ended)

        assert begun[2]["idTagInfo"] == {"status": "Accepted"}
        assert stopped == [3, "2", {}]
        session, records = told_once(NOON + 3 * HOUR)
        assert (session.status, records) == ("review", [])
        assert (session.started_at, session.ended_at) == (at, at + HOUR)
        assert session.meter_stop_milliwh - session.meter_start_milliwh == 10 * KWH
        assert f"The station's clock said {at:%Y-%m-%d %H:%M} UTC for a start received at 2026-06-01 12:00 UTC." in (
            session.review_reasons
        )

    @pytest.mark.parametrize("told", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
    def test_beyond_all_calendars_keeps_nobody_else_from_being_billed(self, url, site, site_box, make_box, clock, told):
        broken = make_box("BROKEN")

        async def stop_unknown():
            async with wire(url, broken) as box:
                return await box.say("1", "StopTransaction", stop(4711, told))

        answer = tell(stop_unknown)
        charge(url, site, site_box, clock, told, told)
        charge(url, site, site_box, clock, "2026-06-01T13:00:00Z", "2026-06-01T14:00:00Z")

        assert answer == [3, "1", {}]
        records = bill(NOON + 5 * HOUR)
        assert [(cdr.energy_milliwh, cdr.session.started_at) for cdr in records] == [(10 * KWH, NOON + HOUR)]

    def test_that_jumps_back_within_a_session_is_shown_to_a_person(self, url, site, site_box, clock):
        charge(url, site, site_box, clock, "2026-06-01T12:00:00Z", "2026-06-01T11:00:00Z")

        session, records = told_once(NOON + 3 * HOUR)
        assert (session.status, records) == ("review", [])
        assert session.review_reasons == [
            "The session ends (2026-06-01 11:00:00 UTC) before it starts (2026-06-01 12:00:00 UTC)."
        ]

    def test_that_restarts_in_1970_makes_a_session_of_each_start(self, url, site, site_box, clock):
        unset = "1970-01-01T00:00:30Z"

        def again():
            return charge(url, site, site_box, clock, unset, "1970-01-01T01:00:30Z")[0][2]["transactionId"]

        first, second = again(), again()

        assert first != second
        assert bill(NOON + 5 * HOUR) == []

    @pytest.mark.parametrize("told", ["yesterday", "", "2026-13-01T00:00:00Z", "2026-06-01T24:61:00Z", "\ud83d\ude00"])
    def test_that_writes_no_time_is_answered_and_shown_to_a_person(self, url, site, site_box, clock, told):
        begun, stopped = charge(url, site, site_box, clock, told, told)

        assert (begun[0], stopped) == (3, [3, "2", {}])
        session, records = told_once(NOON + 3 * HOUR)
        assert (session.started_at, session.ended_at) == (NOON, NOON + HOUR)
        assert (session.status, records) == ("review", [])
        assert Frame.objects.filter(action="StopTransaction").count() == 1
