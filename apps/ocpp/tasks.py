"""Alarm clocks of the wire."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from apps.core.clock import now
from apps.ocpp import offline_cards, retention
from apps.ocpp.cost_notices import tell_costs as tell_costs_now
from apps.ocpp.tariff_notices import tell_tariffs as tell_tariffs_now
from apps.stations import services as stations


@shared_task(name="ocpp.forget_cards", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def forget_cards(**_: object) -> None:
    """Take cards that may not charge any more out of stations' lists and caches."""
    offline_cards.forget_cards(at=now())


@shared_task(name="ocpp.tell_costs", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def tell_costs(**_: object) -> None:
    """Tell displays what sessions cost."""
    tell_costs_now(at=now())


@shared_task(name="ocpp.tell_tariffs", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def tell_tariffs(**_: object) -> None:
    """Tell displays the price in force."""
    tell_tariffs_now(at=now())


@shared_task(name="ocpp.ask_displays", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def ask_displays(**_: object) -> None:
    """Ask stations that nobody has asked yet what their displays show."""
    stations.ask_displays(at=now())


@shared_task(name="ocpp.forget_frames", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def forget_frames(**_: object) -> None:
    """Delete raw frames that were kept long enough."""
    retention.forget_frames(at=now(), kept_for=timedelta(days=settings.FRAMES_KEPT_DAYS))
