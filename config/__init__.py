"""The composition of the whole: settings, urls, asgi, celery, bells, api router."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
