"""Webhooks: told with the fact, sent afterwards, tried for three days, sent again when somebody asks."""

import base64
import hmac
import json
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
import time_machine
from django.db import transaction

from apps.documents.domain.events import EventType
from apps.documents.models import Mail, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks.announcing import Fact, announce
from apps.documents.webhooks.endpoints import (
    EndpointRefused,
    change_endpoint,
    open_endpoint,
    ping,
    renew_secret,
    replay,
    replay_span,
    switch_off,
    switch_on,
)
from apps.documents.webhooks.sending import due_endpoint_ids, forget_old, send_due
from tests.factories import NOON, make_organisation, make_owner, make_user
from tests.integration.documents.receiver import OK
from tests.refusals import refused_by, run_sql

DOWN = (503, b"come back later")
HOUR = timedelta(hours=1)


def fact(endpoint: WebhookEndpoint, key: str = "1", **changes) -> Fact:
    values = {
        "event": EventType.INVOICE_ISSUED,
        "key": key,
        "seller_id": endpoint.organisation_id,
        "customer_id": None,
        "at": NOON,
        "data": {"number": f"INV-{key}"},
        "api_path": f"/api/v1/invoices/{key}/",
    }
    return Fact(**{**values, **changes})


def send(endpoint: WebhookEndpoint, *, at: datetime = NOON) -> int:
    with time_machine.travel(at, tick=False):
        return send_due(endpoint_id=endpoint.pk)


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


class TestAnnounce:
    def test_keeps_one_message_however_often_a_fact_is_told(self, endpoint):
        announce(fact(endpoint))
        first = only()
        announce(fact(endpoint, data={"number": "told otherwise"}))

        assert only().body == first.body
        assert json.loads(first.body) == {
            "type": "invoice.issued",
            "version": 1,
            "timestamp": "2026-06-01T12:00:00.000Z",
            "data": {"number": "INV-1", "url": "http://127.0.0.1:8000/api/v1/invoices/1/"},
        }

    def test_keeps_nothing_of_a_fact_that_was_rolled_back(self, endpoint):
        with transaction.atomic():
            announce(fact(endpoint))
            transaction.set_rollback(True)

        assert not WebhookDelivery.objects.exists()

    def test_tells_nobody_who_did_not_ask(self, endpoint):
        change_endpoint(endpoint_id=endpoint.pk, url=endpoint.url, event_types=[EventType.PAYMENT_FAILED])

        assert announce(fact(endpoint)) == 0

    def test_tells_no_other_tenant(self, endpoint):
        stranger = make_owner()

        assert announce(fact(endpoint, seller_id=stranger.pk)) == 0
        # Its own purchases are another side: whoever sells does not hear of them here.
        assert announce(fact(endpoint, seller_id=stranger.pk, customer_id=endpoint.organisation_id)) == 0

    def test_tells_the_buyer_what_they_bought(self, endpoint, receiver):
        buyer = make_organisation()
        own = open_endpoint(
            organisation_id=buyer.pk,
            side=WebhookEndpoint.Side.CUSTOMER,
            url=receiver.url,
            event_types=[EventType.INVOICE_ISSUED],
            at=NOON,
            by=make_user(),
        ).endpoint

        assert announce(fact(endpoint, customer_id=buyer.pk)) == 2
        assert announce(fact(endpoint, key="2")) == 1
        assert own.deliveries.count() == 1

    def test_tells_nobody_who_is_switched_off(self, endpoint):
        switch_off(endpoint_id=endpoint.pk, why="not needed", at=NOON)

        assert announce(fact(endpoint)) == 0

    def test_asks_once_however_many_facts_there_are(self, endpoint, django_assert_num_queries):
        with django_assert_num_queries(2):
            announce(*(fact(endpoint, key=str(key)) for key in range(20)))


