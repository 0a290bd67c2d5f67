"""What standing at a charger costs is told before it does, and as it is billed."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.payments.models import PaymentAttempt
from apps.sessions.models import Cdr

from .conftest import MINUTE, NOW, sell_under, text_of
from .test_progress_page import KWH, Charge, look

AFTER_HALF_AN_HOUR = [
    {"price_components": [{"type": "PARKING_TIME", "price": "6.00"}], "restrictions": {"min_idle_time": 1800}},
    {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
]


def local(at) -> str:
    return f"{at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}"


class TestStanding:
    def test_is_announced_on_price_and_live_page_and_then_costs_just_that(self, driver, site):
        sell_under(site, elements=AFTER_HALF_AN_HOUR)
        price = driver.look()
        attempt: PaymentAttempt = driver.pay()
        charge = Charge(attempt, site).begin().deliver(5 * KWH, at=NOW - 5 * MINUTE)
        while_charging = look(driver, attempt)
        charge.idle(at=NOW)
        while_idle = look(driver, attempt)
        charge.end(5 * KWH, at=NOW + 60 * MINUTE).unplug(at=NOW + 60 * MINUTE)

        assert "stays plugged in, standing here costs 0.10 €/min from" in price
        assert "Should the car take no more from now on, standing here costs 0.10 €/min from" in while_charging
        assert f"From {local(NOW + timedelta(minutes=30))} standing here costs 0.10 €/min." in while_idle
        assert "Unplug before and you do not pay it." in while_idle
        charge.price_at(NOW + 90 * MINUTE)
        # 5 kWh × 0.50 + 30 min × 0.10
        assert Cdr.objects.get().gross.amount == Decimal("5.50")

    def test_is_not_spoken_of_where_it_costs_nothing(self, driver, site):
        page = driver.look()
        attempt = driver.pay()
        Charge(attempt, site).begin().deliver(5 * KWH, at=NOW - 5 * MINUTE).idle(at=NOW)

        assert "standing here" not in page
        assert "standing here" not in text_of(driver.client.get(f"/s/{attempt.token}/"))
