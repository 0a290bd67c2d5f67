import json
import socket
import stat
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import stripe

from apps.payments.sandbox import Sandbox, StateFileRefused, answer_challenge, complete_checkout, keeping
from tests.integration.payments.sandbox.conftest import (
    ASKS_ALWAYS,
    ASKS_UNLESS_SAVED,
    DAY,
    DECLINES_LATER,
    DISPUTES,
    GOOD,
    REFUSES,
    SECRET,
    client_of,
    payment_session,
    setup_session,
)
from tests.integration.payments.sandbox.test_command import start

KEY = {"idempotency_key": "invoice-17-try-1"}


@pytest.fixture
def state_file(tmp_path):
    return tmp_path / "sandbox.json"


@pytest.fixture
def sandbox(state_file):
    with Sandbox(webhook_secret=SECRET, state_file=state_file) as running:
        yield running


@pytest.fixture
def restarted(sandbox, state_file):
    """Stop the sandbox (which writes nothing: a crash leaves the same file) and go on from its file at another port."""

    @contextmanager
    def restart():
        sandbox.stop()
        with (
            socket.create_server(("127.0.0.1", urlsplit(sandbox.url).port)),
            Sandbox(state_file=state_file) as again,
            client_of(again.url) as client,
        ):
            yield again, client

    return restart


