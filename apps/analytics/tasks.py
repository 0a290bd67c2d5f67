"""Alarm clocks of the laboratory; each is harmless when delivered twice."""

from celery import shared_task
from django.db import OperationalError

from apps.analytics import services
from apps.core.bells import ring_on_commit
from apps.core.clock import now

# A trial of a year must not keep a worker from what people wait for: after so many pages it queues again.
PAGES_AT_ONCE = 20


@shared_task(name="analytics.price_trial", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def price_trial(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Price some pages of a trial, and ask to go on if there are more."""
    for _page in range(PAGES_AT_ONCE):
        if not services.price_page(trial_id=id, at=now()):
            return
    ring_on_commit("trial.waiting", id=id)


@shared_task(name="analytics.sweep_trials", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_trials(**_: object) -> None:
    """Wake the trials whose bell was not heard, and those whose worker was killed."""
    services.sweep_trials(at=now())
