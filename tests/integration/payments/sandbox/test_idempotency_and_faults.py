import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.integration.payments.sandbox.conftest import client_of

KEY = {"idempotency_key": "invoice-17-try-1"}
PATH = "/v1/payment_intents"


def intents_of(sandbox):
    return sandbox.control.objects("payment_intent")


class TestIdempotencyKey:
    def test_answers_a_repeat_from_memory(self, stripe_client, sandbox, saved):
        first = stripe_client.v1.payment_intents.create(saved.payment(), KEY)
        again = stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        assert again.id == first.id
        assert "Idempotent-Replayed" not in first.last_response.headers
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(intents_of(sandbox)) == 1

    def test_remembers_a_decline_too(self, stripe_client, sandbox, save_card):
        poor = save_card("4000000000000341")

        for _ in range(2):
            with pytest.raises(stripe.CardError):
                stripe_client.v1.payment_intents.create(poor.payment(), KEY)

        assert len(sandbox.control.objects("charge")) == 1

    def test_with_other_parameters_is_an_error(self, stripe_client, sandbox, saved):
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        with pytest.raises(stripe.IdempotencyError) as refused:
            stripe_client.v1.payment_intents.create(saved.payment(3001), KEY)

        assert refused.value.http_status == 400
        assert len(intents_of(sandbox)) == 1
        assert len(sandbox.control.rejected()) == 1

    def test_with_another_path_is_an_error(self, stripe_client, sandbox, saved):
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        with pytest.raises(stripe.IdempotencyError):
            stripe_client.v1.customers.create({}, KEY)

        assert len(sandbox.control.objects("customer")) == 1

    def test_in_flight_answers_409(self, stripe_client, sandbox, saved):
        sandbox.control.fault("slow", method="POST", path=PATH, seconds=0.5)

        def pay():
            with client_of(sandbox.url) as own_client:
                own_client.v1.payment_intents.create(saved.payment(), KEY)

        slow = threading.Thread(target=pay)
        slow.start()
        _wait_until(lambda: sandbox.control.requests()[-1]["fault"] == "slow")

        # The SDK has no class of its own for a 409.
        with pytest.raises(stripe.APIError) as refused:
            stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        slow.join()
        assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
        assert len(intents_of(sandbox)) == 1

    def test_sent_ten_times_at_once_is_done_once(self, sandbox, saved):
        def pay(_):
            with client_of(sandbox.url) as own_client:
                try:
                    return own_client.v1.payment_intents.create(saved.payment(), KEY).id
                except stripe.APIError as refused:
                    return refused.http_status

        with ThreadPoolExecutor(10) as pool:
            answers = set(pool.map(pay, range(10)))

        made = [each["id"] for each in intents_of(sandbox)]
        assert len(made) == 1
        assert answers <= {made[0], 409}

    def test_is_not_used_up_by_a_request_that_fails_its_checks(self, stripe_client, saved):
        with pytest.raises(stripe.InvalidRequestError):
            stripe_client.v1.payment_intents.create(saved.payment() | {"amount": "x"}, KEY)

        assert stripe_client.v1.payment_intents.create(saved.payment(), KEY).status == "succeeded"

    def test_is_forgotten_after_24_hours(self, stripe_client, sandbox, saved):
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        sandbox.control.advance_clock(86_400)
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        assert len(intents_of(sandbox)) == 2


def _wait_until(happened):
    deadline = threading.Event()
    for _ in range(200):
        if happened():
            return
        deadline.wait(0.01)
    raise AssertionError("it never happened")


class TestFault:
    def test_dropped_answer_was_done_and_is_found_again_under_its_key(self, stripe_client, sandbox, saved):
        sandbox.control.fault("drop_answer", method="POST", path=PATH)

        with pytest.raises(stripe.APIConnectionError):
            stripe_client.v1.payment_intents.create(saved.payment(), KEY)
        done = intents_of(sandbox)
        again = stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        assert [each["status"] for each in done] == ["succeeded"]
        assert again.id == done[0]["id"]

    @pytest.mark.parametrize(("kind", "made"), [("error_before", 0), ("error_after", 1)])
    def test_500_is_stored_under_the_key_whether_it_was_done_or_not(self, stripe_client, sandbox, saved, kind, made):
        sandbox.control.fault(kind, method="POST", path=PATH)

        for _ in range(2):
            with pytest.raises(stripe.APIError) as failed:
                stripe_client.v1.payment_intents.create(saved.payment(), KEY)
            assert failed.value.http_status == 500
        assert len(intents_of(sandbox)) == made

        stripe_client.v1.payment_intents.create(saved.payment(), {"idempotency_key": "another"})

        assert len(intents_of(sandbox)) == made + 1

    def test_429_does_nothing_and_is_not_stored(self, stripe_client, sandbox, saved):
        sandbox.control.fault("too_many", method="POST", path=PATH)

        with pytest.raises(stripe.RateLimitError):
            stripe_client.v1.payment_intents.create(saved.payment(), KEY)
        none_yet = intents_of(sandbox)
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        assert none_yet == []
        assert len(intents_of(sandbox)) == 1

    def test_meets_only_the_next_n_matching_requests(self, stripe_client, sandbox):
        sandbox.control.fault("too_many", method="GET", path="/v1/events", times=2)

        stripe_client.v1.customers.create({})
        for _ in range(2):
            with pytest.raises(stripe.RateLimitError):
                stripe_client.v1.events.list()

        assert len(stripe_client.v1.events.list().data) == 1

    def test_can_be_lifted(self, stripe_client, sandbox):
        sandbox.control.fault("error_before", times=100)

        sandbox.control.clear_faults()

        assert stripe_client.v1.events.list().data == []


class TestReset:
    def test_forgets_objects_requests_keys_and_faults(self, stripe_client, sandbox, saved):
        stripe_client.v1.customers.create({}, KEY)
        sandbox.control.fault("error_before", path="/v1/customers")

        sandbox.control.reset()

        assert sandbox.control.objects() == sandbox.control.requests() == []
        assert stripe_client.v1.customers.create({"name": "anew"}, KEY).name == "anew"
