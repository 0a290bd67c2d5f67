"""Our processes in a history: a queue, sweepers, a clock; killed anywhere, one at work in the midst of another.

All run in one thread on one connection, so that a seed tells the same again. Where one has no transaction open, that is
around each HTTP request, the dice may let another run its course: whatever two processes that lock rightly can do to
each other, they do there. That they lock rightly is shown with real threads (``test_*_at_once.py``).
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest import mock

import stripe
from celery import Celery, current_app
from celery.app.task import Task
from django.db import connection
from django.test import RequestFactory

from apps.core import clock
from apps.payments.models import PaymentOperation, StripeEvent
from apps.payments.services import driver
from apps.payments.services.projection import StripeUnreachable
from apps.payments.web.webhooks import stripe_webhook
from tests.histories import wire
from tests.histories.weather import Killed, Weather

ALARMS: Final = ("payments.sweep_operations", "payments.sweep_events")
"""Who comes back when a row says so; the others find work by looking at everything."""
SWEEPERS: Final = (
    *ALARMS,
    "invoices.sweep_receipts",
    "payments.sweep_attempts",
    "payments.sweep_disputes",
    "payments.sweep_too_much",
)
"""What sweeps in every story; files, mails and displays have no part in any."""
HEARD: Final = ("adhoc.", "invoices.issue_receipt", "payments.")
"""The tasks that the broker delivers; the others' sweepers are no part of a history either."""
BELL_LOST, BELL_DOUBLED = 0.2, 0.15
MEANWHILE, KILLED_AT_CALL, KILLED_AT_STATEMENT = 0.25, 0.05, 0.08
DEPTH: Final = 3
"""How many processes stand in the midst of a call at most."""
STATEMENTS: Final = 60
"""A kill comes before one of so many statements of a deed, if it has as many."""

QUIET: Final = 2
"""How often everything is swept at the end: what one finds may give work to another."""

Job = tuple[str, dict[str, Any]]