class TestSendDue:
    def test_sends_a_message_that_its_receiver_can_verify(self, opened, receiver):
        announce(fact(opened.endpoint))

        assert send(opened.endpoint) == 1

        ((_, headers, body),) = receiver.requests
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(opened.secret.removeprefix("whsec_"))
        assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
        assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
        assert headers["content-type"] == "application/json"
        assert (only().delivered_at, only().body) == (NOON, body.decode())

    def test_remembers_what_was_answered(self, endpoint, receiver):
        receiver.answers = [(202, b"gerne\0")]
        announce(fact(endpoint))

        send(endpoint)

        attempt = WebhookAttempt.objects.get()
        assert (attempt.number, attempt.status_code, attempt.answer) == (1, 202, "gerne�")
        assert (attempt.address, attempt.error) == ("127.0.0.1", "")

    def test_sends_nothing_again_that_was_delivered(self, endpoint, receiver):
        announce(fact(endpoint))
        send(endpoint)

        assert send(endpoint, at=NOON + 48 * HOUR) == 0
        assert len(receiver.requests) == 1

    def test_tries_again_under_the_same_id_with_the_same_bytes(self, endpoint, receiver):
        receiver.answers = [DOWN, OK]
        announce(fact(endpoint))

        send(endpoint)
        early = send(endpoint, at=NOON + timedelta(seconds=4))
        late = send(endpoint, at=NOON + timedelta(seconds=5))

        assert (early, late) == (0, 1)
        assert len(set(receiver.ids)) == len(set(receiver.bodies)) == 1
        assert [row.error for row in WebhookAttempt.objects.order_by("pk")] == ["It answered 503, not 2xx.", ""]
        assert only().attempts == 2

    def test_leaves_an_endpoint_in_peace_that_fails(self, endpoint, receiver):
        receiver.answers = [DOWN]
        announce(*(fact(endpoint, key=str(key)) for key in range(50)))

        tried = [send(endpoint, at=NOON + timedelta(seconds=second)) for second in range(0, 60, 2)]

        # At once, after 5 s and after 30 s more; the others wait with it.
        assert sum(tried) == len(receiver.requests) == 3

    def test_sends_all_that_waited_once_it_answers_again(self, endpoint, receiver):
        receiver.answers = [DOWN, OK]
        announce(*(fact(endpoint, key=str(key)) for key in range(20)))
        send(endpoint)

        assert send(endpoint, at=NOON + timedelta(seconds=5)) == 20
        endpoint.refresh_from_db()
        assert (endpoint.failures, endpoint.failing_since) == (0, None)

    def test_gives_up_after_three_days_and_tells_the_owner_once(self, endpoint, receiver):
        receiver.answers = [DOWN]
        announce(fact(endpoint), fact(endpoint, key="2"))
        at = NOON
        while WebhookDelivery.objects.filter(given_up_at__isnull=True).exists():
            send(endpoint, at=at)
            at += timedelta(minutes=15)

        (mail,) = Mail.objects.all()
        assert timedelta(days=3) <= at - NOON < timedelta(days=3, hours=1)
        assert mail.recipient == endpoint.organisation.email
        assert "It answered 503" in mail.body
        # Ten tries of the one, nine of the other, which goes with it.
        assert len(receiver.requests) == 19

    def test_tells_the_owner_anew_of_the_next_trouble(self, endpoint, receiver):
        for month in range(2):
            begin = NOON + timedelta(days=30 * month)
            receiver.answers = [DOWN]
            announce(fact(endpoint, key=str(month), at=begin))
            for hours in range(0, 73, 2):
                send(endpoint, at=begin + hours * HOUR)
            receiver.answers = [OK]
            announce(fact(endpoint, key=f"{month} fine", at=begin + 80 * HOUR))
            send(endpoint, at=begin + 80 * HOUR)

        assert Mail.objects.count() == 2

    def test_switches_off_who_answers_gone(self, endpoint, receiver):
        receiver.answers = [(410, b"")]
        announce(fact(endpoint), fact(endpoint, key="2"))

        send(endpoint)

        endpoint.refresh_from_db()
        assert endpoint.switched_off_at == NOON
        assert WebhookDelivery.objects.filter(given_up_at=NOON).count() == 2
        assert "switched off" in Mail.objects.get().subject
        assert send(endpoint, at=NOON + HOUR) == 0

    def test_says_so_where_the_answer_is_a_redirect(self, endpoint, receiver):
        receiver.answers = [(301, b"")]
        announce(fact(endpoint))

        send(endpoint)

        assert "redirects are not followed" in only().error

    def test_says_so_where_the_secret_can_no_longer_be_read(self, endpoint, receiver, settings):
        announce(fact(endpoint))
        settings.SECRET_KEY = "another one, since somebody changed it"

        send(endpoint)

        assert "Make a new secret" in only().error
        assert receiver.requests == []

    def test_sends_into_no_private_network_even_if_the_database_says_so(self, endpoint):
        WebhookEndpoint.objects.update(url="https://169.254.169.254/latest/meta-data/")
        announce(fact(endpoint))

        send(endpoint)

        assert only().error == "169.254.169.254 is no public address: nothing is sent into private networks."

    def test_tries_again_what_a_dead_sender_had_taken(self, endpoint, receiver):
        announce(fact(endpoint))
        receiver.answers = [lambda handler: handler.connection.close(), OK]
        send(endpoint)
        WebhookEndpoint.objects.update(not_before=NOON + timedelta(minutes=1))  # as it is while one is on its way

        assert send(endpoint, at=NOON + timedelta(seconds=59)) == 0
        assert send(endpoint, at=NOON + timedelta(seconds=60)) == 1
        assert only().delivered_at is not None


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_sends_each_message_once_however_many_senders_there_are(self, endpoint, receiver, at_once):
        announce(*(fact(endpoint, key=str(key)) for key in range(12)))

        at_once(*[lambda: send_due(endpoint_id=endpoint.pk)] * 6)
        send_due(endpoint_id=endpoint.pk)

        assert len(receiver.ids) == len(set(receiver.ids)) == 12

    def test_is_not_held_up_by_whoever_tells_a_fact_meanwhile(self, endpoint, receiver, at_once):
        announce(fact(endpoint))

        with transaction.atomic():
            announce(fact(endpoint, key="2"))
            (sent,) = at_once(lambda: send_due(endpoint_id=endpoint.pk))

        assert sent == 1

    def test_tells_a_fact_once_when_two_tell_it(self, endpoint, at_once):
        at_once(*[lambda: announce(fact(endpoint))] * 4)

        assert WebhookDelivery.objects.count() == 1


