"""A charger with a sticker, a driver with a browser, and the real SDK over HTTP against a sandbox of its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from apps.contracts.models import TariffAssignment
from apps.payments.models import PaymentAttempt
from apps.payments.sandbox import Sandbox, complete_checkout
from apps.payments.services.attempts import sync_attempt
from apps.stations.models import Connector, PayCode
from apps.stations.services import new_pay_code
from apps.tariffs.models import TariffVersion
from tests.factories import Site, assign_tariff, make_site, make_tariff, make_tariff_version, next_number
from tests.integration.payments.conftest import sandbox

__all__ = ["sandbox"]

GOOD = "4242424242424242"
DECLINED = "4000000000000002"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _it_is_now() -> Iterator[None]:
    """Let each test begin at NOW, however long the suite has run: pages and Stripe's double read the clock."""
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def site(db: None) -> Site:
    """A charger of 22 kW that is online and free, at 0.50 EUR per kWh including VAT."""
    site = make_site(tax_included=True)
    set_station(site)
    return site


def sell_under(site: Site, **version_fields: Any) -> TariffVersion:
    """Let another tariff apply at the connector from now on; what was published stays as it is."""
    version = make_tariff_version(tariff=make_tariff(owner=site.owner), **{"tax_included": True, **version_fields})
    TariffAssignment.objects.filter(evse=site.evse).delete()
    assign_tariff(tariff=version.tariff, evse=site.evse)
    return version


def set_station(site: Site, *, status: str = "Available", seen_at: datetime = NOW) -> None:
    Connector.objects.filter(evse=site.evse).update(status=status, status_at=seen_at)
    site.station.last_seen_at = seen_at + timedelta(minutes=10)
    site.station.save(update_fields=["last_seen_at"])


@pytest.fixture
def pay_code(site: Site) -> PayCode:
    return new_pay_code(connector_id=site.evse.connectors.get().pk, at=NOW)


def phone(**options) -> Client:
    """Return a browser with an address of its own, so that one test's requests are not counted as another's."""
    number = next_number()
    return Client(REMOTE_ADDR=f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}", **options)


@dataclass
class Driver:
    """Somebody with a phone at a connector."""

    client: Client
    address: str

    def look(self, **headers: str) -> str:
        response = self.client.get(self.address, headers=headers)
        assert response.status_code == 200
        return text_of(response)

    def press(self, page: str, **fields: str):
        """Press the page's button; ``fields`` are what somebody has tampered with."""
        return self.client.post(self.address, {"shown": hidden_field(page), **fields})

    def pay(self, card: str = GOOD) -> PaymentAttempt:
        """Look, press, type a card, and come back."""
        response = self.press(self.look())
        assert response.status_code == 302, text_of(response)
        back = complete_checkout(response["Location"], card)
        self.client.get(back.removeprefix("http://testserver"))
        return PaymentAttempt.objects.latest("pk")


def text_of(response) -> str:
    return unescape(response.content.decode())


def hidden_field(page: str) -> str:
    match = re.search(r'name="shown" value="([^"]+)"', page)
    assert match, "the page has no button"
    return match[1]


@pytest.fixture
def driver(sandbox: Sandbox, pay_code: PayCode) -> Driver:
    return Driver(client=phone(), address=f"/c/{pay_code.code}/")


@pytest.fixture
def another_driver(driver: Driver) -> Driver:
    return Driver(client=phone(), address=driver.address)


def settle(attempt: PaymentAttempt) -> PaymentAttempt:
    """Look at Stripe as webhook and sweep do, and return the attempt as it is then."""
    sync_attempt(attempt_id=attempt.pk, at=datetime.now(UTC))
    attempt.refresh_from_db()
    return attempt