class TestRestart:
    def test_brings_back_every_object_in_order(self, sandbox, stripe_client, saved, restarted):
        paid = stripe_client.v1.payment_intents.create(saved.payment())
        stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 1000})
        before = sandbox.control.objects()

        with restarted() as (again, client):
            after = again.control.objects()
            newest = client.v1.events.list({"limit": 1}).data[0].type

        assert after == before
        assert newest == "charge.refunded"

    def test_lets_saved_cards_behave_as_before(self, save_card, restarted):
        good, poor = save_card(GOOD), save_card(DECLINES_LATER)

        with restarted() as (_, client):
            paid = client.v1.payment_intents.create(good.payment())
            with pytest.raises(stripe.CardError) as declined:
                client.v1.payment_intents.create(poor.payment())

        assert paid.status == "succeeded"
        assert declined.value.error.decline_code == "insufficient_funds"

    def test_answers_a_repeat_as_the_first_time(self, stripe_client, saved, restarted):
        first = stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        with restarted() as (again, client):
            repeated = client.v1.payment_intents.create(saved.payment(), KEY)
            with pytest.raises(stripe.IdempotencyError):
                client.v1.payment_intents.create(saved.payment(3001), KEY)
            made = again.control.objects("payment_intent")

        assert repeated.to_dict() == first.to_dict()
        assert repeated.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(made) == 1

    def test_answers_a_repeat_of_a_decline_with_the_decline(self, stripe_client, save_card, restarted):
        poor = save_card(DECLINES_LATER)
        with pytest.raises(stripe.CardError) as first:
            stripe_client.v1.payment_intents.create(poor.payment(), KEY)

        with restarted() as (again, client):
            with pytest.raises(stripe.CardError) as repeated:
                client.v1.payment_intents.create(poor.payment(), KEY)
            charges = again.control.objects("charge")

        assert repeated.value.json_body == first.value.json_body
        assert len(charges) == 1

    def test_finds_what_was_done_though_its_answer_was_never_sent(self, sandbox, stripe_client, saved, restarted):
        sandbox.control.fault("drop_answer", method="POST", path="/v1/payment_intents")
        with pytest.raises(stripe.APIConnectionError):
            stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        with restarted() as (again, client):
            repeated = client.v1.payment_intents.create(saved.payment(), KEY)
            made = again.control.objects("payment_intent")

        assert [each["id"] for each in made] == [repeated.id]

    def test_forgets_a_key_24_hours_after_its_first_use(self, sandbox, stripe_client, restarted):
        first = stripe_client.v1.customers.create({}, KEY)
        sandbox.control.advance_clock(DAY)

        with restarted() as (_, client):
            anew = client.v1.customers.create({}, KEY)

        assert anew.id != first.id

    def test_leads_open_pages_to_the_new_address(self, stripe_client, restarted):
        customer = stripe_client.v1.customers.create({}).id
        session = stripe_client.v1.checkout.sessions.create(setup_session(customer), KEY)

        with restarted() as (again, client):
            repeated = client.v1.checkout.sessions.create(setup_session(customer), KEY)
            found = client.v1.checkout.sessions.retrieve(session.id)
            complete_checkout(found.url, GOOD)
            done = client.v1.checkout.sessions.retrieve(session.id)

        assert found.url == repeated.url == f"{again.url}/c/pay/{session.id}" != session.url
        assert (done.status, done.url) == ("complete", None)

    def test_pays_an_open_session_as_it_was_asked_to(self, stripe_client, restarted):
        session = stripe_client.v1.checkout.sessions.create(payment_session(4000))

        with restarted() as (_, client):
            complete_checkout(client.v1.checkout.sessions.retrieve(session.id).url, GOOD)
            intent = client.v1.payment_intents.list().data[0]

        assert (intent.status, intent.amount_capturable) == ("requires_capture", 4000)
        assert intent.metadata["attempt"] == "17"

    def test_keeps_the_clock_advanced(self, sandbox, restarted):
        now = sandbox.control.advance_clock(90 * DAY)

        with restarted() as (again, _):
            assert 0 <= again.control.now() - now < 60

    def test_does_what_falls_due_later(self, stripe_client, saved, restarted):
        session = stripe_client.v1.checkout.sessions.create(payment_session())
        paid = stripe_client.v1.payment_intents.create(
            saved.payment(expand=["latest_charge.balance_transaction"]),
        )
        held = stripe_client.v1.payment_intents.create(saved.payment(capture_method="manual"))

        with restarted() as (again, client):
            still_held = client.v1.payment_intents.retrieve(held.id).status
            again.control.advance_clock(5 * DAY)
            expired = client.v1.checkout.sessions.retrieve(session.id).status
            entry = client.v1.balance_transactions.retrieve(paid.latest_charge.balance_transaction.id)
            canceled = client.v1.payment_intents.retrieve(held.id)

        assert (still_held, expired, entry.status) == ("requires_capture", "expired", "available")
        assert (canceled.status, canceled.cancellation_reason) == ("canceled", "automatic")

    def test_does_not_do_again_what_fell_due_while_being_read(self, sandbox, stripe_client, restarted):
        stripe_client.v1.checkout.sessions.create(payment_session())
        sandbox.state.clock.advance(2 * DAY)
        read = [event.id for event in stripe_client.v1.events.list().data]

        with restarted() as (_, client):
            read_again = [event.id for event in client.v1.events.list().data]

        assert len(read) == 1
        assert read_again == read

    def test_shows_a_card_as_it_was_when_it_was_declined(self, stripe_client, save_card, restarted):
        poor = save_card(DECLINES_LATER)
        with pytest.raises(stripe.CardError) as declined:
            stripe_client.v1.payment_intents.create(poor.payment())
        intent = declined.value.error.payment_intent["id"]
        stripe_client.v1.payment_methods.detach(poor.payment_method)
        before = stripe_client.v1.payment_intents.retrieve(intent).last_payment_error

        with restarted() as (_, client):
            after = client.v1.payment_intents.retrieve(intent).last_payment_error

        assert after.payment_method.customer == before.payment_method.customer == poor.customer

    def test_leads_to_the_banks_page_at_its_new_address(self, stripe_client, save_card, restarted):
        guarded = save_card(ASKS_ALWAYS)
        waiting = stripe_client.v1.payment_intents.create(
            guarded.payment(off_session=None, return_url="http://127.0.0.1:9/c/pay/mine"), KEY
        )

        with restarted() as (again, client):
            action = client.v1.payment_intents.retrieve(waiting.id).next_action.redirect_to_url
            back = answer_challenge(action.url)
            paid = client.v1.payment_intents.retrieve(waiting.id)

        assert action.url == f"{again.url}/c/3ds/{waiting.id}"
        assert back.startswith("http://127.0.0.1:9/c/pay/mine?")
        assert paid.status == "succeeded"

    def test_goes_on_with_debits_disputes_and_payouts(self, sandbox, stripe_client, save_account, save_card, restarted):
        account = save_account(REFUSES)
        debit = stripe_client.v1.payment_intents.create(account.payment())
        stripe_client.v1.payment_intents.create(save_card(DISPUTES).payment())
        sandbox.control.pay_out_daily()
        stripe_client.v1.payment_intents.create(save_card(ASKS_UNLESS_SAVED).payment(20_000))
        sandbox.control.advance_clock(3 * DAY)

        with restarted() as (again, client):
            (payout,) = client.v1.payouts.list().data
            items = client.v1.balance_transactions.list({"payout": payout.id}).data
            again.control.advance_clock(17 * DAY)
            (dispute,) = client.v1.disputes.list().data
            failed = client.v1.payment_intents.retrieve(debit.id)
            arrived = client.v1.payouts.retrieve(payout.id)

        # 20000 - 325 + 3000 - 70 - 3000 - 2000
        assert (payout.amount, len(items)) == (17_605, 4)
        assert (dispute.status, dispute.evidence_details.past_due) == ("lost", True)
        assert (failed.status, arrived.status) == ("requires_payment_method", "paid")

    def test_takes_up_what_was_written_before_there_were_debits_and_payouts(
        self, stripe_client, saved, sandbox, state_file
    ):
        sandbox.stop()
        kept = json.loads(state_file.read_text())
        for name in ("bank_accounts", "paid_out", "pays_out_daily"):
            del kept[name]
        kept["cards"] = {saved.payment_method: {"brand": "visa", "last4": "4242", "behaviour": "good"}}
        state_file.write_text(json.dumps(kept))

        with Sandbox(state_file=state_file) as again, client_of(again.url) as client:
            assert client.v1.payment_intents.create(saved.payment()).status == "succeeded"

    def test_remembers_that_all_was_forgotten(self, sandbox, stripe_client, restarted):
        stripe_client.v1.customers.create({}, KEY)
        sandbox.control.reset()

        with restarted() as (again, client):
            assert again.control.objects() == []
            assert client.v1.customers.create({"name": "anew"}, KEY).name == "anew"

    def test_passes_over_a_half_written_file_of_a_crash(self, sandbox, stripe_client, state_file, restarted):
        customer = stripe_client.v1.customers.create({}).id
        state_file.with_name("sandbox.json.new").write_text('{"format": "wattl')

        with restarted() as (_, client):
            assert client.v1.customers.retrieve(customer).id == customer


