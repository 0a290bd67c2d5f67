"""Alarm clocks of the laboratory and the figures; each is harmless when delivered twice."""

from datetime import timedelta

from celery import shared_task
from django.db import OperationalError

from apps.analytics.services import figures, trials, uptime
from apps.core.bells import ring_on_commit
from apps.core.clock import now

# A trial of a year must not keep a worker from what people wait for: after so many pages it queues again.
PAGES_AT_ONCE = 20


@shared_task(name="analytics.price_trial", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def price_trial(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Price some pages of a trial, and ask to go on if there are more."""
    for _page in range(PAGES_AT_ONCE):
        if not trials.price_page(trial_id=id, at=now()):
            return
    ring_on_commit("trial.waiting", id=id)


@shared_task(name="analytics.sweep_trials", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_trials(**_: object) -> None:
    """Wake the trials whose bell was not heard, and those whose worker was killed."""
    trials.sweep_trials(at=now())


@shared_task(name="analytics.count_session", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def count_session(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Count a settled session."""
    figures.count_session(session_id=id)


@shared_task(name="analytics.count_record", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def count_record(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Count the session of a new charge record."""
    figures.count_record(cdr_id=id)


@shared_task(name="analytics.count_credits", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def count_credits(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Count again what a credit note takes back."""
    figures.count_credits(invoice_id=id)


@shared_task(name="analytics.sweep_figures", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_figures(**_: object) -> None:
    """Count what no bell has told of the newest facts."""
    figures.sweep_figures()


@shared_task(name="analytics.count_all", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def count_all(**_: object) -> None:
    """Count whatever is stale, however old."""
    figures.count_all()


@shared_task(name="analytics.sum_up_months", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sum_up_months(**_: object) -> None:
    """Sum up the months that are over on every owner's clock."""
    figures.sum_up_months(before=now().date() - timedelta(days=1))


@shared_task(name="analytics.sweep_uptime", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_uptime(**_: object) -> None:
    """Say of yesterday how long each station was there."""
    uptime.sweep_uptime(at=now())
