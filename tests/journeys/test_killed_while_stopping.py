"""The ASGI process is killed between a StopTransaction's receipt and its answer; the charger tries again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import Organisation
from apps.core import audit
from apps.core.domain.zones import zone
from apps.invoices.models import InvoiceLine
from apps.invoices.services.billing import run_billing
from apps.ocpp.simulator.charger import ConnectionLostError, SimulatedCharger
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services import rate_settled
from config.demo.seed import station_key
from config.demo.world import OWNERS
from config.processes import asgi_command, free_port

pytestmark = pytest.mark.django_db(transaction=True)
IDENTITY = OWNERS[0].stations[0].identity
CARD = OWNERS[0].fleet.tokens[0].uid
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
STOP = START + timedelta(hours=2)


async def charge_until_killed(charger: SimulatedCharger) -> int:
    await charger.connect()
    await charger.boot()
    started = await charger.start(CARD, at=START, meter_wh=5_000)
    await charger.meter_values(started.transaction_id, [(START + timedelta(hours=1), 9_000)])
    with pytest.raises(ConnectionLostError):
        await charger.stop(started.transaction_id, at=STOP, meter_wh=12_000)
    return started.transaction_id


async def try_again(charger: SimulatedCharger, *, same_id: bool) -> None:
    await charger.connect()
    await charger.resend(charger.unanswered[0], same_id=same_id)
    await charger.unplug()
    await charger.disconnect()


class TestKilledBetweenReceiptAndAnswerOfAStop:
    @pytest.mark.parametrize(
        ("failpoint", "same_id"),
        [("ocpp.stop.received", True), ("ocpp.stop.committed", False), ("ocpp.stop.before_send", True)],
    )
    def test_the_retry_gives_one_session_one_record_one_line(self, world, processes, failpoint, same_id):
        port = free_port(0)
        doomed = processes.start("doomed", asgi_command(port), env={"FAILPOINT": failpoint})
        processes.wait_ready(f"http://127.0.0.1:{port}/healthz", name="doomed")
        charger = SimulatedCharger(f"ws://127.0.0.1:{port}/ocpp", IDENTITY, station_key(IDENTITY))
        transaction_id = asyncio.run(charge_until_killed(charger))
        assert doomed.wait(timeout=60) == -9
        processes.forget("doomed")
        processes.start("heir", asgi_command(port))
        processes.wait_ready(f"http://127.0.0.1:{port}/healthz", name="heir")

        asyncio.run(try_again(charger, same_id=same_id))

        session = ChargingSession.objects.get(transaction_id=transaction_id)
        assert session.status == "settled"
        owner = Organisation.objects.get(name=OWNERS[0].name)
        for _ in range(2):
            rate_settled(session_id=session.pk, at=datetime.now(UTC))
            now = datetime.now(UTC)
            run_billing(seller_id=owner.pk, until_date=now.astimezone(zone(owner.time_zone)).date(), at=now)
        assert ChargingSession.objects.count() == 1
        assert Cdr.objects.get().energy_milliwh == 7_000_000
        assert InvoiceLine.objects.count() == 1
        assert list(audit.find_violations()) == []
