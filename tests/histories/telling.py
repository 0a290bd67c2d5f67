"""One history from its seed to its verdict, in a transaction that is rolled back: the next one finds nothing of it."""

import gc
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.db import connection, transaction
from django.test import override_settings

from apps.payments import gateway
from apps.payments.sandbox import Sandbox
from tests.histories import afterwards, books, town
from tests.histories.driver import Drivers
from tests.histories.fleet import Fleet
from tests.histories.house import House
from tests.histories.town import Town
from tests.histories.wallet import Prepaid
from tests.histories.weather import SECRET, Weather

STORIES: Final = {"driver": Drivers, "fleet": Fleet, "wallet": Prepaid}
STEPS: Final = (15, 40)
"""How much happens, at least and at most, before all comes to rest."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """How a history went. wrong: what is not as it must be · steps: what happened, in order"""

    story: str
    seed: int
    wrong: list[str]
    steps: list[str]
    seen: Counter[str]

    def __str__(self) -> str:
        wrong = "\n".join(self.wrong)
        return f"{wrong}\n  again: .venv/bin/python -m tests.histories {self.story} {self.seed}"


@contextmanager
def rolled_back() -> Iterator[None]:
    """Stand for "no transaction": the house's own are savepoints in this one, and nothing is left of them."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)
    connection.run_on_commit.clear()


@contextmanager
def stage() -> Iterator[tuple[Town, Sandbox]]:
    """Build the town and start a sandbox for as many histories as are wished; both are gone afterwards."""
    with (
        Sandbox(webhook_secret=SECRET) as sandbox,
        override_settings(
            STRIPE_SECRET_KEY="sk_test_of_histories",
            STRIPE_WEBHOOK_SECRETS=["whsec_rotated_out", SECRET],
            STRIPE_API_BASE=sandbox.url,
            # A person who reads a meter again has a password: half a second each, as it should be for real ones.
            PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ),
        rolled_back(),
    ):
        # All tasks are there before a house stands in for their clock.
        current_app.loader.import_default_modules()
        # Histories make no cycles worth looking for among half a million objects.
        gc.collect()
        gc.freeze()
        try:
            place = town.build()
            connection.run_on_commit.clear()
            yield place, sandbox
        finally:
            gc.unfreeze()
            gateway.forget_connections()


def tell(story: str, seed: int, *, place: Town, sandbox: Sandbox) -> Told:
    """Tell one history and judge it."""
    begin = town.BEGIN + timedelta(days=random.Random(seed).randrange(365))
    sandbox.control.reset(clock=True)
    sandbox.control.advance_clock(int((begin - datetime.now(UTC)).total_seconds()))
    weather = Weather(sandbox, f"{story} {seed}")
    house = House(weather, sweepers=STORIES[story].SWEEPERS)
    with rolled_back(), house.open():
        wrong = _live_through(story, house, place)
        wrong += books.differences(place, sandbox.control)
        wrong += [f"Stripe refused {each['path']}: {each['error']}" for each in _mistakes(sandbox)]
        seen = _seen(house, sandbox)
    return Told(story=story, seed=seed, wrong=wrong, steps=house.steps, seen=seen)


def _seen(house: House, sandbox: Sandbox) -> Counter[str]:
    """Count, so that a run shows that its histories were not idle ones."""
    objects, requests = sandbox.control.objects(), sandbox.control.requests()
    steps = Counter(
        word for step in house.steps for word in ("Killed", "meanwhile", "webhook", "refused") if word in step
    )
    return Counter(
        {
            "steps": len(house.steps),
            "calls": len(requests),
            "faults met": sum(each["fault"] is not None for each in requests),
            "killed": steps["Killed"],
            "one in the midst of another": steps["meanwhile"],
            "events heard": steps["webhook"],
            "charged": sum(each["object"] == "charge" and bool(each["amount_captured"]) for each in objects),
            "declined": sum(each["object"] == "charge" and each["status"] == "failed" for each in objects),
            "refunds": sum(each["object"] == "refund" for each in objects),
            "disputes and returned debits": sum(each["object"] == "dispute" for each in objects),
        }
    )


def _mistakes(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """Yield the requests that no correct caller sends; a page asked for again so late that nobody wants it is none."""
    for each in sandbox.control.rejected():
        if each["error"].get("param") != "expires_at":
            yield each


def _live_through(name: str, house: House, place: Town) -> list[str]:
    """Let things happen in any order, then let them come to rest; what nobody expected is wrong too."""
    dice = house.weather.dice
    try:
        story = STORIES[name](house, place)
        story.begin()
        house.weather.turn_bad()
        for _ in range(dice.randint(*STEPS)):
            happen(story, house)
        house.weather.calm_down()
        story.end()
        house.come_to_rest()
    except Exception as error:
        house.steps += traceback.format_exc().splitlines()
        return [f"{type(error).__name__}: {error}"]
    finally:
        house.weather.calm_down()
    return []


def happen(story: Drivers | Fleet | Prepaid, house: House) -> None:
    """Let the next thing happen."""
    dice = house.weather.dice
    match dice.choices(["people", "worker", "beat", "event", "time", "fault"], weights=[14, 8, 2, 5, 1, 3])[0]:
        case "people":
            if moves := story.moves():
                house.do(*dice.choice(moves))
        case "worker":
            house.work()
        case "beat":
            house.sweep(dice.choice(house.sweepers))
        case "event":
            house.hear()
        case "time":
            afterwards.later(house)
        case "fault":
            house.weather.strew()
