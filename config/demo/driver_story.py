"""A driver without a contract pays at the charger: QR code, hosted Checkout, remote start, stop, receipt, capture."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

from django.db import connection

from apps.documents.models import Document
from apps.invoices.selectors import document_key
from apps.ocpp.simulator.charger import SimulatedCharger
from apps.payments.models import PaymentAttempt
from apps.sessions.models import ChargingSession
from apps.stations.models import PayCode
from config.demo.cashier import Cashier, at_the_double
from config.demo.seed import station_key
from config.demo.telling import GOOD_CARD, Say, StoryBroken, keep_file, wait_for
from config.demo.visitor import Visitor
from config.demo.world import OWNERS
from config.installation import Installation

OWNER = OWNERS[1]
STATION = OWNER.stations[0]
CONNECTOR = 1
ENERGY_WH = 12_000
# A station's clock may run ahead by less than ten minutes, and the connector delivers 150 kW.
DURATION = timedelta(minutes=8)


def tell(say: Say, *, running: Installation, root: Path, cashier: Cashier = at_the_double) -> dict[str, Any]:
    """Tell the driver's story and return its figures. cashier: who types the card into the hosted page

    :raises StoryBroken: something did not happen within its time
    """
    code = PayCode.objects.get(
        connector__evse__station__identity=STATION.identity, connector__evse__number=CONNECTOR, revoked_at__isnull=True
    )
    last = ChargingSession.objects.filter(station__identity=STATION.identity).order_by("-pk").first()
    register_wh = (last.meter_stop_milliwh or 0) // 1000 if last else 88_000
    driver = Visitor(running.web_url)
    token = asyncio.run(_charge(say, running.ocpp_url, driver, code.code, register_wh, cashier))
    attempt = wait_for("the capture", lambda: PaymentAttempt.objects.filter(token=token, status="captured").first())
    return _receipt(say, driver, attempt, root=root)


async def _charge(say: Say, url: str, driver: Visitor, code: str, register_wh: int, cashier: Cashier) -> str:
    async with SimulatedCharger(url, STATION.identity, station_key(STATION.identity)) as charger:
        await charger.boot()
        await charger.status("Available", connector=CONNECTOR)
        await charger.status("Preparing", connector=CONNECTOR)
        token = await asyncio.to_thread(_pay, say, driver, code, cashier)
        action, payload = await asyncio.wait_for(charger.requests.get(), timeout=20)
        if action != "RemoteStartTransaction":
            raise StoryBroken(f"the charger was asked for {action} instead of a remote start")
        say(f"{STATION.identity} is asked to start connector {payload['connectorId']}")
        started_at = datetime.now(UTC)
        started = await charger.start(payload["idTag"], at=started_at, meter_wh=register_wh, connector=CONNECTOR)
        await charger.status("Charging", connector=CONNECTOR, at=started_at)
        for step in (1, 2, 3):
            reading = (started_at + DURATION * step / 4, register_wh + ENERGY_WH * step // 4)
            await charger.meter_values(started.transaction_id, [reading], connector=CONNECTOR)
        page = await asyncio.to_thread(driver.get, f"/s/{token}/live/")
        say(f"  the driver's page says: {_words(page.text)}")
        await asyncio.to_thread(driver.get, f"/s/{token}/")
        await asyncio.to_thread(driver.post, f"/s/{token}/stop/", {})
        action, _ = await asyncio.wait_for(charger.requests.get(), timeout=20)
        say(f"  stopped from the page: {STATION.identity} gets {action}")
        ended_at = started_at + DURATION
        await charger.stop(
            started.transaction_id,
            at=ended_at,
            meter_wh=register_wh + ENERGY_WH,
            reason="Remote",
            token=payload["idTag"],
        )
        await charger.unplug(connector=CONNECTOR, at=ended_at + timedelta(seconds=1))
        say("  unplugged")
    return token


def _pay(say: Say, driver: Visitor, code: str, cashier: Cashier) -> str:
    """Read the price, pay by card, come back; return the attempt's token."""
    page = driver.get(f"/c/{code}/").text
    shown = re.search(r'name="shown" value="([^"]*)"', page)
    if shown is None:
        raise StoryBroken(f"the page of {code} offers nothing to pay: {_words(page)}")
    say(f"a driver scans /c/{code}/: {_words(page)[:160]} …")
    checkout = driver.post(f"/c/{code}/", {"shown": unescape(shown[1])})
    if checkout.status_code not in (302, 303):
        raise StoryBroken(f"paying answers {checkout.status_code}")
    try:
        attempt = PaymentAttempt.objects.get(checkout_url=checkout.headers["Location"])
    finally:
        # This is a thread of its own.
        connection.close()
    cashier(checkout.headers["Location"], GOOD_CARD)
    driver.get(f"/s/{attempt.token}/return/")
    say("paid by hosted Checkout: the amount is held, nothing is taken yet")
    return attempt.token


def _receipt(say: Say, driver: Visitor, attempt: PaymentAttempt, *, root: Path) -> dict[str, Any]:
    receipt = attempt.receipt
    assert receipt is not None, "captured attempts have a receipt (a CHECK)"
    payment = attempt.payment
    captured: Decimal = payment.amount_received.amount
    released: Decimal = payment.amount.amount - captured
    say(f"receipt {receipt.number}: {receipt.gross}, of it VAT {receipt.tax}; captured {captured}, released {released}")
    key = document_key(receipt)
    document = wait_for("the receipt's document", lambda: Document.objects.filter(key=key).first())
    path = keep_file(document, root=root)
    if driver.get(f"/s/{attempt.token}/receipt/document/").content != path.read_bytes():
        raise StoryBroken("the driver's page serves another document than the one stored")
    say(f"its document is {path.relative_to(root)} ({len(document.content)} bytes)")
    [line] = receipt.lines.all()
    return {
        "energy_wh": line.energy_milliwh // 1000,
        "total": f"{receipt.gross.amount:.2f}",
        "currency": receipt.currency,
        "captured": f"{captured:.2f}",
        "released": f"{released:.2f}",
        "receipt_pdf": str(path.relative_to(root)),
    }


def _words(page: str) -> str:
    """Return a page's main text without its markup."""
    main = re.search(r"<main.*?>(.*)</main>", page, re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main[1] if main else page)).split())
