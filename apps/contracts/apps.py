from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "apps.contracts"

    def ready(self) -> None:
        from apps.contracts.registrations import why_not_published
        from apps.tariffs.services.publishing import register_publish_check

        register_publish_check(why_not_published)
