from importlib import import_module

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "apps.payments"

    def ready(self) -> None:
        # Its checks register themselves (core.audit imports no app).
        import_module("apps.payments.checks")
