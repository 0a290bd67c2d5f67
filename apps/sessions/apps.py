from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "apps.sessions"
    # Django's own app has the label "sessions".
    label = "charging_sessions"
    verbose_name = "Charging sessions"
