from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "apps.invoices"

    def ready(self) -> None:
        from apps.contracts.plans import register_closed_until
        from apps.invoices import checks  # noqa: F401  (registers I6)
        from apps.invoices.selectors import closed_until

        register_closed_until(closed_until)