class TestDueEndpointIds:
    def test_finds_what_a_lost_bell_left_behind(self, endpoint):
        announce(fact(endpoint))

        assert due_endpoint_ids(at=NOON) == [endpoint.pk]

    def test_leaves_out_who_rests_or_is_switched_off_or_has_nothing_due(self, endpoint, receiver):
        assert due_endpoint_ids(at=NOON) == []
        receiver.answers = [DOWN]
        announce(fact(endpoint))
        send(endpoint)
        assert due_endpoint_ids(at=NOON) == []
        assert due_endpoint_ids(at=NOON + timedelta(seconds=5)) == [endpoint.pk]
        switch_off(endpoint_id=endpoint.pk, why="", at=NOON)
        assert due_endpoint_ids(at=NOON + HOUR) == []


class TestOpenEndpoint:
    @pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://user:x@example.com/", "no"])
    def test_refuses_an_url_that_will_not_do(self, endpoint, url):
        with pytest.raises(EndpointRefused):
            open_again(endpoint, url=url)

        assert WebhookEndpoint.objects.count() == 1

    @pytest.mark.parametrize("event_types", [[], ["invoice.burnt"], ["ping"]])
    def test_refuses_to_tell_nothing_or_what_is_not_told(self, endpoint, event_types):
        with pytest.raises(EndpointRefused, match="Choose what"):
            open_again(endpoint, url="https://example.com/", event_types=event_types)

    def test_refuses_to_tell_one_url_twice(self, endpoint):
        with pytest.raises(EndpointRefused, match="told already"):
            open_again(endpoint)

    def test_refuses_more_than_anybody_needs(self, endpoint):
        for number in range(19):
            open_again(endpoint, url=f"https://example.com/{number}")

        with pytest.raises(EndpointRefused, match="20 endpoints"):
            open_again(endpoint, url="https://example.com/one-more")

    def test_takes_no_plain_http_in_production(self, endpoint, settings):
        settings.WEBHOOKS_TO_LOCALHOST = False

        with pytest.raises(EndpointRefused, match="https"):
            open_again(endpoint, url="http://localhost:9000/")

    def test_keeps_the_secret_where_no_copy_of_the_database_shows_it(self, opened):
        kept = str(WebhookEndpoint.objects.values().get())

        assert opened.secret.startswith("whsec_")
        assert opened.secret.removeprefix("whsec_") not in kept


def open_again(endpoint: WebhookEndpoint, **changes) -> WebhookEndpoint:
    values = {"url": endpoint.url, "event_types": [EventType.INVOICE_ISSUED]}
    return open_endpoint(
        organisation_id=endpoint.organisation_id,
        side=endpoint.side,
        at=NOON,
        by=make_user(),
        **{**values, **changes},
    ).endpoint


class TestRenewSecret:
    def test_signs_with_both_for_a_day(self, opened, receiver):
        endpoint = opened.endpoint
        second = renew_secret(endpoint_id=endpoint.pk, at=NOON).secret
        for hours in (23, 25):
            announce(fact(endpoint, key=str(hours), at=NOON + hours * HOUR))
            send(endpoint, at=NOON + hours * HOUR)

        (_, within, body), (_, after, _) = receiver.requests
        keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (second, opened.secret)]
        signed = f"{within['webhook-id']}.{within['webhook-timestamp']}.".encode() + body
        expected = [f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}" for key in keys]
        assert within["webhook-signature"].split(" ") == expected
        assert len(after["webhook-signature"].split(" ")) == 1


