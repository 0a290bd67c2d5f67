from django.apps import AppConfig


class OcppConfig(AppConfig):
    name = "apps.ocpp"

    def ready(self) -> None:
        from apps.contracts.cards import register_seen_cards
        from apps.ocpp.seen_cards import seen_cards

        register_seen_cards(seen_cards)
