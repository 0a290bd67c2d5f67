from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "apps.documents"

    def ready(self) -> None:
        from apps.documents import checks  # noqa: F401  (registers I6)
