"""How a webhook's message reads, and how long it is tried."""

from datetime import UTC, datetime, timedelta

from apps.documents.domain.events import EventType, message_body
from apps.documents.domain.patience import USEFUL_FOR, next_try, rest_after

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class TestMessageBody:
    def test_says_what_happened_when_and_where_the_rest_is(self):
        body = message_body(
            event=EventType.INVOICE_ISSUED,
            at=datetime(2026, 7, 1, 10, 0, tzinfo=UTC) + timedelta(microseconds=1500),
            data={"number": "INV-2026-000001", "gross": "5.95"},
            api_path="/api/v1/invoices/1/",
            public_url="https://bill.example",
        )

        assert body == (
            '{"type":"invoice.issued","version":1,"timestamp":"2026-07-01T10:00:00.001Z",'
            '"data":{"number":"INV-2026-000001","gross":"5.95","url":"https://bill.example/api/v1/invoices/1/"}}'
        )

    def test_has_no_link_where_there_is_nothing_to_read(self):
        assert "url" not in message_body(event="ping", at=datetime(2026, 7, 1, tzinfo=UTC), data={})


class TestEventTypes:
    def test_each_say_what_they_mean(self):
        assert all(event.meaning.endswith(".") for event in EventType)


class TestPatience:
    def test_lasts_about_three_days(self):
        tries = [timedelta()]
        while tries[-1] < USEFUL_FOR:
            again = next_try(attempts=len(tries), waiting_since=NOON, at=NOON + tries[-1])
            tries.append(again - NOON)

        assert [str(at) for at in tries[:4]] == ["0:00:00", "0:00:05", "0:05:05", "0:35:05"]
        assert (len(tries), tries[-1]) == (11, USEFUL_FOR)

    def test_lets_an_endpoint_that_fails_rest_a_quarter_of_an_hour_at_most(self):
        rests = [rest_after(failures) for failures in (1, 2, 3, 4, 5, 6, 100)]

        assert rests == sorted(rests)
        assert rests[-1] == timedelta(minutes=15)