class TestStateFile:
    def test_is_its_owners_only_and_holds_no_card_number_or_iban(self, stripe_client, saved, save_account, state_file):
        for method in (saved, save_account(REFUSES)):
            stripe_client.v1.payment_intents.create(method.payment())

        assert stat.S_IMODE(state_file.stat().st_mode) == 0o600
        assert GOOD not in state_file.read_text()
        assert REFUSES[4:] not in state_file.read_text()
        assert "sk_test" not in state_file.read_text()

    def test_is_written_before_the_answer_goes_out(self, stripe_client, state_file):
        customer = stripe_client.v1.customers.create({}).id

        assert customer in json.loads(state_file.read_text())["objects"]

    def test_never_holds_a_deed_without_the_answer_under_its_key(self, sandbox, stripe_client, saved, state_file):
        write, written = sandbox.state.keep, []

        def write_and_look():
            write()
            written.append(json.loads(state_file.read_text()))

        sandbox.state.keep = write_and_look
        stripe_client.v1.payment_intents.create(saved.payment(), KEY)

        assert len(written) == 1
        assert any(name.startswith("pi_") for name in written[0]["objects"])
        assert KEY["idempotency_key"] in written[0]["idempotency_keys"]

    def test_is_not_there_unless_asked_for(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        with Sandbox() as sandbox, client_of(sandbox.url) as client:
            client.v1.customers.create({})

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("", "is not JSON"),
            ('{"format": "wattledger stripe sandbox", "vers', "is not JSON"),
            ("[]", "is not a sandbox's state"),
            ('{"installed": true}', "is not a sandbox's state"),
            (
                '{"format": "wattledger stripe sandbox", "version": 2}',
                "is of version 2, and this sandbox reads version 1",
            ),
            ('{"format": "wattledger stripe sandbox", "version": 1}', "is damaged"),
        ],
    )
    def test_that_cannot_be_read_is_refused_and_left_alone(self, state_file, content, why):
        state_file.write_text(content)

        with pytest.raises(StateFileRefused, match=f"The state file {state_file} {why}.*move it away"):
            Sandbox(state_file=state_file)

        assert state_file.read_text() == content

    def test_is_one_sandboxs_at_a_time(self, stripe_client, state_file, sandbox, monkeypatch):
        monkeypatch.setattr(keeping, "PATIENCE", 0)
        stripe_client.v1.customers.create({})
        content = state_file.read_text()

        with pytest.raises(StateFileRefused, match="is in use by another running sandbox"):
            Sandbox(state_file=state_file)

        assert state_file.read_text() == content

    def test_that_cannot_be_written_holds_answers_back_until_it_can(self, tmp_path):
        there, away = tmp_path / "there", tmp_path / "away"
        there.mkdir()
        with Sandbox(state_file=there / "sandbox.json") as sandbox, client_of(sandbox.url) as client:
            there.rename(away)
            for _ in range(2):
                with pytest.raises(stripe.APIError) as failed:
                    client.v1.customers.create({}, KEY)
                assert failed.value.http_status == 500
            away.rename(there)
            customer = client.v1.customers.create({}, KEY)

            assert [each["id"] for each in sandbox.control.objects("customer")] == [customer.id]
        assert customer.id in (there / "sandbox.json").read_text()


class TestStripeSandboxCommand:
    def test_goes_on_after_kill_9_where_its_last_answer_left_off(self, state_file):
        with start("--port", "0", "--state", str(state_file)) as process:
            with client_of(_url_of(process)) as client:
                customer = client.v1.customers.create({"email": "fleet@example.com"}, KEY)
                process.kill()
            process.communicate(timeout=10)

        with start("--port", "0", "--state", str(state_file)) as process:
            with client_of(_url_of(process)) as client:
                found = client.v1.customers.retrieve(customer.id)
                repeated = client.v1.customers.create({"email": "fleet@example.com"}, KEY)
            process.terminate()
            process.communicate(timeout=10)

        assert found.to_dict() == customer.to_dict()
        assert repeated.id == customer.id

    def test_says_why_it_refuses_a_state_file(self, state_file):
        state_file.write_text("no JSON")

        with start("--port", "0", "--state", str(state_file)) as process:
            said, errors = process.communicate(timeout=30)

        assert (process.returncode, said) == (1, "")
        assert errors == (
            f"CommandError: The state file {state_file} is not JSON. It was left as it is: move it away to start with "
            "nothing.\n"
        )
        assert state_file.read_text() == "no JSON"


def _url_of(process):
    return process.stdout.readline().rpartition(" ")[2].strip()
