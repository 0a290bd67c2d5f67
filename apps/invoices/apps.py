from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "apps.invoices"

    def ready(self) -> None:
        from apps.invoices import checks  # noqa: F401  (registers I6)
