from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "apps.invoices"

    def ready(self) -> None:
        from apps.contracts.plans import register_billed_as, register_closed_until
        from apps.invoices import checks  # noqa: F401  (registers I6)
        from apps.invoices.selectors import billed_as, closed_until, why_payer_is_fixed
        from apps.sessions.services.payers import register_why_fixed

        register_closed_until(closed_until)
        register_billed_as(billed_as)
        register_why_fixed(why_payer_is_fixed)