class House:
    """The processes, the broker and the clock of one history."""

    def __init__(self, weather: Weather, *, sweepers: tuple[str, ...] = ()) -> None:
        self.weather = weather
        self.sweepers = (*SWEEPERS, *sweepers)
        self.steps: list[str] = []
        self.queue: list[Job] = []
        self.also: list[tuple[str, Callable[[], object]]] = []
        """What somebody may do at the same time: a second click, a second tab."""
        self.at = datetime.fromtimestamp(weather.control.now(), UTC)
        self._depth = 0
        self._statements_left = 0

    # what happens

    def do(self, what: str, deed: Callable[[], object], *refusals: type[Exception]) -> None:
        """Let a process do something; it may be killed, refused for a reason of ours, or get no answer of Stripe's."""
        self._depth += 1
        self.steps.append(f"{self.at:%d %H:%M} {'  ' * self._depth}{what}")
        outer, self._statements_left = self._statements_left, self._doom()
        try:
            deed()
        except (Killed, StripeUnreachable, *refusals) as end:
            self.steps.append(f"            {'  ' * self._depth}{type(end).__name__}: {end}")
        finally:
            self._statements_left = outer
            self._depth -= 1
            self._ring()

    def pass_time(self, by: timedelta) -> None:
        """Let Stripe's clock and ours go on together."""
        self.at = datetime.fromtimestamp(self.weather.control.advance_clock(int(by.total_seconds())), UTC)

    def work(self, *, at_random: bool = True) -> bool:
        """Let a worker take a task, not always the first; return whether there was one."""
        if not self.queue:
            return False
        name, kwargs = self.queue.pop(self.weather.dice.randrange(len(self.queue)) if at_random else 0)
        self.do(f"{name} {kwargs or ''}", lambda: current_app.tasks[name].run(**kwargs))
        return True

    def work_off(self) -> None:
        """Let the worker take every task in order."""
        while self.work(at_random=False):
            pass

    def sweep(self, name: str) -> None:
        self.do(name, lambda: current_app.tasks[name].run())

    def hear(self) -> bool:
        """Let an event arrive at the door; return whether there was one."""
        event = self.weather.next_event()
        if event is None:
            return False
        body, signed = event
        request = RequestFactory().post(
            "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": signed}
        )
        self.do(f"webhook {stripe_type(body)}", lambda: stripe_webhook(request))
        return True

    def come_to_rest(self) -> None:
        """Work, sweep and wait until nothing is left to be done and each hourly look was had."""
        for _ in range(QUIET):
            self._follow_alarms()
            self.pass_time(timedelta(hours=2))
            self._work_off(self.sweepers)
        self._follow_alarms()

    def _follow_alarms(self) -> None:
        self._work_off(())
        for _ in range(60):
            alarm = self._next_alarm()
            if alarm is None:
                return
            self.pass_time(max(alarm - self.at, timedelta(0)) + timedelta(seconds=1))
            self._work_off(ALARMS)
        raise AssertionError("never came to rest")

    def _work_off(self, sweepers: tuple[str, ...]) -> None:
        for name in sweepers:
            self.sweep(name)
        self.work_off()

    @staticmethod
    def _next_alarm() -> datetime | None:
        alarms = [
            rows.order_by("next_try_at").values_list("next_try_at", flat=True).first()
            for rows in (
                PaymentOperation.objects.filter(next_try_at__isnull=False),
                StripeEvent.objects.filter(next_try_at__isnull=False),
            )
        ]
        return min((alarm for alarm in alarms if alarm is not None), default=None)

    # how the dice get in between

    @contextmanager
    def open(self) -> Iterator[None]:
        """Stand in for broker, clock and network card while a history is told."""

        def call(_: Any, method: str, url: str, headers: Any, post_data: str | None = None) -> Any:
            self._between("before a call")
            answer = wire.ask(self.weather.api, method, url, headers, post_data)
            self._between("after a call")
            return answer

        edges = [module for module in list(sys.modules.values()) if getattr(module, "now", None) is clock.now]
        with ExitStack() as stack:
            for module in edges:
                stack.enter_context(mock.patch.object(module, "now", self._now))
            stack.enter_context(mock.patch.object(stripe.RequestsClient, "request", call))
            stack.enter_context(
                mock.patch.object(Celery, "send_task", lambda _, name, **told: self._send(name, **told))
            )
            stack.enter_context(
                mock.patch.object(Task, "apply_async", lambda task, **told: self._send(task.name, **told))
            )
            # The first click stands in the midst of its call: waiting for it would be waiting for ever.
            stack.enter_context(mock.patch.object(driver, "PATIENCE", timedelta(0)))
            stack.enter_context(connection.execute_wrapper(self._execute))
            yield

    def _now(self) -> datetime:
        return self.at

    def _between(self, where: str) -> None:
        self._ring()
        if self.weather.chance(KILLED_AT_CALL):
            raise Killed(where)
        if self._depth < DEPTH and self.weather.chance(MEANWHILE):
            self._meanwhile()

    def _meanwhile(self) -> None:
        dice = self.weather.dice
        if self.also and dice.random() < 0.4:
            what, deed = dice.choice(self.also)
            self.do(f"meanwhile {what}", deed)
        elif dice.random() < 0.5 or not self.hear():
            self.work()

    def _doom(self) -> int:
        return self.weather.dice.randint(1, STATEMENTS) if self.weather.chance(KILLED_AT_STATEMENT) else 0

    def _execute(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        # Django's own savepoints stand for the transactions: what is not committed is rolled back, by it.
        if self._statements_left and not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self._statements_left -= 1
            if self._statements_left == 0:
                raise Killed(f"before {sql[:40]}")
        return execute(sql, params, many, context)

    # the broker

    def _ring(self) -> None:
        """Run what waits for a commit: with no transaction of ours open it has come."""
        if any(not block._from_testcase for block in connection.atomic_blocks):
            return
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _, hook, _ in waiting:
            hook()

    def _send(self, name: str, kwargs: dict[str, Any], **_: object) -> None:
        if not name.startswith(HEARD):
            return
        if not self.weather.chance(BELL_LOST):
            self.queue.append((name, kwargs))
        if self.weather.chance(BELL_DOUBLED):
            self.queue.append((name, kwargs))


def stripe_type(body: bytes) -> str:
    """Return an event's type for the record."""
    return str(json.loads(body)["type"])
