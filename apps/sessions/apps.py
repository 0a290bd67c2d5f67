from importlib import import_module

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "apps.sessions"
    # Django's own app has the label "sessions".
    label = "charging_sessions"
    verbose_name = "Charging sessions"

    def ready(self) -> None:
        # Its checks register themselves (core.audit imports no app).
        import_module("apps.sessions.audit")
        from apps.contracts.cards import register_seen_cards
        from apps.sessions.seen_cards import seen_cards

        register_seen_cards(seen_cards)
