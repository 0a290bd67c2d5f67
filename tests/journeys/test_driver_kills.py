"""A process is killed while a driver's money or current is on its way; whoever comes after it finishes the work."""

import asyncio

import pytest

from apps.ocpp.simulator.charger import ConnectionLostError, SimulatedCharger
from apps.payments.models import PaymentAttempt, PaymentOperation
from apps.payments.sandbox import Control
from config.celery import app
from config.installation import ASGI_ENV
from config.processes import asgi_command, worker_command
from tests.journeys.paying import (
    Place,
    assert_started_and_captured_once,
    beside_the_charger,
    captures_of,
    wait_for_capture,
)

pytestmark = pytest.mark.django_db(transaction=True)
ONE_PROCESS = [*worker_command(), "--pool", "solo"]
ALL = 1_000_000


@pytest.fixture
def place(running) -> Place:
    return Place(running=running, identity="NORD-002")


@pytest.fixture
def env(running) -> dict[str, str]:
    return {"PUBLIC_URL": running.web_url, "STRIPE_API_BASE": running.sandbox_url, **ASGI_ENV}


async def charge(place: Place) -> PaymentAttempt:
    charger = place.charger()
    await place.plug_in(charger)
    attempt = await beside_the_charger(place.pay)
    started = await asyncio.wait_for(place.start(charger), timeout=60)
    await place.finish(charger, started.transaction_id)
    return attempt


class TestAWorkerKilledBetweenStripesAnswerToACaptureAndOurCommit:
    def test_has_an_heir_who_captures_nothing_more_and_knows_what_was(self, place, processes, env):
        # Events would tell of the capture too; here the janitor is alone.
        control = Control(place.running.sandbox_url)
        control.drop_webhooks(ALL)
        processes.kill("worker")
        work_env = {**env, "DATABASE_POOL": "0"}
        doomed = processes.start("worker", ONE_PROCESS, env={**work_env, "FAILPOINT": "payments.after_call"})
        attempt = asyncio.run(charge(place))
        assert doomed.wait(timeout=60) == -9
        processes.forget("worker")
        attempt.refresh_from_db()
        [taken] = captures_of(place.running, attempt)
        capture = PaymentOperation.objects.get(payment__attempt=attempt, kind="capture_intent")
        assert (attempt.status, capture.status) == ("capturing", "pending")
        assert taken == attempt.receipt.gross.amount * 100

        # The minute until the janitor's next try is over.
        PaymentOperation.objects.filter(pk=capture.pk).update(next_try_at=capture.created_at)
        processes.start("worker", worker_command(), env=work_env)
        app.send_task("payments.sweep_operations")

        wait_for_capture(attempt)
        capture.refresh_from_db()
        assert (capture.status, capture.attempts) == ("done", 2)
        assert PaymentOperation.objects.filter(payment__attempt=attempt, kind="capture_intent").count() == 1
        assert_started_and_captured_once(place.running, attempt)


async def start_until_killed(place: Place, charger: SimulatedCharger) -> PaymentAttempt:
    await place.plug_in(charger)
    attempt = await beside_the_charger(place.pay)
    with pytest.raises(ConnectionLostError):
        await asyncio.wait_for(place.start(charger), timeout=60)
    return attempt


async def start_again(place: Place, charger: SimulatedCharger, *, same_id: bool) -> None:
    await charger.connect()
    answer = await charger.resend(charger.unanswered[0], same_id=same_id)
    assert answer["idTagInfo"]["status"] == "Accepted"
    await place.finish(charger, answer["transactionId"])


class TestTheSocketsProcessKilledDuringAStart:
    @pytest.mark.parametrize(
        ("failpoint", "same_id"),
        [("ocpp.start.received", True), ("ocpp.start.committed", False), ("ocpp.start.before_send", True)],
    )
    def test_leaves_a_retry_that_gives_one_session_and_one_capture(self, place, processes, env, failpoint, same_id):
        port = int(place.running.ocpp_url.rsplit(":", 1)[1].split("/")[0])
        health = f"http://127.0.0.1:{port}/healthz"
        processes.kill("ocpp")
        doomed = processes.start("ocpp", asgi_command(port), env={**env, "FAILPOINT": failpoint})
        processes.wait_ready(health, name="ocpp")
        charger = place.charger()
        attempt = asyncio.run(start_until_killed(place, charger))
        assert doomed.wait(timeout=60) == -9
        processes.forget("ocpp")
        processes.start("ocpp", asgi_command(port), env=env)
        processes.wait_ready(health, name="ocpp")

        asyncio.run(start_again(place, charger, same_id=same_id))

        wait_for_capture(attempt)
        assert_started_and_captured_once(place.running, attempt)
