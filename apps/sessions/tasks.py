"""Alarm clocks of sessions; each is harmless when delivered twice."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from apps.core.clock import now
from apps.sessions import services


@shared_task(name="sessions.rate_settled", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def rate_settled(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Rate one settled session."""
    services.rate_or_review(session_id=id, at=now())


@shared_task(name="sessions.sweep_unrated", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_unrated(**_: object) -> None:
    """Rate the settled sessions whose bell was not heard."""
    services.sweep_unrated(at=now())


@shared_task(name="sessions.sweep_unsettled", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_unsettled(**_: object) -> None:
    """Settle what is over, and give up what its station has forgotten."""
    services.sweep_unsettled(at=now())


@shared_task(name="sessions.rate_again", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def rate_again(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Look at what arrived after a session was rated."""
    services.rate_again(session_id=id, at=now())


@shared_task(name="sessions.sweep_late_evidence", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_late_evidence(**_: object) -> None:
    """Look at the late evidence whose bell was not heard."""
    services.sweep_late_evidence(at=now())


@shared_task(name="sessions.check_signatures", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def check_signatures(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Check the signed meter values of a session that has ended."""
    services.check_signatures(session_id=id, at=now())


@shared_task(name="sessions.sweep_signatures", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_signatures(**_: object) -> None:
    """Check the signed meter values whose bell was not heard, and those that waited for a key."""
    services.sweep_signatures(at=now())


@shared_task(name="sessions.sweep_reservations", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_reservations(**_: object) -> None:
    """Close the reservations whose time is over."""
    services.sweep_reservations(at=now())


@shared_task(name="sessions.forget_unbilled", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def forget_unbilled(**_: object) -> None:
    """Forget the course of sessions that nobody is billed for, once nobody will ask any more."""
    services.forget_unbilled(at=now(), kept_for=timedelta(days=settings.UNBILLED_KEPT_DAYS))


@shared_task(name="sessions.sweep_spending", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_spending(**_: object) -> None:
    """Give back what sessions reserved of a spending limit that will never have a price."""
    services.sweep_spending(at=now())


@shared_task(name="sessions.watch_budgets", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def watch_budgets(*, id: int, **_: object) -> None:  # noqa: A002 - the bell's word
    """Tell which thresholds of budgets a new charge record reaches."""
    services.watch_record(cdr_id=id, at=now())


@shared_task(name="sessions.sweep_budgets", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_budgets(**_: object) -> None:
    """Tell what of this month's budgets no bell has told."""
    services.sweep_budgets(at=now())
