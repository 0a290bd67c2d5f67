from django.apps import AppConfig


class AccountingConfig(AppConfig):
    name = "apps.accounting"
    verbose_name = "Accounting"

    def ready(self) -> None:
        from apps.accounting.selectors_settlement import collecting_platform
        from apps.payments.collectors import register_collector

        register_collector(collecting_platform)
