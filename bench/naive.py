"""The rival of the histories: payments as they are usually written, in the same weather.

The status of an order lies in its row, Stripe is called inside the transaction that changes it, each call gets whatever
key the SDK makes up for it, an error of Stripe's means that it failed, and what a webhook says is written down. The SDK
repeats by itself as it does by default, without its pauses.
"""

import json
from collections.abc import Callable
from typing import Any

import stripe
from django.conf import settings
from django.db import connection, transaction

from apps.payments.sandbox import Sandbox, complete_checkout
from tests.histories.weather import SECRET, Killed, Weather

BELL_LOST, BELL_DOUBLED, KILLED_AT_CALL = 0.2, 0.15, 0.05
"""As in ``tests.histories.house``."""
HOLD, BACK = 2500, "https://shop.example/"


class Line(stripe.RequestsClient):
    """The way to Stripe, on which the process may be killed."""

    def __init__(self, weather: Weather) -> None:
        super().__init__(timeout=(3, 10))
        self._weather = weather

    def request(self, *args: Any, **kwargs: Any) -> Any:
        for moment in ("before", "after"):
            if self._weather.chance(KILLED_AT_CALL):
                raise Killed(moment)
            if moment == "before":
                answer = super().request(*args, **kwargs)
        return answer

    def _sleep_time_seconds(self, *_: Any, **__: Any) -> float:
        return 0


class Shop:
    """One order: held, captured, refunded."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client
        self.page = ""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS naive_order")
            cursor.execute("CREATE TEMP TABLE naive_order (status text, intent text, captured bigint, refunded bigint)")
            cursor.execute("INSERT INTO naive_order VALUES ('new', '', 0, 0)")

    def row(self) -> tuple[str, str, int, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM naive_order FOR UPDATE")
            return cursor.fetchone()  # type: ignore[no-any-return]

    def save(self, **fields: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE naive_order SET {', '.join(f'{name} = %s' for name in fields)}", [*fields.values()])

    @transaction.atomic
    def open_page(self) -> None:
        price = {"currency": "eur", "unit_amount": HOLD, "product_data": {"name": "Charging"}}
        session = self._client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [{"quantity": 1, "price_data": price}],
                "payment_intent_data": {"capture_method": "manual"},
                "success_url": BACK,
            }
        )
        self.page = session.url or ""

    @transaction.atomic
    def capture(self, cents: int) -> None:
        status, intent, _, _ = self.row()
        if status != "held":
            return
        try:
            done = self._client.v1.payment_intents.capture(intent, {"amount_to_capture": cents})
        except stripe.StripeError:
            self.save(status="failed")
        else:
            self.save(status="captured", captured=done.amount_received)

    @transaction.atomic
    def refund(self, cents: int) -> None:
        status, intent, captured, refunded = self.row()
        if status != "captured" or refunded + cents > captured:
            return
        try:
            self._client.v1.refunds.create({"payment_intent": intent, "amount": cents})
        except stripe.StripeError:
            return
        self.save(refunded=refunded + cents)

    @transaction.atomic
    def hear(self, body: bytes, signed: str) -> None:
        event = stripe.Webhook.construct_event(body, signed, SECRET)  # type: ignore[no-untyped-call]
        about = json.loads(body)["data"]["object"]
        match event.type:
            case "payment_intent.amount_capturable_updated":
                self.save(status="held", intent=about["id"])
            case "payment_intent.succeeded":
                self.save(status="captured", captured=about["amount_received"])
            case "payment_intent.canceled":
                self.save(status="canceled")
            case "charge.refunded":
                self.save(refunded=about["amount_refunded"])


def tell(seed: int, *, sandbox: Sandbox) -> list[str]:
    """Let one driver pay, charge and get a part back; return what is not as at Stripe in the end."""
    sandbox.control.reset(clock=True)
    weather = Weather(sandbox, f"naive {seed}")
    shop = Shop(
        stripe.StripeClient(settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url}, http_client=Line(weather))
    )
    shop.open_page()
    complete_checkout(shop.page, "4242424242424242")
    weather.turn_bad()
    wishes = {"taken": weather.dice.choice([60, 1000, 2500]), "back": 0}
    for _ in range(weather.dice.randint(6, 20)):
        _happen(shop, weather, wishes)
    weather.calm_down()
    _listen(shop, weather)
    _task(weather, lambda: shop.capture(wishes["taken"]))
    _listen(shop, weather)
    return _differences(shop, sandbox, wishes)


def _happen(shop: Shop, weather: Weather, wishes: dict[str, int]) -> None:
    match weather.dice.choices(["event", "capture", "refund", "fault"], weights=[5, 4, 2, 2])[0]:
        case "event":
            _listen(shop, weather, times=1)
        case "capture":
            _task(weather, lambda: shop.capture(wishes["taken"]))
        case "refund" if not wishes["back"] and shop.row()[0] == "captured":
            wishes["back"] = wishes["taken"] // 4
            _task(weather, lambda: shop.refund(wishes["back"]))
        case "fault":
            weather.strew()


def _task(weather: Weather, deed: Callable[[], None]) -> None:
    """Hand a task to a worker: its message may be lost or come twice, and a killed one's is taken up again."""
    if weather.chance(BELL_LOST):
        return
    for _ in range(2 if weather.chance(BELL_DOUBLED) else 1):
        if _is_killed(deed):
            _is_killed(deed)


def _is_killed(deed: Callable[[], None]) -> bool:
    try:
        deed()
    except Killed:
        return True
    return False


def _listen(shop: Shop, weather: Weather, *, times: int = 100) -> None:
    for _ in range(times):
        event = weather.next_event()
        if event is None:
            return
        try:
            shop.hear(*event)
        except (stripe.SignatureVerificationError, ValueError):
            continue


def _differences(shop: Shop, sandbox: Sandbox, wishes: dict[str, int]) -> list[str]:
    """Compare the row with Stripe's objects; a wish that was lost is no fault, for a person wishes again."""
    status, _, captured, refunded = shop.row()
    (intent,) = sandbox.control.objects("payment_intent")
    back = sum(each["amount"] for each in sandbox.control.objects("refund"))
    wrong = []
    if status in ("new", "held") or intent["status"] == "requires_capture":
        wrong.append("the driver's money is held and nobody comes back to it")
    elif captured != intent["amount_received"]:
        wrong.append("captured differs from Stripe's")
    if refunded != back:
        wrong.append("refunded differs from Stripe's")
    if back > wishes["back"]:
        wrong.append("more was given back than was wished")
    return wrong