class TestPing:
    def test_sends_a_test_whatever_the_endpoint_is_told(self, endpoint, receiver):
        ping(endpoint_id=endpoint.pk, at=NOON)
        ping(endpoint_id=endpoint.pk, at=NOON)

        assert send(endpoint) == 2
        assert [json.loads(body)["type"] for body in receiver.bodies] == ["ping", "ping"]

    def test_wakes_an_endpoint_that_rests(self, endpoint, receiver):
        receiver.answers = [DOWN, OK]
        announce(fact(endpoint))
        send(endpoint)

        ping(endpoint_id=endpoint.pk, at=NOON + timedelta(seconds=1))

        assert send(endpoint, at=NOON + timedelta(seconds=1)) == 1

    def test_needs_an_endpoint_that_is_on(self, endpoint):
        switch_off(endpoint_id=endpoint.pk, why="", at=NOON)

        with pytest.raises(EndpointRefused, match="switched off"):
            ping(endpoint_id=endpoint.pk, at=NOON)


class TestReplay:
    def test_sends_one_again_under_its_own_id(self, endpoint, receiver):
        announce(fact(endpoint))
        send(endpoint)

        replay(delivery_id=only().pk, at=NOON + HOUR)
        send(endpoint, at=NOON + HOUR)

        assert len(receiver.ids) == 2
        assert len(set(receiver.ids)) == 1
        assert only().attempts == 2

    def test_is_patient_anew(self, endpoint, receiver):
        receiver.answers = [DOWN]
        announce(fact(endpoint))
        switch_off(endpoint_id=endpoint.pk, why="", at=NOON)
        switch_on(endpoint_id=endpoint.pk)
        later = NOON + timedelta(days=30)

        replay(delivery_id=only().pk, at=later)
        send(endpoint, at=later)

        assert only().given_up_at is None
        assert only().next_attempt_at == later + timedelta(seconds=5)

    def test_sends_a_span_again_or_what_failed_of_it(self, endpoint, receiver):
        for hour in range(4):
            announce(fact(endpoint, key=str(hour), at=NOON + hour * HOUR))
        ping(endpoint_id=endpoint.pk, at=NOON)
        WebhookDelivery.objects.filter(key="invoice.issued:1").update(delivered_at=NOON)
        span = {"since": NOON + HOUR, "until": NOON + 3 * HOUR, "at": NOON + 5 * HOUR}

        assert replay_span(endpoint_id=endpoint.pk, only_failed=True, **span) == 1
        assert replay_span(endpoint_id=endpoint.pk, only_failed=False, **span) == 2


class TestSwitchOn:
    def test_refuses_where_another_endpoint_took_the_url(self, endpoint):
        switch_off(endpoint_id=endpoint.pk, why="", at=NOON)
        open_again(endpoint)

        with pytest.raises(EndpointRefused, match="told already"):
            switch_on(endpoint_id=endpoint.pk)


class TestForgetOld:
    def test_deletes_what_ended_a_quarter_ago_with_its_tries(self, endpoint, receiver):
        announce(fact(endpoint))
        send(endpoint)
        announce(fact(endpoint, key="waits"))

        kept = forget_old(at=NOON + timedelta(days=90))
        gone = forget_old(at=NOON + timedelta(days=91))

        assert (kept, gone) == (0, 2)
        assert only().key == "invoice.issued:waits"


class TestTheDatabase:
    def test_refuses_another_text_of_what_was_told(self, endpoint):
        announce(fact(endpoint))

        with refused_by("webhook messages are frozen", WebhookDelivery):
            run_sql("UPDATE documents_webhookdelivery SET body = '{}'")

    def test_refuses_to_tell_a_fact_twice(self, endpoint):
        announce(fact(endpoint))

        with refused_by("webhook_delivery_tells_a_fact_once", WebhookDelivery):
            again = only()
            again.pk, again.uid = None, "00000000-0000-4000-8000-000000000000"
            again.save(force_insert=True)

    def test_refuses_events_that_nobody_sends(self, endpoint):
        with refused_by("webhook_endpoint_is_told_known_events", WebhookEndpoint):
            WebhookEndpoint.objects.update(event_types=["invoice.burnt"])

    def test_refuses_an_endpoint_that_is_told_nothing(self, endpoint):
        with refused_by("webhook_endpoint_is_told_known_events", WebhookEndpoint):
            WebhookEndpoint.objects.update(event_types=[])

    def test_refuses_what_is_delivered_and_given_up(self, endpoint):
        announce(fact(endpoint))

        with refused_by("webhook_delivered_is_not_given_up", WebhookDelivery):
            WebhookDelivery.objects.update(delivered_at=NOON, given_up_at=NOON)
